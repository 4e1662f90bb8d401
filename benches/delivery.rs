//! Ten thousand queued deliveries to a local receiver: how long the worker takes, and the memory that it takes meanwhile.
//!
//! `cargo bench --bench delivery`; `ABOARD_BENCH_DELIVERIES` sets another number. Each delivery is leased, sent by HTTP and written down.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and stops where its fixture fails")]

#[path = "support/million.rs"]
#[expect(dead_code, reason = "other benchmarks need the rest")]
mod million;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use aboard::registry::Registry;

const ROUNDS: usize = 3;

/// Takes every event; says so each time.
fn receiver() -> (u16, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (took, taken) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let took = took.clone();
            std::thread::spawn(move || take(connection.unwrap(), &took));
        }
    });
    (port, taken)
}

fn take(connection: TcpStream, took: &Sender<()>) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut writer = connection;
    loop {
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line).unwrap_or_default() == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        // The worker goes when it has what was wanted.
        if writer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() || took.send(()).is_err() {
            return;
        }
    }
}

/// A registry in which so many deliveries are due; answers how many exactly.
fn queue(path: &Path, deliveries: u64) -> usize {
    let mut registry = Registry::create_or_open(path).unwrap();
    let rules = million::rules(&["catalog"]);
    let run_id = million::begin(&mut registry, million::start());
    let mut number = 0;
    let mut queued = 0;
    while queued < deliveries {
        let look = million::look(number);
        queued += look.apis.len() as u64;
        million::look_into(&mut registry, run_id, &look, &rules, million::start());
        number += 1;
    }
    drop(registry);
    let sql = rusqlite::Connection::open(path).unwrap();
    // As after their exports.
    sql.execute("UPDATE deliveries SET export_until = NULL", []).unwrap()
}

fn worker(folder: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_aboard"))
        .arg("run")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn kib(pid: u32, key: &str) -> u32 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let wanted =
        aboard::environment::text("ABOARD_BENCH_DELIVERIES").unwrap().map_or(10_000, |text| text.parse().unwrap());
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let (port, taken) = receiver();
        let file = format!(
            "[targets.catalog.webhook]\nurl = \"http://127.0.0.1:{port}/hooks\"\n[connections.bench]\nregions = [\"eu-west-1\"]\n\
             [connections.bench.credentials.default_chain]\n"
        );
        fs::write(folder.path().join("schedules.toml"), file).unwrap();
        let queued = queue(&folder.path().join("aboard.db"), wanted);
        let begun = Instant::now();
        let mut child = worker(folder.path());
        for _ in 0..queued {
            taken.recv_timeout(Duration::from_mins(2)).unwrap();
        }
        let took = begun.elapsed();
        let peak = kib(child.id(), "VmHWM:");
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        child.wait().unwrap();
        let rate = f64::from(u32::try_from(queued).unwrap()) / took.as_secs_f64();
        println!(
            "{queued} deliveries in {:.2} s, {rate:.0} a second, peak memory {:.1} MiB",
            took.as_secs_f64(),
            f64::from(peak) / 1024.0
        );
        times.push(took);
    }
    times.sort();
    println!("median {:.2} s", times[ROUNDS / 2].as_secs_f64());
}
