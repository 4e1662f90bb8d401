use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use proptest::prelude::*;

use super::super::testing::{ACCOUNT, Asked, Log, REGION, Reply, account, aws, limited_aws};
use super::*;
use crate::config::Limits;
use crate::inventory::{InstanceKind, Protocol, ScopeState};

mod domains;
mod failures;

/// The worker spawns it.
#[expect(dead_code, reason = "compiling is the test")]
fn a_look_can_be_moved_between_threads<'a>(
    aws: &'a Aws,
    account: &'a Account,
    wanted: &'a Wanted,
    progress: &'a Progress,
) -> impl Send + 'a {
    look(aws, account, REGION, wanted, progress)
}

/// Both scopes of one region of an AWS that answers like that.
async fn look_at(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (ScopeLook, ScopeLook, Log) {
    let (aws, log) = aws(answer).await;
    let progress = Progress::default();
    let looks = look(&aws, &account("aws", REGION), REGION, &Wanted::Everything, &progress).await;
    let [rest, http] = <[ScopeLook; 2]>::try_from(looks).unwrap();
    assert_eq!((rest.scope.family, http.scope.family), (Family::Rest, Family::Http));
    assert_eq!(progress.read().calls, rest.calls + http.calls);
    assert_eq!(progress.read().scopes_done, 2);
    (rest, http, log)
}

/// An account without anything, for what a test does not talk about.
fn empty(asked: &Asked) -> Reply {
    match asked.path.as_str() {
        "/restapis" | "/domainnames" => Reply::json(r#"{"item":[]}"#),
        "/v2/apis" | "/v2/domainnames" => Reply::json(r#"{"items":[]}"#),
        path if path.ends_with("/stages") && path.starts_with("/v2") => Reply::json(r#"{"items":[]}"#),
        path if path.ends_with("/stages") => Reply::json(r#"{"item":[]}"#),
        path => panic!("nobody should ask for {path}"),
    }
}

const ONE_REST_API: &str = r#"{"item":[{"id":"abc","name":"Orders","createdDate":1700000000,"endpointConfiguration":{"types":["REGIONAL"]}}]}"#;
const ONE_STAGE: &str = r#"{"item":[{"stageName":"prod","deploymentId":"d1","createdDate":1700000100}]}"#;

fn one_rest_api(asked: &Asked) -> Reply {
    match asked.path.as_str() {
        "/restapis" => Reply::json(ONE_REST_API),
        "/restapis/abc/stages" => Reply::json(ONE_STAGE),
        _ => empty(asked),
    }
}

fn failed(look: &ScopeLook) -> &crate::inventory::Trouble {
    match &look.listing {
        Listing::Failed(trouble) => trouble,
        other => panic!("{other:?}"),
    }
}

fn urls(look: &ScopeLook) -> Vec<String> {
    look.apis.iter().flat_map(|api| &api.instances).map(|instance| instance.url.clone()).collect()
}

#[tokio::test]
async fn an_empty_region_costs_two_calls_and_is_whole() {
    let (rest, http, log) = look_at(empty).await;
    for look in [&rest, &http] {
        assert_eq!(look.listing, Listing::Whole { without_list: false });
        assert!(look.apis.is_empty() && look.notes.is_empty());
        assert_eq!((look.calls, look.throttled), (1, 0));
    }
    assert_eq!(log.all().len(), 2);
    let sizes = |name| log.all().iter().find_map(|asked| asked.parameter(name).map(str::to_owned));
    assert_eq!((sizes("limit").as_deref(), sizes("maxResults").as_deref()), (Some("500"), Some("500")));
}

#[tokio::test]
async fn an_api_comes_with_its_identity_stages_and_addresses() {
    let (rest, http, _) = look_at(one_rest_api).await;
    let [api] = &rest.apis[..] else { panic!("{rest:?}") };
    assert_eq!(api.id.to_string(), format!("{ACCOUNT}/{REGION}/abc"));
    assert_eq!(
        (api.name.as_str(), api.protocol, api.endpoint_type.as_deref()),
        ("Orders", Protocol::Rest, Some("REGIONAL"))
    );
    assert_eq!(api.created_at.unwrap().timestamp(), 1_700_000_000);
    assert_eq!(api.stages()[0].deployment_id.as_deref(), Some("d1"));
    assert_eq!(urls(&rest), ["https://abc.execute-api.eu-west-1.amazonaws.com/prod"]);
    assert!(http.apis.is_empty());
}

#[tokio::test]
async fn every_page_of_both_families_is_read_and_an_api_on_two_pages_counts_once() {
    let (rest, http, _) =
        look_at(|asked| match (asked.path.as_str(), asked.parameter("position"), asked.parameter("nextToken")) {
            ("/restapis", None, _) => Reply::json(r#"{"item":[{"id":"a"},{"id":"b"}],"position":"p2"}"#),
            ("/restapis", Some("p2"), _) => Reply::json(r#"{"item":[{"id":"b"},{"id":"c"}],"position":""}"#),
            ("/v2/apis", _, None) => Reply::json(r#"{"items":[{"apiId":"h","protocolType":"HTTP"}],"nextToken":"n2"}"#),
            ("/v2/apis", _, Some("n2")) => Reply::json(r#"{"items":[{"apiId":"w","protocolType":"WEBSOCKET"}]}"#),
            _ => empty(asked),
        })
        .await;
    let ids = |look: &ScopeLook| look.apis.iter().map(|api| api.id.api_id.clone()).collect::<Vec<_>>();
    assert_eq!(
        (ids(&rest), ids(&http)),
        (vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], vec!["h".to_owned(), "w".to_owned()])
    );
    assert_eq!(http.apis[1].protocol, Protocol::WebSocket);
    assert_eq!(rest.listing, Listing::Whole { without_list: false });
}

#[tokio::test]
async fn an_answer_without_its_list_member_is_whole_but_said() {
    let (rest, http, _) = look_at(|asked| match asked.path.as_str() {
        "/restapis" => Reply::json(r#"{"_embedded":{"item":[{"id":"a"}]}}"#),
        "/v2/apis" => Reply::json("{}"),
        _ => empty(asked),
    })
    .await;
    assert_eq!(rest.listing, Listing::Whole { without_list: true });
    assert_eq!(http.listing, Listing::Whole { without_list: true });
}

#[tokio::test]
async fn an_api_that_was_deleted_before_its_stages_were_read_is_not_there() {
    let (rest, ..) = look_at(|asked| match asked.path.as_str() {
        "/restapis" => Reply::json(r#"{"item":[{"id":"abc"},{"id":"gone"}]}"#),
        "/restapis/gone/stages" => Reply::not_found(),
        _ => one_rest_api(asked),
    })
    .await;
    assert_eq!(rest.apis.len(), 1);
    assert_eq!(rest.listing, Listing::Whole { without_list: false });
}

#[tokio::test]
async fn stages_that_cannot_be_read_concern_their_api_alone() {
    let (rest, ..) = look_at(|asked| match asked.path.as_str() {
        "/restapis" => Reply::json(r#"{"item":[{"id":"abc"},{"id":"def"}]}"#),
        "/restapis/def/stages" => Reply::error(403, "AccessDeniedException", "no"),
        _ => one_rest_api(asked),
    })
    .await;
    assert_eq!(rest.listing, Listing::Whole { without_list: false });
    assert!(matches!(rest.apis[0].details, Details::Read(_)));
    let Details::Unreadable { cause } = &rest.apis[1].details else { panic!() };
    assert!(cause.contains("GetStages") && cause.contains("/restapis/def/stages"), "{cause}");
}

#[tokio::test]
async fn one_api_is_looked_for_in_both_families_and_nothing_else_is_listed() {
    let answer = |asked: &Asked| match asked.path.as_str() {
        "/restapis/h1" | "/restapis/none" | "/v2/apis/none" => Reply::not_found(),
        "/v2/apis/h1" => {
            Reply::json(r#"{"apiId":"h1","name":"Chat","protocolType":"HTTP","createdDate":"2026-01-02T03:04:05Z"}"#)
        }
        "/v2/apis/h1/stages" => Reply::json(r#"{"items":[{"stageName":"$default","deploymentId":"d"}]}"#),
        "/domainnames" | "/v2/domainnames" => empty(asked),
        path => panic!("nobody should ask for {path}"),
    };
    let (aws, log) = aws(answer).await;
    let account = account("aws", REGION);
    let wanted = |api_id: &str, family| Wanted::Api { api_id: api_id.to_owned(), family };
    let looks = look(&aws, &account, REGION, &wanted("h1", None), &Progress::default()).await;
    let [found] = &looks[..] else { panic!("{looks:?}") };
    assert_eq!((found.scope.family, &found.listing, found.apis.len()), (Family::Http, &Listing::Selected, 1));
    assert_eq!(urls(found), ["https://h1.execute-api.eu-west-1.amazonaws.com"]);

    let asked_before = log.all().len();
    let looks = look(&aws, &account, REGION, &wanted("none", Some(Family::Http)), &Progress::default()).await;
    assert_eq!(looks.len(), 1);
    assert!(looks[0].apis.is_empty() && looks[0].listing == Listing::Selected);
    assert_eq!(log.paths()[asked_before..], ["/v2/apis/none"]);

    let looks = look(&aws, &account, REGION, &wanted("none", None), &Progress::default()).await;
    assert_eq!(looks.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn every_attempt_waits_for_the_limiter_and_long_waits_break_nothing() {
    let limits = Limits { requests_per_second: 0.5, burst: 1, ..Limits::default() };
    let (aws, _) = limited_aws(&limits, |asked| match asked.path.as_str() {
        "/restapis" => {
            let apis = (0..60).map(|n| format!(r#"{{"id":"api{n}"}}"#)).collect::<Vec<_>>().join(",");
            Reply::json(format!(r#"{{"item":[{apis}]}}"#))
        }
        _ => empty(asked),
    })
    .await;
    let start = tokio::time::Instant::now();
    let looks = look(&aws, &account("aws", REGION), REGION, &Wanted::Everything, &Progress::default()).await;
    let calls: u64 = looks.iter().map(|look| look.calls).sum();
    assert_eq!(calls, 2 + 2 + 60);
    assert!(looks[0].apis.iter().all(|api| matches!(api.details, Details::Read(_))), "{:?}", looks[0].apis[0]);
    let floor = Duration::from_secs((calls - 1) * 2);
    assert!(start.elapsed() >= floor && start.elapsed() < floor + Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test]
async fn in_a_partition_without_a_known_suffix_the_given_endpoint_is_used_and_rest_addresses_are_noted() {
    let (aws, _) = aws(|asked| match asked.path.as_str() {
        "/v2/apis" => Reply::json(r#"{"items":[{"apiId":"h1","protocolType":"HTTP","apiEndpoint":"https://h1.execute-api.xx-new-1.example"}]}"#),
        "/v2/apis/h1/stages" => Reply::json(r#"{"items":[{"stageName":"v1","deploymentId":"d"}]}"#),
        _ => one_rest_api(asked),
    })
    .await;
    let looks = look(&aws, &account("aws-new", REGION), REGION, &Wanted::Everything, &Progress::default()).await;
    assert!(urls(&looks[0]).is_empty());
    assert!(looks[0].notes[0].contains("aws-new"), "{:?}", looks[0].notes);
    assert_eq!(urls(&looks[1]), ["https://h1.execute-api.xx-new-1.example/v1"]);
    assert_eq!(looks[1].apis[0].instances[0].kind, InstanceKind::ExecuteApi);
}

/// JSON with the member names that the SDK looks for, at odd places and with odd values.
fn json() -> impl Strategy<Value = serde_json::Value> {
    const NAMES: [&str; 26] = [
        "item",
        "items",
        "id",
        "apiId",
        "name",
        "stageName",
        "deploymentId",
        "createdDate",
        "autoDeploy",
        "protocolType",
        "apiEndpoint",
        "domainName",
        "domainNameId",
        "domainNameStatus",
        "endpointConfiguration",
        "types",
        "vpcEndpointIds",
        "domainNameConfigurations",
        "endpointType",
        "basePath",
        "restApiId",
        "apiMappingKey",
        "stage",
        "tags",
        "routingMode",
        "disableExecuteApiEndpoint",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(|number| serde_json::json!(number)),
        prop_oneof![
            Just("REGIONAL"),
            Just("PRIVATE"),
            Just("EDGE"),
            Just("HTTP"),
            Just("a"),
            Just("2026-01-02T03:04:05Z")
        ]
        .prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::vec((proptest::sample::select(&NAMES[..]), inner), 0..6).prop_map(|members| {
                members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_answer_makes_a_look_panic_and_no_failure_counts_as_whole(
        list in json(), list_status in prop_oneof![4 => Just(200_u16), 1 => Just(400), 1 => Just(403)],
        stages in json(), domains in json(), mappings in json(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            // Every other list is well formed as far as its first API, else little would be reached.
            let listed = serde_json::json!({
                "item": [{ "id": "a", "endpointConfiguration": list }], "items": [{ "apiId": "h", "protocolType": "HTTP", "tags": list }],
            });
            let (list, stages, domains, mappings) = (list.to_string(), stages.to_string(), domains.to_string(), mappings.to_string());
            let (rest, http, _) = look_at(move |asked| match asked.path.as_str() {
                "/restapis" if list_status != 200 => Reply::json(list.clone()).status(list_status),
                "/restapis" | "/v2/apis" => Reply::json(listed.to_string()),
                "/domainnames" | "/v2/domainnames" => Reply::json(domains.clone()),
                path if path.ends_with("stages") => Reply::json(stages.clone()),
                _ => Reply::json(mappings.clone()),
            })
            .await;
            if list_status != 200 {
                assert!(matches!(rest.listing, Listing::Failed(_)));
            }
            assert!(rest.apis.windows(2).all(|pair| pair[0].id < pair[1].id));
            assert!(http.apis.iter().all(|api| !api.id.api_id.is_empty()));
        });
    }
}
