//! The connections of the soak: what the file says of each, and at which instants each must have been due.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

use std::collections::BTreeSet;
use std::fmt::Write;

use chrono::{DateTime, Datelike, LocalResult, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

use crate::support::{CANARY, shop};
use crate::time::walk::by_hand;

/// When a connection is due.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum When {
    Daily(Tz, NaiveTime),
    Weekly(Tz, Weekday, NaiveTime),
    /// A cron expression: these hours of UTC, at this minute.
    Hours(&'static [u32], u32),
}

/// What is said of a connection's schedule: where any of it changes, the schedule begins anew.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    pub(super) when: When,
    pub(super) enabled: bool,
}

/// A time in which a schedule was the same. It began and ended between two looks at the clock each.
#[derive(Debug)]
struct Stretch {
    said: Said,
    began: (DateTime<Utc>, DateTime<Utc>),
    ended: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    /// What the file says of its schedule; none while it is not in the file.
    pub(super) said: Option<Said>,
    /// Counts changes of what is no schedule.
    pub(super) excluded: u64,
    region: &'static str,
    stretches: Vec<Stretch>,
}

/// The schedule file and what it has said.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) plans: Vec<Plan>,
    /// Makes each text another one.
    note: u64,
}

fn time(hour: u32, minute: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
}

impl When {
    fn keys(&self) -> String {
        match self {
            Self::Daily(zone, time) => {
                format!("frequency = \"daily\"\ntime = \"{}\"\ntimezone = \"{zone}\"", time.format("%H:%M"))
            }
            Self::Weekly(zone, day, time) => {
                // chrono writes `Sun`, the file `sunday`.
                let day = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
                    [day.num_days_from_monday() as usize];
                format!("day = \"{day}\"\ntime = \"{}\"\ntimezone = \"{zone}\"", time.format("%H:%M"))
            }
            Self::Hours(hours, minute) => {
                let hours: Vec<String> = hours.iter().map(ToString::to_string).collect();
                format!("cron = \"{minute} {} * * *\"\ntimezone = \"UTC\"", hours.join(","))
            }
        }
    }

    /// The instants after `from` and up to `to`.
    fn dues(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> BTreeSet<DateTime<Utc>> {
        let (zone, times): (Tz, Vec<NaiveTime>) = match self {
            Self::Daily(zone, time) | Self::Weekly(zone, _, time) => (*zone, vec![*time]),
            Self::Hours(hours, minute) => (Tz::UTC, hours.iter().map(|hour| self::time(*hour, *minute)).collect()),
        };
        let mut dues = BTreeSet::new();
        let mut date = from.date_naive() - TimeDelta::days(1);
        while date <= to.date_naive() + TimeDelta::days(1) {
            if !matches!(self, Self::Weekly(_, day, _) if date.weekday() != *day) {
                dues.extend(times.iter().map(|time| match zone.from_local_datetime(&date.and_time(*time)) {
                    LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc(),
                    LocalResult::None => by_hand(zone, date, *time),
                }));
            }
            date += TimeDelta::days(1);
        }
        dues.retain(|due| *due > from && *due <= to);
        dues
    }
}

impl Plan {
    fn new(name: impl Into<String>, number: usize, when: When) -> Self {
        let region = ["eu-west-1", "eu-west-2"][number % 2];
        let said = Some(Said { when, enabled: true });
        Self { name: name.into(), said, excluded: 0, region, stretches: Vec::new() }
    }

    /// The instants that must have a fate, or those that may have one: an edit is taken over some time between two looks at the clock.
    pub(super) fn dues(&self, end: DateTime<Utc>, surely: bool) -> BTreeSet<DateTime<Utc>> {
        let of = |stretch: &Stretch| {
            let began = if surely { stretch.began.1 } else { stretch.began.0 };
            let ended = stretch.ended.map_or(end, |ended| if surely { ended.0 } else { ended.1 });
            stretch.said.when.dues(began, ended.min(end))
        };
        self.stretches.iter().flat_map(of).collect()
    }
}

impl Model {
    /// Twenty connections: crons of which some come due together, days and weeks in zones whose clocks change meanwhile, and two whose
    /// schedules are edited; and one more, which comes and goes.
    pub(super) fn new() -> Self {
        use chrono_tz::{Africa, America, Asia, Australia, Europe, Pacific};
        let whens = [
            When::Hours(&[0, 6, 12, 18], 0),
            When::Hours(&[0, 6, 12, 18], 0),
            When::Hours(&[3, 9, 15, 21], 20),
            When::Hours(&[3, 9, 15, 21], 20),
            When::Hours(&[1, 13], 40),
            When::Hours(&[7, 19], 40),
            When::Daily(Europe::London, time(1, 30)),
            When::Daily(America::New_York, time(1, 30)),
            When::Daily(Australia::Lord_Howe, time(2, 15)),
            When::Daily(Pacific::Auckland, time(2, 30)),
            When::Daily(Asia::Kathmandu, time(9, 15)),
            When::Daily(Africa::Cairo, time(0, 10)),
            When::Daily(America::Santiago, time(23, 30)),
            When::Daily(Asia::Tokyo, time(8, 0)),
            When::Weekly(Europe::London, Weekday::Sun, time(1, 30)),
            When::Weekly(America::New_York, Weekday::Sun, time(1, 30)),
            When::Weekly(Pacific::Auckland, Weekday::Sun, time(2, 30)),
            When::Weekly(Europe::Berlin, Weekday::Fri, time(17, 0)),
        ];
        let mut plans: Vec<Plan> = whens
            .into_iter()
            .enumerate()
            .map(|(number, when)| Plan::new(format!("steady{number:02}"), number, when))
            .collect();
        plans.push(Plan::new("moving1", 18, When::Daily(Tz::UTC, time(5, 5))));
        plans.push(Plan::new("moving2", 19, When::Daily(Europe::London, time(16, 5))));
        plans.push(Plan { said: None, ..Plan::new("visitor", 20, When::Daily(Tz::UTC, time(11, 50))) });
        Self { plans, note: 0 }
    }

    pub(super) fn plan(&mut self, name: &str) -> &mut Plan {
        self.plans.iter_mut().find(|plan| plan.name == name).unwrap()
    }

    /// The file, another text each time.
    pub(super) fn text(&mut self) -> String {
        self.note += 1;
        let mut text = format!(
            "# {}\n[http]\nlisten = \"127.0.0.1:0\"\n[limits]\nrequests_per_second = 0\nparallel_runs = 4\n\
             [targets.catalog.webhook]\nurl = \"http://127.0.0.1:9/hooks\"\n",
            self.note
        );
        for plan in &self.plans {
            let Some(said) = &plan.said else { continue };
            let keys = format!("regions = [\"{}\"]\nexclude = {{ names = [\"none-{}\"] }}", plan.region, plan.excluded);
            text += &shop::connection(&plan.name, &keys);
            let keys = said.when.keys();
            let enabled = if said.enabled { "" } else { "enabled = false\n" };
            write!(text, "[connections.{}.auto_onboard]\n{enabled}{keys}\nretry_failed = [\"20m\"]\n", plan.name)
                .unwrap();
        }
        assert!(!text.contains(CANARY));
        text
    }

    /// What the file says now counts since some time between `before` and `after`.
    pub(super) fn taken(&mut self, before: DateTime<Utc>, after: DateTime<Utc>) {
        for plan in &mut self.plans {
            if let Some(last) = plan.stretches.last_mut().filter(|last| last.ended.is_none()) {
                if plan.said.as_ref() == Some(&last.said) {
                    continue;
                }
                last.ended = Some((before, after));
            }
            if let Some(said) = plan.said.clone() {
                plan.stretches.push(Stretch { said, began: (before, after), ended: None });
            }
        }
    }

    /// The earliest instant after `now` at which something is due.
    pub(super) fn next(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let dues = self.between(now, now + TimeDelta::days(2));
        dues.into_iter().map(|(at, _)| at).min().unwrap()
    }

    /// What the file as it stands makes due after `from` and up to `to`.
    pub(super) fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> BTreeSet<(DateTime<Utc>, String)> {
        let of = |plan: &Plan| -> Vec<_> {
            let dues = plan.said.iter().flat_map(|said| said.when.dues(from, to));
            dues.map(|due| (due, plan.name.clone())).collect()
        };
        self.plans.iter().flat_map(of).collect()
    }
}

/// A time of day that no other of these schedules has, for the edit with this number.
pub(super) fn odd_time(number: u64) -> NaiveTime {
    let minute = u32::try_from(number % 5).unwrap() * 10 + 3;
    time(u32::try_from(number * 7 % 24).unwrap(), minute)
}
