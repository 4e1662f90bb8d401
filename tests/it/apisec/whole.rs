//! Through the real binary.

use aboard_simulator::Simulator;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::apisec::{Fault, Stub};
use crate::support::{CANARY, Home, shop};

/// A schedule file whose only target is the stand-in.
fn file(stub: &Stub) -> String {
    let target = format!(
        "[limits]\nrequests_per_second = 0\n[targets.scanner.apisec]\nurl = \"{}\"\ntoken = \"env:SECRET\"\ntimeout = \"1s\"\n\
         retry = {{ first = \"1s\", max = \"1s\", give_up = \"1h\" }}\n",
        stub.url()
    );
    target + &shop::connection("shop", "regions = [\"eu-west-1\"]")
}

fn assert_the_shop_is_there_once(stub: &Stub) {
    let mut names: Vec<String> = stub.applications().into_iter().map(|application| application.name).collect();
    names.sort();
    let name = |name: &str, id: &str| format!("{name} ({}/{}/{id})", shop::ACCOUNT, shop::REGION);
    // The third API of the shop is a WebSocket API.
    assert_eq!(names, [name("basket", "basketapi1"), name("orders", "ordersapi1")]);
    assert!(stub.applications().iter().all(|application| application.instances.len() == 1));
    stub.assert_sane();
}

fn assert_no_secret(home: &Home) {
    for (path, content) in home.files() {
        let found = content.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!found, "{}", path.display());
    }
}

/// The shop's APIs, onboarded and to be sent: the service was down, and their specifications need not be waited for.
fn with_everything_queued(stub: &Stub) -> (Simulator, Home) {
    let (simulator, home) = shop::open_with(shop::stocked(), &file(stub));
    stub.close(true);
    home.run(&["onboard", "shop"]);
    let now_due = "UPDATE deliveries SET export_until = NULL, next_attempt_at = 0 WHERE state = 'queued'";
    shop::meddle(&home.registry(), now_due);
    stub.close(false);
    stub.forget_calls();
    (simulator, home)
}

#[test]
fn onboarding_registers_what_is_new_and_a_second_run_nothing() {
    let stub = Stub::start(CANARY);
    let (_simulator, home) = with_everything_queued(&stub);
    home.ok(&["targets", "test", "scanner"]);
    let said = home.ok(&["onboard", "shop"]);
    assert!(!said.stderr.contains(CANARY) && !said.stdout.contains(CANARY));
    assert_the_shop_is_there_once(&stub);
    assert_eq!(stub.count("GET /v1/applications"), 2, "one for the test, one for the run");
    home.ok(&["onboard", "shop"]);
    assert_the_shop_is_there_once(&stub);
    assert_no_secret(&home);
}

#[test]
fn applications_are_created_from_what_aws_exports_and_follow_its_changes() {
    let stub = Stub::start(CANARY);
    let events = "[targets.scanner.apisec]\nevents = [\"api.onboarded\", \"api.changed\"]\n";
    let file = file(&stub).replace("[targets.scanner.apisec]\n", events);
    let (simulator, home) = shop::open_with(shop::stocked(), &file);
    home.ok(&["onboard", "shop"]);
    assert_the_shop_is_there_once(&stub);
    let kept = "SELECT count(*) FROM kept WHERE value LIKE '%stand-in%'";
    assert_eq!((shop::count(&home.registry(), kept), stub.reloads().len()), (0, 0));
    simulator.change(|world| {
        world.region(shop::ACCOUNT, shop::REGION).edit_rest("ordersapi1", |api| {
            api.specification = Some(json!({
                "openapi": "3.0.1", "info": { "title": "orders", "version": "2" }, "paths": { "/new": { "get": {} } },
            }));
            api.deploy("prod", "second", "2026-02-01T00:00:00Z");
        });
    });
    home.ok(&["onboard", "shop"]);
    let reloads = stub.reloads();
    assert_eq!(reloads.len(), 1);
    assert!(reloads[0].form["fileUpload"].contains("/new") && reloads[0].form["deleteEndpoints"] == "false");
    assert_the_shop_is_there_once(&stub);
}

#[test]
fn targets_adopt_takes_over_what_is_there_and_a_dry_run_only_says_so() {
    let stub = Stub::start(CANARY);
    let (_simulator, home) = shop::open_with(shop::stocked(), &file(&stub));
    stub.close(true);
    home.run(&["onboard", "shop"]);
    stub.close(false);
    stub.forget_calls();
    let id = stub.add("Orders, by hand", &["https://ordersapi1.execute-api.eu-west-1.amazonaws.com/prod"]);
    let kept = || {
        shop::count(&home.registry(), "SELECT count(*) FROM kept WHERE target = 'scanner' AND value LIKE '%app-0001%'")
    };
    let said = home.ok(&["targets", "adopt", "scanner", "--dry-run"]);
    assert!(said.stdout.contains(&id) && said.stdout.contains("Orders, by hand"), "{said:?}");
    assert_eq!(kept(), 0);
    home.ok(&["targets", "adopt", "scanner"]);
    assert_eq!(kept(), 1);
    assert_eq!(stub.calls(), ["GET /v1/applications", "GET /v1/applications"]);
}

#[test]
fn a_process_that_is_killed_between_the_steps_is_gone_on_with_by_the_next() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for number in 1..=8 {
        let stub = Stub::start(CANARY);
        let (_simulator, home) = with_everything_queued(&stub);
        stub.fail(number, Fault::StuckAfter);
        let running = home.start(&["onboard", "shop"]);
        runtime.block_on(stub.stuck());
        running.signal(Signal::SIGKILL);
        assert!(running.end().was_killed());
        // A request that was announced and never sent is waited for, for twice the limit of a request.
        let mut open = true;
        for _ in 0..100 {
            home.ok(&["onboard", "shop"]);
            let deliveries = home.json(&["deliveries"]);
            open = deliveries.as_array().unwrap().iter().any(|it| it["state"] != "delivered");
            if !open {
                break;
            }
        }
        assert!(!open, "killed at {number}");
        assert_the_shop_is_there_once(&stub);
    }
}
