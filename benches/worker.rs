//! The worker with a thousand schedules: how soon they are armed beside a registry of a million APIs, and what it costs to wait.
//!
//! `cargo bench --bench worker`; `ABOARD_BENCH_APIS` sets another size of the registry.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and stops where its fixture fails")]

#[path = "support/million.rs"]
mod million;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const CONNECTIONS: usize = 1000;
const STARTS: usize = 11;
const IDLE: Duration = Duration::from_mins(1);

/// A thousand connections, each with a role and a weekly schedule of its own.
fn schedules() -> String {
    let mut text = String::new();
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let zones = ["Europe/London", "America/New_York", "Asia/Tokyo", "UTC", "Australia/Sydney"];
    for number in 0..CONNECTIONS {
        let (day, zone) = (days[number % days.len()], zones[number % zones.len()]);
        let (hour, minute) = (number / 60 % 24, number % 60);
        write!(
            text,
            "[connections.c{number:03}]\nregions = [\"eu-west-1\"]\n[connections.c{number:03}.credentials.assume_role]\n\
             role_arn = \"arn:aws:iam::{number:012}:role/Reader\"\n[connections.c{number:03}.auto_onboard]\n\
             day = \"{day}\"\ntime = \"{hour:02}:{minute:02}\"\ntimezone = \"{zone}\"\ncatch_up = \"none\"\n\n"
        )
        .unwrap();
    }
    text
}

struct Worker {
    child: Child,
    armed_after: Duration,
    says: Duration,
}

/// Starts the worker and waits until its schedules are armed.
fn start(folder: &Path) -> Worker {
    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_aboard"))
        .args(["-v", "--log-format", "json", "run"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let armed_after = loop {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        if let Some(armed) = line["fields"]["armed_after_ms"].as_u64().or(line["armed_after_ms"].as_u64()) {
            break Duration::from_millis(armed);
        }
    };
    let says = begun.elapsed();
    // Whatever it says later goes nowhere, but it must not find the pipe closed.
    std::thread::spawn(move || lines.count());
    Worker { child, armed_after, says }
}

impl Worker {
    fn stop(mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.child.wait().unwrap();
    }

    /// A number from a `status` file, such as `VmRSS` in KiB.
    fn status(of: &Path, key: &str) -> u32 {
        let text = fs::read_to_string(of.join("status")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    }

    fn process(&self) -> std::path::PathBuf {
        Path::new("/proc").join(self.child.id().to_string())
    }

    /// How often one of its threads went to sleep of its own accord: each time it had been woken.
    fn wakeups(&self) -> u32 {
        let threads = fs::read_dir(self.process().join("task")).unwrap();
        threads.map(|thread| Self::status(&thread.unwrap().path(), "voluntary_ctxt_switches")).sum()
    }

    /// Clock ticks of processor time, user and system together.
    fn ticks(&self) -> u32 {
        let stat = fs::read_to_string(self.process().join("stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u32>().unwrap() + fields[12].parse::<u32>().unwrap()
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn main() {
    // `cargo test --all-targets` starts benches with this; there is nothing to test here.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("schedules.toml"), schedules()).unwrap();
    let registry = million::seed(&directory.path().join("aboard.db"), million::scopes());
    drop(registry);
    // The first start writes a thousand schedules down; the others find them.
    let first = start(directory.path());
    println!("first start: armed after {:?}, told after {:?}", first.armed_after, first.says);
    first.stop();
    let (mut armed, mut told) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let worker = start(directory.path());
        armed.push(worker.armed_after);
        told.push(worker.says);
        worker.stop();
    }
    println!(
        "start with {CONNECTIONS} connections: armed after {:?}, told after {:?} (medians of {STARTS})",
        median(armed),
        median(told)
    );

    let worker = start(directory.path());
    std::thread::sleep(Duration::from_secs(5));
    let (wakeups, ticks) = (worker.wakeups(), worker.ticks());
    std::thread::sleep(IDLE);
    let per_second = |count: u32| f64::from(count) / IDLE.as_secs_f64();
    let mib = |key| f64::from(Worker::status(&worker.process(), key)) / 1024.0;
    println!(
        "idle with {CONNECTIONS} connections: resident {:.1} MiB (peak {:.1}), {:.1} wake-ups/s, {:.2} ms of processor time/s",
        mib("VmRSS"),
        mib("VmHWM"),
        per_second(worker.wakeups() - wakeups),
        per_second(worker.ticks() - ticks) * 10.0,
    );
    worker.stop();
}
