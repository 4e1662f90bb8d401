//! Checkers from npm under `target/`, installed once by their lock file, whoever comes first.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::tools::debian;

/// A script of `tests/it/npm`, to be run by Node.js where the packages can be found.
///
/// # Panics
/// Where Node.js, npm or the packages cannot be had: a test that needs them must not pass without.
pub(crate) fn script(name: &str) -> Command {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    let npm = || debian("npm", "npm");
    let home = HOME
        .get_or_init(|| make(&npm(), Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap_or_else(|error| panic!("{error}")));
    let mut command = Command::new(debian("node", "nodejs"));
    command.arg(home.join(name));
    command
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/npm")
}

fn make(npm: &Path, target: &Path) -> Result<PathBuf, String> {
    let home = target.join("npm");
    let lock = File::create(target.join("npm.lock")).unwrap();
    lock.lock().unwrap();
    let wanted = fs::read_to_string(sources().join("package-lock.json")).unwrap();
    let stamp = home.join("package-lock.done");
    fs::create_dir_all(&home).unwrap();
    for file in fs::read_dir(sources()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), home.join(file.file_name())).unwrap();
    }
    if fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) {
        return Ok(home);
    }
    let _ = fs::remove_file(&stamp);
    let remedy = "the end-to-end tests need AsyncAPI's parser from npm; npm's own settings name a mirror of it";
    let words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    let output = Command::new(npm).args(words).current_dir(&home).output();
    let output = output.map_err(|error| format!("{}: {error}\n{remedy}", npm.display()))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        return Err(format!("npm ended with {}\n{}\n{remedy}", output.status, String::from_utf8_lossy(&said)));
    }
    fs::write(&stamp, wanted).unwrap();
    Ok(home)
}

#[test]
fn without_the_packages_the_failure_says_where_they_come_from() {
    let folder = tempfile::tempdir().unwrap();
    for npm in ["npm-that-is-not-installed", "false"] {
        let error = make(Path::new(npm), folder.path()).unwrap_err();
        assert!(error.ends_with("npm's own settings name a mirror of it"), "{error}");
    }
}
