//! A stand-in for the service manager: it listens where `NOTIFY_SOCKET` points and remembers what it is told.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::LONG;

/// What was told comes as datagrams, each a line a member.
#[derive(Debug)]
pub(crate) struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
    /// Every datagram so far.
    told: Vec<String>,
}

impl Manager {
    pub(crate) fn listen(folder: &Path) -> Self {
        let path = folder.join("notify.sock");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, path, told: Vec::new() }
    }

    /// Sets the environment of a service that this manager starts.
    pub(crate) fn starts(&self, command: &mut Command) {
        command.env("NOTIFY_SOCKET", &self.path);
    }

    /// Waits for the next datagram with this member, whatever comes before it.
    pub(crate) fn wait_for(&mut self, member: &str) -> String {
        let begun = Instant::now();
        loop {
            let left = LONG.checked_sub(begun.elapsed()).filter(|left| !left.is_zero());
            let Some(left) = left else { panic!("`{member}` was not told, but {:#?}", self.told) };
            self.socket.set_read_timeout(Some(left)).unwrap();
            let mut datagram = [0; 4096];
            // A time-out is seen above.
            let Ok(length) = self.socket.recv(&mut datagram) else { continue };
            let text = String::from_utf8(datagram[..length].to_vec()).unwrap();
            self.told.push(text.clone());
            if text.lines().any(|line| line.starts_with(member)) {
                return text;
            }
        }
    }

    /// Everything that has been told so far, the datagrams that wait included.
    pub(crate) fn told(&mut self) -> &[String] {
        self.socket.set_nonblocking(true).unwrap();
        let mut datagram = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut datagram) {
            self.told.push(String::from_utf8(datagram[..length].to_vec()).unwrap());
        }
        self.socket.set_nonblocking(false).unwrap();
        &self.told
    }
}
