//! The systemd unit, as systemd's own tools see it and as the worker lives in it.

use std::path::Path;
use std::process::{Command, Output};

use super::{ours, read, said};
use crate::support::tools;

const UNIT: &str = "packaging/aboard.service";

fn systemd_analyze(words: &[&str], unit: &Path) -> Output {
    let program = tools::debian("systemd-analyze", "systemd");
    let mut command = Command::new(program);
    command.args(words).arg(unit).env("SYSTEMD_PAGER", "").env("SYSTEMD_COLORS", "0").output().unwrap()
}

fn is_secure(unit: &Path) -> Output {
    systemd_analyze(&["security", "--offline=true", "--threshold=15", "--no-pager"], unit)
}

fn verify(unit: &Path) -> Output {
    systemd_analyze(&["verify", "--man=no", "--recursive-errors=no"], unit)
}

/// The unit with its program where this build has it, changed by `change`, in a file of its name.
fn unit_with(folder: &Path, change: impl Fn(String) -> String) -> std::path::PathBuf {
    let text = change(read(UNIT).replace("/usr/bin/aboard", env!("CARGO_BIN_EXE_aboard")));
    let path = folder.join("aboard.service");
    std::fs::write(&path, text).unwrap();
    path
}

/// What a key of the unit says, in each line that sets it.
pub(super) fn settings(text: &str, key: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_unit_is_exposed_by_no_more_than_one_and_a_half_of_ten() {
    let output = is_secure(&ours(UNIT));
    assert!(output.status.success(), "{}", said(&output));

    // The threshold means something.
    let folder = tempfile::tempdir().unwrap();
    let open = unit_with(folder.path(), |text| {
        text.replace("ProtectSystem=strict\n", "")
            .replace("CapabilityBoundingSet=\n", "")
            .replace("PrivateUsers=yes\n", "")
    });
    assert!(!is_secure(&open).status.success());
}

#[test]
fn systemd_finds_no_mistake_in_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let output = verify(&unit_with(folder.path(), |text| text));
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output), "");

    let misspelt = unit_with(folder.path(), |text| text.replace("WatchdogSec=", "WatchdogSecs="));
    assert!(said(&verify(&misspelt)).contains("WatchdogSecs"));
}

/// What the unit sets.
pub(super) const ENVIRONMENT: [&str; 2] =
    ["ABOARD_CONFIG=/etc/aboard/schedules.toml", "MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072"];

#[test]
fn the_unit_says_what_the_worker_relies_on() {
    let text = read(UNIT);
    for (key, expected) in [
        ("Type", "notify"),
        ("ExecStart", "/usr/bin/aboard run"),
        ("ExecReload", "/usr/bin/aboard reload --wait --timeout 30s"),
        ("ConditionPathExists", "/etc/aboard/schedules.toml"),
        ("Restart", "on-failure"),
        ("RestartSec", "30s"),
        // However often it fails, it is started again.
        ("StartLimitIntervalSec", "0"),
        ("RestartPreventExitStatus", "2"),
        ("StateDirectory", "aboard"),
        ("RuntimeDirectory", "aboard"),
        ("DynamicUser", "yes"),
        ("WatchdogSec", "60s"),
    ] {
        assert_eq!(settings(&text, key), [expected], "{key}");
    }
    assert_eq!(settings(&text, "Environment"), ENVIRONMENT);
}
