//! Who may call: keys, sessions, roles, organizations, regions that are switched off.

use std::time::Duration;

use aboard_simulator::{
    Account, AccountFields, AccountState, Failure, Fault, Operation, RestApi, Role, Simulator, User, World,
};
use serde_json::json;

use crate::client::{Answer, Client, names};

const CENTRAL: &str = "111122223333";
const MEMBER: &str = "444455556666";
const REGION: &str = "eu-west-1";

fn assume(client: &Client, arn: &str, more: &str) -> Answer {
    client.sts(&format!(
        "Action=AssumeRole&Version=2011-06-15&RoleArn={}&RoleSessionName=aboard{more}",
        arn.replace(':', "%3A").replace('/', "%2F")
    ))
}

fn session(sim: &Simulator, answer: &Answer) -> Client {
    assert_eq!(answer.status, 200, "{}", answer.body);
    Client::new(sim, answer.xml("AccessKeyId"), REGION).token(answer.xml("SessionToken"))
}

fn serve(change: impl FnOnce(World) -> World) -> (Simulator, Client) {
    let world = World::new().user("AKIA", CENTRAL).rest(MEMBER, REGION, RestApi::new("orders").id("r1"));
    let simulator = Simulator::start(change(world));
    let client = Client::new(&simulator, "AKIA", REGION);
    (simulator, client)
}

#[test]
fn a_key_tells_the_account() {
    let (sim, client) = serve(|world| world);
    let answer = client.sts("Action=GetCallerIdentity&Version=2011-06-15");
    assert_eq!(answer.xml("Account"), CENTRAL);
    assert_eq!(answer.xml("Arn"), "arn:aws:iam::111122223333:user/aboard");
    assert_eq!(sim.log()[0].account, CENTRAL);
    assert_eq!(sim.log()[0].region, REGION);
}

#[test]
fn an_unknown_key_or_token_is_refused_in_each_services_own_words() {
    let (sim, _) = serve(|world| world.user_with(User::new("AKIATEMP", CENTRAL).session_token("right")));
    for client in [
        Client::new(&sim, "AKIANOBODY", REGION),
        Client::new(&sim, "AKIATEMP", REGION),
        Client::new(&sim, "AKIATEMP", REGION).token("wrong"),
    ] {
        let sts = client.sts("Action=GetCallerIdentity");
        assert_eq!((sts.status, sts.xml("Code")), (403, "InvalidClientTokenId"));
        let gateway = client.get("/restapis");
        assert_eq!((gateway.status, gateway.error_type()), (403, "UnrecognizedClientException"));
        let organizations = client.organizations("ListAccounts", "{}");
        assert_eq!(organizations.json()["__type"], "UnrecognizedClientException");
    }
    assert_eq!(Client::new(&sim, "AKIATEMP", REGION).token("right").get("/restapis").status, 200);
}

#[test]
fn a_role_opens_the_account_it_lives_in() {
    let arn = "arn:aws:iam::444455556666:role/team/Reader";
    let (sim, client) = serve(|world| world.role(Role::new(arn)));
    let answer = assume(&client, arn, "");
    let member = session(&sim, &answer);
    assert_eq!(answer.xml("Arn"), "arn:aws:sts::444455556666:assumed-role/Reader/aboard");
    assert_eq!(member.sts("Action=GetCallerIdentity").xml("Account"), MEMBER);
    assert_eq!(names(&member.get("/restapis").json()["item"], "id"), ["r1"]);
    assert!(answer.xml("AccessKeyId").starts_with("ASIA"));
    assert!(answer.xml("Expiration").ends_with('Z'));
    assert_eq!(member.clone().token("wrong").get("/restapis").status, 403);
    sim.forget_sessions();
    assert_eq!(member.get("/restapis").error_type(), "UnrecognizedClientException");
}

#[test]
fn sts_gives_one_answer_for_every_reason_to_refuse_a_role() {
    let arn = |name: &str| format!("arn:aws:iam::444455556666:role/{name}");
    let (sim, client) = serve(|world| {
        world
            .role(Role::new(arn("WithId")).external_id("s3cret"))
            .role(Role::new(arn("Distrustful")).trusts("999988887777"))
            .role(Role::new("arn:aws:iam::777766665555:role/Closed"))
            .account(Account::new("777766665555").state(AccountState::Suspended))
    });
    for (arn, more) in [
        (arn("Missing"), ""),
        (arn("WithId"), ""),
        (arn("WithId"), "&ExternalId=wrong"),
        (arn("Distrustful"), ""),
        ("arn:aws:iam::777766665555:role/Closed".to_owned(), ""),
    ] {
        let answer = assume(&client, &arn, more);
        assert_eq!((answer.status, answer.xml("Code")), (403, "AccessDenied"), "{arn}");
        assert!(answer.xml("Message").contains("is not authorized to perform: sts:AssumeRole on resource:"));
    }
    session(&sim, &assume(&client, &arn("WithId"), "&ExternalId=s3cret"));
}

#[test]
fn a_chained_session_lasts_an_hour_at_most() {
    let (first, second) = ("arn:aws:iam::111122223333:role/Central", "arn:aws:iam::444455556666:role/Child");
    let long = Duration::from_hours(12);
    let (sim, client) =
        serve(|world| world.role(Role::new(first).max_session(long)).role(Role::new(second).max_session(long)));
    let central = session(&sim, &assume(&client, first, "&DurationSeconds=7200"));
    let refused = assume(&central, second, "&DurationSeconds=7200");
    assert_eq!((refused.status, refused.xml("Code")), (400, "ValidationError"));
    assert!(refused.xml("Message").contains("1 hour session limit for roles assumed by role chaining"));
    session(&sim, &assume(&central, second, "&DurationSeconds=3600"));
}

#[test]
fn a_session_ends() {
    let arn = "arn:aws:iam::444455556666:role/Reader";
    let (sim, client) = serve(|world| world.role(Role::new(arn)).session_length(Duration::ZERO));
    let member = session(&sim, &assume(&client, arn, ""));
    assert_eq!(member.get("/restapis").error_type(), "ExpiredTokenException");
    assert_eq!(member.sts("Action=GetCallerIdentity").xml("Code"), "ExpiredToken");
}

#[test]
fn a_role_that_every_account_has_can_be_missing_in_one() {
    let arn = |account: &str| format!("arn:aws:iam::{account}:role/AboardChildRole");
    let (sim, client) = serve(|world| {
        world
            .organization(CENTRAL)
            .account(Account::new(MEMBER))
            .role_everywhere(Role::new("AboardChildRole"))
            .without_role(&arn(CENTRAL))
    });
    session(&sim, &assume(&client, &arn(MEMBER), ""));
    assert_eq!(assume(&client, &arn(CENTRAL), "").status, 403);
    assert_eq!(assume(&client, &arn("999999999999"), "").status, 403);
}

#[test]
fn an_account_has_state_and_status_and_paths_and_the_management_accounts_arn() {
    let suspended = Account::new(MEMBER)
        .name("sandbox")
        .state(AccountState::PendingActivation)
        .organizational_unit("ou-abcd-11111111")
        .organizational_unit("ou-abcd-22222222");
    let (sim, client) = serve(|world| world.organization(CENTRAL).account(suspended));
    let account = client.organizations("ListAccounts", "{}").json()["Accounts"][1].clone();
    assert_eq!((&account["State"], &account["Status"]), (&json!("PENDING_ACTIVATION"), &json!("ACTIVE")));
    assert!(account["Arn"].as_str().expect("an ARN").starts_with("arn:aws:organizations::111122223333:account/o-"));
    let path = account["Paths"][0].as_str().expect("a path");
    assert!(path.contains("/ou-abcd-11111111/ou-abcd-22222222/"), "{path}");
    sim.change(|world| world.apply(|world| world.account_fields(AccountFields::Status)));
    let account = client.organizations("ListAccounts", "{}").json()["Accounts"][1].clone();
    assert!(account.get("State").is_none() && account.get("Status").is_some());
    let organization = client.organizations("DescribeOrganization", "{}").json();
    assert_eq!(organization["Organization"]["MasterAccountId"], CENTRAL);
}

#[test]
fn only_the_management_account_and_delegated_administrators_list_accounts() {
    let (sim, client) = serve(|world| world.organization(MEMBER));
    let refused = client.organizations("ListAccounts", "{}");
    assert_eq!((refused.status, refused.json()["__type"].as_str()), (400, Some("AccessDeniedException")));
    sim.change(|world| world.apply(|world| world.delegated_administrator(CENTRAL)));
    assert_eq!(client.organizations("ListAccounts", "{}").status, 200);
    let (_alone, client) = serve(|world| world);
    assert_eq!(client.organizations("ListAccounts", "{}").json()["__type"], "AWSOrganizationsNotInUseException");
}

#[test]
fn accounts_may_come_after_an_empty_page() {
    let fault = Fault::new(Failure::EmptyPageWithToken).on(Operation::ListAccounts).times(1);
    let (_sim, client) = serve(|world| world.organization(CENTRAL).fault(fault));
    let first = client.organizations("ListAccounts", "{}").json();
    assert_eq!(first["Accounts"], json!([]));
    let token = first["NextToken"].as_str().expect("a token");
    let second = client.organizations("ListAccounts", &json!({"NextToken": token}).to_string()).json();
    assert_eq!(names(&second["Accounts"], "Id"), [CENTRAL]);
}

#[test]
fn a_region_that_is_switched_off_knows_no_key_and_is_listed_as_disabled() {
    let (sim, client) =
        serve(|world| world.rest(CENTRAL, REGION, RestApi::new("orders")).disabled_region(CENTRAL, "me-south-1"));
    let off = Client::new(&sim, "AKIA", "me-south-1");
    assert_eq!(off.get("/restapis").error_type(), "UnrecognizedClientException");
    assert_eq!(off.sts("Action=GetCallerIdentity").xml("Code"), "InvalidClientTokenId");
    assert_eq!(client.get("/restapis").status, 200);
    let regions = client.list_regions("{}").json()["Regions"].clone();
    assert_eq!(regions[0], json!({"RegionName": "eu-west-1", "RegionOptStatus": "ENABLED_BY_DEFAULT"}));
    assert_eq!(regions[1], json!({"RegionName": "me-south-1", "RegionOptStatus": "DISABLED"}));
    let enabled = client.list_regions(r#"{"RegionOptStatusContains":["ENABLED_BY_DEFAULT"]}"#).json();
    assert_eq!(names(&enabled["Regions"], "RegionName"), ["eu-west-1"]);
}

#[test]
fn listing_regions_can_be_denied() {
    let (_sim, client) = serve(World::list_regions_denied);
    let answer = client.list_regions("{}");
    assert_eq!((answer.status, answer.error_type()), (403, "AccessDeniedException"));
}
