//! How gently one (account, region) is asked: a token bucket that every run of the process shares.
//!
//! AWS grants an account 10 management requests a second with a burst of 40 in each region, over both API families and
//! shared with the owner's own deployments (AWS API Gateway quotas page). It knows nothing of HTTP: a caller takes a
//! ticket before each attempt, drops it when the answer is there, and says when one was refused.
//!
//! AWS counts a request when it arrives, which is some time between the two. A full bucket there earns nothing, so a
//! burst that is slow to arrive (thirty TLS handshakes are) leaves AWS with fewer tokens than a bucket that is charged
//! on sending would think. This one is charged when the answer comes, and until then does not lend what is on its way:
//! AWS always has at least as much.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

use super::pacing::{Pace, RESOURCES};
use crate::config::{BucketScope, Limits};

/// Most requests of one bucket that are on their way or waiting for a token.
const MOST_IN_FLIGHT: u32 = 32;

/// A request is signed before it waits for its token, and AWS takes a signature for five minutes. At most this many
/// seconds' worth of tokens may therefore be queued, which stays right at a quarter of the rate.
const LONGEST_QUEUE: f64 = 30.0;

/// Pause after a refusal that does not say how long.
const COOL_DOWN: Duration = Duration::from_secs(1);

/// The longest pause that an answer may ask for.
const LONGEST_COOL_DOWN: Duration = Duration::from_secs(30);

/// Without a refusal for this long the pace doubles again.
const RECOVERY: Duration = Duration::from_secs(10);

/// The slowest pace, as a share of the configured rate.
const SLOWEST: f64 = 0.25;

/// All buckets of the process.
#[derive(Debug)]
pub(super) struct Buckets {
    limits: Limits,
    by_place: Mutex<Places>,
}

/// The buckets that are remembered.
#[derive(Debug, Default)]
struct Places {
    buckets: HashMap<BucketKey, Arc<Bucket>>,
    /// With how many they are gone through for those that may be forgotten.
    sweep_at: usize,
}

impl Places {
    /// Forgets the buckets that nobody holds and that are as good as new: one that is asked for again is made anew, so what is remembered
    /// is what is in use or still rests, however many accounts there are. Going through them costs little for each new one, as there
    /// must be twice as many as were kept.
    fn sweep(&mut self) {
        if self.buckets.len() < self.sweep_at {
            return;
        }
        self.buckets.retain(|_, bucket| Arc::strong_count(bucket) > 1 || !bucket.is_rested());
        self.sweep_at = (2 * self.buckets.len()).max(FEWEST_SWEPT);
    }
}

/// Fewer buckets are not worth being gone through.
const FEWEST_SWEPT: usize = 64;

/// The account, and the region where each has its own bucket.
type BucketKey = (String, Option<String>);

impl Buckets {
    /// No bucket yet.
    pub(super) fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), by_place: Mutex::default() }
    }

    /// The bucket of one account in one region.
    pub(super) fn of(&self, account_id: &str, region: &str) -> Arc<Bucket> {
        let region = match self.limits.per {
            BucketScope::Region => Some(region.to_owned()),
            BucketScope::Account => None,
        };
        let mut places = self.by_place.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (account_id.to_owned(), region);
        if let Some(bucket) = places.buckets.get(&key) {
            return Arc::clone(bucket);
        }
        places.sweep();
        let bucket = Arc::new(Bucket::new(self.limits.requests_per_second, self.limits.burst));
        places.buckets.insert(key, Arc::clone(&bucket));
        bucket
    }
}

/// A token bucket: rested it lets `burst` requests through at once, then `rate` a second.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Tokens a second; absent = no limit.
    rate: Option<f64>,
    burst: f64,
    /// Whoever holds it is next; the lock queues first come, first served, and a caller that goes away leaves its token.
    turn: tokio::sync::Mutex<()>,
    /// An answer came, so that a full bucket earns again.
    answered: Notify,
    state: Mutex<State>,
    in_flight: Semaphore,
    most_in_flight: usize,
    resources: Pace,
}

/// Leave for one attempt, to be held until it is answered or has failed.
#[derive(Debug)]
pub(super) struct Ticket<'a>(Option<&'a Bucket>);

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if let Some(bucket) = self.0
            && let Some(rate) = bucket.rate
        {
            bucket.state().answered(Instant::now(), rate, bucket.burst);
            bucket.answered.notify_one();
        }
    }
}

#[derive(Debug)]
struct State {
    /// What AWS has at least if nothing that is on its way has arrived.
    tokens: f64,
    /// Tickets out.
    on_their_way: u32,
    counted_at: Instant,
    /// Nobody goes before this.
    not_before: Instant,
    /// Share of the rate that is in force, halved by each refusal.
    pace: f64,
    refused_at: Option<Instant>,
}

impl Bucket {
    /// A rested bucket; a rate of 0 (or less) means no limit.
    pub(super) fn new(rate: f64, burst: u32) -> Self {
        let rate = (rate.is_finite() && rate > 0.0).then_some(rate);
        let burst = f64::from(burst.max(1));
        let now = Instant::now();
        let most_in_flight = rate.map_or(MOST_IN_FLIGHT, most_in_flight) as usize;
        Self {
            rate,
            burst,
            turn: tokio::sync::Mutex::new(()),
            answered: Notify::new(),
            state: Mutex::new(State {
                tokens: burst,
                on_their_way: 0,
                counted_at: now,
                not_before: now,
                pace: 1.0,
                refused_at: None,
            }),
            in_flight: Semaphore::new(most_in_flight),
            most_in_flight,
            resources: Pace::new(RESOURCES),
        }
    }

    /// Waits for the turn of a `GetResources`, of which AWS grants fewer; without a limit there is nothing to wait for.
    pub(super) async fn turn_of_resources(&self) {
        if self.rate.is_some() {
            self.resources.turn().await;
        }
    }

    /// How many callers [`Bucket::enter`] lets in at once.
    pub(super) fn most_in_flight(&self) -> usize {
        self.most_in_flight
    }

    /// Waits for room among the requests in flight; to be held from before a request is signed until it is answered.
    pub(super) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed; were it, going on without a bound would still be right.
        self.in_flight.acquire().await.ok()
    }

    /// Waits for leave; to be taken for each attempt, first or repeated.
    pub(super) async fn take(&self) -> Ticket<'_> {
        let Some(rate) = self.rate else { return Ticket(None) };
        let _turn = self.turn.lock().await;
        loop {
            let wait = self.state().take(Instant::now(), rate, self.burst);
            match wait {
                Ok(()) => return Ticket(Some(self)),
                Err(Wait::Until(at)) => sleep_until(at).await,
                Err(Wait::ForAnswer) => self.answered.notified().await,
            }
        }
    }

    /// Learns that AWS refused a request for coming too fast; `pause` is what the answer asked for.
    ///
    /// Every caller of the bucket pauses, and for a while it gives out tokens more slowly. Refusals of requests that
    /// left before the pause began count once.
    pub(super) fn refused(&self, pause: Option<Duration>) {
        let Some(rate) = self.rate else { return };
        self.state().refused(Instant::now(), rate, self.burst, pause.unwrap_or(COOL_DOWN).min(LONGEST_COOL_DOWN));
    }

    /// Whether it is as a new one is: full, at its whole pace, and under no pause.
    fn is_rested(&self) -> bool {
        self.rate.is_none_or(|rate| self.state().is_rested(Instant::now(), rate, self.burst))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bound that keeps a queue within [`LONGEST_QUEUE`].
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 32 after the clamp")]
fn most_in_flight(rate: f64) -> u32 {
    (rate * LONGEST_QUEUE).clamp(1.0, f64::from(MOST_IN_FLIGHT)) as u32
}

/// What the next in turn waits for.
enum Wait {
    /// Time.
    Until(Instant),
    /// As many are on their way as a full bucket allows, so time alone brings nothing.
    ForAnswer,
}

impl State {
    /// Lends a token, or says what to wait for.
    fn take(&mut self, now: Instant, rate: f64, burst: f64) -> Result<(), Wait> {
        self.refill(now, rate, burst);
        if now < self.not_before {
            return Err(Wait::Until(self.not_before));
        }
        let wanted = f64::from(self.on_their_way) + 1.0;
        // Less than a token by a rounding error is a token.
        if self.tokens >= wanted - 1e-9 {
            self.on_their_way += 1;
            return Ok(());
        }
        if wanted > burst {
            return Err(Wait::ForAnswer);
        }
        Err(Wait::Until(now + Duration::from_secs_f64((wanted - self.tokens) / (rate * self.pace))))
    }

    fn answered(&mut self, now: Instant, rate: f64, burst: f64) {
        self.refill(now, rate, burst);
        self.on_their_way = self.on_their_way.saturating_sub(1);
        self.tokens -= 1.0;
    }

    fn refused(&mut self, now: Instant, rate: f64, burst: f64, pause: Duration) {
        self.refill(now, rate, burst);
        if now >= self.not_before {
            self.pace = (self.pace / 2.0).max(SLOWEST);
            self.tokens = self.tokens.min(f64::from(self.on_their_way));
            self.refused_at = Some(now);
        }
        self.not_before = self.not_before.max(now + pause);
    }

    fn is_rested(&mut self, now: Instant, rate: f64, burst: f64) -> bool {
        self.refill(now, rate, burst);
        self.on_their_way == 0 && self.tokens >= burst && self.refused_at.is_none() && now >= self.not_before
    }

    fn refill(&mut self, now: Instant, rate: f64, burst: f64) {
        let passed = now.saturating_duration_since(self.counted_at);
        // During a pause nothing is earned, else it would end in a burst.
        let earning = passed.min(now.saturating_duration_since(self.not_before));
        self.tokens = (self.tokens + earning.as_secs_f64() * rate * self.pace).min(burst);
        self.counted_at = now;
        if let Some(refused_at) = self.refused_at
            && now.saturating_duration_since(refused_at.max(self.not_before)) >= RECOVERY
        {
            self.pace = (self.pace * 2.0).min(1.0);
            self.refused_at = (self.pace < 1.0).then_some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn take_many(bucket: &Bucket, count: usize) -> Duration {
        let start = Instant::now();
        for _ in 0..count {
            bucket.take().await;
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_rested_bucket_lets_its_burst_through_at_once_and_then_keeps_the_rate() {
        let bucket = Bucket::new(5.0, 10);
        assert_eq!(take_many(&bucket, 10).await, Duration::ZERO);
        let elapsed = take_many(&bucket, 50).await;
        assert!(elapsed >= Duration::from_secs(10) && elapsed < Duration::from_millis(10_060), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_quota_is_left_unused_at_a_rate_that_is_no_round_number_of_milliseconds() {
        let bucket = Bucket::new(9.9, 39);
        let elapsed = take_many(&bucket, 39 + 990).await;
        assert!(elapsed < Duration::from_millis(100_010), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn never_more_than_burst_and_rate_in_any_window() {
        let bucket = Bucket::new(10.0, 40);
        let start = Instant::now();
        let mut taken = Vec::new();
        for _ in 0..200 {
            bucket.take().await;
            taken.push(start.elapsed().as_secs_f64());
        }
        for (first, from) in taken.iter().enumerate() {
            for (last, to) in taken.iter().enumerate().skip(first) {
                let count = f64::from(u32::try_from(last - first + 1).unwrap());
                assert!(count <= 40.0 + (to - from) * 10.0 + 1e-6, "{count} between {from} and {to}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rate_zero_is_no_limit_even_after_a_refusal() {
        let bucket = Bucket::new(0.0, 1);
        bucket.refused(Some(Duration::from_secs(20)));
        assert_eq!(take_many(&bucket, 10_000).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn callers_are_served_in_the_order_in_which_they_came() {
        let bucket = Arc::new(Bucket::new(10.0, 1));
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for caller in 0..20 {
            let (bucket, served) = (Arc::clone(&bucket), Arc::clone(&served));
            tasks.push(tokio::spawn(async move {
                let _ticket = bucket.take().await;
                served.lock().unwrap().push(caller);
            }));
            tokio::task::yield_now().await;
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*served.lock().unwrap(), (0..20).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_goes_away_leaves_its_token_to_the_next() {
        let bucket = Bucket::new(1.0, 1);
        bucket.take().await;
        let start = Instant::now();
        let given_up = tokio::time::timeout(Duration::from_millis(500), bucket.take()).await;
        assert!(given_up.is_err());
        bucket.take().await;
        assert!(start.elapsed() < Duration::from_millis(1_010), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_pauses_everybody_for_as_long_as_the_answer_asks() {
        let bucket = Bucket::new(100.0, 100);
        bucket.refused(Some(Duration::from_secs(7)));
        let elapsed = take_many(&bucket, 1).await;
        assert!(elapsed >= Duration::from_secs(7) && elapsed < Duration::from_millis(7_100), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_cannot_ask_for_more_than_the_longest_pause() {
        let bucket = Bucket::new(100.0, 100);
        bucket.refused(Some(Duration::from_hours(24)));
        let elapsed = take_many(&bucket, 1).await;
        assert!(elapsed < LONGEST_COOL_DOWN + Duration::from_millis(100), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_begins_while_a_caller_waits_holds_it_too() {
        let bucket = Arc::new(Bucket::new(1.0, 1));
        bucket.take().await;
        let waiting = tokio::spawn({
            let bucket = Arc::clone(&bucket);
            async move {
                bucket.take().await;
                Instant::now()
            }
        });
        tokio::task::yield_now().await;
        let start = Instant::now();
        bucket.refused(Some(Duration::from_secs(9)));
        assert!(waiting.await.unwrap() - start >= Duration::from_secs(9));
    }

    #[tokio::test(start_paused = true)]
    async fn after_refusals_the_pace_halves_and_comes_back() {
        let bucket = Bucket::new(10.0, 1);
        bucket.take().await;
        for _ in 0..30 {
            bucket.refused(None);
        }
        bucket.take().await;
        let slow = take_many(&bucket, 10).await;
        assert!(
            slow >= Duration::from_millis(1_990) && slow < Duration::from_millis(2_050),
            "one step slower: {slow:?}"
        );
        tokio::time::advance(RECOVERY).await;
        take_many(&bucket, 2).await;
        let fast = take_many(&bucket, 10).await;
        assert!(fast < Duration::from_millis(1_050), "{fast:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn buckets_are_shared_by_region_or_by_account() {
        let by_region = Buckets::new(&Limits::default());
        assert!(Arc::ptr_eq(&by_region.of("1", "a"), &by_region.of("1", "a")));
        assert!(!Arc::ptr_eq(&by_region.of("1", "a"), &by_region.of("1", "b")));
        let by_account = Buckets::new(&Limits { per: BucketScope::Account, ..Limits::default() });
        assert!(Arc::ptr_eq(&by_account.of("1", "a"), &by_account.of("1", "b")));
        assert!(!Arc::ptr_eq(&by_account.of("1", "a"), &by_account.of("2", "a")));
    }

    #[tokio::test(start_paused = true)]
    async fn buckets_are_forgotten_once_nobody_holds_them_and_they_have_rested() {
        let buckets = Buckets::new(&Limits::default());
        let remembered = || buckets.by_place.lock().unwrap().buckets.len();
        let in_use = buckets.of("in use", "a");
        let in_use_tokens = || in_use.state().tokens;
        in_use.take().await;
        let mut most = 0;
        for account in 0..1_000 {
            for region in 0..17 {
                let bucket = buckets.of(&account.to_string(), &region.to_string());
                bucket.take().await;
            }
            tokio::time::advance(Duration::from_secs(1)).await;
            most = most.max(remembered());
        }
        assert!(most <= 2 * FEWEST_SWEPT, "{most} of 17,000 were remembered at once");
        assert!(Arc::ptr_eq(&in_use, &buckets.of("in use", "a")));
        assert!(in_use_tokens() < Limits::default().burst.into());
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_that_is_empty_pauses_or_goes_slowly_is_not_forgotten() {
        let buckets = Buckets::new(&Limits::default());
        let many = |from: usize| {
            for account in from..from + 10 * FEWEST_SWEPT {
                buckets.of(&format!("{account:012}"), "a");
            }
        };
        for _ in 0..Limits::default().burst {
            buckets.of("emptied", "a").take().await;
        }
        buckets.of("refused", "a").refused(Some(Duration::from_secs(7)));
        many(0);
        let start = Instant::now();
        buckets.of("emptied", "a").take().await;
        assert!(start.elapsed() > Duration::from_millis(100), "it was made anew: {:?}", start.elapsed());
        buckets.of("refused", "a").take().await;
        assert!(start.elapsed() >= Duration::from_secs(7), "its pause was forgotten: {:?}", start.elapsed());
        many(10_000);
        let pace = buckets.of("refused", "a").state().pace;
        assert!(pace < 1.0, "its pace was forgotten");
    }

    /// A bucket as AWS keeps it: charged on arrival.
    struct Server {
        tokens: f64,
        at: Instant,
        refused: u32,
    }

    impl Server {
        fn arrival(&mut self, now: Instant) {
            self.tokens = (self.tokens + (now - self.at).as_secs_f64() * 10.0).min(40.0);
            self.at = now;
            if self.tokens >= 1.0 { self.tokens -= 1.0 } else { self.refused += 1 }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn however_late_requests_arrive_the_server_refuses_none_and_little_time_is_lost() {
        let bucket = Arc::new(Bucket::new(9.9, 39));
        let server = Arc::new(Mutex::new(Server { tokens: 40.0, at: Instant::now(), refused: 0 }));
        let start = Instant::now();
        let requests = (0..300_u64).map(|n| {
            let (bucket, server) = (Arc::clone(&bucket), Arc::clone(&server));
            tokio::spawn(async move {
                let _room = bucket.enter().await;
                let _ticket = bucket.take().await;
                // The first burst meets cold connections; later ones are late now and then.
                let way = if n < 40 { 400 + n * 7 } else { (n * 37) % 90 };
                tokio::time::sleep(Duration::from_millis(way)).await;
                server.lock().unwrap().arrival(Instant::now());
                tokio::time::sleep(Duration::from_millis(50)).await;
            })
        });
        for request in requests.collect::<Vec<_>>() {
            request.await.unwrap();
        }
        assert_eq!(server.lock().unwrap().refused, 0);
        let floor = Duration::from_secs(26);
        assert!(start.elapsed() < floor + Duration::from_millis(1_500), "{:?}", start.elapsed());
    }

    #[test]
    fn a_slow_bucket_lets_fewer_requests_wait_so_that_no_signature_grows_old() {
        for (rate, bound) in [(5.0, 32), (0.5, 15), (0.01, 1)] {
            assert_eq!(most_in_flight(rate), bound, "{rate}");
        }
    }
}
