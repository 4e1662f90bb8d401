//! A pace of its own for calls that AWS grants less of than the others.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Between two calls of `GetResources`: AWS grants five every two seconds, of which the owner keeps one (AWS API Gateway quotas page,
/// "API Gateway quotas for creating, deploying and managing an API").
pub(super) const RESOURCES: Duration = Duration::from_millis(500);

/// One after the other, so far apart at least. Whoever comes first goes first.
#[derive(Debug)]
pub(super) struct Pace {
    apart: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) fn new(apart: Duration) -> Self {
        Self { apart, next: Mutex::new(None) }
    }

    /// Waits for its turn. A caller that goes away while it waits takes no turn.
    pub(super) async fn turn(&self) {
        let mut next = self.next.lock().await;
        if let Some(at) = *next {
            sleep_until(at).await;
        }
        *next = Some(Instant::now() + self.apart);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_goes_at_once_and_the_others_so_far_apart() {
        let pace = Pace::new(RESOURCES);
        let start = Instant::now();
        for turn in 0..5 {
            pace.turn().await;
            let apart = start.elapsed();
            assert!(
                apart >= RESOURCES * turn && apart < RESOURCES * turn + Duration::from_millis(20),
                "{turn}: {apart:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_while_waiting_takes_no_turn() {
        let pace = Pace::new(RESOURCES);
        pace.turn().await;
        let start = Instant::now();
        assert!(tokio::time::timeout(RESOURCES / 2, pace.turn()).await.is_err());
        pace.turn().await;
        assert!(start.elapsed() < RESOURCES + Duration::from_millis(20), "{:?}", start.elapsed());
    }
}
