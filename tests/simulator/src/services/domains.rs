//! Custom domains as v1 and v2 show them: one store, two views.
//!
//! v1 lists every domain but only single-level mappings of REST APIs; v2 leaves private domains out and shows every
//! mapping (API Gateway developer guide, custom domain names and API mappings).

use serde_json::{Value, json};

use super::{Place, dns_suffix, v1_page, v2_page, without_nulls};
use crate::answer::{AwsError, Page, Reply};
use crate::operation::Operation;
use crate::paging::Cursor;
use crate::request::Request;
use crate::world::{Domain, EndpointType, Mapping, RoutingRule, derived_id};

pub(super) fn v1(place: &Place<'_>, request: &Request, operation: Operation) -> Result<Reply, AwsError> {
    let cursor = Cursor::of(request)?;
    if operation == Operation::RestGetDomainNames {
        let domains = place.region.domains.values();
        // Domains of other accounts are not simulated: asked for them, there are none.
        let own = request.parameter("resourceOwner") != Some("OTHER_ACCOUNTS");
        let (page, next) = page(&cursor, domains.filter(|_| own), key);
        return Ok(v1_page(page.into_iter().map(|domain| v1_json(place, domain)).collect(), next));
    }
    let domain = find(place, request)?;
    let visible = domain
        .mappings
        .iter()
        .filter(|mapping| !mapping.path.contains('/') && !place.region.http.contains_key(&mapping.api));
    let (page, next) = page(&cursor, visible, |mapping| base_path(mapping).to_owned());
    let mapping_json = |mapping: &Mapping| {
        without_nulls(json!({
            "basePath": base_path(mapping),
            "restApiId": mapping.api,
            "stage": mapping.stage,
        }))
    };
    Ok(v1_page(page.into_iter().map(mapping_json).collect(), next))
}

pub(super) fn v2(place: &Place<'_>, request: &Request, operation: Operation) -> Result<Reply, AwsError> {
    let cursor = Cursor::of(request)?;
    if operation == Operation::HttpGetDomainNames {
        let public = place.region.domains.values().filter(|domain| domain.endpoint_type != EndpointType::Private);
        let (page, next) = page(&cursor, public, key);
        return Ok(v2_page(page.into_iter().map(|domain| v2_json(place, domain)).collect(), next));
    }
    let domain = find(place, request)?;
    if operation == Operation::ListRoutingRules {
        let mut numbered: Vec<(String, &RoutingRule)> =
            domain.rules.iter().map(|rule| (format!("{:010}", rule.priority), rule)).collect();
        numbered.sort_by(|a, b| a.0.cmp(&b.0));
        let (page, next) = cursor.page_of_slice(&numbered, |(priority, _)| priority);
        let items = page.into_iter().map(|(_, rule)| rule_json(place, domain, rule)).collect();
        return Ok(Reply::Page(Page { list: "routingRules", items, token: Some("nextToken"), next }));
    }
    let (page, next) = page(&cursor, domain.mappings.iter(), |mapping| format!("/{}", mapping.path));
    let mapping_json = |mapping: &Mapping| {
        without_nulls(json!({
            "apiId": mapping.api,
            "apiMappingId": derived_id(6, &[&domain.name, &mapping.path]),
            "apiMappingKey": mapping.path,
            "stage": mapping.stage,
        }))
    };
    Ok(v2_page(page.into_iter().map(mapping_json).collect(), next))
}

/// One page of a short list, put into the order of its keys.
fn page<'a, T>(
    cursor: &Cursor,
    items: impl Iterator<Item = &'a T>,
    key: impl Fn(&T) -> String,
) -> (Vec<&'a T>, Option<String>) {
    let mut keyed: Vec<(String, &T)> =
        items.map(|item| (key(item), item)).filter(|(key, _)| *key > cursor.after).collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    cursor.page(keyed.iter().map(|(key, item)| (key.as_str(), *item)))
}

fn key(domain: &Domain) -> String {
    format!("{}+{}", domain.name, domain.id.as_deref().unwrap_or_default())
}

/// v1's word for the root.
fn base_path(mapping: &Mapping) -> &str {
    if mapping.path.is_empty() { "(none)" } else { &mapping.path }
}

/// The domain in the path; a private one is found by its id only.
fn find<'a>(place: &Place<'a>, request: &Request) -> Result<&'a Domain, AwsError> {
    let id = request.parameter("domainNameId").unwrap_or_default();
    place
        .region
        .domains
        .get(&(request.parent().to_owned(), id.to_owned()))
        .ok_or_else(|| AwsError::not_found("Invalid domain name identifier specified"))
}

/// Private domains have an account and an id in their ARN, the others neither.
fn arn(place: &Place<'_>, domain: &Domain) -> String {
    let (partition, region) = (place.partition, place.name);
    match &domain.id {
        Some(id) => format!("arn:{partition}:apigateway:{region}:{}:/domainnames/{}+{id}", place.account, domain.name),
        None => format!("arn:{partition}:apigateway:{region}::/domainnames/{}", domain.name),
    }
}

fn certificate(place: &Place<'_>, domain: &Domain) -> String {
    let id = derived_id(12, &[&domain.name]);
    format!("arn:{}:acm:{}:{}:certificate/{id}", place.partition, place.name, place.account)
}

fn target(place: &Place<'_>, domain: &Domain) -> String {
    let id = derived_id(10, &[place.account, &domain.name]);
    match domain.endpoint_type {
        EndpointType::Edge => format!("{id}.cloudfront.net"),
        _ => format!("d-{id}.execute-api.{}.{}", place.name, dns_suffix(place.name)),
    }
}

fn v1_json(place: &Place<'_>, domain: &Domain) -> Value {
    let of = |endpoint: EndpointType, value: Value| if domain.endpoint_type == endpoint { value } else { Value::Null };
    let target = json!(target(place, domain));
    let certificate = json!(certificate(place, domain));
    without_nulls(json!({
        "domainName": domain.name,
        "domainNameId": domain.id,
        "domainNameArn": arn(place, domain),
        "certificateArn": if domain.endpoint_type == EndpointType::Regional { Value::Null } else { certificate.clone() },
        "regionalDomainName": of(EndpointType::Regional, target.clone()),
        "regionalHostedZoneId": of(EndpointType::Regional, json!("Z1UJRXOUMOOFQ8")),
        "regionalCertificateArn": of(EndpointType::Regional, certificate),
        "distributionDomainName": of(EndpointType::Edge, target),
        "distributionHostedZoneId": of(EndpointType::Edge, json!("Z2FDTNDATAQYW2")),
        "endpointConfiguration": {"types": [domain.endpoint_type.as_str()], "ipAddressType": "ipv4"},
        "domainNameStatus": domain.status,
        "securityPolicy": "TLS_1_2",
        "tags": (!domain.tags.is_empty()).then_some(&domain.tags),
        "routingMode": domain.routing_mode,
    }))
}

fn v2_json(place: &Place<'_>, domain: &Domain) -> Value {
    json!({
        "apiMappingSelectionExpression": "$request.basepath",
        "domainName": domain.name,
        "domainNameArn": arn(place, domain),
        "domainNameConfigurations": [{
            "apiGatewayDomainName": target(place, domain),
            "certificateArn": certificate(place, domain),
            "domainNameStatus": domain.status,
            "endpointType": domain.endpoint_type.as_str(),
            "hostedZoneId": "Z1UJRXOUMOOFQ8",
            "ipAddressType": "ipv4",
            "securityPolicy": "TLS_1_2",
        }],
        // v2 speaks of API mappings where v1 speaks of base path mappings.
        "routingMode": domain.routing_mode.replace("BASE_PATH_MAPPING", "API_MAPPING"),
        "tags": domain.tags,
    })
}

fn rule_json(place: &Place<'_>, domain: &Domain, rule: &RoutingRule) -> Value {
    let id = derived_id(10, &[&domain.name, &rule.priority.to_string()]);
    let mut conditions = Vec::new();
    if !rule.base_paths.is_empty() {
        conditions.push(json!({"matchBasePaths": {"anyOf": rule.base_paths}}));
    }
    for (header, glob) in &rule.headers {
        conditions.push(json!({"matchHeaders": {"anyOf": [{"header": header, "valueGlob": glob}]}}));
    }
    json!({
        "actions": [{"invokeApi": {"apiId": rule.api, "stage": rule.stage, "stripBasePath": rule.strip_base_path}}],
        "conditions": conditions,
        "priority": rule.priority,
        "routingRuleArn": format!(
            "arn:{}:apigateway:{}:{}:/domainnames/{}/routingrules/{id}",
            place.partition, place.name, place.account, domain.name
        ),
        "routingRuleId": id,
    })
}
