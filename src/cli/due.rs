//! Due instants as they are shown: in UTC and local time, flagged where a clock change has to do with them.

use std::io::Write;

use super::exit::Failure;
use super::output::{Output, when};
use crate::schedule::Shift;
use crate::worker::documents::{Outlook, Shown};
use crate::zones::{Source, ZoneData};

/// How many of them are listed for one connection.
const MOST_CHANGES: usize = 6;

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
        scheduled.iter().flat_map(|outlook| outlook.next.iter().map(|due| row(due, &outlook.connection))).collect();
    if !rows.is_empty() {
        output.line("")?;
    }
    output.table(&["CONNECTION", "DUE NEXT", "LOCAL TIME", "NOTE"], rows)?;

    let mut rows = Vec::new();
    for Outlook { connection, clock_changes, .. } in scheduled {
        rows.extend(clock_changes.iter().take(MOST_CHANGES).map(|due| row(due, connection)));
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

fn row(shown: &Shown, connection: &str) -> Vec<String> {
    let named = shown.nominal.format("%H:%M");
    let mut notes = Vec::new();
    if shown.shift == Shift::Gap.as_str() {
        notes.push(format!("the clock leaves out {named}: first instant after it"));
    } else if shown.second_pass {
        notes.push(format!("the clock shows {named} twice: second time"));
    } else if shown.shift == Shift::Overlap.as_str() {
        notes.push(format!("the clock shows {named} twice: first time"));
    }
    if shown.jitter_seconds > 0 {
        notes.push(format!("jitter: starts at {}", shown.starts_at.format("%H:%M:%S UTC")));
    }
    let local = shown.local.format("%a %Y-%m-%d %H:%M %:z").to_string();
    vec![connection.to_owned(), when(shown.at), local, notes.join("; ")]
}
