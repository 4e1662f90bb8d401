//! What one look after the other makes of APIs and addresses that come, go and come back.

use aboard_simulator::{Domain, Failure, Fault, Operation, RestApi, Simulator};
use serde_json::Value;

use crate::support::Home;
use crate::support::shop::{
    self, ACCOUNT, REGION, auto_onboard, connection, count, meddle, open, open_with, rest, schedules,
};

/// Lets so many hours pass for what the registry remembers.
fn hours_later(home: &Home, hours: i64) {
    let ms = hours * 3_600_000;
    meddle(
        &home.registry(),
        &format!(
            "UPDATE apis SET absent_since = absent_since - {ms};
             UPDATE instances SET absent_since = absent_since - {ms};
             UPDATE scope_status SET suspicious_since = suspicious_since - {ms};"
        ),
    );
}

fn events(home: &Home, api: &str) -> Vec<String> {
    let registry = rusqlite::Connection::open(home.registry()).unwrap();
    let query = "SELECT d.event FROM deliveries d JOIN apis a ON a.id = d.api
                 WHERE a.api_id = ?1 AND d.target = 'catalog' ORDER BY d.id";
    let mut statement = registry.prepare(query).unwrap();
    statement.query_map([api], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn state(home: &Home, api: &str) -> (String, String) {
    let why = home.json(&["explain", api]);
    let word = |value: &Value| value.as_str().unwrap_or("null").to_owned();
    (word(&why["api"]["state"]), word(&why["api"]["reason"]))
}

fn is(state: &str, reason: &str) -> (String, String) {
    (state.to_owned(), reason.to_owned())
}

fn remove(sim: &Simulator, api: &str) {
    sim.change(|world| assert!(world.region(ACCOUNT, REGION).remove(api)));
}

#[test]
fn an_api_is_gone_after_two_whole_looks_an_hour_apart_and_may_return() {
    let (sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    remove(&sim, "ordersapi1");

    home.ok(&["onboard", "shop"]);
    assert_eq!(state(&home, "ordersapi1"), is("onboarded", "not_seen_once"));
    home.ok(&["onboard", "shop"]);
    assert_eq!(state(&home, "ordersapi1"), is("onboarded", "not_seen_once"), "a second look right away proves nothing");
    hours_later(&home, 2);
    let said = home.ok(&["onboard", "shop"]).stdout;
    assert!(said.contains("1 gone") && said.contains("not_seen"), "{said}");
    assert_eq!(state(&home, "ordersapi1"), is("gone", "not_seen"));
    assert_eq!(events(&home, "ordersapi1"), ["api.onboarded", "api.gone"]);

    sim.change(|world| world.region(ACCOUNT, REGION).add_rest(rest("orders", "ordersapi1")));
    home.ok(&["onboard", "shop"]);
    assert_eq!(state(&home, "ordersapi1"), is("onboarded", "returned"));
    assert_eq!(events(&home, "ordersapi1"), ["api.onboarded", "api.gone", "api.returned"]);
    let keys = count(&home.registry(), "SELECT count(DISTINCT key) = count(*) FROM deliveries");
    assert_eq!(keys, 1, "each event has a key of its own");
    let why = home.ok(&["explain", "ordersapi1"]).stdout;
    for sentence in
        ["onboarded (new), told to catalog, specs", "gone (not_seen), told to catalog, specs", "back again, told to"]
    {
        assert!(why.contains(sentence), "must say `{sentence}`: {why}");
    }
}

#[test]
fn a_scope_that_could_not_be_read_proves_no_absence() {
    let (sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    remove(&sim, "ordersapi1");
    sim.fault(Fault::new(Failure::AccessDenied).on(Operation::GetRestApis));
    for _ in 0..2 {
        assert_eq!(home.run(&["onboard", "shop"]).code, Some(3));
        hours_later(&home, 2);
    }
    assert_eq!(state(&home, "ordersapi1"), is("onboarded", "scope_failed"));
    assert_eq!(events(&home, "ordersapi1"), ["api.onboarded"]);
}

#[test]
fn a_region_that_lost_most_of_its_apis_at_once_is_held_until_a_second_look_agrees() {
    let world = (0..12).fold(shop::world(), |world, number| {
        world.rest(ACCOUNT, REGION, rest(&format!("api-{number}"), &format!("floodapi{number:02}")))
    });
    let (sim, home) = open(world);
    home.ok(&["onboard", "shop"]);
    for number in 0..8 {
        remove(&sim, &format!("floodapi{number:02}"));
    }
    let said = home.run(&["onboard", "shop"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.stdout.contains("suspicious: 111122223333/eu-west-1/rest: "), "{}", said.stdout);
    hours_later(&home, 2);
    home.ok(&["onboard", "shop"]);
    hours_later(&home, 2);
    home.ok(&["onboard", "shop"]);
    assert_eq!(count(&home.registry(), "SELECT count(*) FROM apis WHERE state = 'gone'"), 8);
}

#[test]
fn a_new_address_is_told_and_one_that_went_away_after_two_looks() {
    let (sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    let domain = Domain::new("api.shop.example").mapping("", "ordersapi1", "prod");
    sim.change(|world| world.region(ACCOUNT, REGION).add_domain(domain));
    home.ok(&["onboard", "shop"]);
    assert_eq!(events(&home, "ordersapi1"), ["api.onboarded", "api.instance_added"]);
    assert!(home.ok(&["explain", "api.shop.example"]).stdout.contains("answers at https://api.shop.example too"));

    sim.change(|world| world.region(ACCOUNT, REGION).remove_domain("api.shop.example"));
    home.ok(&["onboard", "shop"]);
    assert_eq!(events(&home, "ordersapi1").len(), 2, "one look proves nothing");
    hours_later(&home, 2);
    home.ok(&["onboard", "shop"]);
    assert_eq!(events(&home, "ordersapi1"), ["api.onboarded", "api.instance_added", "api.instance_removed"]);
    assert!(home.ok(&["explain", "ordersapi1"]).stdout.contains("no longer answers at https://api.shop.example"));
}

#[test]
fn everything_that_was_onboarded_can_be_sent_to_a_target_again() {
    let (sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    home.write(
        "schedules.toml",
        &(schedules(r#"regions = ["eu-west-1"]"#) + "[targets.later.directory]\npath = \"later\"\n"),
    );
    home.ok(&["onboard", "shop"]);
    let outbox =
        |target: &str| count(&home.registry(), &format!("SELECT count(*) FROM deliveries WHERE target = '{target}'"));
    assert_eq!(outbox("later"), 0, "a target that was added later gets nothing by itself");
    let said = home.ok(&["onboard", "shop", "--redeliver", "later"]).stdout;
    assert!(said.contains("later: 3 delivered"), "it says how much is sent: {said}");
    assert_eq!((outbox("later"), outbox("catalog")), (3, 3));

    meddle(&home.registry(), "UPDATE deliveries SET attempts = 0");
    let said = home.ok(&["onboard", "shop", "--redeliver", "catalog"]).stdout;
    assert!(said.contains("catalog: 3 delivered"), "{said}");
    let sent = "SELECT count(*) FROM deliveries WHERE target = 'catalog' AND attempts = 1";
    assert_eq!((outbox("catalog"), count(&home.registry(), sent)), (3, 3), "again, under the same keys");
    sim.change(|world| world.region(ACCOUNT, REGION).add_rest(rest("payments", "paymentsa1")));
    home.ok(&["onboard", "shop"]);
    assert_eq!((outbox("later"), outbox("catalog")), (4, 4));
}

#[test]
fn an_api_that_no_connection_looks_at_any_more_is_marked_and_nothing_else() {
    let (_sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    home.write("schedules.toml", &schedules(r#"regions = ["eu-west-2"]"#));
    home.ok(&["onboard", "shop"]);
    assert_eq!(state(&home, "ordersapi1"), is("onboarded", "new"));
    assert_eq!(events(&home, "ordersapi1"), ["api.onboarded"]);
    assert!(home.ok(&["apis"]).stdout.lines().skip(1).all(|line| line.starts_with("onboarded (unwatched)")));
    assert!(home.json(&["apis"]).as_array().unwrap().iter().all(|api| api["unwatched"] == true));
}

#[test]
fn an_api_is_watched_as_long_as_any_connection_looks_at_its_account_and_region() {
    let role = |name: &str, account: &str| {
        format!(
            "[connections.{name}]\nregions = [\"eu-west-1\"]\n[connections.{name}.credentials.assume_role]\n\
             role_arn = \"arn:aws:iam::{account}:role/Reader\"\n"
        )
    };
    let (_sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    let marks = |file: &str| {
        home.write("schedules.toml", &(shop::targets().to_owned() + file));
        let apis = home.json(&["apis"]);
        let marks: Vec<_> = apis.as_array().unwrap().iter().map(|api| api["unwatched"].as_bool().unwrap()).collect();
        assert_eq!(marks.len(), 3);
        marks
    };
    let here = "regions = [\"eu-west-1\"]";
    assert_eq!(marks(&role("renamed", ACCOUNT)), [false; 3], "another connection looks there, by its role's account");
    assert_eq!(marks(&role("shop", "999988887777")), [true; 3], "the same name, but another account's role");
    assert_eq!(marks(&connection("shop", "regions = [\"all\"]")), [false; 3]);
    assert_eq!(marks(&connection("shop", "regions = [\"all\", \"!eu-*\"]")), [true; 3], "left out of all regions");
    assert_eq!(marks(&connection("other", here)), [true; 3], "a key that has never been used may be anybody's");

    home.ok(&["onboard", "other"]);
    assert_eq!(marks(&(connection("other", here) + &connection("shop", "regions = [\"eu-west-2\"]"))), [false; 3]);
}

#[test]
fn two_connections_with_different_filters_never_overwrite_each_other() {
    let narrow =
        connection("narrow", "regions = [\"eu-west-1\"]\ninclude = { names = [\"basket\"] }\ntargets = [\"specs\"]");
    let (_sim, home) =
        open_with(shop::stocked(), &(schedules("regions = [\"eu-west-1\"]\ntargets = [\"catalog\"]") + &narrow));
    for _ in 0..2 {
        home.ok(&["onboard", "shop"]);
        home.ok(&["onboard", "narrow"]);
    }
    assert_eq!(home.json(&["apis", "--state", "onboarded"]).as_array().unwrap().len(), 3);
    assert_eq!(events(&home, "ordersapi1"), ["api.onboarded"]);
    let of = |api: &str, target: &str| {
        let query = format!(
            "SELECT count(*) FROM deliveries d JOIN apis a ON a.id = d.api WHERE a.api_id = '{api}' AND d.target = '{target}'"
        );
        count(&home.registry(), &query)
    };
    assert_eq!((of("basketapi1", "specs"), of("ordersapi1", "specs")), (1, 0), "only what the narrow one chose");
    let why = home.ok(&["explain", "ordersapi1"]).stdout;
    assert!(
        why.contains("shop: sees it onboarded") && why.contains("narrow: would not choose it by today's rules"),
        "{why}"
    );
}

#[test]
fn what_is_onboarded_stays_when_the_rules_change() {
    let (_sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    home.write("schedules.toml", &schedules("regions = [\"eu-west-1\"]\nexclude = { names = [\"orders\"] }"));
    let said = home.ok(&["discover", "shop"]).stdout;
    assert!(said.contains("no_longer_matches"), "{said}");
    home.ok(&["onboard", "shop"]);
    assert_eq!(state(&home, "ordersapi1"), is("onboarded", "no_longer_matches"));
    assert_eq!(events(&home, "ordersapi1"), ["api.onboarded"]);
}

#[test]
fn published_after_compares_the_day_in_the_schedules_own_zone() {
    let api = |name: &str, id: &str, day: &str| {
        RestApi::new(name)
            .id(id)
            .created("2020-01-01T00:00:00Z")
            .stage(aboard_simulator::RestStage::new("prod").created(day))
    };
    let world = shop::world().rest(ACCOUNT, REGION, api("before", "beforeapi1", "2026-06-30T22:59:59Z")).rest(
        ACCOUNT,
        REGION,
        api("after", "afterapi01", "2026-06-30T23:00:00Z"),
    );
    // London is an hour ahead of UTC then.
    let (_sim, home) =
        open_with(world, &(schedules(r#"regions = ["eu-west-1"]"#) + &auto_onboard("published_after = 2026-07-01")));
    let reason = |words: &[&str], id: &str| {
        let report = home.json(words);
        let apis = report["apis"].as_array().unwrap();
        apis.iter().find(|api| api["api_id"] == id).unwrap()["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason(&["discover", "shop"], "beforeapi1"), "published_before");
    assert_eq!(reason(&["discover", "shop"], "afterapi01"), "new");
    let later = &["onboard", "shop", "--dry-run", "--published-after", "2026-07-02"];
    assert_eq!(reason(later, "afterapi01"), "published_before");
    let earlier = &["onboard", "shop", "--published-after", "2026-06-30"];
    assert_eq!(reason(earlier, "beforeapi1"), "new");
}

#[test]
fn old_runs_are_forgotten_at_the_end_of_a_run_and_what_happened_is_not() {
    let (sim, home) =
        open_with(shop::stocked(), &(schedules(r#"regions = ["eu-west-1"]"#) + "[registry]\nkeep_runs = \"30d\"\n"));
    for _ in 0..4 {
        home.ok(&["onboard", "shop"]);
    }
    meddle(&home.registry(), "UPDATE runs SET started_at = started_at - 40 * 86400000 WHERE id < 4;");
    sim.change(|world| world.region(ACCOUNT, REGION).add_rest(rest("payments", "paymentsa1")));
    home.ok(&["onboard", "shop"]);
    let runs = home.json(&["runs"]);
    let kept: Vec<i64> = runs.as_array().unwrap().iter().map(|run| run["run_id"].as_i64().unwrap()).collect();
    assert_eq!(kept, [5, 4, 1], "the first one onboarded something, which stays explained");
    assert!(
        home.ok(&["explain", "ordersapi1"]).stdout.contains("onboarded (new), told to catalog, specs (run 1 of shop)")
    );
    assert_eq!(home.json(&["apis"]).as_array().unwrap().len(), 4);
    home.ok(&["registry", "check"]);
}

#[test]
fn a_stage_that_was_deployed_anew_gets_its_date_though_nothing_is_registered() {
    let (sim, home) = open(shop::stocked());
    home.ok(&["onboard", "shop"]);
    sim.change(|world| {
        world.region(ACCOUNT, REGION).edit_rest("ordersapi1", |api| api.deploy("prod", "dep2", "2026-05-04T03:02:01Z"));
    });
    sim.reset_counts();
    home.ok(&["onboard", "shop"]);
    assert_eq!(sim.calls_of(Operation::RestGetDeployment), 1, "one call for the one stage");
    let apis = home.json(&["apis", "--name", "orders"]);
    assert_eq!(apis[0]["last_published_at"], "2026-05-04T03:02:01Z");

    sim.reset_counts();
    home.ok(&["onboard", "shop"]);
    assert_eq!(sim.calls_of(Operation::RestGetDeployment), 0, "what is known is not asked again");
}
