//! The house's rules about its own modules: who may name whom, and how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

/// What the core may not name: it knows no clock, environment, network, SQL, log or file system.
const NOT_IN_CORE: [&str; 20] = [
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
    "crate::worker",
    "crate::cli",
    "crate::clock",
    "crate::environment",
    "async fn",
];
const CORE: [&str; 3] = ["config", "inventory.rs", "plan"];

/// Edges know the core and nothing of each other.
const EDGES: [(&str, &[&str]); 2] = [
    ("discovery", &["crate::registry", "crate::worker", "crate::cli"]),
    ("registry", &["crate::discovery", "crate::worker", "crate::cli"]),
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
        for (number, line) in code(&text) {
            let named = forbidden.iter().filter(|name| line.contains(*name));
            found.extend(named.map(|name| format!("{}:{number}: {name}", path.display())));
        }
    }
    found
}

#[test]
fn the_core_names_no_clock_environment_network_sql_or_log() {
    let found: Vec<String> = CORE.iter().flat_map(|folder| breaches(folder, &NOT_IN_CORE)).collect();
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
