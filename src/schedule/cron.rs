//! The nominal local times of a cron expression, which croner enumerates; it is told of no zone and makes no instants.

use chrono::{NaiveDateTime, NaiveTime, Timelike};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// A cron expression, ready to be asked.
#[derive(Clone, Debug)]
pub(super) struct CronTimes {
    cron: Cron,
    /// Whether hours are counted rather than named: `*` or a step in the hour field.
    pub(super) counts_hours: bool,
    /// The first time on each day that it names.
    pub(super) first: NaiveTime,
    /// The last.
    pub(super) last: NaiveTime,
    /// How many there are.
    pub(super) a_day: u64,
}

impl CronTimes {
    /// `None` where the expression is none of minute, hour, day of month, month and weekday.
    pub(super) fn new(expression: &str) -> Option<Self> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(expression).ok()?;
        let hour_field = expression.split_whitespace().nth(1)?;
        let (hours, minutes) = (cron.pattern.hours.values(), cron.pattern.minutes.values());
        let time = |hour: &u16, minute: &u16| NaiveTime::from_hms_opt((*hour).into(), (*minute).into(), 0);
        let (first, last) = (time(hours.first()?, minutes.first()?)?, time(hours.last()?, minutes.last()?)?);
        let a_day = u64::try_from(hours.len() * minutes.len()).ok()?;
        Some(Self { counts_hours: hour_field.contains(['*', '/']), first, last, a_day, cron })
    }

    /// The first nominal time at or after this one.
    pub(super) fn first_from(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        self.cron.find_next_occurrence(&from.with_nanosecond(0)?, true).ok()
    }
}
