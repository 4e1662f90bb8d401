//! A worker that runs for long while everything around it changes: the clock, AWS, the file, and who asks it. What it holds must not
//! grow, and every due instant must have its one fate.
//!
//! The clock is set from due instant to due instant, so that an hour of soaking is months of schedules.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test whose fixture fails has failed, and its figures are printed"
)]

mod deeds;
mod model;
mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aboard::registry::{DueFilter, Reader, Trigger};
use aboard_simulator::{Failure, Fault, HttpApi, Operation};
use chrono::{DateTime, TimeDelta, Utc};
use nix::sys::signal::Signal;

use super::{ARMED, Timed};
use crate::support::web::ask;
use crate::support::{LONG, Running, shop};
use model::Model;
use samples::{Course, HEAD, Sample, Watched, quarters};

/// Two days before the clocks of Auckland change; those of London, Berlin and New York do so a month later.
const BEGIN: &str = "2026-09-25T00:00:30Z";

/// The file is looked at more often, as the clock goes faster.
const OFTEN: &str = "1000,5000,100";

/// Connections to AWS at most: twice the 32 calls at a time that each of two regions allows, as one may be opened while another comes free.
const POOLED: u64 = 128;

struct Soak {
    timed: Timed,
    worker: Running,
    web: SocketAddr,
    reader: Reader,
    model: Model,
    begun: Instant,
    round: u64,
    /// When the last round's instants had come.
    served: DateTime<Utc>,
    /// How many things were done to it, and what.
    done: u64,
    deeds: BTreeMap<&'static str, u64>,
    /// APIs of each family that are there at a time, beside those of the shop.
    apis: u64,
    samples: Vec<Sample>,
    errors: u64,
}

impl Soak {
    fn begin(apis: u64) -> Self {
        let mut model = Model::new();
        let timed = Timed::new(BEGIN, &model.text());
        let before = timed.clock.now();
        let mut command = timed.home.command(&["-v", "run"]);
        command.env("TOKIO_WORKER_THREADS", "2").env("ABOARD_WATCH", OFTEN);
        let mut worker = Running::start(timed.clock.given(command));
        let listen = worker.word_after("http: listening on ");
        worker.wait_until_said(ARMED);
        let served = timed.clock.now();
        model.taken(before, served);
        let (reader, web) = (timed.home.book(), listen.trim_start_matches("http://").parse().unwrap());
        let (begun, round, done, errors) = (Instant::now(), 0, 0, 0);
        let (deeds, samples) = (BTreeMap::new(), Vec::new());
        let mut soak =
            Self { timed, worker, web, reader, model, begun, round, served, done, deeds, apis, samples, errors };
        (0..apis).for_each(|number| soak.publish(number));
        soak
    }

    /// The clock comes to the next due instant, and then so many things are done to the worker.
    fn round(&mut self, deeds: u64) {
        self.round += 1;
        self.change_the_world();
        let now = self.timed.clock.now();
        if self.round % 41 == 4 {
            // As if the machine had slept: what was due meanwhile is caught up once.
            self.timed.clock.set(now + TimeDelta::days(2));
        } else {
            self.timed.clock.set(self.model.next(now) - TimeDelta::milliseconds(300));
            self.timed_out("the due instant", |soak| soak.timed.clock.now() >= soak.model.next(now));
        }
        self.settle();
        self.timed.sim.clear_faults();
        (0..deeds).for_each(|_| self.do_something());
        for path in ["/metrics", "/api/v1/connections", "/api/v1/apis?limit=50", "/api/v1/runs?limit=20", "/healthz"] {
            let answer = ask(self.web, "GET", path, &[], "");
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
        }
        self.hear();
    }

    /// Waits until something holds.
    fn timed_out(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(
                begun.elapsed() < LONG,
                "round {}: {what} did not come; {:#?}",
                self.round,
                self.reader.open_dues()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until what has come due has its fate, and no run is under way any more.
    fn settle(&mut self) {
        let now = self.timed.clock.now();
        let since = self.served;
        let due = self.model.between(since, now);
        self.timed_out("an end of what was due", |soak| {
            let filter = DueFilter { since: Some(since), ..DueFilter::default() };
            let known = soak.reader.dues(&filter).unwrap();
            let known: BTreeSet<_> = known.into_iter().map(|due| (due.due_at, due.connection)).collect();
            due.is_subset(&known) && soak.reader.open_dues().unwrap().is_empty() && soak.rests()
        });
        self.served = now;
    }

    fn rests(&self) -> bool {
        self.reader.under_way().unwrap().is_empty()
    }

    /// APIs come and go, and AWS fails now and then.
    fn change_the_world(&mut self) {
        if self.round.is_multiple_of(5) {
            self.publish(self.apis + self.round / 5);
        }
        let fault = match self.round % 27 {
            16 | 19 => Fault::new(Failure::TooManyRequests).times(2),
            8 => Fault::new(Failure::CutMidBody).on(Operation::GetApis).times(1),
            13 => Fault::new(Failure::AccessDenied).on(Operation::GetApis).times(1),
            // More than one call is tried again: its scope fails, and is looked at again later.
            21 => Fault::new(Failure::ServerError(500)).on(Operation::GetRestApis).times(6),
            25 => Fault::new(Failure::ServerError(503)).times(1),
            _ => return,
        };
        self.timed.sim.fault(fault);
    }

    /// Two more APIs are there, and the oldest two no longer.
    fn publish(&mut self, number: u64) {
        let apis = self.apis;
        self.timed.sim.change(|world| {
            let region = world.region(shop::ACCOUNT, ["eu-west-1", "eu-west-2"][(number % 2) as usize]);
            region.add_rest(shop::rest(&format!("rest {number}"), &format!("r{number:09}")));
            region.add_http(HttpApi::new(format!("http {number}")).id(format!("h{number:09}")).stage("$default"));
            if let Some(old) = number.checked_sub(apis) {
                region.remove(&format!("r{old:09}"));
                region.remove(&format!("h{old:09}"));
            }
        });
    }

    /// Takes what was said, and looks for what must not be.
    fn hear(&mut self) {
        let said = self.worker.take_said();
        for wrong in ["panicked", "fault of aboard itself", "cannot be written down", "could not be recorded"] {
            assert!(!said.contains(wrong), "round {}: {said}", self.round);
        }
        self.errors += said.lines().filter(|line| line.contains(" ERROR ")).count() as u64;
    }

    fn sample(&mut self) {
        // The run's row is written before its task ends.
        self.timed_out("an end of the runs' tasks", |soak| {
            let page = ask(soak.web, "GET", "/metrics", &[], "").body;
            page.contains("\naboard_runs_in_flight 0.0\n") && soak.rests()
        });
        let health = self.timed.home.json(&["health"]);
        assert_eq!(health["reasons"], serde_json::json!([]), "{health}");
        let (runs, tasks) = (self.reader.newest().unwrap().0, health["tasks"].as_u64().unwrap());
        let (after, runs) = (self.begun.elapsed(), usize::try_from(runs).unwrap());
        let (pid, aws) = (self.worker.pid(), self.timed.sim.address().port());
        let watched = Watched { pid, registry: &self.timed.home.registry(), aws };
        let sample = Sample::of(watched, after, self.round, runs, tasks);
        println!("{sample}");
        self.samples.push(sample);
        self.timed.sim.reset_counts();
    }

    /// Stops the worker and looks at what it leaves: every due instant with one fate, and every run that a schedule set off with its
    /// instant.
    fn end(mut self) {
        self.hear();
        let end = self.timed.clock.now();
        self.worker.signal(Signal::SIGTERM);
        let ended = self.worker.end();
        assert_eq!(ended.said.code, Some(0), "{ended:?}");
        let Self { timed, model, round, deeds, samples, errors, .. } = self;
        timed.home.ok(&["registry", "check"]);
        timed.home.must_be_sound("after the soak");
        let (dues, runs) = (timed.dues(), timed.home.runs());
        let (mut fates, mut of): (BTreeMap<String, usize>, BTreeMap<&str, BTreeSet<_>>) = Default::default();
        let mut served = BTreeMap::new();
        for due in &dues {
            assert_eq!(due.older, 0, "{due:?}");
            assert!(of.entry(&due.connection).or_default().insert(due.due_at), "twice: {due:?}");
            let ran = ["run", "caught_up"].contains(&due.fate.as_str());
            assert_eq!((ran, ran), (due.run_id.is_some(), due.reason.is_none()), "{due:?}");
            served.extend(due.run_id.map(|run| (run, (due.connection.clone(), due.due_at))));
            let reason = due.reason.map(|reason| format!(" ({})", reason.as_str())).unwrap_or_default();
            *fates.entry(format!("{}{reason}", due.fate.as_str())).or_default() += 1;
        }
        for plan in &model.plans {
            let (must, may) = (plan.dues(end, true), plan.dues(end, false));
            let known = of.remove(plan.name.as_str()).unwrap_or_default();
            assert!(must.is_subset(&known), "{} lost {:?}", plan.name, must.difference(&known));
            assert!(known.is_subset(&may), "{} was not due {:?}", plan.name, known.difference(&may));
        }
        assert!(of.is_empty(), "{of:?}");
        let scheduled = runs.iter().filter(|run| [Trigger::Schedule, Trigger::CatchUp].contains(&run.trigger));
        let scheduled: BTreeMap<_, _> =
            scheduled.map(|run| (run.run_id, (run.connection.clone(), run.due_at.unwrap()))).collect();
        assert_eq!(scheduled, served, "runs that schedules set off, and what they served");
        let minutes = samples.last().map_or(0.0, |last| last.after.as_secs_f64() / 60.0);
        println!(
            "soak: {minutes:.1} minutes, {round} rounds, {} days of the clock, {} runs, {} due instants {fates:?}; \
             done to it {deeds:?}; {errors} lines of errors",
            (end - super::at(BEGIN)).num_days(),
            runs.len(),
            dues.len(),
        );
    }
}

/// Asserts that the worker holds no more descriptors, threads and tasks than it did.
///
/// A request that is being answered may be there by chance, and the blocking pool has as many threads as were needed at once within its
/// last ten seconds, so twice as many more are allowed; what each run, reload, edit, client or scrape leaves behind would be more than
/// that within a dozen deeds.
fn must_hold_as_many(parts: [&[Sample]; 2], most: u64) {
    let courses = [
        ("descriptors", Course::of(parts, |sample| sample.descriptors), most),
        ("threads", Course::of(parts, |sample| sample.threads), 2 * most),
        ("tasks", Course::of(parts, |sample| sample.tasks), most),
    ];
    for (name, course, most) in courses {
        println!("{name}: {course}");
        course.must_not_grow(name, most, 2 * most);
    }
}

/// Asserts that a worker that has soaked for long holds no more in its last quarter than in its second.
///
/// Without a leak memory moves by steps: a thread more in the blocking pool brings a stack and an arena of the allocator, some 2 MiB in
/// a debug build, and SQLite's page caches hold what they can, up to 8 MiB a connection, of a registry that remembers every run. Ten per cent
/// and 2 MiB leave room for that. Half of all rounds lie between the middles of the two quarters; with several hundred of them, a leak of
/// 15 KiB a round, less than one parsed schedule file, is found.
fn judge(samples: &[Sample]) {
    let parts = quarters(samples);
    must_hold_as_many(parts, 2);
    let anonymous = Course::of(parts, |sample| sample.anonymous);
    let pooled = Course::of(parts, |sample| sample.pooled);
    println!("RssAnon (KiB): {anonymous}\nconnections to AWS: {pooled}");
    assert!(pooled.late_peak <= POOLED, "connections to AWS: {pooled}");
    let most = anonymous.early + anonymous.early / 10 + 2048;
    assert!(anonymous.late <= most, "memory grew: {anonymous} KiB");
    // The log is written back at 4 MiB; a reader that stays in a transaction would let it grow without end.
    let log = Course::of(parts, |sample| sample.log);
    assert!(log.late_peak <= 16 * 1024, "the write-ahead log grew: {log} KiB");
}

#[test]
fn a_worker_among_changes_of_all_kinds_serves_every_due_instant_once() {
    println!("{HEAD}");
    let mut soak = Soak::begin(4);
    for _ in 0..deeds::KINDS / 2 {
        soak.round(2);
        soak.sample();
    }
    let samples = soak.samples.clone();
    soak.end();
    // Memory is not judged before it is warm.
    must_hold_as_many([&samples[..1], &samples[samples.len() - 1..]], 4);
}

#[test]
#[ignore = "half an hour, or ABOARD_SOAK_MINUTES: `cargo test --test it -- --ignored --nocapture soak`"]
#[expect(clippy::disallowed_methods, reason = "a test is told by the environment how long it lasts")]
fn a_worker_that_soaks_holds_no_more_at_the_end() {
    let minutes = std::env::var("ABOARD_SOAK_MINUTES").map_or(30, |text| text.parse().unwrap());
    let length = Duration::from_secs(60 * minutes);
    // A hundred and twenty samples, however long it lasts.
    let every = length / 120;
    println!("{HEAD}");
    let mut soak = Soak::begin(40);
    while soak.begun.elapsed() < length {
        soak.round(1);
        if soak.begun.elapsed() >= every * u32::try_from(soak.samples.len()).unwrap() {
            soak.sample();
        }
    }
    let samples = soak.samples.clone();
    soak.end();
    judge(&samples);
}
