//! Targets do not wait for each other.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

use super::{Event, open, schedules, states, worker};
use crate::support::receiver::{Does, Receiver};
use crate::support::shop::count;

const APIS: usize = 200;

#[test]
fn a_dead_and_a_slow_target_do_not_keep_a_healthy_one_waiting() {
    let hold = Arc::new(AtomicBool::new(true));
    let holds = Arc::clone(&hold);
    let healthy = Receiver::that(|_, _| Does::answers("204 No Content"));
    let slow =
        Receiver::that(move |_, _| if holds.load(SeqCst) { Does::Hangs } else { Does::answers("204 No Content") });
    let dead = Receiver::that(|_, _| Does::Cuts(String::new()));
    let (_sim, home) = open(APIS, &[("dead", &dead), ("healthy", &healthy), ("slow", &slow)], "timeout = \"1m\"");
    // A command would wait for the first attempts of the slow one; the worker does what it can meanwhile.
    let running = worker(&home);
    let mut onboard = home.start(&["onboard", "shop", "--yes"]);
    healthy.wait_for(APIS);
    assert!(slow.asked().len() <= 8, "it is still at its first ones");
    assert!(!dead.asked().is_empty());
    let delivered =
        || count(&home.registry(), "SELECT count(*) FROM deliveries WHERE target = 'healthy' AND state = 'delivered'");
    while usize::try_from(delivered()).unwrap() < APIS {
        std::thread::yield_now();
    }
    onboard.signal(nix::sys::signal::Signal::SIGINT);
    onboard.take_said();
    drop(onboard.end());
    running.stop();
    hold.store(false, SeqCst);
    let left = states(&home);
    assert_eq!(left["delivered"], APIS, "{left:?}");
    assert_eq!(left["queued"], 2 * APIS, "nothing is lost: {left:?}");
}

#[test]
fn each_target_of_a_connection_is_told_once_and_a_new_one_only_when_asked() {
    let one = Receiver::that(|_, _| Does::answers("204 No Content"));
    let two = Receiver::that(|_, _| Does::answers("200 OK"));
    let (_sim, home) = open(5, &[("one", &one)], "");
    home.ok(&["onboard", "shop"]);
    home.write("schedules.toml", &schedules(&[("one", &one), ("two", &two)], ""));
    home.ok(&["onboard", "shop"]);
    assert_eq!((one.asked().len(), two.asked().len()), (5, 0));
    let said = home.ok(&["onboard", "shop", "--redeliver", "two"]).stdout;
    assert!(said.contains("two: 5 delivered"), "{said}");
    assert_eq!((one.asked().len(), two.asked().len()), (5, 5));

    // Again, under the same keys.
    home.ok(&["onboard", "shop", "--redeliver", "two"]);
    let mut keys: Vec<String> = two.asked().iter().map(|asked| Event::of(asked).key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!((two.asked().len(), keys.len()), (10, 5));
}
