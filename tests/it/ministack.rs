//! Against MiniStack, which checks signatures, IAM policies, trust policies and external ids: who gets in, and what each
//! refusal says.

use serde_json::{Value, json};

use crate::support::{CANARY, Home, Said, Server, schedules};

/// A user of the first account, with a role in the second that only it may assume, and with the external id `right`.
fn two_accounts(first: &str, second: &str, permissions: &str) -> Value {
    Server::ministack().python(&format!(
        r#"
first, second = root("{first}"), root("{second}")
role_arn = "arn:aws:iam::{second}:role/Look"
key = user(first, "aboard", may("sts:AssumeRole", role_arn))
role(second, "Look", "arn:aws:iam::{first}:user/aboard", {permissions}, external_id="right")
rest_api, other_api = rest(second, "orders"), rest(second, "ledger")
http_api = http(second, "basket")
stage(second, http_api, "$default", AutoDeploy=True)
answer({{"key": key, "role_arn": role_arn, "rest": rest_api, "other": other_api, "http": http_api}})
"#
    ))
}

/// A home whose connection `there` assumes the role; `more` stands in the role's table.
fn assuming(made: &Value, more: &str) -> Home {
    let (key, role_arn) = (&made["key"], &made["role_arn"]);
    let source = format!("{{ aws_user = {{ access_key_id = {}, secret_access_key = \"file:secret\" }} }}", key["id"]);
    let role = format!("assume_role]\nrole_arn = {role_arn}\nsource = {source}\n{more}");
    let home = Home::new(&Server::ministack().url(), &schedules("there", &["eu-west-1"], &role));
    home.write("secret", key["secret"].as_str().unwrap());
    home
}

/// A home whose connection `own` has a key of the server's.
fn with_key(key: &Value, more: &str) -> Home {
    let user = format!("aws_user]\naccess_key_id = {}\nsecret_access_key = \"file:secret\"\n{more}", key["id"]);
    let home = Home::new(&Server::ministack().url(), &schedules("own", &["eu-west-1"], &user));
    home.write("secret", key["secret"].as_str().unwrap());
    home
}

/// Each step of Test Connection as `outcome step`, from the JSON form.
fn steps(home: &Home, connection: &str) -> (Option<i32>, Value, Vec<String>) {
    let said = home.run(&["-o", "json", "test", connection]);
    let report = said.json();
    let word = |step: &Value, member: &str| step[member].as_str().unwrap().to_owned();
    let steps = report["steps"].as_array().unwrap();
    let steps = steps.iter().map(|step| format!("{} {}", word(step, "outcome"), word(step, "step"))).collect();
    (said.code, report, steps)
}

fn step<'a>(report: &'a Value, name: &str) -> &'a Value {
    let steps = report["steps"].as_array().unwrap();
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("no step {name} in {report}"))
}

/// Scope rows as `region/family state`.
fn states(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let row = |row: &Value| format!("{}/{} {}", text(&row["region"]), text(&row["family"]), text(&row["state"]));
    let mut states: Vec<String> = report["scopes"].as_array().unwrap().iter().map(row).collect();
    states.sort();
    states
}

fn scope<'a>(report: &'a Value, family: &str) -> &'a Value {
    report["scopes"].as_array().unwrap().iter().find(|row| row["family"] == family).unwrap()
}

/// A run as JSON, with its exit code.
fn run(home: &Home, words: &[&str]) -> (Option<i32>, Value) {
    let words: Vec<&str> = ["-o", "json"].iter().chain(words).copied().collect();
    let said = home.run(&words);
    (said.code, said.json())
}

fn assert_says(said: &Said, words: &[&str]) {
    let text = format!("{}{}", said.stdout, said.stderr);
    for word in words {
        assert!(text.contains(word), "no `{word}` in {text}");
    }
}

const EVERY_STEP: [&str; 12] = [
    "passed read the secrets",
    "passed identify the caller",
    "passed list REST APIs",
    "passed read stages of REST APIs",
    "passed read deployments of REST APIs",
    "passed list HTTP and WebSocket APIs",
    "passed read stages of HTTP and WebSocket APIs",
    "passed read deployments of HTTP and WebSocket APIs",
    "passed list custom domains",
    "passed read mappings of custom domains",
    "passed read routing rules of custom domains",
    "passed read mappings of private custom domains",
];

#[test]
fn a_user_who_may_read_passes_every_step_and_sees_the_account() {
    let key = Server::ministack().python(
        r#"
account = root("100000000001")
api_id = rest(account, "orders")
stage(account, http(account, "basket"), "$default", AutoDeploy=True)
regional_domain(account, "one.example")
answer(user(account, "aboard", READ))
"#,
    );
    let home = with_key(&key, "");
    let (code, report, steps) = steps(&home, "own");
    assert_eq!(code, Some(0), "{report}");
    // MiniStack does not know routing rules, the one step that a run can do without, nor private domains.
    assert_eq!(steps[..10], EVERY_STEP[..10]);
    assert_eq!(step(&report, "identify the caller")["detail"], "arn:aws:iam::100000000001:user/aboard");
    let (code, report) = run(&home, &["discover", "own"]);
    assert_eq!((code, &report["outcome"]), (Some(0), &json!("succeeded")), "{report}");
    assert_eq!(report["counts"]["onboard"], 2);
    assert!(!home.registry().exists(), "discover writes nothing");
}

#[test]
fn a_wrong_secret_is_credentials_failed_with_a_remedy_and_is_never_shown() {
    let key = Server::ministack().python(r#"answer(user(root("100000000002"), "aboard", READ))"#);
    let home = with_key(&key, "");
    home.write("secret", CANARY);
    for words in [["discover", "own"], ["onboard", "own"]] {
        let (code, report) = run(&home, &words);
        assert_eq!((code, &report["outcome"]), (Some(1), &json!("failed")), "{report}");
        assert_eq!(report["error"]["kind"], "credentials_failed");
        assert_eq!(states(&report), ["-/- credentials_failed"]);
        assert!(report["scopes"][0]["account_id"].is_null(), "nobody knows whose the key is: {report}");
        let said = home.run(&words);
        assert_says(&said, &["GetCallerIdentity", "signature", "check the key and its secret"]);
        assert!(!format!("{said:?}").contains(CANARY));
        assert!(!said.stdout.contains("perhaps from a proxy"), "{}", said.stdout);
    }
    let (code, report, steps) = steps(&home, "own");
    assert_eq!(code, Some(1));
    assert_eq!(steps, ["passed read the secrets", "failed identify the caller"], "{report}");
    assert!(step(&report, "identify the caller")["hint"].as_str().unwrap().contains("secret"), "{report}");
    let leaks = home.files().into_iter().filter(|(path, _)| !path.ends_with("secret"));
    for (path, content) in leaks {
        assert!(!String::from_utf8_lossy(&content).contains(CANARY), "{}", path.display());
    }
}

#[test]
fn an_unknown_key_is_told_apart_from_a_wrong_secret() {
    let home = with_key(&json!({ "id": "AKIANOBODYKNOWSTHIS1", "secret": CANARY }), "");
    let (code, report) = run(&home, &["discover", "own"]);
    assert_eq!((code, &report["error"]["kind"]), (Some(1), &json!("credentials_failed")), "{report}");
    assert!(report["error"]["hint"].as_str().unwrap().contains("unknown to AWS"), "{report}");
}

#[test]
fn temporary_credentials_work_with_their_token_and_not_with_another() {
    let made = Server::ministack().python(
        r#"
account = root("100000000003")
rest(account, "orders")
key = user(account, "aboard", READ)
temporary = client(session(key["id"], key["secret"]), "sts").get_session_token()["Credentials"]
answer({"id": temporary["AccessKeyId"], "secret": temporary["SecretAccessKey"], "token": temporary["SessionToken"]})
"#,
    );
    let home = with_key(&made, "session_token = \"file:token\"");
    home.write("token", made["token"].as_str().unwrap());
    let (code, report) = run(&home, &["discover", "own"]);
    assert_eq!((code, &report["counts"]["onboard"]), (Some(0), &json!(1)), "{report}");
    // The file is read anew for each run, so that a rotated token counts at once.
    home.write("token", CANARY);
    let said = home.run(&["-o", "json", "discover", "own"]);
    assert_eq!((said.code, &said.json()["error"]["kind"]), (Some(1), &json!("credentials_failed")));
    let (code, report, steps) = steps(&home, "own");
    assert_eq!((code, steps.len()), (Some(1), 2), "{report}");
    assert_eq!(steps[1], "failed identify the caller");
    assert!(!format!("{said:?}{report}").contains(CANARY));
}

#[test]
fn a_role_in_another_account_is_assumed_with_its_external_id() {
    let made = two_accounts("100000000011", "100000000012", "READ");
    let home = assuming(&made, "external_id = \"right\"");
    let (code, report, steps) = steps(&home, "there");
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(steps[..3], ["passed read the secrets", "passed identify the caller", "passed assume the role"]);
    assert_eq!(step(&report, "identify the caller")["account_id"], "100000000011");
    assert_eq!(step(&report, "list REST APIs")["account_id"], "100000000012");
    let (code, report) = run(&home, &["onboard", "there"]);
    assert_eq!((code, &report["counts"]["onboard"]), (Some(0), &json!(3)), "{report}");
    assert!(report["apis"].as_array().unwrap().iter().all(|api| api["account_id"] == "100000000012"), "{report}");
}

#[test]
fn a_wrong_or_missing_external_id_and_a_missing_role_are_refused_with_all_that_it_can_be() {
    let made = two_accounts("100000000021", "100000000022", "READ");
    let no_role = json!({ "key": made["key"], "role_arn": "arn:aws:iam::100000000022:role/Missing" });
    for (case, made, more) in [
        ("wrong", &made, "external_id = \"wrong\""),
        ("missing", &made, ""),
        ("no role", &no_role, "external_id = \"right\""),
    ] {
        let home = assuming(made, more);
        let (code, report) = run(&home, &["onboard", "there"]);
        assert_eq!((code, &report["outcome"]), (Some(1), &json!("failed")), "{case}: {report}");
        assert_eq!(report["error"]["kind"], "credentials_failed", "{case}");
        assert_eq!(report["scopes"][0]["account_id"], "100000000022", "{case}");
        assert_eq!(states(&report), ["-/- credentials_failed"], "{case}");
        let said = home.run(&["discover", "there"]);
        assert_says(&said, &["AssumeRole", made["role_arn"].as_str().unwrap(), "external id", "trust policy"]);
        let (code, report, steps) = steps(&home, "there");
        assert_eq!(code, Some(1), "{case}");
        let expected = ["passed read the secrets", "passed identify the caller", "failed assume the role"];
        assert_eq!(steps, expected, "{case}: {report}");
        assert!(step(&report, "assume the role")["hint"].as_str().unwrap().contains("external id"), "{report}");
    }
}

#[test]
fn a_role_that_may_not_read_api_gateway_fails_and_names_the_missing_permission() {
    let made = two_accounts("100000000031", "100000000032", "may(\"s3:ListAllMyBuckets\")");
    let home = assuming(&made, "external_id = \"right\"");
    let (code, report) = run(&home, &["onboard", "there"]);
    // The account was entered, but nothing in it could be read whole.
    assert_eq!((code, &report["outcome"]), (Some(1), &json!("failed")), "{report}");
    assert_eq!(states(&report), ["eu-west-1/http access_denied", "eu-west-1/rest access_denied"]);
    for (family, path) in [("rest", "/restapis"), ("http", "/apis")] {
        let hint = &scope(&report, family)["hint"];
        assert_eq!(hint, &json!(format!("allow apigateway:GET on arn:aws:apigateway:eu-west-1::{path}")));
    }
    assert_eq!(report["error"]["kind"], "access_denied");
    let (code, report, steps) = steps(&home, "there");
    assert_eq!(code, Some(1));
    assert_eq!(
        steps[2..],
        [
            "passed assume the role",
            "failed list REST APIs",
            "not_tried read stages of REST APIs",
            "not_tried read deployments of REST APIs",
            "failed list HTTP and WebSocket APIs",
            "not_tried read stages of HTTP and WebSocket APIs",
            "not_tried read deployments of HTTP and WebSocket APIs",
            "failed list custom domains",
            "not_tried read mappings of custom domains",
            "not_tried read routing rules of custom domains",
            "not_tried read mappings of private custom domains",
        ],
        "{report}"
    );
}

#[test]
fn a_family_that_is_denied_fails_alone() {
    let permissions =
        r#"may("apigateway:GET", "arn:aws:apigateway:*::/restapis", "arn:aws:apigateway:*::/restapis/*")"#;
    let made = two_accounts("100000000041", "100000000042", permissions);
    let home = assuming(&made, "external_id = \"right\"");
    let (code, report) = run(&home, &["onboard", "there"]);
    assert_eq!((code, &report["outcome"]), (Some(3), &json!("partial")), "{report}");
    assert_eq!(states(&report), ["eu-west-1/http access_denied", "eu-west-1/rest complete"]);
    assert_eq!(report["counts"]["onboard"], 2);
    // What the custom domains would have shown is missing, and that is said.
    let notes = scope(&report, "rest")["notes"].to_string();
    assert!(notes.contains("custom domains may be missing") && notes.contains("/domainnames"), "{report}");
    assert!(report["error"].is_null(), "{report}");
    let said = home.run(&["onboard", "there"]);
    assert_eq!(said.code, Some(3));
    assert_says(&said, &["access_denied: 100000000042/eu-west-1/http", "allow apigateway:GET", "::/apis"]);
    let (code, report, steps) = steps(&home, "there");
    assert_eq!(code, Some(1), "a connection that needs a permission it does not have fails its test");
    assert!(steps.contains(&"passed read deployments of REST APIs".to_owned()), "{steps:?}");
    assert!(steps.contains(&"failed list HTTP and WebSocket APIs".to_owned()), "{steps:?}");
    let hint = &step(&report, "list HTTP and WebSocket APIs")["hint"];
    assert_eq!(hint, "allow apigateway:GET on arn:aws:apigateway:eu-west-1::/apis");
}

#[test]
fn an_api_whose_stages_may_not_be_read_is_held_and_the_others_are_onboarded() {
    let made = two_accounts("100000000051", "100000000052", "READ");
    Server::ministack().python(&format!(
        r#"
denied = "arn:aws:apigateway:*::/restapis/{}/stages"
client(root("100000000052"), "iam").put_role_policy(
    RoleName="Look", PolicyName="not", PolicyDocument=policy(may("apigateway:GET", denied, effect="Deny")))
answer(None)
"#,
        made["rest"].as_str().unwrap()
    ));
    let home = assuming(&made, "external_id = \"right\"");
    let (code, report) = run(&home, &["onboard", "there"]);
    assert_eq!((code, &report["outcome"]), (Some(0), &json!("succeeded")), "{report}");
    let decided = |id: &Value| {
        let api = report["apis"].as_array().unwrap().iter().find(|api| api["api_id"] == *id).unwrap();
        (api["decision"].clone(), api["reason"].clone(), api["state"].clone())
    };
    assert_eq!(decided(&made["rest"]), (json!("held"), json!("details_unreadable"), json!("seen")));
    assert_eq!(decided(&made["other"]), (json!("onboard"), json!("new"), json!("onboarded")));
    assert_eq!(decided(&made["http"]), (json!("onboard"), json!("new"), json!("onboarded")));
    let id = made["rest"].as_str().unwrap();
    let permission = format!("apigateway:GET on arn:aws:apigateway:eu-west-1::/restapis/{id}/stages");
    assert_says(&home.ok(&["explain", id]), &["cannot read its stages", "GetStages", &permission]);
    // It is the one that Test Connection tries.
    let (code, report, steps) = steps(&home, "there");
    assert_eq!(code, Some(1), "{report}");
    assert!(steps.contains(&"failed read stages of REST APIs".to_owned()), "{steps:?}");
    assert!(steps.contains(&"passed read deployments of REST APIs".to_owned()), "{steps:?}");
    assert_eq!(step(&report, "read stages of REST APIs")["hint"], format!("allow {permission}"));
}

#[test]
fn the_default_chain_takes_a_profile_from_the_home_and_keys_from_the_environment() {
    let made = Server::ministack().python(
        r#"
answers = {}
for name, account_id in (("profile", "100000000061"), ("environment", "100000000062")):
    account = root(account_id)
    rest(account, name)
    answers[name] = user(account, "aboard", READ)
answer(answers)
"#,
    );
    let key = |name: &str| (made[name]["id"].as_str().unwrap(), made[name]["secret"].as_str().unwrap());
    let chain = |more: &str| {
        Home::new(&Server::ministack().url(), &schedules("own", &["eu-west-1"], &format!("default_chain]\n{more}")))
    };
    let (id, secret) = key("profile");
    let with_files = |home: &Home| {
        std::fs::create_dir(home.path(".aws")).unwrap();
        home.write(".aws/config", "[profile team]\nregion = us-east-1\n");
        home.write(
            ".aws/credentials",
            &format!("[team]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"),
        );
    };
    let account_of = |output: std::process::Output| {
        let said = Said::of(output);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.json()["apis"][0]["account_id"].as_str().unwrap().to_owned()
    };
    let words = ["-o", "json", "discover", "own"];
    let (env_id, env_secret) = key("environment");

    let named = chain("profile = \"team\"");
    with_files(&named);
    // A profile that the file names wins over keys that happen to be in the environment.
    let mut command = named.command(&words);
    command.env("AWS_ACCESS_KEY_ID", env_id).env("AWS_SECRET_ACCESS_KEY", env_secret);
    assert_eq!(account_of(command.output().unwrap()), "100000000061");

    let unnamed = chain("");
    with_files(&unnamed);
    let mut command = unnamed.command(&words);
    command.env("AWS_ACCESS_KEY_ID", env_id).env("AWS_SECRET_ACCESS_KEY", env_secret);
    assert_eq!(account_of(command.output().unwrap()), "100000000062");
    assert_eq!(account_of(unnamed.command(&words).env("AWS_PROFILE", "team").output().unwrap()), "100000000061");

    // Neither: the sentence says what is missing, and the session of the one who runs the test is not found.
    let (code, report) = run(&unnamed, &["discover", "own"]);
    assert_eq!((code, &report["error"]["kind"]), (Some(1), &json!("credentials_failed")), "{report}");
    assert!(report["error"]["message"].as_str().unwrap().contains("no credentials were found"), "{report}");
    assert!(report["error"]["hint"].as_str().unwrap().contains("AWS_ACCESS_KEY_ID"), "{report}");
    let (code, report) = run(&chain("profile = \"nobody\""), &["discover", "own"]);
    assert_eq!((code, &report["error"]["kind"]), (Some(1), &json!("credentials_failed")), "{report}");
    assert!(report["error"]["message"].as_str().unwrap().contains("nobody"), "{report}");
}
