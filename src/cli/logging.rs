//! The log on standard error: text for people, JSON for machines.

use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

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
    let default = || EnvFilter::new(format!("aboard={level}"));
    let (filter, problem) = match environment::text("ABOARD_LOG") {
        Ok(Some(text)) => match EnvFilter::try_new(&text) {
            Ok(filter) => (filter, None),
            Err(error) => (default(), Some(format!("ABOARD_LOG is no filter ({error})"))),
        },
        Ok(None) => (default(), None),
        Err(error) => (default(), Some(error.to_string())),
    };
    let filter = filter.and(filter_fn(|metadata| is_ours(metadata.target())));
    let log = tracing_subscriber::registry();
    let to = fmt::layer().with_writer(std::io::stderr).with_target(false);
    match global.log_format {
        LogFormat::Text => log.with(to.with_filter(filter)).init(),
        LogFormat::Json => log.with(to.json().with_filter(filter)).init(),
    }
    if let Some(problem) = problem {
        super::say(&format!("warning: {problem}; it is not used"));
    }
}

/// Whether a message may be logged, whatever filter a person sets: our own words only.
///
/// The AWS crates and the HTTP stack under them show whole requests and answers, with session tokens and the keys that `AssumeRole`
/// gives; some do so in warnings, where AWS quotes the request that it refused. What they have to say reaches a person through
/// our errors, where it is stripped of that.
fn is_ours(target: &str) -> bool {
    target == "aboard" || target.starts_with("aboard::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_words_are_logged() {
        assert!(is_ours("aboard::worker::run") && is_ours("aboard"));
        for target in ["aws_smithy_runtime::client", "aws_config::sts", "hyper_util::client", "log", "aboardish"] {
            assert!(!is_ours(target), "{target}");
        }
    }
}
