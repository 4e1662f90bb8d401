//! Due instants: one fate each, tied to their runs, whatever the clock did.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::registry::*;
use crate::schedule::{Due, Fate, Reason, Shift};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn open() -> (tempfile::TempDir, Registry) {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::create_or_open(&directory.path().join("aboard.db")).unwrap();
    (directory, registry)
}

fn fate(instant: &str, fate: Fate) -> NewFate<'static> {
    let at = at(instant);
    let due = Due { nominal: at.naive_utc(), second_pass: false, at, shift: Shift::None };
    let reason = (fate == Fate::Missed).then_some(Reason::Superseded);
    NewFate { connection: "shop", zone: "UTC", due, fate, reason, older: 0, tzdb: "2026a" }
}

fn definition(name: &str, text: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), text.to_owned())])
}

const MONDAY: &str = "2026-11-23T09:00:00Z";

#[test]
fn an_instant_gets_one_fate_whatever_comes_later() {
    let (_directory, mut registry) = open();
    let first = registry.record_fates(&[fate(MONDAY, Fate::Run)], at(MONDAY)).unwrap();
    assert!(first[0].is_some());
    // Newer zone data names another instant for the same local time.
    let mut moved = fate(MONDAY, Fate::CaughtUp);
    moved.due.at += TimeDelta::hours(1);
    assert_eq!(registry.record_fates(&[moved], at(MONDAY)).unwrap(), [None]);
    let dues = registry.dues(&DueFilter::default()).unwrap();
    assert_eq!(dues.len(), 1);
    assert_eq!((dues[0].fate, dues[0].due_at), (Fate::Run, at(MONDAY)));
}

#[test]
fn the_second_pass_of_a_local_time_is_another_instant() {
    let (_directory, mut registry) = open();
    let mut second = fate(MONDAY, Fate::Run);
    second.due.second_pass = true;
    let ids = registry.record_fates(&[fate(MONDAY, Fate::Run), second], at(MONDAY)).unwrap();
    assert!(ids.iter().all(Option::is_some));
}

#[test]
fn a_fate_without_its_run_is_open_until_the_run_begins() {
    let (_directory, mut registry) = open();
    let ids = registry.record_fates(&[fate(MONDAY, Fate::Run)], at(MONDAY)).unwrap();
    let open = registry.open_dues().unwrap();
    assert_eq!(open.iter().map(|due| Some(due.due_id)).collect::<Vec<_>>(), ids);
    let request = serde_json::json!({});
    let new = NewRun {
        connection: "shop",
        trigger: Trigger::Schedule,
        due_at: Some(at(MONDAY)),
        due: ids[0],
        resumes: None,
        selected: false,
        request: &request,
        host: None,
    };
    let run_id = registry.begin_run(&new, at(MONDAY)).unwrap();
    assert_eq!(registry.open_dues().unwrap(), []);
    assert_eq!(registry.dues(&DueFilter::default()).unwrap()[0].run_id, Some(run_id));
    // What has its run cannot become skipped any more.
    registry.change_fates(&[(ids[0].unwrap(), Fate::Skipped, Some(Reason::StillRunning))]).unwrap();
    assert_eq!(registry.dues(&DueFilter::default()).unwrap()[0].fate, Fate::Run);
}

#[test]
fn a_schedule_begins_anew_when_its_definition_changes_and_only_then() {
    let (_directory, mut registry) = open();
    let (first, second) = (at(MONDAY), at(MONDAY) + TimeDelta::hours(1));
    assert_eq!(registry.define_schedules(&definition("shop", "one"), first).unwrap()["shop"].since, first);
    assert_eq!(registry.define_schedules(&definition("shop", "one"), second).unwrap()["shop"].since, first);
    assert_eq!(registry.define_schedules(&definition("shop", "two"), second).unwrap()["shop"].since, second);
    // Taken out and put back: what was due meanwhile was due to nobody.
    assert_eq!(registry.define_schedules(&BTreeMap::new(), second).unwrap(), BTreeMap::new());
    let third = second + TimeDelta::hours(1);
    assert_eq!(registry.define_schedules(&definition("shop", "two"), third).unwrap()["shop"].since, third);
}

#[test]
fn only_the_instants_of_a_definition_settle_it() {
    let (_directory, mut registry) = open();
    registry.define_schedules(&definition("shop", "at nine"), at("2026-11-23T08:00:00Z")).unwrap();
    registry.record_fates(&[fate(MONDAY, Fate::Run)], at(MONDAY)).unwrap();
    let settled = |registry: &Registry| registry.schedules().unwrap()["shop"].settled_until;
    assert_eq!(settled(&registry), Some(at(MONDAY)));
    // The clock was half an hour ahead.
    registry.define_schedules(&definition("shop", "a quarter to nine"), at("2026-11-23T08:30:00Z")).unwrap();
    assert_eq!(settled(&registry), None);
    registry.record_fates(&[fate("2026-11-23T08:45:00Z", Fate::Run)], at("2026-11-23T08:45:00Z")).unwrap();
    assert_eq!(settled(&registry), Some(at("2026-11-23T08:45:00Z")));
    let pruned = registry.prune(TimeDelta::days(1), at("2027-11-23T09:00:00Z")).unwrap();
    assert_eq!((pruned.dues, settled(&registry)), (0, Some(at("2026-11-23T08:45:00Z"))), "it is not judged again");
}

#[test]
fn an_instant_that_was_set_aside_settles_the_definition_that_serves_it() {
    let (_directory, mut registry) = open();
    registry.define_schedules(&definition("shop", "one"), at("2026-11-01T00:00:00Z")).unwrap();
    registry.record_fates(&[fate(MONDAY, Fate::Missed)], at("2031-01-01T00:00:00Z")).unwrap();
    registry.set_aside_fates_of_the_future(at("2026-11-22T00:00:00Z")).unwrap();
    registry.define_schedules(&definition("shop", "two"), at("2026-11-22T00:00:00Z")).unwrap();
    registry.record_fates(&[fate(MONDAY, Fate::Run)], at(MONDAY)).unwrap();
    assert_eq!(registry.schedules().unwrap()["shop"].settled_until, Some(at(MONDAY)));
}

#[test]
fn a_definition_keeps_its_instants_when_only_its_date_was_wrong() {
    let (_directory, mut registry) = open();
    registry.define_schedules(&definition("shop", "one"), at("2026-11-22T00:00:00Z")).unwrap();
    registry.record_fates(&[fate(MONDAY, Fate::Run)], at(MONDAY)).unwrap();
    let september = at("2026-09-01T00:00:00Z");
    let state = registry.define_schedules(&definition("shop", "one"), september).unwrap()["shop"].clone();
    assert_eq!((state.since, state.settled_until), (september, Some(at(MONDAY))));
}

#[test]
fn a_schedule_that_began_under_a_wrong_clock_begins_now() {
    let (_directory, mut registry) = open();
    registry.define_schedules(&definition("shop", "one"), at("2031-01-01T00:00:00Z")).unwrap();
    assert_eq!(registry.define_schedules(&definition("shop", "one"), at(MONDAY)).unwrap()["shop"].since, at(MONDAY));
}

#[test]
fn only_fates_of_a_clock_that_was_far_ahead_are_set_aside() {
    let (_directory, mut registry) = open();
    registry.record_fates(&[fate(MONDAY, Fate::Run)], at(MONDAY)).unwrap();
    registry.record_fates(&[fate("2026-11-30T09:00:00Z", Fate::Missed)], at("2031-01-01T00:00:00Z")).unwrap();
    // A clock that is half an hour behind what it was: what it served stays served.
    assert_eq!(registry.set_aside_fates_of_the_future(at(MONDAY) - TimeDelta::minutes(30)).unwrap(), 1);
    let left: Vec<_> = registry.dues(&DueFilter::default()).unwrap().iter().map(|due| due.due_at).collect();
    assert_eq!(left, [at(MONDAY)]);
    // The instant is still to come, and gets the fate that counts.
    let ids = registry.record_fates(&[fate("2026-11-30T09:00:00Z", Fate::Run)], at("2026-11-30T09:00:00Z")).unwrap();
    assert!(ids[0].is_some());
    assert_eq!(registry.dues(&DueFilter::default()).unwrap()[0].fate, Fate::Run);
}

#[test]
fn what_was_set_aside_by_a_clock_that_was_behind_counts_again_when_it_is_right() {
    let (_directory, mut registry) = open();
    registry.record_fates(&[fate(MONDAY, Fate::Run)], at(MONDAY)).unwrap();
    assert_eq!(registry.set_aside_fates_of_the_future(at("2026-09-01T00:00:00Z")).unwrap(), 1);
    assert_eq!(registry.dues(&DueFilter::default()).unwrap(), []);
    assert_eq!(registry.set_aside_fates_of_the_future(at("2026-11-24T00:00:00Z")).unwrap(), 0);
    assert_eq!(registry.record_fates(&[fate(MONDAY, Fate::CaughtUp)], at("2026-11-24T00:00:00Z")).unwrap(), [None]);
    assert_eq!(registry.dues(&DueFilter::default()).unwrap()[0].fate, Fate::Run);
}

#[test]
fn the_newest_due_instant_of_a_connection_is_never_forgotten() {
    let (_directory, mut registry) = open();
    for instant in ["2026-11-09T09:00:00Z", "2026-11-16T09:00:00Z", MONDAY] {
        registry.record_fates(&[fate(instant, Fate::Missed)], at(instant)).unwrap();
    }
    let pruned = registry.prune(TimeDelta::days(1), at("2027-11-23T09:00:00Z")).unwrap();
    assert_eq!(pruned.dues, 2);
    assert_eq!(registry.dues(&DueFilter::default()).unwrap()[0].due_at, at(MONDAY));
}

#[test]
fn a_second_look_goes_with_its_schedule() {
    let (_directory, mut registry) = open();
    registry.define_schedules(&definition("shop", "one"), at(MONDAY)).unwrap();
    let retry = Retry { run_id: 1, attempt: 1, due_at: at(MONDAY) };
    registry.set_retry("shop", Some(&retry)).unwrap();
    assert_eq!(registry.retries().unwrap(), BTreeMap::from([("shop".to_owned(), retry)]));
    registry.define_schedules(&BTreeMap::new(), at(MONDAY)).unwrap();
    assert_eq!(registry.retries().unwrap(), BTreeMap::new());
}

#[test]
fn a_pause_of_all_covers_everything_and_ends_when_it_says() {
    let (_directory, mut registry) = open();
    registry.pause(None, Some(at(MONDAY)), Some("freeze"), "ann", at("2026-11-20T09:00:00Z")).unwrap();
    registry.pause(Some("shop"), None, None, "bob", at("2026-11-20T09:00:00Z")).unwrap();
    let pauses = registry.pauses().unwrap();
    assert!(pauses.iter().all(|pause| pause.covers("shop")));
    let on: Vec<&str> = pauses.iter().filter(|pause| pause.is_on(at(MONDAY))).map(|pause| pause.by.as_str()).collect();
    assert_eq!(on, ["bob"]);
    assert_eq!(registry.resume(Some("other"), "ada", at(MONDAY)).unwrap(), 0);
    assert_eq!(registry.resume(None, "ada", at(MONDAY)).unwrap(), 2);
    let trail = registry.audit_trail(&AuditFilter::default()).unwrap();
    let told: Vec<_> = trail.iter().map(|row| (row.actor.as_str(), row.action, row.connection.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("ada", AuditAction::Resumed, None),
            ("bob", AuditAction::Paused, Some("shop")),
            ("ann", AuditAction::Paused, None),
        ],
        "what ended nothing is no deed"
    );
}

fn times(registry: &Registry) -> Vec<String> {
    let show = |resting: Resting| {
        let until = resting.rest.until.map(|until| until.format("%H:%M").to_string()).unwrap_or_default();
        let name = resting.connection.unwrap_or_else(|| "all".to_owned());
        format!("{name} {}-{until}", resting.rest.from.format("%H:%M"))
    };
    let mut times: Vec<String> = registry.restings().unwrap().into_iter().map(show).collect();
    times.sort();
    times
}

#[test]
fn a_pause_that_was_ended_or_replaced_still_covers_the_time_in_which_it_was_on() {
    let (_directory, mut registry) = open();
    let clock = |time: &str| at(&format!("2026-11-23T{time}:00Z"));
    registry.pause(Some("shop"), None, None, "ann", clock("08:00")).unwrap();
    registry.pause(Some("shop"), Some(clock("12:00")), None, "ann", clock("09:30")).unwrap();
    assert_eq!(times(&registry), ["shop 08:00-09:30", "shop 09:30-12:00"]);
    // It had ended by itself an hour before.
    registry.resume(Some("shop"), "ann", clock("13:00")).unwrap();
    registry.pause(None, None, None, "ann", clock("14:00")).unwrap();
    registry.resume(None, "ann", clock("15:00")).unwrap();
    assert_eq!(times(&registry), ["all 14:00-15:00", "shop 08:00-09:30", "shop 09:30-12:00"]);
    assert_eq!(registry.pauses().unwrap(), [], "nobody is paused");
    // A clock that went back: it was on for no time.
    registry.pause(Some("other"), None, None, "ann", clock("16:00")).unwrap();
    registry.resume(Some("other"), "ann", clock("15:30")).unwrap();
    assert_eq!(times(&registry).len(), 3);
}

#[test]
fn a_pause_that_has_ended_is_remembered_until_everything_in_it_has_its_fate() {
    let (_directory, mut registry) = open();
    let long_after = at("2028-01-01T00:00:00Z");
    registry.define_schedules(&definition("shop", "one"), at("2026-11-22T00:00:00Z")).unwrap();
    for name in [Some("shop"), None, Some("gone")] {
        registry.pause(name, None, None, "ann", at("2026-11-23T08:00:00Z")).unwrap();
    }
    registry.resume(None, "ann", at("2026-11-23T10:00:00Z")).unwrap();
    registry.prune(TimeDelta::days(1), long_after).unwrap();
    assert_eq!(
        times(&registry),
        ["all 08:00-10:00", "shop 08:00-10:00"],
        "of a schedule that nobody follows nothing is owed"
    );
    registry.record_fates(&[fate(MONDAY, Fate::Skipped)], long_after).unwrap();
    registry.prune(TimeDelta::days(1), long_after).unwrap();
    assert_eq!(times(&registry).len(), 2, "there may be another instant before ten");
    registry.record_fates(&[fate("2026-11-24T09:00:00Z", Fate::Run)], long_after).unwrap();
    registry.prune(TimeDelta::MAX, long_after).unwrap();
    assert_eq!(times(&registry), [""; 0]);
}
