//! Programs of Debian packages that tests need: found, or installed once, whoever comes first.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a program is.
///
/// # Panics
/// Where it is missing and cannot be installed: a test that needs it must not pass without.
pub(crate) fn debian(program: &str, package: &str) -> PathBuf {
    find(program).unwrap_or_else(|| install(program, package).unwrap_or_else(|error| panic!("{error}")))
}

fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&path()).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Where programs are looked for, those for administrators included.
pub(crate) fn path() -> OsString {
    let mut path = aboard::environment::path("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin");
    path
}

fn install(program: &str, package: &str) -> Result<PathBuf, String> {
    let lock = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("apt.lock")).unwrap();
    lock.lock().unwrap();
    let remedy = format!("the tests need {program}; on Debian: apt install {package}");
    if let Some(file) = find(program) {
        return Ok(file);
    }
    let mut said = String::new();
    for words in [&["update"][..], &["install", "--yes", "--no-install-recommends", package]] {
        let mut command = Command::new("apt-get");
        command.arg("--quiet").args(words).env("DEBIAN_FRONTEND", "noninteractive");
        let output = command.output().map_err(|error| format!("apt-get: {error}\n{remedy}"))?;
        said += &String::from_utf8_lossy(&[output.stdout, output.stderr].concat());
    }
    find(program).ok_or_else(|| format!("{said}\n{remedy}"))
}

#[test]
fn a_program_that_cannot_be_had_is_named_with_its_package() {
    let Err(error) = install("program-that-nobody-has", "package-that-nobody-has") else { panic!("installed") };
    assert!(error.ends_with("program-that-nobody-has; on Debian: apt install package-that-nobody-has"), "{error}");
}
