//! Commands beside the running worker: carried out by it, through its control socket.

mod astray;
mod clients;
mod reload;
mod same;
mod trail;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use aboard::registry::locks;
use aboard_simulator::{Simulator, World};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Home, LONG, Running, Said, shop};

/// A worker without schedules, with the world and the folder that it works in.
struct Beside {
    sim: Simulator,
    home: Home,
    worker: Running,
}

impl Beside {
    fn new(world: World) -> Self {
        let (sim, home) = shop::open(world);
        Self::in_home(sim, home)
    }

    fn in_home(sim: Simulator, home: Home) -> Self {
        let worker = start(&home);
        Self { sim, home, worker }
    }

    /// A command line without any of what only the worker has: its secrets and its way to AWS.
    fn command(&self, words: &[&str]) -> Command {
        bare(&self.home, words)
    }

    fn run(&self, words: &[&str]) -> Said {
        Said::of(self.command(words).output().unwrap())
    }

    fn ok(&self, words: &[&str]) -> Said {
        let said = self.run(words);
        assert_eq!(said.code, Some(0), "aboard {}: {said:?}", words.join(" "));
        said
    }

    fn start(&self, words: &[&str]) -> Running {
        Running::start(self.command(words))
    }

    fn socket(&self) -> PathBuf {
        locks::worker_of(&self.home.registry()).unwrap().unwrap().socket.unwrap()
    }

    /// A client of the test's own.
    fn client(&self) -> Raw {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        Raw { from: BufReader::new(stream.try_clone().unwrap()), to: stream }
    }

    /// Ends the worker, which must have been well all along.
    fn stop(self) -> Said {
        self.ok(&["health"]);
        self.worker.signal(Signal::SIGTERM);
        let ended = self.worker.end();
        assert_eq!(ended.said.code, Some(0), "{ended:?}");
        ended.said
    }
}

/// The worker, once it takes commands and follows its schedules.
fn start(home: &Home) -> Running {
    let mut worker = home.start(&["-v", "run"]);
    worker.wait_until_said("following");
    worker
}

fn bare(home: &Home, words: &[&str]) -> Command {
    let mut command = home.command(words);
    command.env_remove("SECRET").env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    command
}

/// A client that says what it likes.
struct Raw {
    from: BufReader<UnixStream>,
    to: UnixStream,
}

impl Raw {
    fn say(&mut self, line: &str) {
        self.to.write_all(line.as_bytes()).unwrap();
        self.to.write_all(b"\n").unwrap();
    }

    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.from.read_line(&mut line).unwrap() {
            0 => None,
            _ => Some(serde_json::from_str(&line).unwrap()),
        }
    }

    /// Everything that it is told, to the end.
    fn rest(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.next()).collect()
    }
}
