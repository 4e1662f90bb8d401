use super::super::testing::{ACCOUNT, Asked, REGION, Reply, aws, connection, role, user};
use super::*;
use crate::config::Credentials as Means;

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 12, 1).unwrap()
}

fn identity() -> Reply {
    Reply::caller("arn:aws:iam::111122223333:user/u")
}

fn full(asked: &Asked) -> Reply {
    match asked.path.as_str() {
        "/" if asked.sts("GetCallerIdentity") => identity(),
        "/" => Reply::session("token"),
        "/restapis" => Reply::json(r#"{"item":[{"id":"abc"}]}"#),
        "/v2/apis" => Reply::json(r#"{"items":[{"apiId":"h1","protocolType":"HTTP"}]}"#),
        "/domainnames" => Reply::json(
            r#"{"item":[{"domainName":"a.example.com","endpointConfiguration":{"types":["REGIONAL"]}},
                {"domainName":"p.example.com","domainNameId":"p1","endpointConfiguration":{"types":["PRIVATE"]}}]}"#,
        ),
        _ => Reply::json("{}"),
    }
}

fn by_name<'a>(steps: &'a [Step], name: &str) -> &'a Step {
    steps.iter().find(|step| step.name == name).unwrap_or_else(|| panic!("{name} in {steps:?}"))
}

#[tokio::test]
async fn a_connection_that_is_allowed_everything_passes_every_step_in_every_region() {
    let (aws, _) = aws(full).await;
    let (_folder, user) = user();
    let mut shown = Vec::new();
    let connection = connection(Means::AwsUser(user), &[REGION, "eu-west-2"]);
    let steps = test(&aws, &connection, Wants::default(), today(), |step| shown.push(step.clone())).await;
    assert_eq!(shown, steps);
    assert_eq!(steps.len(), 2 + 2 * 10);
    for step in &steps {
        assert!(matches!(step.outcome, Outcome::Passed(_)), "{step:?}");
    }
    let optional: Vec<&str> = steps.iter().filter(|step| !step.needed).map(|step| step.name).collect();
    assert_eq!(optional, ["read routing rules of custom domains"; 2]);
    assert_eq!(by_name(&steps, "list REST APIs").account_id.as_deref(), Some(ACCOUNT));
}

#[tokio::test]
async fn each_missing_permission_is_named_with_its_remedy_and_the_rest_is_still_tried() {
    let (aws, _) = aws(|asked| match asked.path.as_str() {
        "/v2/apis" | "/v2/domainnames/a.example.com/routingrules" => {
            Reply::error(403, "AccessDeniedException", "User is not authorized")
        }
        _ => full(asked),
    })
    .await;
    let (_folder, user) = user();
    let steps = test(&aws, &connection(Means::AwsUser(user), &[REGION]), Wants::default(), today(), |_| {}).await;
    let denied = by_name(&steps, "list HTTP and WebSocket APIs");
    assert!(denied.is_fatal());
    let Outcome::Failed(trouble) = &denied.outcome else { panic!() };
    assert_eq!(trouble.hint.as_deref(), Some("allow apigateway:GET on arn:aws:apigateway:eu-west-1::/apis"));
    let stages = by_name(&steps, "read stages of HTTP and WebSocket APIs");
    assert_eq!(stages.outcome, Outcome::NotTried("the listing before it failed".to_owned()));
    let rules = by_name(&steps, "read routing rules of custom domains");
    assert!(matches!(rules.outcome, Outcome::Failed(_)) && !rules.is_fatal());
    assert!(matches!(by_name(&steps, "list custom domains").outcome, Outcome::Passed(_)));
}

#[tokio::test]
async fn mappings_of_private_domains_are_a_permission_of_their_own_wherever_the_domain_stands_in_the_list() {
    let (aws, log) = aws(|asked| match asked.path.as_str() {
        "/domainnames/p.example.com/basepathmappings" => Reply::error(403, "AccessDeniedException", "not authorized"),
        _ => full(asked),
    })
    .await;
    let (_folder, user) = user();
    let steps = test(&aws, &connection(Means::AwsUser(user), &[REGION]), Wants::default(), today(), |_| {}).await;
    let private = by_name(&steps, "read mappings of private custom domains");
    assert!(private.is_fatal());
    let Outcome::Failed(trouble) = &private.outcome else { panic!() };
    let expected =
        "allow apigateway:GET on arn:aws:apigateway:eu-west-1:*:/domainnames/p.example.com+p1/basepathmappings";
    assert_eq!(trouble.hint.as_deref(), Some(expected));
    let asked = log.all().into_iter().find(|asked| asked.path.ends_with("/basepathmappings")).unwrap();
    assert_eq!(asked.query.get("domainNameId").map(String::as_str), Some("p1"));
    assert_eq!(
        by_name(&steps, "read mappings of custom domains").outcome,
        Outcome::Passed("tried on a.example.com".into())
    );
}

#[tokio::test]
async fn an_empty_account_passes_and_says_what_could_not_be_tried() {
    let (aws, _) = aws(|asked| if asked.path == "/" { identity() } else { Reply::json("{}") }).await;
    let (_folder, user) = user();
    let steps = test(&aws, &connection(Means::AwsUser(user), &[REGION]), Wants::default(), today(), |_| {}).await;
    assert!(!steps.iter().any(Step::is_fatal));
    assert_eq!(steps.iter().filter(|step| matches!(step.outcome, Outcome::NotTried(_))).count(), 7);
}

#[tokio::test]
async fn a_region_without_the_http_family_is_nothing_to_repair() {
    let (aws, _) = aws(|asked| match asked.path.as_str() {
        "/v2/apis" => Reply::error(400, "BadRequestException", "HTTP APIs are not available in this AWS region"),
        _ => full(asked),
    })
    .await;
    let (_folder, user) = user();
    let steps = test(&aws, &connection(Means::AwsUser(user), &[REGION]), Wants::default(), today(), |_| {}).await;
    assert!(!steps.iter().any(Step::is_fatal), "{steps:?}");
}

#[tokio::test]
async fn every_missing_secret_is_named_at_once_and_aws_is_not_asked() {
    let (aws, log) = aws(|asked| panic!("{asked:?}")).await;
    let (folder, mut user) = user();
    user.session_token = Some(crate::config::SecretRef::Env("ABOARD_TEST_NEVER_SET".to_owned()));
    drop(folder);
    let steps = test(&aws, &connection(Means::AwsUser(user), &[REGION]), Wants::default(), today(), |_| {}).await;
    let Outcome::Failed(trouble) = &steps[0].outcome else { panic!() };
    assert!(
        trouble.cause.contains("secret file") && trouble.cause.contains("ABOARD_TEST_NEVER_SET"),
        "{}",
        trouble.cause
    );
    assert!(matches!(steps[1].outcome, Outcome::NotTried(_)));
    assert!(log.all().is_empty());
}

#[tokio::test]
async fn a_role_shows_who_asks_for_it_before_it_shows_that_it_is_refused() {
    let (aws, _) = aws(|asked| {
        if asked.sts("GetCallerIdentity") {
            identity()
        } else {
            Reply::sts_error(403, "AccessDenied", "not authorized to perform: sts:AssumeRole")
        }
    })
    .await;
    let (_folder, user) = user();
    let steps = test(&aws, &connection(role(user), &[REGION]), Wants::default(), today(), |_| {}).await;
    let caller = Outcome::Passed("arn:aws:iam::111122223333:user/u".to_owned());
    assert_eq!(by_name(&steps, "identify the caller").outcome, caller);
    let refused = by_name(&steps, "assume the role");
    assert_eq!(refused.account_id.as_deref(), Some("999988887777"));
    let Outcome::Failed(trouble) = &refused.outcome else { panic!() };
    assert!(trouble.hint.as_deref().is_some_and(|hint| hint.contains("trust policy")));
    assert_eq!(steps.len(), 3);
}

#[tokio::test]
async fn an_integration_has_its_reads_tried_and_its_writes_named() {
    let (aws, log) = aws(|asked| match asked.path.as_str() {
        "/usageplans" => Reply::error(403, "AccessDeniedException", "not authorized"),
        "/apikeys" => Reply::json(r#"{"item":[{"id":"k1"}]}"#),
        _ => full(asked),
    })
    .await;
    let (_folder, user) = user();
    let connection = connection(Means::AwsUser(user), &[REGION]);
    let wants = Wants { plans: true, subscriptions: true, key_list: true, rest_only: false };
    let steps = test(&aws, &connection, wants, today(), |_| {}).await;
    assert_eq!(by_name(&steps, "read methods of REST APIs").outcome, Outcome::Passed("tried on abc".to_owned()));
    assert_eq!(by_name(&steps, "list API keys").outcome, Outcome::Passed("saw k1".to_owned()));
    let plans = by_name(&steps, "list usage plans");
    assert!(plans.is_fatal());
    let Outcome::Failed(trouble) = &plans.outcome else { panic!() };
    assert_eq!(trouble.hint.as_deref(), Some("allow apigateway:GET on arn:aws:apigateway:eu-west-1::/usageplans"));
    let Outcome::NotTried(why) = &by_name(&steps, "make and delete API keys").outcome else { panic!() };
    for part in ["POST on arn:aws:apigateway:eu-west-1::/apikeys", "::/usageplans/*/keys", "DELETE on", "::/apikeys/*"]
    {
        assert!(why.contains(part), "{why}");
    }
    let asked = log.all().into_iter().find(|asked| asked.path == "/apikeys").unwrap();
    assert_eq!(asked.parameter("includeValues"), Some("false"));

    let steps = test(&aws, &connection, Wants { plans: true, ..Wants::default() }, today(), |_| {}).await;
    assert!(steps.iter().all(|step| !step.name.contains("API keys")), "{steps:?}");
}

#[tokio::test]
async fn where_only_rest_apis_in_usage_plans_are_offered_the_rest_is_no_want() {
    let (aws, _) = aws(|asked| match asked.path.as_str() {
        "/v2/apis" | "/domainnames" => Reply::error(403, "AccessDeniedException", "not authorized"),
        _ => full(asked),
    })
    .await;
    let (_folder, user) = user();
    let connection = connection(Means::AwsUser(user), &[REGION]);
    let wants = Wants { plans: true, rest_only: true, ..Wants::default() };
    let steps = test(&aws, &connection, wants, today(), |_| {}).await;
    assert!(!steps.iter().any(Step::is_fatal), "{steps:?}");
    assert!(matches!(by_name(&steps, "list custom domains").outcome, Outcome::Failed(_)));
    let needed: Vec<&str> = steps.iter().filter(|step| step.needed).map(|step| step.name).skip(2).collect();
    assert_eq!(
        needed,
        [
            "list REST APIs",
            "read stages of REST APIs",
            "read deployments of REST APIs",
            "read methods of REST APIs",
            "list usage plans"
        ]
    );
}
