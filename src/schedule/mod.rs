//! When connections are due, and what becomes of each due instant.
//!
//! Pure: it is given the zone's offsets and the present, reads no clock and no file, and starts nothing.
//!
//! ```text
//! recurrence ─ cron, calendar ─> nominal local times ─ zone ─> due instants ─ agenda (× now) ─> fates, next wake-up
//! ```
//!
//! The rule of time: a schedule names local times. One that a clock change leaves out is due at the first instant after the gap,
//! one that comes twice is due at its first pass only. A cron expression with `*` or a step in its hour field names no hours, it
//! counts them: it is due in both passes and not at all in a gap. Whatever happens to zone data later, a due instant is
//! known by its connection, its zone, its nominal local date-time and its pass.

mod agenda;
mod calendar;
mod cron;
mod difference;
mod fate;
#[cfg(test)]
mod properties;
mod recurrence;
mod zone;

pub use agenda::{
    CLOCK_SLACK, MOST_ROWS, Rest, Standing, Verdict, Wake, is_misdated, is_too_late, jitter, judge, settle, wake,
};
pub use difference::{Disagreement, disagreement, moved};
pub use fate::{Fate, Reason};
pub use recurrence::{Due, Shift, latest, next, shifted};
pub use zone::{Instants, Zone, ZoneError};
