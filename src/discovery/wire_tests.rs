//! The whole of discovery over real HTTP, against the AWS simulator.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aboard_simulator::{
    Domain, Failure, Fault, Fleet, HttpApi, Operation, RestApi, Role, RoutingRule, Simulator, Throttle, World,
};
use futures_util::future::join_all;

use super::testing::{ACCOUNT, REGION, connection, enter, role, user};
use super::{Account, Aws, Progress, Wanted, look};
use crate::config::{AwsUser, Credentials, Limits, Value};
use crate::inventory::{Listing, ScopeLook, ScopeState};

const WHOLE: Listing = Listing::Whole { without_list: false };

fn unlimited() -> Limits {
    Limits { requests_per_second: 0.0, ..Limits::default() }
}

/// Enters with `access_key` and looks at the regions side by side.
async fn look_with(aws: &Aws, access_key: &str, regions: &[&str]) -> Vec<ScopeLook> {
    let account = Box::pin(enter_with(aws, access_key, regions)).await;
    let looks = account
        .regions
        .iter()
        .map(|region| async { look(aws, &account, region, &Wanted::Everything, &Progress::default()).await });
    join_all(looks).await.into_iter().flatten().collect()
}

async fn enter_with(aws: &Aws, access_key: &str, regions: &[&str]) -> Account {
    let (_folder, user) = user();
    let user = AwsUser { access_key_id: Value::Literal(access_key.to_owned()), ..user };
    let mut accounts = enter(aws, &connection(Credentials::AwsUser(user), regions)).await.unwrap();
    accounts.remove(0).unwrap()
}

fn one_account() -> World {
    World::new().user("AKIAEXAMPLE", ACCOUNT)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_is_seen_whole_with_no_call_that_its_result_does_not_need() {
    let sim = Simulator::start(World::fleet(3, 2, 40, 7, 2));
    let aws = Aws::at(&sim.url(), &unlimited()).await;
    let keys = [0, 1, 2].map(Fleet::access_key);
    let looks = join_all(keys.iter().map(|key| look_with(&aws, key, Fleet::regions(2)))).await.concat();
    assert_eq!(looks.len(), 12);
    assert!(looks.iter().all(|look| look.listing == WHOLE && look.notes.is_empty()), "{looks:?}");
    let apis: BTreeSet<_> = looks.iter().flat_map(|look| &look.apis).map(|api| api.id.clone()).collect();
    assert_eq!(apis.len(), 3 * 2 * 47);
    assert!(looks.iter().flat_map(|look| &look.apis).all(|api| api.stages().len() == 2 && api.instances.len() == 2));
    let counts = sim.counts();
    assert_eq!(counts.of(Operation::GetCallerIdentity), 3);
    assert_eq!(counts.calls, 3 + 3 * 2 * (2 + 2 + 47), "two listings, two domain listings, stages of each API");
    assert_eq!(counts.calls - 3, looks.iter().map(|look| look.calls).sum::<u64>());
    assert_eq!(counts.unknown, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_apis_than_two_pages_hold_are_all_seen() {
    let sim = Simulator::start(World::fleet(1, 1, 1010, 0, 1));
    let aws = Aws::at(&sim.url(), &unlimited()).await;
    let looks = look_with(&aws, &Fleet::access_key(0), Fleet::regions(1)).await;
    assert_eq!(looks.iter().map(|look| look.apis.len()).collect::<Vec<_>>(), [1010, 0]);
    assert_eq!((sim.calls_of(Operation::GetRestApis), sim.calls_of(Operation::GetApis)), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_quota_nothing_is_refused_and_no_time_is_lost() {
    let sim = Simulator::start(World::fleet(1, 1, 150, 50, 1).throttle(Throttle::new(100.0, 40.0)));
    let aws = Aws::at(&sim.url(), &Limits { requests_per_second: 99.0, burst: 39, ..Limits::default() }).await;
    let start = Instant::now();
    let looks = look_with(&aws, &Fleet::access_key(0), Fleet::regions(1)).await;
    assert!(looks.iter().all(|look| look.listing == WHOLE && look.throttled == 0), "{looks:?}");
    assert_eq!(sim.counts().throttled, 0);
    let floor = Duration::from_millis((4 + 200 - 40) * 10);
    assert!(start.elapsed() < floor + Duration::from_secs(1), "{:?} over a floor of {floor:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_others_use_up_slows_the_look_and_loses_nothing() {
    let sim = Simulator::start(World::fleet(1, 1, 60, 0, 1).throttle(Throttle::new(50.0, 5.0)));
    let aws = Aws::at(&sim.url(), &Limits { requests_per_second: 100.0, burst: 20, ..Limits::default() }).await;
    let looks = look_with(&aws, &Fleet::access_key(0), Fleet::regions(1)).await;
    assert_eq!(looks[0].listing, WHOLE);
    assert_eq!(looks[0].apis.iter().filter(|api| api.stages().len() == 1).count(), 60);
    assert!(sim.counts().throttled > 0, "else nothing was tried here");
    assert_eq!(sim.counts().throttled, looks.iter().map(|look| look.throttled).sum::<u64>());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_always_refused_does_not_slow_its_neighbour() {
    let world = World::fleet(2, 1, 20, 0, 1)
        .fault(Fault::new(Failure::TooManyRequests).on(Operation::GetRestApis).account(Fleet::account_id(0)));
    let sim = Simulator::start(world);
    let aws = Aws::at(&sim.url(), &Limits { requests_per_second: 1000.0, burst: 100, ..Limits::default() }).await;
    let [refused, healthy] = [0, 1].map(Fleet::access_key);
    let aws = Arc::new(aws);
    let background = tokio::spawn({
        let aws = Arc::clone(&aws);
        async move { look_with(&aws, &refused, Fleet::regions(1)).await }
    });
    while sim.counts().throttled == 0 {
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    let healthy = look_with(&aws, &healthy, Fleet::regions(1)).await;
    let took = start.elapsed();
    assert!(!background.is_finished(), "else nothing was tried here");
    background.abort();
    assert_eq!(healthy[0].listing, WHOLE);
    assert!(took < Duration::from_millis(900), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_break_once_are_asked_for_again() {
    for failure in [Failure::CutBeforeAnswer, Failure::CutMidBody, Failure::ServerError(500), Failure::ServerError(503)]
    {
        let world = World::fleet(1, 1, 5, 5, 1).fault(Fault::new(failure.clone()).on(Operation::GetRestApis).times(1));
        let sim = Simulator::start(world);
        let aws = Aws::at(&sim.url(), &unlimited()).await;
        let looks = look_with(&aws, &Fleet::access_key(0), Fleet::regions(1)).await;
        assert_eq!((&looks[0].listing, looks[0].apis.len()), (&WHOLE, 5), "{failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_html_fails_the_scope_and_says_so() {
    let sim = Simulator::start(
        World::fleet(1, 1, 5, 5, 1).fault(Fault::new(Failure::WrongContent).on(Operation::GetRestApis)),
    );
    let aws = Aws::at(&sim.url(), &unlimited()).await;
    let looks = look_with(&aws, &Fleet::access_key(0), Fleet::regions(1)).await;
    let Listing::Failed(trouble) = &looks[0].listing else { panic!("{:?}", looks[0].listing) };
    assert_eq!(trouble.state, ScopeState::Failed);
    assert!(trouble.cause.contains("status 200"), "{}", trouble.cause);
    assert_eq!(looks[1].listing, WHOLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_is_off_for_the_account_is_told_and_the_others_are_seen() {
    let world =
        one_account().rest(ACCOUNT, REGION, RestApi::new("orders").stage("prod")).disabled_region(ACCOUNT, "ap-east-1");
    let sim = Simulator::start(world);
    let aws = Aws::at(&sim.url(), &unlimited()).await;
    let looks = look_with(&aws, "AKIAEXAMPLE", &[REGION, "ap-east-1"]).await;
    assert_eq!((&looks[0].listing, looks[0].apis.len()), (&WHOLE, 1));
    for look in &looks[2..] {
        assert!(
            matches!(&look.listing, Listing::Failed(trouble) if trouble.state == ScopeState::RegionDisabled),
            "{look:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_domains_of_every_kind_lead_to_their_apis() {
    let world = one_account()
        .rest(ACCOUNT, REGION, RestApi::new("orders").id("rest000001").stage("prod"))
        .http(ACCOUNT, REGION, HttpApi::new("refunds").id("http000001").stage("$default"))
        .domain(
            ACCOUNT,
            REGION,
            Domain::new("api.example.com").mapping("orders/v1", "rest000001", "prod").mapping(
                "",
                "http000001",
                "$default",
            ),
        )
        .domain(ACCOUNT, REGION, Domain::edge("edge.example.com").mapping_of_every_stage("", "rest000001"))
        .domain(ACCOUNT, REGION, Domain::private("in.example.com", "abcd1234").mapping("x", "rest000001", "prod"))
        .domain(
            ACCOUNT,
            REGION,
            Domain::new("rules.example.com")
                .routing_mode("ROUTING_RULE_ONLY")
                .rule(RoutingRule::new(1, "rest000001", "prod").base_path("via-rule")),
        );
    let sim = Simulator::start(world);
    let aws = Aws::at(&sim.url(), &unlimited()).await;
    let looks = look_with(&aws, "AKIAEXAMPLE", &[REGION]).await;
    let urls = |look: &ScopeLook| {
        look.apis.iter().flat_map(|api| &api.instances).map(|instance| instance.url.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        urls(&looks[0]),
        [
            "https://api.example.com/orders/v1",
            "https://edge.example.com/prod",
            "https://in.example.com/x",
            "https://rules.example.com/via-rule",
            "https://rest000001.execute-api.eu-west-1.amazonaws.com/prod",
        ]
    );
    assert_eq!(urls(&looks[1]), ["https://api.example.com", "https://http000001.execute-api.eu-west-1.amazonaws.com"]);
    assert!(looks.iter().all(|look| look.notes.is_empty()), "{looks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_entered_with_its_external_id_and_survives_the_loss_of_its_session() {
    let account = "999988887777";
    let role_arn = format!("arn:aws:iam::{account}:role/Reader");
    let world = one_account().role(Role::new(role_arn).external_id("external-1").trusts(ACCOUNT)).rest(
        account,
        REGION,
        RestApi::new("orders").stage("prod"),
    );
    let sim = Simulator::start(world);
    let aws = Aws::at(&sim.url(), &unlimited()).await;
    let (_folder, user) = user();
    let accounts = enter(&aws, &connection(role(user), &[REGION])).await.unwrap();
    let entered = accounts[0].as_ref().unwrap();
    let first = look(&aws, entered, REGION, &Wanted::Everything, &Progress::default()).await;
    assert_eq!((&first[0].listing, first[0].apis.len()), (&WHOLE, 1));
    assert_eq!(sim.calls_of(Operation::AssumeRole), 1);

    sim.fault(Fault::new(Failure::ExpiredToken).on(Operation::RestGetStages).times(1));
    let second = look(&aws, entered, REGION, &Wanted::Everything, &Progress::default()).await;
    assert_eq!((&second[0].listing, second[0].apis[0].stages().len()), (&WHOLE, 1));
    assert_eq!(sim.calls_of(Operation::AssumeRole), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_its_external_id_is_refused() {
    let world = one_account().role(Role::new("arn:aws:iam::999988887777:role/Reader").external_id("another"));
    let sim = Simulator::start(world);
    let aws = Aws::at(&sim.url(), &unlimited()).await;
    let (_folder, user) = user();
    let accounts = enter(&aws, &connection(role(user), &[REGION])).await.unwrap();
    let trouble = &accounts[0].as_ref().unwrap_err().trouble;
    assert_eq!(trouble.state, ScopeState::CredentialsFailed);
    assert!(trouble.hint.as_ref().is_some_and(|hint| hint.contains("external id")));
}
