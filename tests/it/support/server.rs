//! Third-party AWS servers, each on a loopback port of its own and ended with the test.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::venv;

/// How long a server may take until it listens; these machines are shared.
const START: Duration = Duration::from_secs(60);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// MiniStack, with signatures, IAM policies, trust and `ExternalId` enforced.
    pub(crate) fn ministack() -> Self {
        Self::start("MiniStack", |port| {
            let mut command = Command::new(venv::bin().join("ministack"));
            command.env("AUTH", "true").env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
            command
        })
    }

    /// moto, which knows organizations and takes any key.
    pub(crate) fn moto() -> Self {
        Self::start("moto", |port| {
            let mut command = Command::new(venv::bin().join("moto_server"));
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
            command
        })
    }

    fn start(name: &str, command: impl Fn(u16) -> Command) -> Self {
        // Another process may take a free port before the server does; then the server ends and the next port is tried.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut command = command(port);
            // The environment of the tests may hold AWS settings that would mislead the server.
            for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("AWS_")) {
                command.env_remove(key);
            }
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let mut server = Self { child: child.unwrap(), port };
            if server.listens() {
                return server;
            }
        }
        panic!("{name} did not start to listen");
    }

    fn listens(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < START {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Runs a Python script with boto3 and the server's address in `URL`, and gives what it printed.
    pub(crate) fn python(&self, script: &str) -> String {
        let mut child = Command::new(venv::bin().join("python"))
            .arg("-")
            .env("URL", self.url())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
