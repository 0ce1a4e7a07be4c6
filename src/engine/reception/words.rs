//! The sentences for people whom no run answers.

use crate::command::Mistake;
use crate::report::escape;

/// For somebody who may not give commands.
pub(super) fn needs_write() -> String {
    "Only people who may write to this repository can start or steer a run; somebody with that permission can do it for you.".to_owned()
}

/// For somebody who mistyped a command.
pub(super) fn correction(mistake: &Mistake) -> String {
    match mistake {
        Mistake::Unknown { word, suggestion: Some(suggestion) } => {
            format!("There is no command `/{}`. Did you mean `/{suggestion}`?", escape::inline(word))
        }
        Mistake::Unknown { word, suggestion: None } => {
            format!("There is no command `/{}`. `/footplate help` lists them.", escape::inline(word))
        }
        Mistake::Malformed { command, why } => {
            format!("`/{command}` was not understood: {} `/footplate help` shows how it is written.", escape::inline(why))
        }
    }
}

/// For a command on an issue that has no run.
pub(super) fn no_run_here() -> String {
    "There is no run on this issue. A maintainer can start one with the label `agent:build` or with `/footplate build`.".to_owned()
}

/// For a run that could not begin.
pub(super) fn cannot_start(why: &str) -> String {
    format!("No run was started: {} Mend that and set the label again.", escape::inline(why))
}
