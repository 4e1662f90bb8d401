mod rolling_out;

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::config::{self, AllWants, Config, Connection, Place};

fn config(text: &str) -> Config {
    config::parse(text, &Place::new(Path::new("schedules.toml"))).unwrap().config
}

fn all(config: &Config) -> Vec<&Connection> {
    config.connections.values().collect()
}

fn value(node: &Node) -> Value {
    serde_json::to_value(node).unwrap()
}

/// A connection with an access key; `regions` is the inside of the list.
fn key(name: &str, regions: &str, id: &str) -> String {
    format!(
        "[connections.{name}]\nregions = [{regions}]\n[connections.{name}.credentials.aws_user]\n\
         access_key_id = \"{id}\"\nsecret_access_key = \"env:SECRET\"\n"
    )
}

/// A connection with a central role in the partition; `more` stands in the role's table.
fn central(partition: &str, more: &str) -> String {
    format!(
        "[connections.org.credentials.central_role]\nrole_arn = \"arn:{partition}:iam::111122223333:role/hub/Central\"\n\
         child_role_name = \"spokes/Child\"\n{more}\n"
    )
}

/// The policies of a file by kind, each as the pairs of action and resource that it allows.
fn pairs(text: &str) -> Vec<(Kind, Vec<(String, String)>)> {
    let config = config(text);
    policies(&all(&config), &config.wants(), None)
        .iter()
        .map(|document| (document.kind, allowed(&value(&document.body))))
        .collect()
}

fn allowed(policy: &Value) -> Vec<(String, String)> {
    let texts = |value: &Value| match value {
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    };
    let mut pairs = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        for action in texts(&statement["Action"]) {
            pairs.extend(texts(&statement["Resource"]).into_iter().map(|resource| (action.clone(), resource)));
        }
    }
    pairs
}

fn actions(pairs: &[(String, String)]) -> Vec<&str> {
    let mut actions: Vec<&str> = pairs.iter().map(|(action, _)| action.as_str()).collect();
    actions.dedup();
    actions
}

#[test]
fn named_regions_stand_in_the_resources_and_all_of_them_are_a_star() {
    let named = pairs(&key("a", "\"eu-west-1\", \"us-east-1\"", "AKIAA"));
    assert_eq!(named.len(), 1);
    assert_eq!(actions(&named[0].1), ["apigateway:GET", "apigateway:ListRoutingRules"]);
    for region in ["eu-west-1", "us-east-1"] {
        for (account, path) in [
            ("", "/restapis"),
            ("", "/restapis/*"),
            ("", "/apis"),
            ("", "/apis/*"),
            ("", "/domainnames"),
            ("", "/domainnames/*"),
            ("*", "/domainnames/*+*"),
        ] {
            let pair = ("apigateway:GET".to_owned(), format!("arn:aws:apigateway:{region}:{account}:{path}"));
            assert!(named[0].1.contains(&pair), "{pair:?}");
        }
    }
    assert_eq!(named[0].1.len(), 2 * 8);

    let every = pairs(&key("a", "\"all\", \"!ap-*\"", "AKIAA"));
    assert_eq!(actions(&every[0].1), ["apigateway:GET", "apigateway:ListRoutingRules", "account:ListRegions"]);
    assert_eq!(every[0].1[0].1, "arn:aws:apigateway:*::/restapis");
    assert_eq!(every[0].1.len(), 9);
}

#[test]
fn listing_regions_is_allowed_only_where_somebody_may_be_asked_for_them() {
    for partition in config::regions::partitions() {
        let id = partition.id.as_str();
        let expected = matches!(id, "aws" | "aws-cn");
        for (kind, pairs) in pairs(&central(id, "")) {
            let reads = kind != Kind::Identity;
            assert_eq!(actions(&pairs).contains(&"account:ListRegions"), expected && reads, "{id} {kind:?}");
        }
        let config = config(&key("a", "\"all\"", "AKIAA"));
        let policy = value(&policies(&all(&config), &config.wants(), Some(id))[0].body);
        assert_eq!(actions(&allowed(&policy)).contains(&"account:ListRegions"), expected, "{id}");
    }
}

#[test]
fn the_partition_is_that_of_the_regions_of_the_role_or_of_the_command_line() {
    for (regions, partition) in [
        ("\"eu-west-1\"", "aws"),
        ("\"cn-north-1\"", "aws-cn"),
        ("\"us-gov-west-1\"", "aws-us-gov"),
        ("\"eusc-de-east-1\"", "aws-eusc"),
        ("\"eusc-fr-west-9\"", "aws-eusc"),
    ] {
        let found = pairs(&key("a", regions, "AKIAA"));
        let prefix = format!("arn:{partition}:apigateway:");
        assert!(found[0].1.iter().all(|(_, resource)| resource.starts_with(&prefix)), "{found:?}");
    }
    for partition in ["aws", "aws-cn", "aws-us-gov", "aws-eusc"] {
        for (kind, pairs) in pairs(&central(partition, "")) {
            let of = |resource: &str| resource == "*" || resource.starts_with(&format!("arn:{partition}:"));
            assert!(pairs.iter().all(|(_, resource)| of(resource)), "{kind:?} {pairs:?}");
        }
    }
    let config = config(&key("a", "\"all\"", "AKIAA"));
    let guessed = &policies(&all(&config), &config.wants(), None)[0];
    assert!(guessed.notes[0].contains("--partition"), "{guessed:?}");
    let said = &policies(&all(&config), &config.wants(), Some("aws-cn"))[0];
    assert!(said.notes.is_empty() && value(&said.body).to_string().contains("arn:aws-cn:apigateway:*::/apis"));
}

#[test]
fn who_reads_for_several_connections_has_one_policy_and_who_is_somebody_else_another() {
    let same = key("a", "\"eu-west-1\"", "AKIAA") + &key("b", "\"eu-west-2\"", "AKIAA");
    let found = policies(&all(&config(&same)), &AllWants::default(), None);
    assert_eq!((found.len(), &found[0].connections[..]), (1, &["a".to_owned(), "b".to_owned()][..]));
    let other = key("a", "\"eu-west-1\"", "AKIAA") + &key("b", "\"eu-west-1\"", "AKIAB");
    assert_eq!(pairs(&other).len(), 2);
    // Nobody is in two partitions, so these are two, whatever the file calls them.
    let elsewhere = key("a", "\"eu-west-1\"", "env:KEY") + &key("b", "\"cn-north-1\"", "env:KEY");
    assert_eq!(pairs(&elsewhere).len(), 2);
    // One region wins nothing over all of them.
    let wide = key("a", "\"eu-west-1\"", "AKIAA") + &key("b", "\"all\"", "AKIAA");
    assert_eq!(pairs(&wide)[0].1.len(), 9);
}

#[test]
fn a_source_may_assume_its_roles_and_reads_only_what_it_reads_itself() {
    let role = "[connections.b]\nregions = [\"eu-west-1\"]\n[connections.b.credentials.assume_role]\n\
        role_arn = \"arn:aws:iam::999988887777:role/team/R\"\n\
        source = { aws_user = { access_key_id = \"AKIAA\", secret_access_key = \"env:SECRET\" } }\n";
    let found = pairs(role);
    let assumes = ("sts:AssumeRole".to_owned(), "arn:aws:iam::999988887777:role/team/R".to_owned());
    assert_eq!(found[0], (Kind::Identity, vec![assumes.clone()]));
    assert_eq!((found[1].0, found[1].1.len()), (Kind::Role, 8));
    // The same key reads for itself too.
    let both = pairs(&(key("a", "\"us-east-1\"", "AKIAA") + role));
    assert_eq!((both.len(), both[0].1.len()), (2, 9));
    assert!(both[0].1.contains(&assumes));
}

#[test]
fn the_central_role_reads_by_itself_only_where_it_may_have_to() {
    let regions = "[connections.org]\nregions = [\"eu-west-1\"]\n";
    for (management, reads) in [
        ("", true),
        ("management_account = \"auto\"", true),
        ("management_account = \"central_role\"", true),
        ("management_account = \"child_role\"", false),
        ("management_account = \"skip\"", false),
    ] {
        let found = pairs(&format!("{regions}{}", central("aws", management)));
        let kinds: Vec<Kind> = found.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [Kind::Identity, Kind::CentralRole, Kind::ChildRole]);
        let central_arn = "arn:aws:iam::111122223333:role/hub/Central".to_owned();
        assert_eq!(found[0].1, [("sts:AssumeRole".to_owned(), central_arn)]);
        let enters = ("sts:AssumeRole".to_owned(), "arn:aws:iam::*:role/spokes/Child".to_owned());
        let lists = ("organizations:ListAccounts".to_owned(), "*".to_owned());
        assert!(found[1].1.contains(&enters) && found[1].1.contains(&lists));
        assert_eq!(found[1].1.len(), if reads { 2 + 8 } else { 2 }, "{management}");
        assert_eq!((found[2].1.len(), found[2].1[0].1.as_str()), (8, "arn:aws:apigateway:eu-west-1::/restapis"));
    }
    // Without regions a central role reads all of them, so it lists them too.
    let every = pairs(&central("aws", ""));
    assert!(every[2].1.contains(&("account:ListRegions".to_owned(), "*".to_owned())));
}

/// Every action that aboard may be allowed today.
const READS: [&str; 5] = [
    "apigateway:GET",
    "apigateway:ListRoutingRules",
    "account:ListRegions",
    "sts:AssumeRole",
    "organizations:ListAccounts",
];

/// An integration that offers these connections; `more` stands in its table.
fn integration(name: &str, connections: &str, more: &str) -> String {
    format!(
        "[integrations.{name}.gravitee]\nendpoints = [\"https://apim.example.com\"]\ntoken = \"env:TOKEN\"\n\
         integration_id = \"{name}\"\nconnections = [{connections}]\n{more}\n"
    )
}

#[test]
fn only_subscriptions_write() {
    let text = key("a", "\"all\"", "AKIAA")
        + &central("aws", "")
        + &integration("g", "\"a\", \"org\"", "read_api_keys = true");
    for (kind, pairs) in pairs(&text) {
        assert!(actions(&pairs).iter().all(|action| READS.contains(action)), "{kind:?} {pairs:?}");
    }
}

#[test]
fn an_integration_adds_what_it_needs_to_whoever_reads_the_connections_that_it_offers() {
    let on = |action: &str, region: &str, path: &str| {
        (format!("apigateway:{action}"), format!("arn:aws:apigateway:{region}::{path}"))
    };
    let file = |more: &str| {
        key("a", "\"eu-west-1\"", "AKIAA")
            + &key("b", "\"eu-west-2\"", "AKIAA")
            + &key("c", "\"eu-west-1\"", "AKIAC")
            + &integration("g", "\"a\"", more)
            + &integration("h", "\"a\"", "")
    };
    let without = pairs(file("").split("[integrations").next().unwrap());
    let plans = on("GET", "eu-west-1", "/usageplans");
    let keys = on("GET", "eu-west-1", "/apikeys");
    let writes = [
        on("POST", "eu-west-1", "/apikeys"),
        on("POST", "eu-west-1", "/usageplans/*/keys"),
        on("DELETE", "eu-west-1", "/apikeys/*"),
    ];
    for (more, expected) in [
        ("", vec![plans.clone()]),
        ("read_api_keys = true", vec![plans.clone(), keys.clone()]),
        ("subscriptions = true", [vec![plans.clone()], writes.to_vec()].concat()),
        ("subscriptions = true\nread_api_keys = true", [vec![plans, keys], writes.to_vec()].concat()),
    ] {
        let with = pairs(&file(more));
        let added: Vec<_> = with[0].1.iter().filter(|pair| !without[0].1.contains(pair)).cloned().collect();
        assert_eq!(added, expected, "{more}");
        assert_eq!(with[0].1.len(), without[0].1.len() + expected.len(), "{more}");
        assert_eq!(with[1], without[1], "c is offered by nobody");
    }
}

#[test]
fn of_an_organization_its_readers_keep_the_keys_and_in_each_partition() {
    for partition in ["aws", "aws-cn", "aws-us-gov", "aws-eusc"] {
        for (management, central_writes) in [("", true), ("management_account = \"skip\"", false)] {
            let text = central(partition, management) + &integration("g", "\"org\"", "subscriptions = true");
            let resource = format!("arn:{partition}:apigateway:*::/apikeys/*");
            let delete = ("apigateway:DELETE".to_owned(), resource);
            let found = pairs(&text);
            let holds: Vec<bool> = found.iter().map(|(_, pairs)| pairs.contains(&delete)).collect();
            assert_eq!(holds, [false, central_writes, true], "{partition} {management}");
            let config = config(&text);
            let child = value(&child_roles(&all(&config), &config.wants())[0].body);
            let policy = &child["Resources"]["ChildRole"]["Properties"]["Policies"][0]["PolicyDocument"];
            assert_eq!(allowed(policy), found[2].1);
            assert!(child["Description"].as_str().unwrap().contains("keep API keys"), "{child}");
        }
    }
}

#[test]
fn a_policy_that_does_not_fit_says_where_it_does() {
    let regions = |count: usize| {
        let names: Vec<String> =
            config::regions::known("aws").iter().take(count).map(|name| format!("\"{name}\"")).collect();
        names.join(", ")
    };
    for (count, expected) in [(2, None), (6, Some("managed policy")), (20, Some("regions = [\"all\"]"))] {
        let config = config(&key("a", &regions(count), "AKIAA"));
        let notes = policies(&all(&config), &config.wants(), None)[0].notes.clone();
        assert_eq!(
            notes.first().map(|note| expected.is_some_and(|word| note.contains(word))),
            expected.map(|_| true),
            "{notes:?}"
        );
    }
    // A role holds more.
    let role = format!("[connections.org]\nregions = [{}]\n{}", regions(20), central("aws", ""));
    let found = policies(&all(&config(&role)), &AllWants::default(), None);
    assert!(found.iter().all(|document| document.notes.is_empty()), "{found:?}");
}

#[test]
fn a_trust_policy_asks_for_the_external_id_as_the_file_gives_it() {
    for (more, expected) in [
        ("", Value::Null),
        ("external_id = \"team:7\"", json!({ "StringEquals": { "sts:ExternalId": "team:7" } })),
        ("external_id = \"env:ID\"", json!({ "StringEquals": { "sts:ExternalId": "${ExternalId}" } })),
    ] {
        let config = config(&central("aws", more));
        let connections = all(&config);
        let found = trusts(&roles(&connections), |_| "arn:aws:iam::999988887777:user/u".to_owned());
        let [central, child] = found.as_slice() else { panic!("{found:?}") };
        let statement = &value(&central.body)["Statement"][0];
        assert_eq!(statement["Principal"]["AWS"], "arn:aws:iam::999988887777:user/u");
        assert_eq!(statement["Action"], "sts:AssumeRole");
        assert_eq!(statement["Condition"], expected, "{more}");
        assert_eq!(central.notes.len(), usize::from(more.contains("env:")), "{:?}", central.notes);
        // The child role trusts the central role, whoever assumes that.
        let statement = &value(&child.body)["Statement"][0];
        assert_eq!(statement["Principal"]["AWS"], "arn:aws:iam::111122223333:role/hub/Central");
        assert_eq!(statement["Condition"], Value::Null);
    }
}

#[test]
fn a_role_that_two_connections_enter_trusts_both_and_each_once() {
    let role = |name: &str, id: &str| {
        format!(
            "[connections.{name}]\nregions = [\"eu-west-1\"]\n[connections.{name}.credentials.assume_role]\n\
             role_arn = \"arn:aws:iam::999988887777:role/R\"\nexternal_id = \"{id}\"\n"
        )
    };
    let config = config(&(role("a", "one") + &role("b", "two") + &role("c", "one")));
    let connections = all(&config);
    let found = trusts(&roles(&connections), |_| "111122223333".to_owned());
    assert_eq!((found.len(), found[0].connections.len()), (1, 3));
    let statements = value(&found[0].body)["Statement"].as_array().unwrap().len();
    assert_eq!(statements, 2, "a and c ask for the same");
}

#[test]
fn a_session_is_trusted_as_its_role() {
    for (caller, expected, noted) in [
        ("arn:aws:iam::111122223333:user/u", "arn:aws:iam::111122223333:user/u", false),
        ("arn:aws-cn:sts::111122223333:assumed-role/R/i-0abc", "arn:aws-cn:iam::111122223333:role/R", true),
        ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root", false),
        ("arn:aws:sts::111122223333:federated-user/f", "arn:aws:sts::111122223333:federated-user/f", false),
    ] {
        let (principal, note) = principal_of(caller);
        assert_eq!((principal.as_str(), note.is_some()), (expected, noted));
    }
}

#[test]
fn a_template_holds_the_role_with_its_path_its_trust_and_its_permissions() {
    let config = config(&central("aws-us-gov", "external_id = \"env:ID\"\nchild_external_id = \"literal\""));
    let connections = all(&config);
    let made =
        &central_roles(&connections, &config.wants(), |_| "arn:aws-us-gov:iam::999988887777:user/u".to_owned())[0];
    let template = value(&made.body);
    let properties = &template["Resources"]["CentralRole"]["Properties"];
    assert_eq!((&properties["RoleName"], &properties["Path"]), (&json!("Central"), &json!("/hub/")));
    let trust = &properties["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(trust["Condition"]["StringEquals"]["sts:ExternalId"], json!({ "Ref": "ExternalId" }));
    let principal = json!({ "Fn::Sub": "arn:${AWS::Partition}:iam::999988887777:user/u" });
    assert_eq!(trust["Principal"]["AWS"], principal);
    assert_eq!(template["Parameters"]["ExternalId"]["NoEcho"], true);
    assert!(made.notes.iter().any(|note| note.contains("env:ID")), "{:?}", made.notes);

    let child = value(&child_roles(&connections, &config.wants())[0].body);
    let properties = &child["Resources"]["ChildRole"]["Properties"];
    assert_eq!((&properties["RoleName"], &properties["Path"]), (&json!("Child"), &json!("/spokes/")));
    assert_eq!(child["Parameters"], Value::Null);
    let trust = &properties["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(trust["Condition"]["StringEquals"]["sts:ExternalId"], "literal");
    // What the templates allow is what the policies say.
    for document in policies(&connections, &config.wants(), None) {
        let template = match document.kind {
            Kind::CentralRole => &template["Resources"]["CentralRole"],
            Kind::ChildRole => &child["Resources"]["ChildRole"],
            _ => continue,
        };
        assert_eq!(template["Properties"]["Policies"][0]["PolicyDocument"], value(&document.body));
    }
}

#[test]
fn two_external_ids_by_reference_are_two_parameters() {
    let text = central("aws", "external_id = \"env:ONE\"")
        + &central("aws", "external_id = \"env:TWO\"").replace(".org.", ".org2.");
    let config = config(&text);
    let made = central_roles(&all(&config), &config.wants(), |_| "111122223333".to_owned());
    assert_eq!(made.len(), 1, "one role, one template");
    let template = value(&made[0].body);
    let ids: Vec<&Value> = (0..2)
        .map(|at| &template["Resources"]["CentralRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][at])
        .map(|statement| &statement["Condition"]["StringEquals"]["sts:ExternalId"]["Ref"])
        .collect();
    assert_eq!(ids, [&json!("ExternalId"), &json!("ExternalId2")]);
    assert_eq!(template["Parameters"].as_object().unwrap().len(), 2);
}
