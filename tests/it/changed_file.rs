//! The schedule file was changed between two runs: what waited, what was left, and what was named by mistake.

use aboard_simulator::Simulator;

use crate::support::Home;
use crate::support::shop::{self, ACCOUNT, auto_onboard, count, rest, schedules};

fn regions(names: &[&str]) -> String {
    schedules(&format!("regions = {names:?}")) + &auto_onboard("max_new = 2")
}

/// Three APIs wait for approval in a region that was named by mistake.
fn held_by_mistake() -> (Simulator, Home) {
    let world = (1..=3).fold(shop::world(), |world, n| {
        world.rest(ACCOUNT, "us-east-1", rest(&format!("other{n}"), &format!("otherapi0{n}")))
    });
    let sim = Simulator::start(world);
    let home = Home::new(&sim.url(), &regions(&["us-east-1"]));
    assert_eq!(home.run(&["onboard", "shop"]).code, Some(3));
    sim.change(|world| {
        world.region(ACCOUNT, "eu-west-1").add_rest(rest("orders", "ordersapi1"));
    });
    home.write("schedules.toml", &regions(&["eu-west-1"]));
    (sim, home)
}

#[test]
fn what_waits_in_a_region_that_the_file_no_longer_names_holds_nothing_up() {
    let (_sim, home) = held_by_mistake();
    let said = home.ok(&["onboard", "shop"]);
    assert!(said.stdout.contains("1 onboarded"), "{said:?}");
    assert!(!said.stdout.contains("approv"), "{said:?}");
}

#[test]
fn an_approval_registers_nothing_in_a_region_that_the_file_no_longer_names() {
    let (_sim, home) = held_by_mistake();
    let said = home.ok(&["approve", "shop"]);
    assert!(said.stdout.contains("nothing awaits approval"), "{said:?}");
    assert_eq!(count(&home.registry(), "SELECT count(*) FROM deliveries"), 0);
}

#[test]
fn a_named_api_is_registered_however_many_wait() {
    let world = (1..=3).fold(shop::world(), |world, n| {
        world.rest(ACCOUNT, "us-east-1", rest(&format!("other{n}"), &format!("otherapi0{n}")))
    });
    let sim = Simulator::start(world.rest(ACCOUNT, "eu-west-1", rest("orders", "ordersapi1")));
    let home = Home::new(&sim.url(), &regions(&["us-east-1", "eu-west-1"]));
    assert_eq!(home.run(&["onboard", "shop", "--region", "us-east-1"]).code, Some(3));
    let said = home.ok(&["onboard", "shop", "--api", "eu-west-1/ordersapi1"]);
    assert!(said.stdout.contains("1 onboarded"), "{said:?}");
}

#[test]
fn a_run_that_was_asked_for_by_other_rules_is_not_carried_on() {
    let wrong = schedules("regions = [\"eu-west-1\", \"eu-west-2\"]\ninclude = { names = [\"nothing-*\"] }");
    let world = shop::world().rest(ACCOUNT, "eu-west-1", rest("orders", "ordersapi1")).rest(
        ACCOUNT,
        "eu-west-2",
        rest("basket", "basketapi1"),
    );
    let sim = Simulator::start(world);
    let home = Home::new(&sim.url(), &wrong);
    assert!(home.killed_at_commit("after-commit:4", &["onboard", "shop"]).was_killed());
    home.write("schedules.toml", &schedules("regions = [\"eu-west-1\", \"eu-west-2\"]"));
    let said = home.ok(&["onboard", "shop"]);
    assert!(said.stdout.contains("2 onboarded") && !said.stdout.contains("carried on"), "{said:?}");
}
