//! Due instants against a brute force that walks minute by minute and knows nothing but the offset of each.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::{OffsetComponents, Tz};
use proptest::prelude::{ProptestConfig, proptest};

use super::{Due, Shift, Zone, latest, next, shifted};
use crate::config::{MonthDay, Recurrence};

const MINUTE: i64 = 60;
const DAY: i64 = 1440;

/// Zones with the first of three years of each: half-hour steps, gaps at midnight and into the next day, a missing day, odd
/// offsets, none. Three lists, so that three tests walk them side by side.
const AMERICAS: [(Tz, i32); 4] = [
    (Tz::America__Nuuk, 2023),
    (Tz::America__Santiago, 2024),
    (Tz::America__New_York, 2026),
    (Tz::America__Vancouver, 2025),
];
const EUROPE_AND_AFRICA: [(Tz, i32); 4] =
    [(Tz::Europe__London, 2025), (Tz::Africa__Cairo, 2023), (Tz::Africa__Casablanca, 2025), (Tz::UTC, 2026)];
const ASIA_AND_THE_PACIFIC: [(Tz, i32); 5] = [
    (Tz::Asia__Beirut, 2022),
    (Tz::Asia__Kathmandu, 2025),
    (Tz::Australia__Lord_Howe, 2024),
    (Tz::Pacific__Chatham, 2025),
    (Tz::Pacific__Apia, 2010),
];

const TIMES: [(u32, u32); 13] =
    [(0, 0), (0, 15), (0, 30), (1, 0), (1, 30), (1, 59), (2, 0), (2, 15), (2, 45), (3, 0), (3, 30), (9, 0), (23, 30)];

/// Three years of a zone and a day on both sides, minute by minute; minutes count from 1970, `at` in UTC, `nominal` on the clock.
struct Walk {
    first: i64,
    last: i64,
    /// By minute of the day: each local minute, when the clock first reaches or passes it. Only the minutes that are asked for.
    reached: Vec<Vec<(i64, i64)>>,
    /// Whatever quarter of an hour the clock shows, and whether it has shown it before.
    shown: Vec<(i64, i64, bool)>,
    /// When the clock goes forward or back.
    changes: Vec<i64>,
}

impl Walk {
    fn new(tz: Tz, year: i32) -> Self {
        let minute =
            |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap().and_time(NaiveTime::MIN).and_utc().timestamp() / MINUTE;
        let (first, end) = (minute(year) - DAY, minute(year + 3) + DAY);
        let offset = |at: i64| {
            let offset = tz.offset_from_utc_datetime(&local(at));
            let seconds = (offset.base_utc_offset() + offset.dst_offset()).num_seconds();
            assert_eq!(seconds % MINUTE, 0);
            seconds / MINUTE
        };
        let mut asked = vec![false; 1440];
        for (hour, minute) in TIMES.into_iter().chain((0..3).flat_map(|hour| [0, 20, 40].map(|minute| (hour, minute))))
        {
            asked[usize::try_from(hour * 60 + minute).unwrap()] = true;
        }
        let mut walk =
            Self { first, last: end - 1, reached: vec![Vec::new(); 1440], shown: Vec::new(), changes: Vec::new() };
        let mut furthest = first + offset(first);
        let mut before = offset(first);
        for quarter in (first..end).step_by(15) {
            // Where the offset is the same at both ends of a quarter of an hour it is the same in it.
            let (begins, ends) = (offset(quarter), offset(quarter + 15));
            for at in quarter..quarter + 15 {
                let now = if begins == ends { begins } else { offset(at) };
                if now != before {
                    walk.changes.push(at);
                    before = now;
                }
                let clock = at + now;
                if clock % 15 == 0 {
                    walk.shown.push((clock, at, clock <= furthest && at > first));
                }
                while furthest < clock {
                    furthest += 1;
                    let of_day = usize::try_from(furthest.rem_euclid(DAY)).unwrap();
                    if asked[of_day] {
                        walk.reached[of_day].push((furthest, at));
                    }
                }
            }
        }
        walk
    }

    /// The minutes of the day that are due on the days that are wanted; of those that come at once only the first.
    fn named(&self, of_day: &[i64], wanted: impl Fn(NaiveDate) -> bool) -> Vec<(i64, i64, bool)> {
        let at_times = of_day.iter().flat_map(|minute| &self.reached[usize::try_from(*minute).unwrap()]);
        let mut due: Vec<_> = at_times
            .filter(|(nominal, _)| wanted(date(*nominal)))
            .map(|(nominal, at)| (*nominal, *at, false))
            .collect();
        due.sort_unstable();
        due.dedup_by_key(|(_, at, _)| *at);
        due
    }

    fn counted(&self, after: i64, until: i64, wanted: impl Fn(i64) -> bool) -> Vec<(i64, i64, bool)> {
        let inside = self.shown.iter().filter(|(nominal, at, _)| (after + 1..=until).contains(at) && wanted(*nominal));
        inside.copied().collect()
    }
}

fn instant(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(minute * MINUTE, 0).unwrap()
}

fn local(minute: i64) -> NaiveDateTime {
    instant(minute).naive_utc()
}

fn cron(expression: String) -> Recurrence {
    Recurrence::Cron { expression }
}

fn essence(due: &Due) -> (NaiveDateTime, DateTime<Utc>, bool) {
    (due.nominal, due.at, due.second_pass)
}

/// What clock changes move of these, all that are due in the time.
fn assert_shifted(what: &str, recurrence: &Recurrence, zone: &Zone, (after, until): (i64, i64), dues: &[Due]) {
    let moved: Vec<Due> = dues.iter().filter(|due| due.shift != Shift::None).copied().collect();
    assert_eq!(shifted(recurrence, zone, instant(after), instant(until)), moved, "{what}");
}

/// All due instants of the walk, one asked for after another.
fn one_by_one(recurrence: &Recurrence, zone: &Zone, walk: &Walk) -> Vec<Due> {
    let dues = std::iter::successors(next(recurrence, zone, instant(walk.first)), |due| next(recurrence, zone, due.at));
    dues.take_while(|due| due.at <= instant(walk.last)).collect()
}

/// The same of a part, day by day where no clock change is near.
fn at_once(recurrence: &Recurrence, zone: &Zone, after: i64, until: i64) -> Vec<Due> {
    let (dues, older) = latest(recurrence, zone, instant(after), instant(until), usize::MAX);
    assert_eq!(older, 0);
    dues
}

fn assert_same(what: &str, dues: &[Due], expected: Vec<(i64, i64, bool)>) {
    let expected: Vec<_> =
        expected.into_iter().map(|(nominal, at, second)| (local(nominal), instant(at), second)).collect();
    let found: Vec<_> = dues.iter().map(essence).collect();
    let differing = found.iter().zip(&expected).find(|(found, expected)| found != expected);
    assert_eq!(differing, None, "{what}");
    assert_eq!(found.len(), expected.len(), "{what}");
    assert!(dues.windows(2).all(|pair| pair[0].at < pair[1].at), "{what}: not in order");
    let mut keys: Vec<_> = dues.iter().map(|due| (due.nominal, due.second_pass)).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), dues.len(), "{what}: a key comes twice");
}

/// The day of a local minute, as far as calendars care.
fn date(minute: i64) -> NaiveDate {
    local(minute).date()
}

fn is_last_of_month(date: NaiveDate) -> bool {
    date.succ_opt().unwrap().month() != date.month()
}

fn frequencies_agree(tz: Tz, walk: &Walk) {
    let zone = Zone::embedded(tz);
    let weekdays = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat];
    for (number, (hour, minute)) in TIMES.into_iter().enumerate() {
        let time = NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
        let of_day = i64::from(hour * 60 + minute);
        let agree = |recurrence: &Recurrence, wanted: &dyn Fn(NaiveDate) -> bool| {
            let dues = match recurrence {
                Recurrence::Cron { .. } => at_once(recurrence, &zone, walk.first, walk.last),
                _ => one_by_one(recurrence, &zone, walk),
            };
            let what = format!("{tz} {recurrence:?}");
            assert_same(&what, &dues, walk.named(&[of_day], wanted));
            assert_shifted(&what, recurrence, &zone, (walk.first, walk.last), &dues);
            for due in dues {
                let moved = zone.local(due.at).naive_local() != due.nominal;
                assert_eq!(moved, due.shift == Shift::Gap, "{tz} {due:?}");
            }
        };
        agree(&Recurrence::Daily { time }, &|_| true);
        // Most clocks change on Sunday; the other days take turns, and Saturday has the end of the day.
        for day in [Weekday::Sun, weekdays[(number + 5) % 6]] {
            agree(&Recurrence::Weekly { day, time }, &|date| date.weekday() == day);
        }
        agree(&Recurrence::Monthly { day: MonthDay::Last, time }, &is_last_of_month);
        let day = u8::try_from(1 + number * 2).unwrap();
        agree(&Recurrence::Monthly { day: MonthDay::Day(day), time }, &|date| date.day() == u32::from(day));
        let both = cron(format!("{minute} {hour} {day} * MON"));
        agree(&both, &|date| date.day() == u32::from(day) || date.weekday() == Weekday::Mon);
    }
}

fn crons_agree(tz: Tz, walk: &Walk) {
    let zone = Zone::embedded(tz);
    let thirds: Vec<i64> = (0..9).map(|third| third * 20).collect();
    let around = walk.changes.iter().map(|at| ((at - 3 * DAY).max(walk.first), (at + 3 * DAY).min(walk.last)));
    for (after, until) in around {
        let mut named = walk.named(&thirds, |_| true);
        named.retain(|(_, at, _)| (after + 1..=until).contains(at));
        let dues = at_once(&cron("*/20 0-2 * * *".to_owned()), &zone, after, until);
        assert_same(&format!("{tz} named"), &dues, named);
        for (expression, wanted) in [
            ("*/30 * * * *", (|nominal| nominal % 30 == 0) as fn(i64) -> bool),
            ("15 */2 * * *", |nominal| nominal % 120 == 15),
            ("45 1-3/1 * * *", |nominal| nominal % 60 == 45 && (1..=3).contains(&(nominal.rem_euclid(DAY) / 60))),
        ] {
            let (what, recurrence) = (format!("{tz} {expression}"), cron(expression.to_owned()));
            let dues = at_once(&recurrence, &zone, after, until);
            assert_same(&what, &dues, walk.counted(after, until, wanted));
            assert_shifted(&what, &recurrence, &zone, (after, until), &dues);
        }
    }
    let dues = at_once(&cron("15 */12 * * *".to_owned()), &zone, walk.first, walk.last);
    assert_same(&format!("{tz} counted"), &dues, walk.counted(walk.first, walk.last, |nominal| nominal % 720 == 15));
}

fn every_frequency_and_time_of_day_agrees(zones: &[(Tz, i32)]) {
    for (tz, year) in zones {
        let walk = Walk::new(*tz, *year);
        frequencies_agree(*tz, &walk);
        crons_agree(*tz, &walk);
    }
}

#[test]
fn schedules_in_the_americas_agree_with_brute_force() {
    every_frequency_and_time_of_day_agrees(&AMERICAS);
}

#[test]
fn schedules_in_europe_and_africa_agree_with_brute_force() {
    every_frequency_and_time_of_day_agrees(&EUROPE_AND_AFRICA);
}

#[test]
fn schedules_in_asia_and_the_pacific_agree_with_brute_force() {
    every_frequency_and_time_of_day_agrees(&ASIA_AND_THE_PACIFIC);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// From any second, in any zone: the next is the first of the latest, comes later, and is not the next after itself.
    #[test]
    fn the_next_is_the_first_of_the_latest(
        zone in 0..chrono_tz::TZ_VARIANTS.len(),
        second in 946_684_800_i64..2_524_608_000,
        kind in 0..6_usize,
        (hour, minute) in (0..24_u32, 0..60_u32),
        most in 1..5_usize,
    ) {
        let zone = Zone::embedded(chrono_tz::TZ_VARIANTS[zone]);
        let time = NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
        let recurrence = match kind {
            0 => Recurrence::Daily { time },
            1 => Recurrence::Weekly { day: Weekday::Sun, time },
            2 => Recurrence::Monthly { day: MonthDay::Last, time },
            3 => cron(format!("{minute} {hour} * * SAT,SUN")),
            4 => cron(format!("*/{} * * * *", minute / 2 + 15)),
            _ => cron(format!("{minute},59 {hour},1-3 * * *")),
        };
        let after = DateTime::from_timestamp(second, 0).unwrap();
        let first = next(&recurrence, &zone, after).unwrap();
        let second = next(&recurrence, &zone, first.at).unwrap();
        assert!(after < first.at && first.at < second.at);
        assert_ne!((first.nominal, first.second_pass), (second.nominal, second.second_pass));
        assert_eq!(latest(&recurrence, &zone, after, second.at, 9), (vec![first, second], 0));
        assert_eq!(latest(&recurrence, &zone, after, first.at - TimeDelta::seconds(1), 9), (vec![], 0));

        let until = after + TimeDelta::days(12);
        let (all, _) = latest(&recurrence, &zone, after, until, usize::MAX);
        let moved: Vec<Due> = all.iter().filter(|due| due.shift != Shift::None).copied().collect();
        assert_eq!(shifted(&recurrence, &zone, after, until), moved);
        let (newest, older) = latest(&recurrence, &zone, after, until, most);
        let kept = all.len().min(most);
        assert_eq!(newest, all[all.len() - kept..]);
        assert_eq!(older, u64::try_from(all.len() - kept).unwrap());
    }
}
