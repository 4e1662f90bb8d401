//! What was asked, counted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::operation::Operation;

/// One call as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Absent where the simulator knows no such operation.
    pub operation: Option<Operation>,
    /// Whose credentials made the call; empty where they are unknown.
    pub account: String,
    /// The region of the signature; empty where there is none.
    pub region: String,
    /// The path with its query, as sent.
    pub path: String,
}

/// The calls since the start or since the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Every call, understood or not.
    pub calls: u64,
    /// Calls that were answered at least in part; the numbers of `Simulator::at_answer`.
    pub answers: u64,
    /// Calls refused by the quota or by [`Failure::TooManyRequests`](crate::Failure::TooManyRequests).
    pub throttled: u64,
    /// Calls that a fault struck.
    pub faults: u64,
    /// Calls of no operation that the simulator knows; they were answered 404.
    pub unknown: u64,
    /// The most calls that were in flight at once.
    pub peak_in_flight: u64,
    /// Calls by operation.
    pub by_operation: BTreeMap<Operation, u64>,
    /// API Gateway calls by account and region: what AWS's quota counts.
    pub by_region: BTreeMap<(String, String), u64>,
    /// Those of them that were refused; they cost no token.
    pub throttled_by_region: BTreeMap<(String, String), u64>,
}

/// When the calls of one operation arrived, counted from the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// The first call.
    pub first: Duration,
    /// The last call so far.
    pub last: Duration,
    /// Calls in each second; it ends with the second of the last call.
    pub per_second: Vec<u64>,
}

impl Arrivals {
    fn add(&mut self, at: Duration) {
        if self.per_second.is_empty() {
            self.first = at;
        }
        self.last = at;
        let second = usize::try_from(at.as_secs()).unwrap_or(usize::MAX - 1);
        if self.per_second.len() <= second {
            self.per_second.resize(second + 1, 0);
        }
        self.per_second[second] += 1;
    }
}

impl Counts {
    /// The calls of one operation.
    pub fn of(&self, operation: Operation) -> u64 {
        self.by_operation.get(&operation).copied().unwrap_or_default()
    }

    /// The API Gateway calls of one account in one region.
    pub fn of_region(&self, account: &str, region: &str) -> u64 {
        self.by_region.get(&(account.to_owned(), region.to_owned())).copied().unwrap_or_default()
    }
}

/// Counts and log together, so that they never contradict each other.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) counts: Counts,
    pub(crate) log: Vec<Call>,
    pub(crate) arrivals: BTreeMap<Operation, Arrivals>,
    begun: Instant,
    in_flight: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            log: Vec::new(),
            arrivals: BTreeMap::new(),
            begun: Instant::now(),
            in_flight: 0,
        }
    }
}

impl Ledger {
    /// Notes a call that arrived, and returns its number, from 1.
    pub(crate) fn arrived(&mut self, call: Call) -> u64 {
        self.counts.calls += 1;
        self.in_flight += 1;
        self.counts.peak_in_flight = self.counts.peak_in_flight.max(self.in_flight);
        match call.operation {
            None => self.counts.unknown += 1,
            Some(operation) => {
                *self.counts.by_operation.entry(operation).or_default() += 1;
                self.arrivals.entry(operation).or_default().add(self.begun.elapsed());
                if operation.service().is_api_gateway() {
                    let place = (call.account.clone(), call.region.clone());
                    *self.counts.by_region.entry(place).or_default() += 1;
                }
            }
        }
        self.log.push(call);
        self.counts.calls
    }

    /// Notes that a call was refused because there were too many.
    pub(crate) fn throttled(&mut self, account: &str, region: &str) {
        self.counts.throttled += 1;
        *self.counts.throttled_by_region.entry((account.to_owned(), region.to_owned())).or_default() += 1;
    }

    /// Notes that a call is over, answered or given up.
    pub(crate) fn left(&mut self) {
        self.in_flight -= 1;
    }

    /// Forgets everything but what is in flight.
    pub(crate) fn reset(&mut self) {
        self.log.clear();
        self.arrivals.clear();
        self.begun = Instant::now();
        self.counts = Counts { peak_in_flight: self.in_flight, ..Counts::default() };
    }
}
