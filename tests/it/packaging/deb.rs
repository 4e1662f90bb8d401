//! The tarball and the Debian package, made from this build's binary.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::service::Service;
use super::{ok, ours, read, unit};
use crate::support::{Running, tools};

/// The packages in a folder of their own.
fn build(out: &Path) {
    tools::debian("dpkg-deb", "dpkg");
    tools::debian("objdump", "binutils");
    let mut command = Command::new(ours("packaging/build.sh"));
    command.args(["--fast", "--binary", env!("CARGO_BIN_EXE_aboard"), "--out"]).arg(out);
    ok(command.env("SOURCE_DATE_EPOCH", "1760000000"));
}

fn packages() -> &'static Path {
    static OUT: OnceLock<TempDir> = OnceLock::new();
    OUT.get_or_init(|| {
        let out = tempfile::tempdir().unwrap();
        build(out.path());
        out
    })
    .path()
}

fn file(folder: &Path, ending: &str) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found = files.filter(|path| path.to_str().unwrap().ends_with(ending)).collect::<Vec<_>>();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn the_same_source_makes_the_same_bytes() {
    let again = tempfile::tempdir().unwrap();
    build(again.path());
    for ending in [".tar.gz", ".deb"] {
        let (one, other) = (file(packages(), ending), file(again.path(), ending));
        assert_eq!(one.file_name(), other.file_name());
        assert!(fs::read(&one).unwrap() == fs::read(&other).unwrap(), "{} differs", one.display());
    }
}

#[test]
fn the_tarball_holds_all_that_a_service_by_hand_needs() {
    let tarball = file(packages(), ".tar.gz");
    let stem = tarball.file_name().unwrap().to_str().unwrap().strip_suffix(".tar.gz").unwrap().to_owned();
    assert!(stem.starts_with(&format!("aboard-{}-linux-", env!("CARGO_PKG_VERSION"))), "{stem}");
    let listed = ok(Command::new("tar").args(["--list", "--verbose", "--numeric-owner", "--file"]).arg(&tarball));
    assert!(listed.lines().all(|line| line.contains(" 0/0 ")), "{listed}");
    for name in [
        "bin/aboard",
        "man/aboard.1",
        "completions/aboard.bash",
        "completions/aboard.zsh",
        "completions/aboard.fish",
        "aboard.service",
        "schedules.example.toml",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
    ] {
        assert!(listed.lines().any(|line| line.ends_with(&format!(" {stem}/{name}"))), "{name}: {listed}");
    }
}

#[test]
fn the_package_says_what_it_needs() {
    let deb = file(packages(), ".deb");
    let field = |name: &str| ok(Command::new("dpkg-deb").arg("--field").arg(&deb).arg(name)).trim().to_owned();
    assert_eq!((field("Package"), field("Version")), ("aboard".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
    let depends = field("Depends");
    let needed = depends.strip_prefix("libc6 (>= ").and_then(|rest| rest.split_once(')')).expect(&depends).0;
    let newest = ok(Command::new("objdump").args(["-T", env!("CARGO_BIN_EXE_aboard")]));
    assert!(newest.contains(&format!("GLIBC_{needed})")), "{needed} is a version that the program asks for");
    for package in ["libgcc-s1", "ca-certificates", "tzdata"] {
        assert!(depends.split(", ").any(|named| named == package), "{depends}");
    }
}

/// A system of its own with nothing in it but dpkg's books.
pub(super) struct Installed {
    root: TempDir,
}

impl Installed {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["info", "updates", "triggers"] {
            fs::create_dir_all(root.path().join("var/lib/dpkg").join(folder)).unwrap();
        }
        fs::write(root.path().join("var/lib/dpkg/status"), "").unwrap();
        let installed = Self { root };
        installed.dpkg("--install", file(packages(), ".deb").to_str().unwrap());
        installed
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The packages that it depends on are those of this machine; its scripts run without a change of root, which they have to see.
    fn dpkg(&self, action: &str, what: &str) -> String {
        let mut command = Command::new(tools::debian("dpkg", "dpkg"));
        command.arg(format!("--root={}", self.root.path().display()));
        command.args(["--force-not-root", "--force-script-chrootless", "--force-depends", "--log=/dev/null", action]);
        // dpkg looks there for what its scripts need.
        ok(command.arg(what).env("PATH", tools::path()))
    }

    fn files(&self) -> BTreeSet<String> {
        let mut command = Command::new("find");
        let listed = ok(command.arg(self.root.path()).args(["-not", "-type", "d", "-printf", "%P\n"]));
        let kept = listed.lines().filter(|line| !line.starts_with("var/lib/dpkg/"));
        kept.map(str::to_owned).collect()
    }
}

#[test]
fn the_installed_program_starts_as_its_unit_says_and_ends_at_sigterm() {
    let installed = Installed::new();
    let unit = fs::read_to_string(installed.path("lib/systemd/system/aboard.service")).unwrap();
    let mut service = Service::new();
    let line = &unit::settings(&unit, "ExecStart")[0];
    let worker = Running::start(service.line(line, &installed.path("usr/bin/aboard")));
    let ready = service.manager.wait_for("READY=1");
    assert!(ready.contains("STATUS=1 schedule, next shop Mon 02:30 Europe/London"), "{ready}");
    assert!(service.home.path("state/aboard.db").exists());
    let reload = &unit::settings(&unit, "ExecReload")[0];
    for line in [reload.as_str(), "/usr/bin/aboard health", "/usr/bin/aboard health --live"] {
        ok(&mut service.line(line, &installed.path("usr/bin/aboard")));
    }
    worker.signal(Signal::SIGTERM);
    service.manager.wait_for("STOPPING=1");
    let ended = worker.end();
    assert_eq!(ended.said.code, Some(0), "{ended:?}");
}

#[test]
fn the_package_installs_enables_and_leaves_a_persons_files_when_it_goes() {
    let installed = Installed::new();
    for (name, mode) in [
        ("usr/bin/aboard", 0o755),
        ("lib/systemd/system/aboard.service", 0o644),
        ("usr/share/man/man1/aboard.1.gz", 0o644),
        ("usr/share/bash-completion/completions/aboard", 0o644),
        ("usr/share/zsh/vendor-completions/_aboard", 0o644),
        ("usr/share/fish/vendor_completions.d/aboard.fish", 0o644),
        ("usr/share/doc/aboard/examples", 0o755),
        ("usr/share/doc/aboard/examples/schedules.example.toml", 0o644),
        ("usr/share/doc/aboard/changelog.gz", 0o644),
    ] {
        let file = fs::metadata(installed.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(file.permissions().mode() & 0o7777, mode, "{name}");
    }
    let unit = fs::read_to_string(installed.path("lib/systemd/system/aboard.service")).unwrap();
    assert_eq!(unit, read("packaging/aboard.service"));
    assert_eq!(unit::settings(&unit, "ExecStart"), ["/usr/bin/aboard run"]);
    let wanted = installed.path("etc/systemd/system/multi-user.target.wants/aboard.service");
    assert_eq!(fs::read_link(&wanted).unwrap(), Path::new("/lib/systemd/system/aboard.service"));

    // Gone and back: what was enabled still is.
    installed.dpkg("--remove", "aboard");
    assert!(!installed.path("usr/bin/aboard").exists());
    installed.dpkg("--install", file(packages(), ".deb").to_str().unwrap());
    assert!(installed.path("lib/systemd/system/aboard.service").exists());
    assert_eq!(fs::read_link(&wanted).unwrap(), Path::new("/lib/systemd/system/aboard.service"));

    fs::write(installed.path("etc/aboard/schedules.toml"), "[limits]\n").unwrap();
    let said = installed.dpkg("--purge", "aboard");
    assert!(said.contains("aboard: /etc/aboard/schedules.toml is left as it is"), "{said}");
    assert_eq!(installed.files(), BTreeSet::from(["etc/aboard/schedules.toml".to_owned()]));
}

/// What a script of the package has the programs around it do, where systemd runs and where these answer 0.
fn asked(script: &str, words: &[&str], programs: &[&str], agrees: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (log, programs_at) = (folder.path().join("log"), folder.path().join("bin"));
    fs::create_dir(&programs_at).unwrap();
    fs::write(&log, "").unwrap();
    let agrees = agrees.iter().map(|question| format!("    *{question}*) exit 0 ;;\n")).collect::<Vec<_>>().concat();
    for program in programs {
        let text = format!(
            "#!/bin/sh\necho {program} \"$@\" >> {}\ncase \"$*\" in\n{agrees}    *is-active* | *is-enabled* | *was-enabled*) exit 1 ;;\nesac\n",
            log.display()
        );
        let file = programs_at.join(program);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let text = read(&format!("packaging/deb/{script}"));
    assert!(text.contains("[ -d /run/systemd/system ]"), "{text}");
    let text = text.replace("/run/systemd/system", folder.path().to_str().unwrap());
    fs::write(folder.path().join(script), text).unwrap();
    ok(Command::new("/bin/sh")
        .arg(folder.path().join(script))
        .args(words)
        .env("PATH", &programs_at)
        .env_remove("DPKG_ROOT"));
    let log = fs::read_to_string(log).unwrap();
    log.lines()
        .filter(|line| !line.contains("--quiet is-") && !line.contains("was-enabled"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_service_starts_after_an_installation_and_again_after_an_upgrade_or_a_removal() {
    const RELOAD: &str = "systemctl --system daemon-reload";
    let alone = |words: &[&str], agrees: &[&str]| asked("postinst", words, &["systemctl"], agrees);
    let first = ["systemctl --quiet enable aboard.service", RELOAD, "systemctl --system start aboard.service"];
    assert_eq!(alone(&["configure", ""], &["is-enabled"]), first);
    // dpkg tells the version that was there before, after a removal as well.
    let again = [RELOAD, "systemctl --system restart aboard.service"];
    for was in ["is-enabled", "is-active"] {
        assert_eq!(alone(&["configure", "0.0.9"], &[was]), again, "{was}");
    }
    assert_eq!(alone(&["configure", "0.0.9"], &[]), [RELOAD], "disabled and at rest, it stays so");
    assert_eq!(alone(&["triggered", "x"], &["is-enabled"]), Vec::<String>::new());

    // Debian's helpers know the same, and the machine's policy.
    let helped = |words: &[&str], agrees: &[&str]| {
        asked("postinst", words, &["systemctl", "deb-systemd-helper", "deb-systemd-invoke"], agrees)
    };
    let enable = "deb-systemd-helper enable aboard.service";
    let start = "deb-systemd-invoke start aboard.service";
    let restart = "deb-systemd-invoke restart aboard.service";
    assert_eq!(helped(&["configure", ""], &["was-enabled"]), [enable, RELOAD, start]);
    assert_eq!(helped(&["configure", "0.0.9"], &["was-enabled"]), [enable, RELOAD, restart]);
    let update = "deb-systemd-helper update-state aboard.service";
    assert_eq!(helped(&["configure", "0.0.9"], &[]), [update, RELOAD, restart]);
}

#[test]
fn the_service_is_stopped_before_its_removal_and_not_before_an_upgrade() {
    let stop = "stop aboard.service";
    let words = |words: &[&str], programs: &[&str]| asked("prerm", words, programs, &[]);
    assert_eq!(words(&["remove"], &["systemctl"]), [format!("systemctl --system {stop}")]);
    let helped = ["systemctl", "deb-systemd-invoke"];
    assert_eq!(words(&["remove"], &helped), [format!("deb-systemd-invoke {stop}")]);
    assert_eq!(words(&["upgrade", "0.2.0"], &helped), Vec::<String>::new());
}
