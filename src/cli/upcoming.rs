//! The next instants of a schedule, as the edit commands tell them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::output::when;
use crate::config::AutoOnboard;
use crate::schedule::{self, Due, Zone};

/// The next `count` due instants after `now`; none where the schedule is off.
pub(super) fn upcoming(auto: &AutoOnboard, now: DateTime<Utc>, count: usize) -> Vec<Due> {
    if !auto.enabled {
        return Vec::new();
    }
    let zone = Zone::embedded(auto.timezone);
    let after = |due: DateTime<Utc>| schedule::next(&auto.recurrence, &zone, due);
    std::iter::successors(after(now), |due| after(due.at)).take(count).collect()
}

/// The next due instant; none where there is no schedule, or it is off.
pub(super) fn next_due(auto: Option<&AutoOnboard>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    Some(upcoming(auto?, now, 1).first()?.at)
}

/// An instant in UTC and as the clocks of the schedule's zone show it.
pub(super) fn in_both(auto: &AutoOnboard, at: DateTime<Utc>) -> String {
    let local = Zone::embedded(auto.timezone).local(at);
    format!("{}, {} {}", when(at), local.format("%a %H:%M"), auto.timezone.name())
}

/// The next due instant in words.
pub(super) fn next_in_words(auto: Option<&AutoOnboard>, now: DateTime<Utc>) -> String {
    match auto {
        None => "none, by hand only".to_owned(),
        Some(auto) if !auto.enabled => "none, disabled".to_owned(),
        Some(auto) => next_due(Some(auto), now).map_or_else(|| "none".to_owned(), |at| in_both(auto, at)),
    }
}

pub(super) fn document(auto: &AutoOnboard, due: &Due) -> Value {
    let local = Zone::embedded(auto.timezone).local(due.at);
    json!({ "at": due.at, "local": local.to_rfc3339(), "nominal": due.nominal, "shift": due.shift.as_str() })
}
