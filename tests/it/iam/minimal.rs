//! Minimal by proof, under MiniStack, which judges policies: what is printed is enough for everything that aboard does, and each pair of it
//! is needed, for without it a step of Test Connection fails by name.

use serde_json::{Value, json};

use super::{READ, allowed, alone, connection};
use crate::support::{Home, Server, schedules};

const REGION: &str = "eu-west-1";

/// Every pair that is needed and that MiniStack judges, with the step that fails without it.
const NEEDED: [(&str, &str); 6] = [
    ("/restapis", "list REST APIs"),
    ("/restapis/*", "read stages of REST APIs"),
    ("/apis", "list HTTP and WebSocket APIs"),
    ("/apis/*", "read stages of HTTP and WebSocket APIs"),
    ("/domainnames", "list custom domains"),
    ("/domainnames/*", "read mappings of custom domains"),
];

/// Pairs that MiniStack cannot judge: it has no private domains, and takes `ListRoutingRules` for `apigateway:GET`. `super::simulated`
/// denies each of them. Neither can it judge `account:ListRegions`, which it allows everybody, and `organizations:ListAccounts`, as every
/// account is the management account of its own organization.
const NOT_JUDGED: [(&str, &str); 2] =
    [("apigateway:GET", ":*:/domainnames/*+*"), ("apigateway:ListRoutingRules", ":*:/domainnames/*/routingrules/*")];

/// Makes in `account` one of everything that is read: a REST API with a deployed stage, an HTTP API whose stage has a deployment, a
/// Regional domain with an API mapping and an edge-optimised one with a base path.
const EVERYTHING: &str = r#"
def everything(account):
    rest_api, http_api = rest(account, "orders"), http(account, "basket")
    first, second = client(account, "apigateway"), client(account, "apigatewayv2")
    deployment = second.create_deployment(ApiId=http_api)["DeploymentId"]
    stage(account, http_api, "live", DeploymentId=deployment)
    regional_domain(account, "a.example.com")
    second.create_api_mapping(DomainName="a.example.com", ApiId=http_api, Stage="live", ApiMappingKey="basket")
    edge_domain(account, "e.example.com")
    first.create_base_path_mapping(domainName="e.example.com", restApiId=rest_api, stage="prod", basePath="orders")

def user_with(account, name, document):
    key = user(account, name)
    client(account, "iam").put_user_policy(UserName=name, PolicyName="may", PolicyDocument=document)
    return key
"#;

/// A home whose connection `own` has this key.
fn with_key(key: &Value) -> Home {
    let user = format!("aws_user]\naccess_key_id = {}\nsecret_access_key = \"file:secret\"", key["id"]);
    let home = Home::new(&Server::ministack().url(), &telling("own", &user));
    home.write("secret", key["secret"].as_str().unwrap());
    home
}

/// A schedule file with a target, for which specifications are exported.
fn telling(connection: &str, credentials: &str) -> String {
    let target = "[targets.specs.directory]\npath = \"specs\"\n";
    format!("{}\n{target}", schedules(connection, &[REGION], credentials))
}

fn read_resource((account, path): (&str, &str)) -> String {
    format!("arn:aws:apigateway:{REGION}:{account}:{path}")
}

/// The policy without one of its resources.
fn without(policy: &Value, resource: &str) -> Value {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    let resources = statements[0]["Resource"].as_array_mut().unwrap();
    let before = resources.len();
    resources.retain(|one| one != resource);
    assert_eq!(resources.len() + 1, before, "{resource}");
    policy
}

/// Test Connection's exit code and what failed, by name.
fn tested(home: &Home, connection: &str) -> (Option<i32>, Vec<String>) {
    let said = home.run(&["-o", "json", "test", connection]);
    let report = said.json();
    let steps = report["steps"].as_array().unwrap().iter().filter(|step| step["outcome"] == "failed");
    (said.code, steps.map(|step| step["step"].as_str().unwrap().to_owned()).collect())
}

/// Everything that aboard does with the connection works whole, custom domains and dates included.
fn assert_whole(home: &Home, connection: &str) {
    assert_eq!(tested(home, connection), (Some(0), vec![]));
    for words in [["discover", connection], ["onboard", connection]] {
        let report = home.json(&words);
        assert_eq!(report["outcome"], "succeeded", "{report}");
        assert_eq!(report["counts"]["onboard"], 2, "{report}");
        for scope in report["scopes"].as_array().unwrap() {
            assert!(scope["notes"].as_array().is_none_or(Vec::is_empty), "nothing is missing: {scope}");
        }
        let urls: Vec<&str> = report["apis"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|api| api["instances"].as_array().unwrap())
            .map(|instance| instance["url"].as_str().unwrap())
            .collect();
        assert!(
            urls.contains(&"https://a.example.com/basket") && urls.contains(&"https://e.example.com/orders"),
            "{urls:?}"
        );
        if words[0] == "onboard" {
            let dated = |api: &Value| !api["last_published_at"].is_null();
            assert!(report["apis"].as_array().unwrap().iter().all(dated), "deployments are read: {report}");
            // MiniStack exports no HTTP APIs, and says so with 404: that is no want of a right.
            for api in report["apis"].as_array().unwrap() {
                let said = home.run(&["spec", api["api_id"].as_str().unwrap()]);
                let exported = api["protocol"] == "REST" && said.json()["openapi"] == "3.0.1";
                assert!(exported || said.stderr.contains("status 404"), "{said:?}");
            }
        }
    }
}

#[test]
fn what_is_printed_for_a_user_is_enough_and_each_pair_of_it_is_needed() {
    let policy = alone(&connection("own", REGION, super::KEY)).ok(&["iam", "policy", "own"]).json();

    // Every pair is either judged here or named as one that cannot be.
    let mut known: Vec<(String, String)> = READ
        .iter()
        .filter(|(account, path)| account.is_empty() && NEEDED.iter().any(|(needed, _)| needed == path))
        .map(|pair| ("apigateway:GET".to_owned(), read_resource(*pair)))
        .collect();
    known.extend(
        NOT_JUDGED
            .iter()
            .map(|(action, resource)| ((*action).to_owned(), format!("arn:aws:apigateway:{REGION}{resource}"))),
    );
    let (mut found, mut named) = (allowed(&policy), known);
    found.sort();
    named.sort();
    assert_eq!(found, named);

    let lessened: Vec<Value> = NEEDED.iter().map(|(path, _)| without(&policy, &read_resource(("", path)))).collect();
    let policies = [vec![policy], lessened].concat();
    let texts: Vec<String> = policies.iter().map(Value::to_string).collect();
    let keys = Server::ministack().python(&format!(
        r#"{EVERYTHING}
account = root("100000000101")
everything(account)
answer([user_with(account, f"user{{number}}", document) for number, document in enumerate(json.loads({:?}))])
"#,
        json!(texts).to_string()
    ));
    assert_whole(&with_key(&keys[0]), "own");
    for (number, (path, step)) in NEEDED.iter().enumerate() {
        let home = with_key(&keys[number + 1]);
        let (code, failed) = tested(&home, "own");
        assert_eq!(code, Some(1), "without {path}: {failed:?}");
        assert!(failed.iter().any(|name| name == step), "without {path} {step} must fail, not only {failed:?}");
        // Nothing else fails for it but what stands on the same pair.
        let family = |name: &str| name.split(" of ").last().map(str::to_owned);
        assert!(failed.iter().all(|name| family(name) == family(step) || name == step), "without {path}: {failed:?}");
    }
}

#[test]
fn what_is_printed_for_a_role_its_trust_and_its_source_is_enough_and_needed() {
    const ROLE: &str = "arn:aws:iam::100000000112:role/team/Reader";
    let server = Server::ministack();
    let key = server.python(r#"answer(user(root("100000000111"), "source"))"#);
    let credentials = |external_id: &str| {
        format!(
            "assume_role]\nrole_arn = \"{ROLE}\"\nexternal_id = \"{external_id}\"\n\
             source = {{ aws_user = {{ access_key_id = {}, secret_access_key = \"file:secret\" }} }}\n",
            key["id"]
        )
    };
    let home = Home::new(&server.url(), &telling("there", &credentials("right")));
    home.write("secret", key["secret"].as_str().unwrap());
    let policy = |kind: &str| home.ok(&["iam", "policy", "there", "--only", kind]).json().to_string();
    // Who assumes the role is found out from the source itself.
    let trust = home.ok(&["iam", "trust", "there"]).json().to_string();
    server.python(&format!(
        r#"{EVERYTHING}
source, account = root("100000000111"), root("100000000112")
everything(account)
iam = client(account, "iam")
iam.create_role(RoleName="Reader", Path="/team/", AssumeRolePolicyDocument={trust:?})
iam.put_role_policy(RoleName="Reader", PolicyName="aboard", PolicyDocument={:?})
client(source, "iam").put_user_policy(UserName="source", PolicyName="may", PolicyDocument={:?})
answer(None)
"#,
        policy("role"),
        policy("identity"),
    ));
    assert_whole(&home, "there");

    // The external id of the trust policy is asked for.
    home.write("schedules.toml", &schedules("there", &[REGION], &credentials("wrong")));
    assert_eq!(tested(&home, "there"), (Some(1), vec!["assume the role".to_owned()]));
    home.write("schedules.toml", &schedules("there", &[REGION], &credentials("right")));
    assert_eq!(tested(&home, "there"), (Some(0), vec![]));
    // So is the source's one pair: sts:AssumeRole on the role.
    server.python(
        r#"client(root("100000000111"), "iam").delete_user_policy(UserName="source", PolicyName="may"); answer(None)"#,
    );
    assert_eq!(tested(&home, "there"), (Some(1), vec!["assume the role".to_owned()]));
}

/// An independent client goes the way of a central role through what CloudFormation made: source, central role, child role.
#[test]
fn both_templates_make_stacks_whose_roles_let_the_source_through_and_nobody_else() {
    let server = Server::ministack();
    let key = server.python(r#"answer(user(root("100000000121"), "source"))"#);
    let credentials = format!(
        "central_role]\nrole_arn = \"arn:aws:iam::100000000122:role/hub/Central\"\nchild_role_name = \"spokes/Child\"\n\
         external_id = \"outer\"\nchild_external_id = \"env:SECRET\"\n\
         source = {{ aws_user = {{ access_key_id = {}, secret_access_key = \"file:secret\" }} }}\n",
        key["id"]
    );
    let home = Home::new(&server.url(), &connection("org", REGION, &credentials));
    home.write("secret", key["secret"].as_str().unwrap());
    let (central, child) = (home.ok(&["iam", "central-role"]).stdout, home.ok(&["iam", "child-role"]).stdout);
    let identity = home.ok(&["iam", "policy", "--only", "identity"]).json().to_string();
    let found = server.python(&format!(
        r#"
from botocore.exceptions import ClientError

def deploy(account, name, template, **parameters):
    cloudformation = client(account, "cloudformation", "us-east-1")
    given = [{{"ParameterKey": key, "ParameterValue": value}} for key, value in parameters.items()]
    cloudformation.create_stack(
        StackName=name, TemplateBody=template, Parameters=given, Capabilities=["CAPABILITY_NAMED_IAM"])
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={{"Delay": 1, "MaxAttempts": 20}})
    return cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"][0]["OutputValue"]

def tried(call, *positional, **named):
    try:
        call(*positional, **named)
        return "allowed"
    except ClientError as error:
        return error.response["Error"]["Code"]

owner, hub, spoke = root("100000000121"), root("100000000122"), root("100000000123")
client(owner, "iam").put_user_policy(UserName="source", PolicyName="may", PolicyDocument={identity:?})
arns = [deploy(hub, "central", {central:?}), deploy(spoke, "child", {child:?}, ExternalId="inner")]
other = role(spoke, "Other", "arn:aws:iam::100000000122:role/hub/Central")
rest(spoke, "orders")

source = session({:?}, {:?})
central = assumed(source, arns[0], ExternalId="outer")
child = assumed(central, arns[1], ExternalId="inner")
gateway = client(child, "apigateway")
answer({{
    "arns": arns,
    "seen": [api["name"] for api in gateway.get_rest_apis()["items"]],
    "child writes": tried(gateway.create_rest_api, name="no"),
    "child elsewhere": tried(client(child, "apigateway", "eu-west-2").get_rest_apis),
    "central without id": tried(assumed, source, arns[0]),
    "child without id": tried(assumed, central, arns[1]),
    "child from source": tried(assumed, source, arns[1], ExternalId="inner"),
    "other role": tried(assumed, central, other),
}})
"#,
        key["id"].as_str().unwrap(),
        key["secret"].as_str().unwrap(),
    ));
    let expected = json!({
        "arns": ["arn:aws:iam::100000000122:role/hub/Central", "arn:aws:iam::100000000123:role/spokes/Child"],
        "seen": ["orders"],
        "child writes": "AccessDeniedException",
        "child elsewhere": "AccessDeniedException",
        "central without id": "AccessDenied",
        "child without id": "AccessDenied",
        "child from source": "AccessDenied",
        "other role": "AccessDenied",
    });
    assert_eq!(found, expected);
}
