use std::fs;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

const LONG: Duration = Duration::from_mins(1);

fn shell(folder: &TempDir, script: &str) -> CommandTarget {
    CommandTarget {
        program: "sh".to_owned(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        folder: folder.path().to_owned(),
        environment: BTreeMap::new(),
        timeout: LONG,
        in_flight: 1,
    }
}

fn delivery() -> Delivery {
    let api = json!({
        "partition": "aws", "account_id": "111122223333", "account_name": null, "region": "eu-west-1", "api_id": "a1b2c3d4e5",
        "protocol": "REST", "name": "orders; rm -rf /", "description": null, "version": null, "endpoint_type": "REGIONAL", "tags": {},
        "created_at": null, "first_published_at": null, "last_published_at": null, "instances": [],
        "decision": "onboard", "reason": "new", "state": "onboarded", "onboarded_at": null, "connection": "payments",
    });
    let notice = Notice {
        event: "api.onboarded".to_owned(),
        occurred_at: DateTime::<Utc>::UNIX_EPOCH,
        target: "script".to_owned(),
        connection: "payments".to_owned(),
        run_id: Some(12),
        revision: 1,
        api: Some(serde_json::from_value(api).unwrap()),
        instances: Vec::new(),
        run: None,
    };
    Delivery { key: "5e".repeat(32), ..event::trial(&notice) }
}

async fn run(settings: &CommandTarget) -> Verdict {
    Command::new(settings).unwrap().deliver_one(&delivery()).await
}

async fn failure(settings: &CommandTarget) -> Failure {
    let Verdict::Failed(failure) = run(settings).await else { panic!("delivered") };
    failure
}

/// Whether a process is there and not only waiting to be taken note of.
fn lives(process: &str) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{}/stat", process.trim())) else { return false };
    !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z')
}

/// Waits until a file has a whole line.
async fn line_in(path: &Path) -> String {
    let written = async {
        loop {
            if let Ok(text) = fs::read_to_string(path)
                && text.ends_with('\n')
            {
                return text.trim().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, written).await.expect("the program writes it")
}

#[tokio::test]
async fn a_program_gets_the_event_and_only_a_few_variables() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "s3cret\n").unwrap();
    let mut settings = shell(&folder, "cat > event; env > variables; echo registered as 17; echo more");
    settings.environment.insert("TOKEN".to_owned(), SecretRef::File(folder.path().join("token")));
    assert_eq!(run(&settings).await, Verdict::Delivered(Some("registered as 17".to_owned())));

    let event = fs::read(folder.path().join("event")).unwrap();
    assert_eq!(event, event::body(&delivery()).unwrap());
    let event: Value = serde_json::from_slice(&event).unwrap();
    assert_eq!(event["data"]["api"]["api_id"], "a1b2c3d4e5");

    let variables = fs::read_to_string(folder.path().join("variables")).unwrap();
    let key = format!("ABOARD_KEY={}", "5e".repeat(32));
    for wanted in [
        "TOKEN=s3cret",
        "ABOARD_EVENT=api.onboarded",
        "ABOARD_ACCOUNT_ID=111122223333",
        "ABOARD_REGION=eu-west-1",
        "ABOARD_API_ID=a1b2c3d4e5",
        "ABOARD_API_NAME=orders; rm -rf /",
        "ABOARD_CONNECTION=payments",
        "ABOARD_TARGET=script",
        "ABOARD_RUN_ID=12",
        &key,
    ] {
        assert!(variables.lines().any(|line| line == wanted), "{wanted}\n{variables}");
    }
    // What the shell adds by itself, and nothing of what the tests are run with.
    for name in variables.lines().filter_map(|line| Some(line.split_once('=')?.0)) {
        let known = name.starts_with("ABOARD_")
            || INHERITED.contains(&name)
            || ["TOKEN", "PWD", "SHLVL", "_", "OLDPWD"].contains(&name);
        assert!(known, "{name}");
    }
    assert!(variables.contains("PATH=") && environment::path("CARGO_MANIFEST_DIR").is_some());
}

#[tokio::test]
async fn the_exit_code_is_the_verdict_and_the_last_complaint_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    for (script, said, status, effect) in [
        (
            "echo first >&2; printf '\\033[31mdisk full\\n\\n' >&2; exit 1",
            "sh ended with exit code 1: [31mdisk full",
            Some(1),
            Effect::Retry,
        ),
        ("exit 75", "sh ended with exit code 75", Some(75), Effect::Retry),
        ("echo no such team >&2; exit 65", "sh ended with exit code 65: no such team", Some(65), Effect::GiveUp),
        ("kill -9 $$", "sh did not end by itself (signal: 9 (SIGKILL))", None, Effect::Retry),
    ] {
        let expected = Failure { status, effect, ..Failure::passing(said) };
        assert_eq!(failure(&shell(&folder, script)).await, expected, "{script}");
    }
    assert_eq!(run(&shell(&folder, "exit 0")).await, Verdict::Delivered(None));
}

#[tokio::test]
async fn at_the_time_limit_a_program_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let script = "sleep 600 & echo $! > child; echo $$ > leader; echo waiting for the tide >&2; wait";
    let settings = CommandTarget { timeout: Duration::from_secs(2), ..shell(&folder, script) };
    let failed = failure(&settings).await;
    assert_eq!(failed, Failure::passing("sh did not end within 2s and was killed: waiting for the tide"));
    for process in ["child", "leader"] {
        let process = fs::read_to_string(folder.path().join(process)).unwrap();
        // The kernel takes its time over the death of a killed process.
        while lives(&process) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn a_delivery_that_is_dropped_takes_the_program_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = shell(&folder, "sleep 600 & echo $! > child; echo $$ > leader; wait");
    let delivering = tokio::spawn(async move { run(&settings).await });
    let leader = line_in(&folder.path().join("leader")).await;
    let child = line_in(&folder.path().join("child")).await;
    delivering.abort();
    assert!(delivering.await.unwrap_err().is_cancelled());
    while lives(&leader) || lives(&child) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_program_may_leave_its_input_alone_and_say_a_lot() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&shell(&folder, "exec 0<&-; exit 0")).await, Verdict::Delivered(None));
    let mut deaf = tokio::process::Command::new("true");
    deaf.current_dir(folder.path());
    assert!(process::run(deaf, vec![b'x'; 10 << 20], LONG).await.unwrap().status.success());

    let script = "head -c 10000000 /dev/zero | tr '\\0' 'x'; head -c 10000000 /dev/zero | tr '\\0' 'y' >&2; exit 1";
    let failed = failure(&shell(&folder, script)).await;
    assert_eq!(failed.message, format!("sh ended with exit code 1: {}…", "y".repeat(200)));
    let Verdict::Delivered(Some(note)) = run(&shell(&folder, "head -c 10000000 /dev/zero | tr '\\0' 'x'")).await else {
        panic!("no note");
    };
    assert_eq!(note, format!("{}…", "x".repeat(200)));
}

#[tokio::test]
async fn a_child_that_is_left_behind_does_not_hold_the_delivery() {
    let folder = tempfile::tempdir().unwrap();
    let script = "sleep 600 & echo $! > child; echo started";
    assert_eq!(run(&shell(&folder, script)).await, Verdict::Delivered(Some("started".to_owned())));
    let child = line_in(&folder.path().join("child")).await;
    assert!(lives(&child));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.parse().unwrap()), nix::sys::signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn programs_side_by_side_leave_no_zombies() {
    let folder = tempfile::tempdir().unwrap();
    let command = Command::new(&shell(&folder, "cat > /dev/null; echo $$")).unwrap();
    let deliveries = vec![delivery(); 30];
    let verdicts = join_all(deliveries.iter().map(|delivery| command.deliver_one(delivery))).await;
    for verdict in verdicts {
        let Verdict::Delivered(Some(process)) = verdict else { panic!("{verdict:?}") };
        // Gone altogether, or its number is another's already.
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        assert!(!stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'), "{stat}");
    }
}

#[tokio::test]
async fn a_secret_is_read_anew_for_each_event_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let mut settings = shell(&folder, "echo $TOKEN");
    settings.environment.insert("TOKEN".to_owned(), SecretRef::File(path.clone()));
    for token in ["old", "new"] {
        fs::write(&path, token).unwrap();
        assert_eq!(run(&settings).await, Verdict::Delivered(Some(token.to_owned())));
    }
    fs::remove_file(&path).unwrap();
    let failed = failure(&settings).await;
    assert!(failed.message.contains("token cannot be read"), "{failed:?}");
}

#[tokio::test]
async fn a_program_is_looked_for_in_path_or_beside_the_schedule_file_and_runs_there() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    std::os::unix::fs::symlink("/bin/sh", folder.path().join("bin/say")).unwrap();
    let place = folder.path().canonicalize().unwrap().display().to_string();
    for program in ["bin/say", "./bin/say", "/bin/sh", "sh"] {
        let settings = CommandTarget { program: program.to_owned(), ..shell(&folder, "pwd -P") };
        assert_eq!(run(&settings).await, Verdict::Delivered(Some(place.clone())), "{program}");
    }
    let settings = CommandTarget { program: "no-such-program".to_owned(), ..shell(&folder, "") };
    let failed = failure(&settings).await;
    assert!(failed.message.starts_with("no-such-program cannot be started in "), "{failed:?}");
    assert!(failed.message.ends_with("No such file or directory (os error 2)"), "{failed:?}");
}

#[tokio::test]
async fn a_test_runs_the_program_with_a_marked_event() {
    let folder = tempfile::tempdir().unwrap();
    let command = Command::new(&shell(&folder, "cat > event; echo $ABOARD_EVENT")).unwrap();
    let notice = Notice { event: "aboard.test".to_owned(), api: None, ..delivery().notice };
    assert_eq!(command.test(&notice).await.unwrap(), "sh took a test event: aboard.test");
    let event: Value = serde_json::from_slice(&fs::read(folder.path().join("event")).unwrap()).unwrap();
    assert_eq!(event["data"]["test"], true);
}
