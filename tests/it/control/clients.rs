//! Clients of every sort: interrupted, killed, many, silent, foreign.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use aboard::registry::{Outcome, Trigger};
use nix::sys::signal::Signal;
use nix::unistd::Uid;

use super::{Beside, bare};
use crate::support::shop::{self, connection, count};
use crate::support::{CANARY, LONG, Running, Said, on_a_terminal};

/// Waits until the last run has ended so.
fn wait_for(beside: &Beside, outcome: Outcome) {
    let begun = Instant::now();
    while beside.home.runs().last().map(|run| run.outcome) != Some(outcome) {
        assert!(begun.elapsed() < LONG, "{:#?}", beside.home.runs());
        std::thread::yield_now();
    }
}

#[test]
fn ctrl_c_at_the_client_ends_its_run_and_nothing_else() {
    let beside = Beside::new(shop::in_two_regions().user(shop::KEY, shop::ACCOUNT));
    beside.sim.hold_at(3);
    let mut client = beside.start(&["-o", "json", "onboard", "shop"]);
    assert!(beside.sim.wait_until_held(LONG));
    client.signal(Signal::SIGINT);
    client.wait_until_said("interrupted: ending cleanly");
    let ended = client.end();
    assert_eq!((ended.said.code, ended.signal), (Some(130), None), "{ended:?}");
    assert_eq!(ended.said.json()["outcome"], "interrupted");
    assert_eq!(beside.home.runs().last().unwrap().outcome, Outcome::Interrupted);

    beside.sim.release();
    let report = beside.ok(&["-o", "json", "onboard", "shop"]).json();
    assert_eq!(report["trigger"], "resume", "{report}");
    beside.stop();
}

#[test]
fn a_client_that_dies_takes_its_run_with_it() {
    let beside = Beside::new(shop::stocked());
    beside.sim.hold_at(3);
    let client = beside.start(&["onboard", "shop"]);
    assert!(beside.sim.wait_until_held(LONG));
    (client.killer())();
    wait_for(&beside, Outcome::Interrupted);
    beside.sim.release();
    beside.ok(&["onboard", "shop"]);
    assert_eq!(beside.home.runs().last().unwrap().trigger, Trigger::Resume);
    beside.stop();
}

#[test]
fn a_test_that_is_interrupted_ends_at_once() {
    let beside = Beside::new(shop::stocked());
    beside.sim.hold_at(1);
    let client = beside.start(&["test", "shop"]);
    assert!(beside.sim.wait_until_held(LONG));
    client.signal(Signal::SIGINT);
    assert_eq!(client.end().signal, Some(Signal::SIGINT as i32), "as without a worker");
    beside.sim.release();
    beside.stop();
}

#[test]
fn a_worker_that_is_told_to_stop_ends_what_clients_wanted() {
    let beside = Beside::new(shop::stocked());
    beside.sim.hold_at(3);
    let client = beside.start(&["onboard", "shop"]);
    assert!(beside.sim.wait_until_held(LONG));
    beside.worker.signal(Signal::SIGTERM);
    let ended = client.end();
    assert_eq!(ended.said.code, Some(130), "{ended:?}");
    assert!(ended.said.stderr.contains("the worker was told to stop"), "{ended:?}");
    assert_eq!(beside.worker.end().said.code, Some(0));
    beside.sim.release();
}

#[test]
fn a_worker_that_is_killed_is_missed_and_its_socket_replaced_by_the_next() {
    let beside = Beside::new(shop::stocked());
    beside.sim.hold_at(3);
    let client = beside.start(&["onboard", "shop"]);
    assert!(beside.sim.wait_until_held(LONG));
    let socket = beside.socket();
    (beside.worker.killer())();
    let ended = client.end();
    assert_eq!(ended.said.code, Some(1), "{ended:?}");
    assert!(ended.said.stderr.contains("went away before the command was over"), "{ended:?}");
    beside.sim.release();

    assert!(socket.exists(), "it could not take it away");
    let Beside { sim, home, .. } = beside;
    let beside = Beside::in_home(sim, home);
    assert_eq!(beside.socket(), socket);
    beside.ok(&["onboard", "shop"]);
    beside.home.must_have_onboarded_once(3, &["catalog", "specs"], "beside a second worker");
    beside.stop();
    assert!(!socket.exists());
}

#[test]
fn a_second_worker_names_the_first_and_leaves_its_socket_alone() {
    let beside = Beside::new(shop::stocked());
    let second = beside.home.run(&["run"]);
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.stderr.contains(&format!("process {}", beside.worker.pid())), "{second:?}");
    beside.ok(&["onboard", "shop"]);
    beside.stop();
}

#[test]
fn a_person_picks_at_the_clients_terminal() {
    let beside = Beside::new(shop::stocked());
    let seen = on_a_terminal(&beside.home, &["onboard", "shop", "--pick"], "Register which?", "2\n");
    assert_eq!(seen.code, Some(3), "{seen:?}");
    assert!(seen.stdout.contains("   2  basket  111122223333/eu-west-1/basketapi1"), "{}", seen.stdout);
    assert!(seen.stdout.contains("2 that were not picked await approval"), "{}", seen.stdout);
    assert_eq!(count(&beside.home.registry(), "SELECT count(*) FROM apis WHERE state = 'onboarded'"), 1);
    assert!(beside.ok(&["approve", "shop"]).stdout.contains("2 onboarded"));
    beside.stop();
}

#[test]
fn two_clients_are_served_at_once_and_one_connection_runs_once() {
    let schedules = shop::schedules(r#"regions = ["eu-west-1"]"#) + &connection("twin", r#"regions = ["eu-west-1"]"#);
    let (sim, home) = shop::open_with(shop::stocked(), &schedules);
    let beside = Beside::in_home(sim, home);
    beside.sim.hold_at(1);
    let clients = ["shop", "twin"].map(|name| beside.start(&["-o", "json", "onboard", name]));
    assert!(beside.sim.wait_until_held(LONG));
    let begun = Instant::now();
    while beside.home.registry().exists() && beside.home.runs().len() < 2 {
        assert!(begun.elapsed() < LONG, "both have begun");
        std::thread::yield_now();
    }
    let third = beside.run(&["onboard", "shop"]);
    assert_eq!(third.code, Some(1), "{third:?}");
    assert!(third.stdout.contains("a run of shop is under way"), "{third:?}");
    beside.sim.release();
    let reports = clients.map(|client| client.end().said.json());
    for (report, name) in reports.iter().zip(["shop", "twin"]) {
        assert_eq!((&report["connection"], &report["outcome"]), (&name.into(), &"succeeded".into()), "{report}");
    }
    let said = beside.stop().stderr;
    assert!(!said.contains("ERROR"), "nothing was wrong: {said}");
}

#[test]
fn clients_that_are_silent_or_do_not_read_hold_up_nobody() {
    let beside = Beside::new(shop::wordy());
    let _silent: Vec<_> = (0..4).map(|_| beside.client()).collect();
    let deaf: Vec<_> = (0..3)
        .map(|_| {
            let mut client = beside.client();
            client.say(r#"{"v":1,"do":"command","args":["-o","json","discover","shop"]}"#);
            // It has begun to answer, more than a socket holds, and will never be read to the end.
            assert!(client.next().is_some());
            client
        })
        .collect();
    beside.ok(&["onboard", "shop", "--yes"]);
    beside.ok(&["health"]);
    drop(deaf);
    beside.stop();
}

#[test]
fn a_worker_that_is_told_to_stop_ends_whatever_its_clients_do() {
    let beside = Beside::new(shop::wordy());
    let _silent = beside.client();
    let mut drips = beside.client();
    let (over, ended) = std::sync::mpsc::channel::<()>();
    let dripping = std::thread::spawn(move || {
        while ended.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
            // The worker may have closed it.
            let _ = drips.to.write_all(b" ");
        }
    });
    let mut stopped = beside.client();
    let sends = r#"{"v":1,"do":"command","args":["-o","json","discover","shop"]}"#;
    stopped.say(sends);
    assert!(stopped.next().is_some());
    let mut command = beside.command(&["-o", "json", "discover", "shop"]);
    let mut frozen = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    frozen.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(frozen.id()).unwrap());
    nix::sys::signal::kill(pid, Signal::SIGSTOP).unwrap();

    let begun = Instant::now();
    beside.worker.signal(Signal::SIGTERM);
    let worker = beside.worker.end();
    let took = begun.elapsed();
    nix::sys::signal::kill(pid, Signal::SIGKILL).unwrap();
    frozen.wait().unwrap();
    drop(over);
    dripping.join().unwrap();
    assert_eq!(worker.said.code, Some(0), "{worker:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn who_says_nothing_in_time_is_not_waited_for_however_it_drips() {
    let beside = Beside::new(shop::stocked());
    let mut drips = beside.client();
    let begun = Instant::now();
    drips.to.set_write_timeout(Some(LONG)).unwrap();
    drips.from.get_ref().set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    loop {
        // What is closed can be written to no more, or read to its end.
        if drips.to.write_all(b" ").is_err() || matches!(drips.from.read(&mut [0]), Ok(0)) {
            break;
        }
        assert!(begun.elapsed() < LONG, "it is read for ever");
    }
    assert!(begun.elapsed() > Duration::from_secs(9), "{:?}", begun.elapsed());
    beside.stop();
}

#[test]
fn clients_without_number_do_not_keep_the_worker_from_saying_how_it_is() {
    let beside = Beside::new(shop::stocked());
    beside.sim.hold_at(1);
    let busy: Vec<_> = (0..32)
        .map(|_| {
            let mut client = beside.client();
            client.say(r#"{"v":1,"do":"command","args":["test","shop"]}"#);
            client
        })
        .collect();
    assert!(beside.sim.wait_until_held(LONG));
    let begun = Instant::now();
    while !beside.run(&["test", "shop"]).stderr.contains("as many clients as it can") {
        assert!(begun.elapsed() < LONG, "every place is taken");
    }
    let idle: Vec<_> = (0..100).map(|_| beside.client()).collect();
    beside.ok(&["health"]);
    drop((busy, idle));
    beside.sim.release();
    beside.stop();
}

#[test]
fn a_client_stopped_by_its_own_reader_still_gets_everything() {
    let beside = Beside::new(shop::wordy());
    let mut command = beside.command(&["-o", "json", "discover", "shop"]);
    let mut client = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut out = client.stdout.take().unwrap();
    let mut first = [0];
    out.read_exact(&mut first).unwrap();
    // The pipe is full now; the worker is done with it long before anybody reads on.
    beside.stop();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert!(client.wait().unwrap().success());
    assert_eq!(serde_json::from_str::<serde_json::Value>(&format!("{{{rest}")).unwrap()["counts"]["seen"], 150);
}

#[test]
fn what_is_not_understood_is_refused_with_a_sentence() {
    let beside = Beside::new(shop::stocked());
    for (line, said) in [
        ("hello", "the request is not JSON"),
        (r#"{"v":9,"do":"health"}"#, "the worker knows version 1"),
        (r#"{"v":1,"do":"dance"}"#, "does not know the request `dance`"),
        (r#"{"v":1,"do":"command","args":["schema"]}"#, "the worker carries out no such command"),
        (r#"{"v":1,"do":"command","args":["run"]}"#, "the worker carries out no such command"),
        (r#"{"v":1,"do":"command","args":["onboard"]}"#, "required arguments were not provided"),
    ] {
        let mut client = beside.client();
        client.say(line);
        let answers = client.rest();
        assert!(answers[0]["err"].as_str().unwrap().contains(said), "{line}: {answers:?}");
        assert!(answers.last().unwrap()["exit"].as_u64().is_some_and(|code| code > 0), "{line}: {answers:?}");
    }
    let mut endless = beside.client();
    // It closes before the end of what it will not read.
    let _ = endless.to.write_all(&vec![b'a'; 3 << 20]);
    beside.stop();
}

#[test]
fn only_the_workers_user_and_root_may_use_the_socket() {
    let beside = Beside::new(shop::stocked());
    let socket = beside.socket();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&socket), 0o600);
    if Uid::effective().is_root() {
        let open = |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let locks = aboard::registry::locks::directory(&beside.home.registry());
        let binary = env!("CARGO_BIN_EXE_aboard");
        beside.home.write("aboard", "");
        fs::copy(binary, beside.home.path("aboard")).unwrap();
        for (path, mode) in [
            (beside.home.path(""), 0o755),
            (beside.home.path("aboard"), 0o755),
            (locks.clone(), 0o755),
            (locks.join("worker.lock"), 0o644),
        ] {
            open(&path, mode);
        }
        let nobody = || {
            let as_root = beside.command(&["onboard", "shop"]);
            let mut command = std::process::Command::new(beside.home.path("aboard"));
            command.args(as_root.get_args()).current_dir(beside.home.path("")).uid(65534).gid(65534);
            Said::of(command.output().unwrap())
        };
        let said = nobody();
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stderr.contains("use the user that the worker runs as, or root"), "{said:?}");
        // Also where the file's mode is taken away from it.
        open(&socket, 0o666);
        let said = nobody();
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stderr.contains("only the worker's own user and root may use its control socket"), "{said:?}");
    } else {
        println!("not run: another user at the control socket, which needs root to become one");
    }
    assert!(beside.home.runs().is_empty());
    beside.stop();
}

#[test]
fn nothing_secret_is_said_at_the_socket() {
    let beside = Beside::new(shop::stocked());
    for words in
        ["test shop", "-vv discover shop", "-vv onboard shop", "-vv onboard nobody", "pause shop", "approve shop"]
    {
        let words: Vec<&str> = words.split(' ').collect();
        let mut client = beside.client();
        client.say(&serde_json::json!({ "v": 1, "do": "command", "args": words }).to_string());
        let answers = serde_json::to_string(&client.rest()).unwrap();
        assert!(answers.contains("exit") && !answers.contains(CANARY), "{words:?}: {answers}");
    }
    let mut client = beside.client();
    client.say(r#"{"v":1,"do":"health"}"#);
    let status = client.rest();
    assert!(status[0]["status"]["pid"] == beside.worker.pid() && !status[0].to_string().contains(CANARY), "{status:?}");
    let said = beside.stop();
    assert!(!said.stderr.contains(CANARY), "{said:?}");
}

#[test]
fn health_needs_no_file_that_can_be_read() {
    let (sim, home) = shop::open(shop::stocked());
    home.write(
        "other.toml",
        &format!("[registry]\npath = \"elsewhere.db\"\n{}", shop::schedules("regions = [\"eu-west-1\"]")),
    );
    let mut worker = Running::start(home.command(&["-v", "--config", "other.toml", "run"]));
    worker.wait_until_said("following");
    assert_eq!(home.run(&["health"]).code, Some(1), "that is another registry");
    for text in [
        "[registry]\npath = \"elsewhere.db\"\n[connections.shop]\nregoins = []\n",
        "[registry]\npath = \"elsewhere.db\"\n",
    ] {
        home.write("other.toml", text);
        let said = home.run(&["--config", "other.toml", "health"]);
        assert_eq!(said.stdout.lines().next().map(|line| line.contains("process")), Some(true), "{text}: {said:?}");
    }
    let status =
        Said::of(bare(&home, &["--registry", "elsewhere.db", "-o", "json", "health"]).output().unwrap()).json();
    assert_eq!(status["pid"], worker.pid(), "{status}");
    worker.stop();
    drop(sim);
}
