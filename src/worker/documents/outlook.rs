//! When a connection is due next, and where clock changes have to do with it.

use chrono::{DateTime, FixedOffset, Months, NaiveDateTime, Utc};
use serde::Serialize;

use crate::config::{AutoOnboard, Connection};
use crate::schedule::{self, Due, Zone};
use crate::zones::ZoneData;

/// How far ahead clock changes are shown.
const AHEAD: Months = Months::new(12);

/// When a connection is due; empty where it has no schedule, or one that is off.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// Whose.
    pub connection: String,
    /// The next due instant.
    pub next_due: Option<DateTime<Utc>>,
    /// The next instants, as many as were asked for.
    pub next: Vec<Shown>,
    /// The instants of the next 12 months that a clock change moves, or that come twice.
    pub clock_changes: Vec<Shown>,
}

/// One due instant.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// In UTC.
    pub at: DateTime<Utc>,
    /// In the schedule's zone.
    pub local: DateTime<FixedOffset>,
    /// The local time that the schedule names.
    pub nominal: NaiveDateTime,
    /// Whether it is the later of two instants with that local time.
    pub second_pass: bool,
    /// `none`, `gap` or `overlap`.
    pub shift: &'static str,
    /// How much later its run begins.
    pub jitter_seconds: i64,
    /// When that is.
    pub starts_at: DateTime<Utc>,
}

impl Outlook {
    /// Looks ahead from `now`.
    #[must_use]
    pub fn of(connection: &Connection, zones: &ZoneData, now: DateTime<Utc>, next: usize) -> Self {
        let none =
            Self { connection: connection.name.clone(), next_due: None, next: Vec::new(), clock_changes: Vec::new() };
        let Some(auto) = connection.auto_onboard.as_ref().filter(|auto| auto.enabled) else { return none };
        let zone = zones.zone(auto.timezone);
        let shown = |due: &Due| Shown::new(due, &connection.name, auto, &zone);
        let first = schedule::next(&auto.recurrence, &zone, now);
        let dues = std::iter::successors(first, |due| schedule::next(&auto.recurrence, &zone, due.at));
        let until = now.checked_add_months(AHEAD).unwrap_or(now);
        let changes = schedule::shifted(&auto.recurrence, &zone, now, until);
        Self {
            next_due: first.map(|due| due.at),
            next: dues.take(next).map(|due| shown(&due)).collect(),
            clock_changes: changes.iter().map(shown).collect(),
            ..none
        }
    }
}

impl Shown {
    fn new(due: &Due, connection: &str, auto: &AutoOnboard, zone: &Zone) -> Self {
        let jitter = schedule::jitter(connection, auto, zone, due);
        Self {
            at: due.at,
            local: zone.local(due.at),
            nominal: due.nominal,
            second_pass: due.second_pass,
            shift: due.shift.as_str(),
            jitter_seconds: jitter.num_seconds(),
            starts_at: due.at + jitter,
        }
    }
}
