//! What the dispatcher holds of each schedule, and what it makes of it: pure but for the zone data that it is given.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::config::{AutoOnboard, Config};
use crate::registry::{Retry, ScheduleState};
use crate::schedule::{self, Standing, Wake, Zone};
use crate::zones::ZoneData;

/// A connection's schedule, as it stands.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) auto: AutoOnboard,
    pub(super) zone: Zone,
    pub(super) since: DateTime<Utc>,
    pub(super) settled_until: Option<DateTime<Utc>>,
    /// When to look at it next; absent where nothing will ever be due.
    pub(super) next: Option<Wake>,
    /// A second look that is owed.
    pub(super) retry: Option<Retry>,
}

impl Entry {
    pub(super) fn standing<'a>(&'a self, connection: &'a str, paused: bool, running: bool) -> Standing<'a> {
        Standing {
            connection,
            auto: &self.auto,
            zone: &self.zone,
            since: self.since,
            settled_until: self.settled_until,
            paused,
            running,
        }
    }

    /// Works out the next wake-up.
    pub(super) fn look_ahead(&mut self, connection: &str, now: DateTime<Utc>) {
        self.next = schedule::wake(&self.standing(connection, false, false), now);
    }

    /// Whether something has come due.
    pub(super) fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.next.is_some_and(|next| next.at <= now)
    }

    /// Whether a second look has come due.
    pub(super) fn retry_is_due(&self, now: DateTime<Utc>) -> bool {
        self.auto.enabled && self.retry.as_ref().is_some_and(|retry| retry.due_at <= now)
    }

    /// The next instant at which there is something to do.
    pub(super) fn wake_at(&self) -> Option<DateTime<Utc>> {
        let retry = self.retry.as_ref().filter(|_| self.auto.enabled).map(|retry| retry.due_at);
        self.next.map(|next| next.at).into_iter().chain(retry).min()
    }
}

/// Each schedule's definition: the same for schedules that name the same instants and are switched on alike. What else the file says of
/// them (how long a run may take, what it may miss) may change without a new beginning.
pub(super) fn definitions(config: &Config) -> BTreeMap<String, String> {
    let schedules = config.connections.values().filter_map(|connection| {
        let auto = connection.auto_onboard.as_ref()?;
        let text = format!("{:?} {} {}", auto.recurrence, auto.timezone.name(), auto.enabled);
        Some((connection.name.clone(), crate::registry::hex(&Sha256::digest(text))))
    });
    schedules.collect()
}

/// The schedules of a file as they stand.
pub(super) fn entries(
    config: &Config,
    states: &BTreeMap<String, ScheduleState>,
    retries: &mut BTreeMap<String, Retry>,
    zones: &ZoneData,
) -> BTreeMap<String, Entry> {
    let entry = |connection: &crate::config::Connection| {
        let auto = connection.auto_onboard.clone()?;
        let state = states.get(&connection.name)?;
        let zone = zones.zone(auto.timezone);
        let retry = retries.remove(&connection.name);
        let ScheduleState { since, settled_until, .. } = *state;
        Some((connection.name.clone(), Entry { auto, zone, since, settled_until, next: None, retry }))
    };
    config.connections.values().filter_map(entry).collect()
}
