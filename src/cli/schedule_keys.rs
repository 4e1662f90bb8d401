//! The keys of a schedule: from the command line into the file, and from the file to a person.

use serde_json::{Value, json};

use super::args::ScheduleKeys;
use super::exit::Failure;
use crate::config::edit::{self, Datetime, Setting, Written};

/// What takes a key out, or empties a list.
const NONE: &str = "none";

/// What the options ask for, in the order in which keys are written.
///
/// # Errors
/// A date that is none. Everything else is judged with the whole file.
pub(super) fn settings(keys: &ScheduleKeys) -> Result<Vec<Setting>, Failure> {
    let ScheduleKeys {
        frequency,
        day,
        time,
        timezone,
        cron,
        published_after,
        published_by,
        existing,
        max_new,
        catch_up,
        misfire_grace,
        jitter,
        timeout,
        retry_failed,
    } = keys;
    let text = |text: &String| Some(Written::Text(text.clone()));
    let duration = |text: &String| Some(Written::Duration(text.clone()));
    let mut settings = Vec::new();
    let mut set = |key, to: Option<Option<Written>>| settings.extend(to.map(|to| Setting { key, to }));
    set("frequency", frequency.as_ref().map(text));
    set("cron", cron.as_ref().map(text));
    set("day", day.as_ref().map(|day| Some(day_of(day))));
    set("time", time.as_ref().map(text));
    set("timezone", timezone.as_ref().map(text));
    set("published_after", published_after.as_deref().map(moment).transpose()?);
    set("published_by", published_by.as_ref().map(text));
    set("existing", existing.as_ref().map(text));
    set("max_new", max_new.map(|number| Some(Written::Integer(number))));
    set("catch_up", catch_up.as_ref().map(text));
    set("misfire_grace", misfire_grace.as_ref().map(|grace| duration(grace).filter(|_| grace != NONE)));
    set("jitter", jitter.as_ref().map(duration));
    set("timeout", timeout.as_ref().map(duration));
    set("retry_failed", retry_failed.as_deref().map(|list| Some(durations(list))));
    Ok(settings)
}

fn day_of(day: &str) -> Written {
    day.parse().map_or_else(|_| Written::Text(day.to_lowercase()), Written::Integer)
}

fn moment(text: &str) -> Result<Option<Written>, Failure> {
    if text == NONE {
        return Ok(None);
    }
    let wrong = || {
        Failure::usage(format!("--published-after {text:?} is not a date"))
            .hint("write 2026-01-01, 2026-01-01T12:00:00, 2026-01-01T12:00:00Z, or none")
    };
    let moment = text.parse::<Datetime>().map_err(|_| wrong())?;
    if moment.date.is_some() { Ok(Some(Written::Moment(moment))) } else { Err(wrong()) }
}

fn durations(list: &str) -> Written {
    let texts = list.split(',').map(str::trim).filter(|text| !text.is_empty());
    Written::Durations(if list == NONE { Vec::new() } else { texts.map(str::to_owned).collect() })
}

/// A key of a schedule as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyState {
    pub(super) key: &'static str,
    /// What holds, as TOML; absent where nothing is said and there is no default.
    pub(super) value: Option<String>,
    /// Whether the file does not say it.
    pub(super) is_default: bool,
}

/// Every key of a connection's schedule, with what holds where the file is silent.
pub(super) fn states(text: &str, connection: &str) -> Vec<KeyState> {
    let written = edit::written(text, connection);
    let by_cron = written.iter().any(|(key, _)| *key == "cron");
    let state = |key: edit::Key| {
        let own = written.iter().find(|(name, _)| *name == key.name).map(|(_, value)| one_line(value));
        let is_default = own.is_none();
        // Beside a cron expression there is no frequency.
        let default = key.default.filter(|_| !(by_cron && key.name == "frequency")).map(str::to_owned);
        KeyState { key: key.name, value: own.or(default), is_default }
    };
    edit::keys().map(state).collect()
}

/// A value on one line, without the comments that a list may hold.
fn one_line(value: &str) -> String {
    let lines =
        value.lines().map(|line| if value.contains('\n') { line.split(" #").next().unwrap_or_default() } else { line });
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

/// A key whose value an edit changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) key: &'static str,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

/// The keys of a connection's schedule that differ between two texts.
pub(super) fn changes(before: &str, after: &str, connection: &str) -> Vec<Changed> {
    let (before, after) = (edit::written(before, connection), edit::written(after, connection));
    let find = |list: &[(&str, String)], key: &str| {
        list.iter().find(|(name, _)| *name == key).map(|(_, value)| one_line(value))
    };
    let change = |key: edit::Key| {
        let (from, to) = (find(&before, key.name), find(&after, key.name));
        (from != to).then_some(Changed { key: key.name, from, to })
    };
    edit::keys().filter_map(change).collect()
}

/// The same as JSON; null where a key is not there.
pub(super) fn document(changes: &[Changed]) -> Value {
    let json = |text: &Option<String>| text.as_deref().and_then(edit::json_of);
    changes.iter().map(|Changed { key, from, to }| json!({ "key": key, "from": json(from), "to": json(to) })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_takes_a_key_out_and_a_list_without_anything_is_empty() {
        let keys = ScheduleKeys {
            published_after: Some("none".to_owned()),
            misfire_grace: Some("none".to_owned()),
            retry_failed: Some("none".to_owned()),
            day: Some("Monday".to_owned()),
            ..ScheduleKeys::default()
        };
        let settings = settings(&keys).unwrap();
        let to = |key: &str| settings.iter().find(|setting| setting.key == key).unwrap().to.clone();
        assert_eq!((to("published_after"), to("misfire_grace")), (None, None));
        assert_eq!(to("retry_failed"), Some(Written::Durations(vec![])));
        assert_eq!(to("day"), Some(Written::Text("monday".to_owned())));
        assert_eq!(day_of("28"), Written::Integer(28));
    }

    #[test]
    fn a_time_is_no_date() {
        for wrong in ["12:00:00", "yesterday", "2026-02-30x", ""] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
        assert!(moment("2026-01-01").unwrap().is_some());
    }
}
