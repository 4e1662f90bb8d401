//! The connection, as whoever runs the worker sees it.

use std::net::TcpListener;

use serde_json::json;

use super::{Site, connection, integration, planned, start};
use crate::gravitee::controller::{Controller, Hello, Order, Rules};
use crate::gravitee::record::Seen;
use crate::http::HTTP;
use crate::support::{Home, shop, web};

#[test]
fn health_metrics_and_the_api_say_that_it_is_connected() {
    let mut site = Site::with(planned(), Rules::default(), &format!("{}{HTTP}", connection("")), "");
    site.worker.wait_until_said("connected to http://127.0.0.1:");
    let listen = site.worker.word_after("http: listening on ");
    let address = listen.trim_start_matches("http://").parse().unwrap();
    site.controller.record().wait_for(
        "the reply to PRIMARY",
        1,
        |seen| matches!(seen, Seen::Reply { id, .. } if id.starts_with("primary")),
    );
    let health = site.home.json(&["health"]);
    let of = &health["integrations"][0];
    let expected = json!(["apim", "gravitee", "connected", true, true, 0, site.controller.endpoint(), null]);
    let seen = ["name", "kind", "state", "connected", "primary", "attempts", "endpoint", "last_error"];
    assert_eq!(json!(seen.map(|member| &of[member])), expected, "{health}");
    assert_eq!(health["health"], "healthy", "{health}");
    let text = site.home.ok(&["health"]).stdout;
    let line = format!("  integration apim: connected to {}, primary since 2", site.controller.endpoint());
    assert!(text.lines().any(|said| said.starts_with(&line)), "{text}");
    let ask = |path| web::ask(address, "GET", path, &[], "");
    let metrics = ask("/metrics").body;
    assert!(metrics.contains("aboard_integration_connected{integration=\"apim\"} 1"), "{metrics}");
    let listed = ask("/api/v1/integrations").json();
    assert_eq!((&listed[0]["name"], &listed[0]["state"]), (&json!("apim"), &json!("connected")), "{listed}");
    assert_eq!(ask("/readyz").json(), json!({ "status": "ready", "degraded": [] }));
    let said = site.stop().stderr;
    assert_eq!(said.matches("connected to").count(), 1, "{said}");
    assert!(said.contains("connection ended"), "{said}");
}

#[test]
fn at_the_end_of_the_worker_the_connection_is_closed_as_it_should_be() {
    let Site { controller, worker, .. } = Site::open(planned(), "");
    worker.stop();
    controller.record().wait_for("the close", 1, |seen| matches!(seen, Seen::Closed { code: 1000 }));
    controller.record().assert_proper();
}

#[test]
fn a_server_that_is_not_there_is_told_and_the_worker_is_ready_all_the_same() {
    let sim = aboard_simulator::Simulator::start(shop::stocked());
    let (port, file) = {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let controller = Controller::start(Rules::default());
        let port = closed.local_addr().unwrap().port();
        let file = format!("{}{HTTP}{}", connection(""), integration("apim", &controller, ""));
        (port, file.replace(&controller.endpoint(), &format!("http://127.0.0.1:{port}")))
    };
    let home = Home::new(&sim.url(), &file);
    let mut worker = start(&home);
    worker.wait_until_said(&format!("cannot connect to http://127.0.0.1:{port}"));
    let listen = worker.word_after("http: listening on ");
    let ask = |path| web::ask(listen.trim_start_matches("http://").parse().unwrap(), "GET", path, &[], "");
    assert_eq!(ask("/readyz").status, 200);
    assert!(ask("/metrics").body.contains("aboard_integration_connected{integration=\"apim\"} 0"));
    let health = home.run(&["health"]);
    assert_eq!(health.code, Some(3), "{health:?}");
    assert!(health.stdout.contains("integration apim is not connected, after "), "{health:?}");
    worker.stop();
}

#[test]
fn it_comes_back_after_a_farewell_and_after_a_refusal() {
    let mut site = Site::open(planned(), "");
    let target = Rules::default().target_id;
    let goodbye =
        |reconnect| json!({ "id": "g", "type": "GOOD_BYE", "payload": { "targetId": target, "reconnect": reconnect } });
    site.controller.order(Order::Command(goodbye(true)));
    site.controller.wait_for_agent(2);
    site.worker.wait_until_said("the server said goodbye, and to come back");
    // The next hello is refused; that is no reason to give up either.
    site.controller.rules(|rules| rules.hellos.push_back(Hello::Refuse("Integration not found")));
    site.controller.order(Order::Command(goodbye(false)));
    site.worker.wait_until_said("the server said goodbye;");
    site.worker.wait_until_said("the hello was refused: Gravitee refuses: Integration not found");
    site.controller.wait_for_agent(3);
    let closed = |code| move |seen: &Seen| matches!(seen, Seen::Closed { code: is } if *is == code);
    site.controller.record().wait_for("a close for good", 1, closed(1000));
    site.controller.record().wait_for("a close to come back", 1, closed(1013));
    assert_eq!(site.discovered().len(), 2);
    site.stop();
}
