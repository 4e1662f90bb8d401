//! Checks of values that hold no others: kind, form and bounds.

use std::time::Duration;

use toml::de::DeValue;

use super::format::{self, quoted};
use super::keys::WEEKDAYS;
use super::report::Complaint;
use super::shape::Shape;
use super::suggest;

/// Checks a value that holds no others: `Err(None)` if it is of the wrong kind altogether.
pub(super) fn check(shape: &Shape, given: &DeValue<'_>) -> Result<(), Option<Complaint>> {
    match (shape, given) {
        (Shape::Text(format), DeValue::String(text)) => format.check(text).map_err(Some),
        (Shape::TextOrReference(format), DeValue::String(text)) => {
            if text.starts_with("env:") || text.starts_with("file:") {
                format::text::reference(text).map_err(Some)
            } else {
                format.check(text).map_err(Some)
            }
        }
        (Shape::Choice(words), DeValue::String(text)) => choice(words, text).map_err(Some),
        (Shape::Boolean, DeValue::Boolean(_)) => Ok(()),
        (Shape::Integer { least, most }, DeValue::Integer(_)) => match integer(given) {
            Some(number) if (*least..=*most).contains(&number) => Ok(()),
            Some(number) if number < *least => Err(Some(Complaint::new(format!("must be at least {least}")))),
            Some(_) => Err(Some(Complaint::new(format!("must be at most {most}")))),
            None => Err(Some(Complaint::new("the number is too large"))),
        },
        (Shape::Number, DeValue::Integer(_) | DeValue::Float(_)) => match number(given) {
            Some(number) if number.is_finite() && number >= 0.0 => Ok(()),
            _ => Err(Some(Complaint::new("must be a finite number that is not negative"))),
        },
        (Shape::Duration { least, most }, DeValue::String(text)) => duration(text, *least, *most).map_err(Some),
        (Shape::Day, DeValue::Integer(_)) => match integer(given) {
            Some(1..=28) => Ok(()),
            Some(29..=31) => {
                Err(Some(Complaint::new("not every month has this day").hint("write \"last\" for the last one")))
            }
            _ => Err(Some(Complaint::new("a day of the month is 1 to 28, or \"last\""))),
        },
        (Shape::Day, DeValue::String(text)) => day(text).map_err(Some),
        (Shape::Date, DeValue::Datetime(moment)) if moment.date.is_some() => match format::time::date(moment) {
            Some(_) => Ok(()),
            None => Err(Some(Complaint::new("must be a date that exists, without a time"))),
        },
        (Shape::Instant, DeValue::Datetime(moment)) if moment.date.is_some() => match format::time::moment(moment) {
            Some(_) => Ok(()),
            None => Err(Some(Complaint::new("must be a date that exists"))),
        },
        _ => Err(None),
    }
}

fn choice(words: &[&'static str], text: &str) -> Result<(), Complaint> {
    if words.contains(&text) {
        return Ok(());
    }
    let all: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    Err(Complaint::new(format!("{} is not one of {}", quoted(text), all.join(", ")))
        .maybe(suggest::did_you_mean(text, words.iter().copied())))
}

fn day(text: &str) -> Result<(), Complaint> {
    if WEEKDAYS.contains(&text) || text == "last" {
        return Ok(());
    }
    let short = WEEKDAYS.into_iter().find(|name| text.len() >= 2 && name.starts_with(&text.to_lowercase()));
    let nearest = short.or_else(|| suggest::nearest(text, WEEKDAYS.into_iter().chain(["last"])));
    let hint = nearest.map(|name| format!("did you mean \"{name}\"?"));
    let hint = hint.or_else(|| text.parse::<u8>().is_ok().then(|| "leave out the quotes".to_owned()));
    Err(Complaint::new(format!("{} is neither a weekday nor \"last\"", quoted(text))).maybe(hint))
}

fn duration(text: &str, least: u64, most: u64) -> Result<(), Complaint> {
    let duration = format::time::duration(text)?;
    let shown = |seconds| format::time::duration_text(Duration::from_secs(seconds));
    if duration.is_zero() && least > 0 {
        return Err(Complaint::new("must be longer than nothing"));
    }
    // A bound of one second means no more than that; parts of a second are fine.
    if least > 1 && duration < Duration::from_secs(least) {
        return Err(Complaint::new(format!("{} is shorter than {}", quoted(text), shown(least))));
    }
    if duration > Duration::from_secs(most) {
        return Err(Complaint::new(format!("{} is longer than {}", quoted(text), shown(most))));
    }
    Ok(())
}

/// The value of an integer that fits.
pub(super) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The value of an integer or float.
pub(super) fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        // Decimal digits parse as a float without a lossy cast; other radixes are small numbers in practice.
        DeValue::Integer(_) => integer(value)?.to_string().parse().ok(),
        DeValue::Float(float) => float.as_str().parse().ok(),
        _ => None,
    }
}
