//! Ids and dates for whatever a test does not spell out: the same name always gets the same ones.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

/// An instant as tests write it: a `DateTime<Utc>`, RFC 3339 text, or a date, which means 00:00 UTC of that day.
pub trait Moment {
    /// The instant meant. Panics where text is neither RFC 3339 nor a date.
    fn moment(self) -> DateTime<Utc>;
}

impl Moment for DateTime<Utc> {
    fn moment(self) -> DateTime<Utc> {
        self
    }
}

impl Moment for &str {
    fn moment(self) -> DateTime<Utc> {
        if let Ok(instant) = DateTime::parse_from_rfc3339(self) {
            return instant.to_utc();
        }
        let Ok(date) = self.parse::<NaiveDate>() else {
            panic!("`{self}` is neither RFC 3339 nor a date such as 2026-01-31");
        };
        date.and_time(NaiveTime::MIN).and_utc()
    }
}

/// When an API was made where the test does not say: 2024-01-15 09:00 UTC.
pub(crate) fn default_created() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + Duration::from_hours(19_737 * 24 + 9)
}

/// `length` lower-case letters and digits that depend on `parts` only.
pub(crate) fn id(length: usize, parts: &[&str]) -> String {
    // FNV-1a, with a separator that no part contains.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let mut id = String::with_capacity(length);
    while id.len() < length {
        hash ^= hash >> 31;
        hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let digit = u8::try_from((hash >> 40) % 36).unwrap_or_default();
        id.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_that_differ_get_ids_that_differ_and_the_same_name_the_same_id() {
        let ids: BTreeSet<String> = (0..100_000).map(|n| id(10, &["111122223333", &n.to_string()])).collect();
        assert_eq!(ids.len(), 100_000);
        assert_eq!(id(10, &["a", "b"]), id(10, &["a", "b"]));
        assert_ne!(id(10, &["ab", ""]), id(10, &["a", "b"]));
    }

    #[test]
    fn a_date_means_its_midnight() {
        assert_eq!("2026-01-31".moment(), "2026-01-31T00:00:00Z".moment());
        assert_eq!(default_created(), "2024-01-15T09:00:00Z".moment());
    }
}
