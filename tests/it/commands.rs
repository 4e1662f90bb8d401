//! What the other commands say and do, as a person at a terminal, or a script, sees them.

use std::fs;
use std::process::Command;

use aboard::registry::supported_version;
use aboard_simulator::{HttpApi, RestApi};

use crate::support::shop::{self, ACCOUNT, REGION, auto_onboard, count, open, open_with, rest, schedules};
use crate::support::{Home, on_a_terminal};

fn state(home: &Home, api: &str) -> String {
    home.json(&["explain", api])["api"]["state"].as_str().unwrap().to_owned()
}

/// An id and nothing else of each API that a list shows.
fn listed(home: &Home, filters: &[&str]) -> Vec<String> {
    let apis = home.json(&[&["apis"], filters].concat());
    apis.as_array().unwrap().iter().map(|api| api["api_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_ignored_api_stays_out_until_its_day_is_over_or_somebody_lets_it_in() {
    let (sim, home) =
        open_with(shop::stocked(), &(schedules(r#"regions = ["eu-west-1"]"#) + &auto_onboard("max_new = 2")));
    assert_eq!(home.run(&["onboard", "shop"]).code, Some(3));
    let said =
        home.ok(&["ignore", "eu-west-1/ordersapi1", "--reason", "belongs to  \x1b[31mnobody", "--until", "2099-12-31"]);
    assert_eq!(
        said.stdout, "orders (111122223333/eu-west-1/ordersapi1): ignored until 2099-12-31: belongs to   [31mnobody\n",
        "without what a terminal would act upon"
    );
    home.ok(&["onboard", "shop"]);
    assert_eq!(
        (state(&home, "ordersapi1"), state(&home, "basketapi1")),
        ("excluded".to_owned(), "onboarded".to_owned())
    );
    let why = home.ok(&["explain", "ordersapi1"]).stdout;
    assert!(why.contains("shop: leaves it out because a person ignores it (since "), "{why}");
    assert!(why.contains("ignored until 2099-12-31 by "), "{why}");

    assert!(home.ok(&["unignore", "ordersapi1"]).stdout.ends_with(": no longer ignored; the next run decides\n"));
    assert!(home.ok(&["unignore", "ordersapi1"]).stdout.ends_with(": was not ignored\n"));
    home.ok(&["onboard", "shop"]);
    assert_eq!(state(&home, "ordersapi1"), "onboarded");

    let stays = home.ok(&["ignore", "ordersapi1", "--reason", "a test"]).stdout;
    assert!(stays.contains("it is onboarded and stays so"), "{stays}");

    sim.change(|world| world.region(ACCOUNT, REGION).add_rest(RestApi::new("late").id("lateapi001")));
    home.ok(&["onboard", "shop"]);
    home.ok(&["ignore", "lateapi001", "--reason", "a test", "--until", "2099-12-31"]);
    shop::meddle(&home.registry(), "UPDATE ignores SET until = '2020-01-01';");
    sim.change(|world| world.region(ACCOUNT, REGION).add_rest(rest("late", "lateapi001")));
    home.ok(&["onboard", "shop"]);
    assert_eq!(state(&home, "lateapi001"), "onboarded", "its last day is over");
}

#[test]
fn an_api_that_nobody_has_seen_cannot_be_explained_or_ignored() {
    let (_sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    for words in
        [&["explain", "nosuchapi1"][..], &["ignore", "nosuchapi1", "--reason", "a test"], &["unignore", "nosuchapi1"]]
    {
        let said = home.run(words);
        assert_eq!(said.code, Some(1), "{words:?}");
        assert_eq!(said.stderr, "aboard: no API nosuchapi1 in the registry aboard.db\n");
    }
}

#[test]
fn the_list_can_be_narrowed_in_every_way() {
    let world = shop::stocked().rest(ACCOUNT, "eu-west-2", rest("reports", "reportsap1").tag("team", "payments")).http(
        ACCOUNT,
        "eu-west-2",
        HttpApi::new("draft").id("draftapi01"),
    );
    let (_sim, home) = open_with(world, &schedules(r#"regions = ["eu-west-1", "eu-west-2"]"#));
    home.ok(&["onboard", "shop"]);
    for (filters, expected) in [
        (&[][..], &["basketapi1", "pricesapi1", "ordersapi1", "draftapi01", "reportsap1"][..]),
        (&["--connection", "shop", "--limit", "2"], &["basketapi1", "pricesapi1"]),
        (&["--state", "excluded"], &["draftapi01"]),
        (&["--reason", "unpublished"], &["draftapi01"]),
        (&["--decision", "excluded"], &["draftapi01"]),
        (&["--region", "eu-west-2"], &["draftapi01", "reportsap1"]),
        (&["--account", "999988887777"], &[]),
        (&["--protocol", "websocket"], &["pricesapi1"]),
        (&["--protocol", "HTTP", "--region", "eu-west-1"], &["basketapi1"]),
        (&["--name", "*r*s"], &["pricesapi1", "ordersapi1", "reportsap1"]),
        (&["--tag", "team=pay*"], &["reportsap1"]),
    ] {
        assert_eq!(listed(&home, filters), expected, "{filters:?}");
    }
    let other = home.run(&["apis", "--connection", "other"]);
    assert_eq!(other.code, Some(2), "{other:?}");
    assert!(other.stderr.contains("no connection named other"), "{other:?}");
    let none = home.ok(&["apis", "--name", "nothing"]);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "aboard: no API in the registry matches\n"));
}

#[test]
fn runs_are_listed_newest_first_and_shown_one_by_one() {
    let (_sim, home) = open_with(
        shop::stocked().disabled_region(ACCOUNT, "eu-south-1"),
        &schedules(r#"regions = ["eu-west-1", "eu-south-1"]"#),
    );
    home.run(&["onboard", "shop"]);
    home.run(&["onboard", "shop"]);
    let list = home.ok(&["runs"]).stdout;
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..4], ["RUN", "CONNECTION", "TRIGGER", "STARTED"], "{list}");
    assert_eq!((rows[1][0], rows[1][1], rows[1][2]), ("2", "shop", "manual"), "{list}");
    assert!(rows[1].contains(&"partial") && rows[1].contains(&"2/4"), "{list}");
    assert_eq!(home.json(&["runs", "--limit", "1"]).as_array().unwrap().len(), 1);
    let other = home.run(&["runs", "--connection", "other"]);
    assert_eq!(other.code, Some(2), "{other:?}");
    assert!(other.stderr.contains("no connection named other") && other.stderr.contains("it has shop"), "{other:?}");

    let one = home.ok(&["runs", "2"]).stdout;
    assert!(one.starts_with("run 2 of shop: partial (manual), started 20"), "{one}");
    assert!(one.contains("region_disabled") && one.contains("complete"), "{one}");
    let missing = home.run(&["runs", "99"]);
    assert_eq!((missing.code, missing.stderr.as_str()), (Some(1), "aboard: registry aboard.db knows no run 99\n"));
}

#[test]
fn equal_failures_of_many_scopes_are_one_line() {
    let regions = ["ap-south-1", "ca-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-3"];
    let world = regions.iter().fold(shop::stocked(), |world, region| world.disabled_region(ACCOUNT, region));
    let keys = format!("regions = [\"eu-west-1\", {}]", regions.map(|region| format!("\"{region}\"")).join(", "));
    let (_sim, home) = open_with(world, &schedules(&keys));
    let said = home.run(&["onboard", "shop"]).stdout;
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("region_disabled")).collect();
    assert_eq!(lines.len(), 1, "one sentence for twelve scopes: {said}");
    assert!(lines[0].contains(" and 8 more: of the first: "), "{said}");
    let rows = home.ok(&["runs", "1"]).stdout.lines().filter(|line| line.contains("region_disabled")).count();
    assert_eq!(rows, 1, "and one row: {}", home.ok(&["runs", "1"]).stdout);
}

#[test]
fn a_look_and_a_dry_run_change_nothing() {
    let (sim, home) = open(shop::stocked());
    for words in [&["discover", "shop"][..], &["onboard", "shop", "--dry-run"]] {
        let said = home.ok(words).stdout;
        assert!(
            said.starts_with("shop: succeeded (nothing written): 3 seen, 3 to onboard; 2 of 2 scopes complete"),
            "{said}"
        );
        assert!(!home.registry().exists());
    }
    home.ok(&["onboard", "shop"]);
    sim.change(|world| world.region(ACCOUNT, REGION).add_rest(rest("payments", "paymentsa1")));
    let registry = || fs::read(home.registry()).unwrap();
    let before = registry();
    for words in [&["discover", "shop"][..], &["onboard", "shop", "--dry-run"]] {
        let said = home.ok(words).stdout;
        assert!(said.contains("4 seen, 1 to onboard, 3 already onboarded"), "{said}");
        assert!(registry() == before, "{words:?} changed the registry");
    }
    assert_eq!(home.json(&["runs"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_quiet_or_wordy_run_is_as_quiet_or_wordy_as_it_says() {
    let (_sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    let news = home.ok(&["onboard", "shop"]).stdout;
    assert_eq!(news.lines().count(), 1, "nothing new is one line: {news}");
    let all = home.ok(&["-v", "onboard", "shop"]).stdout;
    assert!(all.contains("already_onboarded") && all.contains("ordersapi1"), "{all}");
    let quiet = home.ok(&["-q", "onboard", "shop"]);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn the_state_of_the_registry_is_told_in_a_few_lines() {
    let (_sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    let said = home.ok(&["registry", "info"]).stdout;
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with(&format!("aboard.db: schema version {}, SQLite 3.", supported_version())), "{said}");
    assert_eq!(lines[1], "  APIs: 3 onboarded");
    assert!(lines[2].starts_with("  runs: 1 succeeded; first 20"), "{said}");
    assert_eq!(lines[3], "  deliveries: 6 delivered");
}

#[test]
fn check_and_test_say_what_is_there() {
    let (_sim, home) = open_with(shop::stocked(), &(schedules(r#"regions = ["eu-west-1"]"#) + &auto_onboard("")));
    let said = home.ok(&["check"]).stdout;
    assert!(said.starts_with("schedules.toml is valid: 1 connection, 2 targets\n"), "{said}");
    assert!(said.contains("daily at 02:30 Europe/London"), "{said}");
    let said = home.ok(&["test", "shop"]).stdout;
    assert!(said.contains("  pass  identify the caller: arn:aws:iam::111122223333:user/aboard"), "{said}");
    assert!(said.lines().last().unwrap().contains("passed"), "{said}");
    assert!(!home.registry().exists());
}

#[test]
fn a_schema_completions_and_manual_pages_are_made_without_any_file() {
    let home = Home::new("http://127.0.0.1:9", "");
    fs::remove_file(home.path("schedules.toml")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&home.ok(&["schema"]).stdout).unwrap();
    assert!(schema["properties"]["connections"].is_object());
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = home.ok(&["completions", shell]).stdout;
        assert!(script.contains("onboard") && script.contains("approve"), "{shell}");
    }
    assert_eq!(home.run(&["completions", "csh"]).code, Some(2));
    let bash = Command::new("bash")
        .args(["-c", "source /dev/stdin && complete -p aboard"])
        .stdin(piped(&home))
        .output()
        .unwrap();
    assert!(bash.status.success(), "{}", String::from_utf8_lossy(&bash.stderr));

    let page = home.ok(&["man"]).stdout;
    assert!(page.contains(".TH aboard 1") && page.contains("onboard"), "{page}");
    home.ok(&["man", "--dir", "manual/pages"]);
    for page in ["aboard.1", "aboard-onboard.1", "aboard-registry-backup.1"] {
        assert!(home.path("manual/pages").join(page).exists(), "{page}");
    }
    let said = home.ok(&["--help"]).stdout;
    assert!(said.contains("Exit codes: 0 done; 1 failed"), "{said}");
    assert!(home.ok(&["--version"]).stdout.starts_with("aboard 0."));
}

/// The completion script of bash as another program's input.
fn piped(home: &Home) -> fs::File {
    home.write("completions.bash", &home.ok(&["completions", "bash"]).stdout);
    fs::File::open(home.path("completions.bash")).unwrap()
}

#[test]
fn a_bar_is_drawn_on_a_terminal_only() {
    let (sim, home) = open(shop::stocked());
    sim.change(|world| world.set_latency(std::time::Duration::from_millis(60)));
    let seen = on_a_terminal(&home, &["discover", "shop"], "", "");
    assert_eq!(seen.code, Some(0), "{seen:?}");
    assert!(seen.stdout.contains("scopes  ") && seen.stdout.contains("calls  "), "{:?}", seen.stdout);
    let quiet = on_a_terminal(&home, &["-q", "discover", "shop"], "", "");
    assert!(!quiet.stdout.contains("scopes  "), "{:?}", quiet.stdout);
    let piped = home.ok(&["discover", "shop"]);
    assert_eq!(piped.stderr, "");
    assert!(!piped.stdout.contains('\x1b') && !piped.stdout.contains('\r'), "{:?}", piped.stdout);
}

#[test]
fn a_person_picks_on_a_terminal_and_the_rest_waits() {
    let (_sim, home) = open(shop::stocked());
    let seen = on_a_terminal(&home, &["onboard", "shop", "--pick"], "Register which?", "2\n");
    assert_eq!(seen.code, Some(3), "{seen:?}");
    assert!(!seen.stdout.contains("scopes  "), "no bar draws over the question: {}", seen.stdout);
    assert!(seen.stdout.contains("   2  basket  111122223333/eu-west-1/basketapi1"), "{}", seen.stdout);
    assert!(
        seen.stdout.contains("2 that were not picked await approval; `aboard approve shop` registers them"),
        "{}",
        seen.stdout
    );
    assert_eq!(listed(&home, &["--state", "onboarded"]), ["basketapi1"], "the second one that was shown");
    home.ok(&["approve", "shop"]);
    assert_eq!(count(&home.registry(), "SELECT count(*) FROM apis WHERE state = 'onboarded'"), 3);
}
