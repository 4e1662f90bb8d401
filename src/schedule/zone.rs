//! A time zone: which offset counts at an instant, and which instants a local time means.
//!
//! Where the data comes from is the caller's choice; all that is asked of it is the offset at an instant. Local times are
//! found by walking the offsets around them, so that no change is too large, too small or too close to midnight.

use chrono::{DateTime, FixedOffset, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use jiff::Timestamp;

/// How far, in seconds, a local time can be from its instant, and how far back a clock change can set it: 26 h. Offsets lie
/// between -12:00 and +14:00; the largest changes on record were of a day, across the date line.
const REACH: i64 = 26 * 3600;
/// How far apart, in seconds, the offset is looked at: a third of [`REACH`]. A zone that changed and changed back within that
/// time would be misread; none ever has.
const HOP: i64 = REACH / 3;

/// A zone and its data. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Zone {
    tz: Tz,
    /// Read from a file; absent = what this binary was built with.
    read: Option<jiff::tz::TimeZone>,
}

/// A zone file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no usable zone file: {cause}")]
pub struct ZoneError {
    cause: String,
}

/// What a local time means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instants {
    /// One instant.
    Once(DateTime<Utc>),
    /// Two, as the clock went back over it.
    Twice(DateTime<Utc>, DateTime<Utc>),
    /// None, as the clock went past it.
    Never {
        /// The first valid instant after the gap.
        after: DateTime<Utc>,
    },
}

impl Zone {
    /// The zone as this binary knows it.
    #[must_use]
    pub fn embedded(tz: Tz) -> Self {
        Self { tz, read: None }
    }

    /// The zone as a `TZif` file (RFC 9636) describes it.
    ///
    /// # Errors
    /// The bytes are no `TZif` file.
    pub fn from_tzif(tz: Tz, bytes: &[u8]) -> Result<Self, ZoneError> {
        let read =
            jiff::tz::TimeZone::tzif(tz.name(), bytes).map_err(|error| ZoneError { cause: error.to_string() })?;
        Ok(Self { tz, read: Some(read) })
    }

    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.tz.name()
    }

    /// What the local clock is ahead of UTC.
    #[must_use]
    pub fn offset_at(&self, at: DateTime<Utc>) -> FixedOffset {
        let utc = || Utc.fix();
        match &self.read {
            None => self.tz.offset_from_utc_datetime(&at.naive_utc()).fix(),
            Some(zone) => Timestamp::from_second(at.timestamp())
                .map_or_else(|_| utc(), |at| FixedOffset::east_opt(zone.to_offset(at).seconds()).unwrap_or_else(utc)),
        }
    }

    /// What the local clock shows.
    #[must_use]
    pub fn local(&self, at: DateTime<Utc>) -> DateTime<FixedOffset> {
        at.with_timezone(&self.offset_at(at))
    }

    /// Which instants a local time means, to the second.
    #[must_use]
    pub fn instants_of(&self, local: NaiveDateTime) -> Instants {
        let first = self.reaches(local);
        if self.clock(first) != local {
            return Instants::Never { after: first };
        }
        match self.again(local, first) {
            Some(second) => Instants::Twice(first, second),
            None => Instants::Once(first),
        }
    }

    /// The first instant at which the local clock shows this time or, where it goes past it, a later one.
    pub(super) fn reaches(&self, local: NaiveDateTime) -> DateTime<Utc> {
        let local = local.and_utc().timestamp();
        let mut from = local - REACH;
        loop {
            let at = from.max(local - self.east(from));
            match self.change(from, at) {
                Some(change) => from = change,
                None => return instant(at),
            }
        }
    }

    /// The latest time that the local clock has shown up to an instant: in the second pass of an overlap that is the end of the first.
    pub(super) fn reached(&self, at: DateTime<Utc>) -> NaiveDateTime {
        let at = at.timestamp();
        let mut from = at - REACH;
        let mut latest = i64::MIN;
        while let Some(change) = self.change(from, at) {
            latest = latest.max(change - 1 + self.east(from));
            from = change;
        }
        instant(latest.max(at + self.east(at))).naive_utc()
    }

    /// The second instant of a local time.
    fn again(&self, local: NaiveDateTime, first: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = local.and_utc().timestamp();
        let mut from = first.timestamp();
        let until = from + REACH;
        loop {
            from = self.change(from, until)?;
            let at = local - self.east(from);
            if at >= from && self.change(from, at).is_none() {
                return Some(instant(at));
            }
        }
    }

    /// The first instant after `from`, up to and including `until`, at which another offset counts than at `from`.
    pub(super) fn changes(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.change(from.timestamp(), until.timestamp()).map(instant)
    }

    /// The clock changes that have to do with local times from `from` to `until`, each with how far it moves the clock.
    pub(super) fn shifts(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = (DateTime<Utc>, TimeDelta)> {
        let mut at = from.timestamp() - REACH;
        let until = until.timestamp() + REACH;
        std::iter::from_fn(move || {
            let before = self.east(at);
            at = self.change(at, until)?;
            Some((instant(at), TimeDelta::seconds((self.east(at) - before).abs())))
        })
    }

    /// Whether the same offset counts all the time and so long before and after it that no local time between is special.
    pub(super) fn is_steady(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> bool {
        self.change(from.timestamp() - REACH, until.timestamp() + REACH).is_none()
    }

    fn change(&self, from: i64, until: i64) -> Option<i64> {
        let offset = self.east(from);
        let mut same = from;
        while same < until {
            let next = until.min(same + HOP);
            if self.east(next) == offset {
                same = next;
                continue;
            }
            let mut other = next;
            while other - same > 1 {
                let middle = i64::midpoint(same, other);
                *(if self.east(middle) == offset { &mut same } else { &mut other }) = middle;
            }
            return Some(other);
        }
        None
    }

    fn clock(&self, at: DateTime<Utc>) -> NaiveDateTime {
        self.local(at).naive_local()
    }

    fn east(&self, at: i64) -> i64 {
        i64::from(self.offset_at(instant(at)).local_minus_utc())
    }
}

/// The instant that is so many seconds after 1970; the last there is, where that is beyond it.
fn instant(seconds: i64) -> DateTime<Utc> {
    let furthest = if seconds < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    DateTime::from_timestamp(seconds, 0).unwrap_or(furthest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(zone: Tz, local: &str) -> String {
        let show = |at: DateTime<Utc>| at.format("%F %H:%M").to_string();
        match Zone::embedded(zone).instants_of(local.parse().unwrap()) {
            Instants::Once(at) => show(at),
            Instants::Twice(first, second) => format!("{}, {}", show(first), show(second)),
            Instants::Never { after } => format!("never, {}", show(after)),
        }
    }

    #[test]
    fn a_local_time_comes_once_twice_or_never() {
        for (zone, local, meaning) in [
            (Tz::UTC, "2026-11-21T12:00:00", "2026-11-21 12:00"),
            (Tz::Asia__Kathmandu, "2026-11-21T05:45:00", "2026-11-21 00:00"),
            (Tz::America__New_York, "2026-03-08T02:30:00", "never, 2026-03-08 07:00"),
            (Tz::America__New_York, "2026-11-01T01:30:00", "2026-11-01 05:30, 2026-11-01 06:30"),
            (Tz::Europe__London, "2026-03-29T01:00:00", "never, 2026-03-29 01:00"),
            (Tz::Europe__London, "2026-10-25T02:00:00", "2026-10-25 02:00"),
            (Tz::Europe__London, "2026-10-25T01:00:00", "2026-10-25 00:00, 2026-10-25 01:00"),
            (Tz::Australia__Lord_Howe, "2026-10-04T02:15:00", "never, 2026-10-03 15:30"),
            (Tz::Australia__Lord_Howe, "2026-04-05T01:45:00", "2026-04-04 14:45, 2026-04-04 15:15"),
            (Tz::America__Santiago, "2026-09-06T00:30:00", "never, 2026-09-06 04:00"),
            (Tz::Africa__Cairo, "2026-04-24T00:15:00", "never, 2026-04-23 22:00"),
            // The gap ends on the next day.
            (Tz::America__Nuuk, "2026-03-28T23:30:00", "never, 2026-03-29 01:00"),
            // A whole day is missing.
            (Tz::Pacific__Apia, "2011-12-30T09:00:00", "never, 2011-12-30 10:00"),
            // A whole day comes twice.
            (Tz::Pacific__Kwajalein, "1969-09-30T12:00:00", "1969-09-30 01:00, 1969-10-01 00:00"),
        ] {
            assert_eq!(means(zone, local), meaning, "{zone} {local}");
        }
    }

    #[test]
    fn the_second_pass_has_reached_the_end_of_the_first() {
        let zone = Zone::embedded(Tz::Europe__London);
        let reached = |at: &str| zone.reached(at.parse().unwrap()).to_string();
        assert_eq!(reached("2026-10-25T00:10:00Z"), "2026-10-25 01:10:00");
        assert_eq!(reached("2026-10-25T01:10:00Z"), "2026-10-25 01:59:59");
        assert_eq!(reached("2026-10-25T02:10:00Z"), "2026-10-25 02:10:00");
    }

    #[test]
    fn bytes_that_are_no_zone_file_are_refused() {
        for bytes in [&b""[..], b"TZif", b"TZif2 but not really", &[0; 100]] {
            assert!(Zone::from_tzif(Tz::UTC, bytes).is_err());
        }
    }

    #[test]
    fn no_instant_is_too_far_away() {
        let zone = Zone::embedded(Tz::Europe__London);
        for at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            assert_eq!(zone.local(at).naive_utc(), at.naive_utc());
        }
    }
}
