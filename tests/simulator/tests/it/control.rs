//! What a test can do to a simulator that is serving: count, hold, act before an answer, change the world, stop it.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use aboard_simulator::{AccountState, Failure, Fault, Operation, RestApi, Simulator, World};

use crate::client::{Broken, Client, names};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";
const PATIENCE: Duration = Duration::from_secs(20);

fn serve() -> (Simulator, Client) {
    let world = World::new().user("AKIA", ACCOUNT).rest(ACCOUNT, REGION, RestApi::new("one").id("r1").stage("prod"));
    let simulator = Simulator::start(world);
    let client = Client::new(&simulator, "AKIA", REGION);
    (simulator, client)
}

#[test]
fn calls_are_counted_and_logged_until_a_reset() {
    let (sim, client) = serve();
    client.get("/restapis?limit=500");
    client.get("/restapis/r1/stages");
    client.sts("Action=GetCallerIdentity");
    let counts = sim.counts();
    assert_eq!((counts.calls, counts.answers, counts.of(Operation::RestGetStages)), (3, 3, 1));
    assert_eq!(counts.of_region(ACCOUNT, REGION), 2);
    let log = sim.log();
    assert_eq!(log[0].operation, Some(Operation::GetRestApis));
    assert_eq!(log[0].path, "/restapis?limit=500");
    assert_eq!(log[2].operation.map(|operation| operation.to_string()).as_deref(), Some("sts:GetCallerIdentity"));
    sim.reset_counts();
    assert_eq!(sim.counts().calls, 0);
    assert!(sim.log().is_empty());
}

#[test]
fn a_callback_runs_before_its_answer_is_sent() {
    let (sim, client) = serve();
    let (go, wait) = mpsc::channel::<()>();
    sim.at_answer(2, move || {
        let _ = wait.recv_timeout(PATIENCE);
    });
    assert_eq!(client.get("/restapis").status, 200);
    let impatient = client.clone().patience(Duration::from_millis(100));
    assert_eq!(impatient.try_get("/restapis").expect_err("silence"), Broken::Silent);
    go.send(()).expect("the callback still waits");
    assert_eq!(client.get("/restapis").status, 200);
}

#[test]
fn one_connection_carries_many_calls() {
    let (sim, client) = serve();
    let statuses: Vec<u16> =
        client.get_all(&["/restapis", "/restapis/none", "/v2/apis"]).iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 404, 200]);
    assert_eq!(sim.counts().calls, 3);
}

#[tokio::test]
async fn it_starts_and_stops_within_a_runtime() {
    let (sim, client) = serve();
    assert_eq!(client.get("/restapis").status, 200);
    drop(sim);
}

#[test]
fn answers_are_counted_anew_after_a_reset() {
    let (sim, client) = serve();
    client.get("/restapis");
    sim.reset_counts();
    let seen = Arc::new(AtomicBool::new(false));
    let see = Arc::clone(&seen);
    sim.at_answer(1, move || see.store(true, Ordering::SeqCst));
    client.get("/restapis");
    assert!(seen.load(Ordering::SeqCst));
}

#[test]
fn held_calls_wait_and_see_the_world_as_it_is_when_they_are_released() {
    let (sim, client) = serve();
    sim.hold_at(2);
    assert_eq!(names(&client.get("/restapis").json()["item"], "id"), ["r1"]);
    let waiting = {
        let client = client.clone();
        thread::spawn(move || names(&client.get("/restapis").json()["item"], "id"))
    };
    assert!(sim.wait_until_held(PATIENCE));
    assert_eq!(sim.counts().answers, 1);
    sim.change(|world| world.region(ACCOUNT, REGION).add_rest(RestApi::new("two").id("r2")));
    assert!(!waiting.is_finished());
    sim.release();
    assert_eq!(waiting.join().expect("the client ends"), ["r1", "r2"]);
    assert!(!sim.wait_until_held(Duration::ZERO));
    assert_eq!(client.get("/restapis").status, 200);
}

#[test]
fn a_held_call_whose_client_gives_up_is_held_no_more() {
    let (sim, client) = serve();
    sim.hold_at(1);
    let gave_up = client.clone().patience(Duration::from_millis(100)).try_get("/restapis");
    assert!(gave_up.is_err());
    let end = Instant::now() + PATIENCE;
    while sim.wait_until_held(Duration::ZERO) {
        assert!(Instant::now() < end, "the call is still held");
        thread::yield_now();
    }
}

#[test]
fn the_world_changes_while_it_is_served() {
    let (sim, client) = serve();
    sim.change(|world| {
        let region = world.region(ACCOUNT, REGION);
        assert!(region.remove("r1"));
        assert!(!region.remove("r1"));
        region.add_rest(RestApi::new("new").id("r9"));
        world.set_account_state(ACCOUNT, AccountState::Closed);
    });
    assert_eq!(names(&client.get("/restapis").json()["item"], "id"), ["r9"]);
    assert_eq!(client.get("/restapis/r1/stages").status, 404);
    sim.change(|world| world.remove_user("AKIA"));
    assert_eq!(client.get("/restapis").status, 403);
}

#[test]
fn every_answer_takes_its_latency_and_calls_do_not_wait_for_each_other() {
    let (sim, client) = serve();
    let latency = Duration::from_millis(100);
    sim.change(|world| world.set_latency(latency));
    let start = Instant::now();
    let clients: Vec<_> = (0..20)
        .map(|_| {
            thread::spawn({
                let client = client.clone();
                move || client.get("/restapis")
            })
        })
        .collect();
    for client in clients {
        assert_eq!(client.join().expect("the client ends").status, 200);
    }
    assert!(start.elapsed() >= latency);
    assert!(sim.counts().peak_in_flight > 1);
    // One after the other they would take 20 latencies.
    assert!(start.elapsed() < latency * 20, "{:?}", start.elapsed());
}

#[test]
fn dropping_it_closes_its_port_and_every_connection() {
    let (sim, client) = serve();
    sim.fault(Fault::new(Failure::Hang).on(Operation::GetApis));
    sim.hold_at(2);
    let hanging = client.clone();
    let hanging = thread::spawn(move || hanging.try_get("/v2/apis"));
    // The first call hangs by its fault; only the second is held.
    while sim.counts().faults == 0 {
        assert!(!hanging.is_finished());
        thread::yield_now();
    }
    let held = thread::spawn(move || client.try_get("/restapis"));
    assert!(sim.wait_until_held(PATIENCE));
    let address = sim.address();
    drop(sim);
    for client in [hanging, held] {
        assert!(matches!(client.join().expect("the client ends"), Err(Broken::Closed { head: false, .. })));
    }
    assert!(TcpStream::connect(address).is_err());
}
