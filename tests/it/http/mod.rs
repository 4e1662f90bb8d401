//! `[http]` of the running worker.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

mod described;
mod documents;
mod scraped;
mod secured;

use std::net::SocketAddr;

use aboard_simulator::Simulator;
use nix::sys::signal::Signal;

use crate::reload::NEVER;
use crate::support::web::{Answer, ask};
use crate::support::{CANARY, Ended, Home, Running, shop};

/// What makes a worker listen, with a token, on a port of the system's choice.
pub(crate) const HTTP: &str = "[http]\nlisten = \"127.0.0.1:0\"\ntoken = \"env:SECRET\"\n";

/// A running worker that listens; it is killed with the test.
pub(crate) struct Site {
    running: Option<Running>,
    address: SocketAddr,
}

impl Site {
    /// Takes a worker that was started with `-v`.
    pub(crate) fn of(mut running: Running) -> Self {
        let listen = running.word_after("http: listening on ");
        let port = listen.rsplit_once(':').unwrap().1.parse().unwrap();
        running.wait_until_said("following");
        Self { running: Some(running), address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    fn start(home: &Home) -> Self {
        // It looks at its file when it is asked to, and not meanwhile.
        let mut command = home.command(&["-v", "run"]);
        command.env("ABOARD_WATCH", NEVER);
        Self::of(Running::start(command))
    }

    fn running(&mut self) -> &mut Running {
        self.running.as_mut().unwrap()
    }

    fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        ask(self.address, method, path, headers, body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[&format!("Authorization: Bearer {CANARY}")], body)
    }

    /// Stops it, and it ends well.
    fn stop(mut self) -> Ended {
        let running = self.running.take().unwrap();
        running.signal(Signal::SIGTERM);
        let ended = running.end();
        assert_eq!(ended.said.code, Some(0), "{ended:?}");
        ended
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            (running.killer())();
        }
    }
}

/// A file with the connection `shop`, due once a week, and one that is only run by hand.
fn schedules() -> String {
    let weekly = "frequency = \"weekly\"\nday = \"monday\"\ntime = \"02:30\"\ntimezone = \"Europe/London\"\n";
    let shop = shop::schedules("regions = [\"eu-west-1\", \"eu-west-2\"]");
    let hand = shop::connection("hand", "regions = [\"eu-west-1\"]\nstages = [\"live\"]");
    format!("{HTTP}{shop}\n[connections.shop.auto_onboard]\n{weekly}{hand}")
}

/// A worker beside a registry in which some runs are.
fn open() -> (Simulator, Home, Site) {
    open_file(&schedules())
}

/// The same with another schedule file.
fn open_file(schedules: &str) -> (Simulator, Home, Site) {
    let (sim, home) = shop::open_with(shop::stocked(), schedules);
    for words in [&["onboard", "shop"][..], &["onboard", "hand"], &["onboard", "shop", "--api", "ordersapi1"]] {
        home.ok(words);
    }
    let site = Site::start(&home);
    (sim, home, site)
}
