//! Months of weekly schedules in zones with all kinds of summer time, fire by fire.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

use super::{OVER, Timed, file};

/// Zone, weekday, time: at changes of summer time wherever the zone has them on that weekday.
const SCHEDULES: [(&str, Tz, Weekday, &str); 6] = [
    ("newyork", chrono_tz::America::New_York, Weekday::Sun, "02:30"),
    ("london", chrono_tz::Europe::London, Weekday::Sun, "01:30"),
    ("lordhowe", chrono_tz::Australia::Lord_Howe, Weekday::Sun, "02:15"),
    ("santiago", chrono_tz::America::Santiago, Weekday::Sun, "00:15"),
    ("cairo", chrono_tz::Africa::Cairo, Weekday::Fri, "00:10"),
    ("nuuk", chrono_tz::America::Nuuk, Weekday::Sat, "23:30"),
];

fn schedules() -> String {
    let keys = SCHEDULES.map(|(name, zone, day, time)| {
        (name, format!("day = \"{}\"\ntime = \"{time}\"\ntimezone = \"{}\"", day_name(day), zone.name()))
    });
    // Fourteen months are more than what is kept.
    let keep = "[registry]\nkeep_runs = \"1000d\"\n";
    keep.to_owned() + &file(&keys.each_ref().map(|(name, keys)| (*name, keys.as_str())))
}

fn day_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Fri => "friday",
        Weekday::Sat => "saturday",
        Weekday::Sun => "sunday",
        _ => unreachable!("no schedule of these tests is due then"),
    }
}

/// The first instant at which the zone's clocks show `local` or later, found minute by minute: what a person with a clock and a
/// calendar would say.
pub(super) fn by_hand(zone: Tz, date: NaiveDate, time: NaiveTime) -> DateTime<Utc> {
    let nominal = date.and_time(time);
    let mut instant = Utc.from_utc_datetime(&(nominal - TimeDelta::hours(16)));
    while zone.from_utc_datetime(&instant.naive_utc()).naive_local() < nominal {
        instant += TimeDelta::minutes(1);
    }
    instant
}

/// Every instant that is due in the time, in order.
fn expected(from: &str, weeks: i64) -> Vec<(DateTime<Utc>, &'static str)> {
    let start: NaiveDate = from.parse().unwrap();
    let mut due = Vec::new();
    for (name, zone, day, time) in SCHEDULES {
        let time = NaiveTime::parse_from_str(time, "%H:%M").unwrap();
        let first = start.iter_days().find(|date| date.weekday() == day).unwrap();
        due.extend((0..weeks).map(|week| (by_hand(zone, first + TimeDelta::weeks(week), time), name)));
    }
    due.sort();
    due
}

/// Sets the clock from due instant to due instant and waits for each run.
fn walk(from: &str, weeks: i64, threads: &'static str) {
    let expected = expected(from, weeks);
    // Monday: the weekends are ahead.
    let timed = Timed::new(&format!("{from}T15:00:00Z"), &schedules()).on_threads(threads);
    let mut worker = timed.start();
    for (number, (due, _)) in expected.iter().enumerate() {
        if timed.clock.now() < *due - TimeDelta::milliseconds(300) {
            timed.clock.set(*due - TimeDelta::milliseconds(300));
        }
        worker.wait_until_said_times(OVER, number + 1);
    }
    worker.signal(nix::sys::signal::Signal::SIGTERM);
    let ended = worker.end();
    assert_eq!(ended.said.code, Some(0), "{ended:?}");
    let mut fired: Vec<(DateTime<Utc>, String)> =
        timed.dues().into_iter().map(|due| (due.due_at, format!("{} {}", due.connection, due.fate.as_str()))).collect();
    fired.sort();
    let expected: Vec<(DateTime<Utc>, String)> =
        expected.into_iter().map(|(due, name)| (due, format!("{name} run"))).collect();
    assert_eq!(fired, expected);
    for due in timed.dues() {
        let late = timed.home.book().run(due.run_id.unwrap()).unwrap().0.started_at - due.due_at;
        assert!(late >= TimeDelta::zero() && late < TimeDelta::seconds(30), "{due:?} started {late} later");
    }
}

#[test]
fn spring_and_autumn_of_six_zones_pass_without_a_lost_or_doubled_run() {
    // Two weeks each around the changes of New York (8 March), Nuuk and London (28 and 29 March) and Lord Howe (4 October).
    walk("2027-03-08", 4, "2");
}

#[test]
#[ignore = "four minutes or more: `cargo test --test it -- --ignored fourteen_months`"]
fn fourteen_months_of_six_zones_pass_without_a_lost_or_doubled_run() {
    walk("2026-02-23", 61, "2");
}

#[test]
#[ignore = "four minutes or more: `cargo test --test it -- --ignored fourteen_months`"]
fn fourteen_months_of_six_zones_pass_on_one_thread() {
    walk("2026-02-23", 61, "1");
}
