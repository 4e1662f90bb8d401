//! By the worker, on a schedule.

use chrono::TimeDelta;

use super::{SHOP, deliveries, id, integration, wait_until_all_are};
use crate::support::management::Management;
use crate::support::shop::{self, auto_onboard, connection};
use crate::time::{OVER, Timed, at};

fn timed(management: &Management) -> Timed {
    let apim = integration(management, "accept_api_without_usage_plan = true", "");
    let file = format!("[limits]\nrequests_per_second = 0\n{apim}{}{}", connection("shop", SHOP), auto_onboard(""));
    Timed::new("2026-11-23T02:00:00Z", &file)
}

/// Just before a run is due, so that it comes by itself.
fn to(timed: &Timed, day: &str) {
    timed.clock.set(at(&format!("{day}T02:30:00Z")) - TimeDelta::milliseconds(300));
}

#[test]
fn what_a_scheduled_run_found_new_is_asked_for_once_under_exactly_the_ids_that_it_is_offered_by() {
    let management = Management::start();
    let timed = timed(&management);
    let mut worker = timed.start();
    to(&timed, "2026-11-23");
    worker.wait_until_said(OVER);
    wait_until_all_are(&timed.home, "delivered", 3);
    assert_eq!(
        management.taken(),
        [[id("basketapi1", "$default"), id("ordersapi1", "prod"), id("pricesapi1", "live")]]
    );
    let requests = management.requests();

    // A day on which nothing is new, and one on which something is.
    to(&timed, "2026-11-24");
    worker.wait_until_said_times(OVER, 2);
    assert_eq!(management.requests(), requests);
    timed.sim.change(|world| {
        world.apply(|world| world.rest(shop::ACCOUNT, shop::REGION, shop::rest("returns", "returnsapi")));
    });
    to(&timed, "2026-11-25");
    worker.wait_until_said_times(OVER, 3);
    wait_until_all_are(&timed.home, "delivered", 4);
    worker.stop();
    assert_eq!(management.taken()[1..], [[id("returnsapi", "prod")]]);

    let notes: Vec<String> = deliveries(&timed.home).into_iter().map(|(_, note)| note).collect();
    let orders = format!("asked for {}; the ingest is under way", id("ordersapi1", "prod"));
    assert!(notes.contains(&orders), "{notes:?}");
}

#[test]
fn it_is_kept_while_the_server_is_down_over_a_restart_and_then_asked_for_in_one_request() {
    let management = Management::start();
    management.falls_ill("503 Service Unavailable", "starting");
    let timed = timed(&management);
    timed.sim.change(|world| *world = super::shop_of(20));
    let mut worker = timed.start();
    to(&timed, "2026-11-23");
    worker.wait_until_said("deliveries fail and are tried again");
    // Each attempt is one request for all of them.
    management.wait_for(3);
    worker.stop();
    let waiting = deliveries(&timed.home);
    assert!(waiting.iter().all(|(state, said)| state == "queued" && said.contains("answered 503")), "{waiting:?}");
    assert_eq!(waiting.len(), 20);

    management.recovers();
    let worker = timed.start();
    wait_until_all_are(&timed.home, "delivered", 20);
    worker.stop();
    let all: Vec<String> = (0..20).map(|number| id(&format!("shopapi{number:04}"), "prod")).collect();
    assert_eq!(management.taken(), [all]);
}
