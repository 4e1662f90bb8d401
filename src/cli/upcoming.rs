//! The next instants of schedules, as the edit commands tell them.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::output::when;
use crate::config::AutoOnboard;
use crate::schedule::{self, Due};
use crate::zones::ZoneData;
use crate::{clock, environment};

/// What is to come, seen from one moment.
#[derive(Debug)]
pub(super) struct Outlook {
    zones: ZoneData,
    now: DateTime<Utc>,
}

impl Outlook {
    /// From now, by the zone data that the worker would use.
    pub(super) fn new() -> Self {
        let zones = ZoneData::load(environment::path("TZDIR").map(PathBuf::from).as_deref());
        Self { zones, now: clock::now() }
    }

    /// The next `count` due instants; none where the schedule is off.
    pub(super) fn upcoming(&self, auto: &AutoOnboard, count: usize) -> Vec<Due> {
        if !auto.enabled {
            return Vec::new();
        }
        let zone = self.zones.zone(auto.timezone);
        let after = |due: DateTime<Utc>| schedule::next(&auto.recurrence, &zone, due);
        std::iter::successors(after(self.now), |due| after(due.at)).take(count).collect()
    }

    /// The next due instant; none where there is no schedule, or it is off.
    pub(super) fn next_due(&self, auto: Option<&AutoOnboard>) -> Option<DateTime<Utc>> {
        Some(self.upcoming(auto?, 1).first()?.at)
    }

    /// An instant in UTC and as the clocks of the schedule's zone show it.
    pub(super) fn in_both(&self, auto: &AutoOnboard, at: DateTime<Utc>) -> String {
        let local = self.zones.zone(auto.timezone).local(at);
        format!("{}, {} {}", when(at), local.format("%a %H:%M"), auto.timezone.name())
    }

    /// The next due instant in words.
    pub(super) fn in_words(&self, auto: Option<&AutoOnboard>) -> String {
        match auto {
            None => "none, by hand only".to_owned(),
            Some(auto) if !auto.enabled => "none, disabled".to_owned(),
            Some(auto) => self.next_due(Some(auto)).map_or_else(|| "none".to_owned(), |at| self.in_both(auto, at)),
        }
    }

    /// A due instant as JSON.
    pub(super) fn document(&self, auto: &AutoOnboard, due: &Due) -> Value {
        let local = self.zones.zone(auto.timezone).local(due.at);
        json!({ "at": due.at, "local": local.to_rfc3339(), "nominal": due.nominal, "shift": due.shift.as_str() })
    }
}
