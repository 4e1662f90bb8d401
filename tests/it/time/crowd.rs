//! A thousand schedules that are due in one second.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

use std::collections::BTreeSet;
use std::fmt::Write;

use chrono::TimeDelta;

use super::{Timed, at};

const CONNECTIONS: usize = 1000;

/// Their keys are not there, so a run is over as soon as it began: what counts is that each begins.
fn crowd() -> String {
    let mut text = "[limits]\nparallel_runs = 8\n".to_owned();
    for number in 0..CONNECTIONS {
        write!(
            text,
            r#"
[connections.c{number:03}]
regions = ["eu-west-1"]
credentials.aws_user = {{ access_key_id = "env:ABSENT", secret_access_key = "env:ABSENT" }}
auto_onboard = {{ frequency = "daily", time = "09:00", timezone = "UTC" }}
"#
        )
        .unwrap();
    }
    text
}

fn all_run_once(threads: &'static str) {
    let timed = Timed::new("2026-11-23T08:50:00Z", &crowd()).on_threads(threads);
    let mut worker = timed.start();
    timed.clock.set(at("2026-11-23T09:00:00Z") - TimeDelta::milliseconds(300));
    worker.wait_until_said_times(super::OVER, CONNECTIONS);
    worker.stop();
    let dues = timed.dues();
    assert_eq!(dues.len(), CONNECTIONS);
    assert!(dues.iter().all(|due| due.fate.as_str() == "run" && due.run_id.is_some()), "{dues:#?}");
    let names: BTreeSet<&String> = dues.iter().map(|due| &due.connection).collect();
    assert_eq!(names.len(), CONNECTIONS);
    timed.every_fate_run_has_one_run();
}

#[test]
fn a_thousand_schedules_due_in_one_second_all_run_once() {
    all_run_once("2");
}

#[test]
fn a_thousand_schedules_due_in_one_second_all_run_once_on_one_thread() {
    all_run_once("1");
}
