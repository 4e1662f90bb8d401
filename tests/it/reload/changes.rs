//! Every way in which a file is changed: each of three changes is seen, and each once.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use super::{Followed, NEVER, OFTEN, RELOADED, command, reloads, schedules, started};
use crate::support::mounts::unshared;
use crate::time::Timed;

/// The times of the three changes.
const TIMES: [&str; 3] = ["10:01", "10:02", "10:03"];

/// Each change is taken over as what it is, by whatever noticed it, and nothing is taken over twice.
fn each_of_three_is_seen(mut followed: Followed, change: impl Fn(&Path, &str)) {
    let file = followed.file.clone();
    for time in TIMES {
        let text = schedules(time);
        change(&file, &text);
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "what the test wrote");
        followed.wait_for(&text);
    }
    let (timed, said) = followed.stop();
    let line = ": +0 ~1 -0 =2; changed other (auto_onboard.time)";
    assert_eq!(said.matches(line).count(), 3, "{said}");
    assert_eq!(said.matches(RELOADED).count(), 3, "{said}");
    let audited: Vec<_> = reloads(&timed.home).into_iter().map(|row| row.detail["hash"].clone()).collect();
    assert_eq!(audited, TIMES.map(|time| super::hash(&schedules(time))), "with what was in it");
}

fn plain() -> Followed {
    Followed::new(&schedules("10:00"), OFTEN)
}

#[test]
fn a_file_that_is_written_in_place() {
    each_of_three_is_seen(plain(), |file, text| fs::write(file, text).unwrap());
}

#[test]
fn a_file_that_another_is_renamed_over() {
    each_of_three_is_seen(plain(), |file, text| {
        fs::write(file.with_extension("tmp"), text).unwrap();
        fs::rename(file.with_extension("tmp"), file).unwrap();
    });
}

#[test]
fn a_file_that_vim_moves_away_and_writes_anew() {
    each_of_three_is_seen(plain(), |file, text| {
        let backup = file.with_extension("toml~");
        fs::rename(file, &backup).unwrap();
        fs::write(file, text).unwrap();
        fs::remove_file(backup).unwrap();
    });
}

#[test]
fn a_file_that_sed_edits() {
    each_of_three_is_seen(plain(), |file, text| {
        let time = TIMES.iter().find(|time| text.contains(*time)).unwrap();
        let edited = Command::new("sed").args(["-i", &format!("s/10:0[0-9]/{time}/")]).arg(file).status().unwrap();
        assert!(edited.success());
    });
}

/// As the kubelet lays a `ConfigMap` out, and changes it.
#[test]
fn a_file_that_kubernetes_swaps() {
    let timed = Timed::new(super::SATURDAY, "");
    let mount = timed.home.path("mount");
    let version = |name: &str, text: &str| {
        fs::create_dir_all(mount.join(name)).unwrap();
        fs::write(mount.join(name).join("schedules.toml"), text).unwrap();
        symlink(name, mount.join("..data_tmp")).unwrap();
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    };
    version("..0", &schedules("10:00"));
    symlink("..data/schedules.toml", mount.join("schedules.toml")).unwrap();
    let mut command = command(&timed.home, OFTEN);
    command.args(["--config", "mount/schedules.toml", "--registry", "aboard.db"]);
    let worker = started(&timed, command);
    let followed = Followed { timed, worker, file: mount.join("schedules.toml") };
    each_of_three_is_seen(followed, |_, text| {
        let before = fs::read_link(mount.join("..data")).unwrap();
        version(&format!("..{}", super::hash(text)), text);
        fs::remove_dir_all(mount.join(before)).unwrap();
    });
}

#[test]
fn a_file_whose_old_times_and_size_were_restored() {
    each_of_three_is_seen(plain(), |file, text| {
        let modified = fs::metadata(file).unwrap().modified().unwrap();
        fs::write(file, text).unwrap();
        fs::File::options().write(true).open(file).unwrap().set_modified(modified).unwrap();
    });
}

#[test]
fn a_hangup_reloads_a_file_that_nothing_else_looked_at() {
    let mut followed = Followed::new(&schedules("10:00"), NEVER);
    for time in TIMES {
        followed.write(&schedules(time));
        followed.worker.signal(Signal::SIGHUP);
        followed.wait_for(&schedules(time));
    }
    followed.worker.signal(Signal::SIGHUP);
    followed.worker.wait_until_said("is in force already");
    let (timed, said) = followed.stop();
    assert_eq!(said.matches(RELOADED).count(), 3, "{said}");
    assert!(reloads(&timed.home).iter().all(|row| row.detail["trigger"] == "signal"));
}

/// The first look finds what changed before the watch began; no later one comes before the test is over.
#[test]
fn a_file_is_followed_by_events_alone_where_the_file_system_tells_of_changes() {
    let mut followed = Followed::new(&schedules("10:00"), "3600000,3600000,300");
    for time in TIMES {
        followed.write(&schedules(time));
        followed.wait_for(&schedules(time));
    }
    let (timed, _) = followed.stop();
    let triggers: Vec<_> = reloads(&timed.home).into_iter().map(|row| row.detail["trigger"].clone()).collect();
    assert_eq!(triggers[1..], ["watch", "watch"]);
}

#[test]
fn where_the_system_has_no_watch_to_give_it_is_said_once_and_each_of_three_is_seen() {
    let test = "where_the_system_has_no_watch_to_give_it_is_said_once_and_each_of_three_is_seen";
    let timed = Timed::new(super::SATURDAY, &schedules("10:00"));
    let none = "echo 0 > /proc/sys/user/max_inotify_instances";
    let command = command(&timed.home, OFTEN);
    let Some(command) = unshared(test, &["-U", "-r"], none, &command) else { return };
    let mut worker = started(&timed, command);
    worker.wait_until_said("does not tell of changes");
    let mut followed = Followed { file: timed.home.path("schedules.toml"), timed, worker };
    for time in TIMES {
        followed.write(&schedules(time));
        followed.wait_for(&schedules(time));
    }
    let (timed, said) = followed.stop();
    assert_eq!(said.matches("does not tell of changes").count(), 1, "{said}");
    assert!(reloads(&timed.home).iter().all(|row| row.detail["trigger"] == "poll"));
}
