//! The file on the disk: replaced whole, with its mode, owner and links, or left alone with a sentence why.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::process::Command;

use super::{COMMENTED, home, refused, text};
use crate::support::shop::{self, KEY, open};
use crate::support::{LONG, Said};

const SET: [&str; 5] = ["schedule", "set", "shop", "--time", "04:00"];

fn edited() -> String {
    COMMENTED.replace("02:30", "04:00")
}

#[test]
fn mode_and_owner_are_kept_and_nothing_is_left_beside() {
    let home = home(COMMENTED);
    let path = home.path("schedules.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    // Only root may give a file away; for others the owner is their own.
    let root = nix::unistd::Uid::effective().is_root();
    if root {
        chown(&path, Some(12_345), Some(23_456)).unwrap();
    }
    let before = fs::metadata(&path).unwrap();
    home.ok(&SET);
    let after = fs::metadata(&path).unwrap();
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    assert_ne!(after.ino(), before.ino(), "replaced in one step, not written over");
    assert_eq!(text(&home), edited());
    let names: Vec<_> = fs::read_dir(home.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["schedules.toml"]);
    let inode = after.ino();
    home.ok(&SET);
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode, "what changes nothing writes nothing");
}

#[test]
fn commands_at_once_go_one_after_the_other_and_each_keeps_what_the_others_wrote() {
    let table = |name: &str| {
        format!(
            "[connections.{name}]\nregions = ['eu-west-1']\ncredentials.default_chain = {{}}\n[connections.{name}.auto_onboard]\nfrequency = 'daily'\ntime = '02:00'\ntimezone = 'UTC'\n"
        )
    };
    let names: Vec<String> = (0..12).map(|number| format!("shop-{number}")).collect();
    let home = home(&names.iter().map(|name| table(name)).collect::<String>());
    let edits: Vec<_> = names.iter().map(|name| home.start(&["schedule", "set", name, "--time", "04:00"])).collect();
    for edit in edits {
        let said = edit.end().said;
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    assert_eq!(text(&home).matches("04:00").count(), 12, "{}", text(&home));
}

#[test]
fn a_link_is_followed_and_stays() {
    let home = home(COMMENTED);
    fs::create_dir(home.path("real")).unwrap();
    fs::rename(home.path("schedules.toml"), home.path("real/ours.toml")).unwrap();
    symlink("real/ours.toml", home.path("link.toml")).unwrap();
    symlink("link.toml", home.path("schedules.toml")).unwrap();
    home.ok(&SET);
    assert_eq!(fs::read_link(home.path("schedules.toml")).unwrap().to_str(), Some("link.toml"));
    assert_eq!(fs::read_link(home.path("link.toml")).unwrap().to_str(), Some("real/ours.toml"));
    assert_eq!(fs::read_to_string(home.path("real/ours.toml")).unwrap(), edited());
}

#[test]
fn a_write_protected_file_and_a_config_map_are_refused() {
    let home = home(COMMENTED);
    let path = home.path("schedules.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    refused(&home, &SET, 1, &["cannot change schedules.toml: it is read-only for you"]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();

    fs::create_dir(home.path("..2026_11_21_10_00_00.1")).unwrap();
    fs::rename(&path, home.path("..2026_11_21_10_00_00.1/schedules.toml")).unwrap();
    symlink("..2026_11_21_10_00_00.1", home.path("..data")).unwrap();
    symlink("..data/schedules.toml", &path).unwrap();
    refused(&home, &SET, 1, &["schedules.toml is mounted from a Kubernetes ConfigMap", "change the ConfigMap instead"]);
    assert!(home.ok(&[&SET[..], &["--dry-run"]].concat()).stdout.contains("+time = \"04:00\""));
}

/// Runs a script in a mount namespace of its own, with the command line's words in `$@`. `None` where that is not permitted, which is said.
#[expect(clippy::print_stderr, reason = "a test that was not run is named")]
fn in_own_mounts(home: &crate::support::Home, test: &str, script: &str) -> Option<Said> {
    let permitted = Command::new("unshare").args(["-m", "true"]).output().is_ok_and(|output| output.status.success());
    if !permitted {
        eprintln!("not run, as mount namespaces are not permitted here: {test}");
        return None;
    }
    let aboard = home.command(&SET);
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-euc", script, "sh"]).arg(aboard.get_program()).args(aboard.get_args());
    command.current_dir(home.path(""));
    Some(Said::of(command.output().unwrap()))
}

#[test]
fn a_file_that_is_mounted_by_itself_is_refused() {
    let home = home(COMMENTED);
    home.write("mounted.toml", "");
    let script = "mount --bind schedules.toml mounted.toml; exec \"$@\" --config mounted.toml";
    let Some(said) = in_own_mounts(&home, "a_file_that_is_mounted_by_itself_is_refused", script) else { return };
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("cannot change mounted.toml: it is mounted by itself"), "{said:?}");
    assert!(said.stderr.contains("mount its directory instead"), "{said:?}");
    assert_eq!(text(&home), COMMENTED);
    assert_eq!(fs::read_dir(home.path("")).unwrap().count(), 2, "nothing is left beside");
}

#[test]
fn a_read_only_file_system_is_refused() {
    let home = home(COMMENTED);
    let script = "mount --bind . .; mount -o remount,ro,bind .; cd \"$PWD\"; exec \"$@\"";
    let Some(said) = in_own_mounts(&home, "a_read_only_file_system_is_refused", script) else { return };
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("cannot change schedules.toml: its file system is read-only"), "{said:?}");
}

#[test]
fn what_somebody_writes_while_a_connection_is_tried_stays() {
    let (sim, home) = open(shop::stocked());
    sim.hold_at(1);
    let adding = home.start(&[
        "connection",
        "add",
        "second",
        "--regions",
        "eu-west-1",
        "--access-key-id",
        KEY,
        "--secret-access-key",
        "env:SECRET",
    ]);
    assert!(sim.wait_until_held(LONG));
    let theirs = format!("{}# theirs\n", text(&home));
    home.write("schedules.toml", &theirs);
    sim.release();
    let said = adding.end().said;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(text(&home).starts_with(&theirs) && text(&home).contains("[connections.second]"), "{}", text(&home));
}

#[test]
fn of_many_edits_of_one_key_at_once_each_is_made_whole() {
    let home = home(COMMENTED);
    let running: Vec<_> = (0..8)
        .map(|number| home.start(&["schedule", "set", "shop", "--max-new", &(100 + number).to_string()]))
        .collect();
    for one in running {
        let said = one.end().said;
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    let after = text(&home);
    let line = after.lines().find(|line| line.starts_with("max_new = 10")).unwrap();
    assert_eq!(after.replace(&format!("{line}\n"), ""), COMMENTED);
    assert_eq!(fs::read_dir(home.path("")).unwrap().count(), 1, "nothing is left beside");
}
