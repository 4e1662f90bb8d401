//! Where two editions of a zone's data disagree, and which due instants that moves.

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};

use super::recurrence::{self, Due};
use super::zone::Zone;
use crate::config::Recurrence;

/// How long before a disagreement local times can be touched by it.
const BEFORE: TimeDelta = TimeDelta::hours(27);
/// How many due instants after it are compared.
const MOST: usize = 2000;

/// The first disagreement of two editions of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// From when on.
    pub at: DateTime<Utc>,
    /// The offset in the first edition.
    pub one: FixedOffset,
    /// The offset in the second.
    pub other: FixedOffset,
}

/// The first instant from `from` on, up to and including `until`, at which two editions of a zone disagree.
#[must_use]
pub fn disagreement(one: &Zone, other: &Zone, from: DateTime<Utc>, until: DateTime<Utc>) -> Option<Disagreement> {
    let mut at = from;
    loop {
        let (of_one, of_other) = (one.offset_at(at), other.offset_at(at));
        if of_one != of_other {
            return Some(Disagreement { at, one: of_one, other: of_other });
        }
        at = [one, other].into_iter().filter_map(|zone| zone.changes(at, until)).min()?;
    }
}

/// The first due instant after `now`, up to and including `until`, that a disagreement moves, by both editions. A nominal time
/// that only one of them has is told beside the other's next.
#[must_use]
pub fn moved(
    recurrence: &Recurrence,
    one: &Zone,
    other: &Zone,
    disagreement: &Disagreement,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Option<(Due, Due)> {
    let from = now.max(disagreement.at - BEFORE);
    let dues = |zone| {
        let first = recurrence::next(recurrence, zone, from);
        std::iter::successors(first, move |due| recurrence::next(recurrence, zone, due.at))
    };
    let pairs = dues(one).zip(dues(other)).take(MOST).take_while(|(due, _)| due.at <= until);
    pairs.into_iter().find(|(one, other)| one.at != other.at)
}
