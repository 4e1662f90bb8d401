//! When a failed delivery is tried again. Pure.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::Retry;

/// Each wait is so many times as long as the one before: from 5 s to 10 h it takes seven of them.
const GROWTH: f64 = 5.0;

/// A wait is shortened by up to this part of it, so that what failed together does not come back together.
const JITTER: f64 = 0.2;

/// When the attempt after `attempt` (from 1) is due, which failed `now`; nothing where the delivery is given up.
///
/// A receiver's `Retry-After` lengthens the wait, though never beyond `max`. The last attempt is made when the time is up, and not
/// before it. `seed` spreads the waits: the same one gives the same wait.
pub(super) fn next_attempt(
    retry: &Retry,
    attempt: u64,
    first_attempt_at: DateTime<Utc>,
    now: DateTime<Utc>,
    retry_after: Option<Duration>,
    seed: &str,
) -> Option<DateTime<Utc>> {
    let deadline = first_attempt_at.checked_add_signed(delta(retry.give_up))?;
    if now >= deadline {
        return None;
    }
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let grown = retry.first.as_secs_f64() * GROWTH.powi(exponent);
    let max = retry.max.as_secs_f64();
    let wait = grown.min(max) * (1.0 - JITTER * spread(seed, attempt));
    let asked = retry_after.map_or(0.0, |asked| asked.as_secs_f64().min(max));
    // Nothing is retried in a busy loop, however short the file says.
    let wait = Duration::try_from_secs_f64(wait.max(asked)).unwrap_or(retry.max).max(Duration::from_millis(1));
    Some(now.checked_add_signed(delta(wait)).map_or(deadline, |at| at.min(deadline)))
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// From 0 to 1, by FNV-1a over what tells deliveries and attempts apart.
fn spread(seed: &str, attempt: u64) -> f64 {
    let bytes = seed.bytes().chain(attempt.to_le_bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    f64::from(u32::try_from(hash >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    /// The instants of all attempts of one that always fails at once.
    fn series(retry: &Retry, seed: &str) -> Vec<i64> {
        let mut attempts = vec![at(0)];
        while let Some(next) = next_attempt(retry, attempts.len() as u64, at(0), *attempts.last().unwrap(), None, seed)
        {
            attempts.push(next);
        }
        attempts.iter().map(DateTime::timestamp).collect()
    }

    #[test]
    fn by_default_waits_grow_from_seconds_to_ten_hours_and_end_after_twenty_eight() {
        for seed in ["a", "b", "c", "d"] {
            let series = series(&Retry::default(), seed);
            assert!((4..=5).contains(&series[1]), "{series:?}");
            assert!((8..=11).contains(&series.len()), "{series:?}");
            let waits = series.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(waits.clone().all(|wait| wait <= 36_000), "{series:?}");
            assert_eq!(*series.last().unwrap(), 28 * 3600, "the last attempt is made when the time is up");
        }
    }

    #[test]
    fn what_failed_together_does_not_come_back_together() {
        let waits: std::collections::BTreeSet<_> =
            (0..50).map(|key| next_attempt(&Retry::default(), 3, at(0), at(0), None, &key.to_string())).collect();
        assert!(waits.len() > 40, "{waits:?}");
    }

    #[test]
    fn a_receiver_that_asks_for_time_gets_it_but_no_more_than_the_longest_wait() {
        let retry = Retry::default();
        let asked = |seconds| {
            next_attempt(&retry, 1, at(0), at(0), Some(Duration::from_secs(seconds)), "a").unwrap().timestamp()
        };
        assert_eq!(asked(120), 120);
        assert!(asked(1) >= 4, "it never shortens a wait");
        assert_eq!(asked(7 * 86_400), 36_000);
    }

    #[test]
    fn a_clock_that_was_set_back_prolongs_nothing_beyond_the_longest_wait() {
        let next = next_attempt(&Retry::default(), 1, at(100_000), at(0), None, "a").unwrap();
        assert!(next <= at(5));
    }
}
