//! Events in, a catalog file and requests out. The Backstage here is a stand-in that reads the file itself; `tests/backstage` holds the
//! target against the real one.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::*;
use crate::config::{Definition, NetworkConfig, Registration, SecretRef};
use crate::document::ApiDocument;
use crate::inventory::Protocol;
use crate::targets::fixtures::{Kept, api, assert_delivered, event, failure, instance, specification, unspecified};
use crate::targets::{Delivery, Effect, Specification};

/// What the stand-in does and what it was asked.
#[derive(Debug, Default)]
struct Script {
    asked: Vec<String>,
    token: Option<String>,
    /// Status of an answer to a location, where it is not 201.
    location: Option<u16>,
    /// It takes the location and reads nothing.
    blind: bool,
    /// How many times it is looked at before what was read shows.
    slow: u32,
    entities: BTreeMap<String, Value>,
    /// By reference: entities of other locations, which come first.
    others: BTreeMap<String, Value>,
}

#[derive(Clone)]
struct StandIn(Arc<(Mutex<Script>, PathBuf)>);

impl StandIn {
    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.0.0.lock().unwrap()
    }
}

/// The documents of a catalog file, each read as JSON.
fn documents(text: &str) -> Vec<Value> {
    let parts = text.split("---\n").skip(1);
    parts.map(|part| serde_json::from_str(part).unwrap_or_else(|error| panic!("{error}: {part}"))).collect()
}

async fn answer(State(site): State<StandIn>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut script = site.script();
    script.asked.push(uri.to_string());
    let shown = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    if script.token.is_some() && shown != script.token {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": { "name": "AuthenticationError" } }))).into_response();
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    if uri.path().ends_with("/locations") {
        assert_eq!(body, json!({ "type": "url", "target": "https://git.example.com/catalog-info.yaml" }));
        let status = StatusCode::from_u16(script.location.unwrap_or(201)).unwrap();
        if status.is_success() && !script.blind {
            let text = fs::read_to_string(&site.0.1).unwrap_or_default();
            let named = |entity: Value| {
                (format!("api:default/{}", entity["metadata"]["name"].as_str().unwrap()).to_lowercase(), entity)
            };
            script.entities = documents(&text).into_iter().map(named).collect();
        }
        let entities: Vec<&Value> = script.entities.values().collect();
        return (status, Json(json!({ "exists": false, "entities": entities }))).into_response();
    }
    assert!(uri.path().ends_with("/entities/by-refs"), "{uri}");
    let slow = script.slow > 0;
    script.slow = script.slow.saturating_sub(1);
    let find = |reference: &Value| {
        let reference = reference.as_str().unwrap();
        assert_eq!(reference, reference.to_lowercase());
        let found = script.others.get(reference).or_else(|| script.entities.get(reference).filter(|_| !slow));
        found.cloned().unwrap_or_default()
    };
    let items: Vec<Value> = body["entityRefs"].as_array().unwrap().iter().map(find).collect();
    Json(json!({ "items": items })).into_response()
}

struct Site {
    folder: tempfile::TempDir,
    target: BackstageCatalog,
    memory: Kept,
    stand_in: StandIn,
}

impl Site {
    async fn with(change: impl FnOnce(&mut BackstageTarget)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog-info.yaml");
        let stand_in = StandIn(Arc::new((Mutex::default(), path.clone())));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/portal/", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(stand_in.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut settings = BackstageTarget {
            path,
            registration: Some(Registration {
                url: url.parse().unwrap(),
                token: None,
                location: "https://git.example.com/catalog-info.yaml".to_owned(),
            }),
            owner: "group:default/platform".to_owned(),
            owner_tag: Some("team".to_owned()),
            system_tag: Some("system".to_owned()),
            lifecycle: "production".to_owned(),
            namespace: "default".to_owned(),
            definition: Definition::Embed,
            git: None,
        };
        change(&mut settings);
        let setup = Setup { network: NetworkConfig::default() };
        let mut target = BackstageCatalog::new("portal", &settings, &setup).unwrap();
        target.patience = Duration::from_millis(20);
        Self { folder, target, memory: Kept::default(), stand_in }
    }

    async fn open() -> Self {
        Self::with(|_| ()).await
    }

    /// One that only writes.
    async fn of_file(change: impl FnOnce(&mut BackstageTarget)) -> Self {
        Self::with(|settings| {
            settings.registration = None;
            change(settings);
        })
        .await
    }

    async fn deliver(&self, deliveries: &[Delivery]) -> Vec<Verdict> {
        self.target.deliver(deliveries, &self.memory).await
    }

    fn text(&self) -> String {
        fs::read_to_string(self.folder.path().join("catalog-info.yaml")).unwrap()
    }

    fn entities(&self) -> Vec<Value> {
        documents(&self.text())
    }
}

fn onboarded(revision: u64, api: ApiDocument, specifications: Vec<Specification>) -> Delivery {
    event("api.onboarded", revision, api, specifications)
}

fn orders(revision: u64) -> Delivery {
    onboarded(revision, api("orders1", "Orders API", &["prod"]), vec![specification("prod", "{\"openapi\":\"3.0.1\"}")])
}

const ORDERS: &str = "orders-api-111122223333-eu-west-1-orders1";

#[tokio::test]
async fn an_api_becomes_an_entity_with_its_owner_addresses_and_specification() {
    let site = Site::of_file(|_| ()).await;
    let mut api = api("orders1", "Orders API", &["prod"]);
    api.description = Some("Takes orders.".to_owned());
    api.tags = BTreeMap::from(
        [("team", "Payments Team"), ("system", "group:shop/checkout"), ("cost-center", "4 2")]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    api.instances.push(crate::inventory::Instance { callable: false, ..instance("orders1", "test") });
    assert_delivered(&site.deliver(&[onboarded(1, api, vec![specification("prod", "{\"a\":1}")])]).await);
    let [entity] = site.entities().try_into().unwrap();
    let metadata = &entity["metadata"];
    assert_eq!((&entity["apiVersion"], &entity["kind"]), (&"backstage.io/v1alpha1".into(), &"API".into()));
    assert_eq!((&metadata["name"], &metadata["title"]), (&ORDERS.into(), &"Orders API".into()));
    assert_eq!(metadata["description"], "Takes orders.");
    assert_eq!(metadata["tags"], json!(["cost-center:4-2", "system:group:shop-checkout", "team:payments-team"]));
    let annotations = &metadata["annotations"];
    assert_eq!(annotations["amazonaws.com/arn"], "arn:aws:apigateway:eu-west-1::/restapis/orders1");
    assert_eq!(annotations["amazonaws.com/account-id"], "111122223333");
    assert_eq!(annotations["aboard/stages"], "prod,test");
    let link =
        json!({ "url": "https://orders1.execute-api.eu-west-1.amazonaws.com/prod", "title": "prod (execute-api)" });
    assert_eq!(metadata["links"], json!([link]), "what cannot be called is no link");
    let spec = json!({ "type": "openapi", "lifecycle": "production", "owner": "Payments-Team",
        "system": "group:shop/checkout", "definition": "{\"a\":1}" });
    assert_eq!(entity["spec"], spec);
}

#[tokio::test]
async fn an_api_without_a_specification_has_a_definition_that_says_so() {
    let site = Site::of_file(|_| ()).await;
    let rest = onboarded(1, api("orders1", "Orders", &["prod"]), vec![unspecified("prod", "AWS refuses the export.")]);
    let mut socket = api("prices1", "", &["live"]);
    socket.protocol = Protocol::WebSocket;
    assert_delivered(&site.deliver(&[rest, onboarded(1, socket, Vec::new())]).await);
    let [orders, prices] = site.entities().try_into().unwrap();
    let document: Value = serde_json::from_str(orders["spec"]["definition"].as_str().unwrap()).unwrap();
    assert_eq!(document["info"]["description"], "There is no specification: AWS refuses the export.");
    assert_eq!((&document["openapi"], &document["paths"]), (&"3.0.1".into(), &json!({})));
    assert_eq!(orders["metadata"]["description"], "No specification: AWS refuses the export.");
    assert_eq!(orders["spec"]["owner"], "group:default/platform", "no tag says otherwise");
    let document: Value = serde_json::from_str(prices["spec"]["definition"].as_str().unwrap()).unwrap();
    assert_eq!((&document["asyncapi"], &prices["spec"]["type"]), (&"3.0.0".into(), &"asyncapi".into()));
}

#[tokio::test]
async fn an_entity_keeps_its_name_and_what_was_exported_before() {
    let site = Site::of_file(|_| ()).await;
    site.deliver(&[orders(1)]).await;
    let renamed = event("api.changed", 2, api("orders1", "Sales", &["prod"]), vec![unspecified("prod", "too large")]);
    assert_delivered(&site.deliver(&[renamed]).await);
    let [entity] = site.entities().try_into().unwrap();
    assert_eq!((&entity["metadata"]["name"], &entity["metadata"]["title"]), (&ORDERS.into(), &"Sales".into()));
    assert_eq!(entity["spec"]["definition"], "{\"openapi\":\"3.0.1\"}");
    assert!(entity["metadata"]["description"].is_null(), "it has one");
}

#[tokio::test]
async fn of_several_stages_the_productive_one_is_shown() {
    let site = Site::of_file(|_| ()).await;
    let specifications = vec![specification("alpha", "{\"a\":1}"), specification("prod", "{\"p\":1}")];
    site.deliver(&[onboarded(1, api("orders1", "o", &["alpha", "prod"]), specifications)]).await;
    assert_eq!(site.entities()[0]["spec"]["definition"], "{\"p\":1}");
}

#[tokio::test]
async fn a_definition_may_point_to_the_file_of_a_directory_target() {
    let site = Site::of_file(|settings| settings.definition = Definition::Text { base: ".".to_owned() }).await;
    assert!(!site.target.wants_documents());
    let mut specification = specification("$default", "{}");
    specification.document.as_mut().unwrap().text = None;
    site.deliver(&[onboarded(1, api("orders1", "o", &["$default"]), vec![specification])]).await;
    let text = "./111122223333/eu-west-1/orders1/@default.openapi.json";
    assert_eq!(site.entities()[0]["spec"]["definition"], json!({ "$text": text }));
}

#[tokio::test]
async fn what_is_gone_leaves_the_file_and_the_same_again_writes_the_same() {
    let site = Site::of_file(|_| ()).await;
    let basket = onboarded(1, api("basket1", "basket", &["prod"]), Vec::new());
    site.deliver(&[orders(1), basket.clone()]).await;
    let both = site.text();
    site.deliver(&[basket, orders(1)]).await;
    assert_eq!(site.text(), both);
    site.deliver(&[event("api.gone", 2, api("orders1", "Orders API", &["prod"]), Vec::new())]).await;
    let [left] = site.entities().try_into().unwrap();
    assert_eq!(left["metadata"]["annotations"]["aboard/api"], "111122223333/eu-west-1/basket1");
}

#[tokio::test]
async fn a_file_that_is_gone_or_of_somebody_else_is_not_written_over() {
    let site = Site::of_file(|_| ()).await;
    site.deliver(&[orders(1)]).await;
    let path = site.folder.path().join("catalog-info.yaml");
    fs::remove_file(&path).unwrap();
    let verdicts = site.deliver(&[orders(2)]).await;
    assert!(failure(&verdicts[0]).message.contains("is gone, which held 1 APIs"), "{verdicts:?}");
    fs::write(&path, "apiVersion: backstage.io/v1alpha1\nkind: Location\n").unwrap();
    let verdicts = site.deliver(&[orders(2)]).await;
    assert!(failure(&verdicts[0]).message.contains("it is not as it was written"), "{verdicts:?}");
    assert!(fs::read_to_string(path).unwrap().contains("kind: Location"));
}

#[tokio::test]
async fn what_yaml_would_not_take_is_escaped() {
    let site = Site::of_file(|_| ()).await;
    let odd = "a\u{85}b\u{2028}c\u{7f}d\u{feff}e: - \"f\" #g\n---\nh\u{1f600}";
    let mut api = api("orders1", odd, &["prod"]);
    api.description = Some(odd.to_owned());
    site.deliver(&[onboarded(1, api, vec![specification("prod", odd)])]).await;
    let text = site.text();
    assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{text}");
    assert!(!text.contains(['\u{2028}', '\u{feff}']), "{text}");
    assert_eq!(site.entities()[0]["spec"]["definition"], odd);
}

#[tokio::test]
async fn a_batch_is_one_refresh_and_one_look_back() {
    let site = Site::open().await;
    let verdicts = site.deliver(&[orders(1), onboarded(1, api("basket1", "basket", &["prod"]), Vec::new())]).await;
    assert_eq!(verdicts[0], Verdict::Delivered(Some(format!("Backstage shows api:default/{ORDERS}"))));
    assert_delivered(&verdicts);
    let asked = std::mem::take(&mut site.stand_in.script().asked);
    let expected = ["/portal/api/catalog/locations?onConflict=refresh", "/portal/api/catalog/entities/by-refs"];
    assert_eq!(asked, expected);
    let gone = event("api.gone", 2, api("orders1", "Orders API", &["prod"]), Vec::new());
    let verdicts = site.deliver(&[gone]).await;
    assert_eq!(verdicts, [Verdict::Delivered(Some(format!("Backstage shows no more api:default/{ORDERS}")))]);
}

#[tokio::test]
async fn a_catalog_that_has_the_location_already_is_fine() {
    let site = Site::open().await;
    site.deliver(&[orders(1)]).await;
    site.stand_in.script().location = Some(409);
    assert_delivered(&site.deliver(&[orders(1)]).await);
}

#[tokio::test]
async fn what_backstage_does_not_show_yet_is_looked_at_again() {
    let site = Site::open().await;
    site.stand_in.script().blind = true;
    let verdicts = site.deliver(&[orders(1)]).await;
    let failed = failure(&verdicts[0]);
    assert_eq!(failed.effect, Effect::Retry);
    assert!(failed.message.contains("does not show") && failed.message.ends_with("yet"), "{failed:?}");
    site.stand_in.script().blind = false;
    assert_delivered(&site.deliver(&[orders(1)]).await);
    // An entity that is there and older than what was written.
    site.stand_in.script().blind = true;
    let changed = event("api.changed", 2, api("orders1", "Orders API", &["prod"]), vec![specification("prod", "{}")]);
    failure(&site.deliver(&[changed]).await[0]);
    let gone = event("api.gone", 3, api("orders1", "Orders API", &["prod"]), Vec::new());
    let verdicts = site.deliver(&[gone]).await;
    assert!(failure(&verdicts[0]).message.contains("still shows"), "{verdicts:?}");
}

#[tokio::test]
async fn a_slow_backstage_is_given_a_little_time() {
    let site = Site::open().await;
    let mut site = site;
    site.target.patience = Duration::from_mins(1);
    site.stand_in.script().slow = 1;
    assert_delivered(&site.deliver(&[orders(1)]).await);
}

#[tokio::test]
async fn an_entity_of_another_location_under_our_name_is_named_and_needs_a_person() {
    let site = Site::open().await;
    let origin =
        json!({ "amazonaws.com/arn": "arn:x", "backstage.io/managed-by-location": "url:https://other.example" });
    let other = json!({ "metadata": { "name": ORDERS, "annotations": origin } });
    site.stand_in.script().others.insert(format!("api:default/{ORDERS}"), other);
    let verdicts = site.deliver(&[orders(1), onboarded(1, api("basket1", "basket", &["prod"]), Vec::new())]).await;
    let failed = failure(&verdicts[0]);
    assert_eq!(failed.effect, Effect::GiveUp);
    assert!(
        failed.message.contains("another entity") && failed.message.contains("url:https://other.example"),
        "{failed:?}"
    );
    assert_delivered(&verdicts[1..]);
    let gone = event("api.gone", 2, api("orders1", "Orders API", &["prod"]), Vec::new());
    assert_delivered(&site.deliver(&[gone]).await);
}

#[tokio::test]
async fn the_token_is_sent_read_anew_and_a_refusal_says_what_it_has_to_be() {
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("token");
    fs::write(&file, "old-hunter2").unwrap();
    let place = file.clone();
    let site = Site::with(|settings| {
        settings.registration.as_mut().unwrap().token = Some(SecretRef::File(place));
    })
    .await;
    site.stand_in.script().token = Some("Bearer new-hunter2".to_owned());
    let verdicts = site.deliver(&[orders(1)]).await;
    let failed = failure(&verdicts[0]);
    assert_eq!((failed.status, failed.effect), (Some(401), Effect::Retry));
    assert!(
        failed.message.ends_with("has to be one that backend.auth.externalAccess of Backstage names"),
        "{failed:?}"
    );
    assert!(!failed.message.contains("hunter2"), "{failed:?}");
    fs::write(&file, "new-hunter2\n").unwrap();
    assert_delivered(&site.deliver(&[orders(1)]).await);
}

#[tokio::test]
async fn an_overloaded_backstage_pauses_the_target_and_the_file_is_written_all_the_same() {
    let site = Site::open().await;
    site.stand_in.script().location = Some(503);
    let verdicts = site.deliver(&[orders(1)]).await;
    assert_eq!(failure(&verdicts[0]).effect, Effect::Pause);
    assert_eq!(site.entities().len(), 1);
}

#[tokio::test]
async fn an_older_event_that_is_sent_again_by_hand_does_not_turn_things_back() {
    let site = Site::of_file(|_| ()).await;
    site.deliver(&[orders(1)]).await;
    let added = event("api.instance_added", 3, api("orders1", "Orders API", &["prod", "test"]), Vec::new());
    site.deliver(&[added]).await;
    assert_delivered(&site.deliver(&[orders(2)]).await);
    assert_eq!(site.entities()[0]["metadata"]["annotations"]["aboard/stages"], "prod,test");
}

#[tokio::test]
async fn the_file_is_committed_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let output = std::process::Command::new("git").args(words).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["init", "--quiet"]);
    fs::write(folder.path().join("other.yaml"), "x").unwrap();
    let path = folder.path().join("catalog-info.yaml");
    let site = Site::of_file(|settings| {
        settings.path = path;
        settings.git = Some(crate::config::Git::default());
    })
    .await;
    assert_delivered(&site.deliver(&[orders(1)]).await);
    assert_delivered(&site.deliver(&[orders(1)]).await);
    assert_eq!(run(&["log", "--format=%s", "--name-only"]), "portal: 1 onboarded\n\ncatalog-info.yaml\n");
}

#[tokio::test]
async fn a_test_says_what_backstage_reads_at_the_location() {
    let site = Site::open().await;
    site.deliver(&[orders(1)]).await;
    let said = site.target.test(&orders(1).notice).await.unwrap();
    assert!(
        said.ends_with("holds 1 APIs; Backstage reads 1 entities at the location, which it does not know yet"),
        "{said}"
    );
    let asked = site.stand_in.script().asked.last().cloned();
    assert_eq!(asked.as_deref(), Some("/portal/api/catalog/locations?dryRun=true"));
}
