//! What the due instants of a connection call for, now: which get which fate, and when to look again.
//!
//! It decides and does nothing: it neither starts a run nor writes a fate down.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::fate::{Fate, Reason};
use super::recurrence::{self, Due};
use super::zone::Zone;
use crate::config::{AutoOnboard, CatchUp};

/// A run that starts no later than this after its time is on time.
const ON_TIME: TimeDelta = TimeDelta::minutes(1);
/// How far ahead of the present a recorded instant can be without proving that it came from a wrong clock: more than any
/// two zones differ.
pub const CLOCK_SLACK: TimeDelta = TimeDelta::hours(26);
/// The most verdicts of one settling; the first of them stands for what is older.
pub const MOST_ROWS: usize = 1000;

/// How a connection's schedule stands.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The connection's name.
    pub connection: &'a str,
    /// Its schedule.
    pub auto: &'a AutoOnboard,
    /// The schedule's zone, with the data that counts today.
    pub zone: &'a Zone,
    /// When this definition began: nothing up to and including that instant is owed.
    pub since: DateTime<Utc>,
    /// The newest due instant of this definition that has a fate. What an earlier one named does not count: after a clock was set
    /// back it may lie ahead of what this one names.
    pub settled_until: Option<DateTime<Utc>>,
    /// When a person has it rest.
    pub rests: &'a [Rest],
    /// Whether a run of the connection is under way.
    pub running: bool,
}

/// A time in which a schedule rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Since when.
    pub from: DateTime<Utc>,
    /// Until when, exclusive; absent = for good.
    pub until: Option<DateTime<Utc>>,
}

impl Rest {
    /// Whether an instant falls into it.
    #[must_use]
    pub fn covers(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// The fate of one due instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The instant.
    pub due: Due,
    /// What becomes of it.
    pub fate: Fate,
    /// Why it does not run.
    pub reason: Option<Reason>,
    /// How many instants before it this one also stands for, because there were too many to name.
    pub older: u64,
}

/// When to look at a connection next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake {
    /// What comes due then.
    pub due: Due,
    /// Its instant and its jitter.
    pub at: DateTime<Utc>,
}

/// Whether an instant that was written down as past came from a clock that was wrong. Such a one counts for nothing here. It should
/// be mended where it was written down: until then a definition that began in such a future owes nothing.
#[must_use]
pub fn is_misdated(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    at.signed_duration_since(now) > CLOCK_SLACK
}

impl Standing<'_> {
    /// The instant after which due instants have no fate yet.
    fn settled(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let since = if is_misdated(self.since, now) { now } else { self.since };
        self.settled_until.filter(|at| !is_misdated(*at, now)).map_or(since, |at| at.max(since))
    }

    fn jitter(&self, due: &Due) -> TimeDelta {
        jitter(self.connection, self.auto, self.zone, due)
    }
}

/// How long after its due instant a connection's run starts: the same for every instant of a connection, a whole number of seconds, less than
/// the schedule's `jitter`. Where the next instant comes sooner than that, it is another, which ends before it.
#[must_use]
pub fn jitter(connection: &str, auto: &AutoOnboard, zone: &Zone, due: &Due) -> TimeDelta {
    let most = auto.jitter.as_secs();
    if most == 0 {
        return TimeDelta::zero();
    }
    let gap = recurrence::next(&auto.recurrence, zone, due.at).map(|next| (next.at - due.at).num_seconds());
    let gap = gap.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(u64::MAX).max(1);
    let place = place(connection);
    let seconds = if place % most < gap { place % most } else { place % gap };
    i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds).unwrap_or_default()
}

/// A number for a name, evenly spread and the same in every version.
fn place(connection: &str) -> u64 {
    let hash = Sha256::digest(connection.as_bytes());
    hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The fates of all due instants that have come, with their jitter, and have none yet; the oldest first. At most one of them, the newest,
/// runs. Writing them down, once each, is for the caller: an instant that has a fate already keeps it, and starts nothing.
#[must_use]
pub fn settle(standing: &Standing<'_>, now: DateTime<Utc>) -> Vec<Verdict> {
    let Standing { auto, zone, .. } = standing;
    let after = standing.settled(now);
    // One more than asked for: the newest may have to wait for its jitter.
    let (mut come, mut older) = recurrence::latest(&auto.recurrence, zone, after, now, MOST_ROWS + 1);
    let waits = |due: &Due| due.at + standing.jitter(due) > now;
    if come.last().is_some_and(waits) {
        come.pop();
    }
    let surplus = come.len().saturating_sub(MOST_ROWS);
    come.drain(..surplus);
    older += u64::try_from(surplus).unwrap_or(u64::MAX);
    let last = come.len().saturating_sub(1);
    let verdict = |(place, due): (usize, Due)| {
        let (fate, reason) = fate(standing, &due, place == last, now);
        Verdict { due, fate, reason, older: if place == 0 { older } else { 0 } }
    };
    come.into_iter().enumerate().map(verdict).collect()
}

fn fate(standing: &Standing<'_>, due: &Due, newest: bool, now: DateTime<Utc>) -> (Fate, Option<Reason>) {
    let auto = standing.auto;
    let late = now - due.at - standing.jitter(due);
    if !auto.enabled {
        (Fate::Skipped, Some(Reason::Disabled))
    } else if standing.rests.iter().any(|rest| rest.covers(due.at)) {
        (Fate::Skipped, Some(Reason::Paused))
    } else if !newest {
        (Fate::Missed, Some(Reason::Superseded))
    } else if standing.running {
        (Fate::Skipped, Some(Reason::StillRunning))
    } else {
        judge(auto, late)
    }
}

/// What becomes of an instant that nothing else keeps from running, when it would begin so late.
#[must_use]
pub fn judge(auto: &AutoOnboard, late: TimeDelta) -> (Fate, Option<Reason>) {
    if is_too_late(auto, late) {
        (Fate::Missed, Some(Reason::TooLate))
    } else if late <= ON_TIME {
        (Fate::Run, None)
    } else if auto.catch_up == CatchUp::None {
        (Fate::Missed, Some(Reason::CatchUpOff))
    } else {
        (Fate::CaughtUp, None)
    }
}

/// Whether a run may not begin so late.
#[must_use]
pub fn is_too_late(auto: &AutoOnboard, late: TimeDelta) -> bool {
    auto.misfire_grace.and_then(|grace| TimeDelta::from_std(grace).ok()).is_some_and(|grace| late > grace)
}

/// When the next fate is to be given: the first due instant that has none and whose time, with its jitter, is still to come. What is
/// owed already is not waited for; [`settle`] has it.
#[must_use]
pub fn wake(standing: &Standing<'_>, now: DateTime<Utc>) -> Option<Wake> {
    let Standing { auto, zone, .. } = standing;
    let settled = standing.settled(now);
    let wake = |due: Due| Wake { due, at: due.at + standing.jitter(&due) };
    // The newest instant may have come while its jitter has not.
    let jitter = TimeDelta::from_std(auto.jitter).unwrap_or_default();
    let waiting = (!jitter.is_zero())
        .then(|| recurrence::latest(&auto.recurrence, zone, settled.max(now - jitter), now, 1).0.pop())
        .flatten();
    let waiting = waiting.map(wake).filter(|wake| wake.at > now);
    waiting.or_else(|| recurrence::next(&auto.recurrence, zone, settled.max(now)).map(wake))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono_tz::Tz;

    use super::*;

    const ALWAYS: &[Rest] = &[Rest { from: DateTime::<Utc>::MIN_UTC, until: None }];

    use crate::config::Recurrence;

    const SINCE: &str = "2026-11-01T00:00:00Z";

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// Daily at 09:00 UTC, with what a test changes of it.
    fn daily(change: impl FnOnce(&mut AutoOnboard)) -> AutoOnboard {
        let mut auto = AutoOnboard {
            enabled: true,
            recurrence: Recurrence::Daily { time: "09:00:00".parse().unwrap() },
            timezone: Tz::UTC,
            catch_up: CatchUp::Latest,
            misfire_grace: None,
            jitter: Duration::ZERO,
            timeout: Duration::from_hours(6),
            retry_failed: Vec::new(),
        };
        change(&mut auto);
        auto
    }

    fn cron(expression: &str) -> Recurrence {
        Recurrence::Cron { expression: expression.to_owned() }
    }

    fn fates_of(auto: &AutoOnboard, now: &str, change: impl FnOnce(&mut Standing<'_>)) -> Vec<String> {
        let zone = Zone::embedded(auto.timezone);
        let mut standing = Standing {
            connection: "shop",
            auto,
            zone: &zone,
            since: at(SINCE),
            settled_until: Some(at("2026-11-20T09:00:00Z")),
            rests: &[],
            running: false,
        };
        change(&mut standing);
        let show = |verdict: &Verdict| {
            let reason = verdict.reason.map(|reason| format!("({})", reason.as_str())).unwrap_or_default();
            let older = if verdict.older == 0 { String::new() } else { format!(" and {} older", verdict.older) };
            format!("{} {}{reason}{older}", verdict.due.at.format("%d %H:%M"), verdict.fate.as_str())
        };
        settle(&standing, at(now)).iter().map(show).collect()
    }

    #[test]
    fn nothing_is_owed_before_the_definition_began_or_twice() {
        let auto = daily(|_| ());
        let now = "2026-11-21T09:00:00Z";
        assert_eq!(fates_of(&auto, now, |_| ()), ["21 09:00 run"]);
        assert_eq!(fates_of(&auto, "2026-11-21T08:59:59Z", |_| ()), [""; 0]);
        assert_eq!(fates_of(&auto, now, |standing| standing.settled_until = Some(at(now))), [""; 0]);
        assert_eq!(fates_of(&auto, now, |standing| standing.since = at(now)), [""; 0]);
        assert_eq!(fates_of(&auto, now, |standing| standing.since = at("2026-11-21T08:59:59Z")), ["21 09:00 run"]);
    }

    #[test]
    fn one_run_makes_up_for_all_that_were_missed() {
        let missed = ["21 09:00 missed(superseded)", "22 09:00 missed(superseded)", "23 09:00 caught_up"];
        assert_eq!(fates_of(&daily(|_| ()), "2026-11-23T09:01:01Z", |_| ()), missed);
        // The newest is on time, and needs no catching up.
        let on_time = [missed[0], missed[1], "23 09:00 run"];
        assert_eq!(fates_of(&daily(|auto| auto.catch_up = CatchUp::None), "2026-11-23T09:01:00Z", |_| ()), on_time);
    }

    #[test]
    fn what_keeps_an_instant_from_running_is_said() {
        let (now, late) = ("2026-11-21T09:00:05Z", "2026-11-21T10:00:01Z");
        let usual = daily(|_| ());
        let off = daily(|auto| auto.enabled = false);
        let grace = |seconds| daily(|auto| auto.misfire_grace = Some(Duration::from_secs(seconds)));
        let no_catch_up = daily(|auto| auto.catch_up = CatchUp::None);
        assert_eq!(fates_of(&usual, now, |standing| standing.running = true), ["21 09:00 skipped(still_running)"]);
        assert_eq!(fates_of(&usual, now, |standing| standing.rests = ALWAYS), ["21 09:00 skipped(paused)"]);
        assert_eq!(fates_of(&off, now, |standing| standing.rests = ALWAYS), ["21 09:00 skipped(disabled)"]);
        assert_eq!(fates_of(&no_catch_up, late, |_| ()), ["21 09:00 missed(catch_up_off)"]);
        assert_eq!(fates_of(&grace(3600), late, |_| ()), ["21 09:00 missed(too_late)"]);
        assert_eq!(fates_of(&grace(3601), late, |_| ()), ["21 09:00 caught_up"]);
        // A grace of less than what counts as on time is meant as it is written.
        assert_eq!(fates_of(&grace(4), now, |_| ()), ["21 09:00 missed(too_late)"]);
        assert_eq!(fates_of(&grace(5), now, |_| ()), ["21 09:00 run"]);
        let all = ["21 09:00 skipped(paused)", "22 09:00 skipped(paused)"];
        assert_eq!(fates_of(&usual, "2026-11-22T12:00:00Z", |standing| standing.rests = ALWAYS), all);
    }

    #[test]
    fn a_row_stands_for_those_that_are_too_many() {
        let auto = daily(|auto| auto.recurrence = cron("* * * * *"));
        let fates = fates_of(&auto, "2026-11-21T09:00:30Z", |_| ());
        assert_eq!(fates.len(), MOST_ROWS);
        assert_eq!(fates[0], "20 16:21 missed(superseded) and 440 older");
        assert_eq!(fates[1..3], ["20 16:22 missed(superseded)", "20 16:23 missed(superseded)"]);
        assert_eq!(fates[MOST_ROWS - 1], "21 09:00 run");
    }

    #[test]
    fn a_date_from_a_wrong_clock_counts_for_nothing() {
        let auto = daily(|_| ());
        let now = "2026-11-02T09:00:00Z";
        assert_eq!(fates_of(&auto, now, |standing| standing.settled_until = Some(at("2031-01-01T09:00:00Z"))).len(), 2);
        let fates = fates_of(&auto, now, |standing| {
            standing.since = at("2031-01-01T09:00:00Z");
            standing.settled_until = None;
        });
        assert_eq!(fates, [""; 0]);
        // A clock that went back a little makes nothing run twice.
        assert_eq!(fates_of(&auto, now, |standing| standing.settled_until = Some(at("2026-11-03T09:00:00Z"))), [""; 0]);
        assert!(is_misdated(at("2026-11-03T11:00:01Z"), at(now)) && !is_misdated(at("2026-11-03T11:00:00Z"), at(now)));
    }

    fn with_jitter(recurrence: Recurrence, jitter: u64) -> AutoOnboard {
        daily(|auto| {
            auto.recurrence = recurrence;
            auto.jitter = Duration::from_secs(jitter);
        })
    }

    #[test]
    fn jitter_is_the_same_every_time_and_spreads_connections() {
        let zone = Zone::embedded(Tz::UTC);
        let auto = with_jitter(Recurrence::Daily { time: "09:00:00".parse().unwrap() }, 600);
        let due = recurrence::next(&auto.recurrence, &zone, at(SINCE)).unwrap();
        let later = recurrence::next(&auto.recurrence, &zone, at("2027-03-01T00:00:00Z")).unwrap();
        let of = |name: &str, due: &Due| jitter(name, &auto, &zone, due).num_seconds();
        let names: Vec<String> = (0..1000).map(|number| format!("connection-{number}")).collect();
        assert!(names.iter().all(|name| of(name, &due) == of(name, &later) && (0..600).contains(&of(name, &due))));
        for tenth in 0..10 {
            let inside = names.iter().filter(|name| of(name, &due) / 60 == tenth).count();
            assert!((60..150).contains(&inside), "{inside} of 1000 in minute {tenth}");
        }
        // Not to be changed: what was planned yesterday must be due at the same second after an upgrade.
        assert_eq!(of("shop", &due), 325);
        assert_eq!(jitter("shop", &daily(|_| ()), &zone, &due), TimeDelta::zero());
    }

    #[test]
    fn jitter_ends_before_the_next_instant() {
        let zone = Zone::embedded(Tz::UTC);
        let auto = with_jitter(cron("0,5 9 * * *"), 3600);
        for number in 0..100 {
            let name = format!("connection-{number}");
            let first = recurrence::next(&auto.recurrence, &zone, at(SINCE)).unwrap();
            let second = recurrence::next(&auto.recurrence, &zone, first.at).unwrap();
            assert!(first.at + jitter(&name, &auto, &zone, &first) < second.at);
            assert!(jitter(&name, &auto, &zone, &second) < TimeDelta::hours(1));
        }
    }

    #[test]
    fn a_wake_up_waits_for_the_jitter_and_so_does_the_fate() {
        let auto = with_jitter(Recurrence::Daily { time: "09:00:00".parse().unwrap() }, 600);
        let zone = Zone::embedded(Tz::UTC);
        let standing = Standing {
            connection: "shop",
            auto: &auto,
            zone: &zone,
            since: at(SINCE),
            settled_until: None,
            rests: &[],
            running: false,
        };
        let due = at("2026-11-01T09:00:00Z");
        let first = wake(&standing, at("2026-11-01T08:00:00Z")).unwrap();
        assert_eq!(first.due.at, due);
        assert!(first.at > due && first.at < due + TimeDelta::minutes(10), "{first:?}");
        assert_eq!(wake(&standing, due + TimeDelta::seconds(1)), Some(first));
        assert_eq!(settle(&standing, first.at - TimeDelta::milliseconds(1)), []);
        let settled = settle(&standing, first.at);
        assert_eq!((settled.len(), settled[0].due, settled[0].fate), (1, first.due, Fate::Run));
        let second = wake(&standing, first.at).unwrap();
        assert_eq!(second.at, first.at + TimeDelta::days(1));
        let standing = Standing { settled_until: Some(second.due.at), ..standing };
        assert_eq!(
            wake(&standing, first.at).unwrap().at,
            first.at + TimeDelta::days(2),
            "what has its fate wakes nobody"
        );
    }
}
