//! One file a service: what each operation answers, in AWS's wire form.

mod account;
mod domains;
mod http;
mod organizations;
mod resources;
mod rest;
mod sts;
mod usage_plans;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::answer::{AwsError, Page, Reply};
use crate::operation::{Operation, Service};
use crate::request::Request;
use crate::state::{Caller, State};

/// Carries out an operation for a caller who is known.
pub(crate) fn operate(
    state: &mut State,
    caller: &Caller,
    request: &Request,
    operation: Operation,
) -> Result<Reply, AwsError> {
    use Operation as Op;
    match operation {
        Op::GetCallerIdentity => Ok(Reply::Document(sts::get_caller_identity(caller))),
        Op::AssumeRole => sts::assume_role(state, caller, request).map(Reply::Document),
        Op::ListAccounts => organizations::list_accounts(&state.world, caller, request).map(Reply::Page),
        Op::DescribeOrganization => organizations::describe_organization(&state.world).map(Reply::Document),
        Op::ListRegions => account::list_regions(&state.world, caller, request).map(Reply::Page),
        _ => {
            let partition = state.world.partition.clone();
            let region = state.world.region(&caller.account, &request.region);
            if usage_plans::has(operation) {
                return usage_plans::operate(region, request, operation);
            }
            let place = Place { partition: &partition, account: &caller.account, name: &request.region, region };
            match operation {
                Op::RestGetDomainNames | Op::GetBasePathMappings => domains::v1(&place, request, operation),
                Op::HttpGetDomainNames | Op::GetApiMappings | Op::ListRoutingRules => {
                    domains::v2(&place, request, operation)
                }
                _ if operation.service() == Service::Rest => rest::operate(&place, request, operation),
                _ => http::operate(&place, request, operation),
            }
        }
    }
}

/// What a caller sees of API Gateway: one account in one region.
struct Place<'a> {
    partition: &'a str,
    account: &'a str,
    name: &'a str,
    region: &'a crate::world::Region,
}

/// v1's list member and token.
fn v1_page(items: Vec<Value>, next: Option<String>) -> Reply {
    Reply::Page(Page { list: "item", items, token: Some("position"), next })
}

/// v2's list member and token.
fn v2_page(items: Vec<Value>, next: Option<String>) -> Reply {
    Reply::Page(Page { list: "items", items, token: Some("nextToken"), next })
}

/// v1 and JSON 1.1 write instants as a number of seconds since 1970.
fn epoch(at: Option<DateTime<Utc>>) -> Value {
    at.map_or(Value::Null, |at| json!(at.timestamp()))
}

/// v2 and XML write instants as ISO 8601.
fn iso(at: Option<DateTime<Utc>>) -> Value {
    at.map_or(Value::Null, |at| json!(at.to_rfc3339_opts(SecondsFormat::Secs, true)))
}

/// AWS leaves members out rather than writing null.
fn without_nulls(mut object: Value) -> Value {
    if let Value::Object(members) = &mut object {
        members.retain(|_, value| !value.is_null());
    }
    object
}

/// The small document that an API without a specification of its own exports.
fn default_specification(name: &str, version: Option<&str>) -> Value {
    json!({
        "openapi": "3.0.1",
        "info": {"title": name, "version": version.unwrap_or("1.0")},
        "paths": {format!("/{name}"): {"get": {"responses": {"200": {"description": "200 response"}}}}},
    })
}

/// The suffix of AWS's host names in a region (AWS partition data).
fn dns_suffix(region: &str) -> &'static str {
    match region.split('-').next().unwrap_or_default() {
        "cn" => "amazonaws.com.cn",
        "eusc" => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}
