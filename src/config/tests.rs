use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{NaiveTime, Weekday};

use super::*;

const HEAD: &str = "[connections.a]\nregions = [\"eu-west-1\"]\ncredentials.default_chain = {}\n";

fn place() -> Place {
    Place::new(Path::new("/etc/aboard/schedules.toml"))
}

fn config(text: &str) -> Config {
    parse(text, &place()).unwrap().config
}

fn errors(text: &str) -> Vec<Problem> {
    parse(text, &place()).unwrap_err()
}

/// A connection with the given lines in its `auto_onboard`.
fn scheduled(lines: &str) -> Connection {
    let text = format!("{HEAD}[connections.a.auto_onboard]\n{lines}");
    config(&text).connections.remove("a").unwrap()
}

fn recurrence(lines: &str) -> Recurrence {
    scheduled(&format!("{lines}\ntimezone = \"Europe/London\"")).auto_onboard.unwrap().recurrence
}

fn time(hour: u32, minute: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
}

#[test]
fn a_schedule_is_weekly_unless_it_says_otherwise() {
    let weekly = Recurrence::Weekly { day: Weekday::Tue, time: time(2, 30) };
    assert_eq!(recurrence("day = \"tuesday\"\ntime = \"02:30\""), weekly);
    assert_eq!(recurrence("frequency = \"weekly\"\nday = \"tuesday\"\ntime = \"02:30\""), weekly);
    assert_eq!(recurrence("frequency = \"daily\"\ntime = \"00:00\""), Recurrence::Daily { time: time(0, 0) });
    let monthly = |day| Recurrence::Monthly { day, time: time(23, 59) };
    assert_eq!(recurrence("frequency = \"monthly\"\nday = 28\ntime = \"23:59\""), monthly(MonthDay::Day(28)));
    assert_eq!(recurrence("frequency = \"monthly\"\nday = \"last\"\ntime = \"23:59\""), monthly(MonthDay::Last));
    let cron = Recurrence::Cron { expression: "0 3 * * 1-5".to_owned() };
    assert_eq!(recurrence("cron = \"0 3 * * 1-5\""), cron);
}

#[test]
fn every_weekday_of_the_table_is_one() {
    for day in keys::WEEKDAYS {
        let recurrence = recurrence(&format!("day = \"{day}\"\ntime = \"02:30\""));
        let Recurrence::Weekly { day: parsed, .. } = recurrence else { panic!("{recurrence:?}") };
        assert!(day.starts_with(&parsed.to_string().to_lowercase()), "{day}");
    }
}

#[test]
fn a_date_means_its_first_moment_in_the_schedules_zone() {
    let after = |zone: &str, date: &str| {
        let lines = format!("cron = \"0 3 * * *\"\ntimezone = \"{zone}\"\npublished_after = {date}");
        scheduled(&lines).entry.published_after.unwrap().to_rfc3339()
    };
    assert_eq!(after("Europe/London", "2026-07-01"), "2026-06-30T23:00:00+00:00");
    assert_eq!(after("America/New_York", "2026-07-01"), "2026-07-01T04:00:00+00:00");
    assert_eq!(after("America/New_York", "2026-07-01T12:00:00"), "2026-07-01T16:00:00+00:00");
    assert_eq!(after("America/New_York", "2026-07-01T12:00:00Z"), "2026-07-01T12:00:00+00:00");
    // 02:30 does not exist there on that day: the clock goes from 02:00 to 03:00.
    assert_eq!(after("America/New_York", "2026-03-08T02:30:00"), "2026-03-08T07:00:00+00:00");
}

#[test]
fn entry_rules_hold_without_a_schedule_too() {
    let connection = config(HEAD).connections.remove("a").unwrap();
    assert_eq!(connection.entry, EntryRules::default());
    assert_eq!(connection.auto_onboard, None);
    let unlimited = scheduled("cron = \"0 3 * * *\"\ntimezone = \"UTC\"\nmax_new = 0\nexisting = \"record\"").entry;
    assert_eq!((unlimited.max_new, unlimited.existing), (None, Existing::Record));
}

#[test]
fn relative_paths_are_relative_to_the_file() {
    let text = format!(
        "{HEAD}[registry]\npath = \"aboard.db\"\n[network]\nca_file = \"/ca.pem\"\n[targets.t.webhook]\nurl = \"https://t\"\n\
         secret = \"file:old/secret\"\nheaders = {{ X-Key = \"env:KEY\" }}"
    );
    let config = config(&text);
    assert_eq!(config.registry.path, Some(PathBuf::from("/etc/aboard/aboard.db")));
    assert_eq!(config.network.ca_file, Some(PathBuf::from("/ca.pem")));
    let TargetKind::Webhook(WebhookTarget { secrets, headers, .. }) = &config.targets["t"].kind else {
        panic!("no webhook")
    };
    assert_eq!(secrets, &[SecretRef::File(PathBuf::from("/etc/aboard/old/secret"))]);
    assert_eq!(headers["X-Key"], SecretRef::Env("KEY".to_owned()));
    assert_eq!(Place::new(Path::new("schedules.toml")).resolve("specs"), PathBuf::from("specs"));
}

#[test]
fn a_connection_tells_every_target_in_the_order_of_the_file_unless_it_names_some() {
    let targets = "[targets.z.directory]\npath = \"z\"\n[targets.a.directory]\npath = \"a\"\n";
    let named = |lines: &str| config(&format!("{HEAD}{lines}\n{targets}")).connections["a"].targets.clone();
    assert_eq!(named(""), ["z", "a"]);
    assert_eq!(named("targets = [\"a\"]"), ["a"]);
    assert_eq!(named("targets = []"), Vec::<String>::new());
}

#[test]
fn an_integration_with_a_management_api_is_a_target_of_the_connections_that_it_names() {
    let more = "[targets.t.directory]\npath = \"t\"\n[connections.b]\nregions = [\"eu-west-1\"]\ncredentials.default_chain = {}\n\
                targets = []\n[integrations.apim.gravitee]\nendpoints = [\"https://e\"]\ntoken = \"env:T\"\nintegration_id = \"1\"\n\
                accept_api_without_usage_plan = true\nca_file = \"ca.pem\"\n";
    let management =
        "management = { url = \"https://m\", token = \"env:M\", retry.first = \"1m\", events = [\"api.onboarded\"] }\n";
    let told = |lines: &str| {
        let config = config(&format!("{HEAD}{more}{lines}"));
        let names = |of: &str| config.connections[of].targets.clone();
        (names("a"), names("b"), config.targets.get("apim").cloned())
    };
    assert_eq!(told(""), (vec!["t".to_owned()], vec![], None));
    let (a, b, apim) = told(management);
    assert_eq!((a, b), (vec!["t".to_owned(), "apim".to_owned()], vec!["apim".to_owned()]));
    let apim = apim.unwrap();
    assert_eq!((apim.events, apim.retry.first), (vec![Event::Onboarded], Duration::from_mins(1)));
    let TargetKind::Ingest(ingest) = apim.kind else { panic!("no ingest") };
    assert!(ingest.offering.without_usage_plan && ingest.authorities.is_some());
    let (a, b, _) = told(&format!("connections = [\"b\"]\n{management}"));
    assert_eq!((a, b), (vec!["t".to_owned()], vec!["apim".to_owned()]));
}

#[test]
fn a_literal_and_a_reference_are_told_apart() {
    let text = "[connections.a]\nregions = [\"all\", \"!ap-*\"]\n[connections.a.credentials.assume_role]\n\
                role_arn = \"arn:aws:iam::111122223333:role/R\"\nexternal_id = \"team:7\"\n\
                source.aws_user = { access_key_id = \"env:ID\", secret_access_key = \"file:s\" }";
    let config = config(text);
    let Credentials::AssumeRole(role) = &config.connections["a"].credentials else { panic!("no role") };
    assert_eq!(role.external_id, Some(Value::Literal("team:7".to_owned())));
    assert_eq!(role.session_name, "aboard");
    let Source::AwsUser(user) = &role.source else { panic!("no user") };
    assert_eq!(user.access_key_id, Value::Ref(SecretRef::Env("ID".to_owned())));
    assert_eq!(user.secret_access_key, SecretRef::File(PathBuf::from("/etc/aboard/s")));
    let Regions::All { except } = &config.connections["a"].regions else { panic!("not all") };
    assert!(except.any("ap-south-1") && !except.any("eu-west-1"));
}

#[test]
fn retries_and_durations_are_read_as_written() {
    let lines = "cron = \"0 3 * * *\"\ntimezone = \"UTC\"\nretry_failed = [\"1m\", \"1h 30m\"]\njitter = \"10m\"";
    let schedule = scheduled(lines).auto_onboard.unwrap();
    assert_eq!(schedule.retry_failed, [Duration::from_mins(1), Duration::from_mins(90)]);
    assert_eq!(schedule.jitter, Duration::from_mins(10));
    assert!(schedule.enabled);
}

#[test]
fn a_mistake_does_not_bring_others_in_its_train() {
    for (lines, path) in [
        ("frequency = \"daily\"\ntime = \"9\"\ntimezone = \"UTC\"", "time"),
        ("frequency = \"daily\"\ntime = \"02:30\"\ntimezone = \"Mars\"\npublished_after = 2026-01-01", "timezone"),
        ("frequency = 7\nday = 3\ntime = \"02:30\"\ntimezone = \"UTC\"", "frequency"),
        ("day = \"moonday\"\ntime = \"02:30\"\ntimezone = \"UTC\"", "day"),
        ("dya = \"monday\"\ntime = \"02:30\"\ntimezone = \"UTC\"", "dya"),
        ("corn = \"0 3 * * *\"\ntimezone = \"UTC\"", "corn"),
        ("cron = \"x\"\ntimezone = \"UTC\"", "cron"),
    ] {
        let problems = errors(&format!("{HEAD}[connections.a.auto_onboard]\n{lines}"));
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, [format!("connections.a.auto_onboard.{path}")], "{lines}");
    }
}

#[test]
fn a_file_nested_beyond_reason_is_refused_and_not_fatal() {
    for text in [
        format!("a = {}", "[".repeat(100_000)),
        format!("a = {}1{}", "[".repeat(50_000), "]".repeat(50_000)),
        format!("a = {}", "{a = ".repeat(50_000)),
        format!("[{}a]", "a.".repeat(5_000)),
        format!("{}a = 1", "a.".repeat(5_000)),
    ] {
        assert!(!errors(&text).is_empty());
    }
}
