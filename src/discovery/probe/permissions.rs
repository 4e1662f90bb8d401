//! The steps of Test Connection in one region of one account: each permission that a look needs, on the first thing found.

use super::super::account::Place;
use super::super::classify::{Ask, Failure, Kind};
use super::super::rest;
use super::offered;
use super::{LIST_HTTP, LIST_REST, Outcome, Step};
use crate::config::Wants;

/// The first step, by which it shows whether anything may be read there, with what it found.
pub(super) async fn first(place: &Place) -> (Step, First<String>) {
    let first = first_rest_api(place).await;
    (step(place, LIST_REST, outcome(place, &first, |first| seen(first.as_deref())).await), first)
}

/// Every other permission, in the order in which a run needs them; those of integrations follow what they belong to.
pub(super) async fn others(place: &Place, first_rest_api: &First<String>, wants: Wants) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut tell = |name, outcome| steps.push(step(place, name, outcome));

    let (stages, deployments) = rest_details(place, first_rest_api).await;
    tell("read stages of REST APIs", stages);
    tell("read deployments of REST APIs", deployments);

    let first = first_http_api(place).await;
    tell(LIST_HTTP, outcome(place, &first, |first| seen(first.as_deref())).await);
    let (stages, deployments) = http_details(place, &first).await;
    tell("read stages of HTTP and WebSocket APIs", stages);
    tell("read deployments of HTTP and WebSocket APIs", deployments);

    let domains = first_domains(place).await;
    tell("list custom domains", outcome(place, &domains, |domains| seen(domains.any().map(Domain::name))).await);
    tell("read mappings of custom domains", mappings(place, &domains, |domains| domains.public.as_ref()).await);
    let rules = routing_rules(place, &domains).await;
    tell(ROUTING_RULES, rules);
    let private = mappings(place, &domains, |domains| domains.private.as_ref()).await;
    tell("read mappings of private custom domains", private);
    if wants.rest_only {
        steps.iter_mut().filter(|step| !step.name.ends_with("of REST APIs")).for_each(|step| step.needed = false);
    }
    steps.extend(offered::steps(place, first_rest_api, wants).await);
    steps
}

/// Without this permission a run only sees less.
const ROUTING_RULES: &str = "read routing rules of custom domains";

pub(super) fn step(place: &Place, name: &'static str, outcome: Outcome) -> Step {
    Step {
        name,
        account_id: Some(place.account_id.clone()),
        region: Some(place.region.clone()),
        needed: name != ROUTING_RULES,
        explained: false,
        outcome,
    }
}

pub(super) type First<T> = Result<Option<T>, Failure>;

/// A custom domain to try the next steps on.
struct Domain {
    name: String,
    id: Option<String>,
    regional: bool,
}

impl Domain {
    fn name(&self) -> &str {
        &self.name
    }
}

/// The first custom domains of a region. Private ones are a resource of their own in a policy.
#[derive(Default)]
struct Domains {
    public: Option<Domain>,
    private: Option<Domain>,
}

impl Domains {
    fn any(&self) -> Option<&Domain> {
        self.public.as_ref().or(self.private.as_ref())
    }
}

async fn first_rest_api(place: &Place) -> First<String> {
    let ask = Ask::rest("GetRestApis", "/restapis");
    let answer = place.ask(&ask, |clients| clients.rest.get_rest_apis().limit(1).send()).await?;
    Ok(answer.items.unwrap_or_default().into_iter().find_map(|api| api.id))
}

async fn first_http_api(place: &Place) -> First<String> {
    let ask = Ask::http("GetApis", "/apis");
    let answer = place.ask(&ask, |clients| clients.http.get_apis().max_results("1").send()).await?;
    Ok(answer.items.unwrap_or_default().into_iter().find_map(|api| api.api_id))
}

/// One page holds every domain that AWS lets a region have, so that a private one is found wherever it stands.
async fn first_domains(place: &Place) -> Result<Domains, Failure> {
    use aws_sdk_apigateway::types::EndpointType;

    let ask = Ask::rest("GetDomainNames", "/domainnames");
    let answer = place.ask(&ask, |clients| clients.rest.get_domain_names().limit(rest::PAGE).send()).await?;
    let mut found = Domains::default();
    for domain in answer.items.unwrap_or_default() {
        let types = domain.endpoint_configuration.and_then(|endpoint| endpoint.types).unwrap_or_default();
        let id = domain.domain_name_id.filter(|_| types.contains(&EndpointType::Private));
        let Some(name) = domain.domain_name else { continue };
        let first = if id.is_some() { &mut found.private } else { &mut found.public };
        first.get_or_insert_with(|| Domain { name, id, regional: types.contains(&EndpointType::Regional) });
    }
    Ok(found)
}

async fn rest_details(place: &Place, first: &First<String>) -> (Outcome, Outcome) {
    let id = match first {
        Ok(Some(id)) => id,
        other => return not_tried_twice(other, "there is no REST API to try it on"),
    };
    let ask = Ask::rest("GetStages", format!("/restapis/{id}/stages"));
    let stages = place.ask(&ask, |clients| clients.rest.get_stages().rest_api_id(id).send()).await;
    let ask = Ask::rest("GetDeployments", format!("/restapis/{id}/deployments"));
    let deployments = place.ask(&ask, |clients| clients.rest.get_deployments().rest_api_id(id).limit(1).send()).await;
    let on = |(): &()| format!("tried on {id}");
    let stages = outcome(place, &stages.map(|_| ()), on).await;
    (stages, outcome(place, &deployments.map(|_| ()), on).await)
}

async fn http_details(place: &Place, first: &First<String>) -> (Outcome, Outcome) {
    let id = match first {
        Ok(Some(id)) => id,
        other => return not_tried_twice(other, "there is no HTTP or WebSocket API to try it on"),
    };
    let ask = Ask::http("GetStages", format!("/apis/{id}/stages"));
    let stages = place.ask(&ask, |clients| clients.http.get_stages().api_id(id).max_results("1").send()).await;
    let ask = Ask::http("GetDeployments", format!("/apis/{id}/deployments"));
    let deployments =
        place.ask(&ask, |clients| clients.http.get_deployments().api_id(id).max_results("1").send()).await;
    let on = |(): &()| format!("tried on {id}");
    let stages = outcome(place, &stages.map(|_| ()), on).await;
    (stages, outcome(place, &deployments.map(|_| ()), on).await)
}

async fn mappings(
    place: &Place,
    domains: &Result<Domains, Failure>,
    choose: impl Fn(&Domains) -> Option<&Domain>,
) -> Outcome {
    let domain = match domains.as_ref().map(choose) {
        Ok(Some(domain)) => domain,
        Ok(None) => return Outcome::NotTried("there is none to try it on".to_owned()),
        Err(_) => return Outcome::NotTried(LISTING_FAILED.to_owned()),
    };
    let name = &domain.name;
    let answer = if domain.regional {
        let ask = Ask::http("GetApiMappings", format!("/domainnames/{name}/apimappings"));
        place.ask(&ask, |clients| clients.http.get_api_mappings().domain_name(name).send()).await.map(|_| ())
    } else {
        let ask = Ask::base_path_mappings(name, domain.id.as_deref());
        let answer = place.ask(&ask, |clients| {
            let request = clients.rest.get_base_path_mappings().domain_name(name).limit(1);
            request.set_domain_name_id(domain.id.clone()).send()
        });
        answer.await.map(|_| ())
    };
    outcome(place, &answer, |()| format!("tried on {name}")).await
}

async fn routing_rules(place: &Place, domains: &Result<Domains, Failure>) -> Outcome {
    let domain = match domains.as_ref().map(Domains::any) {
        Ok(Some(domain)) => domain,
        Ok(None) => return Outcome::NotTried("there is no custom domain to try it on".to_owned()),
        Err(_) => return Outcome::NotTried(LISTING_FAILED.to_owned()),
    };
    let name = &domain.name;
    let ask = Ask::routing_rules(name);
    let rules = place.ask(&ask, |clients| {
        let request = clients.http.list_routing_rules().domain_name(name);
        request.set_domain_name_id(domain.id.clone()).send()
    });
    outcome(place, &rules.await.map(|_| ()), |()| format!("tried on {name}")).await
}

/// Why nothing is tried on what could not even be listed.
pub(super) const LISTING_FAILED: &str = "the listing before it failed";

fn not_tried_twice<T>(first: &First<T>, nothing: &str) -> (Outcome, Outcome) {
    let why = if first.is_err() { LISTING_FAILED } else { nothing };
    (Outcome::NotTried(why.to_owned()), Outcome::NotTried(why.to_owned()))
}

/// A family that the region does not have is nothing to repair, and what was deleted a moment ago shows that it may be read.
pub(super) async fn outcome<T>(place: &Place, answer: &Result<T, Failure>, detail: impl Fn(&T) -> String) -> Outcome {
    match answer {
        Ok(answer) => Outcome::Passed(detail(answer)),
        Err(failure) if failure.kind == Kind::Unsupported => {
            Outcome::NotTried("the region has no HTTP and WebSocket APIs yet".to_owned())
        }
        Err(failure) if failure.kind == Kind::NotFound => {
            Outcome::NotTried("what it was to be tried on was just deleted".to_owned())
        }
        Err(failure) => Outcome::Failed(place.trouble(failure).await),
    }
}

pub(super) fn seen(first: Option<&str>) -> String {
    first.map_or_else(|| "there is none yet".to_owned(), |name| format!("saw {name}"))
}
