use super::*;
use crate::config::{
    AssumeRole, Authorities, Authorization, AwsUser, Credentials, DefaultChain, GraviteeConfig, IntegrationKind,
    Regions, SecretRef, Source, Value,
};

const CANARY: &str = "canary-5f1b0c9e7d2a";

/// What the compose file of Gravitee's documentation sets.
const USUAL: [(&str, &str); 10] = [
    ("gravitee_integration_connector_ws_endpoints_0", "https://apim.example.com/integration-controller"),
    ("gravitee_integration_connector_ws_headers_0_name", "Authorization"),
    ("gravitee_integration_connector_ws_headers_0_value", "bearer canary-5f1b0c9e7d2a"),
    ("gravitee_integration_providers_0_configuration_accessKeyId", "AKIAEXAMPLE"),
    ("gravitee_integration_providers_0_configuration_region", "eu-west-1"),
    ("gravitee_integration_providers_0_configuration_secretAccessKey", CANARY),
    ("gravitee_integration_providers_0_integrationId", "one"),
    ("gravitee_integration_providers_0_type", "aws-api-gateway"),
    ("gravitee_integration_providers_0_configuration_0_stage", ""),
    ("gravitee_integration_providers_0_configuration_1_stage", ""),
];

const PROVIDER: &str = "gravitee_integration_providers_0_configuration_";

/// The usual variables with others in their place; one without a value is taken away.
fn variables(others: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut variables: BTreeMap<String, String> = USUAL.iter().map(owned).collect();
    for (name, value) in others.iter().map(owned) {
        if value == "-" { drop(variables.remove(&name)) } else { drop(variables.insert(name, value)) }
    }
    variables
}

fn understood(others: &[(&str, &str)]) -> Understood {
    let understood = read(&variables(others), None).unwrap();
    assert!(!format!("{understood:?}").contains(CANARY), "{understood:?}");
    understood
}

fn problems(others: &[(&str, &str)]) -> Vec<String> {
    let refused = read(&variables(others), None).expect_err(&format!("{others:?}"));
    assert!(!format!("{refused:?}").contains(CANARY), "{refused:?}");
    refused.problems
}

fn gravitee<'a>(config: &'a Config, name: &str) -> &'a GraviteeConfig {
    let IntegrationKind::Gravitee(gravitee) = &config.integrations[name].kind;
    gravitee
}

fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.to_owned())
}

#[test]
fn the_usual_variables_are_one_integration_and_one_connection_and_no_secret_is_copied() {
    let Understood { config, notes } = understood(&[]);
    assert_eq!(notes, Vec::<String>::new());
    let portal = gravitee(&config, "provider-0");
    assert_eq!(portal.endpoints[0].as_str(), "https://apim.example.com/integration-controller");
    let header = env("gravitee_integration_connector_ws_headers_0_value");
    assert_eq!(portal.authorization, Authorization::Header(header));
    assert_eq!(
        (portal.integration_id.as_str(), portal.connections.as_slice()),
        ("one", &["provider-0".to_owned()][..])
    );
    assert!(portal.stages.is_empty() && !portal.accept_api_without_usage_plan && portal.subscriptions);
    let connection = &config.connections["provider-0"];
    assert_eq!(connection.regions, Regions::Named(vec!["eu-west-1".to_owned()]));
    let user = AwsUser {
        access_key_id: Value::Ref(env(&format!("{PROVIDER}accessKeyId"))),
        secret_access_key: env(&format!("{PROVIDER}secretAccessKey")),
        session_token: None,
    };
    assert_eq!(connection.credentials, Credentials::AwsUser(user));
    assert_eq!((config.http, config.node), (None, None));
}

#[test]
fn keys_that_are_set_to_nothing_are_none_and_leave_the_default_chain() {
    let blank = [(&*format!("{PROVIDER}accessKeyId"), ""), (&*format!("{PROVIDER}secretAccessKey"), " ")];
    let credentials = &understood(&blank).config.connections["provider-0"].credentials;
    assert_eq!(credentials, &Credentials::DefaultChain(DefaultChain::default()));
    let one = problems(&[(&*format!("{PROVIDER}secretAccessKey"), "")]);
    assert_eq!(one, [format!("{PROVIDER}secretAccessKey is missing")]);
}

#[test]
fn every_region_is_looked_at_with_every_role_and_keys_assume_them() {
    let roles = "arn:aws:iam::111122223333:role/A, arn:aws:iam::444455556666:role/B,arn:aws:iam::111122223333:role/C,";
    let config = understood(&[
        (&*format!("{PROVIDER}region"), "us-east-1, eu-west-1 ,,us-east-1"),
        (&*format!("{PROVIDER}roleArn"), roles),
    ])
    .config;
    let names: Vec<&str> = config.connections.keys().map(String::as_str).collect();
    assert_eq!(names, ["provider-0-111122223333", "provider-0-111122223333-2", "provider-0-444455556666"]);
    assert_eq!(gravitee(&config, "provider-0").connections.len(), 3);
    for connection in config.connections.values() {
        assert_eq!(connection.regions, Regions::Named(vec!["us-east-1".to_owned(), "eu-west-1".to_owned()]));
        let Credentials::AssumeRole(AssumeRole { source: Source::AwsUser(_), .. }) = &connection.credentials else {
            panic!("{connection:?}")
        };
    }
}

#[test]
fn stages_are_those_that_are_not_blank_whatever_their_index() {
    let config = understood(&[
        (&*format!("{PROVIDER}1_stage"), "prod"),
        (&*format!("{PROVIDER}7_stage"), "live"),
        (&*format!("{PROVIDER}acceptApiWithoutUsagePlan"), "TRUE"),
        (&*format!("{PROVIDER}subscriptions"), "false"),
        (&*format!("{PROVIDER}identity"), "{api_id}"),
    ])
    .config;
    let portal = gravitee(&config, "provider-0");
    assert_eq!(portal.stages.texts().collect::<Vec<_>>(), ["prod", "live"]);
    assert!(portal.accept_api_without_usage_plan && !portal.subscriptions);
    assert_eq!(portal.identity.to_string(), "{api_id}");
}

#[test]
fn a_second_provider_is_a_second_integration_over_the_same_connector() {
    let config = understood(&[
        ("GRAVITEE_INTEGRATION_PROVIDERS_1_TYPE", "aws-api-gateway"),
        ("gravitee.integration.providers[1].integrationId", "two"),
        ("gravitee_integration_providers_1_configuration_region", "us-gov-west-1"),
    ])
    .config;
    assert_eq!(config.connections.keys().collect::<Vec<_>>(), ["provider-0", "provider-1"]);
    let second = gravitee(&config, "provider-1");
    assert_eq!(
        (second.integration_id.as_str(), second.connections.as_slice()),
        ("two", &["provider-1".to_owned()][..])
    );
    assert_eq!(second.endpoints, gravitee(&config, "provider-0").endpoints);
}

#[test]
fn what_is_wrong_is_named_by_its_variable_and_everything_at_once() {
    for (name, value, said) in [
        ("region", "eu_west_1", "\"eu_west_1\" is not a region"),
        ("region", "", "gravitee_integration_providers_0_configuration_region is missing"),
        ("region", "eu-west-1,cn-north-1", "one provider stays in one"),
        ("roleArn", "arn:aws:iam::1:role/A", "is not an account id of 12 digits"),
        ("roleArn", "arn:aws-cn:iam::111122223333:role/A", "is in another partition than the regions, aws"),
        ("acceptApiWithoutUsagePlan", "yes", "must be true or false"),
        ("accessKeyId", "canary-5f1b0c9e7d2a012345678901234567890", "looks like a secret access key"),
        ("accessKeyId", "ASIAEXAMPLE", "its session token is missing"),
        ("identity", "{name}", "\"name\" is no placeholder"),
        ("0_stage", "prod, test", "is not the name of one stage; each has an index of its own"),
        ("accessKeyId", "AKIAEXAMPLE ", "begins or ends with a blank"),
        ("secretAccessKey", " canary-5f1b0c9e7d2a", "begins or ends with a blank"),
        ("secretAccessKey", "secret://kubernetes/canary-5f1b0c9e7d2a", "refers to a secret of one of Gravitee's"),
        ("secretAccessKey", "${CANARY:canary-5f1b0c9e7d2a}", "holds a placeholder"),
    ] {
        let problems = problems(&[(&*format!("{PROVIDER}{name}"), value)]);
        let all = problems.join("\n");
        assert!(all.contains(said) && all.contains(PROVIDER), "{name}: {all}");
    }
    let ws = |rest: &str| format!("gravitee_integration_connector_ws_{rest}");
    for (name, value, said) in [
        ("endpoints_0", "", "endpoints_0 is missing"),
        ("endpoints_0", "apim.example.com canary-5f1b0c9e7d2a", "this is not a URL"),
        ("headers_0_value", "bearer ", "holds no token"),
        ("headers_0_value", "canary-5f1b0c9e7d2a", "must be the word bearer"),
        ("headers_0_name", "", "no header Authorization is given"),
        ("headers_1_name", "authorization", "headers_1_value is missing"),
        ("headers_1_name", "X Y", "headers_1_value is missing"),
        ("ssl_trustAll", "true", "always checks whom it is connected to"),
        ("ssl_verifyHost", "false", "always checks whom it is connected to"),
        ("ssl_keystore_type", "PKCS12", "not supported"),
        ("ssl_truststore_type", "JKS", "only PEM is read"),
        ("ssl_truststore_type", "PEM", "ssl_truststore_path is missing"),
        ("proxy_enabled", "true", "proxy_host is missing"),
    ] {
        let all = problems(&[(&*ws(name), value)]).join("\n");
        assert!(all.contains(said), "{name}: {all}");
    }
    let everything = read(&BTreeMap::new(), None).unwrap_err().problems;
    assert_eq!(everything.len(), 4, "{everything:#?}");
    let cloud = problems(&[("gravitee_cloud_token", CANARY)]).join("\n");
    assert!(cloud.starts_with("gravitee_cloud_token: Gravitee Cloud's token is not understood"), "{cloud}");
    let other = problems(&[("gravitee_integration_providers_0_type", "azure")]).join("\n");
    assert!(other.contains("an agent for aws-api-gateway"), "{other}");
}

#[test]
fn trust_proxy_and_further_headers_are_read_as_the_original_does() {
    let ws = |rest: &str| format!("gravitee_integration_connector_ws_{rest}");
    let config = understood(&[
        (&*ws("headers_1_name"), "X-Tenant"),
        (&*ws("headers_1_value"), CANARY),
        (&*ws("endpoints_1"), " "),
        (&*ws("endpoints_2"), "wss://other.example.com"),
        (&*ws("ssl_truststore_type"), "pem"),
        (&*ws("ssl_truststore_content"), "LS0tLS1CRUdJTi0tLS0t"),
        (&*ws("proxy_enabled"), "true"),
        (&*ws("proxy_useSystemProxy"), "true"),
        ("gravitee_system_proxy_host", "proxy.example.com"),
        ("gravitee_system_proxy_username", "me"),
        ("gravitee_system_proxy_password", CANARY),
    ])
    .config;
    let portal = gravitee(&config, "provider-0");
    assert_eq!(portal.headers, BTreeMap::from([("X-Tenant".to_owned(), env(&ws("headers_1_value")))]));
    assert_eq!(portal.endpoints.len(), 2);
    assert_eq!(portal.authorities, Some(Authorities::Text("-----BEGIN-----".to_owned())));
    let proxy = portal.proxy.as_ref().unwrap();
    assert_eq!(proxy.url.as_str(), "http://proxy.example.com:3128/");
    assert_eq!(proxy.login.as_ref().unwrap().password, env("gravitee_system_proxy_password"));
}

#[test]
fn the_listener_for_probes_is_where_the_original_has_it() {
    let listen = |others: &[(&str, &str)]| understood(others).config.node.map(|node| node.listen.to_string());
    let on = ("gravitee_services_core_http_enabled", "true");
    assert_eq!(listen(&[on]).as_deref(), Some("127.0.0.1:18084"));
    let all = [on, ("GRAVITEE_SERVICES_CORE_HTTP_HOST", "0.0.0.0"), ("gravitee_services_core_http_port", "8080")];
    assert_eq!(listen(&all).as_deref(), Some("0.0.0.0:8080"));
    assert_eq!(listen(&[("gravitee_services_core_http_port", "8080")]), None);
    assert!(problems(&[on, ("gravitee_services_core_http_host", "agent")])[0].contains("must be an IP address"));
}

#[test]
fn variables_that_were_not_read_are_named_with_what_was_probably_meant() {
    let notes = understood(&[
        ("gravitee_integration_providers_0_configuration_regoin", "eu-west-1"),
        ("gravitee_integration_providers_0_integrationid", "three"),
        ("GRAVITEE_INTEGRATION_PROVIDERS_0_CONFIGURATION_ROLEARNS", "arn"),
        ("gravitee_integration_providers_3_integrationId", "four"),
        ("gravitee_integration_connector_ws_keepAlive", "true"),
        ("GRAVITEE_LOG_LEVEL", "DEBUG"),
        ("gravitee_conf", "/etc/gravitee.yml"),
        ("gravitee_integration_providers_0_configuration_region", "eu-wets-1"),
        ("gravitee_ds_mongodb_host", CANARY),
        ("GRAVITEE_INTEGRATION_PROVIDERS_0_TYPE", "other"),
        ("OTHER_integration", "1"),
    ])
    .notes;
    let expected = [
        "GRAVITEE_INTEGRATION_PROVIDERS_0_TYPE means the same as gravitee_integration_providers_0_type, which counts",
        "gravitee_integration_providers_0_configuration_region: \"eu-wets-1\" is not a region that is known here; it will be \
         tried; did you mean \"eu-west-1\"?",
        "GRAVITEE_INTEGRATION_PROVIDERS_0_CONFIGURATION_ROLEARNS is not known here and was not read; did you mean \
         GRAVITEE_INTEGRATION_PROVIDERS_0_CONFIGURATION_ROLEARN?",
        "GRAVITEE_LOG_LEVEL is not used: say more with -v or ABOARD_LOG",
        "gravitee_ds_mongodb_host is not known here and was not read",
        "gravitee_integration_connector_ws_keepAlive is not used: a connection that is dead is noticed by its silence",
        "gravitee_integration_providers_0_configuration_regoin is not known here and was not read; did you mean \
         gravitee_integration_providers_0_configuration_region?",
        "gravitee_integration_providers_0_integrationid is not known here and was not read; did you mean \
         gravitee_integration_providers_0_integrationId?",
        "gravitee_integration_providers_3_integrationId was not read: reading a list ends at its first index that is \
         missing or blank",
    ];
    assert_eq!(notes, expected);
}

#[test]
fn a_mounted_file_is_read_by_the_same_rules_and_its_secrets_stay_in_it() {
    let text = format!(
        "integration:\n  connector:\n    ws:\n      endpoints:\n        - http://management_api:8072\n      headers:\n        \
         - name: Authorization\n          value: bearer {CANARY}\n  providers:\n    - type: aws-api-gateway\n      \
         integrationId: one\n      configuration:\n        region: eu-west-1\n        accessKeyId: AKIAEXAMPLE\n        \
         secretAccessKey: {CANARY}\n        0:\n          stage: prod\n        regoin: x\nservices:\n  metrics:\n    \
         enabled: true\n"
    );
    let over =
        BTreeMap::from([("gravitee_integration_providers_0_configuration_region".to_owned(), "us-east-1".to_owned())]);
    let file = Path::new("/opt/gravitee.yml");
    let Understood { config, notes } = read(&over, Some((file, &text))).unwrap();
    assert!(!format!("{config:?}{notes:?}").contains(CANARY));
    let connection = &config.connections["provider-0"];
    assert_eq!(
        connection.regions,
        Regions::Named(vec!["us-east-1".to_owned()]),
        "the environment goes before the file"
    );
    let Credentials::AwsUser(user) = &connection.credentials else { panic!("{connection:?}") };
    let key = "integration.providers[0].configuration.secretAccessKey".to_owned();
    assert_eq!(user.secret_access_key, SecretRef::Property { file: file.to_owned(), key });
    assert_eq!(gravitee(&config, "provider-0").stages.texts().collect::<Vec<_>>(), ["prod"]);
    assert_eq!(
        notes,
        [
            "integration.connector.ws.endpoints[0] in /opt/gravitee.yml: the token goes over the network unencrypted",
            "integration.providers[0].configuration.regoin in /opt/gravitee.yml is not known here and was not read; did you \
             mean integration.providers[0].configuration.region?",
            "services.metrics.enabled in /opt/gravitee.yml is not used: metrics are a part of [http] in a schedule file",
        ]
    );
    let broken = read(&over, Some((file, "a: [canary-5f1b0c9e7d2a"))).unwrap_err().problems;
    assert!(broken[0].starts_with("/opt/gravitee.yml: line ") && !broken[0].contains(CANARY), "{broken:?}");
}

#[test]
fn settings_of_something_else_of_gravitees_are_no_settings_of_the_agent() {
    let only = |name: &str, value: &str| is_meant(&BTreeMap::from([(name.to_owned(), value.to_owned())]));
    assert!(only("GRAVITEE_INTEGRATION_PROVIDERS_0_TYPE", "x") && only("gravitee.cloud.token", "x"));
    assert!(!only("gravitee_ds_mongodb_host", "x") && !only("gravitee_integration_providers_0_type", " "));
    assert!(is_ours("gravitee_a") && !is_ours("GRAVITE_A") && !is_ours("é"));
}
