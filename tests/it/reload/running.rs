//! What a reload leaves alone: schedules that say the same, and runs in flight.

use aboard::registry::Outcome;
use chrono::TimeDelta;

use super::{Followed, OFTEN, RELOADED, mondays, schedules};
use crate::support::LONG;
use crate::time::{OVER, at, file};

const MONDAY_AT_NINE: &str = "2026-11-23T09:00:00Z";

/// Two runs are in flight and wait for AWS while the file changes to `new`; both end well, and each schedule has fired once.
fn a_run_in_flight_is_untouched_by(new: &str) -> (crate::time::Timed, String) {
    let mut followed = Followed::new(&schedules("10:00"), OFTEN);
    followed.timed.sim.hold_at(1);
    followed.timed.clock.set(at(MONDAY_AT_NINE) - TimeDelta::milliseconds(300));
    assert!(followed.timed.sim.wait_until_held(LONG));
    followed.write(new);
    followed.wait_for(new);
    followed.timed.sim.release();
    followed.worker.wait_until_said_times(OVER, 2);
    let (timed, said) = followed.stop();
    assert!(said.find(RELOADED) < said.find(OVER), "the reload did not wait for the runs: {said}");
    let runs = timed.home.runs();
    assert_eq!(runs.len(), 2, "{runs:#?}");
    for run in &runs {
        assert_eq!((run.outcome, run.counts.scopes_complete), (Outcome::Succeeded, 2), "{run:#?}");
    }
    assert_eq!(timed.fates(), ["billing 2026-11-23T09:00:00Z run", "shop 2026-11-23T09:00:00Z run"]);
    (timed, said)
}

#[test]
fn a_run_goes_on_when_another_connection_is_changed() {
    a_run_in_flight_is_untouched_by(&schedules("10:01"));
}

#[test]
fn a_run_goes_on_by_what_it_began_with_when_its_own_connection_is_changed() {
    let new = schedules("10:00").replace("regions = [\"eu-west-1\"]", "regions = [\"eu-west-1\", \"eu-west-2\"]");
    let (_, said) = a_run_in_flight_is_untouched_by(&new.replace("09:00", "09:30"));
    assert!(said.contains("~3 -0 =0; changed billing (regions, auto_onboard.time)"), "{said}");
}

#[test]
fn a_run_goes_on_when_its_own_connection_is_removed() {
    let (_, said) =
        a_run_in_flight_is_untouched_by(&file(&[("billing", &mondays("09:00")), ("other", &mondays("10:00"))]));
    assert!(said.contains("+0 ~0 -1 =2; removed shop"), "{said}");
}

#[test]
fn reloads_in_the_moment_in_which_schedules_are_due_lose_none_and_double_none() {
    let mut followed = Followed::new(&schedules("10:00"), OFTEN);
    let mut expected = Vec::new();
    for week in 0..6 {
        let due = at(MONDAY_AT_NINE) + TimeDelta::weeks(week);
        followed.timed.clock.set(due - TimeDelta::milliseconds(150 + 30 * week));
        // The one that is due at ten would be late whenever the clock is set on.
        let text = file(&[("billing", &mondays("09:00")), ("shop", &mondays("09:00"))]) + &format!("# {week}\n");
        let text = if week % 2 == 0 { text } else { text + "[targets.specs.directory]\npath = \"specs\"\n" };
        followed.write(&text);
        followed.wait_for(&text);
        followed.worker.wait_until_said_times(OVER, expected.len() + 2);
        for name in ["billing", "shop"] {
            expected.push(format!("{name} {} run", due.format("%Y-%m-%dT%H:%M:%SZ")));
        }
    }
    let (timed, _) = followed.stop();
    let mut fates = timed.fates();
    fates.sort_by_key(|fate| fate.split_once(' ').map(|(name, rest)| (rest.to_owned(), name.to_owned())));
    assert_eq!(fates, expected);
    timed.every_fate_run_has_one_run();
}

#[test]
fn a_changed_schedule_begins_anew_and_the_others_do_not() {
    let mut followed = Followed::new(&schedules("10:00"), OFTEN);
    followed.timed.clock.set(at("2026-11-23T08:58:00Z"));
    // It is 08:58: for `other` half past eight is past already, and nothing of that is owed.
    let new = schedules("08:30");
    followed.write(&new);
    followed.wait_for(&new);
    followed.timed.clock.set(at(MONDAY_AT_NINE) - TimeDelta::milliseconds(300));
    followed.worker.wait_until_said_times(OVER, 2);
    let (timed, _) = followed.stop();
    assert_eq!(timed.fates(), ["billing 2026-11-23T09:00:00Z run", "shop 2026-11-23T09:00:00Z run"]);
}

#[test]
fn settings_that_need_a_restart_are_listed_and_the_rest_applies() {
    let mut followed = Followed::new(&schedules("10:00"), OFTEN);
    let new = schedules("10:01").replace("parallel_runs = 8", "parallel_runs = 4\nburst = 3")
        + "\n[http]\nlisten = \"127.0.0.1:9\"\n";
    followed.write(&new);
    followed.worker.wait_until_said(
        "+0 ~1 -0 =2; changed other (auto_onboard.time); settings limits.parallel_runs; after a restart http, limits.burst",
    );
    followed.stop();
}
