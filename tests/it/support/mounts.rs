//! Commands in namespaces of their own: with mounts that nobody else sees, or with less than others are given.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

use std::io::Write;
use std::process::{Command, Stdio};

/// `command`, run after the shell script `mounts` in a mount namespace of its own. The superuser is never forbidden that.
pub(crate) fn on_own_mounts(test: &str, mounts: &str, command: &Command) -> Option<Command> {
    let root = nix::unistd::Uid::effective().is_root();
    let own = unshared(test, if root { &["-m"] } else { &["-m", "-U", "-r"] }, mounts, command);
    assert!(own.is_some() || !root, "{test} was not run: the superuser cannot unshare mounts here");
    own
}

/// `command`, run after a shell script in new namespaces, as `unshare` names them.
///
/// Where the machine forbids that, says by name which test was not run, and gives nothing.
pub(crate) fn unshared(test: &str, namespaces: &[&str], script: &str, command: &Command) -> Option<Command> {
    let tried = Command::new("unshare").args(namespaces).arg("true").output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        // Past the harness, which keeps what a passing test prints to itself.
        let named = namespaces.join(" ");
        let notice = format!("NOT RUN: {test}: this machine does not let it unshare {named}\n");
        std::io::stderr().write_all(notice.as_bytes()).unwrap();
        return None;
    }
    let mut own = Command::new("unshare");
    own.args(namespaces).args(["sh", "-euc", &format!("{script}\nexec \"$@\""), "sh"]);
    own.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        own.current_dir(folder);
    }
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => own.env(key, value),
            None => own.env_remove(key),
        };
    }
    own.stdin(Stdio::null());
    Some(own)
}
