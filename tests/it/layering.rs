//! The house's rules about its own modules: who may name whom, and how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

/// What the core may not name: it knows no clock, environment, network, SQL, log or file system.
const NOT_IN_CORE: [&str; 22] = [
    "tokio",
    "aws_sdk",
    "aws_smithy",
    "aws_config",
    "aws_types",
    "rusqlite",
    "tracing",
    "std::fs",
    "std::env",
    "std::net::Tcp",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "crate::discovery",
    "crate::registry",
    "crate::zones",
    "crate::gravitee",
    "crate::worker",
    "crate::cli",
    "crate::clock",
    "crate::environment",
    "async fn",
];
const CORE: [&str; 8] =
    ["config", "document.rs", "hex.rs", "inventory.rs", "notice.rs", "plan", "schedule", "specification"];

/// Edges know the core and nothing of each other; the worker joins them and knows no command line.
const EDGES: [(&str, &[&str]); 8] = [
    ("worker", &["crate::cli"]),
    (
        "iam",
        &[
            "crate::gravitee",
            "crate::discovery",
            "crate::registry",
            "crate::http",
            "crate::zones",
            "crate::worker",
            "crate::secret",
            "crate::cli",
        ],
    ),
    (
        "discovery",
        &[
            "crate::gravitee",
            "crate::targets",
            "crate::registry",
            "crate::http",
            "crate::iam",
            "crate::zones",
            "crate::worker",
            "crate::cli",
        ],
    ),
    (
        "registry",
        &[
            "crate::gravitee",
            "crate::targets",
            "crate::discovery",
            "crate::http",
            "crate::iam",
            "crate::zones",
            "crate::worker",
            "crate::cli",
        ],
    ),
    (
        "http",
        &[
            "crate::gravitee",
            "crate::targets",
            "crate::discovery",
            "crate::registry",
            "crate::iam",
            "crate::zones",
            "crate::worker",
            "crate::cli",
        ],
    ),
    (
        "targets",
        &[
            "crate::gravitee",
            "crate::discovery",
            "crate::registry",
            "crate::http",
            "crate::iam",
            "crate::zones",
            "crate::worker",
            "crate::cli",
        ],
    ),
    (
        "gravitee",
        &[
            "crate::targets",
            "crate::discovery",
            "crate::registry",
            "crate::http",
            "crate::iam",
            "crate::zones",
            "crate::worker",
            "crate::cli",
        ],
    ),
    (
        "zones.rs",
        &[
            "crate::gravitee",
            "crate::discovery",
            "crate::registry",
            "crate::http",
            "crate::iam",
            "crate::worker",
            "crate::cli",
        ],
    ),
];

fn sources(under: &Path) -> Vec<(PathBuf, String)> {
    if under.is_file() {
        return vec![(under.to_owned(), fs::read_to_string(under).unwrap())];
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(under).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() || path.extension().is_some_and(|kind| kind == "rs") {
            found.extend(sources(&path));
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Lines that are code: tests of a module may use what the module may not.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let tests = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    let lines = text[..tests].lines().enumerate();
    lines.map(|(number, line)| (number + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn breaches(folder: &str, forbidden: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources(&root().join("src").join(folder)) {
        for (number, line) in names(&path, &text) {
            let named = forbidden.iter().filter(|name| line.contains(*name));
            found.extend(named.map(|name| format!("{}:{number}: {name}", path.display())));
        }
    }
    found
}

/// The module that a file is, from the root: `crate::registry::runs`.
fn module(file: &Path) -> Vec<String> {
    let inside = file.strip_prefix(root().join("src")).unwrap().with_extension("");
    let mut parts = vec!["crate".to_owned()];
    parts.extend(inside.iter().map(|part| part.to_str().unwrap().to_owned()));
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// The code's statements, each with the number of its first line and every path in it written out from the root.
fn names(file: &Path, text: &str) -> Vec<(usize, String)> {
    let mut statements: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in code(text) {
        match statements.last_mut().filter(|_| open) {
            Some((_, statement)) => statement.push_str(line.trim()),
            None => statements.push((number, line.trim().to_owned())),
        }
        let (_, statement) = statements.last().unwrap();
        let is_use = statement.starts_with("use ") || (statement.starts_with("pub") && statement.contains(" use "));
        open = is_use && !statement.contains(';');
    }
    let module = module(file);
    statements.into_iter().map(|(number, text)| (number, written_out(&from_root(&text, &module)))).collect()
}

/// Puts the module's name for `super::`, however often it is repeated.
fn from_root(statement: &str, module: &[String]) -> String {
    let mut text = statement.to_owned();
    while let Some(at) = text.find("super::") {
        let rest = text[at..].trim_start_matches("super::");
        let times = (text.len() - at - rest.len()) / "super::".len();
        let above = module[..module.len().saturating_sub(times).max(1)].join("::");
        text = format!("{}{above}::{rest}", &text[..at]);
    }
    text
}

/// A group, `a::{b, c::{d}}`, as `a::b a::c::d`.
fn written_out(statement: &str) -> String {
    let Some(open) = statement.rfind("::{") else { return statement.to_owned() };
    let Some(length) = statement[open..].find('}') else { return statement.to_owned() };
    let start = statement[..open].rfind([' ', '{', ',']).map_or(0, |before| before + 1);
    let prefix = &statement[start..open];
    let items = statement[open + 3..open + length].split(',').map(str::trim).filter(|item| !item.is_empty());
    let items: Vec<String> = items.flat_map(str::split_whitespace).map(|item| format!("{prefix}::{item}")).collect();
    written_out(&format!("{}{}{}", &statement[..start], items.join(" "), &statement[open + length + 1..]))
}

#[test]
fn paths_are_written_out_however_they_are_grouped_or_climbed() {
    let file = root().join("src/registry/runs/read.rs");
    let text = "use crate::{\n    config::Config,\n    worker::{self, run::Run},\n};\nlet x = super::super::super::cli::say();\nuse super::Counts;";
    let names = names(&file, text);
    let expected = [
        (1, "use crate::config::Config crate::worker::self crate::worker::run::Run;"),
        (5, "let x = crate::cli::say();"),
        (6, "use crate::registry::runs::Counts;"),
    ];
    assert_eq!(names, expected.map(|(line, text)| (line, text.to_owned())));
}

/// The command line sets discovery up and shows its progress and its Test Connection; it looks at nothing itself.
const OF_DISCOVERY_IN_CLI: [&str; 4] = ["Aws", "AwsSetupError", "Progress", "probe"];

#[test]
fn the_command_line_names_no_more_of_discovery_than_it_sets_up() {
    for (path, text) in sources(&root().join("src/cli")) {
        for (number, line) in names(&path, &text) {
            for (_, after) in line.match_indices("crate::discovery").map(|(at, found)| line.split_at(at + found.len()))
            {
                let name: String =
                    after.trim_start_matches("::").chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                assert!(OF_DISCOVERY_IN_CLI.contains(&name.as_str()), "{}:{number}: {line}", path.display());
            }
        }
    }
}

#[test]
fn the_core_names_no_clock_environment_network_sql_or_log() {
    let found: Vec<String> = CORE.iter().flat_map(|folder| breaches(folder, &NOT_IN_CORE)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// Documents are made from the file alone: nothing is asked and no secret is read on the way.
#[test]
fn documents_for_iam_are_made_as_purely_as_the_core() {
    let found = breaches("iam", &NOT_IN_CORE);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_edge_names_another_edge() {
    let found: Vec<String> = EDGES.iter().flat_map(|(folder, forbidden)| breaches(folder, forbidden)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn sql_stands_in_the_registry_only_and_aws_types_in_discovery_only() {
    for (path, text) in sources(&root().join("src")) {
        let place = path.strip_prefix(root().join("src")).unwrap();
        for (number, line) in code(&text) {
            let sql = line.contains("rusqlite") && !place.starts_with("registry");
            let aws = (line.contains("aws_sdk") || line.contains("aws_smithy") || line.contains("aws_config"))
                && !place.starts_with("discovery");
            assert!(!sql && !aws, "{}:{number}: {line}", path.display());
        }
    }
}

#[test]
fn no_file_is_longer_than_nine_hundred_lines() {
    for folder in ["src", "tests", "examples", "benches"] {
        for (path, text) in sources(&root().join(folder)) {
            let lines = text.lines().count();
            assert!(lines <= 900, "{} has {lines} lines", path.display());
        }
    }
}
