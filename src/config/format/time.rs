//! Times, zones, cron expressions, durations and dates.

use std::time::Duration;

use chrono::offset::LocalResult;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::{GapInfo, TZ_VARIANTS, Tz};
use croner::parser::{CronParser, Seconds, Year};
use toml::value::{Datetime, Offset};

use super::{Complaint, quoted};
use crate::config::suggest;

/// `HH:MM`, from 00:00 to 23:59.
pub(in crate::config) fn time(value: &str) -> Result<NaiveTime, Complaint> {
    let complaint = Complaint::new(format!("{} is not a time of day, HH:MM from 00:00 to 23:59", quoted(value)));
    let parts = value.split_once(':').map(|(hour, minute)| (hour.parse::<u32>().ok(), minute.parse::<u32>().ok()));
    let parsed = match parts {
        Some((Some(24), Some(0))) => return Err(complaint.hint("midnight is \"00:00\"")),
        Some((Some(hour), Some(minute))) => NaiveTime::from_hms_opt(hour, minute, 0),
        _ => None,
    };
    match parsed {
        Some(time) if time.format("%H:%M").to_string() == value => Ok(time),
        Some(time) => Err(complaint.hint(format!("write \"{}\"", time.format("%H:%M")))),
        None => Err(complaint),
    }
}

/// What people write for a zone, and the zone that most of them mean.
const ABBREVIATIONS: [(&str, &str); 31] = [
    ("EST", "America/New_York"),
    ("EDT", "America/New_York"),
    ("EST5EDT", "America/New_York"),
    ("CST", "America/Chicago"),
    ("CDT", "America/Chicago"),
    ("CST6CDT", "America/Chicago"),
    ("MST", "America/Denver"),
    ("MDT", "America/Denver"),
    ("MST7MDT", "America/Denver"),
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
    ("PST8PDT", "America/Los_Angeles"),
    ("HST", "Pacific/Honolulu"),
    ("AKST", "America/Anchorage"),
    ("BST", "Europe/London"),
    ("WET", "Europe/Lisbon"),
    ("WEST", "Europe/Lisbon"),
    ("CET", "Europe/Paris"),
    ("CEST", "Europe/Paris"),
    ("MET", "Europe/Paris"),
    ("EET", "Europe/Athens"),
    ("EEST", "Europe/Athens"),
    ("MSK", "Europe/Moscow"),
    ("IST", "Asia/Kolkata"),
    ("SGT", "Asia/Singapore"),
    ("HKT", "Asia/Hong_Kong"),
    ("JST", "Asia/Tokyo"),
    ("KST", "Asia/Seoul"),
    ("AEST", "Australia/Sydney"),
    ("AEDT", "Australia/Sydney"),
    ("NZST", "Pacific/Auckland"),
];

/// An IANA zone that names a place, or UTC. Abbreviations are refused although the database has some: `EST` never has summer time.
pub(in crate::config) fn zone(value: &str) -> Result<Tz, Complaint> {
    let complaint = || Complaint::new(format!("{} is not a time zone", quoted(value)));
    if let Some((_, place)) = ABBREVIATIONS.iter().find(|(short, _)| short.eq_ignore_ascii_case(value)) {
        let complaint = Complaint::new(format!("{} is an abbreviation, not the name of a time zone", quoted(value)));
        return Err(complaint.hint(format!("name a place, such as \"{place}\"")));
    }
    if let Ok(zone) = value.parse::<Tz>() {
        return Ok(zone);
    }
    let offset = value.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    if offset.starts_with(['+', '-']) && offset[1..].chars().all(|c| c.is_ascii_digit() || c == ':') {
        let complaint = Complaint::new(format!("{} is an offset, not the name of a time zone", quoted(value)));
        return Err(complaint.hint("name a place, such as \"Europe/Paris\", or \"UTC\""));
    }
    Err(complaint().maybe(nearest_zone(value).map(|zone| format!("did you mean \"{zone}\"?"))))
}

/// The zone with the nearest name, or the one of the city with the nearest name.
fn nearest_zone(value: &str) -> Option<&'static str> {
    let wanted = value.trim().replace(' ', "_");
    let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
    let city = |name: &'static str| name.rsplit('/').next().unwrap_or(name);
    suggest::nearest(&wanted, names()).or_else(|| {
        let city_wanted = wanted.rsplit('/').next().unwrap_or(&wanted);
        let nearest = suggest::nearest(city_wanted, names().filter(|name| name.contains('/')).map(city))?;
        names().find(|name| name.contains('/') && city(name) == nearest)
    })
}

/// Five fields; day of month and weekday are joined by OR where both are restricted, as in POSIX.
pub(in crate::config) fn cron(value: &str) -> Result<(), Complaint> {
    let wrong = |what: String| Complaint::new(format!("{} is not a cron expression: {what}", quoted(value)));
    let fields = value.split_whitespace().count();
    if fields != 5 || value.contains('@') {
        let what = format!("it has {fields} field{}, not five", if fields == 1 { "" } else { "s" });
        let hint = "write minute, hour, day of month, month and weekday, such as \"30 2 * * MON\"";
        return Err(wrong(what).hint(hint));
    }
    // croner reads "+MON" as "and" instead of "or", which no other cron knows.
    if value.contains('+') {
        return Err(wrong("\"+\" has no meaning in it".to_owned()));
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = parser.parse(value).map_err(|error| {
        let text = error.to_string();
        let text = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest).trim_end_matches('.').to_owned();
        let mut letters = text.chars();
        let text =
            letters.next().map(|first| first.to_lowercase().chain(letters).collect::<String>()).unwrap_or_default();
        wrong(text)
    })?;
    // Any start would do: what never comes in the years that croner looks ahead never comes.
    cron.find_next_occurrence(&DateTime::<Utc>::UNIX_EPOCH, true)
        .map(drop)
        .map_err(|_| Complaint::new(format!("{} never comes: no month has such a day", quoted(value))))
}

/// A duration with units, such as `1h 30m`.
pub(in crate::config) fn duration(value: &str) -> Result<Duration, Complaint> {
    let complaint = Complaint::new(format!("{} is not a duration", quoted(value)));
    humantime::parse_duration(value).map_err(|_| {
        let number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        if number {
            complaint.hint("give it a unit: s, m, h or d")
        } else {
            complaint.hint("write a number with a unit, such as \"30s\", \"15m\", \"2h\" or \"400d\"")
        }
    })
}

/// A duration as people write it.
pub(in crate::config) fn duration_text(duration: Duration) -> String {
    // humantime counts in years and months of broken lengths; days are what the file is written in.
    let (days, rest) = (duration.as_secs() / 86_400, Duration::from_secs(duration.as_secs() % 86_400));
    let rest = Duration::new(rest.as_secs(), duration.subsec_nanos());
    match (days, rest.is_zero()) {
        (0, _) => humantime::format_duration(rest).to_string(),
        (_, true) => format!("{days}d"),
        (_, false) => format!("{days}d {}", humantime::format_duration(rest)),
    }
}

/// A TOML date, and nothing but a date.
pub(in crate::config) fn date(value: &Datetime) -> Option<NaiveDate> {
    match value {
        Datetime { date: Some(date), time: None, offset: None } => {
            NaiveDate::from_ymd_opt(i32::from(date.year), u32::from(date.month), u32::from(date.day))
        }
        _ => None,
    }
}

/// What a TOML date or date-time without an offset says, before it is known in which zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Moment {
    /// A local date and time.
    Local(NaiveDateTime),
    /// An instant.
    Exact(DateTime<Utc>),
}

/// A TOML date (its first moment), local date-time or offset date-time; `None` for a mere time and for a day that does not exist.
pub(in crate::config) fn moment(value: &Datetime) -> Option<Moment> {
    let day = date(&Datetime { time: None, offset: None, ..*value })?;
    let time = match value.time {
        None => NaiveTime::MIN,
        Some(time) => NaiveTime::from_hms_nano_opt(
            u32::from(time.hour),
            u32::from(time.minute),
            u32::from(time.second.unwrap_or_default()),
            time.nanosecond.unwrap_or_default(),
        )?,
    };
    let local = day.and_time(time);
    let minutes = match value.offset {
        None => return Some(Moment::Local(local)),
        Some(Offset::Z) => 0,
        Some(Offset::Custom { minutes }) => i32::from(minutes),
    };
    let offset = FixedOffset::east_opt(minutes * 60)?;
    Some(Moment::Exact(offset.from_local_datetime(&local).single()?.to_utc()))
}

/// The instant of a local time: the first valid one after a gap, the first pass of an overlap.
pub(in crate::config) fn instant(moment: Moment, zone: Tz) -> Option<DateTime<Utc>> {
    match moment {
        Moment::Exact(instant) => Some(instant),
        Moment::Local(local) => match zone.from_local_datetime(&local) {
            LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => Some(instant.to_utc()),
            LocalResult::None => GapInfo::new(&local, &zone)?.end.map(|end| end.to_utc()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Datetime {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_written_with_two_digits_each() {
        assert_eq!(time("02:30"), Ok(NaiveTime::from_hms_opt(2, 30, 0).unwrap()));
        assert_eq!(time("2:30").unwrap_err().hint.as_deref(), Some("write \"02:30\""));
        assert_eq!(time("24:00").unwrap_err().hint.as_deref(), Some("midnight is \"00:00\""));
        for bad in ["", "25:00", "12:60", "noon", "02:30:00", "-1:00", "+2:30"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wrong_zone_leads_to_the_right_one() {
        for (wrong, right) in [
            ("EST", "America/New_York"),
            ("pst", "America/Los_Angeles"),
            ("GMT+1", "Europe/Paris"),
            ("+02:00", "Europe/Paris"),
            ("Europe/Londn", "Europe/London"),
            ("europe/london", "Europe/London"),
            ("London", "Europe/London"),
            ("New York", "America/New_York"),
        ] {
            let hint = zone(wrong).unwrap_err().hint.unwrap();
            assert!(hint.contains(&format!("\"{right}\"")), "{wrong}: {hint}");
        }
        assert!(zone("UTC").is_ok() && zone("Europe/London").is_ok() && zone("Nowhere/At_All").is_err());
    }

    #[test]
    fn a_date_in_a_gap_begins_at_the_first_valid_instant() {
        // Beirut went from 00:00 to 01:00 on that day.
        let moment = moment(&parsed("2022-03-27")).unwrap();
        let instant = instant(moment, "Asia/Beirut".parse().unwrap()).unwrap();
        assert_eq!(instant.to_rfc3339(), "2022-03-26T22:00:00+00:00");
    }

    #[test]
    fn a_local_time_in_an_overlap_is_the_first_pass() {
        let moment = moment(&parsed("2026-10-25T01:30:00")).unwrap();
        let instant = instant(moment, "Europe/London".parse().unwrap()).unwrap();
        assert_eq!(instant.to_rfc3339(), "2026-10-25T00:30:00+00:00");
    }

    #[test]
    fn an_offset_says_it_all() {
        let moment = moment(&parsed("2026-01-01T00:00:00+02:00")).unwrap();
        let instant = instant(moment, "America/New_York".parse().unwrap()).unwrap();
        assert_eq!(instant.to_rfc3339(), "2025-12-31T22:00:00+00:00");
    }

    #[test]
    fn durations_are_told_in_days_and_less() {
        for (seconds, text) in [(30, "30s"), (5400, "1h 30m"), (34_560_000, "400d"), (90_000, "1d 1h")] {
            assert_eq!(duration_text(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn cron_has_five_fields() {
        for good in ["30 2 * * MON", "*/15 8-18 1,15 * *", "0 0 L * *", "0 0 * * 7"] {
            assert_eq!(cron(good), Ok(()), "{good}");
        }
        assert!(cron("0 0 30 2 *").unwrap_err().message.contains("never comes"));
        assert_eq!(cron("0 0 29 2 *"), Ok(()));
        for bad in ["", "@daily", "0 30 2 * * MON", "61 2 * * *", "0 0 32 * *", "0 0 * * +MON", "a b c d e"] {
            assert!(cron(bad).is_err(), "{bad}");
        }
    }
}
