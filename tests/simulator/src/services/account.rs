//! Account Management: `ListRegions`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::answer::{AwsError, Page};
use crate::paging::Cursor;
use crate::request::Request;
use crate::state::Caller;
use crate::world::World;

pub(super) fn list_regions(world: &World, caller: &Caller, request: &Request) -> Result<Page, AwsError> {
    let account = request.json["AccountId"].as_str().unwrap_or(&caller.account);
    if world.list_regions_denied {
        let message = format!("User: {} is not authorized to perform: account:ListRegions", caller.arn);
        return Err(AwsError::new(403, "AccessDeniedException", message));
    }
    let mut regions: BTreeMap<String, &str> = BTreeMap::new();
    if world.enabled_regions.is_empty() {
        regions.extend(world.used_regions(account).map(|region| (region.to_owned(), "ENABLED_BY_DEFAULT")));
    } else {
        regions.extend(world.enabled_regions.iter().map(|region| (region.clone(), "ENABLED_BY_DEFAULT")));
    }
    let disabled = world.disabled_regions.iter().filter(|(owner, _)| owner == account);
    regions.extend(disabled.map(|(_, region)| (region.clone(), "DISABLED")));
    if let Value::Array(wanted) = &request.json["RegionOptStatusContains"] {
        regions.retain(|_, status| wanted.iter().any(|wanted| wanted == status));
    }
    let after = &Cursor::of(request)?;
    let rest = regions.iter().filter(|(name, _)| **name > after.after);
    let (items, next) =
        after.page(rest.map(|(name, status)| (name.as_str(), json!({"RegionName": name, "RegionOptStatus": status}))));
    Ok(Page { list: "Regions", items, token: Some("NextToken"), next })
}
