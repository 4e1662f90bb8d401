//! Prometheus's own checker: the one that is installed, else the one of Debian's package, fetched once under `target/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The program.
///
/// # Panics
/// Where it is neither installed nor to be had: a test that needs it must not pass without.
pub(crate) fn promtool() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let installed = Command::new("promtool").arg("--version").output().is_ok_and(|output| output.status.success());
        if installed {
            PathBuf::from("promtool")
        } else {
            fetch(Path::new(env!("CARGO_TARGET_TMPDIR")), "apt-get").unwrap()
        }
    });
    Command::new(program)
}

fn fetch(target: &Path, apt: &str) -> Result<PathBuf, String> {
    let lock = File::create(target.join("promtool.lock")).unwrap();
    lock.lock().unwrap();
    let (program, unfinished) = (target.join("promtool"), target.join("promtool.unfinished"));
    if program.exists() {
        return Ok(program);
    }
    let _ = fs::remove_dir_all(&unfinished);
    fs::create_dir_all(&unfinished).unwrap();
    run(Command::new(apt).args(["download", "--quiet", "prometheus"]).current_dir(&unfinished))?;
    let package = fs::read_dir(&unfinished).unwrap().next().expect("the package").unwrap().path();
    run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&unfinished))?;
    fs::rename(unfinished.join("usr/bin/promtool"), &program).unwrap();
    fs::remove_dir_all(&unfinished).unwrap();
    Ok(program)
}

fn run(command: &mut Command) -> Result<(), String> {
    const REMEDY: &str = "the tests of metrics and alerts need promtool; on Debian: apt install prometheus";
    let output = command.output().map_err(|error| format!("{command:?}: {error}\n{REMEDY}"))?;
    let said = [output.stdout, output.stderr].concat();
    let ended = || format!("{command:?} ended with {}\n{}\n{REMEDY}", output.status, String::from_utf8_lossy(&said));
    if output.status.success() { Ok(()) } else { Err(ended()) }
}

#[test]
fn without_the_package_the_failure_names_it() {
    let folder = tempfile::tempdir().unwrap();
    for apt in ["apt-that-is-not-installed", "false"] {
        let error = fetch(folder.path(), apt).unwrap_err();
        assert!(error.contains("apt install prometheus") && error.contains(apt), "{error}");
    }
}
