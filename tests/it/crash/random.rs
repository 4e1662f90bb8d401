//! Killed at random instants of larger runs, again and again.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use aboard_simulator::{Fleet, Role, Simulator, World};

use crate::support::{Ended, Home, Running};

const ACCOUNTS: usize = 4;
const REGIONS: usize = 3;
/// REST APIs, and HTTP and WebSocket APIs together, of each account in each region.
const EACH: (usize, usize) = (4, 2);
const APIS: usize = ACCOUNTS * REGIONS * (EACH.0 + EACH.1);
const INSTANTS: usize = 50;
const ONBOARD: [&str; 2] = ["onboard", "--all"];

/// Marsaglia's xorshift: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn schedules() -> String {
    let mut text =
        "[limits]\nrequests_per_second = 0\naccounts_in_flight = 1\n\n[targets.catalog.webhook]\nurl = \"http://127.0.0.1:9/\"\n\n\
                    [targets.specs.directory]\npath = \"specs\"\n"
            .to_owned();
    for index in 0..ACCOUNTS {
        let (account, regions) = (Fleet::account_id(index), Fleet::regions(REGIONS));
        write!(
            text,
            "\n[connections.c{index}]\nregions = {regions:?}\n[connections.c{index}.credentials.assume_role]\n\
             role_arn = \"arn:aws:iam::{account}:role/{role}\"\n\
             source = {{ aws_user = {{ access_key_id = \"{key}\", secret_access_key = \"env:SECRET\" }} }}\n",
            role = Fleet::CHILD_ROLE,
            key = Fleet::access_key(0),
        )
        .unwrap();
    }
    text
}

fn world() -> World {
    World::fleet(ACCOUNTS, REGIONS, EACH.0, EACH.1, 1)
        .role_everywhere(Role::new(Fleet::CHILD_ROLE))
        .latency(Duration::from_millis(2))
}

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
enum Instant {
    /// Right before an answer.
    Answer(u64),
    /// So many microseconds later, while that answer and the others are waited for: in the midst of what was there to be done.
    Later(u64, u64),
    /// On one side of a commit.
    Commit(&'static str, u64),
}

impl Instant {
    fn any(random: &mut Random, answers: u64, commits: u64) -> Self {
        match random.below(4) {
            0 => Self::Answer(1 + random.below(answers)),
            // Commits come late, and a commit takes less than this.
            1 | 2 => Self::Later(1 + answers / 2 + random.below(answers - answers / 2), random.below(4_000)),
            _ => Self::Commit(super::SIDES[usize::from(random.below(2) == 0)], 1 + random.below(commits)),
        }
    }

    fn kill(self, home: &Home, sim: &Simulator) -> Ended {
        match self {
            Self::Answer(answer) => home.killed_at(sim, answer, &ONBOARD),
            Self::Later(answer, micros) => {
                sim.reset_counts();
                sim.hold_at(1);
                let running: Running = home.start(&ONBOARD);
                let kill = running.killer();
                sim.at_answer(answer, move || {
                    std::thread::sleep(Duration::from_micros(micros));
                    kill();
                });
                sim.release();
                running.end()
            }
            Self::Commit(side, commit) => home.killed_at_commit(&format!("{side}:{commit}"), &ONBOARD),
        }
    }
}

/// A home and its AWS, in which everything is still to be onboarded.
fn begin() -> (Simulator, Home) {
    let sim = Simulator::start(world());
    let home = Home::new(&sim.url(), &schedules());
    (sim, home)
}

#[test]
fn killed_at_random_instants_again_and_again_runs_register_everything_once() {
    let (sim, home) = begin();
    home.ok(&ONBOARD);
    let answers = sim.counts().answers;
    // Of each connection: the end of runs that died, the beginning, the scopes, the end.
    let commits = (ACCOUNTS * (3 + 2 * REGIONS)) as u64;
    home.must_have_onboarded_once(APIS, &["catalog", "specs"], "never killed");

    let seed = RandomState::new().hash_one("aboard") | 1;
    let mut random = Random(seed);
    let (mut killed, mut so_far) = (0, Vec::new());
    let (mut sim, mut home) = begin();
    while killed < INSTANTS {
        let instant = Instant::any(&mut random, answers, commits);
        so_far.push(instant);
        let occasion = format!("seed {seed}, killed at {so_far:?}");
        let ended = instant.kill(&home, &sim);
        if ended.was_killed() {
            killed += 1;
            home.must_have_told_as_it_onboarded(2, &occasion);
        } else {
            // What is left asks less than a whole run, so sooner or later one survives.
            assert_eq!(ended.said.code, Some(0), "{occasion}: {ended:?}");
            home.must_have_onboarded_once(APIS, &["catalog", "specs"], &occasion);
            home.must_have_resumed(&occasion);
            (sim, home) = begin();
            so_far.clear();
        }
    }
    home.ok(&ONBOARD);
    let occasion = format!("seed {seed}, killed at {so_far:?}");
    home.must_have_onboarded_once(APIS, &["catalog", "specs"], &occasion);
    home.must_have_resumed(&occasion);
}
