//! A receiver that fails, and a worker that is killed again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex};

use super::{Event, must_have_one_key_each, open, shop_of, states, worker};
use crate::support::LONG;
use crate::support::receiver::{Does, Receiver};

const APIS: usize = 1_000;
/// So many of them get a second stage.
const CHANGED: usize = 100;
const KILLS: usize = 20;
/// Requests between one death and the next.
const LIFE: usize = 90;

type Killer = Box<dyn FnOnce() + Send>;

/// Fails half of its answers, and kills whoever asks at every so-many-th request: by turns before it answers, and after.
#[derive(Default)]
struct Deadly {
    killer: Mutex<Option<Killer>>,
    died: (Mutex<usize>, Condvar),
    open: Mutex<bool>,
    /// Acknowledged events, in order.
    taken: Mutex<Vec<Event>>,
    came: Mutex<Vec<Event>>,
    all_taken: Condvar,
}

impl Deadly {
    fn does(&self, number: usize, event: Event) -> Does {
        self.came.lock().unwrap().push(event.clone());
        if !*self.open.lock().unwrap() {
            return Does::answers("503 Service Unavailable");
        }
        let dies = number % LIFE == LIFE - 1;
        let before = (number / LIFE).is_multiple_of(2);
        if dies && before && self.kill() {
            return Does::Cuts(String::new());
        }
        if number.is_multiple_of(2) {
            return Does::answers("500 Internal Server Error");
        }
        self.taken.lock().unwrap().push(event);
        self.all_taken.notify_all();
        if dies && !before {
            // It was taken, and whoever sent it never learns that.
            self.kill();
        }
        Does::answers("204 No Content")
    }

    fn kill(&self) -> bool {
        let Some(kill) = self.killer.lock().unwrap().take() else { return false };
        kill();
        *self.died.0.lock().unwrap() += 1;
        self.died.1.notify_all();
        true
    }

    fn wait_for_deaths(&self, times: usize) {
        let died = self.died.0.lock().unwrap();
        let (_died, waited) = self.died.1.wait_timeout_while(died, LONG, |died| *died < times).unwrap();
        assert!(!waited.timed_out(), "it did not die {times} times");
    }

    fn wait_for_all(&self, events: usize) {
        let distinct = |taken: &Vec<Event>| taken.iter().map(|event| event.key.clone()).collect::<BTreeSet<_>>().len();
        let taken = self.taken.lock().unwrap();
        let (taken, waited) =
            self.all_taken.wait_timeout_while(taken, 5 * LONG, |taken| distinct(taken) < events).unwrap();
        assert!(!waited.timed_out(), "only {} of {events} came", distinct(&taken));
    }
}

#[test]
fn every_event_arrives_under_one_key_and_in_order_though_half_fail_and_the_worker_dies_twenty_times() {
    let deadly = Arc::new(Deadly::default());
    let does = Arc::clone(&deadly);
    let receiver = Receiver::that(move |number, asked| does.does(number, Event::of(asked)));
    let (sim, home) = open(APIS, &[("catalog", &receiver)], "in_flight = 4");
    // Both runs find a receiver that takes nothing, so that events of one API wait behind each other.
    home.run(&["onboard", "shop", "--yes"]);
    sim.change(|world| *world = shop_of(APIS, CHANGED));
    home.run(&["onboard", "shop", "--yes"]);
    assert_eq!(states(&home)["queued"], APIS + CHANGED);

    *deadly.open.lock().unwrap() = true;
    deadly.came.lock().unwrap().clear();
    for death in 1..=KILLS {
        let running = worker(&home);
        *deadly.killer.lock().unwrap() = Some(Box::new(running.killer()));
        deadly.wait_for_deaths(death);
        assert!(running.end().was_killed());
    }
    let last = worker(&home);
    deadly.wait_for_all(APIS + CHANGED);
    last.stop();

    let (came, taken) = (deadly.came.lock().unwrap().clone(), deadly.taken.lock().unwrap().clone());
    must_have_one_key_each(&came);
    let mut acknowledged: BTreeMap<&str, u64> = BTreeMap::new();
    for event in &taken {
        let before = acknowledged.entry(&event.api).or_default();
        assert!(event.revision == *before || event.revision == *before + 1, "{event:?} came after {before}");
        *before = event.revision;
    }
    assert_eq!(acknowledged.len(), APIS);
    assert_eq!(acknowledged.values().filter(|revision| **revision == 2).count(), CHANGED);
    let left = states(&home);
    assert_eq!(left.get("delivered"), Some(&(APIS + CHANGED)), "{left:?}");
}
