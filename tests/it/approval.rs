//! `max_new`, `existing`, `--yes` and `approve`: what happens where a look finds much, or too much.

use aboard_simulator::{Failure, Fault, Operation, Simulator, World};

use crate::scale::fleet_connection;
use crate::support::shop::{self, ACCOUNT, REGION, auto_onboard, count, rest, schedules};
use crate::support::{Home, Said};

/// A home that looks at so many REST APIs with these keys in its schedule.
fn flooded(apis: usize, keys: &str) -> (Simulator, Home) {
    let world = (0..apis).fold(shop::world(), |world, number| {
        world.rest(ACCOUNT, REGION, rest(&format!("api-{number}"), &format!("floodapi{number}")))
    });
    shop::open_with(world, &(schedules(r#"regions = ["eu-west-1"]"#) + &auto_onboard(keys)))
}

fn outbox(home: &Home, target: &str) -> i64 {
    count(&home.registry(), &format!("SELECT count(*) FROM deliveries WHERE target = '{target}'"))
}

fn onboarded(home: &Home) -> i64 {
    count(&home.registry(), "SELECT count(*) FROM apis WHERE state = 'onboarded'")
}

fn sentences_about_approval(said: &Said) -> Vec<&str> {
    said.stdout.lines().chain(said.stderr.lines()).filter(|line| line.contains("approv")).collect()
}

#[test]
fn five_thousand_at_the_first_look_wait_for_one_approval() {
    let sim = Simulator::start(World::fleet(1, 1, 2_500, 2_500, 1));
    let home = Home::new(&sim.url(), &format!("{}{}", shop::targets(), fleet_connection("")));

    let said = home.run(&["onboard", "shop"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert_eq!(
        sentences_about_approval(&said),
        ["  5000 APIs await approval: more new ones at once than max_new (500) allows, so none was registered; \
          `aboard approve shop` registers them"]
    );
    assert_eq!(said.stdout.lines().count(), 2, "a headline and that sentence: {}", said.stdout);
    assert_eq!((onboarded(&home), outbox(&home, "catalog"), outbox(&home, "specs")), (0, 0, 0));
    let waiting = home.ok(&["apis", "--reason", "awaiting_approval", "--limit", "1"]);
    assert!(waiting.stdout.contains("awaiting_approval"), "{}", waiting.stdout);

    // Nobody may say whose the credentials are, so that what is exported for targets afterwards waits.
    sim.fault(Fault::new(Failure::AccessDenied).on(Operation::GetCallerIdentity));
    sim.reset_counts();
    let approved = home.json(&["approve", "shop"]);
    assert_eq!((&approved["counts"]["onboard"], &approved["deliveries"]), (&5_000.into(), &10_000.into()));
    assert_eq!(sim.counts().by_region.len(), 0, "an approval asks API Gateway nothing: {:?}", sim.counts());
    assert_eq!((onboarded(&home), outbox(&home, "catalog"), outbox(&home, "specs")), (5_000, 5_000, 5_000));
    let keys = count(&home.registry(), "SELECT count(DISTINCT key) FROM deliveries");
    assert_eq!(keys, 10_000);
    assert_eq!(home.ok(&["approve", "shop"]).stdout, "nothing awaits approval on shop\n");
}

#[test]
fn as_many_as_max_new_go_and_one_more_holds_all_of_them() {
    let (sim, home) = flooded(2, "max_new = 2");
    home.ok(&["onboard", "shop"]);
    assert_eq!(onboarded(&home), 2);

    sim.change(|world| {
        for number in 0..3 {
            world.region(ACCOUNT, REGION).add_rest(rest(&format!("late-{number}"), &format!("lateapi{number}")));
        }
    });
    let said = home.run(&["onboard", "shop"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert_eq!((onboarded(&home), outbox(&home, "catalog")), (2, 2), "none of the flood, and nothing lost");
    let again = home.run(&["onboard", "shop"]);
    assert_eq!(again.code, Some(3), "it waits for as long as nobody approves: {again:?}");
    let approved = home.ok(&["-v", "approve", "shop"]);
    assert!(approved.stdout.contains("3 onboarded") && approved.stdout.contains("lateapi1"), "{}", approved.stdout);
    assert_eq!((onboarded(&home), outbox(&home, "catalog")), (5, 5));
    home.ok(&["onboard", "shop"]);
    let why = home.ok(&["explain", "lateapi1"]).stdout;
    assert!(why.contains("held back until a person approves") && why.contains("approved by"), "{why}");
}

#[test]
fn without_a_limit_or_with_yes_everything_goes() {
    let (_sim, home) = flooded(501, "max_new = 0");
    home.ok(&["onboard", "shop"]);
    assert_eq!(onboarded(&home), 501);

    let (_sim, home) = flooded(3, "max_new = 2");
    assert_eq!(home.run(&["onboard", "shop", "--dry-run"]).code, Some(3));
    home.ok(&["onboard", "shop", "--yes"]);
    assert_eq!(onboarded(&home), 3);
}

#[test]
fn a_dry_run_of_a_flood_says_what_would_release_it() {
    let (_sim, home) = flooded(3, "max_new = 2");
    let said = home.run(&["discover", "shop"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert_eq!(
        sentences_about_approval(&said).last().unwrap().trim(),
        "3 APIs would await approval: more new ones at once than max_new (2) allows, so none would be registered; \
         `aboard onboard shop --yes` would register them"
    );
    assert!(!home.registry().exists());
}

#[test]
fn what_exists_at_the_first_look_is_recorded_and_only_what_comes_later_is_told() {
    let (sim, home) = flooded(600, "existing = \"record\"");
    let said = home.ok(&["onboard", "shop"]);
    assert_eq!((onboarded(&home), outbox(&home, "catalog"), outbox(&home, "specs")), (600, 0, 0));
    assert!(said.stdout.contains("600 already onboarded"), "{}", said.stdout);
    let recorded = home.json(&["apis", "--reason", "recorded_as_existing"]);
    assert_eq!(recorded.as_array().unwrap().len(), 600);

    sim.change(|world| world.region(ACCOUNT, REGION).add_rest(rest("late", "lateapi1")));
    home.ok(&["onboard", "shop"]);
    assert_eq!((onboarded(&home), outbox(&home, "catalog"), outbox(&home, "specs")), (601, 1, 1));
    let why = home.ok(&["explain", "floodapi7"]).stdout;
    assert!(why.contains("recorded as existing at the first look; no target is told"), "{why}");
}

#[test]
fn an_approval_registers_only_what_the_rules_still_choose() {
    let (_sim, home) = flooded(3, "max_new = 2");
    assert_eq!(home.run(&["onboard", "shop"]).code, Some(3));
    home.ok(&["ignore", "floodapi1", "--reason", "a test"]);
    let said = home.ok(&["approve", "shop"]);
    assert!(said.stdout.contains("2 onboarded; 1 that the rules no longer choose stays out"), "{}", said.stdout);
    assert_eq!((onboarded(&home), outbox(&home, "catalog")), (2, 2));
}

#[test]
fn an_approval_for_a_connection_that_is_not_there_changes_nothing() {
    let (_sim, home) = flooded(3, "max_new = 2");
    home.run(&["onboard", "shop"]);
    let said = home.run(&["approve", "shpo"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("no connection named shpo") && said.stderr.contains("did you mean shop?"), "{said:?}");
    assert_eq!(onboarded(&home), 0);
}
