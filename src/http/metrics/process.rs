//! The process as the kernel sees it, under the names that every Prometheus exporter uses.

use std::fs;

/// What `/proc` says; what it does not say is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    /// Memory in use, in bytes.
    pub(super) resident: Option<f64>,
    /// Files, sockets and the like.
    pub(super) open_fds: Option<f64>,
    /// Unix time in seconds.
    pub(super) started: Option<f64>,
    /// Seconds on a processor, in user and in system mode.
    pub(super) cpu: Option<f64>,
}

/// Looks at this process.
pub(super) fn look() -> Process {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
    let open_fds = fs::read_dir("/proc/self/fd").map(Iterator::count).ok();
    Process {
        resident: resident(&fs::read_to_string("/proc/self/status").unwrap_or_default()),
        // Reading the folder holds one of its own.
        open_fds: open_fds.and_then(|count| u32::try_from(count.saturating_sub(1)).ok()).map(f64::from),
        started: boot_time(&boot).zip(field(&stat, 22)).map(|(boot, ticks)| boot + ticks / TICKS),
        cpu: field(&stat, 14).zip(field(&stat, 15)).map(|(user, system)| (user + system) / TICKS),
    }
}

/// Ticks a second in `/proc`: `USER_HZ`, which is 100 on every architecture that we are built for (man 5 proc).
const TICKS: f64 = 100.0;

/// A field of `/proc/self/stat` by its number in man 5 proc; the second is a name in parentheses and may hold anything.
fn field(stat: &str, number: usize) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(number - 3)?.parse().ok()
}

fn boot_time(stat: &str) -> Option<f64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn resident(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kib| kib * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_process_has_all_of_it() {
        let process = look();
        assert!(process.resident.unwrap() > 1e6 && process.open_fds.unwrap() >= 3.0, "{process:?}");
        let now = u32::try_from(crate::clock::now().timestamp()).unwrap();
        assert!((f64::from(now) - process.started.unwrap()).abs() < 3600.0, "{process:?}");
        assert!(process.cpu.is_some());
    }

    #[test]
    fn a_name_with_parentheses_and_spaces_shifts_no_field() {
        let stat = "7 (a) (b c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 1234 0";
        assert_eq!((field(stat, 14), field(stat, 15), field(stat, 22)), (Some(250.0), Some(50.0), Some(1234.0)));
    }
}
