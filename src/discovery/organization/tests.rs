use super::*;
use crate::config::{DefaultChain, ManagementAccount, Pattern, Patterns, RoleArn, Source};

fn role(include: &[&str], exclude: &[&str], units: &[&str]) -> CentralRole {
    let patterns = |list: &[&str]| Patterns::new(list.iter().map(|text| Pattern::new(text).unwrap()).collect());
    CentralRole {
        role_arn: RoleArn {
            arn: "arn:aws:iam::111122223333:role/Central".to_owned(),
            partition: "aws".to_owned(),
            account_id: "111122223333".to_owned(),
        },
        child_role_name: "Child".to_owned(),
        session_name: "aboard".to_owned(),
        external_id: None,
        child_external_id: None,
        source: Source::DefaultChain(DefaultChain::default()),
        include_accounts: patterns(include),
        exclude_accounts: patterns(exclude),
        organizational_units: units.iter().map(|&unit| unit.to_owned()).collect(),
        management_account: ManagementAccount::Auto,
    }
}

fn account(id: &str, state: Option<&str>, paths: &[&str]) -> Member {
    Member {
        account_id: id.to_owned(),
        name: None,
        management: Some("111122223333".to_owned()),
        organization: Some("o-abcd".to_owned()),
        state: state.map(str::to_owned),
        paths: paths.iter().map(|&path| path.to_owned()).collect(),
    }
}

fn ids(role: &CentralRole, members: Vec<Member>) -> Result<Vec<String>, String> {
    let chosen = chosen(role, members).map_err(|trouble| trouble.cause)?;
    Ok(chosen.into_iter().map(|member| member.account_id).collect())
}

#[test]
fn only_states_that_aws_calls_closed_or_not_yet_open_keep_an_account_from_being_tried() {
    for (state, tried) in [
        (Some("ACTIVE"), true),
        (Some("SUSPENDED"), false),
        (Some("PENDING_CLOSURE"), false),
        (Some("CLOSED"), false),
        (Some("PENDING_ACTIVATION"), false),
        (Some("HIBERNATING"), true),
        (None, true),
    ] {
        assert_eq!(account("444455556666", state, &[]).closed().is_none(), tried, "{state:?}");
    }
}

#[test]
fn the_management_account_is_told_by_the_id_in_every_accounts_arn() {
    let made = |arn: &str| {
        member(types::Account::builder().id("111122223333").arn(arn).status(types::AccountStatus::Suspended).build())
    };
    let management = made("arn:aws:organizations::111122223333:account/o-abcd/111122223333").unwrap();
    assert!(management.is_management());
    assert!(management.closed().is_some(), "where there is no State, Status counts");
    assert!(!made("arn:aws:organizations::999999999999:account/o-abcd/111122223333").unwrap().is_management());
}

#[test]
fn units_count_wherever_they_stand_in_a_path_and_only_as_a_whole() {
    let below = account("444455556666", None, &["o-a/r-b/ou-abcd-11112222/ou-abcd-33334444/444455556666/"]);
    let root = account("111122223333", None, &["o-a/r-b/111122223333/"]);
    let other = account("555566667777", None, &["o-a/r-b/ou-abcd-1111222/"]);
    let all = vec![below, root, other];
    assert_eq!(ids(&role(&[], &[], &["ou-abcd-11112222"]), all.clone()).unwrap(), ["444455556666"]);
    assert_eq!(ids(&role(&[], &[], &["ou-abcd-33334444"]), all.clone()).unwrap(), ["444455556666"]);
    let none = ids(&role(&[], &[], &["ou-abcd-99999999"]), all.clone()).unwrap_err();
    assert_eq!(none, "no account is in scope: of the organization's 3 accounts the file chooses none");
    assert_eq!(ids(&role(&[], &["4444*"], &[]), all.clone()).unwrap(), ["111122223333", "555566667777"]);
    assert!(ids(&role(&["4444*"], &["*6666"], &[]), all).is_err());
}

#[test]
fn a_path_that_is_missing_matters_only_where_units_are_named_and_the_account_would_count() {
    let lost = || account("444455556666", None, &[]);
    let units = role(&[], &[], &["ou-abcd-11112222"]);
    let said = ids(&units, vec![lost()]).unwrap_err();
    assert!(said.contains("no Paths for 1 of 1 accounts, 444455556666 among them"), "{said}");
    assert_eq!(ids(&role(&[], &[], &[]), vec![lost()]).unwrap().len(), 1);
    let below = || account("555566667777", None, &["o-a/r-b/ou-abcd-11112222/"]);
    assert_eq!(ids(&role(&[], &["4444*"], &["ou-abcd-11112222"]), vec![lost(), below()]).unwrap(), ["555566667777"]);
    let closed = account("444455556666", Some("CLOSED"), &[]);
    assert_eq!(ids(&units, vec![closed, below()]).unwrap(), ["555566667777"]);
}

#[test]
fn an_account_that_is_on_two_pages_counts_once_and_the_order_stays() {
    let listed = ["555566667777", "444455556666", "555566667777"].map(|id| account(id, None, &[]));
    let once: Vec<String> = each_once(listed.into_iter()).into_iter().map(|member| member.account_id).collect();
    assert_eq!(once, ["555566667777", "444455556666"]);
}
