//! A bad, half-written, empty or vanished file changes nothing, and stays visible until it is cured.

use std::fs;

use aboard::registry::AuditAction;
use nix::sys::signal::Signal;

use super::{AGAIN, Followed, OFTEN, REJECTED, RELOADED, mondays, reloads, schedules};
use crate::support::CANARY;
use crate::time::{OVER, at, file};

/// The file becomes bad and is refused with `sentence`; the old schedules fire; whoever asks hears it again; and then it is cured.
fn changes_nothing_until_it_is_cured(spoil: impl FnOnce(&Followed), sentence: &str, kept_from_starting: bool) {
    let good = schedules("10:00");
    let mut followed = Followed::new(&good, OFTEN);
    spoil(&followed);
    followed.worker.wait_until_said(REJECTED);
    followed.timed.clock.set(at("2026-11-23T08:59:59.700Z"));
    followed.worker.wait_until_said_times(OVER, 2);
    followed.worker.signal(Signal::SIGHUP);
    followed.worker.wait_until_said_times(REJECTED, 2);
    followed.write(&good);
    followed.worker.wait_until_said(AGAIN);
    let later = schedules("10:01");
    followed.write(&later);
    followed.wait_for(&later);

    let (timed, said) = followed.stop();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains(REJECTED)).collect();
    assert_eq!(lines.len(), 2, "it is said once, and to whoever asks: {said}");
    for line in lines {
        assert!(line.contains(sentence) && line.contains("WARN"), "{line}");
        assert_eq!(line.contains("will not load at the next start"), kept_from_starting, "{line}");
    }
    assert_eq!(timed.fates(), ["billing 2026-11-23T09:00:00Z run", "shop 2026-11-23T09:00:00Z run"], "by the old file");
    let actions: Vec<AuditAction> = reloads(&timed.home).iter().map(|row| row.action).collect();
    let rejected = AuditAction::ReloadRejected;
    assert_eq!(actions, [rejected, rejected, AuditAction::Reloaded, AuditAction::Reloaded]);
}

#[test]
fn a_file_with_mistakes() {
    let spoil = |followed: &Followed| followed.write(&schedules("25:00").replace("monday", "moonday"));
    changes_nothing_until_it_is_cured(spoil, "schedules.toml:", true);
}

#[test]
fn a_file_that_is_not_toml() {
    changes_nothing_until_it_is_cured(|followed| followed.write("[[[\nhalf a"), "schedules.toml:1:", true);
}

#[test]
fn a_file_that_is_half_written() {
    let half = |followed: &Followed| {
        let text = schedules("10:00");
        followed.write(&text[..text.find("access_key_id").unwrap() + 7]);
    };
    changes_nothing_until_it_is_cured(half, "schedules.toml:", true);
}

#[test]
fn an_empty_file() {
    changes_nothing_until_it_is_cured(|followed| followed.write(""), "aboard reload --accept", false);
}

#[test]
fn a_file_that_vanished() {
    let vanish = |followed: &Followed| fs::remove_file(&followed.file).unwrap();
    changes_nothing_until_it_is_cured(vanish, "No such file", true);
}

#[test]
fn a_file_that_became_a_directory() {
    let spoil = |followed: &Followed| {
        fs::rename(&followed.file, followed.file.with_extension("old")).unwrap();
        fs::create_dir(&followed.file).unwrap();
    };
    let good = schedules("10:00");
    let mut followed = Followed::new(&good, OFTEN);
    spoil(&followed);
    followed.worker.wait_until_said(REJECTED);
    fs::remove_dir(&followed.file).unwrap();
    followed.write(&good);
    followed.worker.wait_until_said(AGAIN);
    followed.stop();
}

#[test]
fn every_mistake_of_a_bad_file_is_said_at_once_and_no_secret_is() {
    let mut followed = Followed::new(&schedules("10:00"), OFTEN);
    let bad = schedules("25:00").replace("env:SECRET", CANARY).replace("regions", "region");
    followed.write(&bad);
    followed.worker.wait_until_said(REJECTED);
    followed.write(&schedules("10:00"));
    followed.worker.wait_until_said(AGAIN);
    let (timed, said) = followed.stop();
    for mistake in ["connections.billing.region", "connections.shop.region", "secret_access_key", "auto_onboard.time"] {
        assert!(said.contains(mistake), "{mistake}: {said}");
    }
    assert!(!said.contains(CANARY), "{said}");
    for (path, content) in timed.home.files() {
        let found = content.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!found, "{}", path.display());
    }
}

#[test]
fn a_file_that_lacks_most_connections_waits_for_a_person() {
    let nine = mondays("09:00");
    let names = ["a", "b", "c", "d", "e"];
    let all = file(&names.map(|name| (name, nine.as_str())));
    let few = file(&[("a", &nine), ("b", &nine)]);
    let mut followed = Followed::new(&all, OFTEN);
    followed.write(&few);
    followed.worker.wait_until_said("would remove 3 of 5 connections; if that is meant, run `aboard reload --accept`");
    followed.worker.signal(Signal::SIGHUP);
    followed.worker.wait_until_said_times("would remove 3 of 5", 2);
    followed.timed.clock.set(at("2026-11-23T08:59:59.700Z"));
    followed.worker.wait_until_said_times(OVER, 5);
    // One fewer is an ordinary edit.
    followed.write(&file(&[("a", &nine), ("b", &nine), ("c", &nine)]));
    followed.worker.wait_until_said("+0 ~0 -2 =3; removed d, e");
    let (timed, said) = followed.stop();
    assert!(!said.contains("will not load at the next start"), "it would: {said}");
    assert_eq!(timed.dues().len(), 5);
}

#[test]
fn the_last_good_file_lies_beside_the_registry_and_a_bad_one_does_not_replace_it() {
    let mut followed = Followed::new(&schedules("10:00"), OFTEN);
    let copy = followed.timed.home.path("aboard.db.last-good.toml");
    followed.write(&schedules("10:01"));
    followed.wait_for(&schedules("10:01"));
    followed.write("nonsense");
    followed.worker.wait_until_said(REJECTED);
    let (timed, said) = followed.stop();
    assert_eq!(fs::read_to_string(&copy).unwrap(), schedules("10:01"), "{said}");
    assert_eq!(said.matches(RELOADED).count(), 1, "{said}");
    // It is a file like any other.
    timed.home.ok(&["--config", "aboard.db.last-good.toml", "check"]);
}
