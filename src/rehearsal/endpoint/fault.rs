//! What goes wrong on purpose between a model and those who ask it.

/// One way in which an answer goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 429 in the vendor's words, with `retry-after` in seconds or without.
    RateLimited {
        /// The value of `retry-after`.
        retry_after_s: Option<u32>,
    },
    /// This status in the vendor's words: 401, 403, 500, 529 …
    Status(u16),
    /// The connection is reset before any byte of the answer.
    Reset,
    /// No byte ever comes, until the client goes or the endpoint stops.
    HangBeforeHeaders,
    /// The connection ends in the middle of the stream; without streaming as [`Fault::Reset`].
    CutMidStream,
    /// The stream goes silent in its middle; without streaming as [`Fault::HangBeforeHeaders`].
    StallMidStream,
    /// An edit names a text that is not in the file; strikes edits only, and the script goes on as if it were done.
    EditNotFound,
    /// The arguments of the tool call are not JSON (Gemini: `MALFORMED_FUNCTION_CALL`).
    InvalidArguments,
    /// An answer without any content.
    Empty,
    /// A page of HTML with status 200.
    HtmlPage,
    /// The answer ends at the limit for output tokens.
    OutputLimit,
    /// The model or a filter refuses (`refusal`, `content_filter`, `SAFETY`).
    Refusal,
    /// A call of a tool that was never offered.
    UnknownTool,
    /// The same shell command again and again.
    Loop,
    /// A text that is mostly blank lines, and no call.
    BlankLines,
    /// The answer names this model instead of the one that was asked for; otherwise it is well.
    OtherModel(String),
}

impl Fault {
    /// Whether the answer is still complete, with its usage told.
    pub(super) fn answers(&self) -> bool {
        !matches!(
            self,
            Self::RateLimited { .. }
                | Self::Status(_)
                | Self::Reset
                | Self::HangBeforeHeaders
                | Self::CutMidStream
                | Self::StallMidStream
                | Self::HtmlPage
        )
    }

    /// Whether the model's turn is lost and comes again when the agent has answered.
    pub(super) fn wastes_turn(&self) -> bool {
        matches!(self, Self::InvalidArguments | Self::UnknownTool | Self::Loop)
    }
}

/// A fault, and which answers of a scenario it strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    pub(super) fault: Fault,
    pub(super) step: Option<usize>,
    pub(super) times: Option<u32>,
}

impl Strike {
    /// Strikes every answer.
    pub fn always(fault: Fault) -> Self {
        Self {
            fault,
            step: None,
            times: None,
        }
    }

    /// Strikes the first `times` answers that it could strike, over all sessions; then all is well.
    pub fn first(times: u32, fault: Fault) -> Self {
        Self {
            fault,
            step: None,
            times: Some(times),
        }
    }

    /// Strikes only where so many tool calls of the session have been answered.
    #[must_use]
    pub fn at(mut self, step: usize) -> Self {
        self.step = Some(step);
        self
    }
}
