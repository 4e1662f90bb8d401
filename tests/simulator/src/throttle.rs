//! AWS-like throttling: token buckets per account or per (account, region).

use std::collections::HashMap;
use std::time::Instant;

/// Whose calls share a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// One bucket for all regions of an account.
    Account,
    /// One bucket for each account and region, as the tables of the API Gateway quotas page are headed.
    Region,
}

/// A quota on API Gateway calls, shared by v1 and v2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttle {
    /// Tokens that come back per second.
    pub rate: f64,
    /// Tokens in a full bucket; a new bucket is full.
    pub burst: f64,
    /// Whose calls share a bucket.
    pub per: Per,
}

impl Throttle {
    /// What AWS grants: 10 requests per second, burst 40 (AWS API Gateway quotas page, all management operations).
    pub fn aws() -> Self {
        Self { rate: 10.0, burst: 40.0, per: Per::Region }
    }

    /// A quota per account and region.
    pub fn new(rate: f64, burst: f64) -> Self {
        Self { rate, burst, per: Per::Region }
    }
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

/// The buckets of every account and region asked so far.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    by_place: HashMap<String, HashMap<String, Bucket>>,
}

impl Buckets {
    /// Takes a token at `now`; false where the bucket is empty. A refused call costs no token.
    pub(crate) fn admit(&mut self, throttle: Throttle, account: &str, region: &str, now: Instant) -> bool {
        let region = if throttle.per == Per::Account { "" } else { region };
        let buckets = self.by_place.entry(account.to_owned()).or_default();
        let bucket = buckets.entry(region.to_owned()).or_insert(Bucket { tokens: throttle.burst, filled: now });
        let waited = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.tokens = (bucket.tokens + waited * throttle.rate).min(throttle.burst);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn admitted(buckets: &mut Buckets, throttle: Throttle, region: &str, now: Instant) -> usize {
        (0..100).filter(|_| buckets.admit(throttle, "1", region, now)).count()
    }

    #[test]
    fn a_full_bucket_grants_its_burst_and_then_its_rate() {
        let (mut buckets, start) = (Buckets::default(), Instant::now());
        assert_eq!(admitted(&mut buckets, Throttle::aws(), "eu-west-1", start), 40);
        assert_eq!(admitted(&mut buckets, Throttle::aws(), "eu-west-1", start + Duration::from_secs(2)), 20);
        assert_eq!(admitted(&mut buckets, Throttle::aws(), "eu-west-1", start + Duration::from_mins(1)), 40);
    }

    #[test]
    fn a_bucket_is_shared_by_what_the_quota_says() {
        let (mut buckets, now) = (Buckets::default(), Instant::now());
        assert_eq!(admitted(&mut buckets, Throttle::aws(), "eu-west-1", now), 40);
        assert_eq!(admitted(&mut buckets, Throttle::aws(), "eu-west-2", now), 40);
        let shared = Throttle { per: Per::Account, ..Throttle::aws() };
        let mut buckets = Buckets::default();
        assert_eq!(admitted(&mut buckets, shared, "eu-west-1", now), 40);
        assert_eq!(admitted(&mut buckets, shared, "eu-west-2", now), 0);
    }
}
