//! The worker against the clock: the real binary, with a wall clock that the test sets.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

mod afterwards;
mod crowd;
mod killed;
mod owed;
mod reloading;
mod soak;
mod steps;
mod stopping;
mod walk;

use std::fmt::Write;

use aboard::registry::{DueFilter, DueRow};
use aboard_simulator::Simulator;
use chrono::{DateTime, Utc};

use crate::support::clock::Clock;
use crate::support::{Home, Running, shop};

/// A worker whose clock the test sets, with the world and the folder that it works in.
pub(crate) struct Timed {
    pub(crate) sim: Simulator,
    pub(crate) home: Home,
    pub(crate) clock: Clock,
    threads: &'static str,
}

/// What is said when a run is over.
pub(crate) const OVER: &str = "run over";

/// What is said when the schedules are armed.
pub(crate) const ARMED: &str = "following";

impl Timed {
    pub(crate) fn new(at: &str, schedules: &str) -> Self {
        let sim = Simulator::start(shop::stocked());
        let home = Home::new(&sim.url(), schedules);
        Self { sim, home, clock: Clock::at(at), threads: "2" }
    }

    pub(crate) fn on_threads(self, threads: &'static str) -> Self {
        Self { threads, ..self }
    }

    /// Starts the worker and waits until its schedules are armed.
    pub(crate) fn start(&self) -> Running {
        let mut worker = self.start_unarmed();
        worker.wait_until_said(ARMED);
        worker
    }

    pub(crate) fn start_unarmed(&self) -> Running {
        let mut command = self.home.command(&["-v", "run"]);
        command.env("TOKIO_WORKER_THREADS", self.threads);
        Running::start(self.clock.given(command))
    }

    /// What became of the due instants, oldest first.
    pub(crate) fn dues(&self) -> Vec<DueRow> {
        let mut dues = self.home.book().dues(&DueFilter::default()).unwrap();
        dues.reverse();
        dues
    }

    /// The same as words: connection, instant, fate and reason.
    pub(crate) fn fates(&self) -> Vec<String> {
        let word = |due: &DueRow| {
            let reason = due.reason.map(|reason| format!(" ({})", reason.as_str())).unwrap_or_default();
            format!("{} {} {}{reason}", due.connection, due.due_at.format("%Y-%m-%dT%H:%M:%SZ"), due.fate.as_str())
        };
        self.dues().iter().map(word).collect()
    }

    /// Asserts that every instant that counts as run has a run of its own.
    pub(crate) fn every_fate_run_has_one_run(&self) {
        let dues = self.dues();
        let mut runs: Vec<i64> = dues.iter().filter_map(|due| due.run_id).collect();
        let ran = dues.iter().filter(|due| ["run", "caught_up"].contains(&due.fate.as_str())).count();
        runs.sort_unstable();
        runs.dedup();
        assert_eq!(runs.len(), ran, "{dues:#?}");
    }
}

/// A schedule file with these connections, each with the keys of its `auto_onboard`.
pub(crate) fn file(connections: &[(&str, &str)]) -> String {
    let mut text = "[limits]\nrequests_per_second = 0\nparallel_runs = 8\n".to_owned();
    for (name, keys) in connections {
        text += &shop::connection(name, "regions = [\"eu-west-1\"]");
        write!(text, "\n[connections.{name}.auto_onboard]\n{keys}\n").unwrap();
    }
    text
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
