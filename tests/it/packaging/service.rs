//! The worker as the unit starts it: what the service manager is told, and whether it lives with what it is denied.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use aboard_simulator::Simulator;
use nix::sys::signal::Signal;

use super::{is_root, read, unit};
use crate::support::clock::Clock;
use crate::support::server::python;
use crate::support::{Home, Manager, Running, shop, tools};

/// The watchdog's limit in microseconds; twice the dispatcher's heartbeat, which is the least that can be fed.
const WATCHDOG: &str = "4000000";

const WEEKLY: &str = "
[connections.shop.auto_onboard]
day = \"monday\"
time = \"02:30\"
timezone = \"Europe/London\"
";

/// A folder with what systemd gives a service of ours, and a stand-in for systemd.
pub(super) struct Service {
    _sim: Simulator,
    pub(super) home: Home,
    pub(super) manager: Manager,
}

impl Service {
    pub(super) fn new() -> Self {
        let sim = Simulator::start(shop::stocked());
        let text = shop::schedules("regions = [\"eu-west-1\"]") + WEEKLY;
        let home = Home::new(&sim.url(), &text);
        for folder in ["state", "run", "etc"] {
            fs::create_dir(home.path(folder)).unwrap();
        }
        home.write("etc/schedules.toml", &text);
        let manager = Manager::listen(&home.path(""));
        Self { _sim: sim, home, manager }
    }

    /// The environment that the unit gives, with the folders where they are here.
    pub(super) fn environment(&self, command: &mut Command) {
        let unit = read("packaging/aboard.service");
        assert_eq!(unit::settings(&unit, "Environment"), unit::ENVIRONMENT);
        command.envs(unit::ENVIRONMENT[1].split(' ').filter_map(|setting| setting.split_once('=')));
        command.env("ABOARD_CONFIG", self.home.path("etc/schedules.toml"));
        command.env("STATE_DIRECTORY", self.home.path("state")).env("RUNTIME_DIRECTORY", self.home.path("run"));
        // A dynamic user has none.
        command.env_remove("HOME").current_dir("/");
        command.env("WATCHDOG_USEC", WATCHDOG);
        self.manager.starts(command);
    }

    /// A command line of the unit, as in `ExecStart=`, with the program where it is here.
    pub(super) fn line(&self, line: &str, program: &Path) -> Command {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[0], "/usr/bin/aboard", "{line}");
        let ours = self.home.command(&words[1..]);
        let mut command = Command::new(program);
        command.args(ours.get_args());
        for (name, value) in ours.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        self.environment(&mut command);
        command.stdin(Stdio::null());
        command
    }

    /// A command of ours as the unit would start it.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.home.command(words);
        self.environment(&mut command);
        command
    }
}

#[test]
fn the_manager_is_told_when_the_worker_is_armed_that_it_lives_and_that_it_ends() {
    let mut service = Service::new();
    // Sunday evening.
    let clock = Clock::at("2026-11-22T22:30:00Z");
    let worker = Running::start(clock.given(service.command(&["run"])));
    let first = service.manager.wait_for("");
    let lines: Vec<&str> = first.lines().collect();
    let status = "STATUS=1 schedule, next shop Mon 02:30 Europe/London (in 3h)";
    assert_eq!(lines, ["READY=1", status], "ready is the first word, when the next due instant is known");
    service.manager.wait_for("WATCHDOG=1");
    service.manager.wait_for("WATCHDOG=1");
    // The time that is left shrinks.
    clock.set("2026-11-23T01:45:30Z".parse().unwrap());
    service.manager.wait_for("STATUS=1 schedule, next shop Mon 02:30 Europe/London (in 44min)");

    worker.signal(Signal::SIGTERM);
    assert_eq!(service.manager.wait_for("STOPPING=1"), "STOPPING=1\nSTATUS=stopping\n");
    assert_eq!(worker.end().said.code, Some(0));
    let told = service.manager.told();
    assert_eq!(told.iter().filter(|told| told.contains("READY=1")).count(), 1, "{told:#?}");
    assert!(told.last().unwrap().starts_with("STOPPING=1"), "nothing comes after the end: {told:#?}");
}

#[test]
fn a_reload_is_told_in_one_datagram_with_its_time_and_ends_in_readiness_whatever_came_of_it() {
    let mut service = Service::new();
    let clock = Clock::at("2026-11-22T22:30:00Z");
    let mut worker = Running::start(clock.given(service.command(&["run"])));
    service.manager.wait_for("READY=1");
    worker.wait_until_said("following");

    let good = fs::read_to_string(service.home.path("etc/schedules.toml")).unwrap();
    let mut before = None;
    let sideways = good.replace("time = \"02:30\"", "time = \"03:45\"");
    for (text, status) in [
        (sideways.as_str(), "STATUS=1 schedule, next shop Mon 03:45 Europe/London (in 5h)"),
        (
            "[connections.shop]\n",
            "STATUS=1 schedule, next shop Mon 03:45 Europe/London (in 5h); file rejected since 22:3",
        ),
        (good.as_str(), "STATUS=1 schedule, next shop Mon 02:30 Europe/London (in 3h)"),
    ] {
        service.home.write("etc/schedules.toml", text);
        worker.signal(Signal::SIGHUP);
        let begins = service.manager.wait_for("RELOADING=1");
        let lines: Vec<&str> = begins.lines().collect();
        let micros = lines[1].strip_prefix("MONOTONIC_USEC=").and_then(|micros| micros.parse::<u64>().ok());
        assert!(lines.len() == 2 && micros > before, "{begins}");
        before = micros;
        // The file's change is seen by itself too, before or after.
        let expected = format!("READY=1\n{status}");
        while !service.manager.wait_for("READY=1").starts_with(&expected) {}
    }
    worker.stop();
}

#[test]
fn a_worker_that_cannot_begin_is_never_ready() {
    let mut service = Service::new();
    service.home.write("etc/schedules.toml", "[connections.shop]\n");
    let ended = Running::start(service.command(&["run"])).end();
    // Which the unit does not start again.
    assert_eq!(ended.said.code, Some(2), "{ended:?}");
    assert_eq!(service.manager.told(), Vec::<String>::new());
}

#[test]
fn the_worker_lives_with_all_that_the_unit_denies() {
    if !is_root() {
        eprintln!("not run: the_worker_lives_with_all_that_the_unit_denies, for only root can give rights up");
        return;
    }
    let mut service = Service::new();
    let clock = Clock::at("2026-11-23T02:20:00Z");
    let given = clock.given(service.command(&["run"]));
    let mut command = confined(&service, &given);
    for (name, value) in given.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut worker = Running::start(command);
    let ready = service.manager.wait_for("READY=1");
    assert!(ready.contains("STATUS=1 schedule, "), "{ready}");
    // A run is made under it too.
    clock.set("2026-11-23T02:29:59Z".parse().unwrap());
    worker.wait_until_said("run over");
    service.manager.wait_for("WATCHDOG=1");
    let status = fs::read_to_string(format!("/proc/{}/status", worker.pid())).unwrap();
    for expected in
        ["Uid:\t61234\t", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"]
    {
        assert!(status.contains(expected), "{expected}: {status}");
    }
    worker.signal(Signal::SIGTERM);
    let ended = worker.end();
    assert_eq!(ended.said.code, Some(0), "{ended:?}");
    assert!(ended.said.stderr.contains("outcome=\"succeeded\""), "{ended:?}");
    let registry = service.home.path("state/aboard.db");
    assert_eq!(fs::metadata(&registry).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&fs::metadata(&registry).unwrap()), 61_234);
}

/// The command under what the unit's hardening does, as far as it can be done without systemd: a user without a name, no rights, a
/// read-only file system, `/proc` without anything but processes, no writable code, its families of sockets, its system calls.
fn confined(service: &Service, given: &Command) -> Command {
    const USER: u32 = 61_234;
    let unit = read("packaging/aboard.service");
    fs::set_permissions(service.home.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    for folder in ["state", "run"] {
        chown(service.home.path(folder), Some(USER), Some(USER)).unwrap();
    }
    fs::set_permissions(service.home.path("notify.sock"), fs::Permissions::from_mode(0o777)).unwrap();
    let systemd_analyze = tools::debian("systemd-analyze", "systemd");
    let filters = Command::new(systemd_analyze).args(["syscall-filter", "--no-pager"]).output().unwrap();
    fs::write(service.home.path("filters"), filters.stdout).unwrap();

    let mut command = Command::new(tools::debian("unshare", "util-linux"));
    command.args(["--mount", "--"]).arg(python().get_program()).args(["-c", include_str!("confine.py")]);
    command.arg(USER.to_string()).arg(service.home.path("filters"));
    command.arg(unit::settings(&unit, "SystemCallFilter").join(" "));
    command.arg(unit::settings(&unit, "RestrictAddressFamilies").join(" "));
    let writable = ["state", "run"].map(|folder| service.home.path(folder).display().to_string()).join(":");
    command.arg(writable).arg(Path::new(given.get_program())).args(given.get_args());
    command
}
