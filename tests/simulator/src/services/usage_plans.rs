//! API Gateway v1: usage plans and API keys, the only things that can be written.

use serde_json::{Value, json};

use super::{v1_page, without_nulls};
use crate::answer::{Answer, AwsError, Reply};
use crate::operation::{Operation, Service};
use crate::paging::Cursor;
use crate::request::Request;
use crate::world::{ApiKey, Region, UsagePlan};

/// Whether the operation is answered here.
pub(super) fn has(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::GetUsagePlans
            | Operation::CreateUsagePlanKey
            | Operation::GetApiKeys
            | Operation::GetApiKey
            | Operation::CreateApiKey
            | Operation::DeleteApiKey
    )
}

pub(super) fn operate(region: &mut Region, request: &Request, operation: Operation) -> Result<Reply, AwsError> {
    match operation {
        Operation::CreateUsagePlanKey => attach(region, request),
        Operation::GetApiKeys => list_keys(region, request),
        Operation::GetApiKey => {
            let key = region.api_keys.get(request.parent()).ok_or_else(no_such_key)?;
            Ok(document(200, &key_json(key, request.parameter("includeValue") == Some("true"))))
        }
        Operation::CreateApiKey => create(region, request),
        Operation::DeleteApiKey => {
            if !region.remove_api_key(request.parent()) {
                return Err(no_such_key());
            }
            Ok(Reply::Document(Answer::new(202, "application/json", "")))
        }
        _ => list_plans(region, request),
    }
}

fn list_plans(region: &Region, request: &Request) -> Result<Reply, AwsError> {
    let cursor = Cursor::of(request)?;
    // API Gateway API reference: `keyId` keeps the plans that the key is in.
    let Some(key) = request.parameter("keyId") else {
        let (plans, next) = cursor.page_of_map(&region.usage_plans);
        return Ok(v1_page(plans.into_iter().map(plan_json).collect(), next));
    };
    let plans: Vec<&UsagePlan> =
        region.usage_plans.values().filter(|plan| plan.keys.iter().any(|id| id == key)).collect();
    let (plans, next) = cursor.page_of_slice(&plans, |plan| &plan.id);
    Ok(v1_page(plans.into_iter().map(|plan| plan_json(plan)).collect(), next))
}

fn list_keys(region: &Region, request: &Request) -> Result<Reply, AwsError> {
    let values = request.parameter("includeValues") == Some("true");
    // `nameQuery` is called `name` on the wire, and takes the beginning of a name.
    let prefix = request.parameter("name").unwrap_or_default();
    let keys: Vec<&ApiKey> =
        region.api_keys.values().filter(|key| key.name.as_deref().unwrap_or_default().starts_with(prefix)).collect();
    let (keys, next) = Cursor::of(request)?.page_of_slice(&keys, |key| &key.id);
    Ok(v1_page(keys.into_iter().map(|key| key_json(key, values)).collect(), next))
}

/// A key is enabled only where the request says so (API Gateway API reference: `enabled` is false by default).
fn create(region: &mut Region, request: &Request) -> Result<Reply, AwsError> {
    let text = |member: &str| request.json[member].as_str().map(str::to_owned);
    let flag = |member: &str| request.json[member].as_bool().unwrap_or_default();
    let value = text("value").unwrap_or_default();
    if (1..20).contains(&value.len()) {
        return Err(AwsError::bad_request("API Key value should be at least 20 characters"));
    }
    if region.api_keys.values().any(|key| key.value == value) {
        return Err(AwsError::conflict("API Key already exists"));
    }
    let id = region.add_api_key(ApiKey {
        id: String::new(),
        value,
        name: text("name"),
        description: text("description"),
        enabled: flag("enabled"),
        generate_distinct_id: flag("generateDistinctId"),
    });
    Ok(document(201, &key_json(&region.api_keys[&id], true)))
}

fn attach(region: &mut Region, request: &Request) -> Result<Reply, AwsError> {
    if request.json["keyType"] != "API_KEY" {
        return Err(AwsError::bad_request("Invalid Key type specified"));
    }
    let plan = region.usage_plans.get(request.parent());
    let plan = plan.ok_or_else(|| AwsError::not_found("Invalid Usage Plan ID specified"))?;
    let key = region.api_keys.get(request.json["keyId"].as_str().unwrap_or_default()).ok_or_else(no_such_key)?;
    let answer = json!({"id": key.id, "type": "API_KEY", "value": key.value, "name": key.name});
    // A stage of an API takes a key from one plan only (API Gateway developer guide, usage plans).
    let rivals = region.usage_plans.values().filter(|other| other.keys.contains(&key.id));
    for rival in rivals {
        if rival.id == plan.id || rival.stages.iter().any(|stage| plan.stages.contains(stage)) {
            return Err(AwsError::conflict("The API Key is already in a usage plan of this API stage"));
        }
    }
    let (plan, key) = (plan.id.clone(), key.id.clone());
    region.edit_usage_plan(&plan, |plan| plan.keys.push(key));
    Ok(document(201, &without_nulls(answer)))
}

fn no_such_key() -> AwsError {
    AwsError::not_found("Invalid API Key identifier specified")
}

fn document(status: u16, body: &Value) -> Reply {
    Reply::Document(Answer { status, ..Answer::json(Service::Rest, body) })
}

fn plan_json(plan: &UsagePlan) -> Value {
    let stages: Vec<Value> = plan.stages.iter().map(|(api, stage)| json!({"apiId": api, "stage": stage})).collect();
    let throttle = plan.throttle.map(|(rate, burst)| json!({"rateLimit": rate, "burstLimit": burst}));
    let quota = plan.quota.as_ref().map(|(limit, period)| json!({"limit": limit, "offset": 0, "period": period}));
    without_nulls(json!({
        "id": plan.id,
        "name": plan.name,
        "description": plan.description,
        "apiStages": stages,
        "throttle": throttle,
        "quota": quota,
    }))
}

fn key_json(key: &ApiKey, value: bool) -> Value {
    without_nulls(json!({
        "id": key.id,
        "value": value.then_some(&key.value),
        "name": key.name,
        "description": key.description,
        "enabled": key.enabled,
        "stageKeys": [],
    }))
}
