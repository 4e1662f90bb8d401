use serde_json::{Value, json};

use super::*;
use crate::inventory::InstanceKind;

const REST: &str = include_str!("../../tests/it/exports/rest.json");
const HTTP: &str = include_str!("../../tests/it/exports/http.json");

fn instance(stage: &str, url: &str, kind: InstanceKind, callable: bool) -> Instance {
    let (stage, url) = (stage.to_owned(), url.to_owned());
    Instance { stage, url, kind, callable, created_at: None, deployed_at: None }
}

fn subject() -> Subject {
    Subject {
        name: "orders".to_owned(),
        description: None,
        version: None,
        instances: vec![
            instance(
                "prod",
                "https://restorders.execute-api.eu-west-1.amazonaws.com/prod",
                InstanceKind::ExecuteApi,
                true,
            ),
            instance("prod", "https://api.shop.example/orders", InstanceKind::CustomDomain, true),
            instance("prod", "https://old.shop.example/orders", InstanceKind::CustomDomain, false),
            instance("test", "https://test.shop.example", InstanceKind::CustomDomain, true),
        ],
    }
}

fn text_of(export: &str) -> String {
    write(&AwsExport::OpenApi(export.into()), &subject(), "prod", Layout::Lines).unwrap().text
}

fn document_of(export: &str) -> Value {
    serde_json::from_str(&text_of(export)).unwrap()
}

/// An export with one change.
fn changed(export: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut document: Value = serde_json::from_str(export).unwrap();
    change(&mut document);
    document.to_string()
}

#[test]
fn nothing_of_the_account_is_left_in_a_document() {
    for export in [REST, HTTP] {
        let text = text_of(export).replace("x-amazon-apigateway-note", "");
        for internal in
            ["arn:aws", "x-amazon-apigateway", "111122223333", "vlnk", "vpce-", "VPC_LINK", "cognito", "eu-west-1_"]
        {
            assert!(!text.contains(internal), "{internal} in {text}");
        }
    }
    let own = changed(HTTP, |export| {
        export["x-owner"] = json!("team shop");
        export["x-role"] = json!({ "deep": ["arn:aws-cn:iam::111122223333:role/R"] });
    });
    let document = document_of(&own);
    assert_eq!((&document["x-owner"], &document["x-role"]), (&json!("team shop"), &Value::Null));
}

#[test]
fn names_and_data_of_the_owner_stay_whatever_they_look_like() {
    let document = document_of(REST);
    let order = &document["components"]["schemas"]["Order"];
    let names: Vec<&String> = order["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["id", "items", "required", "x-amazon-apigateway-note"]);
    assert_eq!(order["properties"]["required"]["default"], json!(false));
    assert_eq!(document["components"]["schemas"]["Item"]["properties"]["sku"]["enum"], json!(["b", "a"]));
    let headers = &document["paths"]["/orders/{orderId}"]["get"]["responses"]["200"]["headers"];
    assert!(headers["x-amzn-RequestId"].is_object());
}

#[test]
fn servers_are_the_callable_addresses_of_the_stage_the_custom_domain_first() {
    assert_eq!(
        document_of(REST)["servers"],
        json!([
            { "url": "https://api.shop.example/orders" },
            { "url": "https://restorders.execute-api.eu-west-1.amazonaws.com/prod" },
        ])
    );
    let nobody = Subject { instances: Vec::new(), ..subject() };
    let written = write(&AwsExport::OpenApi(REST.into()), &nobody, "prod", Layout::Lines).unwrap();
    let document: Value = serde_json::from_str(&written.text).unwrap();
    assert!(document.get("servers").is_none(), "AWS's own would not answer");
}

#[test]
fn an_unchanged_api_gives_the_same_text_after_each_deployment() {
    let first = text_of(REST);
    let again = changed(REST, |export| {
        export["info"]["version"] = json!("2026-03-01T10:00:00Z");
        export["components"]["schemas"]["Order"]["required"] = json!(["id", "items"]);
        let parameters = &mut export["paths"]["/orders/{orderId}"]["get"]["parameters"];
        parameters.as_array_mut().unwrap().reverse();
    });
    assert_eq!(text_of(&again), first);
    let http = changed(HTTP, |export| export["info"]["version"] = json!("2026-03-01 10:00:00UTC"));
    assert_eq!(text_of(&http), text_of(HTTP));
    let other = changed(REST, |export| export["paths"]["/orders/{orderId}"]["put"]["deprecated"] = json!(true));
    assert_ne!(text_of(&other), first);
}

#[test]
fn a_version_that_a_person_gave_stands_and_an_instant_gives_way_to_the_label() {
    assert_eq!(document_of(REST)["info"]["version"], "unversioned");
    let given = changed(REST, |export| export["info"]["version"] = json!("2.1"));
    assert_eq!(document_of(&given)["info"]["version"], "2.1");
    let labelled = Subject { version: Some("v7".to_owned()), ..subject() };
    let written = write(&AwsExport::OpenApi(REST.into()), &labelled, "prod", Layout::Lines).unwrap();
    let document: Value = serde_json::from_str(&written.text).unwrap();
    assert_eq!(document["info"]["version"], "v7");
}

#[test]
fn the_method_that_stands_for_all_becomes_those_that_the_path_lacks() {
    let document = document_of(REST);
    let files = document["paths"]["/files/{proxy+}"].as_object().unwrap();
    let methods: Vec<&String> = files.keys().collect();
    assert_eq!(methods, ["delete", "get", "head", "options", "parameters", "patch", "post", "put"]);
    assert_eq!(files["get"]["operationId"], "Files-get");
    assert!(files["options"].get("operationId").is_none(), "its own stands");
    assert_eq!(files["parameters"][0]["name"], "proxy+", "which has no parameters");
    assert_eq!(files["post"]["parameters"][0]["name"], "proxy+", "as the path spells it");
    assert_eq!(files["post"]["responses"], json!({ "default": { "description": "" } }));
    let any = &document_of(HTTP)["paths"]["/$default"]["get"];
    assert_eq!(any, &json!({ "responses": { "default": { "description": "Default response for $default" } } }));
}

#[test]
fn a_placeholder_that_aws_does_not_describe_is_described() {
    let item = &document_of(HTTP)["paths"]["/baskets/{id}"];
    let parameter = json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } });
    assert_eq!(item["parameters"], json!([parameter]));
    assert!(document_of(REST)["paths"]["/orders/{orderId}"]["parameters"][0]["name"] == "orderId", "`put` lacks it");
}

#[test]
fn security_schemes_stay_and_are_valid_without_their_authorizers() {
    let schemes = &document_of(REST)["components"]["securitySchemes"];
    let in_header = |name: &str| json!({ "type": "apiKey", "name": name, "in": "header" });
    assert_eq!(
        schemes,
        &json!({
            "api_key": in_header("x-api-key"), "lambda": in_header("Unused"), "pool": in_header("Authorization"),
            "sigv4": in_header("Authorization"),
        }),
        "one that is required and not described is described"
    );
    let schemes = &document_of(HTTP)["components"]["securitySchemes"];
    assert_eq!(schemes, &json!({ "jwt": { "type": "oauth2", "flows": {} }, "lambda": in_header("Authorization") }));
}

#[test]
fn ids_of_operations_are_unique() {
    let same = changed(REST, |export| {
        export["paths"]["/orders/{orderId}"]["put"]["operationId"] = json!("GetOrder");
    });
    let paths = &document_of(&same)["paths"];
    let id = |method: &str| paths["/orders/{orderId}"][method]["operationId"].clone();
    assert_eq!((id("get"), id("put")), (json!("GetOrder"), json!("GetOrder-2")));
}

#[test]
fn what_is_no_openapi_3_is_refused_with_a_sentence() {
    for (export, said) in [
        ("", "is no JSON"),
        ("<html>", "is no JSON"),
        (r#"{"swagger":"2.0"}"#, "is no OpenAPI 3 document"),
        (r#"{"openapi":"2.0"}"#, "is no OpenAPI 3 document"),
        ("[]", "is no OpenAPI 3 document"),
    ] {
        let error = write(&AwsExport::OpenApi(export.into()), &subject(), "prod", Layout::Lines).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
    let least = document_of(r#"{"openapi":"3.1.0"}"#);
    assert_eq!((&least["info"]["title"], &least["paths"]), (&json!("orders"), &json!({})));
}

#[test]
fn a_document_that_is_too_long_is_refused_and_says_how_long_it_is() {
    let of = |bytes: usize| {
        let long = changed(HTTP, |export| export["info"]["description"] = json!("x".repeat(bytes)));
        write(&AwsExport::OpenApi(long.into()), &subject(), "prod", Layout::Lines)
    };
    assert!(of(MOST_BYTES - 8_000).is_ok());
    let error = of(MOST_BYTES).unwrap_err();
    assert!(error.contains("bytes, more than the 6291456 that are stored"), "{error}");
}

#[test]
fn other_addresses_change_the_servers_of_a_stored_document_and_nothing_else() {
    let (first, mut moved) = (text_of(REST), subject());
    assert_eq!(served_anew(&first, SpecificationFormat::OpenApi, &subject(), "prod"), None);
    moved.instances.remove(0);
    let anew = served_anew(&first, SpecificationFormat::OpenApi, &moved, "prod").unwrap();
    assert_eq!(anew, write(&AwsExport::OpenApi(REST.into()), &moved, "prod", Layout::Lines).unwrap().text);
    assert_ne!(anew, first);
}

fn chat() -> (Routes, Subject) {
    let route = |key: &str| Route { key: key.to_owned(), ..Route::default() };
    let routes = Routes {
        selection: Some("$request.body.action".to_owned()),
        routes: vec![
            Route { operation: Some("Say something".to_owned()), ..route("send/message") },
            Route { authorization: Some("AWS_IAM".to_owned()), api_key: true, ..route("$connect") },
            route("$disconnect"),
            route("$default"),
            route("send-message"),
        ],
    };
    let instances = vec![
        instance("live", "wss://chat0000001.execute-api.eu-west-1.amazonaws.com/live", InstanceKind::ExecuteApi, true),
        instance("live", "wss://chat.shop.example", InstanceKind::CustomDomain, true),
    ];
    let subject = Subject {
        name: "chat".to_owned(),
        description: Some("Talk".to_owned()),
        version: Some("3".to_owned()),
        instances,
    };
    (routes, subject)
}

#[test]
fn routes_become_messages_and_operations_of_one_channel() {
    let (routes, subject) = chat();
    let written = write(&AwsExport::Routes(routes), &subject, "live", Layout::Lines).unwrap();
    assert_eq!(written.format, SpecificationFormat::AsyncApi);
    let document: Value = serde_json::from_str(&written.text).unwrap();
    assert_eq!(document["info"], json!({ "title": "chat", "description": "Talk", "version": "3" }));
    let operations: Vec<(&String, &Value)> = document["operations"].as_object().unwrap().iter().collect();
    let shown: Vec<(&str, &str)> =
        operations.iter().map(|(id, operation)| (id.as_str(), operation["title"].as_str().unwrap())).collect();
    assert_eq!(
        shown,
        [
            ("Say-something", "send/message"),
            ("connect", "$connect"),
            ("default", "$default"),
            ("disconnect", "$disconnect"),
            ("send-message", "send-message")
        ]
    );
    assert_eq!(document["operations"]["connect"]["messages"], json!([]));
    let messages = &document["channels"]["connection"]["messages"];
    assert_eq!(messages.as_object().unwrap().keys().collect::<Vec<_>>(), ["default", "send-message", "send-message-2"]);
    let of = &document["operations"]["Say-something"]["messages"];
    assert_eq!(of, &json!([{ "$ref": "#/channels/connection/messages/send-message-2" }]), "two keys, one word");
    assert_eq!(
        messages["send-message-2"]["payload"],
        json!({ "type": "object", "required": ["action"], "properties": { "action": { "const": "send/message" } } })
    );
    assert!(messages["default"].get("payload").is_none());
}

#[test]
fn web_socket_servers_have_host_path_and_what_connecting_needs() {
    let (routes, mut subject) = chat();
    let text = write(&AwsExport::Routes(routes), &subject, "live", Layout::Lines).unwrap().text;
    let document: Value = serde_json::from_str(&text).unwrap();
    let security = json!([
        { "$ref": "#/components/securitySchemes/api_key" }, { "$ref": "#/components/securitySchemes/sigv4" }
    ]);
    assert_eq!(
        document["servers"],
        json!({
            "custom-domain": { "host": "chat.shop.example", "protocol": "wss", "security": security },
            "execute-api": {
                "host": "chat0000001.execute-api.eu-west-1.amazonaws.com", "pathname": "/live", "protocol": "wss",
                "security": security,
            },
        })
    );
    subject.instances.clear();
    let nowhere = served_anew(&text, SpecificationFormat::AsyncApi, &subject, "live").unwrap();
    assert!(!nowhere.contains("\"servers\""));
    let (_, subject) = chat();
    assert_eq!(served_anew(&nowhere, SpecificationFormat::AsyncApi, &subject, "live"), Some(text));
}

#[test]
fn what_selects_a_route_is_described_as_far_as_it_names_a_member_of_the_message() {
    let payload_by = |selection: &str| {
        let (mut routes, subject) = chat();
        routes.selection = Some(selection.to_owned());
        let text = write(&AwsExport::Routes(routes), &subject, "live", Layout::Lines).unwrap().text;
        let document: Value = serde_json::from_str(&text).unwrap();
        document["channels"]["connection"]["messages"]["send-message"]["payload"].clone()
    };
    let inner =
        json!({ "type": "object", "required": ["kind"], "properties": { "kind": { "const": "send-message" } } });
    let outer = json!({ "type": "object", "required": ["meta"], "properties": { "meta": inner } });
    assert_eq!(payload_by("${request.body.meta.kind}"), outer);
    for other in ["${request.body.a}/${request.body.b}", "$request.body", "$context.routeKey", "$request.body.a[0]"] {
        assert_eq!(payload_by(other), Value::Null, "{other}");
    }
}
