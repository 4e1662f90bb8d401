//! `connection list`, `add`, `remove`.

use serde_json::json;

use super::{COMMENTED, home, refused, text, unscheduled};
use crate::support::shop::{self, KEY, open};
use crate::support::{CANARY, on_a_terminal};

#[test]
fn a_connection_is_tested_and_appended() {
    let (sim, home) = open(shop::stocked());
    let before = text(&home);
    let words = [
        "connection",
        "add",
        "second",
        "--regions",
        "eu-west-1,eu-west-2",
        "--stages",
        "prod,live-*",
        "--targets",
        "specs",
        "--access-key-id",
        KEY,
        "--secret-access-key",
        "env:SECRET",
        "--frequency",
        "daily",
        "--time",
        "03:00",
        "--timezone",
        "UTC",
    ];
    let said = home.ok(&words);
    assert!(
        said.stdout.contains("pass  identify the caller") && said.stdout.contains("second: added to schedules.toml"),
        "{said:?}"
    );
    assert!(said.stdout.contains("next run") && said.stdout.contains("03:00 UTC"), "{said:?}");
    let block = format!(
        "\n[connections.second]\nregions = [\"eu-west-1\", \"eu-west-2\"]\nstages = [\"prod\", \"live-*\"]\ntargets = [\"specs\"]\n\n\
         [connections.second.credentials.aws_user]\naccess_key_id = \"{KEY}\"\nsecret_access_key = \"env:SECRET\"\n\n\
         [connections.second.auto_onboard]\nfrequency = \"daily\"\ntime = \"03:00\"\ntimezone = \"UTC\"\n"
    );
    assert_eq!(text(&home), format!("{before}{block}"));
    home.ok(&["discover", "second"]);
    refused(&home, &words, 2, &["there is a connection second already"]);

    sim.reset_counts();
    let document = home.json(&[
        "connection",
        "add",
        "third",
        "--regions",
        "eu-west-1",
        "--access-key-id",
        KEY,
        "--secret-access-key",
        "env:SECRET",
    ]);
    assert_eq!((&document["changed"], &document["tested"]), (&json!(true), &json!(true)));
    assert!(sim.counts().calls > 0);
    home.ok(&["connection", "remove", "third", "--yes"]);
    home.ok(&["connection", "remove", "second", "--yes"]);
    assert_eq!(text(&home), before);
}

#[test]
fn a_connection_that_fails_its_test_is_not_written() {
    let (sim, home) = open(shop::stocked());
    let add = [
        "connection",
        "add",
        "second",
        "--regions",
        "eu-west-1",
        "--access-key-id",
        "AKIANOBODYNOBODYNOBO",
        "--secret-access-key",
        "env:SECRET",
    ];
    let said = refused(&home, &add, 1, &["second did not pass its test; nothing was written", "--no-test"]);
    assert!(!said.contains(CANARY), "{said}");
    let document = home.json(&add);
    assert_eq!(document["changed"], json!(false));
    sim.reset_counts();
    home.ok(&[&add[..], &["--no-test"]].concat());
    assert_eq!(sim.counts().calls, 0);
    assert!(text(&home).contains("[connections.second]"));
}

#[test]
fn every_kind_of_credentials_can_be_added() {
    let home = unscheduled();
    let role = "arn:aws:iam::111122223333:role/Reader";
    let add = |name: &str, options: &[&str]| {
        home.ok(&[&["connection", "add", name, "--no-test"], options].concat());
    };
    let regions = ["--regions", "eu-west-1"];
    add("chain", &regions);
    add("profile", &[&regions[..], &["--profile", "dev"]].concat());
    add("role", &[&regions[..], &["--role-arn", role, "--external-id", "env:ID", "--session-name", "me"]].concat());
    add(
        "keyed",
        &[
            &regions[..],
            &[
                "--role-arn",
                role,
                "--access-key-id",
                "env:KEY",
                "--secret-access-key",
                "file:/k",
                "--session-token",
                "env:T",
            ],
        ]
        .concat(),
    );
    add(
        "central",
        &["--central-role-arn", role, "--child-role-name", "Child", "--child-external-id", "x1", "--profile", "audit"],
    );
    let list = home.json(&["connection", "list"]);
    let kinds: Vec<(&str, &str)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["credentials"].as_str().unwrap()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("central", "central_role"),
            ("chain", "default_chain"),
            ("keyed", "assume_role"),
            ("profile", "default_chain"),
            ("role", "assume_role"),
            ("shop", "aws_user"),
        ]
    );
    let text = text(&home);
    assert!(text.contains("[connections.keyed.credentials.assume_role.source.aws_user]\naccess_key_id = \"env:KEY\"\nsecret_access_key = \"file:/k\"\n"), "{text}");
    assert!(
        text.contains("[connections.central.credentials.central_role.source.default_chain]\nprofile = \"audit\"\n"),
        "{text}"
    );
    let said = home.ok(&["connection", "list"]).stdout;
    assert!(said.contains("central") && said.contains("by hand only"), "{said}");
    let csv = home.ok(&["-o", "csv", "connection", "list"]).stdout;
    assert!(
        csv.starts_with("connection,credentials,regions,schedule\ncentral,central_role,all,by hand only\n"),
        "{csv}"
    );
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_shown_nowhere() {
    let home = unscheduled();
    let base = ["connection", "add", "second", "--regions", "eu-west-1", "--access-key-id", "env:KEY"];
    for (options, option) in [
        (&["--secret-access-key", CANARY][..], "--secret-access-key"),
        (&["--secret-access-key", "env:X", "--session-token", CANARY], "--session-token"),
    ] {
        for form in ["text", "json"] {
            let words = [&["-v", "-v", "-o", form], &base[..], options].concat();
            let said = refused(&home, &words, 2, &[option, "not the secret itself"]);
            assert!(!said.contains(CANARY), "{said}");
        }
    }
    // Also where something else is wrong with the command line.
    for words in [
        &["connection", "add", "second", "--secret-access-key", CANARY][..],
        &["connection", "add", "second", "--access-key-id", CANARY],
        &["connection", "add", "second", "--regions", "x", "--access-key-id", CANARY, "--secret-access-key", "env:X"],
        &["connection", "add", "second", "--regions", "eu-west-1", "--role-arn", "x", "--external-id", CANARY],
    ] {
        let said = refused(&home, words, 2, &[]);
        assert!(!said.contains(CANARY), "{words:?}: {said}");
    }
    for (path, bytes) in home.files() {
        assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "{}", path.display());
    }
}

#[test]
fn a_connection_that_makes_no_sense_is_refused() {
    let home = unscheduled();
    let add = |options: &[&'static str]| [&["connection", "add", "--no-test"], options].concat();
    refused(&home, &add(&["second"]), 2, &["connections.second.regions: is missing"]);
    refused(&home, &add(&["Second", "--regions", "eu-west-1"]), 2, &["\"Second\" is not a name", "write \"second\""]);
    refused(&home, &add(&["a]\n[b", "--regions", "eu-west-1"]), 2, &["is not a name"]);
    refused(&home, &add(&["second", "--regions", "eu-west-1", "--external-id", "x1"]), 2, &["belong to a role"]);
    refused(
        &home,
        &add(&["second", "--regions", "eu-west-1", "--targets", "catalgo"]),
        2,
        &["did you mean \"catalog\"?"],
    );
    refused(&home, &add(&["second", "--regions", "eu-west-1", "--time", "03:00"]), 2, &["timezone", "day"]);
    refused(&home, &add(&["second", "--central-role-arn", "x"]), 2, &["--child-role-name"]);
    refused(&home, &["connection", "remove", "shpo", "--yes"], 2, &["did you mean shop?"]);
}

#[test]
fn a_person_at_a_terminal_sees_what_is_added_before_it_is() {
    let home = home(COMMENTED);
    let add = ["connection", "add", "dev", "--regions", "us-east-1", "--no-test"];
    let seen = on_a_terminal(&home, &add, "Add this connection? [y/N]", "n\n");
    assert!(seen.stdout.contains("+[connections.dev]"), "{seen:?}");
    assert_eq!((seen.code, text(&home)), (Some(1), COMMENTED.to_owned()));
    let seen = on_a_terminal(&home, &add, "Add this connection? [y/N]", "y\n");
    assert_eq!(seen.code, Some(0), "{seen:?}");
    assert!(text(&home).starts_with(COMMENTED) && text(&home).contains("\n[connections.dev]\n"));
}
