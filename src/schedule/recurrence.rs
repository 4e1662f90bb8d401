//! The instants at which a recurrence is due in a zone.

use std::collections::VecDeque;

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Utc};

use super::calendar::Calendar;
use super::cron::CronTimes;
use super::zone::{Instants, Zone};
use crate::config::Recurrence;

/// One due instant. With the connection and the zone, `nominal` and `second_pass` are its identity: newer zone data may move
/// the instant, and never makes another one of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The local time that the schedule names.
    pub nominal: NaiveDateTime,
    /// Whether it is the second time that the clock shows it; only where hours are counted.
    pub second_pass: bool,
    /// The instant.
    pub at: DateTime<Utc>,
    /// Whether a clock change has to do with it.
    pub shift: Shift,
}

/// What a clock change does to a due instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// Nothing.
    None,
    /// The clock goes past the nominal time: it is due at the first instant after the gap.
    Gap,
    /// The clock shows the nominal time twice: it is due the first time or, where hours are counted, both times.
    Overlap,
}

impl Shift {
    /// `none`, `gap` or `overlap`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gap => "gap",
            Self::Overlap => "overlap",
        }
    }
}

/// The first due instant after `after`; `None` where there is none until the year 5000.
#[must_use]
pub fn next(recurrence: &Recurrence, zone: &Zone, after: DateTime<Utc>) -> Option<Due> {
    Course::new(recurrence, zone)?.next(after)
}

/// The newest `most` due instants after `after` up to and including `until`, the oldest first, and how many older ones
/// were left out. Years of minutes are counted in a moment.
#[must_use]
pub fn latest(
    recurrence: &Recurrence,
    zone: &Zone,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
    most: usize,
) -> (Vec<Due>, u64) {
    let Some(course) = Course::new(recurrence, zone) else { return (Vec::new(), 0) };
    let wanted = u64::try_from(most).unwrap_or(u64::MAX);
    let (mut kept, mut held, mut left_out) = (VecDeque::new(), 0, 0);
    for stretch in course.stretches(after, until) {
        held += stretch.count;
        kept.push_back(stretch);
        while let Some(oldest) = kept.front().map(|stretch| stretch.count).filter(|oldest| held - oldest >= wanted) {
            kept.pop_front();
            held -= oldest;
            left_out += oldest;
        }
    }
    let mut found: Vec<Due> = kept.iter().flat_map(|stretch| course.dues(stretch)).collect();
    let surplus = found.len().saturating_sub(most);
    found.drain(..surplus);
    (found, left_out + u64::try_from(surplus).unwrap_or(u64::MAX))
}

/// The due instants after `after`, up to and including `until`, that a clock change has to do with. Only the time around each change is
/// walked, however often something is due.
#[must_use]
pub fn shifted(recurrence: &Recurrence, zone: &Zone, after: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Due> {
    let Some(course) = Course::new(recurrence, zone) else { return Vec::new() };
    let mut found = Vec::new();
    let mut seen = after;
    for (change, by) in zone.shifts(after, until) {
        // A gap ends with its change; of what comes twice the first pass ends there and the second begins.
        let begin = seen.max(change - by - TimeDelta::seconds(1));
        let end = until.min(change + by);
        let dues = std::iter::successors(course.next(begin), |due| course.next(due.at));
        found.extend(dues.take_while(|due| due.at <= end).filter(|due| due.shift != Shift::None));
        seen = seen.max(end);
    }
    found
}

/// A recurrence in a zone.
struct Course<'a> {
    calendar: Calendar,
    zone: &'a Zone,
}

/// One due instant, or all of a day that no clock change is near.
#[derive(Clone, Copy)]
struct Stretch {
    first: Due,
    end: DateTime<Utc>,
    count: u64,
}

impl<'a> Course<'a> {
    fn new(recurrence: &Recurrence, zone: &'a Zone) -> Option<Self> {
        Some(Self { calendar: Calendar::new(recurrence)?, zone })
    }

    fn next(&self, after: DateTime<Utc>) -> Option<Due> {
        // Nothing is due in years that no calendar of ours reaches, whatever clock or file they came from.
        if !(1..5000).contains(&after.year()) {
            return None;
        }
        match &self.calendar {
            Calendar::Cron(cron) if cron.counts_hours => self.next_counted(cron, after),
            _ => self.next_named(after),
        }
    }

    /// A named local time is due when the clock first reaches it; whatever it reached before is over, also in a second pass.
    fn next_named(&self, after: DateTime<Utc>) -> Option<Due> {
        let nominal = self.calendar.first_from(self.zone.reached(after) + TimeDelta::seconds(1))?;
        let (at, shift) = match self.zone.instants_of(nominal) {
            Instants::Once(at) => (at, Shift::None),
            Instants::Twice(first, _) => (first, Shift::Overlap),
            Instants::Never { after } => (after, Shift::Gap),
        };
        Some(Due { nominal, second_pass: false, at, shift })
    }

    /// Where hours are counted, whatever the clock shows is due: each offset is followed for as long as it counts.
    fn next_counted(&self, cron: &CronTimes, after: DateTime<Utc>) -> Option<Due> {
        let mut from = after;
        let mut at_least = self.zone.local(from).naive_local() + TimeDelta::seconds(1);
        loop {
            let offset = self.zone.offset_at(from);
            let nominal = cron.first_from(at_least)?;
            let at = (nominal - offset).and_utc();
            let Some(change) = self.zone.changes(from, at) else {
                let (second_pass, shift) = match self.zone.instants_of(nominal) {
                    Instants::Twice(first, _) => (first != at, Shift::Overlap),
                    Instants::Once(_) | Instants::Never { .. } => (false, Shift::None),
                };
                return Some(Due { nominal, second_pass, at, shift });
            };
            from = change;
            at_least = self.zone.local(from).naive_local();
        }
    }

    fn stretches(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> impl Iterator<Item = Stretch> {
        let mut after = after;
        std::iter::from_fn(move || {
            let first = self.next(after).filter(|due| due.at <= until)?;
            let single = Stretch { first, end: first.at, count: 1 };
            let stretch = self.day(first).filter(|day| day.end <= until).unwrap_or(single);
            after = stretch.end;
            Some(stretch)
        })
    }

    /// The whole day of its first due instant, where a cron expression names several times and no clock change is near.
    fn day(&self, first: Due) -> Option<Stretch> {
        let Calendar::Cron(cron) = &self.calendar else { return None };
        let end = first.at + (cron.last - cron.first);
        let whole = cron.a_day > 1 && first.nominal.time() == cron.first && self.zone.is_steady(first.at, end);
        whole.then_some(Stretch { first, end, count: cron.a_day })
    }

    fn dues(&self, stretch: &Stretch) -> impl Iterator<Item = Due> {
        let end = stretch.end;
        std::iter::successors(Some(stretch.first), move |due| self.next(due.at).filter(|due| due.at <= end))
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::config::MonthDay;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn cron(expression: &str) -> Recurrence {
        Recurrence::Cron { expression: expression.to_owned() }
    }

    fn weekly(day: chrono::Weekday, time: &str) -> Recurrence {
        Recurrence::Weekly { day, time: time.parse().unwrap() }
    }

    fn walk(recurrence: &Recurrence, zone: Tz, after: &str, many: usize) -> Vec<String> {
        let zone = Zone::embedded(zone);
        let first = next(recurrence, &zone, at(after));
        let dues = std::iter::successors(first, |due| next(recurrence, &zone, due.at));
        let show = |due: Due| {
            let pass = if due.second_pass { " again" } else { "" };
            format!("{} {}{pass} {}", due.nominal.format("%m-%d %H:%M"), due.at.format("%dT%H:%MZ"), due.shift.as_str())
        };
        dues.take(many).map(show).collect()
    }

    #[test]
    fn a_week_goes_on_at_the_local_time_on_both_sides_of_a_change() {
        let monday = weekly(chrono::Weekday::Mon, "09:30:00");
        let dues = ["10-19 09:30 19T08:30Z none", "10-26 09:30 26T09:30Z none", "11-02 09:30 02T09:30Z none"];
        assert_eq!(walk(&monday, Tz::Europe__London, "2026-10-13T00:00:00Z", 3), dues);
    }

    #[test]
    fn what_a_gap_pushes_to_the_next_day_belongs_to_its_own_day_and_comes_once() {
        let saturday = weekly(chrono::Weekday::Sat, "23:30:00");
        let dues = ["03-21 23:30 22T01:30Z none", "03-28 23:30 29T01:00Z gap", "04-04 23:30 05T00:30Z none"];
        assert_eq!(walk(&saturday, Tz::America__Nuuk, "2026-03-20T00:00:00Z", 3), dues);
        let friday = weekly(chrono::Weekday::Fri, "09:00:00");
        let dues = ["12-23 09:00 23T19:00Z none", "12-30 09:00 30T10:00Z gap", "01-06 09:00 05T19:00Z none"];
        assert_eq!(walk(&friday, Tz::Pacific__Apia, "2011-12-20T00:00:00Z", 3), dues);
    }

    #[test]
    fn in_the_second_pass_the_first_is_over() {
        let sunday = weekly(chrono::Weekday::Sun, "01:30:00");
        let dues = ["11-01 01:30 01T05:30Z overlap", "11-08 01:30 08T06:30Z none"];
        assert_eq!(walk(&sunday, Tz::America__New_York, "2026-11-01T05:29:59Z", 2), dues);
        // 01:10 EST, when 01:30 EDT is forty minutes past.
        assert_eq!(walk(&sunday, Tz::America__New_York, "2026-11-01T06:10:00Z", 1), dues[1..]);
    }

    #[test]
    fn what_falls_on_one_instant_is_due_once() {
        let dues = ["03-29 01:00 29T01:00Z gap", "03-30 01:00 30T00:00Z none"];
        assert_eq!(walk(&cron("*/20 1 * * *"), Tz::Europe__London, "2026-03-29T00:00:00Z", 2), dues);
        // The time right after the gap is the same instant as those in it.
        let dues = ["03-29 01:00 29T01:00Z gap", "03-29 02:30 29T01:30Z none", "03-30 01:00 30T00:00Z none"];
        assert_eq!(walk(&cron("0,30 1,2 * * *"), Tz::Europe__London, "2026-03-29T00:59:59Z", 3), dues);
    }

    #[test]
    fn counted_hours_come_in_both_passes_and_not_in_a_gap() {
        let hourly = cron("30 * * * *");
        let dues = ["03-29 00:30 29T00:30Z none", "03-29 02:30 29T01:30Z none"];
        assert_eq!(walk(&hourly, Tz::Europe__London, "2026-03-29T00:00:00Z", 2), dues);
        let dues = [
            "10-25 00:30 24T23:30Z none",
            "10-25 01:30 25T00:30Z overlap",
            "10-25 01:30 25T01:30Z again overlap",
            "10-25 02:30 25T02:30Z none",
        ];
        assert_eq!(walk(&hourly, Tz::Europe__London, "2026-10-24T23:00:00Z", 4), dues);
        let dues =
            ["10-25 01:00 25T00:00Z overlap", "10-25 01:30 25T00:30Z overlap", "10-25 01:00 25T01:00Z again overlap"];
        assert_eq!(walk(&cron("*/30 0-23/1 * * *"), Tz::Europe__London, "2026-10-24T23:59:00Z", 3), dues);
        let named = walk(&cron("30 1 * * *"), Tz::Europe__London, "2026-10-25T00:00:00Z", 2);
        assert_eq!(named, ["10-25 01:30 25T00:30Z overlap", "10-26 01:30 26T01:30Z none"]);
    }

    #[test]
    fn the_day_of_the_month_and_the_weekday_are_joined_by_or() {
        let dues = ["12-01 06:00 01T06:00Z none", "12-07 06:00 07T06:00Z none", "12-14 06:00 14T06:00Z none"];
        assert_eq!(walk(&cron("0 6 1 * MON"), Tz::UTC, "2026-11-30T06:00:00Z", 3), dues);
    }

    #[test]
    fn the_latest_are_told_and_the_older_counted() {
        let zone = Zone::embedded(Tz::Europe__London);
        let (dues, older) =
            latest(&cron("* * * * *"), &zone, at("2025-12-31T23:59:30Z"), at("2026-12-31T23:59:30Z"), 2);
        assert_eq!(
            dues.iter().map(|due| due.at).collect::<Vec<_>>(),
            [at("2026-12-31T23:58:00Z"), at("2026-12-31T23:59:00Z")]
        );
        assert_eq!(older, 365 * 1440 - 2);
        let month = Recurrence::Monthly { day: MonthDay::Last, time: chrono::NaiveTime::MIN };
        let (dues, older) = latest(&month, &zone, at("2026-01-31T00:00:00Z"), at("2026-03-30T23:00:00Z"), 5);
        assert_eq!((dues.len(), older), (2, 0), "the start does not count, the end does");
        assert_eq!(latest(&month, &zone, at("2026-05-01T00:00:00Z"), at("2026-04-01T00:00:00Z"), 5), (vec![], 0));
        assert_eq!(latest(&month, &zone, at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"), 0), (vec![], 12));
    }

    #[test]
    fn shifted_finds_what_clock_changes_move() {
        let zone = Zone::embedded(Tz::Europe__London);
        let (from, until) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
        let found = |recurrence: &Recurrence| -> Vec<DateTime<Utc>> {
            shifted(recurrence, &zone, from, until).iter().map(|due| due.at).collect()
        };
        let both = [at("2026-03-29T01:00:00Z"), at("2026-10-25T00:30:00Z")];
        assert_eq!(found(&Recurrence::Daily { time: "01:30:00".parse().unwrap() }), both);
        assert_eq!(found(&cron("30 1,12 * * *")), both);
        assert!(found(&Recurrence::Daily { time: "09:00:00".parse().unwrap() }).is_empty());
    }

    #[test]
    fn years_out_of_reach_hold_nothing() {
        let zone = Zone::embedded(Tz::Europe__London);
        for recurrence in [cron("* * * * *"), cron("0 0 * * *"), weekly(chrono::Weekday::Mon, "00:00:00")] {
            for after in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
                assert_eq!(next(&recurrence, &zone, after), None);
            }
        }
    }
}
