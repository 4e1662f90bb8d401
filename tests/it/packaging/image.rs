//! The root file system of the image, and the program in it as process 1.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use aboard_simulator::Simulator;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::{is_root, ok, ours};
use crate::gravitee::controller::{Controller, Rules};
use crate::support::{CANARY, LONG, Running, compose, shop, tools};

/// The user that the image names.
const USER: u32 = 65_532;

fn lay_out() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    // As a directory in the image has it, so that its user may enter.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    ok(Command::new(ours("packaging/rootfs.sh")).arg(env!("CARGO_BIN_EXE_aboard")).arg(folder.path()));
    folder
}

#[test]
fn the_image_holds_what_the_program_needs_and_no_other_program() {
    let root = lay_out();
    let programs = ok(Command::new("find").arg(root.path()).args(["-type", "f", "-perm", "/111", "-printf", "%f\n"]));
    let programs: Vec<&str> = programs.lines().filter(|name| !name.contains(".so")).collect();
    assert_eq!(programs, ["aboard"]);
    for needed in
        ["etc/ssl/certs/ca-certificates.crt", "usr/share/zoneinfo/Europe/London", "usr/share/zoneinfo/tzdata.zi"]
    {
        assert!(root.path().join(needed).metadata().is_ok_and(|file| file.len() > 0), "{needed}");
    }
    let mode = |name: &str| fs::metadata(root.path().join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("tmp"), mode("var/lib/aboard")), (0o1777, 0o700));
}

/// The image as a container runtime runs it: a read-only root, a user by number, volumes, and the program as process 1.
struct Container {
    sim: Simulator,
    root: TempDir,
    volumes: TempDir,
}

impl Container {
    fn new(keys: &str) -> Self {
        let container = Self::without_a_file();
        let text = shop::schedules("regions = [\"eu-west-1\"]") + "\n[connections.shop.auto_onboard]\n" + keys;
        fs::write(container.volumes.path().join("etc/schedules.toml"), text).unwrap();
        container
    }

    fn without_a_file() -> Self {
        let (root, volumes) = (lay_out(), tempfile::tempdir().unwrap());
        fs::set_permissions(volumes.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for folder in ["state", "run", "etc"] {
            fs::create_dir(volumes.path().join(folder)).unwrap();
            chown(volumes.path().join(folder), Some(USER), Some(USER)).unwrap();
        }
        Self { sim: Simulator::start(shop::stocked()), root, volumes }
    }

    /// Starts the image's program with these arguments.
    fn start(&self, words: &[&str]) -> Running {
        self.start_with(words, &[])
    }

    /// The same with these variables besides.
    fn start_with(&self, words: &[&str], variables: &[(String, String)]) -> Running {
        let mut command = Command::new(tools::debian("unshare", "util-linux"));
        // The shell makes the mounts and is gone when the program starts.
        let script = r#"
            mount --make-rprivate /
            mount --bind "$ROOT" "$ROOT"
            mount --bind "$VOLUMES/state" "$ROOT/var/lib/aboard"
            mount --bind "$VOLUMES/run" "$ROOT/run/aboard"
            mount --bind "$VOLUMES/etc" "$ROOT/etc/aboard"
            mount -o remount,bind,ro "$ROOT/etc/aboard"
            mount -o remount,bind,ro "$ROOT"
            exec unshare --pid --fork --kill-child --mount-proc --root="$ROOT" --wd=/ --setgid 65532 --setuid 65532 "$@"
        "#;
        command.args(["--mount", "--", "sh", "-euc", script, "sh", "/usr/bin/aboard"]).args(words);
        command.env_clear().env("PATH", tools::path());
        command.env("ROOT", self.root.path()).env("VOLUMES", self.volumes.path());
        for setting in image_environment() {
            let (name, value) = setting.split_once('=').unwrap();
            command.env(name, value);
        }
        command.env("AWS_ENDPOINT_URL", self.sim.url()).env("AWS_EC2_METADATA_DISABLED", "true").env("SECRET", CANARY);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Running::start(command)
    }

    fn registry(&self) -> PathBuf {
        self.volumes.path().join("state/aboard.db")
    }
}

/// What the image's `ENV` sets.
fn image_environment() -> Vec<String> {
    let text = fs::read_to_string(ours("Dockerfile")).unwrap().replace("\\\n", " ");
    let line = text.lines().find_map(|line| line.strip_prefix("ENV ")).unwrap().to_owned();
    line.split_whitespace().map(str::to_owned).collect()
}

/// The program's process, as it is seen from outside of its namespace.
fn process_one(outside: u32) -> Pid {
    let begun = Instant::now();
    while begun.elapsed() < LONG {
        let children = fs::read_to_string(format!("/proc/{outside}/task/{outside}/children")).unwrap_or_default();
        if let Some(pid) = children.split_whitespace().next() {
            let is_ours =
                fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == Path::new("/usr/bin/aboard"));
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
            if (is_ours || status.starts_with("Name:\taboard\n")) && inside.split_whitespace().last() == Some("1") {
                return Pid::from_raw(pid.parse().unwrap());
            }
        }
        std::thread::yield_now();
    }
    panic!("no process 1 in the namespace of {outside}");
}

const WEEKLY: &str = "day = \"monday\"\ntime = \"02:30\"\ntimezone = \"Europe/London\"\n";

#[test]
fn as_process_one_without_a_name_on_a_read_only_root_it_follows_its_schedules_and_ends_at_sigterm() {
    if !is_root() {
        eprintln!(
            "not run: as_process_one_without_a_name_on_a_read_only_root_it_follows_its_schedules_and_ends_at_sigterm, \
             for only root can make the namespaces"
        );
        return;
    }
    let container = Container::new(WEEKLY);
    let mut worker = container.start(&["run"]);
    worker.wait_until_said("following /etc/aboard/schedules.toml");
    let one = process_one(worker.pid());
    let status = fs::read_to_string(format!("/proc/{one}/status")).unwrap();
    assert!(status.contains(&format!("Uid:\t{USER}\t{USER}\t{USER}\t{USER}")), "{status}");
    assert!(container.registry().exists());
    kill(one, Signal::SIGTERM).unwrap();
    let ended = worker.end();
    assert_eq!(ended.said.code, Some(0), "{ended:?}");
}

#[test]
fn a_command_in_the_container_reaches_aws_and_the_registry() {
    if !is_root() {
        eprintln!(
            "not run: a_command_in_the_container_reaches_aws_and_the_registry, for only root can make the namespaces"
        );
        return;
    }
    let container = Container::new(WEEKLY);
    let ended = container.start(&["-o", "json", "onboard", "shop"]).end();
    assert_eq!(ended.said.code, Some(0), "{ended:?}");
    assert_eq!(ended.said.json()["counts"]["onboard"], 3, "{ended:?}");
    assert!(container.registry().exists());
}

#[test]
fn without_a_file_and_with_the_environment_of_gravitees_agent_it_is_that_agent() {
    if !is_root() {
        eprintln!(
            "not run: without_a_file_and_with_the_environment_of_gravitees_agent_it_is_that_agent, for only root can \
             make the namespaces"
        );
        return;
    }
    let controller = Controller::start(Rules::default());
    let (endpoint, rules) = (controller.endpoint(), Rules::default());
    let variables = compose::environment(&BTreeMap::from([
        ("WS_ENDPOINTS", endpoint.as_str()),
        ("WS_AUTH_TOKEN", &rules.token),
        ("INTEGRATION_ID", &rules.target_id),
        ("AWS_REGION", shop::REGION),
        ("AWS_ACCESS_KEY_ID", shop::KEY),
        ("AWS_SECRET_ACCESS_KEY", CANARY),
    ]));
    let container = Container::without_a_file();
    let mut worker = container.start_with(&["run"], &variables);
    controller.wait_for_agent(1);
    let said = "there is no schedule file, so the settings of Gravitee's agent count (10 variables); the registry is \
                /var/lib/aboard/aboard.db";
    worker.wait_until_said(said);
    // What the image's health check asks.
    let health = container.start_with(&["health", "--live"], &variables).end();
    assert_eq!(health.said.code, Some(0), "{health:?}");
    kill(process_one(worker.pid()), Signal::SIGTERM).unwrap();
    let ended = worker.end();
    assert_eq!(ended.said.code, Some(0), "{ended:?}");
    assert!(container.registry().exists() && !format!("{ended:?}").contains(CANARY));
    controller.record().assert_proper();
}
