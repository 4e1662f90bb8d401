//! Custom domains: which of them lead to which API.
//!
//! Nothing here decides which APIs exist, so every failure is a note. The v1 listing alone shows private domains; v2's
//! mappings alone show paths of several segments and HTTP APIs, for Regional domains (AWS API Gateway Developer Guide,
//! "Custom domain names").

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types as v1;
use aws_sdk_apigatewayv2::types as v2;
use futures_util::stream::{self, StreamExt};

use super::account::Place;
use super::address::Route;
use super::classify::{Ask, Failure, Kind};
use super::listed::filled;
use super::page::{self, Page, Pages};
use super::{http_family, rest};
use crate::inventory::Family;

/// What the custom domains of a place lead to.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// By API id.
    pub(super) by_api: BTreeMap<String, Vec<Route>>,
    /// What could not be read, and whose addresses may be missing for it.
    pub(super) notes: Vec<(BTreeSet<Family>, String)>,
}

/// One custom domain, from either listing or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Domain {
    name: String,
    /// Private domains have one: several may bear the same name.
    id: Option<String>,
    regional: bool,
    in_service: bool,
    routing: Routing,
    in_v1: bool,
    in_v2: bool,
}

/// What a domain looks at to find the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Routing {
    #[default]
    Mappings,
    Rules,
    RulesThenMappings,
}

/// One mapping or rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    api_id: String,
    path: String,
    stage: Option<String>,
}

/// Reads what may lead to the families that have APIs there.
pub(super) async fn routes(place: &Place, families: &BTreeSet<Family>) -> Routes {
    let mut routes = Routes::default();
    let (domains, v2_usable) = list(place, families, &mut routes.notes).await;
    // HTTP and WebSocket APIs are reached through Regional domains only.
    let rest = families.contains(&Family::Rest);
    let asked = domains.into_iter().filter(|domain| rest || domain.regional);
    let mut reads = stream::iter(asked.map(|domain| async move {
        let read = targets(place, &domain, v2_usable).await;
        (domain, read)
    }))
    .buffer_unordered(place.width());
    let mut failures: BTreeMap<(bool, Kind, &'static str), (Failure, u64)> = BTreeMap::new();
    while let Some((domain, (targets, failed))) = reads.next().await {
        for target in targets {
            let route = Route {
                domain: domain.name.clone(),
                path: target.path,
                stage: target.stage,
                in_service: domain.in_service,
            };
            routes.by_api.entry(target.api_id).or_default().push(route);
        }
        for (call, failure) in failed {
            // A domain that was deleted meanwhile leads nowhere.
            if failure.kind != Kind::NotFound {
                failures.entry((domain.regional, failure.kind, call)).or_insert((failure, 0)).1 += 1;
            }
        }
    }
    drop(reads);
    for ((regional, _, call), (failure, count)) in failures {
        let concerned = if regional && call != RULES { families.clone() } else { BTreeSet::from([Family::Rest]) };
        let domains = if count == 1 { "1 custom domain".to_owned() } else { format!("{count} custom domains") };
        routes.notes.push((concerned, format!("addresses of {domains} may be missing: {}", with_remedy(&failure))));
    }
    routes
}

const RULES: &str = "ListRoutingRules";

fn with_remedy(failure: &Failure) -> String {
    match failure.trouble().hint {
        Some(hint) if matches!(failure.kind, Kind::Denied) => format!("{}; {hint}", failure.cause),
        _ => failure.cause.clone(),
    }
}

/// Both listings as one, and whether v2's can be used.
async fn list(
    place: &Place,
    families: &BTreeSet<Family>,
    notes: &mut Vec<(BTreeSet<Family>, String)>,
) -> (Vec<Domain>, bool) {
    let (first, second) = futures_util::join!(list_v1(place), list_v2(place));
    if let Some(failure) = &first.failure {
        let note = format!("custom domains may be missing, private ones for certain: {}", with_remedy(failure));
        notes.push((families.clone(), note));
    }
    if let Some(failure) = &second.failure {
        // Where the family does not exist the first listing says all there is.
        let expected = failure.kind == Kind::Unsupported && first.failure.is_none();
        if !expected {
            let note = format!("paths of several segments on custom domains may be missing: {}", with_remedy(failure));
            notes.push((families.clone(), note));
        }
    }
    let v2_usable = second.failure.is_none();
    let from_v1 = first.items.into_iter().filter_map(domain_v1);
    let from_v2 = second.items.into_iter().filter_map(domain_v2);
    (merged(from_v1.chain(from_v2)), v2_usable)
}

async fn list_v1(place: &Place) -> Pages<v1::DomainName> {
    let ask = Ask::rest("GetDomainNames", "/domainnames");
    page::all(&ask, |position: Option<String>| {
        let ask = &ask;
        async move {
            let answer = place
                .ask(ask, |clients| {
                    clients.rest.get_domain_names().limit(rest::PAGE).set_position(position.clone()).send()
                })
                .await?;
            Ok(Page { items: answer.items, next: answer.position })
        }
    })
    .await
}

async fn list_v2(place: &Place) -> Pages<v2::DomainName> {
    let ask = Ask::http("GetDomainNames", "/domainnames");
    page::all(&ask, |token: Option<String>| {
        let ask = &ask;
        async move {
            let answer = place
                .ask(ask, |clients| {
                    clients.http.get_domain_names().max_results(http_family::PAGE).set_next_token(token.clone()).send()
                })
                .await?;
            Ok(Page { items: answer.items, next: answer.next_token })
        }
    })
    .await
}

fn domain_v1(domain: v1::DomainName) -> Option<Domain> {
    let types = domain.endpoint_configuration.and_then(|endpoint| endpoint.types).unwrap_or_default();
    let private = types.contains(&v1::EndpointType::Private);
    let routing = domain.routing_mode.map_or(Routing::Mappings, |mode| match mode {
        v1::RoutingMode::RoutingRuleOnly => Routing::Rules,
        v1::RoutingMode::RoutingRuleThenBasePathMapping => Routing::RulesThenMappings,
        _ => Routing::Mappings,
    });
    let status = domain.domain_name_status;
    Some(Domain {
        name: filled(domain.domain_name)?,
        id: filled(domain.domain_name_id).filter(|_| private),
        regional: types.contains(&v1::EndpointType::Regional),
        in_service: status.is_none_or(|status| in_service(status.as_str())),
        routing,
        in_v1: true,
        in_v2: false,
    })
}

fn domain_v2(domain: v2::DomainName) -> Option<Domain> {
    let routing = domain.routing_mode.map_or(Routing::Mappings, |mode| match mode {
        v2::RoutingMode::RoutingRuleOnly => Routing::Rules,
        v2::RoutingMode::RoutingRuleThenApiMapping => Routing::RulesThenMappings,
        _ => Routing::Mappings,
    });
    let configurations = domain.domain_name_configurations.unwrap_or_default();
    let in_service = configurations.is_empty()
        || configurations
            .iter()
            .any(|part| part.domain_name_status.as_ref().is_none_or(|status| in_service(status.as_str())));
    Some(Domain {
        name: filled(domain.domain_name)?,
        id: None,
        regional: configurations.iter().any(|part| part.endpoint_type == Some(v2::EndpointType::Regional)),
        in_service,
        routing,
        in_v1: false,
        in_v2: true,
    })
}

fn in_service(status: &str) -> bool {
    matches!(status, "AVAILABLE" | "UPDATING")
}

/// Each domain once, by name and id. What v1 says of its type and routing stands; v2 adds that it knows it.
fn merged(domains: impl Iterator<Item = Domain>) -> Vec<Domain> {
    let mut by_key: BTreeMap<(String, Option<String>), Domain> = BTreeMap::new();
    for domain in domains {
        let key = (domain.name.clone(), domain.id.clone());
        let known = by_key.entry(key).or_insert_with(|| domain.clone());
        known.in_v1 |= domain.in_v1;
        known.in_v2 |= domain.in_v2;
        known.regional |= domain.regional;
    }
    by_key.into_values().collect()
}

/// Where a domain leads, by rules and by mappings, with what failed on the way.
async fn targets(place: &Place, domain: &Domain, v2_usable: bool) -> (Vec<Target>, Vec<(&'static str, Failure)>) {
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    if domain.routing != Routing::Mappings {
        let pages = rules(place, domain).await;
        found.extend(pages.items.into_iter().flat_map(rule_targets));
        failed.extend(pages.failure.map(|failure| (RULES, failure)));
    }
    // With rules alone AWS does not look at the mappings.
    if domain.routing != Routing::Rules {
        let by_v2 = domain.in_v2 && v2_usable && (domain.regional || !domain.in_v1);
        if by_v2 {
            let pages = mappings_v2(place, domain).await;
            found.extend(pages.items.into_iter().filter_map(mapping_v2));
            failed.extend(pages.failure.map(|failure| ("GetApiMappings", failure)));
        } else {
            let pages = mappings_v1(place, domain).await;
            found.extend(pages.items.into_iter().filter_map(mapping_v1));
            failed.extend(pages.failure.map(|failure| ("GetBasePathMappings", failure)));
        }
    }
    (found, failed)
}

async fn mappings_v1(place: &Place, domain: &Domain) -> Pages<v1::BasePathMapping> {
    let ask = Ask::base_path_mappings(&domain.name, domain.id.as_deref());
    page::all(&ask, |position: Option<String>| {
        let ask = &ask;
        async move {
            let answer = place
                .ask(ask, |clients| {
                    let request = clients.rest.get_base_path_mappings().domain_name(&domain.name).limit(rest::PAGE);
                    request.set_domain_name_id(domain.id.clone()).set_position(position.clone()).send()
                })
                .await?;
            Ok(Page { items: answer.items, next: answer.position })
        }
    })
    .await
}

async fn mappings_v2(place: &Place, domain: &Domain) -> Pages<v2::ApiMapping> {
    let ask = Ask::http("GetApiMappings", format!("/domainnames/{}/apimappings", domain.name));
    page::all(&ask, |token: Option<String>| {
        let ask = &ask;
        async move {
            let answer = place
                .ask(ask, |clients| {
                    let request = clients.http.get_api_mappings().domain_name(&domain.name);
                    request.max_results(http_family::PAGE).set_next_token(token.clone()).send()
                })
                .await?;
            Ok(Page { items: answer.items, next: answer.next_token })
        }
    })
    .await
}

async fn rules(place: &Place, domain: &Domain) -> Pages<v2::RoutingRule> {
    let ask = Ask::routing_rules(&domain.name);
    page::all(&ask, |token: Option<String>| {
        let ask = &ask;
        async move {
            let answer = place
                .ask(ask, |clients| {
                    let request = clients.http.list_routing_rules().domain_name(&domain.name);
                    request.set_domain_name_id(domain.id.clone()).set_next_token(token.clone()).send()
                })
                .await?;
            Ok(Page { items: answer.routing_rules, next: answer.next_token })
        }
    })
    .await
}

fn mapping_v1(mapping: v1::BasePathMapping) -> Option<Target> {
    Some(Target {
        api_id: filled(mapping.rest_api_id)?,
        // What AWS writes for the root.
        path: mapping.base_path.filter(|path| path != "(none)").unwrap_or_default(),
        stage: filled(mapping.stage),
    })
}

fn mapping_v2(mapping: v2::ApiMapping) -> Option<Target> {
    Some(Target {
        api_id: filled(mapping.api_id)?,
        path: mapping.api_mapping_key.filter(|path| path != "(none)").unwrap_or_default(),
        stage: filled(mapping.stage),
    })
}

/// One target per base path; a rule that looks at headers alone leads there from the root.
fn rule_targets(rule: v2::RoutingRule) -> Vec<Target> {
    let conditions = rule.conditions.unwrap_or_default();
    let mut paths: Vec<String> = conditions
        .into_iter()
        .filter_map(|condition| condition.match_base_paths)
        .flat_map(|paths| paths.any_of.unwrap_or_default())
        .collect();
    if paths.is_empty() {
        paths.push(String::new());
    }
    let invoked = rule.actions.unwrap_or_default().into_iter().filter_map(|action| action.invoke_api);
    invoked
        .filter_map(|invoked| Some((filled(invoked.api_id)?, filled(invoked.stage))))
        .flat_map(|(api_id, stage)| {
            let target = |path: &String| Target { api_id: api_id.clone(), path: path.clone(), stage: stage.clone() };
            paths.iter().map(target).collect::<Vec<_>>()
        })
        .collect()
}
