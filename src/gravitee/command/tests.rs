use secrecy::SecretString;
use serde_json::json;

use super::*;
use crate::gravitee::frame::decode;
use crate::gravitee::model::*;

const NO_LIMIT: usize = usize::MAX;
const TARGET: &str = "c5537ce6-5746-4497-937c-e65746a4973e";

fn text(bytes: Result<Vec<u8>, EncodeError>) -> String {
    String::from_utf8(bytes.unwrap()).unwrap()
}

fn asked(golden: &str) -> Command {
    let frame = decode(golden.as_bytes()).unwrap();
    assert_eq!(frame.kind, Kind::Command);
    read_command(frame.json.unwrap()).unwrap()
}

fn reply(golden: &str) -> Reply {
    let frame = decode(golden.as_bytes()).unwrap();
    assert_eq!(frame.kind, Kind::Reply);
    read_reply(frame.json.unwrap()).unwrap()
}

fn api() -> Api {
    Api {
        unique_id: "u".to_owned(),
        id: "a1b2c3".to_owned(),
        name: "Orders".to_owned(),
        version: Some("1".to_owned()),
        description: Some("d".to_owned()),
        connection_details: [("url".to_owned(), "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/prod".to_owned())]
            .into(),
        kind: Some(ApiType::Proxy),
        pages: vec![Page {
            page_type: PageType::Swagger,
            content: "{...}".to_owned(),
            filename: "Orders.json".to_owned(),
        }],
        plans: vec![Plan {
            id: "up1".to_owned(),
            name: "Gold".to_owned(),
            description: Some("g".to_owned()),
            plan_security_type: PlanSecurityType::ApiKey,
            characteristics: vec!["Rate: 10.0 requests per second".to_owned()],
        }],
        metadata: vec![Metadata { name: "k".to_owned(), value: "v".to_owned(), format: MetadataFormat::String }],
    }
}

const API: &str = r#"{"uniqueId":"u","id":"a1b2c3","name":"Orders","version":"1","description":"d","connectionDetails":{"url":"https://a1b2c3.execute-api.eu-west-1.amazonaws.com/prod"},"type":"PROXY","pages":[{"pageType":"SWAGGER","content":"{...}","filename":"Orders.json"}],"plans":[{"id":"up1","name":"Gold","description":"g","planSecurityType":"API_KEY","characteristics":["Rate: 10.0 requests per second"]}],"metadata":[{"name":"k","value":"v","format":"STRING"}]}"#;

#[test]
fn hello_is_written_and_its_replies_are_read() {
    let hello = Hello { target_id: TARGET.to_owned(), provider: "aws-api-gateway".to_owned() };
    assert_eq!(
        text(command("1111..", types::HELLO, &hello, NO_LIMIT)),
        r#"t:COMMAND;;et:HELLO;;e:{"id":"1111..","type":"HELLO","payload":{"targetId":"c5537ce6-5746-4497-937c-e65746a4973e","provider":"aws-api-gateway"}}"#
    );
    let yes = reply(
        r#"t:REPLY;;et:HELLO;;e:{"commandId":"1111..","type":"HELLO","commandStatus":"SUCCEEDED","payload":{"targetId":"c5537ce6-..."}}"#,
    );
    assert!(yes.succeeded() && yes.command_id.as_deref() == Some("1111.."));
    assert_eq!(yes.payload, Some(json!({ "targetId": "c5537ce6-..." })));
    let no = reply(
        r#"t:REPLY;;et:HELLO;;e:{"commandId":"1111..","type":"HELLO","commandStatus":"ERROR","errorDetails":"..."}"#,
    );
    assert!(!no.succeeded());
    assert_eq!((no.error_details.as_deref(), no.payload), (Some("..."), None));
}

#[test]
fn what_a_connection_is_told_is_read_and_answered() {
    let primary = asked(r#"t:COMMAND;;et:PRIMARY;;e:{"id":"3e03..","type":"PRIMARY","payload":{"primary":true}}"#);
    assert_eq!(primary, Command { id: "3e03..".to_owned(), asked: Asked::Primary(Primary { primary: true }) });
    assert_eq!(
        text(succeeded("3e03..", types::PRIMARY, &json!({}), NO_LIMIT)),
        r#"t:REPLY;;et:PRIMARY;;e:{"commandId":"3e03..","type":"PRIMARY","commandStatus":"SUCCEEDED","payload":{}}"#
    );
    let health = asked(r#"t:COMMAND;;et:HEALTH_CHECK;;e:{"id":"5298..","type":"HEALTH_CHECK","payload":{}}"#);
    assert_eq!(health, Command { id: "5298..".to_owned(), asked: Asked::HealthCheck });
    assert_eq!(
        text(succeeded("5298..", types::HEALTH_CHECK, &json!({ "healthy": true }), NO_LIMIT)),
        r#"t:REPLY;;et:HEALTH_CHECK;;e:{"commandId":"5298..","type":"HEALTH_CHECK","commandStatus":"SUCCEEDED","payload":{"healthy":true}}"#
    );
    let farewell = asked(
        r#"t:COMMAND;;et:GOOD_BYE;;e:{"id":"e4a0..","type":"GOOD_BYE","payload":{"targetId":"c5537ce6-...","reconnect":true}}"#,
    );
    let good_bye = GoodBye { target_id: Some("c5537ce6-...".to_owned()), reconnect: true };
    assert_eq!(farewell.asked, Asked::GoodBye(good_bye));
}

#[test]
fn discover_is_read_and_answered() {
    let discover = asked(r#"t:COMMAND;;et:DISCOVER;;e:{"id":"ae11..","type":"DISCOVER","payload":{}}"#);
    assert_eq!(discover.asked, Asked::Discover);
    let discovered = Discovered { apis: vec![api()], is_partial_discovery: false };
    let golden = format!(
        r#"t:REPLY;;et:DISCOVER;;e:{{"commandId":"ae11..","type":"DISCOVER","commandStatus":"SUCCEEDED","payload":{{"apis":[{API}],"isPartialDiscovery":false}}}}"#
    );
    assert_eq!(text(succeeded("ae11..", types::DISCOVER, &discovered, NO_LIMIT)), golden);
    assert_eq!(Discovered::deserialize(reply(&golden).payload.unwrap()).unwrap(), discovered);
    let old: Discovered = serde_json::from_str(r#"{"apis":null,"unheard":1}"#).unwrap();
    assert_eq!(old, Discovered::default());
}

#[test]
fn an_ingest_is_asked_for_sent_and_taken() {
    let golden = r#"t:COMMAND;;et:START_INGEST;;e:{"id":"fb1d..","type":"START_INGEST","payload":{"ingestJobId":"job-1","apiIds":["a1b2c3"]}}"#;
    let start = StartIngest { ingest_job_id: "job-1".to_owned(), api_ids: vec!["a1b2c3".to_owned()] };
    assert_eq!(asked(golden).asked, Asked::StartIngest(start.clone()));
    assert_eq!(text(command("fb1d..", types::START_INGEST, &start, NO_LIMIT)), golden);
    for all in [
        r#"{"ingestJobId":"job-1"}"#,
        r#"{"ingestJobId":"job-1","apiIds":null}"#,
        r#"{"ingestJobId":"job-1","apiIds":[]}"#,
    ] {
        assert!(serde_json::from_str::<StartIngest>(all).unwrap().api_ids.is_empty());
    }
    assert_eq!(
        text(succeeded(
            "fb1d..",
            types::START_INGEST,
            &IngestStarted { ingest_job_id: "job-1".to_owned(), total: 2 },
            NO_LIMIT
        )),
        r#"t:REPLY;;et:START_INGEST;;e:{"commandId":"fb1d..","type":"START_INGEST","commandStatus":"SUCCEEDED","payload":{"ingestJobId":"job-1","total":2}}"#
    );
    let ingest = Ingest { ingest_job_id: "job-1".to_owned(), apis: vec![api()], done: true };
    assert_eq!(
        text(command("cb3c..", types::INGEST, &ingest, NO_LIMIT)),
        format!(
            r#"t:COMMAND;;et:INGEST;;e:{{"id":"cb3c..","type":"INGEST","payload":{{"ingestJobId":"job-1","apis":[{API}],"done":true}}}}"#
        )
    );
    let taken = reply(
        r#"t:REPLY;;et:INGEST;;e:{"commandId":"cb3c..","type":"INGEST","commandStatus":"SUCCEEDED","payload":{}}"#,
    );
    assert!(taken.succeeded());
}

#[test]
fn subscriptions_are_asked_for_and_answered() {
    let golden = r#"t:COMMAND;;et:SUBSCRIBE;;e:{"id":"89a4..","type":"SUBSCRIBE","payload":{"apiId":"a1b2c3","subscription":{"graviteeSubscriptionId":"s1","graviteeApplicationId":"app1","graviteeApplicationName":"App","type":"API_KEY","metadata":{"planId":"up1","url":"https://..."}}}}"#;
    let Asked::Subscribe(subscribe) = asked(golden).asked else { panic!() };
    assert_eq!(subscribe.subscription.metadata[PLAN_ID], "up1");
    assert_eq!(subscribe.subscription.kind, Some(SubscriptionType::ApiKey));
    assert_eq!(text(command("89a4..", types::SUBSCRIBE, &subscribe, NO_LIMIT)), golden);
    let given = Subscribed {
        subscription: SubscriptionResult {
            gravitee_subscription_id: "s1".to_owned(),
            metadata: [("aws-api-key-id".to_owned(), "k1".to_owned())].into(),
            api_key: Some(ApiKey(SecretString::from("KEYVALUE"))),
        },
    };
    assert_eq!(
        text(succeeded("89a4..", types::SUBSCRIBE, &given, NO_LIMIT)),
        r#"t:REPLY;;et:SUBSCRIBE;;e:{"commandId":"89a4..","type":"SUBSCRIBE","commandStatus":"SUCCEEDED","payload":{"subscription":{"graviteeSubscriptionId":"s1","metadata":{"aws-api-key-id":"k1"},"apiKey":"KEYVALUE"}}}"#
    );
    let golden = r#"t:COMMAND;;et:UNSUBSCRIBE;;e:{"id":"803a..","type":"UNSUBSCRIBE","payload":{"apiId":"a1b2c3","subscription":{"graviteeSubscriptionId":"s1","metadata":{"aws-api-key-id":"k1","url":"https://..."}}}}"#;
    let Asked::Unsubscribe(unsubscribe) = asked(golden).asked else { panic!() };
    assert_eq!(unsubscribe.subscription.metadata["aws-api-key-id"], "k1");
    assert_eq!(text(command("803a..", types::UNSUBSCRIBE, &unsubscribe, NO_LIMIT)), golden);
    assert_eq!(
        text(succeeded("803a..", types::UNSUBSCRIBE, &json!({}), NO_LIMIT)),
        r#"t:REPLY;;et:UNSUBSCRIBE;;e:{"commandId":"803a..","type":"UNSUBSCRIBE","commandStatus":"SUCCEEDED","payload":{}}"#
    );
}

#[test]
fn what_nobody_knows_or_handles_is_answered_with_an_error_and_an_empty_payload() {
    assert_eq!(asked(r#"t:COMMAND;;et:X;;e:{"id":"1","type":"SING","payload":{"a":1}}"#).asked, Asked::Unknown);
    assert_eq!(asked(r#"t:COMMAND;;e:{"id":"1"}"#).asked, Asked::Unknown);
    assert_eq!(
        asked(r#"t:COMMAND;;et:X;;e:{"id":"1","type":"HELLO","payload":{}}"#).asked,
        Asked::NotForUs("HELLO".to_owned())
    );
    assert_eq!(
        text(failed("1", types::UNKNOWN, "Command unknown", NO_LIMIT)),
        r#"t:REPLY;;et:UNKNOWN;;e:{"commandId":"1","type":"UNKNOWN","commandStatus":"ERROR","errorDetails":"Command unknown","payload":{}}"#
    );
    assert!(text(failed("1", types::NO_REPLY, "no", NO_LIMIT)).ends_with(r#""errorDetails":"no","payload":{}}"#));
    assert!(text(failed("1", types::DISCOVER, "no", NO_LIMIT)).ends_with(r#""errorDetails":"no"}"#));
}

#[test]
fn an_unknown_status_is_an_error_and_a_missing_id_is_made_up() {
    assert!(!reply(r#"t:REPLY;;e:{"commandId":"1","commandStatus":"PERHAPS"}"#).succeeded());
    assert!(!reply(r#"t:REPLY;;e:{"commandId":"1"}"#).succeeded());
    assert_eq!(asked(r#"t:COMMAND;;e:{"type":"DISCOVER"}"#).id.len(), 36);
}

#[test]
fn what_cannot_be_read_is_named_without_being_repeated() {
    let error = read_command(r#"{"id":"7","type":"SUBSCRIBE","payload":{"apiId":"a","subscription":{"graviteeSubscriptionId":"s","metadata":"hunter2"}}}"#).unwrap_err();
    assert_eq!(error.command, Some(("7".to_owned(), "SUBSCRIBE".to_owned())));
    assert_eq!(
        error.to_string(),
        "the payload of SUBSCRIBE cannot be read: a member has another type or a word that is not known"
    );
    let error = read_command(r#"{"id":"7","type":"SUBSCRIBE","payload":{"apiId":"a"}}"#).unwrap_err();
    assert_eq!(error.to_string(), "the payload of SUBSCRIBE cannot be read: subscription is missing");
    let error = read_command(r#"{"id":"7","type":hunter2"#).unwrap_err();
    assert_eq!(error.to_string(), "a command cannot be read: it is no JSON from line 1, column 18 on");
    assert_eq!(error.command, None);
    assert_eq!(read_reply(r#"{"id":"hunter2"#).unwrap_err().why, "it ends too early");
}

#[test]
fn nothing_shows_the_secrets_of_a_subscription() {
    let Asked::Subscribe(subscribe) = read_command(
        r#"{"id":"7","type":"SUBSCRIBE","payload":{"apiId":"a","subscription":{"graviteeSubscriptionId":"s","metadata":{"consumerSecret":"hunter2","x":null}}}}"#,
    )
    .unwrap()
    .asked
    else {
        panic!()
    };
    let shown = format!("{subscribe:?}");
    assert!(shown.contains("consumerSecret") && !shown.contains("hunter2"), "{shown}");
    assert_eq!(subscribe.subscription.metadata.len(), 1);
    let key = ApiKey(SecretString::from("hunter2"));
    assert!(!format!("{key:?}").contains("hunter2"));
}
