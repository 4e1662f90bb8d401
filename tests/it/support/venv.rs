//! One Python virtual environment under `target/` with the third-party servers, made once, whoever comes first.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder of the environment's programs.
///
/// # Panics
/// Where python3, its venv module or the packages cannot be had: a test that needs them must not pass without.
pub(crate) fn bin() -> &'static Path {
    static BIN: OnceLock<PathBuf> = OnceLock::new();
    BIN.get_or_init(make)
}

fn make() -> PathBuf {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/requirements.txt");
    let wanted = fs::read_to_string(&requirements).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let home = target.join("python");
    let lock = File::create(target.join("python.lock")).unwrap();
    lock.lock().unwrap();
    let stamp = home.join("requirements.done");
    if fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) {
        return home.join("bin");
    }
    let _ = fs::remove_dir_all(&home);
    run(Command::new("python3").args(["-m", "venv"]).arg(&home), "install python3 and python3-venv (Debian packages)");
    let pip = ["install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--no-compile", "-r"];
    run(
        Command::new(home.join("bin/python")).args(["-m", "pip"]).args(pip).arg(&requirements),
        "the end-to-end tests need MiniStack, moto and boto3 from PyPI",
    );
    fs::write(&stamp, wanted).unwrap();
    home.join("bin")
}

fn run(command: &mut Command, remedy: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; {remedy}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}: {said}\n{remedy}", output.status);
}
