//! A folder of schedule files, each paired with exactly what is said about it.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use aboard::config::{self, Place, Problem};

/// The files with that ending in a folder under `tests/config`.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(folder);
    let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == ending)).collect();
    files.sort();
    files
}

fn render(problems: &[Problem]) -> String {
    problems.iter().flat_map(|problem| [problem.to_string(), "\n".to_owned()]).collect()
}

/// Parses a file as if it were `schedules.toml` in `/etc/aboard`.
fn parse(path: &Path) -> Result<config::Checked, Vec<Problem>> {
    config::parse(&fs::read_to_string(path).unwrap(), &Place::new(Path::new("schedules.toml")))
}

/// Compares what is said about each file of a folder with the text beside it.
fn compare(folder: &str, said: impl Fn(&Path) -> String) -> usize {
    let stems = |ending| files(folder, ending).iter().map(|path| path.with_extension("")).collect::<BTreeSet<_>>();
    assert_eq!(stems("toml"), stems("txt"), "every file of {folder} has its text, and every text its file");
    let mut wrong = Vec::new();
    for path in files(folder, "toml") {
        let wanted = fs::read_to_string(path.with_extension("txt")).unwrap();
        let said = said(&path);
        if said != wanted {
            wrong.push(format!("=== {}\n--- wanted\n{wanted}--- said\n{said}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    files(folder, "toml").len()
}

#[test]
fn every_bad_file_gets_exactly_its_messages() {
    let count = compare("bad", |path| match parse(path) {
        Ok(_) => panic!("{} has no mistake", path.display()),
        Err(problems) => render(&problems),
    });
    assert!(count >= 60, "only {count}");
}

#[test]
fn no_message_holds_a_secret_of_its_file() {
    let secrets = ["hunter2", "wJalrXUtnFEMI", "IQoJb3JpZ2luX2Vj", "whsec_MfKQ"];
    let mut files_with_secret = 0;
    for path in files("bad", "toml") {
        let text = fs::read_to_string(&path).unwrap();
        let said = fs::read_to_string(path.with_extension("txt")).unwrap();
        for secret in secrets.iter().filter(|secret| text.contains(**secret)) {
            files_with_secret += 1;
            assert!(!said.contains(secret), "{}", path.display());
        }
    }
    assert!(files_with_secret >= 15, "only {files_with_secret}");
}

#[test]
fn every_suspicious_file_gets_exactly_its_warnings() {
    compare("warned", |path| match parse(path) {
        Ok(checked) => render(&checked.warnings),
        Err(problems) => panic!("{}", render(&problems)),
    });
}

#[test]
fn every_good_file_is_taken_without_a_word() {
    let mut good = files("good", "toml");
    good.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("schedules.example.toml"));
    for path in good {
        match parse(&path) {
            Ok(checked) => assert_eq!(render(&checked.warnings), "", "{}", path.display()),
            Err(problems) => panic!("{}:\n{}", path.display(), render(&problems)),
        }
    }
}

#[test]
fn a_file_with_twelve_mistakes_gets_twelve_messages_in_its_order() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/bad/twelve-mistakes.toml");
    let problems = parse(&path).unwrap_err();
    assert_eq!(problems.len(), 12, "{}", render(&problems));
    assert!(problems.is_sorted_by_key(|problem| (problem.line, problem.column)));
}
