//! Instants as a person types them: RFC 3339, a date, or a span from now.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::exit::Failure;

/// Which way a span counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// `2h` is in two hours.
    Ahead,
    /// `2h` was two hours ago.
    Back,
}

/// The instant that `text` names; a date is its beginning in UTC.
///
/// # Errors
/// It is none of these. `option` is where it was typed.
pub(super) fn parse(option: &str, text: &str, span: Span, now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
    let refuse = || {
        Failure::usage(format!("{option} {text} is no instant"))
            .hint("write 2026-12-01T08:00:00Z, 2026-12-01 (its beginning in UTC), or a span such as 2h or 7d")
    };
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.to_utc());
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    let length = humantime::parse_duration(text).ok().and_then(|length| TimeDelta::from_std(length).ok());
    let instant = length.and_then(|length| match span {
        Span::Ahead => now.checked_add_signed(length),
        Span::Back => now.checked_sub_signed(length),
    });
    instant.ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_a_date_and_a_span_are_understood_and_nothing_else() {
        let now: DateTime<Utc> = "2026-11-21T12:00:00Z".parse().unwrap();
        let of = |text: &str, span| parse("--until", text, span, now).map(|instant| instant.to_rfc3339());
        for (text, span, instant) in [
            ("2026-12-01T09:00:00+01:00", Span::Ahead, "2026-12-01T08:00:00+00:00"),
            ("2026-12-01", Span::Back, "2026-12-01T00:00:00+00:00"),
            ("2h", Span::Ahead, "2026-11-21T14:00:00+00:00"),
            ("7d", Span::Back, "2026-11-14T12:00:00+00:00"),
        ] {
            assert_eq!(of(text, span).as_deref(), Ok(instant), "{text}");
        }
        for text in ["", "tomorrow", "2026-13-01", "2", "99999999999999y"] {
            assert!(of(text, Span::Ahead).unwrap_err().message.contains("--until"), "{text}");
        }
    }
}
