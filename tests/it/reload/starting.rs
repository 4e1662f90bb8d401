//! Signals that come while the worker starts.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{NEVER, SATURDAY, command, schedules};
use crate::support::{LONG, Running};
use crate::time::{ARMED, Timed};

/// A worker at the moment in which it first has a handler for this signal; before, no program can be told anything.
fn hardly_begun(timed: &Timed, signal: Signal) -> Running {
    let worker = Running::start(timed.clock.given(command(&timed.home, NEVER)));
    let begun = Instant::now();
    while !catches(worker.pid(), signal) {
        assert!(begun.elapsed() < LONG, "it has a handler for {signal}");
        std::hint::spin_loop();
    }
    worker
}

fn catches(pid: u32, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t"));
    caught.is_some_and(|mask| u64::from_str_radix(mask, 16).unwrap() >> (signal as i32 - 1) & 1 == 1)
}

#[test]
fn sighup_during_the_start_is_a_reload_after_it() {
    let timed = Timed::new(SATURDAY, &schedules("10:00"));
    // SIGHUP is the first that it listens to.
    let mut worker = hardly_begun(&timed, Signal::SIGINT);
    let (pid, armed) = (Pid::from_raw(i32::try_from(worker.pid()).unwrap()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !armed.load(Relaxed) && kill(pid, Signal::SIGHUP).is_ok() {
                std::thread::yield_now();
            }
        });
        let said = worker.says_before_it_ends(ARMED);
        armed.store(true, Relaxed);
        assert!(said, "it lives");
    });
    let begun = Instant::now();
    let by_signal = |count: &Value| count["trigger"] == "signal" && count["count"].as_u64() > Some(0);
    loop {
        let counts = timed.home.json(&["health"])["reload"]["counts"].clone();
        if counts.as_array().unwrap().iter().any(by_signal) {
            break;
        }
        assert!(begun.elapsed() < LONG, "{counts:#}");
    }
    worker.signal(Signal::SIGTERM);
    let ended = worker.end();
    assert_eq!((ended.said.code, ended.signal), (Some(0), None), "{ended:?}");
}

#[test]
fn sigterm_in_the_first_moment_ends_the_worker_well() {
    let timed = Timed::new(SATURDAY, &schedules("10:00"));
    let worker = hardly_begun(&timed, Signal::SIGTERM);
    worker.signal(Signal::SIGTERM);
    let ended = worker.end();
    assert_eq!((ended.said.code, ended.signal), (Some(0), None), "{ended:?}");
}
