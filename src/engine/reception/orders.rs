//! Orders from this machine's command line.

use serde::{Deserialize, Serialize};

use super::super::driver::Reading;
use crate::command::Command;
use crate::model::{Login, RunId};
use crate::run::{Input, Observed, Order, Person};

/// An order as it lies in the inbox. Whoever can write to the store needs no further permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalOrder {
    /// The run.
    pub run: RunId,
    /// The command.
    pub command: Command,
}

pub(super) fn read(body: &[u8]) -> Vec<Reading> {
    let order: LocalOrder = match serde_json::from_slice(body) {
        Ok(order) => order,
        Err(error) => return super::nothing(&format!("unreadable order: {error}")),
    };
    let input = Input::Command(Box::new(Order {
        command: order.command,
        by: operator(),
        comment: None,
        reply_to: None,
        text: None,
        observed: Observed::default(),
    }));
    vec![Reading::Tell(order.run, Box::new(input))]
}

/// The person at this machine, who has no account.
pub(crate) fn operator() -> Person {
    Person {
        login: Login::new("operator").expect("a plain word is a login"),
        id: None,
    }
}
