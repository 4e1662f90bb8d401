//! A file that is mounted into the worker's own view of the file system, as a container engine does it, and changed from outside.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

use std::fs;
use std::path::Path;

use super::{Followed, OFTEN, RELOADED, command, schedules, started};
use crate::support::mounts::on_own_mounts;
use crate::time::Timed;

/// A worker that sees `outside` at `inside`; what the test changes is outside.
fn mounted(test: &str, outside: &str, inside: &str) -> Option<Followed> {
    let timed = Timed::new(super::SATURDAY, "");
    for folder in ["outside", "inside"] {
        fs::create_dir(timed.home.path(folder)).unwrap();
        timed.home.write(&format!("{folder}/schedules.toml"), &schedules("10:00"));
    }
    let mut command = command(&timed.home, OFTEN);
    command.args(["--config", "inside/schedules.toml", "--registry", "aboard.db"]);
    let command = on_own_mounts(test, &format!("mount --bind {outside} {inside}"), &command)?;
    let file = timed.home.path("outside/schedules.toml");
    let worker = started(&timed, command);
    Some(Followed { timed, worker, file })
}

fn renamed_over(file: &Path, text: &str) {
    fs::write(file.with_extension("tmp"), text).unwrap();
    fs::rename(file.with_extension("tmp"), file).unwrap();
}

fn each_of_three_is_seen(mut followed: Followed, change: fn(&Path, &str)) {
    for time in ["10:01", "10:02", "10:03"] {
        change(&followed.file, &schedules(time));
        followed.wait_for(&schedules(time));
    }
    let (_, said) = followed.stop();
    assert_eq!(said.matches(RELOADED).count(), 3, "{said}");
    assert!(!said.contains("mount the directory instead"), "{said}");
}

const FILE: [&str; 2] = ["outside/schedules.toml", "inside/schedules.toml"];

#[test]
fn a_mounted_file_that_is_written_in_place() {
    let test = "a_mounted_file_that_is_written_in_place";
    let Some(followed) = mounted(test, FILE[0], FILE[1]) else { return };
    each_of_three_is_seen(followed, |file, text| fs::write(file, text).unwrap());
}

#[test]
fn a_mounted_directory_in_which_the_file_is_replaced() {
    let test = "a_mounted_directory_in_which_the_file_is_replaced";
    let Some(followed) = mounted(test, "outside", "inside") else { return };
    each_of_three_is_seen(followed, renamed_over);
}

#[test]
fn a_mounted_file_that_is_replaced_outside_is_named_as_what_cannot_work() {
    let test = "a_mounted_file_that_is_replaced_outside_is_named_as_what_cannot_work";
    let Some(mut followed) = mounted(test, FILE[0], FILE[1]) else { return };
    renamed_over(&followed.file, &schedules("10:01"));
    followed.worker.wait_until_said("mount the directory instead");
    renamed_over(&followed.file, &schedules("10:02"));
    let (_, said) = followed.stop();
    assert_eq!(said.matches("mount the directory instead").count(), 1, "said once: {said}");
    assert!(!said.contains(RELOADED), "{said}");
}

/// Where the file has another name too, its count of names does not fall to nothing.
#[test]
fn a_mounted_file_with_another_name_that_is_replaced_outside_is_named_too() {
    let test = "a_mounted_file_with_another_name_that_is_replaced_outside_is_named_too";
    let Some(mut followed) = mounted(test, FILE[0], FILE[1]) else { return };
    fs::hard_link(&followed.file, followed.file.with_extension("kept")).unwrap();
    renamed_over(&followed.file, &schedules("10:01"));
    followed.worker.wait_until_said("mount the directory instead");
    followed.stop();
}
