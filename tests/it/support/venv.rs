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
    BIN.get_or_init(|| {
        make("python3", Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap_or_else(|error| panic!("{error}"))
    })
}

fn make(python: &str, target: &Path) -> Result<PathBuf, String> {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/requirements.txt");
    let wanted = fs::read_to_string(&requirements).unwrap();
    let home = target.join("python");
    let lock = File::create(target.join("python.lock")).unwrap();
    lock.lock().unwrap();
    let (stamp, own) = (home.join("requirements.done"), home.join("bin/python"));
    // The second: the Python that it was made from may have been removed since.
    if fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) && own.exists() {
        return Ok(home.join("bin"));
    }
    let _ = fs::remove_dir_all(&home);
    let debian =
        "the end-to-end tests need Python 3.11 or newer with its venv module; on Debian: apt install python3-venv";
    run(Command::new(python).args(["-m", "venv"]).arg(&home), debian)?;
    let pip = ["install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--no-compile", "-r"];
    let from_pypi =
        "the end-to-end tests need MiniStack, moto and boto3 from PyPI; pip's own settings name a mirror of it";
    run(Command::new(&own).args(["-m", "pip"]).args(pip).arg(&requirements), from_pypi)?;
    fs::write(&stamp, wanted).unwrap();
    Ok(home.join("bin"))
}

fn run(command: &mut Command, remedy: &str) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}\n{remedy}"))?;
    // Debian's Python says on standard output which package is missing.
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{command:?} ended with {}\n{said}\n{remedy}", output.status))
    }
}

#[test]
fn without_python_or_its_venv_module_the_failure_names_the_debian_package() {
    let folder = tempfile::tempdir().unwrap();
    for python in ["python3-that-is-not-installed", "false"] {
        let error = make(python, folder.path()).unwrap_err();
        assert!(error.contains("apt install python3-venv") && error.contains(python), "{error}");
    }
}
