//! When a connection runs next, in the words of the edit commands.

use chrono::{DateTime, Utc};

use super::due::Outlook;
use super::output::when;
use super::setup;
use crate::clock;
use crate::config::{AutoOnboard, Connection};
use crate::zones::ZoneData;

/// The moment from which a command looks ahead, with the zone data by which it does.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) zones: ZoneData,
    now: DateTime<Utc>,
}

impl Present {
    pub(super) fn new() -> Self {
        Self { zones: setup::zone_data(), now: clock::now() }
    }

    /// What is to come for a connection: its next `count` instants.
    pub(super) fn outlook(&self, connection: &Connection, count: usize) -> Outlook {
        Outlook::of(connection, &self.zones, self.now, count)
    }

    /// The next due instant; none where there is no schedule, or it is off.
    pub(super) fn next_due(&self, connection: Option<&Connection>) -> Option<DateTime<Utc>> {
        self.outlook(connection?, 0).next_due
    }

    /// An instant in UTC and as the clocks of the schedule's zone show it.
    pub(super) fn in_both(&self, auto: &AutoOnboard, at: DateTime<Utc>) -> String {
        let local = self.zones.zone(auto.timezone).local(at);
        format!("{}, {} {}", when(at), local.format("%a %H:%M"), auto.timezone.name())
    }

    /// The next due instant in words.
    pub(super) fn next_in_words(&self, connection: Option<&Connection>) -> String {
        match connection.and_then(|connection| connection.auto_onboard.as_ref()) {
            None => "none, by hand only".to_owned(),
            Some(auto) if !auto.enabled => "none, disabled".to_owned(),
            Some(auto) => self.next_due(connection).map_or_else(|| "none".to_owned(), |at| self.in_both(auto, at)),
        }
    }
}
