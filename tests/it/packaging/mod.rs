//! What aboard is shipped in: the unit, the image, the manifests and the packages.

mod deb;
mod image;
mod lines;
mod manifests;
mod root;
mod service;
mod unit;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file of the project.
fn ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(ours(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Whether the tests may mount, make namespaces and be another user. Where they may not, the test that asks says that it was not run.
fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Runs a command that must end with 0.
fn ok(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = said(&output);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    said
}

/// Both outputs, one after the other.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}
