//! The log on standard error: text for people, JSON for machines.
//!
//! What a run logs carries its connection and number, which its span holds. Only our own words are ever shown.

use std::fmt as text;
use std::io::{self, IsTerminal};

use serde_json::{Map, Value};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::format::{Format, Full, JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use super::args::{Global, LogFormat};
use crate::environment;

/// How much a command logs that was told neither to say more nor less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usual {
    /// Warnings. How a run went is the command's result, which is printed anyway.
    Warnings,
    /// Each run in a line, with each cause of a failure: nobody reads a result there.
    Runs,
}

/// Starts the log; `ABOARD_LOG` takes a filter as `tracing` has it and wins over `-v` and `-q`.
pub(super) fn start(global: &Global, usual: Usual) {
    let default = || EnvFilter::new(directives(global.quiet, global.verbose, usual));
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
    let to = fmt::layer().with_writer(io::stderr);
    match global.log_format {
        LogFormat::Json => log.with(to.fmt_fields(JsonFields::new()).event_format(Flat).with_filter(filter)).init(),
        LogFormat::Text if goes_to_the_journal() => {
            log.with(to.with_ansi(false).event_format(Journal::new()).with_filter(filter)).init();
        }
        LogFormat::Text => {
            let colours = io::stderr().is_terminal() && environment::path("NO_COLOR").is_none();
            log.with(to.with_target(false).with_ansi(colours).with_filter(filter)).init();
        }
    }
    if let Some(problem) = problem {
        super::say(&format!("warning: {problem}; it is not used"));
    }
}

fn directives(quiet: bool, verbose: u8, usual: Usual) -> &'static str {
    match (quiet, verbose, usual) {
        (true, _, Usual::Runs) => "aboard=error",
        (true, _, Usual::Warnings) => "aboard=error,aboard::runs=off",
        (false, 0, Usual::Warnings) => "aboard=warn,aboard::runs=off",
        (false, 0, Usual::Runs) | (false, 1, _) => "aboard=info",
        (false, _, _) => "aboard=debug",
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

/// Whether standard error is the journal's own stream. `JOURNAL_STREAM` alone does not say so: whatever a service starts inherits it,
/// a terminal in a desktop session among others.
fn goes_to_the_journal() -> bool {
    let Ok(Some(stream)) = environment::text("JOURNAL_STREAM") else { return false };
    let Ok(ours) = nix::sys::stat::fstat(io::stderr()) else { return false };
    stream == format!("{}:{}", ours.st_dev, ours.st_ino)
}

/// Text for the journal, which keeps the time and the level of each line itself.
struct Journal(Format<Full, ()>);

impl Journal {
    fn new() -> Self {
        Self(Format::default().without_time().with_level(false).with_target(false).with_ansi(false))
    }
}

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> text::Result {
        // sd-daemon(3): the level that syslog has for it.
        let level = match *event.metadata().level() {
            Level::ERROR => "<3>",
            Level::WARN => "<4>",
            Level::INFO => "<6>",
            Level::DEBUG | Level::TRACE => "<7>",
        };
        to.write_str(level)?;
        self.0.format_event(context, to, event)
    }
}

/// One JSON object a line: `timestamp`, `level`, `message`, and beside them the fields of the message and of the spans that it is in.
struct Flat;

impl<S> FormatEvent<S, JsonFields> for Flat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> text::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), timestamp.into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        // The message's own fields win over those of its spans, an inner span's over an outer one's.
        for span in context.event_scope().into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>() {
                add(&mut line, fields.as_str());
            }
        }
        let mut fields = String::new();
        context.field_format().format_fields(Writer::new(&mut fields), event)?;
        add(&mut line, &fields);
        writeln!(to, "{}", Value::Object(line))
    }
}

fn add(line: &mut Map<String, Value>, fields: &str) {
    if let Ok(Value::Object(fields)) = serde_json::from_str(fields) {
        line.extend(fields);
    }
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

    #[test]
    fn every_usual_filter_is_one() {
        for usual in [Usual::Warnings, Usual::Runs] {
            for (quiet, verbose) in [(true, 0), (false, 0), (false, 1), (false, 2)] {
                let text = directives(quiet, verbose, usual);
                assert!(EnvFilter::try_new(text).is_ok(), "{text}");
            }
        }
    }
}
