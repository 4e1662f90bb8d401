//! Third-party AWS servers, each on a loopback port of its own, shared by the tests of a process and ended with it.

use std::fs::File;
use std::io::{Read, Seek};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::venv;

/// How long a server may take until it listens; these machines are shared.
const START: Duration = Duration::from_mins(1);

const SERVE: &str = include_str!("serve.py");
const SEED: &str = include_str!("seed.py");

/// A running server. Its tests use accounts of their own, so that one server serves them all.
#[derive(Debug)]
pub(crate) struct Server {
    /// Owns the server's standard input, whose end is the server's end.
    _child: Child,
    port: u16,
}

impl Server {
    /// MiniStack, with signatures, IAM policies, trust and `ExternalId` enforced; an access key of twelve digits is the
    /// root of that account.
    pub(crate) fn ministack() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            Self::start("MiniStack", |port, command| {
                command.arg("ministack.app").env("AUTH", "true").env("GATEWAY_PORT", port.to_string());
                // Its other listeners would be open to the network, and taken when a second one starts.
                command.env("BIND_HOST", "127.0.0.1").env("IOT_MTLS_ENABLED", "0").env("SFTP_ENABLED", "0");
            })
        })
    }

    /// moto, which takes any key and knows the accounts of keys that it made.
    pub(crate) fn moto() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            Self::start("moto", |port, command| {
                command.args(["moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
            })
        })
    }

    fn start(name: &str, arguments: impl Fn(u16, &mut Command)) -> Self {
        let mut said = String::new();
        // Another process may take a free port before the server does; then the server ends and the next port is tried.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut log = tempfile::tempfile().unwrap();
            let mut command = python();
            command.args(["-c", SERVE]);
            arguments(port, &mut command);
            command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log.try_clone().unwrap());
            let mut child = command.spawn().unwrap();
            if listens(&mut child, port) {
                return Self { _child: child, port };
            }
            let _ = child.kill();
            let _ = child.wait();
            said = read_again(&mut log);
        }
        panic!("{name} did not start to listen; it said\n{said}");
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Runs a Python script with everything of `seed.py` at hand, and gives the one JSON value that it answers.
    pub(crate) fn python(&self, script: &str) -> Value {
        let mut command = python();
        command.args(["-c", &format!("{SEED}\n\n{script}")]).env("URL", self.url()).stdin(Stdio::null());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{script}"))
    }
}

/// The virtual environment's Python, without the settings of whoever runs the tests.
pub(crate) fn python() -> Command {
    let mut command = Command::new(venv::bin().join("python"));
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        if name.starts_with("AWS_") || name.starts_with("PYTHON") || name.to_lowercase().ends_with("_proxy") {
            command.env_remove(&key);
        }
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_CONFIG_FILE", "/dev/null");
    command.env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command
}

/// Waits until something listens on the port; false where the process ended before.
pub(crate) fn listens(child: &mut Child, port: u16) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < START {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

fn read_again(log: &mut File) -> String {
    let mut text = String::new();
    log.rewind().unwrap();
    log.read_to_string(&mut text).unwrap();
    text
}
