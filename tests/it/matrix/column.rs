//! The columns of the matrix: what goes wrong, and when.

use footplate::rehearsal::endpoint::{Fault, Scenario, Strike, Turn};

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Fine,
    TooMany,
    Failing,
    BadKey,
    Reset,
    Cut,
    Hang,
    Stall,
    EditNotFound,
    BadArguments,
    Empty,
    Html,
    OutputLimit,
    Refusal,
    UnknownTool,
    Loop,
    BlankLines,
    OtherModel,
}

pub(super) const ARTIFACT: &str =
    "---\nfootplate: implementation/1\nsteps: [{id: 1, done: true}]\ndeviations: []\n---\nDone.\n";

/// What the model does where nothing goes wrong.
pub(super) fn editing() -> Scenario {
    Scenario::always()
        .turn(Turn::say("I look first."))
        .turn(Turn::read("hello.txt"))
        .turn(Turn::edit("hello.txt", "hello world", "hello footplate"))
        .turn(Turn::write(".footplate/implementation.md", ARTIFACT))
        .turn(Turn::say("Everything is done as planned."))
}

impl Column {
    pub(super) const ALL: [Self; 18] = [
        Self::Fine,
        Self::TooMany,
        Self::Failing,
        Self::BadKey,
        Self::Reset,
        Self::Cut,
        Self::Hang,
        Self::Stall,
        Self::EditNotFound,
        Self::BadArguments,
        Self::Empty,
        Self::Html,
        Self::OutputLimit,
        Self::Refusal,
        Self::UnknownTool,
        Self::Loop,
        Self::BlankLines,
        Self::OtherModel,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Fine => "nothing",
            Self::TooMany => "429",
            Self::Failing => "500",
            Self::BadKey => "401",
            Self::Reset => "connection reset",
            Self::Cut => "broken off in the stream",
            Self::Hang => "no answer at all",
            Self::Stall => "silence in the stream",
            Self::EditNotFound => "edit not found, then \"done\"",
            Self::BadArguments => "arguments that are no JSON",
            Self::Empty => "empty answer",
            Self::Html => "a page of HTML with 200",
            Self::OutputLimit => "output cut",
            Self::Refusal => "refusal",
            Self::UnknownTool => "an unknown tool for ever",
            Self::Loop => "the same command for ever",
            Self::BlankLines => "blank lines",
            Self::OtherModel => "another model answers",
        }
    }

    fn fault(self) -> Option<Fault> {
        Some(match self {
            Self::Fine => return None,
            Self::TooMany => Fault::RateLimited {
                retry_after_s: Some(1),
            },
            Self::Failing => Fault::Status(500),
            Self::BadKey => Fault::Status(401),
            Self::Reset => Fault::Reset,
            Self::Cut => Fault::CutMidStream,
            Self::Hang => Fault::HangBeforeHeaders,
            Self::Stall => Fault::StallMidStream,
            Self::EditNotFound => Fault::EditNotFound,
            Self::BadArguments => Fault::InvalidArguments,
            Self::Empty => Fault::Empty,
            Self::Html => Fault::HtmlPage,
            Self::OutputLimit => Fault::OutputLimit,
            Self::Refusal => Fault::Refusal,
            Self::UnknownTool => Fault::UnknownTool,
            Self::Loop => Fault::Loop,
            Self::BlankLines => Fault::BlankLines,
            Self::OtherModel => Fault::OtherModel("another-model".to_owned()),
        })
    }

    /// When it strikes. The connection gets lost after the file was edited, so that something is left behind.
    fn strike(self) -> Option<Strike> {
        let strike = Strike::always(self.fault()?);
        Some(match self {
            Self::Cut | Self::Stall => strike.at(2),
            _ => strike,
        })
    }

    /// What the model does.
    pub(super) fn scenario(self) -> Scenario {
        match self.strike() {
            Some(strike) => editing().strike(strike),
            None => editing(),
        }
    }
}
