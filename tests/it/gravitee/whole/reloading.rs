//! The schedule file changes while integrations are connected.

use std::time::Duration;

use aboard_simulator::{Failure, Fault, Operation};

use super::{MOMENT, Site, connection, integration, planned, reload};
use crate::gravitee::controller::{Controller, Rules};
use crate::gravitee::record::Seen;

fn closed(controller: &Controller) -> usize {
    controller.record().all().iter().filter(|(_, _, seen)| matches!(seen, Seen::Closed { .. })).count()
}

#[test]
fn integrations_come_and_go_and_one_that_stays_keeps_its_connection() {
    let site = Site::open(planned(), "");
    let second = Controller::start(Rules { target_id: "another".to_owned(), ..Rules::default() });
    let first = format!("{}{}", connection(""), integration("apim", &site.controller, ""));
    let both = format!("{first}{}", integration("other", &second, "").replace(&Rules::default().target_id, "another"));
    reload(&site.home, &both);
    second.wait_for_agent(1);
    let names = |health: &serde_json::Value| -> Vec<String> {
        health["integrations"].as_array().unwrap().iter().map(|of| of["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&site.home.json(&["health"])), ["apim", "other"]);
    reload(&site.home, &first);
    second.record().wait_for("the close", 1, |seen| matches!(seen, Seen::Closed { code: 1000 }));
    assert_eq!(names(&site.home.json(&["health"])), ["apim"]);
    // A filter changes what is shown, and nothing of the connection.
    let fewer = first.replace("regions", "exclude = { names = [\"orders\"] }\nregions");
    reload(&site.home, &fewer);
    assert_eq!(site.discovered(), ["returns".to_owned()].into());
    assert_eq!(site.controller.upgrades().len(), 1, "it is the first connection still");
    // Another time limit of the connection makes it anew, once the old one is closed.
    reload(&site.home, &fewer.replace("ping = \"100ms\"", "ping = \"90ms\""));
    site.controller.wait_for_agent(2);
    assert_eq!(closed(&site.controller), 1);
    std::thread::sleep(MOMENT);
    assert_eq!(site.controller.upgrades().len(), 2);
    second.record().assert_proper();
    site.stop();
}

#[test]
fn an_ingest_that_ends_with_its_connection_is_said_to() {
    let mut site = Site::open(planned(), "");
    site.sim.fault(Fault::new(Failure::Delay(Duration::from_mins(1))).on(Operation::GetResources));
    site.start_ingest("job-1", &[]);
    while site.sim.calls_of(Operation::GetResources) == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    reload(&site.home, &format!("{}{}", connection(""), integration("apim", &site.controller, "---close = \"1s\"")));
    site.worker.wait_until_said("ingest job-1 ends unfinished with its connection");
    site.controller.wait_for_agent(2);
    site.worker.stop();
}
