//! Nothing that is secret leaves the process but towards those that it is meant for.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use aboard_simulator::{Failure, Fault, Operation, RestApi, Role, Simulator, User, World};

use nix::sys::signal::Signal;

use crate::support::clock::Clock;
use crate::support::shop::{ACCOUNT, KEY, REGION};
use crate::support::{CANARY, Home, Running, Said};

const ROLE: &str = "arn:aws:iam::999988887777:role/Reader";

/// What may be seen nowhere: our secrets, and what the simulator puts into the keys and tokens of a session.
const MARKS: [&str; 3] = [CANARY, "simulated-secret-", "simulated-token-"];

/// Every kind of secret that a file can refer to, by variable and by file.
fn schedules() -> String {
    format!(
        r#"
[limits]
requests_per_second = 0
[http]
listen = "127.0.0.1:0"
token = "env:SECRET"
[targets.catalog.webhook]
url = "http://127.0.0.1:9/hooks"
secret = "env:SIGNING"
headers = {{ Authorization = "file:secret.txt" }}
[connections.user]
regions = ["{REGION}"]
[connections.user.credentials.aws_user]
access_key_id = "{KEY}"
secret_access_key = "file:secret.txt"
session_token = "env:SECRET"
[connections.role]
regions = ["{REGION}"]
[connections.role.credentials.assume_role]
role_arn = "{ROLE}"
external_id = "env:SECRET"
[connections.role.credentials.assume_role.source.aws_user]
access_key_id = "{KEY}"
secret_access_key = "env:SECRET"
session_token = "file:secret.txt"
"#
    )
}

fn world() -> World {
    World::new()
        .user_with(User::new(KEY, ACCOUNT).session_token(CANARY))
        .role(Role::new(ROLE).external_id(CANARY))
        .rest(ACCOUNT, REGION, RestApi::new("orders").id("ordersapi1").stage("prod"))
        .rest("999988887777", REGION, RestApi::new("bills").id("billsapi01").stage("prod"))
}

fn home(sim: &Simulator) -> Home {
    let home = Home::new(&sim.url(), &schedules());
    home.write("secret.txt", &format!("{CANARY}\n"));
    home
}

fn assert_clean(place: &str, text: &[u8]) {
    for mark in MARKS {
        let found = text.windows(mark.len()).position(|window| window == mark.as_bytes());
        let around = found.map(|at| String::from_utf8_lossy(&text[at.saturating_sub(300)..at]).into_owned());
        assert_eq!(around, None, "{mark} is in {place}, after this");
    }
}

fn files_are_clean(home: &Home) {
    for (path, content) in home.files() {
        if !path.ends_with("secret.txt") {
            assert_clean(&path.display().to_string(), &content);
        }
    }
}

/// Runs a command line as quietly and as loudly as it can be, in both forms.
fn say_everything(home: &Home, words: &[&str]) {
    for (flags, filter) in [
        (&["-o", "text"][..], None),
        (&["-vv", "-o", "json"], None),
        (&["-o", "json", "--log-format", "json"], Some("trace")),
        (
            &["-o", "text"],
            Some("trace,aws_smithy_runtime=trace,aws_config=trace,hyper=trace,hyper_util=trace,rustls=trace,h2=trace"),
        ),
    ] {
        let mut command = home.command(&[flags, words].concat());
        command.env("SIGNING", format!("whsec_{CANARY}"));
        if let Some(filter) = filter {
            command.env("ABOARD_LOG", filter);
        }
        let said = Said::of(command.output().unwrap());
        assert!(said.code.is_some_and(|code| code != 2), "{words:?}: {said:?}");
        assert_clean(&format!("the output of {words:?} with {flags:?} and {filter:?}"), said.stdout.as_bytes());
        assert_clean(&format!("the log of {words:?} with {flags:?} and {filter:?}"), said.stderr.as_bytes());
    }
    files_are_clean(home);
}

const COMMANDS: [&[&str]; 8] = [
    &["check"],
    &["test", "--all"],
    &["discover", "--all"],
    &["onboard", "--all"],
    &["apis"],
    &["explain", "billsapi01"],
    &["runs"],
    &["runs", "1"],
];

#[test]
fn good_runs_show_no_secret_however_much_they_are_asked_to_say() {
    let sim = Simulator::start(world());
    let home = home(&sim);
    home.ok(&["onboard", "--all"]);
    for words in COMMANDS {
        say_everything(&home, words);
    }
    assert!(sim.calls_of(Operation::AssumeRole) > 0, "there was a session whose keys could have been shown");
}

#[test]
fn failing_runs_show_no_secret_either() {
    // AWS answers a wrong signature with what should have been signed, session token included.
    let message = format!(
        "The request signature we calculated does not match. The Canonical String for this request should have been \
         'GET\n/restapis\n\nhost:x\nx-amz-security-token:{CANARY}\n'"
    );
    let signature = Failure::Error { status: 403, code: "InvalidSignatureException".to_owned(), message };
    for fault in [
        Fault::new(signature.clone()),
        Fault::new(signature).on(Operation::GetRestApis).on(Operation::GetApis),
        Fault::new(Failure::AccessDenied),
        Fault::new(Failure::ExpiredToken).on(Operation::GetRestApis),
        Fault::new(Failure::WrongContent).on(Operation::AssumeRole),
    ] {
        let sim = Simulator::start(world().fault(fault));
        let home = home(&sim);
        for words in [&["onboard", "--all"][..], &["test", "--all"], &["runs", "1"]] {
            say_everything(&home, words);
        }
    }
}

#[test]
fn a_running_process_shows_no_secret_in_its_arguments_or_files() {
    let sim = Simulator::start(world());
    let home = home(&sim);
    sim.hold_at(4);
    let mut run = home.command(&["onboard", "--all"]);
    let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert!(sim.wait_until_held(Duration::from_secs(30)));
    assert_clean("cmdline", &fs::read(format!("/proc/{}/cmdline", child.id())).unwrap());
    let files: Vec<_> = home.files().into_iter().map(|(path, _)| path.display().to_string()).collect();
    assert!(files.iter().any(|path| path.ends_with("-wal")), "there is a log beside the registry: {files:?}");
    files_are_clean(&home);
    sim.release();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Runs the worker through one due instant, saying as much as it can, and gives its log.
fn worked(sim: &Simulator, form: &str) -> (Home, String) {
    let weekly = "day = \"monday\"\ntime = \"02:30\"\ntimezone = \"Europe/London\"\n";
    let weekly = ["user", "role"].map(|name| format!("[connections.{name}.auto_onboard]\n{weekly}")).concat();
    let home = Home::new(&sim.url(), &(schedules() + &weekly));
    home.write("secret.txt", &format!("{CANARY}\n"));
    let clock = Clock::at("2026-11-23T02:20:00Z");
    let mut command = clock.given(home.command(&["--log-format", form, "run"]));
    command.env("SIGNING", format!("whsec_{CANARY}")).env("ABOARD_LOG", "trace");
    let mut worker = Running::start(command);
    worker.wait_until_said("following");
    clock.set("2026-11-23T02:29:59Z".parse().unwrap());
    worker.wait_until_said_times("run over", 2);
    let process = format!("/proc/{}", worker.pid());
    assert_clean("cmdline", &fs::read(format!("{process}/cmdline")).unwrap());
    files_are_clean(&home);
    worker.signal(Signal::SIGTERM);
    let said = worker.end().said;
    assert_eq!(said.code, Some(0), "{said:?}");
    (home, said.stdout + &said.stderr)
}

#[test]
fn the_worker_logs_no_secret_whether_its_runs_go_well_or_not() {
    // What AWS answers to a wrong signature quotes the session token.
    let message = format!("The Canonical String should have been 'x-amz-security-token:{CANARY}'");
    let signature = Failure::Error { status: 403, code: "InvalidSignatureException".to_owned(), message };
    for (fault, outcome) in [(None, "succeeded"), (Some(Fault::new(signature)), "failed")] {
        for form in ["text", "json"] {
            let world = fault.clone().map_or_else(world, |fault| world().fault(fault));
            let (home, log) = worked(&Simulator::start(world), form);
            assert!(log.matches(outcome).count() >= 2, "{log}");
            assert_clean(&format!("the worker's log as {form}"), log.as_bytes());
            files_are_clean(&home);
        }
    }
}

#[test]
fn a_secret_with_a_line_end_in_it_is_named_and_not_sent() {
    let sim = Simulator::start(world());
    let home = home(&sim);
    let refused = |connection: &str, secret: &str| {
        for words in [&["-o", "json", "onboard", connection][..], &["-o", "json", "test", connection]] {
            let said = Said::of(home.command(words).env("SECRET", secret).output().unwrap());
            assert_eq!(said.code, Some(1), "{words:?}: {said:?}");
            assert!(said.stdout.contains("credentials_failed"), "{words:?}: {said:?}");
            assert!(said.stdout.contains("environment variable SECRET holds a line end"), "{words:?}: {said:?}");
            assert_clean("the output", said.stdout.as_bytes());
            assert_clean("the log", said.stderr.as_bytes());
        }
    };
    for secret in [format!("{CANARY}\n\n"), format!("{CANARY}\nmore"), format!("\u{1}{CANARY}")] {
        refused("user", &secret);
        refused("role", &secret);
    }
    assert_eq!(sim.counts().calls, 0, "AWS is not asked");

    let mut one_line = home.command(&["onboard", "--all"]);
    let said = Said::of(one_line.env("SECRET", format!("{CANARY}\r\n")).output().unwrap());
    assert_eq!(said.code, Some(0), "a line end at its end is no part of it: {said:?}");
}
