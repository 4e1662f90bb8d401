//! Organizations: `ListAccounts` and `DescribeOrganization`.

use serde_json::{Value, json};

use super::without_nulls;
use crate::answer::{Answer, AwsError, Page};
use crate::operation::Service;
use crate::paging::Cursor;
use crate::request::Request;
use crate::state::Caller;
use crate::world::{Account, AccountFields, Organization, World};

pub(super) fn list_accounts(world: &World, caller: &Caller, request: &Request) -> Result<Page, AwsError> {
    let organization = organization(world)?;
    let entitled = caller.account == organization.management_account
        || organization.delegated_administrators.contains(&caller.account);
    if !entitled {
        let message = "You don't have permissions to access this resource.";
        return Err(AwsError::new(400, "AccessDeniedException", message));
    }
    let (page, next) = Cursor::of(request)?.page_of_map(&world.identities.accounts);
    let items = page.into_iter().map(|account| account_json(world, organization, account)).collect();
    Ok(Page { list: "Accounts", items, token: Some("NextToken"), next })
}

pub(super) fn describe_organization(world: &World) -> Result<Answer, AwsError> {
    let organization = organization(world)?;
    let (partition, management, id) = (&world.partition, &organization.management_account, organization.id());
    let body = json!({"Organization": {
        "Id": id,
        "Arn": format!("arn:{partition}:organizations::{management}:organization/{id}"),
        "FeatureSet": "ALL",
        "MasterAccountArn": format!("arn:{partition}:organizations::{management}:account/{id}/{management}"),
        "MasterAccountId": management,
        "MasterAccountEmail": format!("aws+{management}@example.com"),
        "AvailablePolicyTypes": [],
    }});
    Ok(Answer::json(Service::Organizations, &body))
}

fn organization(world: &World) -> Result<&Organization, AwsError> {
    world.identities.organization.as_ref().ok_or_else(|| {
        let message = "Your account is not a member of an organization.";
        AwsError::new(400, "AWSOrganizationsNotInUseException", message)
    })
}

fn account_json(world: &World, organization: &Organization, account: &Account) -> Value {
    let (state, status) = match world.account_fields {
        AccountFields::StateAndStatus => (true, true),
        AccountFields::State => (true, false),
        AccountFields::Status => (false, true),
        AccountFields::Neither => (false, false),
    };
    let (organization_id, id) = (organization.id(), &account.id);
    let mut path = format!("{organization_id}/{}/", organization.root_id());
    for unit in &account.organizational_units {
        path.push_str(unit);
        path.push('/');
    }
    path.push_str(id);
    path.push('/');
    without_nulls(json!({
        "Id": id,
        "Arn": format!(
            "arn:{}:organizations::{}:account/{organization_id}/{id}",
            world.partition, organization.management_account
        ),
        "Email": account.email,
        "Name": account.name,
        "State": state.then(|| account.state.as_str()),
        "Status": status.then(|| account.state.as_status()),
        "Paths": world.paths_told.then_some([path]),
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": 1_577_836_800.5,
    }))
}
