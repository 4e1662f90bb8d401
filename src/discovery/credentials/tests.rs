use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::super::testing::{ACCOUNT, Asked, REGION, Reply, aws, connection, enter, role, user};
use super::super::{Progress, Wanted, look};
use super::*;
use crate::config::{Connection, Credentials as Means, Patterns, Regions};
use crate::inventory::{Listing, ScopeState};

fn empty(asked: &Asked) -> Reply {
    Reply::json(if asked.path.starts_with("/v2") { r#"{"items":[]}"# } else { r#"{"item":[]}"# })
}

#[tokio::test]
async fn a_key_tells_its_own_account_and_partition() {
    let (aws, log) = aws(|_| Reply::caller("arn:aws-cn:iam::111122223333:user/u")).await;
    let (_folder, user) = user();
    let mut accounts = enter(&aws, &connection(Means::AwsUser(user), &["cn-north-1"])).await.unwrap();
    let account = accounts.remove(0).unwrap();
    assert_eq!((account.partition.as_str(), account.account_id.as_str()), ("aws-cn", ACCOUNT));
    assert_eq!(account.regions, ["cn-north-1"]);
    assert_eq!(log.all().len(), 1);
    assert_eq!(log.all()[0].host, "sts.cn-north-1.amazonaws.com.cn");
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_named_and_aws_is_not_asked() {
    let (aws, log) = aws(|asked| panic!("{asked:?}")).await;
    let (folder, user) = user();
    drop(folder);
    let trouble = enter(&aws, &connection(Means::AwsUser(user), &[REGION])).await.unwrap_err().trouble;
    assert_eq!(trouble.state, ScopeState::CredentialsFailed);
    assert!(trouble.cause.contains("secret file") && trouble.cause.contains("cannot be read"), "{}", trouble.cause);
    assert!(log.all().is_empty());
}

#[tokio::test]
async fn a_role_is_assumed_once_for_all_its_regions_and_both_families() {
    let (aws, log) = aws(|asked| if asked.sts("AssumeRole") { Reply::session("token-1") } else { empty(asked) }).await;
    let (_folder, user) = user();
    let accounts = enter(&aws, &connection(role(user), &[REGION, "eu-west-2"])).await.unwrap();
    let account = accounts[0].as_ref().unwrap();
    assert_eq!(account.account_id, "999988887777", "from the role's ARN, not from the answer");
    for region in &account.regions {
        let looks = look(&aws, account, region, &Wanted::Everything, &Progress::default()).await;
        assert!(looks.iter().all(|look| look.listing == Listing::Whole { without_list: false }));
    }
    assert_eq!(log.count(|asked| asked.sts("AssumeRole")), 1);
    assert_eq!(log.count(|asked| asked.session_token.as_deref() == Some("token-1")), 4);
    let assumed = log.all().into_iter().find(|asked| asked.sts("AssumeRole")).unwrap();
    assert_eq!(assumed.host, "sts.eu-west-1.amazonaws.com");
    assert!(assumed.body.contains("ExternalId=external-1") && assumed.body.contains("RoleSessionName=aboard"));
    assert!(!assumed.body.contains("DurationSeconds"), "an hour is what STS gives unasked");
}

#[tokio::test]
async fn a_session_that_is_refused_as_expired_leads_to_one_new_session_for_all_that_wait() {
    static SESSIONS: AtomicU32 = AtomicU32::new(0);
    let (aws, log) = aws(|asked| {
        if asked.sts("AssumeRole") {
            return Reply::session(&format!("token-{}", SESSIONS.fetch_add(1, Relaxed)));
        }
        if asked.session_token.as_deref() == Some("token-0") {
            return Reply::error(403, "ExpiredTokenException", "The security token included in the request is expired");
        }
        empty(asked)
    })
    .await;
    let (_folder, user) = user();
    let accounts = enter(&aws, &connection(role(user), &[REGION])).await.unwrap();
    let looks = look(&aws, accounts[0].as_ref().unwrap(), REGION, &Wanted::Everything, &Progress::default()).await;
    assert!(looks.iter().all(|look| look.listing == Listing::Whole { without_list: false }), "{looks:?}");
    assert_eq!(log.count(|asked| asked.sts("AssumeRole")), 2);
}

#[tokio::test]
async fn a_role_that_is_refused_names_the_four_causes_and_no_secret() {
    let (aws, log) = aws(|_| {
        Reply::sts_error(
            403,
            "AccessDenied",
            "User: arn:aws:iam::1:user/u is not authorized to perform: sts:AssumeRole",
        )
    })
    .await;
    let (_folder, user) = user();
    let accounts = enter(&aws, &connection(role(user), &[REGION])).await.unwrap();
    let trouble = accounts[0].as_ref().unwrap_err();
    assert_eq!(trouble.account_id.as_deref(), Some("999988887777"));
    assert_eq!(trouble.trouble.state, ScopeState::CredentialsFailed);
    assert!(
        trouble.trouble.cause.contains("AssumeRole") && trouble.trouble.cause.contains("req-2"),
        "{}",
        trouble.trouble.cause
    );
    let hint = trouble.trouble.hint.as_deref().unwrap();
    for cause in ["does not exist", "trust policy", "external id", "service control policy"] {
        assert!(hint.contains(cause), "{hint}");
    }
    assert!(!format!("{trouble:?}").contains("very-secret-key"));
    assert_eq!(log.all().len(), 1, "a refusal is no matter of the region");
}

#[tokio::test(start_paused = true)]
async fn only_the_status_of_an_answer_says_that_the_failure_is_the_servers() {
    for (status, state) in [(400, ScopeState::CredentialsFailed), (503, ScopeState::Failed)] {
        let (aws, _) = aws(move |_| Reply::sts_error(status, "Peculiar", "quoted: status 500")).await;
        let (_folder, user) = user();
        let accounts = enter(&aws, &connection(role(user), &[REGION])).await.unwrap();
        assert_eq!(accounts[0].as_ref().unwrap_err().trouble.state, state, "{status}");
    }
}

#[tokio::test]
async fn where_sts_is_off_in_the_first_region_the_partitions_own_is_asked() {
    let (aws, log) = aws(|asked| match asked.host.as_str() {
        "sts.ap-east-1.amazonaws.com" => {
            Reply::sts_error(403, "RegionDisabledException", "STS is not activated in this region")
        }
        "sts.us-east-1.amazonaws.com" => Reply::session("token"),
        _ => empty(asked),
    })
    .await;
    let (_folder, user) = user();
    let accounts = enter(&aws, &connection(role(user), &["ap-east-1"])).await.unwrap();
    assert!(accounts[0].is_ok(), "{accounts:?}");
    assert_eq!(log.all().len(), 2);
}

#[tokio::test]
async fn a_key_that_aws_does_not_know_is_a_credentials_failure_of_the_connection() {
    let (aws, _) = aws(|_| {
        Reply::sts_error(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    })
    .await;
    let (_folder, user) = user();
    let trouble = enter(&aws, &connection(Means::AwsUser(user), &[REGION])).await.unwrap_err();
    assert_eq!((trouble.account_id, trouble.trouble.state), (None, ScopeState::CredentialsFailed));
}

#[tokio::test(start_paused = true)]
async fn an_sts_that_cannot_be_reached_may_pass() {
    let (aws, _) = aws(|_| Reply::no_connection()).await;
    let (_folder, user) = user();
    let accounts = enter(&aws, &connection(role(user), &[REGION])).await.unwrap();
    let trouble = &accounts[0].as_ref().unwrap_err().trouble;
    assert_eq!(trouble.state, ScopeState::Failed);
    assert!(trouble.state.may_pass());
}

fn everywhere(user: AwsUser) -> Connection {
    Connection { regions: Regions::All { except: Patterns::default() }, ..connection(Means::AwsUser(user), &[]) }
}

#[tokio::test]
async fn a_key_that_no_region_is_named_for_is_looked_for_in_each_partition() {
    let (aws, log) = aws(|asked| match asked.host.as_str() {
        "sts.cn-north-1.amazonaws.com.cn" => Reply::caller("arn:aws-cn:iam::111122223333:user/u"),
        "account.cn-northwest-1.amazonaws.com.cn" => {
            Reply::json(r#"{"Regions":[{"RegionName":"cn-north-1","RegionOptStatus":"ENABLED_BY_DEFAULT"}]}"#)
        }
        _ => Reply::sts_error(403, "InvalidClientTokenId", "The security token included in the request is invalid."),
    })
    .await;
    let (_folder, user) = user();
    let accounts = enter(&aws, &everywhere(user)).await.unwrap();
    let account = accounts[0].as_ref().unwrap();
    assert_eq!((account.partition.as_str(), account.regions.as_slice()), ("aws-cn", &["cn-north-1".to_owned()][..]));
    assert_eq!(log.count(|asked| asked.sts("GetCallerIdentity")), 2);
}

#[tokio::test]
async fn a_key_that_no_partition_knows_is_told_as_the_first_of_them_did() {
    let (aws, log) = aws(|asked| {
        let message = format!("unknown to {}", asked.host);
        Reply::sts_error(403, "InvalidClientTokenId", &message)
    })
    .await;
    let (_folder, user) = user();
    let trouble = enter(&aws, &everywhere(user)).await.unwrap_err().trouble;
    assert!(trouble.cause.contains("sts.us-east-1.amazonaws.com"), "{}", trouble.cause);
    assert_eq!(log.all().len(), 4);
}

#[tokio::test]
async fn a_rotated_key_is_read_anew_for_the_next_run() {
    let (aws, _) = aws(|_| Reply::caller("arn:aws:iam::111122223333:user/u")).await;
    let (folder, user) = user();
    let connection = connection(Means::AwsUser(user), &[REGION]);
    assert!(enter(&aws, &connection).await.is_ok());
    std::fs::remove_file(folder.path().join("key")).unwrap();
    assert!(enter(&aws, &connection).await.is_err(), "the old one is not kept");
}

#[test]
fn sts_is_asked_in_the_first_named_region_of_the_right_partition() {
    let named = |regions: &[&str]| regions.iter().map(|&region| region.to_owned()).collect::<Vec<_>>();
    assert_eq!(sts_regions(&named(&["eu-west-1", "eu-west-2"]), None), ["eu-west-1", "us-east-1"]);
    assert_eq!(sts_regions(&named(&["us-east-1"]), Some("aws")), ["us-east-1"]);
    assert_eq!(sts_regions(&named(&["eu-west-1"]), Some("aws-us-gov")), ["us-gov-west-1"]);
    assert_eq!(sts_regions(&named(&["cn-northwest-1"]), None), ["cn-northwest-1", "cn-north-1"]);
    assert_eq!(sts_regions(&[], None), ["us-east-1"]);
}
