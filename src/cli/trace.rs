//! What the program says about itself while it works: structured lines on standard error.

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// How to log.
#[derive(Debug, Clone, Args)]
pub(super) struct Log {
    /// What to log: `warn`, `info`, `footplate=debug`.
    #[arg(long = "log", value_name = "FILTER", default_value = "warn")]
    filter: String,

    /// The form of log lines.
    #[arg(long = "log-format", value_enum, default_value_t = Form::Text)]
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For collectors.
    Json,
}

pub(super) fn start(log: &Log) {
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("warn"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second subscriber in one process is refused; the first one stays.
    let _ = match log.form {
        Form::Text => lines.with_target(false).compact().try_init(),
        Form::Json => lines.json().try_init(),
    };
}
