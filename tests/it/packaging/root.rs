//! Root's commands beside the service, without its environment: file, registry and control socket are found where systemd has them.

use std::process::{Command, Stdio};

use aboard_simulator::Simulator;

use super::{is_root, ok};
use crate::support::{CANARY, Home, shop, tools};

/// The folders as systemd lays them out for a dynamic user: the state behind a folder that only root may enter, but for the service.
const SCRIPT: &str = r#"
    mount --make-rprivate /
    mkdir "$WORK/etc"
    cp -a /etc/. "$WORK/etc"
    mkdir -p "$WORK/etc/aboard"
    cp "$WORK/schedules.toml" "$WORK/etc/aboard/"
    chmod 0644 "$WORK/etc/aboard/schedules.toml"
    mount --bind "$WORK/etc" /etc
    mount -t tmpfs -o mode=0755 tmpfs /var/lib
    mount -t tmpfs -o mode=0755 tmpfs /run
    mkdir -m 0700 /var/lib/private /var/lib/private/aboard
    ln -s private/aboard /var/lib/aboard
    mkdir -m 0755 /run/aboard
    chown 61234:61234 /var/lib/private/aboard /run/aboard
    cd /
    export AWS_EC2_METADATA_DISABLED=true

    ABOARD_CONFIG=/etc/aboard/schedules.toml STATE_DIRECTORY=/var/lib/private/aboard RUNTIME_DIRECTORY=/run/aboard \
    AWS_ENDPOINT_URL="$ENDPOINT" SECRET="$CANARY" unshare --mount -- sh -euc '
        mount --bind /var/lib/private/aboard /mnt
        mount -t tmpfs -o mode=0755 tmpfs /var/lib/private
        mkdir /var/lib/private/aboard
        mount --move /mnt /var/lib/private/aboard
        exec unshare --setgid 61234 --setuid 61234 "$ABOARD" run
    ' &
    worker=$!
    trap 'kill -KILL $worker 2> /dev/null || true' EXIT
    export AWS_ENDPOINT_URL=http://127.0.0.1:9
    until "$ABOARD" health --live > /dev/null 2>&1; do
        kill -0 $worker
        sleep 0.05
    done

    "$ABOARD" health
    "$ABOARD" onboard shop
    "$ABOARD" schedule set shop --time 03:00
    "$ABOARD" apis > /dev/null
    printf '[[[\n' > /etc/aboard/schedules.toml
    "$ABOARD" health --live > /dev/null
    ls -l /run/aboard
    stat -c 'of %u: %n' /var/lib/private/aboard/*
    kill -TERM $worker
    wait $worker
"#;

const WEEKLY: &str = "
[connections.shop.auto_onboard]
day = \"monday\"
time = \"02:30\"
timezone = \"Europe/London\"
";

#[test]
fn root_without_environment_finds_the_service_and_tells_it() {
    if !is_root() {
        eprintln!("not run: root_without_environment_finds_the_service_and_tells_it, for only root can mount");
        return;
    }
    let sim = Simulator::start(shop::stocked());
    let home = Home::new(&sim.url(), &(shop::schedules("regions = [\"eu-west-1\"]") + WEEKLY));
    let mut command = Command::new(tools::debian("unshare", "util-linux"));
    command.args(["--mount", "--", "timeout", "60", "sh", "-euc", SCRIPT]).env_clear().stdin(Stdio::null());
    command.env("PATH", tools::path()).env("WORK", home.path("")).env("ABOARD", env!("CARGO_BIN_EXE_aboard"));
    command.env("ENDPOINT", sim.url()).env("CANARY", CANARY);
    let said = ok(&mut command);
    for part in [
        "healthy: aboard",
        "follows /etc/aboard/schedules.toml",
        "the running worker follows it: +0 ~1 -0 =0",
        "control.sock",
        "of 61234: /var/lib/private/aboard/aboard.db\n",
        "of 61234: /var/lib/private/aboard/aboard.db.last-good.toml\n",
    ] {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
    assert!(!said.contains("of 0: "), "root left something that the service may not write: {said}");
    assert!(sim.counts().calls > 0, "the worker looked, by its own secret: {said}");
}
