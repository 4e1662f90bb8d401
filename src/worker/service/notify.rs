//! What the service manager is told: ready, reloading, stopping, alive, and one line about the worker.
//!
//! The protocol is that of `sd_notify(3)`: datagrams to the socket that `NOTIFY_SOCKET` names. Where there is none, as in a container or
//! a terminal, nothing happens. This module knows nothing of schedules, and no timer: whoever calls [`Notify::watchdog`] vouches that
//! the worker is alive, so only the dispatcher's own tick may call it.

use std::fmt::Write;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use sd_notify::NotifyState;

/// The way to the service manager. One a process: it remembers what was said last.
#[derive(Debug)]
pub struct Notify {
    /// How often the manager is told that the worker is alive; `None` where it does not ask.
    every: Option<Duration>,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    status: String,
    ping: Option<Instant>,
}

impl Notify {
    /// Reads `WATCHDOG_USEC` and `WATCHDOG_PID`, as the manager set them for this process.
    #[must_use]
    pub fn from_environment() -> Self {
        Self { every: sd_notify::watchdog_enabled().and_then(half), last: Mutex::default() }
    }

    /// How often [`watchdog`](Self::watchdog) must be called at least: half of the time after which the manager would end the worker.
    #[must_use]
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.every
    }

    /// Start or reload is over: schedules are armed.
    pub fn ready(&self, status: &str) {
        let status = one_line(status);
        tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
        self.last().status = status;
    }

    /// A reload begins; [`ready`](Self::ready) ends it, whether the file was taken or not. Both members go in one datagram: a manager
    /// that waits for the second would not find it in the next.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!("the monotonic clock could not be read: {error}"),
        }
    }

    /// The worker ends. Nothing must be said of readiness after it.
    pub fn stopping(&self, status: &str) {
        let status = one_line(status);
        tell(&[NotifyState::Stopping, NotifyState::Status(&status)]);
        self.last().status = status;
    }

    /// One line for `systemctl status`; said only where it is another than the last.
    pub fn status(&self, status: &str) {
        let status = one_line(status);
        let mut last = self.last();
        if last.status != status {
            tell(&[NotifyState::Status(&status)]);
            last.status = status;
        }
    }

    /// The worker is alive. May be called on every tick: it is said half as often as the manager needs at least.
    pub fn watchdog(&self) {
        let Some(every) = self.every else { return };
        let mut last = self.last();
        if last.ping.is_none_or(|ping| is_due(ping.elapsed(), every)) {
            last.ping = Some(Instant::now());
            tell(&[NotifyState::Watchdog]);
        }
    }

    /// The present step, be it the start or the end, needs up to `more` from now; without it the manager's own limits hold.
    pub fn extend_timeout(&self, more: Duration) {
        tell(&[NotifyState::ExtendTimeoutUsec(u32::try_from(more.as_micros()).unwrap_or(u32::MAX))]);
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

/// What the status line speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance<'a> {
    /// Schedules that are enabled.
    pub schedules: usize,
    /// Those of them that are paused.
    pub paused: usize,
    /// The earliest due instant.
    pub next: Option<Next<'a>>,
    /// Runs in flight.
    pub running: usize,
    /// Since when the schedule file is one that was not taken.
    pub rejected_since: Option<DateTime<Utc>>,
    /// The wall clock is not set yet, so that nothing is planned.
    pub waits_for_clock: bool,
}

/// The earliest due instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next<'a> {
    /// Whose it is.
    pub connection: &'a str,
    /// When.
    pub due: DateTime<Utc>,
    /// The same on the clocks of its zone.
    pub local: NaiveDateTime,
    /// The zone's name.
    pub timezone: &'a str,
}

/// The worker in one line: `14 schedules, next crm-nightly Mon 02:30 Europe/London (in 3h), 1 running; file rejected since 14:02 UTC`.
#[must_use]
pub fn status_line(glance: &Glance<'_>, now: DateTime<Utc>) -> String {
    let Glance { schedules, paused, next, running, rejected_since, waits_for_clock } = glance;
    let mut line = match schedules {
        0 => "no schedules".to_owned(),
        1 => "1 schedule".to_owned(),
        more => format!("{more} schedules"),
    };
    if *paused > 0 {
        let _ = write!(line, " ({paused} paused)");
    }
    if let Some(Next { connection, due, local, timezone }) = next {
        // A weekday says too little of what is more than six days away.
        let form = if *due - now < TimeDelta::days(6) { "%a %H:%M" } else { "%a %-d %b %H:%M" };
        let _ = write!(line, ", next {connection} {} {timezone} ({})", local.format(form), distance(*due - now));
    }
    if *running > 0 {
        let _ = write!(line, ", {running} running");
    }
    if *waits_for_clock {
        line += "; waiting for the clock to be set";
    }
    if let Some(since) = rejected_since {
        let form = if now - *since < TimeDelta::days(1) { "%H:%M UTC" } else { "%-d %b %H:%M UTC" };
        let _ = write!(line, "; file rejected since {}", since.format(form));
    }
    line
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
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn idle() -> Glance<'static> {
        Glance { schedules: 0, paused: 0, next: None, running: 0, rejected_since: None, waits_for_clock: false }
    }

    fn nightly(due: &str) -> Option<Next<'static>> {
        let due = at(due);
        Some(Next { connection: "crm-nightly", due, local: due.naive_utc(), timezone: "Europe/London" })
    }

    #[test]
    fn the_line_says_what_a_person_looks_for() {
        let glance = Glance {
            schedules: 14,
            next: nightly("2026-11-23T02:30:00Z"),
            running: 1,
            rejected_since: Some(at("2026-11-22T14:02:31Z")),
            ..idle()
        };
        assert_eq!(
            status_line(&glance, at("2026-11-22T23:00:00Z")),
            "14 schedules, next crm-nightly Mon 02:30 Europe/London (in 3h), 1 running; file rejected since 14:02 UTC"
        );
    }

    #[test]
    fn the_line_is_short_where_there_is_little_to_say() {
        let now = at("2026-11-22T23:00:00Z");
        assert_eq!(status_line(&idle(), now), "no schedules");
        let paused = Glance { schedules: 1, paused: 1, ..idle() };
        assert_eq!(status_line(&paused, now), "1 schedule (1 paused)");
        let unset = Glance { schedules: 2, waits_for_clock: true, ..idle() };
        assert_eq!(status_line(&unset, at("1970-01-01T00:00:09Z")), "2 schedules; waiting for the clock to be set");
    }

    #[test]
    fn what_is_far_away_is_dated() {
        let now = at("2026-11-22T23:00:00Z");
        let monthly = Glance { schedules: 1, next: nightly("2026-12-28T02:30:00Z"), ..idle() };
        assert_eq!(status_line(&monthly, now), "1 schedule, next crm-nightly Mon 28 Dec 02:30 Europe/London (in 35d)");
        let old = Glance { rejected_since: Some(at("2026-11-20T14:02:00Z")), ..idle() };
        assert_eq!(status_line(&old, now), "no schedules; file rejected since 20 Nov 14:02 UTC");
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
        assert_eq!(half(Duration::from_secs(60)), Some(Duration::from_secs(30)));
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
