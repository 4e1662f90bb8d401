//! Every command line of ours that people and machines are given is one that the program takes.

use aboard::cli::args::Cli;
use clap::Parser;
use serde_json::Value;

use super::manifests::yaml;
use super::{read, unit};

const PROGRAM: &str = "/usr/bin/aboard";

/// Asserts that the program takes these words; `from` says where they stand.
fn taken(words: &[String], from: &str) {
    let all = std::iter::once("aboard").chain(words.iter().map(String::as_str));
    match Cli::try_parse_from(all) {
        Ok(_) => {}
        Err(error) if !error.use_stderr() => {}
        Err(error) => panic!("{from}: aboard {}: {error}", words.join(" ")),
    }
}

fn words(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// A command that names the program by its whole path.
fn after_program(list: &Value) -> Vec<String> {
    let words = words(list);
    let at = words.iter().position(|word| word == PROGRAM).unwrap_or_else(|| panic!("{PROGRAM} is not in {list}"));
    words[at + 1..].to_vec()
}

#[test]
fn the_units_lines_are_taken() {
    let text = read("packaging/aboard.service");
    for (key, first) in [("ExecStart", "run"), ("ExecReload", "reload")] {
        let lines = unit::settings(&text, key);
        let words: Vec<String> = lines[0].split(' ').map(str::to_owned).collect();
        assert_eq!((lines.len(), words[0].as_str(), words[1].as_str()), (1, PROGRAM, first));
        taken(&words[1..], key);
    }
}

#[test]
fn the_images_lines_are_taken() {
    let text = read("Dockerfile").replace("\\\n", " ");
    let list = |instruction: &str| -> Value {
        let line = text.lines().rev().find(|line| line.starts_with(instruction)).unwrap();
        serde_json::from_str(&line[line.find('[').unwrap()..]).unwrap()
    };
    assert_eq!(list("ENTRYPOINT"), serde_json::json!([PROGRAM]));
    assert_eq!(words(&list("CMD")), ["run"]);
    taken(&words(&list("CMD")), "CMD");
    taken(&after_program(&list("HEALTHCHECK")), "HEALTHCHECK");
    let service = &yaml("packaging/compose.yaml")[0]["services"]["aboard"];
    taken(&words(&service["command"]), "compose: command");
    taken(&after_program(&service["healthcheck"]["test"]), "compose: healthcheck");
}

#[test]
fn the_manifests_lines_are_taken() {
    for (file, containers) in [("statefulset", "containers"), ("sidecar", "initContainers")] {
        let documents = yaml(&format!("packaging/kubernetes/{file}.yaml"));
        let set = documents.iter().find(|document| document["kind"] == "StatefulSet").unwrap();
        let aboard = &set["spec"]["template"]["spec"][containers][0];
        assert!(aboard["command"].is_null(), "the image's entry point counts");
        taken(&words(&aboard["args"]), file);
        for probe in ["startupProbe", "livenessProbe"] {
            let line = after_program(&aboard[probe]["exec"]["command"]);
            assert_eq!(line, ["health", "--live"], "a bad schedule file is no reason to restart: {file}, {probe}");
            taken(&line, probe);
        }
    }
}

/// The command lines of README's shell blocks.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut in_shell, mut heredoc) = (false, None::<String>);
    for line in text.replace("\\\n", " ").lines() {
        if line.starts_with("```") {
            in_shell = !in_shell && matches!(line, "```sh" | "```console");
        } else if !in_shell {
        } else if let Some(end) = &heredoc {
            if line == end {
                heredoc = None;
            }
        } else {
            heredoc = line.split_once("<<'").and_then(|(_, rest)| Some(rest.split_once('\'')?.0.to_owned()));
            found.push(line.strip_prefix("$ ").unwrap_or(line).to_owned());
        }
    }
    found
}

/// The simple commands of a line as their words, by what of the shell's grammar README uses: quotes, comments, `|`, `&`, `;`.
fn simple(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![vec![]];
    let (mut word, mut quote) = (None::<String>, None);
    for letter in line.chars().chain([' ']) {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ' | '|' | '&' | ';') => {
                commands.last_mut().unwrap().extend(word.take());
                if letter != ' ' {
                    commands.push(vec![]);
                }
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    commands
}

/// What the program is given, where a simple command calls it.
fn given(mut command: Vec<String>) -> Option<Vec<String>> {
    if command.first().is_some_and(|word| word == "sudo") {
        command.remove(0);
    }
    let inside = command.iter().position(|word| word == PROGRAM);
    let at = inside.or_else(|| (command.first()? == "aboard").then_some(0))?;
    Some(command.split_off(at + 1))
}

#[test]
fn the_readmes_lines_are_taken() {
    let lines = commands(&read("README.md"));
    let mut seen = Vec::new();
    for line in &lines {
        for words in simple(line).into_iter().filter_map(given) {
            taken(&words, line);
            seen.push(words.join(" "));
        }
    }
    for expected in ["run", "health", "schedule disable payments", "--config /etc/aboard/schedules.toml check"] {
        assert!(seen.iter().any(|line| line == expected), "`{expected}` is not in {seen:#?}");
    }
    assert!(seen.iter().any(|line| line.ends_with("--cron 0 3 * * MON-FRI")), "{seen:#?}");
    assert!(seen.iter().any(|line| line.ends_with("--time 04:00 --timezone UTC")), "{seen:#?}");
}
