//! What holds for every edit of every file: nothing is touched that is not meant, and what was done can be undone.

use std::fmt::Write;
use std::path::Path;

use aboard::config::edit::{Edit, Setting, Written, edit};
use aboard::config::{self, Config, Place};
use proptest::prelude::*;
use proptest::sample::select;

fn config(text: &str) -> Config {
    match config::parse(text, &Place::new(Path::new("schedules.toml"))) {
        Ok(checked) => checked.config,
        Err(problems) => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("{}\n{text}", problems.join("\n"))
        }
    }
}

/// A schedule as its keys and their TOML.
type Schedule = Vec<(&'static str, String)>;

fn schedule() -> impl Strategy<Value = Schedule> {
    let when = prop_oneof![
        Just(vec![("cron", "\"0 3 * * MON\"")]),
        Just(vec![("frequency", "\"daily\""), ("time", "'02:30'")]),
        Just(vec![("day", "\"tuesday\""), ("time", "\"23:59\"")]),
        Just(vec![("frequency", "'weekly'"), ("day", "'friday'"), ("time", "\"00:00\"")]),
        Just(vec![("frequency", "\"monthly\""), ("day", "28"), ("time", "\"12:00\"")]),
        Just(vec![("time", "\"12:00\""), ("day", "\"last\""), ("frequency", "\"monthly\"")]),
    ];
    let more = proptest::sample::subsequence(
        vec![
            ("enabled", "false"),
            ("published_after", "2026-01-01"),
            ("max_new", "1_000"),
            ("misfire_grace", "\"90m\""),
            ("retry_failed", "[ \"15m\", '2h' ]"),
            ("jitter", "'''5m'''"),
        ],
        0..=6,
    );
    (when, more, select(vec!["\"UTC\"", "'Europe/London'", "\"America/New_York\""]), any::<bool>()).prop_map(
        |(when, more, zone, zone_first)| {
            let mut keys: Vec<(&str, &str)> = when.into_iter().chain(more).collect();
            keys.insert(if zone_first { 0 } else { keys.len() }, ("timezone", zone));
            keys.into_iter().map(|(key, value)| (key, value.to_owned())).collect()
        },
    )
}

/// How one connection is written.
#[derive(Clone, Copy, Debug)]
enum Way {
    Headers,
    QuotedHeaders,
    DottedSchedule,
    InlineSchedule,
    SpreadSchedule,
    OneLine,
    OneLineDotted,
}

const WAYS: [Way; 7] = [
    Way::Headers,
    Way::QuotedHeaders,
    Way::DottedSchedule,
    Way::InlineSchedule,
    Way::SpreadSchedule,
    Way::OneLine,
    Way::OneLineDotted,
];

/// The text of a connection. What stands on one line comes before every header, so it is told apart.
fn connection(name: &str, way: Way, schedule: Option<&Schedule>) -> (String, String) {
    const REGIONS: &str = "[\"eu-west-1\"]  # Ireland";
    let (mut top, mut text) = (String::new(), String::new());
    let keys = schedule.cloned().unwrap_or_default();
    let pairs = |prefix: &str| keys.iter().map(|(key, value)| format!("{prefix}{key} = {value}")).collect::<Vec<_>>();
    let head = match way {
        Way::QuotedHeaders => format!("connections.\"{name}\""),
        _ => format!("connections.{name}"),
    };
    match way {
        Way::Headers | Way::QuotedHeaders => {
            writeln!(
                text,
                "# about {name}\n[{head}] # here\nregions = {REGIONS}\n\n[ {head} . credentials ]\ndefault_chain = {{}}"
            )
            .unwrap();
            if schedule.is_some() {
                writeln!(
                    text,
                    "\n# when {name} runs\n[{head}.auto_onboard]\n# first\n{}",
                    pairs("  ").join(" # why\n")
                )
                .unwrap();
            }
        }
        Way::DottedSchedule => {
            writeln!(text, "[{head}]\n{}", pairs("auto_onboard.").join("\n\n# next\n")).unwrap();
            writeln!(text, "regions = {REGIONS}\ncredentials.default_chain = {{}}").unwrap();
        }
        Way::InlineSchedule => {
            writeln!(text, "[{head}]\nregions = {REGIONS}").unwrap();
            if schedule.is_some() {
                writeln!(text, "auto_onboard = {{ {} }} # when", pairs("").join(" , ")).unwrap();
            }
            writeln!(text, "credentials.default_chain = {{}}").unwrap();
        }
        Way::SpreadSchedule => {
            writeln!(text, "[{head}]").unwrap();
            if schedule.is_some() {
                writeln!(text, "auto_onboard = {{\n  # first\n  {},\n}} # when", pairs("").join(", # why\n  "))
                    .unwrap();
            }
            writeln!(text, "regions = {REGIONS}\n[{head}.credentials.default_chain]").unwrap();
        }
        Way::OneLine => {
            let auto = schedule.map(|_| format!(", auto_onboard = {{{}}}", pairs("").join(","))).unwrap_or_default();
            writeln!(top, "{head} = {{ regions = [\"eu-west-1\"], credentials = {{ default_chain = {{}} }}{auto} }}")
                .unwrap();
        }
        Way::OneLineDotted => {
            let auto = pairs("auto_onboard.").iter().flat_map(|pair| [pair.as_str(), ", "]).collect::<String>();
            writeln!(top, "{head} = {{ {auto}regions = [\"eu-west-1\"], credentials.default_chain = {{}} }} # {name}")
                .unwrap();
        }
    }
    (top, text)
}

#[derive(Clone, Debug)]
struct File {
    text: String,
    schedules: Vec<Option<Schedule>>,
}

/// Three connections, `c0` to `c2`, each written in some way, with or without a schedule.
fn file() -> impl Strategy<Value = File> {
    let one = (select(WAYS.to_vec()), proptest::option::weighted(0.8, schedule()));
    (proptest::collection::vec(one, 3), any::<[bool; 3]>()).prop_map(|(connections, [crlf, mark, last_end])| {
        let (mut top, mut text) = ("# The schedules.\n\nlimits.burst = 3 # few\n".to_owned(), String::new());
        for (number, (way, schedule)) in connections.iter().enumerate() {
            let (above, below) = connection(&format!("c{number}"), *way, schedule.as_ref());
            top += &above;
            write!(text, "\n{below}\n# --- a line of its own\n").unwrap();
        }
        let mut text = format!("{top}{text}\n[targets.t.directory]\npath = \"x\"\n");
        if !last_end {
            text.pop();
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if mark {
            text.insert(0, '\u{feff}');
        }
        File { text, schedules: connections.into_iter().map(|(_, schedule)| schedule).collect() }
    })
}

fn written(key: &str, toml: &str) -> Written {
    let value: toml::Value = toml::from_str::<toml::Table>(&format!("v = {toml}")).unwrap()["v"].clone();
    let texts = |list: &[toml::Value]| list.iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    match (key, value) {
        ("misfire_grace" | "jitter", toml::Value::String(text)) => Written::Duration(text),
        (_, toml::Value::String(text)) => Written::Text(text),
        (_, toml::Value::Integer(number)) => Written::Integer(number),
        (_, toml::Value::Boolean(truth)) => Written::Boolean(truth),
        (_, toml::Value::Datetime(moment)) => Written::Moment(moment.to_string().parse().unwrap()),
        (_, toml::Value::Array(list)) => Written::Durations(texts(&list)),
        (key, value) => panic!("{key} = {value}"),
    }
}

/// Every key of a schedule: those that it has, and those that it has not.
fn settings(schedule: &Schedule) -> Vec<Setting> {
    aboard::config::edit::keys()
        .map(|key| {
            let toml = schedule.iter().find(|(name, _)| *name == key.name).map(|(_, toml)| toml);
            Setting { key: key.name, to: toml.map(|toml| written(key.name, toml)) }
        })
        .collect()
}

fn set(connection: usize, schedule: &Schedule) -> Edit {
    Edit::Set { connection: format!("c{connection}"), settings: settings(schedule) }
}

/// Every comment of a text, one a line, in its order.
fn comments(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.find('#').map(|at| line[at..].trim_end())).collect()
}

/// Whether `few` are among `many`, in their order.
fn are_among(few: &[&str], many: &[&str]) -> bool {
    let mut rest = many.iter();
    few.iter().all(|one| rest.any(|other| one == other))
}

fn judge(before: &str, after: &str) -> Result<(), TestCaseError> {
    prop_assert!(are_among(&comments(after), &comments(before)), "{before}\n---\n{after}");
    prop_assert_eq!(before.starts_with('\u{feff}'), after.starts_with('\u{feff}'));
    let bare = |text: &str| text.matches('\n').count() - text.matches("\r\n").count();
    prop_assert!(bare(before) > 0 || bare(after) == 0 || !before.contains('\n'), "{after:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_schedule_can_be_made_another_and_back(file in file(), which in 0_usize..3, other in schedule()) {
        let before = config(&file.text);
        let edited = edit(&file.text, &set(which, &other)).unwrap();
        judge(&file.text, &edited)?;
        let mut wanted = before.clone();
        let name = format!("c{which}");
        let plain = config(&connection(&name, Way::Headers, Some(&other)).1).connections.remove(&name).unwrap();
        let changed = wanted.connections.get_mut(&name).unwrap();
        (changed.auto_onboard, changed.entry) = (plain.auto_onboard, plain.entry);
        prop_assert_eq!(config(&edited), wanted, "{}\n---\n{}", file.text, edited);

        let reverse = match &file.schedules[which] {
            Some(schedule) => set(which, schedule),
            None => Edit::RemoveSchedule { connection: name },
        };
        let back = edit(&edited, &reverse).unwrap();
        judge(&edited, &back)?;
        prop_assert_eq!(config(&back), before, "{}\n---\n{}\n---\n{}", file.text, edited, back);
    }

    #[test]
    fn what_is_there_already_changes_no_byte(file in file(), which in 0_usize..3) {
        if let Some(schedule) = &file.schedules[which] {
            prop_assert_eq!(edit(&file.text, &set(which, schedule)).unwrap(), file.text);
        }
    }

    #[test]
    fn a_schedule_can_be_switched_and_switched_back(file in file(), which in 0_usize..3) {
        let Some(schedule) = &file.schedules[which] else { return Ok(()) };
        let was = !schedule.contains(&("enabled", "false".to_owned()));
        let switch = |on| Edit::Enable { connection: format!("c{which}"), on };
        prop_assert_eq!(&edit(&file.text, &switch(was)).unwrap(), &file.text);
        let other = edit(&file.text, &switch(!was)).unwrap();
        judge(&file.text, &other)?;
        let on = config(&other).connections[&format!("c{which}")].auto_onboard.as_ref().unwrap().enabled;
        prop_assert_eq!(on, !was);
        prop_assert_eq!(config(&edit(&other, &switch(was)).unwrap()), config(&file.text));
    }

    #[test]
    fn a_connection_can_be_added_and_removed_again(file in file(), schedule in schedule()) {
        let rows = |rows: &Schedule| rows.iter().map(|(key, toml)| ((*key).to_owned(), written(key, toml))).collect();
        let tables = vec![
            (vec![], vec![("regions".to_owned(), Written::Texts(vec!["eu-west-1".to_owned()]))]),
            (vec!["credentials".to_owned(), "default_chain".to_owned()], vec![]),
            (vec!["auto_onboard".to_owned()], rows(&schedule)),
        ];
        let added = edit(&file.text, &Edit::AddConnection { name: "new".to_owned(), tables }).unwrap();
        judge(&file.text, &added)?;
        prop_assert!(added.starts_with(&file.text), "what was there stays as it was");
        let mut wanted = config(&file.text);
        let new = config(&connection("new", Way::Headers, Some(&schedule)).1).connections.remove("new").unwrap();
        let targets = wanted.targets.keys().cloned().collect();
        wanted.connections.insert("new".to_owned(), aboard::config::Connection { targets, ..new });
        prop_assert_eq!(config(&added), wanted, "{}", added);
        let removed = edit(&added, &Edit::RemoveConnection { connection: "new".to_owned() }).unwrap();
        prop_assert_eq!(removed.trim_end(), file.text.trim_end());
    }

    #[test]
    fn a_connection_goes_whole_and_alone(file in file(), which in 0_usize..3) {
        let name = format!("c{which}");
        let removed = edit(&file.text, &Edit::RemoveConnection { connection: name.clone() }).unwrap();
        judge(&file.text, &removed)?;
        let mut wanted = config(&file.text);
        wanted.connections.remove(&name);
        prop_assert_eq!(config(&removed), wanted, "{}\n---\n{}", file.text, removed);
        let alone = |text: &str| text.matches("# --- a line of its own").count();
        prop_assert_eq!(alone(&removed), alone(&file.text), "{}", removed);
    }
}

#[test]
fn the_example_can_be_edited_everywhere_and_keeps_its_comments() {
    const EXAMPLE: &str = include_str!("../../schedules.example.toml");
    for name in config(EXAMPLE).connections.keys() {
        let jitter = Setting { key: "jitter", to: Some(Written::Duration("7m".to_owned())) };
        let mut settings = vec![jitter];
        if name == "dev" {
            settings.push(Setting { key: "cron", to: Some(Written::Text("0 3 * * *".to_owned())) });
            settings.push(Setting { key: "timezone", to: Some(Written::Text("UTC".to_owned())) });
        }
        let edited = edit(EXAMPLE, &Edit::Set { connection: name.clone(), settings }).unwrap();
        config(&edited);
        assert!(are_among(&comments(EXAMPLE), &comments(&edited)), "{edited}");
        assert!(edited.lines().count() - EXAMPLE.lines().count() <= 5, "{edited}");
        // What an integration names cannot be removed before the integration says otherwise.
        let unnamed: Vec<&str> = EXAMPLE.lines().filter(|line| !line.starts_with("connections = [")).collect();
        config(&edit(&unnamed.join("\n"), &Edit::RemoveConnection { connection: name.clone() }).unwrap());
    }
}
