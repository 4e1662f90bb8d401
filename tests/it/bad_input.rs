//! What is wrong in the file, in the environment, with a name, or with AWS: a clear sentence, the right exit code, nothing lost.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use aboard_simulator::{Failure, Fault, Operation, User};
use serde_json::Value;

use crate::support::shop::{self, ACCOUNT, KEY, REGION, auto_onboard, connection, open, open_with, schedules};
use crate::support::{CANARY, Home, Said};

/// An address at which nothing listens.
fn closed() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}")
}

fn nowhere(schedules: &str) -> Home {
    Home::new(&closed(), schedules)
}

fn good() -> String {
    schedules(r#"regions = ["eu-west-1"]"#)
}

/// The command line must end so, say all of this on standard error, and print nothing as a result.
fn refused(home: &Home, words: &[&str], code: i32, sentences: &[&str]) -> Said {
    let said = home.run(words);
    assert_eq!(said.code, Some(code), "{words:?}: {said:?}");
    for sentence in sentences {
        assert!(said.stderr.contains(sentence), "{words:?} must say `{sentence}`: {}", said.stderr);
    }
    assert_eq!(said.stdout, "", "{words:?}");
    assert!(!home.registry().exists(), "{words:?} must not make a registry");
    said
}

/// What needs the file, with words that would be good.
const NEED_THE_FILE: [&[&str]; 6] =
    [&["check"], &["test", "shop"], &["discover", "shop"], &["onboard", "shop"], &["approve", "shop"], &["apis"]];

#[test]
fn a_schedule_file_that_cannot_be_read_is_named_with_the_cause() {
    let home = nowhere(&good());
    fs::remove_file(home.path("schedules.toml")).unwrap();
    for words in NEED_THE_FILE {
        refused(
            &home,
            words,
            2,
            &["cannot read the schedule file schedules.toml: ", "--config", "/etc/aboard/schedules.toml"],
        );
    }
    fs::create_dir(home.path("schedules.toml")).unwrap();
    refused(&home, &["check"], 2, &["cannot read the schedule file schedules.toml: ", "directory"]);
    refused(&home, &["--config", "no/such.toml", "check"], 2, &["cannot read the schedule file no/such.toml: "]);
}

#[test]
fn a_schedule_file_that_its_reader_may_not_read_is_named() {
    let home = nowhere(&good());
    fs::set_permissions(home.path("schedules.toml"), fs::Permissions::from_mode(0o000)).unwrap();
    if nix::unistd::Uid::effective().is_root() {
        // Nothing is hidden from the superuser, so another user looks.
        let aboard = home.command(&["check"]);
        let folder = home.path("");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let mut other = std::process::Command::new("setpriv");
        other.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(aboard.get_program()).arg("check");
        let said = Said::of(other.current_dir(folder).output().unwrap());
        assert!(said.stderr.contains("Permission denied"), "{said:?}");
    } else {
        refused(&home, &["check"], 2, &["cannot read the schedule file schedules.toml: Permission denied"]);
    }
}

#[test]
fn a_schedule_file_that_is_no_text_is_refused() {
    let home = nowhere(&good());
    fs::write(home.path("schedules.toml"), b"[limits]\nburst = 1 # \xff\n").unwrap();
    refused(&home, &["check"], 2, &["schedules.toml is not UTF-8 (byte 21)"]);
    fs::write(home.path("schedules.toml"), "[connections.shop\n").unwrap();
    refused(&home, &["onboard", "shop"], 2, &["schedules.toml:1:18: unclosed table", "schedules.toml has 1 mistake"]);
}

#[test]
fn every_mistake_in_a_file_is_told_at_once_with_its_line() {
    let file = format!(
        "{}{}[limmits]\n",
        schedules(r#"regions = ["eu-wset-1", "EU_WEST_1"]"#),
        auto_onboard("").replace("Europe/London", "Europe/Lodnon")
    );
    let home = nowhere(&file);
    let line =
        |what: &str| format!("schedules.toml:{}:", 1 + file.lines().position(|line| line.contains(what)).unwrap());
    refused(
        &home,
        &["onboard", "shop"],
        2,
        &[
            "EU_WEST_1",
            "Europe/Lodnon",
            "Europe/London",
            "limmits",
            "limits",
            &line("regions"),
            &line("timezone"),
            "has 3 mistakes",
        ],
    );
}

#[test]
fn a_secret_in_the_file_is_refused_and_never_shown() {
    let home = nowhere(&good().replace("\"env:SECRET\"", &format!("\"{CANARY}\"")));
    for words in NEED_THE_FILE {
        let said = refused(&home, words, 2, &["secret_access_key", "env:NAME", "file:/path"]);
        assert!(!said.stderr.contains(CANARY), "{words:?}: {}", said.stderr);
    }
}

#[test]
fn a_secret_that_cannot_be_had_is_named_and_nothing_is_asked_of_aws() {
    let (sim, home) = open(shop::stocked());
    home.write("empty", "\n");
    let unset = "environment variable NO_SUCH_SECRET is not set";
    for (reference, expected) in [
        ("env:NO_SUCH_SECRET", unset),
        ("env:EMPTY_SECRET", "environment variable EMPTY_SECRET is empty"),
        ("file:no-such-file", "no-such-file cannot be read: No such file"),
        ("file:empty", "empty is empty"),
    ] {
        home.write("schedules.toml", &good().replace("env:SECRET", reference));
        for words in [&["test", "shop"][..], &["discover", "shop"], &["onboard", "shop"]] {
            let said = Said::of(home.command(words).env("EMPTY_SECRET", "").output().unwrap());
            assert_eq!(said.code, Some(1), "{words:?} {said:?}");
            assert!(said.stdout.contains(expected), "{words:?} must say `{expected}`: {}", said.stdout);
            assert!(said.stdout.contains("put the secret where the schedule file says"), "{words:?}: {}", said.stdout);
            assert!(!said.stdout.contains("dispatch failure"), "no words of a library: {}", said.stdout);
        }
    }
    assert_eq!(sim.counts().calls, 0);
    assert_eq!(home.json(&["runs"])[0]["error"]["kind"], "credentials_failed");
}

#[test]
fn an_unknown_connection_is_answered_with_the_nearest_name() {
    let home = nowhere(&good());
    for command in ["test", "discover", "onboard", "approve"] {
        refused(&home, &[command, "shpo"], 2, &["no connection named shpo in the schedule file", "did you mean shop?"]);
        refused(&home, &[command, "entirely-else"], 2, &["no connection named entirely-else", "it has shop"]);
    }
    let empty = nowhere("[connections]\n");
    refused(&empty, &["discover", "shop"], 2, &["no connection named shop", "it has none"]);
}

#[test]
fn a_choice_on_a_terminal_needs_one() {
    let home = nowhere(&good());
    refused(&home, &["onboard", "shop", "--pick"], 2, &["--pick asks on a terminal, and there is none", "--api"]);
}

#[test]
fn csv_is_refused_before_anything_is_done_where_there_is_none() {
    let home = nowhere(&good());
    for words in [
        &["check"][..],
        &["test", "shop"],
        &["discover", "shop"],
        &["onboard", "shop"],
        &["approve", "shop"],
        &["ignore", "abc", "--reason", "a test"],
        &["unignore", "abc"],
        &["explain", "abc"],
        &["runs", "1"],
        &["registry", "info"],
        &["schedule", "show", "shop"],
        &["schedule", "disable", "shop", "--yes"],
        &["connection", "remove", "shop", "--yes"],
        &["schema"],
    ] {
        refused(&home, &[&["-o", "csv"], words].concat(), 2, &["only lists can be printed as csv"]);
    }
    let (sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    sim.reset_counts();
    assert_eq!(home.run(&["-o", "csv", "ignore", "ordersapi1", "--reason", "a test"]).code, Some(2));
    assert!(!home.ok(&["explain", "ordersapi1"]).stdout.contains("ignored"), "what was refused was not done");
    assert_eq!(home.run(&["-o", "csv", "onboard", "shop"]).code, Some(2));
    assert_eq!(sim.counts().calls, 0);
}

#[test]
fn words_that_mean_nothing_are_usage_errors() {
    let home = nowhere(&good());
    for words in [
        &["onboard"][..],
        &["onboard", "shop", "--all"],
        &["onboard", "shop", "--stage", "prod"],
        &["onboard", "shop", "--published-after", "yesterday"],
        &["onboard", "shop", "--dry-run", "--pick"],
        &["onboard", "shop", "--redeliver", "nosuch"],
        &["ignore", "abc"],
        &["ignore", "abc", "--reason", "  "],
        &["ignore", "abc", "--reason", "a test", "--until", "2020-01-01"],
        &["apis", "--state", "lost"],
        &["apis", "--name", "{"],
        &["apis", "--tag", "team"],
        &["nosuch"],
        &["-v", "-q", "check"],
    ] {
        refused(&home, words, 2, &[]);
    }
    refused(&home, &["apis", "--reason", "because"], 2, &["no reason named because", "reasons are new, selected"]);
    refused(
        &home,
        &["onboard", "shop", "--redeliver", "nosuch"],
        2,
        &["no target named nosuch", "it has catalog, specs"],
    );
}

#[test]
fn a_target_is_told_again_only_of_connections_that_register_with_it() {
    let narrow = connection("narrow", "regions = [\"eu-west-1\"]\ntargets = [\"catalog\"]");
    let file = format!(
        "{}{narrow}\n[targets.nobody.directory]\npath = \"nobody\"\n",
        schedules("regions = [\"eu-west-1\"]\ntargets = [\"specs\"]")
    );
    let (sim, home) = open_with(shop::stocked(), &file);
    let expected = ["narrow does not register with target specs", "narrow registers with catalog"];
    refused(&home, &["onboard", "shop", "narrow", "--redeliver", "specs"], 2, &expected);
    let expected = ["no connection registers with target nobody"];
    refused(&home, &["onboard", "--all", "--redeliver", "nobody"], 2, &expected);
    refused(&home, &["onboard", "shop", "--api", "ordersapi1", "--redeliver", "specs"], 2, &["cannot be used with"]);
    assert_eq!(sim.counts().calls, 0);

    home.ok(&["onboard", "--all"]);
    shop::meddle(&home.registry(), "UPDATE deliveries SET state = 'delivered', attempts = 0;");
    home.ok(&["onboard", "--all", "--redeliver", "specs"]);
    let tried = |target: &str| {
        let query = format!("SELECT count(*) FROM deliveries WHERE target = '{target}' AND attempts > 0");
        shop::count(&home.registry(), &query)
    };
    assert_eq!((tried("specs"), tried("catalog")), (3, 0), "of all connections, those that register with it");
}

#[test]
fn check_says_when_a_connection_ran_last_and_needs_no_good_registry_for_that() {
    let idle = connection("idle", r#"regions = ["eu-west-1"]"#);
    let (_sim, home) = open_with(shop::stocked(), &(schedules(r#"regions = ["eu-west-1"]"#) + &idle));
    let last = || {
        let connections = home.json(&["check"]);
        let of = |index: usize| (connections[index]["last_run"].clone(), connections[index]["last_outcome"].clone());
        assert_eq!((&connections[0]["name"], &connections[1]["name"]), (&"idle".into(), &"shop".into()));
        (of(0), of(1))
    };
    let never = (Value::Null, Value::Null);
    assert_eq!(last(), (never.clone(), never.clone()));
    assert!(!home.registry().exists(), "a check makes no registry");

    home.ok(&["onboard", "shop"]);
    let run = home.json(&["runs"])[0].clone();
    assert_eq!(last(), (never.clone(), (run["started_at"].clone(), "succeeded".into())));
    let said = home.ok(&["check"]).stdout;
    let line = |name: &str| said.lines().find(|line| line.starts_with(name)).unwrap().trim_end();
    assert!(line("shop").ends_with(", succeeded") && line("idle").ends_with("none"), "{said}");

    fs::write(home.registry(), "this is no registry, whatever it is").unwrap();
    assert_eq!(last(), (never.clone(), never));
    assert_eq!(home.ok(&["check"]).stderr, "");
}

#[test]
fn all_connections_of_a_file_without_any_are_said_to_be_none() {
    let home = nowhere(shop::targets());
    for command in ["test", "discover", "onboard"] {
        let said = home.ok(&[command, "--all"]);
        assert!(said.stderr.contains("schedules.toml has no connections"), "{command}: {said:?}");
        assert_eq!((said.stdout.as_str(), home.ok(&["-q", command, "--all"]).stderr.as_str()), ("", ""));
    }
}

#[test]
fn a_filter_for_the_log_that_is_none_is_said_and_not_used() {
    let home = nowhere(&good());
    let said = Said::of(home.command(&["check"]).env("ABOARD_LOG", "aboard=loud").output().unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains("warning: ABOARD_LOG is no filter"), "{}", said.stderr);
}

/// A run that fails as a whole: exit 1, the cause and what to do, and a registry that says the same.
fn fails(home: &Home, sentences: &[&str], kind: &str) {
    let said = home.run(&["onboard", "shop"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.starts_with("shop: failed"), "{}", said.stdout);
    for sentence in sentences {
        assert!(said.stdout.contains(sentence), "must say `{sentence}`: {}", said.stdout);
    }
    let run = home.json(&["runs"])[0].clone();
    assert_eq!((&run["outcome"], &run["error"]["kind"]), (&"failed".into(), &kind.into()), "{run}");
}

#[test]
fn without_a_network_the_cause_is_told() {
    // TLS towards a port that does not speak it is one way of having none.
    let sim = aboard_simulator::Simulator::start(shop::stocked());
    let tls = sim.url().replace("http://", "https://");
    let closed = closed();
    // Each is tried again for some seconds, so they wait side by side.
    std::thread::scope(|scope| {
        for (endpoint, cause) in [
            (closed.as_str(), "GetCallerIdentity: no connection: tcp connect error: Connection refused"),
            ("http://no-such-host.invalid", "GetCallerIdentity: no connection: dns error"),
            (tls.as_str(), "GetCallerIdentity: no connection: "),
        ] {
            scope.spawn(move || {
                fails(&Home::new(endpoint, &good()), &[cause, "check the network, the name server"], "failed");
            });
        }
    });
}

#[test]
fn a_test_of_a_connection_without_a_network_fails_at_its_first_call() {
    let said = nowhere(&good()).run(&["test", "shop"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("  FAIL  identify the caller: GetCallerIdentity: no connection: "), "{}", said.stdout);
    assert!(said.stdout.contains("check the network"), "{}", said.stdout);
}

#[test]
fn a_key_that_aws_does_not_know_and_a_token_that_expired_are_told_apart() {
    let (_sim, home) = open(aboard_simulator::World::new());
    fails(&home, &["the access key is unknown to AWS"], "credentials_failed");

    let world = shop::stocked().fault(Fault::new(Failure::ExpiredToken));
    let (_sim, home) = open_with(world, &good());
    fails(&home, &["Expired", "the session ended and could not be renewed"], "credentials_failed");
}

#[test]
fn a_region_that_is_switched_off_fails_alone() {
    let world = shop::stocked().disabled_region(ACCOUNT, "eu-south-1");
    let (_sim, home) = open_with(world, &schedules(r#"regions = ["eu-west-1", "eu-south-1"]"#));
    let said = home.run(&["onboard", "shop"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.stdout.contains("3 onboarded") && said.stdout.contains("region_disabled: "), "{}", said.stdout);
    let report = home.json(&["discover", "shop"]);
    let off: Vec<&serde_json::Value> =
        report["scopes"].as_array().unwrap().iter().filter(|scope| scope["region"] == "eu-south-1").collect();
    assert_eq!(off.len(), 2);
    assert!(off.iter().all(|scope| scope["state"] == "region_disabled" && scope["explained"] == false), "{off:?}");
}

#[test]
fn a_denied_region_family_or_stage_fails_alone() {
    let world = shop::stocked()
        .rest(ACCOUNT, "eu-west-2", shop::rest("reports", "reportsap1"))
        .rest(ACCOUNT, REGION, shop::rest("hidden", "hiddenapi1"))
        .fault(Fault::new(Failure::AccessDenied).on(Operation::GetRestApis).region("eu-west-2"))
        .fault(Fault::new(Failure::AccessDenied).on(Operation::RestGetStages).about("hiddenapi1"));
    let (sim, home) = open_with(world, &schedules(r#"regions = ["eu-west-1", "eu-west-2"]"#));
    let said = home.run(&["onboard", "shop"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    for expected in [
        "shop: partial",
        "3 onboarded",
        "3 of 4 scopes complete",
        "access_denied: 111122223333/eu-west-2/rest: ",
        "allow apigateway:GET on arn:aws:apigateway:eu-west-2::/restapis",
        "details_unreadable",
    ] {
        assert!(said.stdout.contains(expected), "must say `{expected}`: {}", said.stdout);
    }
    let hidden = home.json(&["apis", "--state", "seen"]);
    assert_eq!(hidden[0]["api_id"], "hiddenapi1");
    let why = home.ok(&["explain", "hiddenapi1"]).stdout;
    assert!(
        why.contains("its stages could not be read: GetStages: ") && why.contains("cannot read its stages"),
        "{why}"
    );

    sim.clear_faults();
    let healed = home.ok(&["onboard", "shop"]).stdout;
    assert!(healed.contains("2 onboarded"), "what was held comes in once it can be read: {healed}");
}

#[test]
fn a_session_token_that_is_missing_is_a_failure_of_credentials() {
    let world = aboard_simulator::World::new().user_with(User::new(KEY, ACCOUNT).session_token("wanted"));
    let (_sim, home) = open_with(world, &good());
    let said = home.run(&["onboard", "shop"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(home.json(&["runs"])[0]["error"]["kind"], "credentials_failed");
}

#[test]
fn the_worst_of_several_connections_is_the_exit_code() {
    let bad = connection("bad", r#"regions = ["eu-west-1"]"#).replace("env:SECRET", "env:NO_SUCH_SECRET");
    let worse = bad.replace("connections.bad", "connections.worse");
    let (_sim, home) = open_with(shop::stocked(), &(good() + &bad + &worse));
    for (words, code) in [
        (&["onboard", "shop"][..], 0),
        (&["onboard", "bad", "worse"], 1),
        (&["onboard", "shop", "bad"], 3),
        (&["onboard", "--all"], 3),
        (&["discover", "--all"], 3),
        (&["onboard", "shop", "nosuch"], 2),
        (&["test", "shop"], 0),
        (&["test", "--all"], 1),
    ] {
        let said = home.run(words);
        assert_eq!(said.code, Some(code), "{words:?}: {said:?}");
    }
    let lines = Said::of(home.command(&["-o", "json", "onboard", "--all"]).output().unwrap()).json_lines();
    let outcomes: Vec<(&str, &str)> =
        lines.iter().map(|run| (run["connection"].as_str().unwrap(), run["outcome"].as_str().unwrap())).collect();
    assert_eq!(outcomes, [("bad", "failed"), ("shop", "succeeded"), ("worse", "failed")], "by name");
}

#[test]
fn a_value_that_begins_with_a_minus_gets_a_sentence_of_its_own() {
    let (_sim, home) = open_with(
        shop::world(),
        &schedules(
            "regions = [\"eu-west-1\"]\nauto_onboard = { frequency = \"daily\", time = \"02:30\", timezone = \"UTC\" }",
        ),
    );
    for (words, sentence) in [
        ("pause shop --until -2h", "--until -2h is no instant"),
        ("audit --since -5d", "--since -5d is no instant"),
        ("schedule set shop --max-new -1", "max_new"),
        ("schedule set shop --jitter -5m", "jitter"),
        ("reload --wait --timeout -5s", "--timeout"),
    ] {
        let said = home.run(&words.split(' ').collect::<Vec<_>>());
        assert_eq!(said.code, Some(2), "{words}: {said:?}");
        assert!(said.stderr.contains(sentence) && !said.stderr.contains("unexpected argument"), "{words}: {said:?}");
    }
    refused(&home, &["reload", "--wait", "--timeout", "0s"], 2, &["leaves the worker no time", "such as 30s"]);
}

#[test]
fn a_connection_that_never_was_is_refused_with_those_that_are_or_were() {
    let (_sim, home) = open_with(shop::world(), &schedules("regions = [\"eu-west-1\"]"));
    home.run(&["onboard", "shop"]);
    home.write("schedules.toml", &connection("store", "regions = [\"eu-west-1\"]"));
    for command in ["runs", "audit"] {
        let said = home.run(&[command, "--connection", "nope"]);
        assert_eq!(said.code, Some(2), "{said:?}");
        let (what, hint) = ("no connection named nope in the schedule file or the registry", "it has shop, store");
        assert!(said.stderr.contains(what) && said.stderr.contains(hint), "{said:?}");
        for known in ["shop", "store"] {
            home.ok(&[command, "--connection", known]);
        }
    }
}

#[test]
fn a_schedule_file_that_is_a_pipe_is_refused_at_once() {
    let home = nowhere(&good());
    fs::remove_file(home.path("schedules.toml")).unwrap();
    nix::unistd::mkfifo(&home.path("schedules.toml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let sentence = "schedules.toml: it is a pipe, and only a regular file is read";
    for words in [&["check"][..], &["run"], &["schedule", "show", "shop"], &["schedule", "enable", "shop"]] {
        refused(&home, words, 2, &[sentence]);
    }
    refused(&home, &["health"], 1, &["no worker is running"]);
}
