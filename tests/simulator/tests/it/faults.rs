//! Each thing that goes wrong, as it looks on the wire.

use std::time::{Duration, Instant};

use aboard_simulator::{Failure, Fault, HttpApi, Operation, RestApi, Role, Service, Simulator, Throttle, World};
use serde_json::{Value, json};

use crate::client::{Broken, Client, names};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

fn serve(fault: Fault) -> (Simulator, Client) {
    let world = World::new()
        .user("AKIA", ACCOUNT)
        .user("AKIAOTHER", "444455556666")
        .rest(ACCOUNT, REGION, RestApi::new("one").id("r1").stage("prod"))
        .rest(ACCOUNT, REGION, RestApi::new("two").id("r2").stage("prod"))
        .http(ACCOUNT, REGION, HttpApi::new("pay").id("h1").stage("prod"))
        .fault(fault);
    let simulator = Simulator::start(world);
    let client = Client::new(&simulator, "AKIA", REGION);
    (simulator, client)
}

#[test]
fn denials_name_user_action_and_resource_and_an_scp_says_so() {
    let (sim, client) = serve(Fault::new(Failure::AccessDenied).service(Service::Rest));
    let answer = client.get("/restapis?limit=500");
    assert_eq!((answer.status, answer.error_type()), (403, "AccessDeniedException"));
    let message = answer.json()["message"].as_str().expect("a message").to_owned();
    assert!(message.starts_with("User: arn:aws:iam::111122223333:user/aboard is not authorized to perform: apigateway:GET on resource: arn:aws:apigateway:eu-west-1::/restapis because"), "{message}");
    sim.clear_faults();
    sim.fault(Fault::new(Failure::AccessDeniedByScp).on(Operation::GetApis));
    let message = client.get("/v2/apis").json()["message"].as_str().expect("a message").to_owned();
    assert!(
        message.contains(
            "on resource: arn:aws:apigateway:eu-west-1::/apis with an explicit deny in a service control policy"
        ),
        "{message}"
    );
    assert_eq!(client.get("/restapis").status, 200);
}

#[test]
fn errors_have_their_status_and_type_in_each_protocol() {
    let expected = [
        (Failure::RegionDisabled, 403, "UnrecognizedClientException"),
        (Failure::ExpiredToken, 403, "ExpiredTokenException"),
        (Failure::NotFound, 404, "NotFoundException"),
        (Failure::BadRequest("no".to_owned()), 400, "BadRequestException"),
        (Failure::ServerError(503), 503, "InternalServerErrorException"),
        (Failure::TooManyRequests, 429, "TooManyRequestsException"),
        (
            Failure::Error { status: 409, code: "ConflictException".to_owned(), message: "busy".to_owned() },
            409,
            "ConflictException",
        ),
    ];
    let (sim, client) = serve(Fault::new(Failure::Hang).times(0));
    for (failure, status, code) in expected {
        sim.clear_faults();
        sim.fault(Fault::new(failure));
        let answer = client.get("/restapis");
        assert_eq!((answer.status, answer.error_type()), (status, code));
        assert!(answer.json()["message"].is_string());
        let answer = client.organizations("ListAccounts", "{}");
        assert_eq!((answer.status, &answer.json()["__type"]), (if status < 500 { 400 } else { status }, &json!(code)));
        let answer = client.sts("Action=GetCallerIdentity");
        assert!(answer.status >= 400);
        assert!(!answer.xml("Code").is_empty());
    }
    assert_eq!(sim.counts().throttled, 3);
    assert_eq!(sim.counts().faults, 21);
}

#[test]
fn a_region_without_v2_answers_what_is_not_json() {
    let (sim, client) = serve(Fault::new(Failure::MalformedBadRequest).on(Operation::GetApis));
    let answer = client.get("/v2/apis");
    assert_eq!((answer.status, answer.error_type()), (400, "BadRequestException"));
    assert!(serde_json::from_str::<Value>(&answer.body).is_err());
    assert!(answer.body.contains(r"\'functionName\'"));
    sim.clear_faults();
    sim.fault(Fault::new(Failure::HttpApisNotAvailable).service(Service::Http));
    let answer = client.get("/v2/apis");
    assert_eq!((answer.status, answer.error_type()), (400, "BadRequestException"));
    assert_eq!(answer.json()["message"], "HTTP APIs are not available in this AWS region");
}

#[test]
fn a_fault_strikes_where_when_and_as_often_as_it_says() {
    let fault = Fault::new(Failure::ServerError(500)).on(Operation::RestGetStages).on(Operation::HttpGetStages);
    let (_sim, client) = serve(fault.account(ACCOUNT).region(REGION).about("r1").skip(1).times(2));
    let mut statuses = Vec::new();
    for path in ["/restapis/r2/stages", "/restapis/r1/stages", "/v2/apis/h1/stages", "/restapis"] {
        statuses.push(client.get(path).status);
    }
    assert_eq!(statuses, [200, 200, 200, 200]);
    let statuses: Vec<u16> = (0..3).map(|_| client.get("/restapis/r1/stages").status).collect();
    assert_eq!(statuses, [500, 500, 200]);
}

#[test]
fn a_fault_can_be_bound_to_a_region_or_an_account() {
    let (sim, client) = serve(Fault::new(Failure::ServerError(500)).region("eu-west-2"));
    sim.fault(Fault::new(Failure::ServerError(503)).account("444455556666"));
    assert_eq!(client.get("/restapis").status, 200);
    assert_eq!(Client::new(&sim, "AKIA", "eu-west-2").get("/restapis").status, 500);
    assert_eq!(Client::new(&sim, "AKIAOTHER", REGION).get("/restapis").status, 503);
}

#[test]
fn a_fault_can_be_bound_to_a_role_that_is_assumed_or_that_calls() {
    let arn = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    let (sim, client) = serve(Fault::new(Failure::ServerError(500)).about(arn("Broken")));
    sim.change(|world| world.apply(|world| world.role(Role::new(arn("Broken"))).role(Role::new(arn("Poor")))));
    sim.fault(Fault::new(Failure::AccessDenied).principal("assumed-role/Poor/").on(Operation::GetRestApis));
    let assume = |name: &str| client.sts(&format!("Action=AssumeRole&RoleArn={}&RoleSessionName=test", arn(name)));
    assert_eq!(assume("Broken").status, 500);
    let session = assume("Poor");
    assert_eq!(session.status, 200);
    let poor = Client::new(&sim, session.xml("AccessKeyId"), REGION).token(session.xml("SessionToken"));
    assert_eq!((poor.get("/restapis").status, poor.get("/v2/apis").status), (403, 200));
    assert_eq!(client.get("/restapis").status, 200);
}

#[test]
fn a_connection_can_be_cut_before_the_answer_or_half_way_through_it() {
    let (sim, client) = serve(Fault::new(Failure::CutBeforeAnswer).times(1));
    let cut = client.try_get("/restapis").expect_err("a cut");
    assert_eq!(cut, Broken::Closed { head: false, body: 0, announced: 0 });
    sim.fault(Fault::new(Failure::CutMidBody).times(2));
    for path in ["/restapis", "/restapis/none"] {
        let Broken::Closed { head: true, body, announced } = client.try_get(path).expect_err("a cut") else {
            panic!("the connection stayed open or the head is missing");
        };
        assert_eq!(body, announced / 2);
        assert!(body > 0);
    }
    assert_eq!(client.get("/restapis").status, 200);
}

#[test]
fn a_call_can_hang_and_others_go_on() {
    let (sim, client) = serve(Fault::new(Failure::Hang).on(Operation::GetApis));
    let silent = client.clone().patience(Duration::from_millis(100)).try_get("/v2/apis");
    assert_eq!(silent.expect_err("silence"), Broken::Silent);
    assert_eq!(client.get("/restapis").status, 200);
    assert_eq!((sim.counts().calls, sim.counts().answers), (2, 1));
}

#[test]
fn an_answer_can_be_late() {
    let (_sim, client) = serve(Fault::new(Failure::Delay(Duration::from_millis(80))));
    let start = Instant::now();
    assert_eq!(client.get("/restapis").status, 200);
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[test]
fn a_token_can_repeat_for_ever() {
    for path in ["/restapis?limit=1", "/v2/apis?maxResults=1"] {
        let (name, list) = if path.contains("v2") { ("nextToken", "items") } else { ("position", "item") };
        let (_sim, client) = serve(Fault::new(Failure::RepeatedToken));
        let first = client.get(path).json();
        let token = first[name].as_str().expect("a token").to_owned();
        for _ in 0..3 {
            let again = client.get(&format!("{path}&{name}={token}")).json();
            assert_eq!(again[name], json!(token));
            assert_eq!(again[list].as_array().expect("a list").len(), 1);
        }
    }
}

#[test]
fn a_token_can_be_empty_or_lead_past_an_empty_page() {
    let (sim, client) = serve(Fault::new(Failure::EmptyToken).times(1));
    let answer = client.get("/restapis").json();
    assert_eq!((answer["item"].as_array().map(Vec::len), &answer["position"]), (Some(2), &json!("")));
    sim.fault(Fault::new(Failure::EmptyPageWithToken).times(2));
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let answer = client.get(&format!("/restapis?limit=500{token}")).json();
        seen.push(names(&answer["item"], "id"));
        let Some(next) = answer["position"].as_str() else { break };
        assert!(!token.ends_with(next), "an empty page is not a repeated token");
        token = format!("&position={next}");
    }
    assert_eq!(seen, [vec![], vec![], vec!["r1".to_owned(), "r2".to_owned()]]);
}

#[test]
fn a_list_can_be_missing_or_in_another_shape() {
    let (sim, client) = serve(Fault::new(Failure::NoList).times(1));
    let answer = client.get("/restapis");
    assert_eq!((answer.status, answer.json()), (200, json!({})));
    sim.fault(Fault::new(Failure::Hal).times(1));
    let answer = client.get("/restapis").json();
    assert!(answer.get("item").is_none());
    assert_eq!(names(&answer["_embedded"]["item"], "id"), ["r1", "r2"]);
    sim.fault(Fault::new(Failure::WrongContent).times(1));
    let answer = client.get("/restapis");
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, "text/html"));
    let raw = Failure::Raw { status: 502, content_type: "text/plain", body: "bad gateway".to_owned() };
    sim.fault(Fault::new(raw).times(1));
    let answer = client.get("/restapis");
    assert_eq!((answer.status, answer.body.as_str()), (502, "bad gateway"));
}

#[test]
fn a_quota_is_shared_by_both_families_and_not_by_accounts() {
    let (sim, client) = serve(Fault::new(Failure::Hang).times(0));
    sim.change(|world| world.set_throttle(Some(Throttle::new(0.001, 3.0))));
    let statuses: Vec<u16> =
        ["/restapis", "/v2/apis", "/restapis", "/v2/apis", "/restapis"].map(|path| client.get(path).status).into();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let refused = client.get("/v2/apis");
    assert_eq!(refused.error_type(), "TooManyRequestsException");
    assert_eq!(refused.json(), json!({"message": "Too Many Requests"}));
    assert_eq!(Client::new(&sim, "AKIAOTHER", REGION).get("/restapis").status, 200);
    assert_eq!(Client::new(&sim, "AKIA", "eu-west-2").get("/restapis").status, 200);
    assert_eq!(client.sts("Action=GetCallerIdentity").status, 200);
    assert_eq!(sim.counts().throttled, 3);
    assert_eq!(sim.counts().of_region(ACCOUNT, REGION), 6);
}
