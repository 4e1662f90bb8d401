//! What a command prints and how it ends is the same with a worker as without.

use aboard_simulator::{HttpApi, RestApi, Simulator};
use chrono::DateTime;
use serde_json::Value;

use super::{Beside, bare, start};
use crate::support::shop::{self, ACCOUNT, REGION};
use crate::support::{Home, Said};

/// A line of text without what differs from run to run: how long it took, and where the files are.
fn settled(home: &Home, text: &str) -> String {
    let folder = home.path("");
    let text = text.replace(folder.to_str().unwrap(), "");
    let words = text.split_inclusive([' ', '\n', ',']).map(|word| {
        let bare = word.trim_end_matches([' ', '\n', ',']);
        if bare.len() > 1 && bare.contains('.') && bare.parse::<f64>().is_ok() {
            "TIME ".to_owned()
        } else {
            word.to_owned()
        }
    });
    words.collect()
}

/// A JSON value with every instant set to null.
fn timeless(mut value: Value) -> Value {
    match &mut value {
        Value::String(text) if DateTime::parse_from_rfc3339(text).is_ok() => Value::Null,
        Value::Array(items) => items.drain(..).map(timeless).collect(),
        Value::Object(members) => {
            Value::Object(std::mem::take(members).into_iter().map(|(key, value)| (key, timeless(value))).collect())
        }
        _ => value,
    }
}

fn stdout(home: &Home, said: &Said) -> Vec<Value> {
    let line = |line: &str| match serde_json::from_str(line) {
        Ok(value) => timeless(value),
        Err(_) => settled(home, line).into(),
    };
    said.stdout.lines().map(line).collect()
}

#[test]
fn every_command_prints_and_ends_beside_a_worker_as_without_one() {
    let world = || shop::stocked().rest(ACCOUNT, REGION, RestApi::new("refunds").id("refundsap1"));
    let (_sim, alone) = shop::open(world());
    let beside = Beside::new(world());
    for words in [
        "test shop",
        "-o json test shop",
        "discover shop",
        "-o json discover --all",
        "onboard shop --dry-run",
        "onboard shop",
        "-o json onboard shop",
        "-v onboard shop --region eu-west-1",
        "onboard shop --region us-east-1",
        "onboard shop --api ordersapi1 --stage prod",
        "onboard shop --api nosuchapi1",
        "onboard shop --pick",
        "onboard nobody",
        "onboard shop --redeliver catalog",
        "approve shop",
        "-o json approve shop",
        "approve nobody",
        "ignore ordersapi1 --reason a-sandbox",
        "-o json ignore basketapi1 --reason why --until 2999-01-01",
        "ignore nosuchapi1 --reason why",
        "ignore ordersapi1 --reason why --until 2001-01-01",
        "unignore ordersapi1",
        "unignore ordersapi1",
        "pause shop --until 2999-01-01 --note move",
        "resume shop",
        "resume shop",
        "-o json pause --all",
        "resume shop",
        "-o json resume --all",
        "pause nobody",
        "pause shop --until 2001-01-01",
        "deliveries retry 1 2",
        "-o json deliveries retry 1",
        "deliveries retry --dead",
        "deliveries retry 99",
        "deliveries retry --dead --target nobody",
        "targets test catalog",
        "targets test specs",
        "targets test catlog",
        "targets enable catalog",
        "targets enable nobody",
        "targets adopt catalog",
    ] {
        let line: Vec<&str> = words.split(' ').collect();
        let (here, there) = (alone.run(&line), beside.run(&line));
        assert_eq!(there.code, here.code, "{words}: {there:?}, and without a worker {here:?}");
        assert_eq!(stdout(&beside.home, &there), stdout(&alone, &here), "{words}");
        // Without a worker the log goes to the client, with one to the worker's.
        if !words.contains("-v") {
            assert_eq!(settled(&beside.home, &there.stderr), settled(&alone, &here.stderr), "{words}");
        }
    }
    assert_eq!(beside.home.runs().len(), alone.runs().len());
    beside.stop();
}

#[test]
fn output_of_any_length_and_kind_comes_through_whole() {
    let name = "späte größe 🦀 ".repeat(200);
    let world = || {
        (0..150).fold(shop::world(), |world, number| {
            world.http(ACCOUNT, REGION, HttpApi::new(&name).id(format!("bigapi{number:04}")).stage("$default"))
        })
    };
    let (_sim, alone) = shop::open(world());
    let beside = Beside::new(world());
    let words = ["-o", "json", "discover", "shop"];
    let (here, there) = (alone.ok(&words), beside.ok(&words));
    assert!(here.stdout.len() > 500_000, "{}", here.stdout.len());
    assert_eq!(timeless(there.json()), timeless(here.json()));
    beside.stop();
}

#[test]
fn a_client_that_follows_another_file_is_told_whose_counts() {
    let beside = Beside::new(shop::stocked());
    beside.home.write("other.toml", "[connections]\n");
    let registry = beside.home.registry();
    let said = beside.run(&["--config", "other.toml", "--registry", registry.to_str().unwrap(), "onboard", "shop"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("3 onboarded"), "{said:?}");
    let warning = format!("warning: the running worker follows {}, not ", beside.home.path("schedules.toml").display());
    assert!(said.stderr.contains(&warning) && said.stderr.contains("other.toml; what"), "{said:?}");
    assert_eq!(beside.ok(&["onboard", "shop"]).stderr, "", "the same file is no news");
    beside.stop();
}

#[test]
fn a_registry_with_a_very_long_path_has_a_worker_too() {
    let (sim, home) = shop::open(shop::stocked());
    let deep = "d".repeat(120);
    std::fs::create_dir(home.path(&deep)).unwrap();
    let registry = format!("{deep}/aboard.db");
    let mut worker = home.start(&["-v", "--registry", &registry, "run"]);
    worker.wait_until_said("following");
    let said = Said::of(bare(&home, &["--registry", &registry, "onboard", "shop"]).output().unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
    worker.signal(nix::sys::signal::Signal::SIGTERM);
    worker.end();
    drop(sim);
}

#[test]
fn a_service_has_its_socket_in_its_runtime_folder() {
    let (sim, home) = shop::open(shop::stocked());
    std::fs::create_dir(home.path("run")).unwrap();
    let mut command = home.command(&["-v", "run"]);
    command.env("RUNTIME_DIRECTORY", format!("{}:/nonexistent", home.path("run").display()));
    let mut worker = crate::support::Running::start(command);
    worker.wait_until_said("following");
    let beside = Beside { sim, home, worker };
    assert_eq!(beside.socket(), beside.home.path("run/control.sock"));
    beside.ok(&["onboard", "shop"]);
    let home = beside.home.path("run");
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 1);
    let Beside { home: _folder, worker, .. } = beside;
    worker.signal(nix::sys::signal::Signal::SIGTERM);
    worker.end();
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 0, "it is taken away at the end");
}

#[test]
fn without_a_worker_there_is_none_to_ask_and_commands_go_on() {
    let (_sim, home) = shop::open(shop::stocked());
    let said = home.run(&["health"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
    assert!(said.stderr.contains("no worker is running on"), "{said:?}");
    home.ok(&["onboard", "shop"]);
    let mut worker = start(&home);
    (worker.killer())();
    worker.wait_until_said("following");
    assert_eq!(home.run(&["health"]).code, Some(1), "a dead one is none");
    home.ok(&["onboard", "shop"]);
}

#[test]
fn who_assumes_a_role_is_found_out_with_the_credentials_that_only_the_worker_has() {
    let sim = Simulator::start(shop::stocked());
    let role = format!(
        "[connections.there]\nregions = [\"{REGION}\"]\n[connections.there.credentials.assume_role]\n\
         role_arn = \"arn:aws:iam::999988887777:role/Reader\"\n\
         source = {{ aws_user = {{ access_key_id = \"{}\", secret_access_key = \"env:SECRET\" }} }}\n",
        shop::KEY
    );
    let home = Home::new(&sim.url(), &role);
    let alone = Said::of(bare(&home, &["iam", "trust"]).output().unwrap());
    assert_eq!(alone.code, Some(1), "nobody knows: {alone:?}");
    let here = home.ok(&["iam", "trust"]);
    let beside = Beside::in_home(sim, home);
    let there = beside.ok(&["iam", "trust"]);
    assert_eq!((&there.stdout, &there.stderr), (&here.stdout, &here.stderr));
    assert!(there.json()["Statement"][0]["Principal"]["AWS"].as_str().unwrap().contains(ACCOUNT), "{there:?}");
    beside.stop();
}
