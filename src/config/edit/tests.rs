use std::path::Path;

use super::*;
use crate::config::{Config, Place, parse};

/// Edits of the connection `pay` and of its neighbour `dev`, by short names.
fn named(edit: &str) -> Edit {
    let connection = "pay".to_owned();
    let text = |key, value: &str| Setting { key, to: Some(Written::Text(value.to_owned())) };
    let set = |settings: Vec<Setting>| Edit::Set { connection: connection.clone(), settings };
    let rows = |rows: &[(&str, &str)]| -> Vec<Row> {
        rows.iter().map(|(key, value)| ((*key).to_owned(), Written::Text((*value).to_owned()))).collect()
    };
    match edit {
        "time" => set(vec![text("time", "04:05")]),
        "same" => set(vec![
            text("time", "02:30"),
            text("frequency", "weekly"),
            Setting { key: "jitter", to: Some(Written::Duration("0m".to_owned())) },
            Setting { key: "misfire_grace", to: None },
        ]),
        "daily" => set(vec![text("frequency", "daily")]),
        "cron" => set(vec![text("cron", "0 3 * * *")]),
        "weekly" => set(vec![text("frequency", "weekly"), text("day", "sunday"), text("time", "01:00")]),
        "whole" => set(vec![text("timezone", "UTC"), text("time", "01:00"), text("frequency", "daily")]),
        "retry" => set(vec![Setting { key: "retry_failed", to: Some(Written::Durations(vec!["5m".to_owned()])) }]),
        "after" => {
            set(vec![Setting { key: "published_after", to: Some(Written::Moment("2026-01-01".parse().unwrap())) }])
        }
        "on" => Edit::Enable { connection, on: true },
        "off" => Edit::Enable { connection, on: false },
        "unscheduled" => Edit::RemoveSchedule { connection },
        "removed" => Edit::RemoveConnection { connection },
        "added" => Edit::AddConnection {
            name: "new".to_owned(),
            tables: vec![
                (vec![], vec![("regions".to_owned(), Written::Texts(vec!["eu-west-1".to_owned()]))]),
                (vec!["credentials".to_owned(), "default_chain".to_owned()], vec![]),
                (vec!["auto_onboard".to_owned()], rows(&[("cron", "0 3 * * *"), ("timezone", "UTC")])),
            ],
        },
        other => panic!("no edit {other}"),
    }
}

fn config(text: &str) -> Config {
    let parsed = parse(text, &Place::new(Path::new("schedules.toml")));
    let problems =
        |problems: Vec<crate::config::Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    parsed.map_err(problems).unwrap_or_else(|problems| panic!("{problems}\n{text}")).config
}

/// `=== edit`, the text before, `---`, the text after.
fn cases() -> Vec<(&'static str, &'static str, &'static str)> {
    let file = include_str!("../../../tests/edit/cases.txt");
    let cases = file.split("\n=== ").skip(1).map(|case| {
        let (edit, texts) = case.split_once('\n').unwrap();
        let (before, after) = texts.split_once("\n---\n").unwrap();
        // A blank line sets the next case off.
        (edit, before, after.trim_end_matches('\n'))
    });
    cases.collect()
}

#[test]
fn each_edit_changes_what_it_means_and_nothing_else() {
    let mut wrong = Vec::new();
    for (name, before, after) in cases() {
        // Whatever the file's line ends, mark and last line, the edit is the same.
        for (form, to) in [
            ("as it is", (|text: &str| text.to_owned()) as fn(&str) -> String),
            ("CRLF", |text| text.replace('\n', "\r\n")),
            ("mark", |text| format!("\u{feff}{text}")),
        ] {
            let (before, after) = (format!("{before}\n"), format!("{after}\n"));
            let (before, after) = (to(&before), to(&after));
            match edit(&before, &named(name)) {
                Ok(edited) if edited == after => {}
                Ok(edited) => wrong.push(format!("=== {name} ({form})\n{before}--- wanted\n{after}--- got\n{edited}")),
                Err(error) => wrong.push(format!("=== {name} ({form})\n{before}--- {error}")),
            }
        }
        config(before);
        config(&edit(before, &named(name)).unwrap());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases().len() >= 20, "{}", cases().len());
}

#[test]
fn a_file_without_a_last_line_end_keeps_to_it() {
    let text = "[connections.pay]\nregions = [\"eu-west-1\"]\ncredentials.default_chain = {}\nauto_onboard.timezone = \"UTC\"\nauto_onboard.cron = \"0 3 * * *\"";
    let edited = edit(text, &named("weekly")).unwrap();
    assert!(edited.ends_with("auto_onboard.time = \"01:00\""), "{edited}");
    let off = edit(text, &named("off")).unwrap();
    assert_eq!(off, format!("{text}\nauto_onboard.enabled = false"));
    let added = edit(text, &named("added")).unwrap();
    assert!(added.starts_with(&format!("{text}\n\n[connections.new]\n")), "{added}");
}

#[test]
fn what_is_not_there_cannot_be_changed() {
    let text = "[connections.pay]\nregions = [\"eu-west-1\"]\ncredentials.default_chain = {}\n";
    let of = |connection: &str| Edit::Enable { connection: connection.to_owned(), on: true };
    assert_eq!(edit(text, &of("none")), Err(EditError::NoConnection("none".to_owned())));
    assert_eq!(edit(text, &of("pay")), Err(EditError::NoSchedule("pay".to_owned())));
    assert_eq!(edit(text, &named("unscheduled")), Err(EditError::NoSchedule("pay".to_owned())));
    let twice = edit(&edit(text, &named("added")).unwrap(), &named("added"));
    assert_eq!(twice, Err(EditError::ConnectionExists("new".to_owned())));
    assert!(matches!(edit("[connections.pay", &of("pay")), Err(EditError::NotToml(_))));
}

#[test]
fn a_name_that_is_none_spoils_nothing_around_it() {
    for name in ["a]\n[x", "a.b", "", "a\"b", "ä ö"] {
        let added = edit("", &Edit::AddConnection { name: name.to_owned(), tables: vec![(vec![], vec![])] }).unwrap();
        let layout = Layout::of(&added).unwrap();
        assert!(layout.has(&[CONNECTIONS, name]), "{added}");
        assert_eq!(layout.entries.len(), 1, "{added}");
    }
}

#[test]
fn what_a_schedule_writes_is_told_as_it_stands_there() {
    let text = "connections.pay.auto_onboard = { time = '02:30', max_new = 1_0 }";
    let written = written(text, "pay");
    assert_eq!(written, [("time", "'02:30'".to_owned()), ("max_new", "1_0".to_owned())]);
}
