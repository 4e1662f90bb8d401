//! The log on standard error: text for people, JSON for machines.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use super::args::{Global, LogFormat};
use crate::environment;

/// Starts the log; `ABOARD_LOG` takes a filter as `tracing` has it and wins over `-v` and `-q`.
pub(super) fn start(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    // The AWS crates speak of requests at their own debug level; their bodies are none of a log's business.
    let default = format!("error,aboard={level}");
    let filter = environment::text("ABOARD_LOG").ok().flatten().and_then(|filter| EnvFilter::try_new(filter).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(default));
    let log = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match global.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
