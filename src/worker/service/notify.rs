//! What the service manager is told: ready, reloading, stopping, alive, and one line about the worker.
//!
//! The protocol is that of `sd_notify(3)`: datagrams to the socket that `NOTIFY_SOCKET` names. Where there is none, as in a container or
//! a terminal, nothing happens. There is no timer here: whoever calls [`ServiceManager::watchdog`] vouches that the worker is alive, so
//! only the dispatcher may, once it went round.

use std::fmt::Write;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use sd_notify::NotifyState;

use super::status::{NextDue, Phase, Status};

/// The way to the service manager. One a process: it remembers what was said last.
#[derive(Debug)]
pub(super) struct ServiceManager {
    /// How often the manager is told that the worker is alive; `None` where it does not ask.
    every: Option<Duration>,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    is_ready: bool,
    is_stopping: bool,
    status: String,
    ping: Option<Instant>,
}

impl ServiceManager {
    /// Reads `WATCHDOG_USEC` and `WATCHDOG_PID`, as the manager set them for this process.
    pub(super) fn from_environment() -> Self {
        Self { every: sd_notify::watchdog_enabled().and_then(half), last: Mutex::default() }
    }

    /// Start or reload is over: schedules are armed.
    pub(super) fn ready(&self, status: &str) {
        let status = one_line(status);
        let mut last = self.last();
        // A reload that ends after that is nobody's business.
        if last.is_stopping {
            return;
        }
        tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
        (last.is_ready, last.status) = (true, status);
    }

    /// A reload begins; [`ready`](Self::ready) ends it, whether the file was taken or not. Both members go in one datagram: a manager
    /// that waits for the second would not find it in the next.
    pub(super) fn reloading(&self) {
        let mut last = self.last();
        if last.is_stopping {
            return;
        }
        last.is_ready = false;
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!("the monotonic clock could not be read: {error}"),
        }
    }

    /// The worker ends: it says no more of readiness.
    pub(super) fn stopping(&self, status: &str) {
        let status = one_line(status);
        let mut last = self.last();
        tell(&[NotifyState::Stopping, NotifyState::Status(&status)]);
        *last = Last { is_stopping: true, is_ready: false, status, ping: last.ping };
    }

    /// One line for `systemctl status`; said only where it is another than the last, and not before the worker is ready.
    pub(super) fn status(&self, status: &str) {
        let status = one_line(status);
        let mut last = self.last();
        if last.is_ready && last.status != status {
            tell(&[NotifyState::Status(&status)]);
            last.status = status;
        }
    }

    /// Whether it is time for a [`watchdog`](Self::watchdog); what proves that the worker is alive may cost something.
    pub(super) fn wants_a_sign(&self) -> bool {
        let last = self.last().ping;
        self.every.is_some_and(|every| last.is_none_or(|ping| is_due(ping.elapsed(), every)))
    }

    /// The worker is alive.
    pub(super) fn watchdog(&self) {
        self.last().ping = Some(Instant::now());
        tell(&[NotifyState::Watchdog]);
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        // A text and an instant are whole whoever panicked.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A limit of zero asks for nothing.
fn half(limit: Duration) -> Option<Duration> {
    Some(limit / 2).filter(|every| !every.is_zero())
}

/// Whether it is time to say so again. Early by a quarter, so that a tick that comes just before the interval's end does not let one
/// and a half of it pass.
fn is_due(since: Duration, every: Duration) -> bool {
    since >= every * 3 / 4
}

/// A line end would begin a member of its own.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        let what: Vec<String> = what.iter().map(ToString::to_string).collect();
        // A worker that nobody hears still has its schedules to follow.
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                tracing::debug!("nobody listens at NOTIFY_SOCKET ({error}); not said: {what:?}");
            }
            _ => tracing::warn!("the service manager was not told {what:?}: {error}"),
        }
    }
}

/// The worker in one line: `14 schedules, next crm-nightly Mon 02:30 Europe/London (in 3h), 1 running; file rejected since 14:02 UTC`.
///
/// `rejected_since` is when the schedule file became one that was not taken.
pub(super) fn status_line(status: &Status, rejected_since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    let Status { phase, schedules, next, running, queued, trouble, .. } = status;
    let mut line = match schedules {
        0 => "no schedules".to_owned(),
        1 => "1 schedule".to_owned(),
        more => format!("{more} schedules"),
    };
    match (phase, next) {
        (Phase::Stopping, _) => "stopping".clone_into(&mut line),
        (Phase::WaitingForClock, _) => line += "; waiting for the clock to be set",
        (Phase::Starting | Phase::Running, Some(next)) => line += &next_words(next, now),
        (Phase::Starting | Phase::Running, None) => {}
    }
    for (count, what) in [(running.len(), "running"), (*queued, "waiting")] {
        if count > 0 {
            let _ = write!(line, ", {count} {what}");
        }
    }
    if let Some(since) = rejected_since {
        let form = if now - since < TimeDelta::days(1) { "%H:%M UTC" } else { "%-d %b %H:%M UTC" };
        let _ = write!(line, "; file rejected since {}", since.format(form));
    }
    if let Some(trouble) = trouble {
        let _ = write!(line, "; {trouble}");
    }
    line
}

fn next_words(next: &NextDue, now: DateTime<Utc>) -> String {
    let NextDue { connection, due_at, local, zone } = next;
    let away = *due_at - now;
    // A weekday alone says too little of what is six days away or more.
    let form = if away < TimeDelta::days(6) { "%a %H:%M" } else { "%a %-d %b %H:%M" };
    let local = DateTime::parse_from_rfc3339(local).map_or_else(|_| local.clone(), |at| at.format(form).to_string());
    format!(", next {connection} {local} {zone} ({})", distance(away))
}

/// How far away, in its largest unit that is not a rounded-up lie.
fn distance(away: TimeDelta) -> String {
    match (away.num_days(), away.num_hours(), away.num_minutes()) {
        _ if away < TimeDelta::zero() => "due".to_owned(),
        (days, _, _) if days >= 2 => format!("in {days}d"),
        (_, hours, _) if hours >= 1 => format!("in {hours}h"),
        (_, _, minutes) if minutes >= 1 => format!("in {minutes}min"),
        _ => "in less than a minute".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::status::RunInFlight;
    use super::*;
    use crate::registry::Trigger;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn idle() -> Status {
        Status { phase: Phase::Running, ..Status::default() }
    }

    fn nightly(local: &str) -> NextDue {
        let due_at = DateTime::parse_from_rfc3339(local).unwrap().to_utc();
        let (connection, zone) = ("crm-nightly".to_owned(), "Europe/London".to_owned());
        NextDue { connection, due_at, local: local.to_owned(), zone }
    }

    fn run() -> RunInFlight {
        RunInFlight { connection: "crm".to_owned(), trigger: Trigger::Schedule, since: at("2026-11-22T22:59:00Z") }
    }

    #[test]
    fn the_line_says_what_a_person_looks_for() {
        let next = Some(nightly("2026-07-06T02:30:00+01:00"));
        let status = Status { schedules: 14, next, running: vec![run()], ..idle() };
        assert_eq!(
            status_line(&status, Some(at("2026-07-05T14:02:31Z")), at("2026-07-05T22:30:00Z")),
            "14 schedules, next crm-nightly Mon 02:30 Europe/London (in 3h), 1 running; file rejected since 14:02 UTC"
        );
    }

    #[test]
    fn the_line_is_short_where_there_is_little_to_say() {
        let now = at("2026-11-22T23:00:00Z");
        assert_eq!(status_line(&idle(), None, now), "no schedules");
        let waiting = Status { schedules: 1, queued: 3, ..idle() };
        assert_eq!(status_line(&waiting, None, now), "1 schedule, 3 waiting");
        let full = Status { schedules: 1, trouble: Some("the disk is full".to_owned()), ..idle() };
        assert_eq!(status_line(&full, None, now), "1 schedule; the disk is full");
        let unset = Status { schedules: 2, phase: Phase::WaitingForClock, ..idle() };
        let line = status_line(&unset, None, at("1970-01-01T00:00:09Z"));
        assert_eq!(line, "2 schedules; waiting for the clock to be set");
        let stopping = Status { schedules: 2, phase: Phase::Stopping, running: vec![run()], ..idle() };
        assert_eq!(status_line(&stopping, None, now), "stopping, 1 running");
    }

    #[test]
    fn what_is_far_away_is_dated() {
        let now = at("2026-11-22T23:00:00Z");
        let monthly = Status { schedules: 1, next: Some(nightly("2026-12-28T02:30:00+00:00")), ..idle() };
        assert_eq!(
            status_line(&monthly, None, now),
            "1 schedule, next crm-nightly Mon 28 Dec 02:30 Europe/London (in 35d)"
        );
        assert_eq!(
            status_line(&idle(), Some(at("2026-11-20T14:02:00Z")), now),
            "no schedules; file rejected since 20 Nov 14:02 UTC"
        );
    }

    #[test]
    fn a_distance_never_claims_more_than_is_left() {
        let minute = TimeDelta::minutes(1);
        for (away, said) in [
            (-minute, "due"),
            (TimeDelta::zero(), "in less than a minute"),
            (TimeDelta::seconds(59), "in less than a minute"),
            (minute, "in 1min"),
            (TimeDelta::hours(1) - minute, "in 59min"),
            (TimeDelta::hours(47), "in 47h"),
            (TimeDelta::hours(48), "in 2d"),
        ] {
            assert_eq!(distance(away), said, "{away}");
        }
    }

    #[test]
    fn a_status_cannot_smuggle_in_a_second_member() {
        assert_eq!(one_line("next a\nREADY=1\r"), "next a READY=1 ");
    }

    #[test]
    fn the_watchdog_is_fed_at_half_its_limit_whatever_the_tick() {
        assert_eq!(half(Duration::from_mins(1)), Some(Duration::from_secs(30)));
        assert_eq!(half(Duration::ZERO), None);
        // Every tick length up to the interval keeps the distance between two pings well under the limit.
        let every = Duration::from_secs(30);
        for tick in 1..=30 {
            let tick = Duration::from_secs(tick);
            let mut waited = tick;
            while !is_due(waited, every) {
                waited += tick;
            }
            assert!(waited < Duration::from_secs(53), "a tick of {tick:?} waits {waited:?}");
        }
    }
}
