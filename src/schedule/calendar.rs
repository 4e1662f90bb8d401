//! The nominal local times that a recurrence names, as a calendar on the wall would: no zone, no clock change.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Weekday};

use super::cron::CronTimes;
use crate::config::{MonthDay, Recurrence};

/// A recurrence, ready to be asked.
#[derive(Clone, Debug)]
pub(super) enum Calendar {
    Daily(NaiveTime),
    Weekly(Weekday, NaiveTime),
    Monthly(MonthDay, NaiveTime),
    Cron(Box<CronTimes>),
}

impl Calendar {
    /// `None` for a cron expression that no checked file holds.
    pub(super) fn new(recurrence: &Recurrence) -> Option<Self> {
        Some(match recurrence {
            Recurrence::Daily { time } => Self::Daily(*time),
            Recurrence::Weekly { day, time } => Self::Weekly(*day, *time),
            Recurrence::Monthly { day, time } => Self::Monthly(*day, *time),
            Recurrence::Cron { expression } => Self::Cron(Box::new(CronTimes::new(expression)?)),
        })
    }

    /// The first nominal time at or after this one.
    pub(super) fn first_from(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        let (time, day_from): (NaiveTime, &dyn Fn(NaiveDate) -> Option<NaiveDate>) = match self {
            Self::Daily(time) => (*time, &Some),
            Self::Weekly(day, time) => (*time, &|date| {
                let wait = 7 + day.num_days_from_monday() - date.weekday().num_days_from_monday();
                date.checked_add_days(Days::new(u64::from(wait % 7)))
            }),
            Self::Monthly(day, time) => (*time, &|date| {
                let first = date.with_day(1)?;
                let this = day_of(*day, first)?;
                if this >= date { Some(this) } else { day_of(*day, first.checked_add_months(Months::new(1))?) }
            }),
            Self::Cron(cron) => return cron.first_from(from),
        };
        let date = if from.time() <= time { from.date() } else { from.date().succ_opt()? };
        Some(day_from(date)?.and_time(time))
    }
}

/// The day in the month that begins at `first`.
fn day_of(day: MonthDay, first: NaiveDate) -> Option<NaiveDate> {
    match day {
        MonthDay::Day(day) => first.with_day(u32::from(day)),
        MonthDay::Last => first.checked_add_months(Months::new(1))?.pred_opt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(recurrence: &Recurrence, from: &str, many: usize) -> Vec<String> {
        let calendar = Calendar::new(recurrence).unwrap();
        let mut from: NaiveDateTime = from.parse().unwrap();
        let step = || {
            let found = calendar.first_from(from)?;
            from = found + chrono::TimeDelta::seconds(1);
            Some(found.format("%a %F %H:%M").to_string())
        };
        std::iter::from_fn(step).take(many).collect()
    }

    fn time(text: &str) -> NaiveTime {
        text.parse().unwrap()
    }

    #[test]
    fn the_time_itself_counts_and_the_second_after_it_does_not() {
        let daily = Recurrence::Daily { time: time("02:30:00") };
        assert_eq!(walk(&daily, "2026-12-31T02:30:00", 2), ["Thu 2026-12-31 02:30", "Fri 2027-01-01 02:30"]);
        let weekly = Recurrence::Weekly { day: Weekday::Mon, time: time("09:00:00") };
        assert_eq!(walk(&weekly, "2026-11-23T09:00:01", 2), ["Mon 2026-11-30 09:00", "Mon 2026-12-07 09:00"]);
        assert_eq!(walk(&weekly, "2026-11-22T23:00:00", 1), ["Mon 2026-11-23 09:00"]);
    }

    #[test]
    fn every_month_has_its_day() {
        let last = Recurrence::Monthly { day: MonthDay::Last, time: time("00:00:00") };
        let days = ["Mon 2028-01-31 00:00", "Tue 2028-02-29 00:00", "Fri 2028-03-31 00:00", "Sun 2028-04-30 00:00"];
        assert_eq!(walk(&last, "2028-01-31T00:00:00", 4), days);
        let on_28 = Recurrence::Monthly { day: MonthDay::Day(28), time: time("23:59:00") };
        assert_eq!(walk(&on_28, "2027-01-29T00:00:00", 2), ["Sun 2027-02-28 23:59", "Sun 2027-03-28 23:59"]);
    }
}
