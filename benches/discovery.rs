//! The time of one whole `aboard discover` process over a fleet that answers after 50 ms: `cargo bench --bench discovery`.
//!
//! 240 REST APIs with two stages each and 42 HTTP and WebSocket APIs in 3 accounts × 2 regions, once without any limit, and once
//! under AWS's quota (10 requests/s, burst 40 per account and region) with the limiter at 9.9/s and 39. Prints calls, throttled
//! answers, the floor that the quota sets, and peak memory.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and stops where its fixture fails")]

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aboard_simulator::{Fleet, Simulator, Throttle, World};
use criterion::{Criterion, criterion_group};
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::Value;
use tempfile::TempDir;

const ACCOUNTS: usize = 3;
const REGIONS: usize = 2;
const LATENCY: Duration = Duration::from_millis(50);

/// AWS's quota: tokens per second and in a full bucket, per account and region.
const QUOTA: (f64, f64) = (10.0, 40.0);

fn world() -> World {
    // 40 REST APIs × 6 scopes and 7 HTTP APIs × 6 scopes.
    World::fleet(ACCOUNTS, REGIONS, 40, 7, 2).latency(LATENCY)
}

fn schedules(limits: &str) -> TempDir {
    let mut text = format!("[limits]\n{limits}\nparallel_runs = {ACCOUNTS}\n");
    for index in 0..ACCOUNTS {
        let (account, regions) = (Fleet::account_id(index), Fleet::regions(REGIONS));
        write!(
            text,
            "[connections.a{index}]\nregions = {regions:?}\n[connections.a{index}.credentials.assume_role]\n\
             role_arn = \"arn:aws:iam::{account}:role/{}\"\n\
             source = {{ aws_user = {{ access_key_id = \"{}\", secret_access_key = \"env:SECRET\" }} }}\n",
            Fleet::CHILD_ROLE,
            Fleet::access_key(0),
        )
        .unwrap();
    }
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("schedules.toml"), text).unwrap();
    folder
}

/// One process over everything; its wall time. Every API must have been seen.
fn discover(simulator: &Simulator, folder: &TempDir) -> Duration {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aboard"));
    command.args(["-o", "json", "discover", "--all"]).current_dir(folder.path());
    command.env("AWS_ENDPOINT_URL", simulator.url()).env("SECRET", "x").stdin(Stdio::null()).stderr(Stdio::inherit());
    let begun = Instant::now();
    let output = command.output().unwrap();
    let took = begun.elapsed();
    let reports = String::from_utf8(output.stdout).unwrap();
    let seen = |line| serde_json::from_str::<Value>(line).unwrap()["counts"]["seen"].as_u64().unwrap();
    let seen: u64 = reports.lines().map(seen).sum();
    assert_eq!(seen, 282, "{}", output.status);
    took
}

/// The first argument of the process that measures.
const MEASURE: &str = "measure-peak-memory";

/// The most memory that one discovery used, in MiB.
///
/// A process inherits the peak of the one that it was spawned from, and this one holds the simulator; so a small process of its own
/// spawns it and tells what it used.
fn peak_mib(simulator: &Simulator, folder: &TempDir) -> f64 {
    let mut measure = Command::new(std::env::current_exe().unwrap());
    measure.arg(MEASURE).current_dir(folder.path()).env("AWS_ENDPOINT_URL", simulator.url()).env("SECRET", "x");
    let told = String::from_utf8(measure.output().unwrap().stdout).unwrap();
    told.trim().parse().unwrap()
}

fn measure() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aboard"));
    command.args(["-o", "json", "discover", "--all"]).stdin(Stdio::null()).stdout(Stdio::null());
    assert!(command.status().unwrap().success());
    let kib = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    println!("{:.1}", f64::from(i32::try_from(kib).unwrap()) / 1024.0);
}

fn unlimited(criterion: &mut Criterion) {
    let folder = schedules("requests_per_second = 0");
    let simulator = Simulator::start(world());
    discover(&simulator, &folder);
    let counts = simulator.counts();
    println!(
        "without a limit: {} calls, {} throttled, peak memory {:.1} MiB",
        counts.calls,
        counts.throttled,
        peak_mib(&simulator, &folder)
    );
    criterion.bench_function("discover 282 APIs, 50 ms, no limit", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| discover(&simulator, &folder)).sum());
    });
}

fn under_quota(criterion: &mut Criterion) {
    let folder = schedules("requests_per_second = 9.9\nburst = 39");
    let throttle = Throttle::new(QUOTA.0, QUOTA.1);
    let run = || {
        // A new server has rested buckets.
        let simulator = Simulator::start(world().throttle(throttle));
        let took = discover(&simulator, &folder);
        (took, simulator.counts())
    };
    let (took, counts) = run();
    let most = counts.by_region.values().copied().max().unwrap_or_default();
    let floor = (f64::from(u32::try_from(most).unwrap()) - QUOTA.1).max(0.0) / QUOTA.0;
    println!(
        "under AWS's quota: {} calls, {most} in the busiest bucket, floor {floor:.1} s, took {:.2} s, {} throttled",
        counts.calls,
        took.as_secs_f64(),
        counts.throttled,
    );
    criterion.bench_function("discover 282 APIs, 50 ms, AWS's quota", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| run().0).sum());
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(15));
    targets = unlimited, under_quota
}

fn main() {
    if std::env::args().nth(1).is_some_and(|first| first == MEASURE) {
        return measure();
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
