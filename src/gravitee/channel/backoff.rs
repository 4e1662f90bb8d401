//! How long to wait before the next attempt: `gravitee-io/gravitee-common`, `src/main/java/io/gravitee/common/utils/RxHelper.java`
//! has the same without jitter.

use std::time::Duration;

/// Waits that grow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Series {
    /// The first wait.
    pub first: Duration,
    /// How many times its predecessor each wait is.
    pub factor: f64,
    /// The longest wait, before jitter.
    pub max: Duration,
    /// By how much of itself a wait is shortened or lengthened at most: 0.15 is ±15 %.
    pub jitter: f64,
}

impl Series {
    /// The wait after the `failures`-th failure in a row, from 1; `chance` is a random number from 0 to 1.
    #[must_use]
    pub fn wait(&self, failures: u32, chance: f64) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.first.as_secs_f64() * self.factor.powi(exponent);
        let wait = grown.min(self.max.as_secs_f64()) * (1.0 + self.jitter * (2.0 * chance - 1.0));
        // To the millisecond, as the original rounds. What is no number of seconds at all is the longest wait.
        Duration::try_from_secs_f64((wait.max(0.0) * 1000.0).round() / 1000.0).unwrap_or(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Limits;
    use super::*;

    #[test]
    fn waits_grow_by_half_from_a_second_to_five_minutes() {
        let series = Limits::default().retry;
        let waits: Vec<u128> = (1..=17).map(|failures| series.wait(failures, 0.5).as_millis()).collect();
        let expected = [
            1000, 1500, 2250, 3375, 5063, 7594, 11391, 17086, 25629, 38443, 57665, 86498, 129_746, 194_620, 291_929,
            300_000, 300_000,
        ];
        assert_eq!(waits, expected);
        assert_eq!(series.wait(u32::MAX, 0.5), Duration::from_mins(5));
        assert_eq!(series.wait(0, 0.5), Duration::from_secs(1));
    }

    #[test]
    fn chance_moves_a_wait_by_its_share_at_most() {
        let series = Limits::default().retry;
        assert_eq!(series.wait(1, 0.0), Duration::from_millis(850));
        assert_eq!(series.wait(1, 1.0), Duration::from_millis(1150));
        assert_eq!(series.wait(100, 1.0), Duration::from_secs(345));
    }

    #[test]
    fn after_a_refusal_waits_begin_at_a_minute() {
        let series = Limits::default().retry_refused;
        let waits: Vec<u64> = (1..=6).map(|failures| series.wait(failures, 0.5).as_secs()).collect();
        assert_eq!(waits, [60, 90, 135, 202, 300, 300]);
    }
}
