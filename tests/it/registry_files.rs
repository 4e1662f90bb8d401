//! Registries that are missing, foreign, newer, out of reach or out of room: told apart, and never harmed.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::shop::{self, ACCOUNT, REGION, count, meddle, open, rest};
use crate::support::{Home, Said, mounts};

/// Commands that only look at a registry.
const LOOK: [&[&str]; 5] = [&["apis"], &["explain", "ordersapi1"], &["runs"], &["runs", "1"], &["registry", "info"]];

/// Commands that change one.
const CHANGE: [&[&str]; 3] =
    [&["approve", "shop"], &["ignore", "ordersapi1", "--reason", "a test"], &["unignore", "ordersapi1"]];

/// Commands that need credentials.
const WALK: [&[&str]; 2] = [&["onboard", "shop"], &["discover", "shop"]];

fn all_but_walks() -> impl Iterator<Item = &'static [&'static str]> {
    LOOK.into_iter().chain(CHANGE)
}

fn everything() -> impl Iterator<Item = &'static [&'static str]> {
    all_but_walks().chain(WALK)
}

/// Ends with 1, prints no result, and says this.
fn refused(home: &Home, words: &[&str], sentence: &str) {
    let said = home.run(words);
    assert_eq!(said.code, Some(1), "{words:?}: {said:?}");
    assert!(said.stderr.contains(sentence), "{words:?} must say `{sentence}`: {}", said.stderr);
    assert_eq!(said.stdout, "", "{words:?}");
}

#[test]
fn only_onboard_makes_a_registry() {
    let (_sim, home) = open(shop::stocked());
    for words in all_but_walks() {
        refused(&home, words, "no registry at aboard.db");
    }
    for words in [&["check"][..], &["test", "shop"], &["discover", "shop"], &["onboard", "shop", "--dry-run"]] {
        home.ok(words);
    }
    let files: Vec<PathBuf> = home.files().into_iter().map(|(path, _)| path).collect();
    assert_eq!(files, [home.path("schedules.toml")], "nothing was made");
    home.ok(&["onboard", "shop"]);
    assert!(home.registry().exists());
}

#[test]
fn a_folder_that_is_missing_is_named_and_not_made() {
    let (_sim, home) = open(shop::stocked());
    let place = home.path("no/such/folder/aboard.db");
    let place = place.to_str().unwrap();
    refused(&home, &["--registry", place, "onboard", "shop"], "/no/such/folder to hold the registry");
    refused(&home, &["--registry", place, "apis"], &format!("no registry at {place}"));
    home.ok(&["--registry", place, "discover", "shop"]);
    assert!(!home.path("no").exists());
}

#[test]
fn other_files_are_no_registries_and_stay_as_they_are() {
    let (_sim, home) = open(shop::stocked());
    meddle(&home.path("theirs.db"), "CREATE TABLE people (name TEXT); INSERT INTO people VALUES ('Ada');");
    home.write("notes.txt", "These are notes and not a registry, however long they may get to be.\n");
    for file in ["theirs.db", "notes.txt"] {
        let before = fs::read(home.path(file)).unwrap();
        for words in everything() {
            refused(&home, &[&["--registry", file], words].concat(), &format!("{file} is no registry of aboard"));
        }
        assert!(fs::read(home.path(file)).unwrap() == before, "{file} was changed");
    }
    refused(&home, &["--registry", ".", "onboard", "shop"], "registry .");
}

#[test]
fn a_registry_of_a_newer_version_is_left_alone_and_the_copy_is_named() {
    let (_sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    meddle(&home.registry(), "PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE);");
    let before = fs::read(home.registry()).unwrap();
    let newer = "registry aboard.db has schema version 99, this aboard knows versions up to 1; use a newer aboard";
    for words in everything() {
        refused(&home, words, &format!("{newer}; there is no copy that this one can read"));
    }
    fs::copy(home.registry(), home.path("aboard.db.v1.bak")).unwrap();
    meddle(&home.path("aboard.db.v1.bak"), "PRAGMA user_version = 1;");
    for words in everything() {
        refused(&home, words, &format!("{newer}, or go back to the copy aboard.db.v1.bak"));
    }
    assert!(fs::read(home.registry()).unwrap() == before, "the newer registry was changed");
    home.ok(&["--registry", "aboard.db.v1.bak", "apis"]);
}

#[test]
fn a_registry_on_a_network_file_system_is_refused_by_name() {
    // The file system's kind is what statfs tells, so a shim in front of it can tell another.
    const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/vfs.h>
#include <sys/statfs.h>
static int lie(const char *name, const char *path, struct statfs *buffer) {
    int (*real)(const char *, struct statfs *) = dlsym(RTLD_NEXT, name);
    int result = real(path, buffer);
    if (result == 0) buffer->f_type = 0x6969;
    return result;
}
int statfs(const char *path, struct statfs *buffer) { return lie("statfs", path, buffer); }
int statfs64(const char *path, struct statfs64 *buffer) { return lie("statfs64", path, (struct statfs *)buffer); }
"#;
    let (_sim, home) = open(shop::stocked());
    home.write("shim.c", SHIM);
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(home.path("shim.so")).arg(home.path("shim.c")).arg("-ldl");
    let made = compiler.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let refused = |words: &[&str]| {
        let said = Said::of(home.command(words).env("LD_PRELOAD", home.path("shim.so")).output().unwrap());
        assert_eq!(said.code, Some(1), "{words:?}: {said:?}");
        let sentence = "registry aboard.db lies on a network file system (NFS), where SQLite's locks cannot be relied upon; \
                        put it on a local disk";
        assert!(said.stderr.contains(sentence), "{words:?}: {}", said.stderr);
    };
    refused(&["onboard", "shop"]);
    assert!(!home.registry().exists(), "nothing was made there");
    home.ok(&["onboard", "shop"]);
    everything().for_each(refused);
}

/// Runs a shell script with mounts of its own; `$1` is the binary.
fn on_own_mounts(test: &str, home: &Home, script: &str) -> Option<Said> {
    // The script is all there is to do.
    let script = format!("{script}\nset -- true");
    Some(Said::of(mounts::on_own_mounts(test, &script, &home.command(&[]))?.output().unwrap()))
}

#[test]
fn on_a_read_only_disk_everything_can_be_read_and_a_change_is_refused() {
    let (_sim, home) = open(shop::stocked());
    fs::create_dir(home.path("disk")).unwrap();
    home.ok(&["--registry", "disk/aboard.db", "onboard", "shop"]);
    let script = r#"
        mount --bind disk disk
        mount -o remount,bind,ro disk
        export ABOARD_REGISTRY=disk/aboard.db
        for words in "apis" "explain ordersapi1" "runs" "registry info" "registry check" "discover shop"; do
            "$1" $words > /dev/null || { echo "$words: $?"; }
        done
        "$1" registry backup copy.db > /dev/null
        "$1" onboard shop || echo "onboard: $?"
        "$1" ignore ordersapi1 --reason test || echo "ignore: $?"
        "$1" --registry disk/other.db onboard shop || echo "other: $?"
    "#;
    let test = "on_a_read_only_disk_everything_can_be_read_and_a_change_is_refused";
    let Some(said) = on_own_mounts(test, &home, script) else { return };
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.stdout.lines().collect::<Vec<_>>(), ["onboard: 1", "ignore: 1", "other: 1"], "{said:?}");
    let sentence = "cannot be written; check its owner, its mode and whether its disk is mounted read-only";
    assert_eq!(said.stderr.matches(sentence).count(), 3, "{}", said.stderr);
    assert_eq!(count(&home.path("copy.db"), "SELECT count(*) FROM apis"), 3);
    home.ok(&["--registry", "disk/aboard.db", "registry", "check"]);
}

#[test]
fn on_a_full_disk_a_run_fails_and_what_was_there_stays() {
    let world = (0..200).fold(shop::world(), |world, number| {
        world.rest(ACCOUNT, REGION, rest(&format!("api-{number}"), &format!("floodapi{number}")))
    });
    let (_sim, home) = open(world);
    fs::create_dir(home.path("disk")).unwrap();
    let script = r#"
        mount -t tmpfs -o size=640k tmpfs disk
        export ABOARD_REGISTRY=disk/aboard.db
        "$1" onboard shop --api floodapi0 > /dev/null
        dd if=/dev/zero of=disk/ballast bs=4096 2> /dev/null || true
        "$1" onboard shop || echo "full: $?"
        rm disk/ballast
        "$1" registry check
        cp -r disk/aboard.db* .
    "#;
    let test = "on_a_full_disk_a_run_fails_and_what_was_there_stays";
    let Some(said) = on_own_mounts(test, &home, script) else { return };
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("full: 1"), "{said:?}");
    let sentence = "the disk that holds registry disk/aboard.db is full; free some space and try again";
    assert!(format!("{}{}", said.stdout, said.stderr).contains(sentence), "{said:?}");
    assert!(said.stdout.contains("disk/aboard.db is sound"), "{said:?}");
    let onboarded = || count(&home.registry(), "SELECT count(*) FROM apis WHERE state = 'onboarded'");
    assert_eq!(onboarded(), 1, "what was there is there");
    home.ok(&["onboard", "shop"]);
    assert_eq!(onboarded(), 200, "and with room it goes on");
}

#[test]
fn a_backup_opens_and_never_replaces_a_file() {
    let (_sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    let said = home.ok(&["registry", "backup", "copy.db"]);
    assert_eq!(said.stdout, "copied aboard.db to copy.db\n");
    assert_eq!(home.ok(&["--registry", "copy.db", "apis"]).stdout, home.ok(&["apis"]).stdout);
    assert_eq!(home.ok(&["--registry", "copy.db", "registry", "check"]).stdout, "copy.db is sound\n");
    refused(&home, &["registry", "backup", "copy.db"], "copy.db exists and is not replaced; name another file");
    refused(
        &home,
        &["registry", "backup", "no/such/copy.db"],
        "cannot copy registry aboard.db to no/such/copy.db: No such file",
    );
}

#[test]
fn damage_is_found_and_told() {
    let (_sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    assert_eq!(home.ok(&["registry", "check"]).stdout, "aboard.db is sound\n");
    meddle(&home.registry(), "PRAGMA foreign_keys = OFF; DELETE FROM apis WHERE api_id = 'ordersapi1';");
    let said = home.run(&["registry", "check"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("problem"), "{}", said.stdout);
    let bytes = fs::read(home.registry()).unwrap();
    fs::write(home.path("cut.db"), &bytes[..bytes.len() / 2]).unwrap();
    let said = home.run(&["--registry", "cut.db", "registry", "check"]);
    assert_eq!(said.code, Some(1), "{said:?}");
}

#[test]
fn a_registry_may_be_read_and_copied_while_a_run_is_under_way() {
    let (sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    sim.reset_counts();
    sim.hold_at(2);
    let mut run = home.command(&["onboard", "shop"]).stdout(Stdio::null()).spawn().unwrap();
    assert!(sim.wait_until_held(Duration::from_secs(30)));
    home.ok(&["apis"]);
    home.ok(&["explain", "ordersapi1"]);
    home.ok(&["ignore", "ordersapi1", "--reason", "a test"]);
    home.ok(&["registry", "backup", "copy.db"]);
    let runs = home.json(&["runs"]);
    assert_eq!((&runs[0]["outcome"], &runs[0]["finished_at"]), (&"running".into(), &serde_json::Value::Null));
    let second = home.run(&["onboard", "shop"]);
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.stdout.contains("a run of shop is under way, run 2, process "), "{}", second.stdout);
    sim.release();
    assert_eq!(run.wait().unwrap().code(), Some(0));
}

#[test]
fn what_root_makes_beside_a_registry_belongs_to_the_folders_owner() {
    const SERVICE: u32 = 61_234;
    if !nix::unistd::geteuid().is_root() {
        eprintln!(
            "not run: what_root_makes_beside_a_registry_belongs_to_the_folders_owner, for only root can be somebody else"
        );
        return;
    }
    let (_sim, home) = open(shop::stocked());
    fs::create_dir(home.path("state")).unwrap();
    std::os::unix::fs::chown(home.path("state"), Some(SERVICE), Some(SERVICE)).unwrap();
    let onboard = ["--registry", "state/aboard.db", "onboard", "shop"];
    home.ok(&onboard);
    let made: Vec<_> =
        home.files().into_iter().map(|(path, _)| path).filter(|path| path.starts_with(home.path("state"))).collect();
    assert!(made.len() > 1, "a registry and locks: {made:?}");
    for path in &made {
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&fs::metadata(path).unwrap()), SERVICE, "{}", path.display());
    }
    // And it can be used by that one.
    fs::set_permissions(home.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = home.command(&onboard);
    let said = Said::of(std::os::unix::process::CommandExt::uid(&mut command, SERVICE).output().unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
}
