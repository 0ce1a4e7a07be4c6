//! What one attempt used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{MicroUsd, Timestamp, TokenUsage};

/// The account of one attempt, also of one that failed, was killed or is no longer wanted.
///
/// What the meter counted and what the harness reported stand beside each other; nothing here is a guess, and
/// what nobody told is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// Who served the model, by the name that configuration gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// What the meter read from the wire; absent where no meter stood between harness and provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire: Option<Reading>,
    /// The tokens that the harness reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported: Option<TokenUsage>,
    /// The cost that the harness reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported_cost: Option<MicroUsd>,
    /// What the counted tokens cost at the prices that the run froze; nothing where a subscription pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub computed_cost: Option<MicroUsd>,
    /// What the tokens would cost at list price, also where a subscription pays for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_cost: Option<MicroUsd>,
    /// Which revision of which price was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// How many edits did not apply.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed_edits: u32,
    /// How long the attempt took, in milliseconds.
    pub wall_ms: u64,
}

impl Account {
    /// The tokens that count: the wire's word before the harness's; absent where neither is complete.
    pub fn usage(&self) -> Option<TokenUsage> {
        match &self.wire {
            Some(reading) if reading.unread == 0 => Some(reading.usage),
            Some(_) => None,
            None => self.reported,
        }
    }

    /// The money that counts: computed from the wire where there is a price, else what the harness said.
    ///
    /// A harness's figure beside a meter is not believed: some price foreign models as their own.
    pub fn cost(&self) -> Option<MicroUsd> {
        match &self.wire {
            Some(_) => self.computed_cost,
            None => self.computed_cost.or(self.reported_cost),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What the meter read from the wire during one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reading {
    /// The tokens of all answers together.
    pub usage: TokenUsage,
    /// The same by the model that answered, under the name that the provider gave it.
    pub models: BTreeMap<String, TokenUsage>,
    /// The longest prompt of a single request, in tokens: some prices rise beyond a length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_prompt: Option<u64>,
    /// Requests by the harness that asked a model.
    pub requests: u32,
    /// Requests that were sent to the provider, repetitions by the meter included.
    pub sent: u32,
    /// Answers whose usage was not told, or cut off before it was: their tokens are in nobody's count.
    pub unread: u32,
    /// From the first request to its first byte, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<u64>,
    /// The provider's windows and limits, as its headers told them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowShare>,
    /// What went wrong: of each kind the newest, in the order in which they were last seen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<WireFault>,
}

/// How full a limit window was before and after an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowShare {
    /// The window as the provider names it: `5h`, `7d`, `primary`, `secondary`, `requests`, `tokens`.
    pub name: String,
    /// The share used at the first answer, in millionths.
    pub before: Option<u32>,
    /// The share used at the last answer, in millionths.
    pub after: Option<u32>,
    /// When it starts anew.
    pub resets: Option<Timestamp>,
}

/// Something that went wrong between harness and provider: a fact that was seen on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum WireFault {
    /// The provider said that there were too many requests, after all repetitions.
    RateLimited {
        /// When it may be asked again, where it said so.
        until: Option<Timestamp>,
    },
    /// The provider refused the key (401, 402, 403).
    Auth {
        /// Its status.
        status: u16,
    },
    /// The provider does not know the model (404, or an error of that type).
    UnknownModel,
    /// The provider failed (5xx, connection refused or reset), after all repetitions.
    Unavailable {
        /// The status, where there was one.
        status: Option<u16>,
    },
    /// The provider called the request wrong (400, 413, 422).
    Rejected {
        /// The status.
        status: u16,
    },
    /// No byte of an answer came in time.
    NoFirstByte,
    /// An answer fell silent.
    Stalled,
    /// An answer broke off before its end.
    CutOff,
    /// An answer with a status of success was none, such as a page of a proxy.
    NotAnAnswer,
    /// Another model answered than the one that was asked for.
    WrongModel {
        /// The model that answered.
        served: String,
    },
    /// An answer ended because it was too long.
    Truncated,
    /// The model or the provider's filter refused.
    Refused,
    /// An answer held no words and no call of a tool.
    Empty,
    /// A call of a tool whose arguments cannot be read.
    MalformedCall,
    /// The budget was spent, and the meter refused.
    Budget,
    /// The attempt asked more often than it may, and the meter refused.
    TooManyRequests,
}
