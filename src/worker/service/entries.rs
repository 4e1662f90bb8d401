//! What the dispatcher holds of each schedule, and what it makes of it: pure but for the zone data that it is given.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::config::{AutoOnboard, CatchUp, Config, Recurrence};
use crate::registry::{Retry, ScheduleState};
use crate::schedule::{self, Rest, Standing, Wake, Zone};
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
    pub(super) fn standing<'a>(&'a self, connection: &'a str, rests: &'a [Rest], running: bool) -> Standing<'a> {
        Standing {
            connection,
            auto: &self.auto,
            zone: &self.zone,
            since: self.since,
            settled_until: self.settled_until,
            rests,
            running,
        }
    }

    /// Works out the next wake-up.
    pub(super) fn look_ahead(&mut self, connection: &str, now: DateTime<Utc>) {
        self.next = schedule::wake(&self.standing(connection, &[], false), now);
    }

    /// The same, but for what is owed already: that is a wake-up which has passed.
    pub(super) fn look_at_what_is_owed(&mut self, connection: &str, now: DateTime<Utc>) {
        let owed = schedule::settle(&self.standing(connection, &[], false), now).last().map(|verdict| verdict.due);
        match owed {
            Some(due) => self.next = Some(Wake { due, at: due.at }),
            None => self.look_ahead(connection, now),
        }
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
        let AutoOnboard { recurrence, timezone, enabled, .. } = auto.clone();
        let text = serde_json::to_string(&Definition { recurrence, timezone, enabled }).ok()?;
        Some((connection.name.clone(), text))
    });
    schedules.collect()
}

/// What makes a schedule the one that it is.
#[derive(Serialize, Deserialize)]
struct Definition {
    recurrence: Recurrence,
    timezone: Tz,
    enabled: bool,
}

/// The schedules whose definitions are not what they were when the last worker stopped, as they were then: what came due by them while
/// nothing ran is owed. What the file says of them besides counts as it is now; a schedule that is gone, or off, owes nothing any more
/// and its instants only get their fate.
pub(super) fn before_the_change(
    config: &Config,
    before: &BTreeMap<String, ScheduleState>,
    after: &BTreeMap<String, String>,
    zones: &ZoneData,
) -> BTreeMap<String, Entry> {
    let changed = before.iter().filter(|(name, state)| after.get(*name) != Some(&state.definition));
    let entry = |(name, state): (&String, &ScheduleState)| {
        let Definition { recurrence, timezone, enabled } = serde_json::from_str(&state.definition).ok()?;
        let now = config.connections.get(name).and_then(|connection| connection.auto_onboard.as_ref());
        let auto = AutoOnboard {
            enabled: enabled && now.is_some_and(|auto| auto.enabled),
            recurrence,
            timezone,
            catch_up: now.map_or(CatchUp::Latest, |auto| auto.catch_up),
            misfire_grace: now.and_then(|auto| auto.misfire_grace),
            jitter: Duration::ZERO,
            timeout: now.map(|auto| auto.timeout).unwrap_or_default(),
            retry_failed: Vec::new(),
        };
        let zone = zones.zone(timezone);
        let ScheduleState { since, settled_until, .. } = *state;
        Some((name.clone(), Entry { auto, zone, since, settled_until, next: None, retry: None }))
    };
    changed.filter_map(entry).collect()
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
