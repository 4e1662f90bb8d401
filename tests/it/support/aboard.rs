//! The real binary in a folder of its own, with an environment of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A value that stands for every secret; it may appear in no output, log or file of ours.
pub(crate) const CANARY: &str = "canary-5f1b0c9e7d2a";

/// A folder with a schedule file in it, and an AWS that answers at a loopback address.
#[derive(Debug)]
pub(crate) struct Home {
    folder: TempDir,
    endpoint: String,
}

/// What a command line said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    /// A home whose AWS is at `endpoint`.
    pub(crate) fn new(endpoint: &str, schedules: &str) -> Self {
        let home = Self { folder: TempDir::new().unwrap(), endpoint: endpoint.to_owned() };
        home.write("schedules.toml", schedules);
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The registry's default place.
    pub(crate) fn registry(&self) -> PathBuf {
        self.path("aboard.db")
    }

    /// The command line, to be changed and run by the caller.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aboard"));
        for (key, _) in std::env::vars_os() {
            let name = key.to_string_lossy();
            if name.starts_with("AWS_") || name.starts_with("ABOARD_") || name.to_lowercase().ends_with("_proxy") {
                command.env_remove(&key);
            }
        }
        command
            .args(words)
            .current_dir(self.folder.path())
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            // A person's own AWS files must not be found.
            .env("HOME", self.folder.path())
            .env("SECRET", CANARY)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command line to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Said {
        Said::of(self.command(words).output().unwrap())
    }

    /// Runs a command line that must end with 0.
    pub(crate) fn ok(&self, words: &[&str]) -> Said {
        let said = self.run(words);
        assert_eq!(said.code, Some(0), "aboard {}: {said:?}", words.join(" "));
        said
    }

    /// The one JSON value that a command line prints, whatever its exit code.
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let words: Vec<&str> = ["-o", "json"].into_iter().chain(words.iter().copied()).collect();
        self.run(&words).json()
    }

    /// Everything that stands in a file of the home, for the search after a canary.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        fn walk(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, found);
                } else if path.is_file() {
                    // A running worker's socket is none.
                    found.push((path.clone(), fs::read(&path).unwrap()));
                }
            }
        }
        let mut found = Vec::new();
        walk(self.folder.path(), &mut found);
        found
    }
}

impl Said {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Its standard output as one JSON value.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Its standard output as one JSON value a line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        self.stdout.lines().map(parse).collect()
    }
}
