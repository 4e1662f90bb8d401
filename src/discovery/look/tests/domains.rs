//! What custom domains bring to a look.

use super::*;

#[tokio::test]
async fn custom_domains_give_addresses_to_both_families() {
    let (rest, http, log) = look_at(|asked| match asked.path.as_str() {
        "/v2/apis" => Reply::json(r#"{"items":[{"apiId":"h1","protocolType":"HTTP"},{"apiId":"w1","protocolType":"WEBSOCKET"}]}"#),
        "/v2/apis/h1/stages" => Reply::json(r#"{"items":[{"stageName":"$default","autoDeploy":true}]}"#),
        "/v2/apis/w1/stages" => Reply::json(r#"{"items":[{"stageName":"live","deploymentId":"d9"}]}"#),
        "/domainnames" => Reply::json(
            r#"{"item":[{"domainName":"api.example.com","domainNameStatus":"AVAILABLE","endpointConfiguration":{"types":["REGIONAL"]}},
                {"domainName":"edge.example.com","endpointConfiguration":{"types":["EDGE"]}},
                {"domainName":"in.example.com","domainNameId":"id1","endpointConfiguration":{"types":["PRIVATE"]}},
                {"domainName":"in.example.com","domainNameId":"id2","endpointConfiguration":{"types":["PRIVATE"]}}]}"#,
        ),
        "/v2/domainnames" => Reply::json(
            r#"{"items":[{"domainName":"api.example.com","domainNameConfigurations":[{"endpointType":"REGIONAL","domainNameStatus":"AVAILABLE"}]},
                {"domainName":"edge.example.com","domainNameConfigurations":[{"endpointType":"EDGE"}]}]}"#,
        ),
        "/v2/domainnames/api.example.com/apimappings" => Reply::json(
            r#"{"items":[{"apiId":"abc","apiMappingKey":"orders/v1","stage":"prod"},{"apiId":"h1","apiMappingKey":"","stage":"$default"},
                {"apiId":"w1","apiMappingKey":"chat","stage":"live"},{"apiId":"abc","apiMappingKey":"x","stage":"no-such-stage"}]}"#,
        ),
        "/domainnames/edge.example.com/basepathmappings" => Reply::json(r#"{"item":[{"basePath":"(none)","restApiId":"abc"}]}"#),
        "/domainnames/in.example.com/basepathmappings" => match asked.parameter("domainNameId") {
            Some("id1") => Reply::json(r#"{"item":[{"basePath":"one","restApiId":"abc","stage":"prod"}]}"#),
            Some("id2") => Reply::json(r#"{"item":[{"basePath":"two","restApiId":"abc","stage":"prod"}]}"#),
            other => panic!("{other:?}"),
        },
        _ => one_rest_api(asked),
    })
    .await;
    assert_eq!(
        urls(&rest),
        [
            "https://api.example.com/orders/v1",
            "https://edge.example.com/prod",
            "https://in.example.com/one",
            "https://in.example.com/two",
            "https://abc.execute-api.eu-west-1.amazonaws.com/prod",
        ]
    );
    assert_eq!(
        urls(&http),
        [
            "https://api.example.com",
            "https://h1.execute-api.eu-west-1.amazonaws.com",
            "wss://api.example.com/chat",
            "wss://w1.execute-api.eu-west-1.amazonaws.com/live",
        ]
    );
    assert_eq!((rest.notes.len(), http.notes.len()), (0, 0));
    let mut paths: Vec<String> = log.all().iter().map(|asked| format!("{}{:?}", asked.path, asked.query)).collect();
    let count = paths.len();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), count, "nothing is asked twice");
}

#[tokio::test]
async fn routing_rules_are_read_where_the_domain_uses_them_and_mappings_only_where_it_still_does() {
    for (mode, mappings) in [("ROUTING_RULE_ONLY", 0), ("ROUTING_RULE_THEN_BASE_PATH_MAPPING", 1)] {
        let (rest, _, log) = look_at(move |asked| match asked.path.as_str() {
            "/domainnames" => Reply::json(format!(
                r#"{{"item":[{{"domainName":"r.example.com","routingMode":"{mode}","endpointConfiguration":{{"types":["REGIONAL"]}}}}]}}"#
            )),
            "/v2/domainnames/r.example.com/routingrules" => Reply::json(
                r#"{"routingRules":[{"priority":1,"conditions":[{"matchBasePaths":{"anyOf":["a","b"]}}],"actions":[{"invokeApi":{"apiId":"abc","stage":"prod"}}]},
                    {"priority":2,"conditions":[{"matchHeaders":{"anyOf":[{"header":"x","valueGlob":"y"}]}}],"actions":[{"invokeApi":{"apiId":"abc","stage":"prod"}}]}]}"#,
            ),
            "/domainnames/r.example.com/basepathmappings" => Reply::json(r#"{"item":[]}"#),
            _ => one_rest_api(asked),
        })
        .await;
        assert_eq!(urls(&rest)[..3], ["https://r.example.com", "https://r.example.com/a", "https://r.example.com/b"]);
        assert_eq!(log.count(|asked| asked.path.ends_with("mappings")), mappings);
    }
}

#[tokio::test]
async fn routing_rules_that_are_denied_are_a_note_that_names_the_permission() {
    let (rest, http, _) = look_at(|asked| match asked.path.as_str() {
        "/domainnames" => Reply::json(
            r#"{"item":[{"domainName":"r.example.com","routingMode":"ROUTING_RULE_ONLY","endpointConfiguration":{"types":["REGIONAL"]}}]}"#,
        ),
        "/v2/domainnames/r.example.com/routingrules" => Reply::error(403, "AccessDeniedException", "no"),
        _ => one_rest_api(asked),
    })
    .await;
    assert_eq!(rest.listing, Listing::Whole { without_list: false });
    let [note] = &rest.notes[..] else { panic!("{:?}", rest.notes) };
    assert!(
        note.contains(
            "apigateway:ListRoutingRules on arn:aws:apigateway:eu-west-1:*:/domainnames/r.example.com/routingrules/*"
        ),
        "{note}"
    );
    assert!(http.notes.is_empty());
}

#[tokio::test]
async fn domains_that_are_denied_are_notes_and_never_a_failure() {
    let (rest, ..) = look_at(|asked| match asked.path.as_str() {
        "/domainnames" | "/v2/domainnames" => Reply::error(403, "AccessDeniedException", "no"),
        _ => one_rest_api(asked),
    })
    .await;
    assert_eq!(rest.listing, Listing::Whole { without_list: false });
    assert_eq!(rest.notes.len(), 2, "{:?}", rest.notes);
    assert_eq!(urls(&rest).len(), 1);
}

#[tokio::test]
async fn many_failed_mappings_of_one_kind_are_one_note() {
    let (rest, ..) = look_at(|asked| match asked.path.as_str() {
        "/domainnames" => {
            let domain =
                |n| format!(r#"{{"domainName":"d{n}.example.com","endpointConfiguration":{{"types":["EDGE"]}}}}"#);
            Reply::json(format!(r#"{{"item":[{}]}}"#, (0..30).map(domain).collect::<Vec<_>>().join(",")))
        }
        "/domainnames/d7.example.com/basepathmappings" => Reply::not_found(),
        path if path.ends_with("mappings") => Reply::error(403, "AccessDeniedException", "no"),
        _ => one_rest_api(asked),
    })
    .await;
    let [note] = &rest.notes[..] else { panic!("{:?}", rest.notes) };
    assert!(note.contains("29 custom domains"), "{note}");
}

#[tokio::test]
async fn edge_and_private_domains_are_not_asked_about_where_there_is_no_rest_api() {
    let (_, http, log) = look_at(|asked| match asked.path.as_str() {
        "/v2/apis" => Reply::json(r#"{"items":[{"apiId":"h1","protocolType":"HTTP"}]}"#),
        "/domainnames" => {
            Reply::json(r#"{"item":[{"domainName":"edge.example.com","endpointConfiguration":{"types":["EDGE"]}}]}"#)
        }
        _ => empty(asked),
    })
    .await;
    assert_eq!(http.apis.len(), 1);
    assert_eq!(log.count(|asked| asked.path.contains("mappings")), 0);
}
