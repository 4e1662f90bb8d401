//! Whether the wall clock goes as the monotonic one does.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

/// What the wall clock may gain or lose between two looks without being called a step.
const TOLERANCE: TimeDelta = TimeDelta::seconds(2);

/// No clock that is right shows an earlier time than this; before it, the clock has not been set yet.
pub(super) const EARLIEST: DateTime<Utc> = match DateTime::from_timestamp(1_767_225_600, 0) {
    Some(instant) => instant, // 2026-01-01T00:00:00Z
    None => DateTime::UNIX_EPOCH,
};

/// Compares the two clocks from look to look. The monotonic one stands still while the machine is suspended, so a resume appears as a
/// step forward, which is what it is to a schedule.
#[derive(Debug)]
pub(super) struct ClockWatch {
    last: (Instant, DateTime<Utc>),
}

impl ClockWatch {
    pub(super) fn new(monotonic: Instant, wall: DateTime<Utc>) -> Self {
        Self { last: (monotonic, wall) }
    }

    /// How far the wall clock has jumped since the last look; `None` where it has not.
    pub(super) fn look(&mut self, monotonic: Instant, wall: DateTime<Utc>) -> Option<TimeDelta> {
        let (last_monotonic, last_wall) = std::mem::replace(&mut self.last, (monotonic, wall));
        let passed = TimeDelta::from_std(monotonic.saturating_duration_since(last_monotonic)).unwrap_or(TimeDelta::MAX);
        let step = (wall - last_wall).checked_sub(&passed)?;
        (step.abs() > TOLERANCE).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_goes_with_the_other_has_not_stepped() {
        let (start, wall) = (Instant::now(), EARLIEST);
        let mut watch = ClockWatch::new(start, wall);
        assert_eq!(watch.look(start + Duration::from_mins(1), wall + TimeDelta::seconds(61)), None);
    }

    #[test]
    fn a_step_is_told_once_with_its_size() {
        let (start, wall) = (Instant::now(), EARLIEST);
        let mut watch = ClockWatch::new(start, wall);
        let later = start + Duration::from_secs(5);
        assert_eq!(watch.look(later, wall + TimeDelta::seconds(3605)), Some(TimeDelta::hours(1)));
        assert_eq!(watch.look(later, wall + TimeDelta::seconds(3605)), None);
        assert_eq!(watch.look(later, wall + TimeDelta::seconds(5)), Some(TimeDelta::hours(-1)));
    }

    #[test]
    fn the_earliest_time_is_new_years_day_2026() {
        assert_eq!(EARLIEST.to_rfc3339(), "2026-01-01T00:00:00+00:00");
    }
}
