//! Due instants as they are shown: in UTC and local time, flagged where a clock change has to do with them.

use std::io::Write;

use chrono::{DateTime, FixedOffset, Months, NaiveDateTime, Utc};
use serde::Serialize;

use super::exit::Failure;
use super::output::{Output, when};
use crate::config::{AutoOnboard, Connection};
use crate::schedule::{self, Due, Shift, Zone};
use crate::zones::{Source, ZoneData};

/// How far ahead clock changes are shown.
const AHEAD: Months = Months::new(12);
/// How many of them are listed for one connection.
const MOST_CHANGES: usize = 6;

/// When a connection is due; empty where it has no schedule, or one that is off.
#[derive(Clone, Debug)]
pub(super) struct Outlook {
    connection: String,
    /// The next due instant.
    pub(super) next_due: Option<DateTime<Utc>>,
    /// The next instants, as many as were asked for.
    pub(super) next: Vec<Shown>,
    /// The instants of the next 12 months that a clock change moves, or that come twice.
    pub(super) clock_changes: Vec<Shown>,
}

/// One due instant.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Shown {
    pub(super) at: DateTime<Utc>,
    local: DateTime<FixedOffset>,
    nominal: NaiveDateTime,
    second_pass: bool,
    shift: &'static str,
    jitter_seconds: i64,
    starts_at: DateTime<Utc>,
}

impl Outlook {
    /// Looks ahead from `now`.
    pub(super) fn of(connection: &Connection, zones: &ZoneData, now: DateTime<Utc>, next: usize) -> Self {
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

    fn row(&self, connection: &str) -> Vec<String> {
        let named = self.nominal.format("%H:%M");
        let mut notes = Vec::new();
        if self.shift == Shift::Gap.as_str() {
            notes.push(format!("the clock leaves out {named}: first instant after it"));
        } else if self.second_pass {
            notes.push(format!("the clock shows {named} twice: second time"));
        } else if self.shift == Shift::Overlap.as_str() {
            notes.push(format!("the clock shows {named} twice: first time"));
        }
        if self.jitter_seconds > 0 {
            notes.push(format!("jitter: starts at {}", self.starts_at.format("%H:%M:%S UTC")));
        }
        let local = self.local.format("%a %Y-%m-%d %H:%M %:z").to_string();
        vec![connection.to_owned(), when(self.at), local, notes.join("; ")]
    }
}

/// Lists due instants and clock changes, and says where zone data came from; nothing where nothing is scheduled.
///
/// # Errors
/// The output cannot be written.
pub(super) fn list<W: Write>(outlooks: &[Outlook], zones: &ZoneData, output: &mut Output<W>) -> Result<(), Failure> {
    let scheduled: Vec<&Outlook> = outlooks.iter().filter(|outlook| outlook.next_due.is_some()).collect();
    if scheduled.is_empty() {
        return Ok(());
    }
    let rows: Vec<Vec<String>> =
        scheduled.iter().flat_map(|outlook| outlook.next.iter().map(|due| due.row(&outlook.connection))).collect();
    if !rows.is_empty() {
        output.line("")?;
    }
    output.table(&["CONNECTION", "DUE NEXT", "LOCAL TIME", "NOTE"], rows)?;

    let mut rows = Vec::new();
    for Outlook { connection, clock_changes, .. } in scheduled {
        rows.extend(clock_changes.iter().take(MOST_CHANGES).map(|due| due.row(connection)));
        let more = clock_changes.len().saturating_sub(MOST_CHANGES);
        if more > 0 {
            rows.push(vec![connection.clone(), format!("and {more} more"), String::new(), String::new()]);
        }
    }
    if !rows.is_empty() {
        output.line("")?;
    }
    output.table(&["CONNECTION", "CLOCK CHANGES, 12 MONTHS", "LOCAL TIME", "NOTE"], rows)?;
    let source = match zones.source() {
        Source::System => "the system's",
        Source::Embedded => "aboard's own",
    };
    output.line("")?;
    output.line(&format!("zone data: {source}, version {}", zones.version()))
}
