//! The real binary while it runs: to be signalled, killed, or waited for.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aboard_simulator::Simulator;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Home, Said};

/// Longer than anything here takes; what lasts this long hangs.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// A command line that was started.
#[derive(Debug)]
pub(crate) struct Running {
    child: Arc<Mutex<Child>>,
    pid: u32,
    /// The whole of its standard output, once that is closed.
    stdout: Receiver<String>,
    /// Its standard error, line by line.
    stderr: Receiver<String>,
    said: String,
}

/// How a command line that was started ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What it said.
    pub(crate) said: Said,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
}

impl Ended {
    /// Whether it was killed.
    pub(crate) fn was_killed(&self) -> bool {
        self.signal == Some(Signal::SIGKILL as i32)
    }
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (whole, stdout) = channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).unwrap();
            // Whoever does not wait for the end does not want it.
            let _ = whole.send(text);
        });
        let (line_by_line, stderr) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(err).lines() {
                let _ = line_by_line.send(line.unwrap());
            }
        });
        let pid = child.id();
        Self { child: Arc::new(Mutex::new(child)), pid, stdout, stderr, said: String::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid).unwrap()), signal).unwrap();
    }

    /// Tells a worker to stop, which ends it with 0; answers what it had said.
    pub(crate) fn stop(self) -> Said {
        self.signal(Signal::SIGTERM);
        let ended = self.end();
        assert_eq!(ended.said.code, Some(0), "{ended:?}");
        ended.said
    }

    /// Kills it by SIGKILL and returns when it is dead.
    pub(crate) fn killer(&self) -> impl FnOnce() + Send + 'static {
        let child = Arc::clone(&self.child);
        move || {
            let mut child = child.lock().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Waits until it has said this on standard error.
    pub(crate) fn wait_until_said(&mut self, text: &str) {
        while !self.said.contains(text) {
            match self.stderr.recv_timeout(LONG) {
                Ok(line) => self.said += &(line + "\n"),
                Err(error) => panic!("`{text}` was not said ({error}), but: {}", self.said),
            }
        }
    }

    /// Waits until it has said this so many times in all.
    pub(crate) fn wait_until_said_times(&mut self, text: &str, times: usize) {
        while self.said.matches(text).count() < times {
            match self.stderr.recv_timeout(LONG) {
                Ok(line) => self.said += &(line + "\n"),
                Err(error) => panic!("`{text}` was not said {times} times ({error}), but: {}", self.said),
            }
        }
    }

    /// Takes what it has said so far; what is waited for from now on is what it says later.
    pub(crate) fn take_said(&mut self) -> String {
        self.said.extend(self.stderr.try_iter().map(|line| line + "\n"));
        std::mem::take(&mut self.said)
    }

    /// Waits until it has said this on standard error, and gives the word that follows.
    pub(crate) fn word_after(&mut self, text: &str) -> String {
        self.wait_until_said(text);
        let (_, after) = self.said.split_once(text).unwrap();
        after.split_whitespace().next().unwrap().to_owned()
    }

    /// Waits until it has said this, or until the time is over, whichever comes first.
    pub(crate) fn wait_until_said_or(&mut self, time: Duration, text: &str) {
        let end = std::time::Instant::now() + time;
        while !self.said.contains(text) {
            match self.stderr.recv_timeout(end.saturating_duration_since(std::time::Instant::now())) {
                Ok(line) => self.said += &(line + "\n"),
                Err(_) => return,
            }
        }
    }

    /// Waits until it has said this on standard error, or has ended without; answers which.
    pub(crate) fn says_before_it_ends(&mut self, text: &str) -> bool {
        while !self.said.contains(text) {
            match self.stderr.recv_timeout(LONG) {
                Ok(line) => self.said += &(line + "\n"),
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => panic!("neither `{text}` nor its end came, but: {}", self.said),
            }
        }
        true
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let stdout = self.stdout.recv_timeout(LONG).unwrap_or_else(|error| {
            (self.killer())();
            panic!("it did not end ({error})")
        });
        self.said.extend(self.stderr.iter().map(|line| line + "\n"));
        let status = self.child.lock().unwrap().wait().unwrap();
        let stderr = std::mem::take(&mut self.said);
        Ended { said: Said { code: status.code(), stdout, stderr }, signal: status.signal() }
    }
}

/// A test that fails leaves no worker behind.
impl Drop for Running {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // It has ended, most of the time.
        if child.kill().is_ok() {
            let _ = child.wait();
        }
    }
}

impl Home {
    /// Starts a command line.
    pub(crate) fn start(&self, words: &[&str]) -> Running {
        Running::start(self.command(words))
    }

    /// Starts a command line and kills it right before answer number `answer` of what it asks; where it asks less, it ends by itself.
    pub(crate) fn killed_at(&self, sim: &Simulator, answer: u64, words: &[&str]) -> Ended {
        sim.reset_counts();
        // Nothing is answered before there is somebody to kill.
        sim.hold_at(1);
        let running = self.start(words);
        sim.at_answer(answer, running.killer());
        sim.release();
        running.end()
    }

    /// Runs a command line that kills itself at a commit, as in `before-commit:3`; where it has fewer, it ends by itself.
    pub(crate) fn killed_at_commit(&self, point: &str, words: &[&str]) -> Ended {
        let mut command = self.command(words);
        command.env("ABOARD_CRASH_AT", point);
        Running::start(command).end()
    }
}
