//! What is measured of the worker while it soaks, and what must not grow.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The worker at one moment at which no run is in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) after: Duration,
    pub(super) round: u64,
    pub(super) runs: usize,
    /// KiB.
    pub(super) resident: u64,
    /// KiB; what of it belongs to no file.
    pub(super) anonymous: u64,
    /// Connections to AWS: as many as were needed at once within the last minute or two, which is how long idle ones are kept. Each has a
    /// descriptor and a task.
    pub(super) pooled: u64,
    /// Other descriptors.
    pub(super) descriptors: u64,
    pub(super) threads: u64,
    /// Other tasks.
    pub(super) tasks: u64,
    /// KiB.
    pub(super) registry: u64,
    /// KiB.
    pub(super) log: u64,
}

/// The worker that is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watched<'a> {
    pub(super) pid: u32,
    pub(super) registry: &'a Path,
    /// The port of its AWS.
    pub(super) aws: u16,
}

impl Sample {
    /// Looks at the process from outside; how many tasks it has only it can tell.
    pub(super) fn of(watched: Watched<'_>, after: Duration, round: u64, runs: usize, tasks: u64) -> Self {
        let Watched { pid, registry, aws } = watched;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let of = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len() / 1024);
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() as u64;
        let pooled = connections_to(aws, pid);
        Self {
            after,
            round,
            runs,
            resident: of("VmRSS:"),
            anonymous: of("RssAnon:"),
            pooled,
            descriptors: descriptors.saturating_sub(pooled),
            threads: of("Threads:"),
            tasks: tasks.saturating_sub(pooled),
            registry: size(registry),
            log: size(&registry.with_extension("db-wal")),
        }
    }
}

/// Connections of the process to this port that have not been closed on its side.
fn connections_to(port: u16, pid: u32) -> u64 {
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap();
    let port = format!(":{port:04X}");
    let is = |line: &&str| {
        let mut fields = line.split_whitespace().skip(2);
        let (remote, state) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        // Established, and closed by the other side.
        remote.ends_with(&port) && ["01", "08"].contains(&state)
    };
    table.lines().filter(is).count() as u64
}

/// The head of the table of samples.
pub(super) const HEAD: &str =
    "minutes  round   runs  rss KiB anon KiB  pool  fds  threads  tasks  registry KiB  wal KiB";

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, round, runs, resident, anonymous, pooled, descriptors, threads, tasks, registry, log } = self;
        let minutes = after.as_secs_f64() / 60.0;
        write!(
            f,
            "{minutes:7.2} {round:6} {runs:6} {resident:8} {anonymous:8} {pooled:5} {descriptors:4} {threads:8} {tasks:6} {registry:13} {log:8}"
        )
    }
}

/// One figure early and late in a soak.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    /// Medians.
    pub(super) early: u64,
    pub(super) late: u64,
    /// The most.
    pub(super) early_peak: u64,
    pub(super) late_peak: u64,
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { early, late, early_peak, late_peak } = self;
        write!(f, "median {early}, later {late}; peak {early_peak}, later {late_peak}")
    }
}

/// The second and the last quarter. The first is for warming up: pools, caches and the allocator's arenas fill.
pub(super) fn quarters(samples: &[Sample]) -> [&[Sample]; 2] {
    let quarter = samples.len() / 4;
    [&samples[quarter..2 * quarter], &samples[samples.len() - quarter..]]
}

impl Course {
    pub(super) fn of(parts: [&[Sample]; 2], figure: impl Fn(&Sample) -> u64) -> Self {
        let [early, late] = parts.map(|part| {
            let mut values: Vec<u64> = part.iter().map(&figure).collect();
            values.sort_unstable();
            values
        });
        Self {
            early: early[early.len() / 2],
            late: late[late.len() / 2],
            early_peak: early[early.len() - 1],
            late_peak: late[late.len() - 1],
        }
    }

    /// Asserts that neither the usual nor the highest value has grown by more.
    pub(super) fn must_not_grow(self, name: &str, median: u64, peak: u64) {
        assert!(self.late <= self.early + median, "{name} grew by more than {median}: {self}");
        assert!(self.late_peak <= self.early_peak + peak, "{name} peaked by more than {peak} higher: {self}");
    }
}
