//! Test Connection: each credential step and each permission that a run needs, tried one by one with the smallest request.
//!
//! Registers nothing and reads no more than it must to know that a permission is there.

mod entering;
mod source;

use chrono::NaiveDate;
use futures_util::stream::{self, StreamExt};

pub use source::source_arn;

use super::account::Place;
use super::aws::Aws;
use super::classify::{Ask, Failure, Kind};
use super::progress::Progress;
use super::rest;
use crate::config::{Connection, Regions};
use crate::inventory::Trouble;

/// The step in which an account of an organization is entered.
pub const ENTER_ACCOUNT: &str = "enter the account";
/// The step in which an account's regions are listed, where every region is asked for.
pub const LIST_REGIONS: &str = "list the account's regions";

/// Accounts tried side by side.
const ACCOUNTS_AT_ONCE: usize = 16;
/// Regions of one account tried side by side.
const REGIONS_AT_ONCE: usize = 8;

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What, in a few words.
    pub name: &'static str,
    /// The account that it concerns; absent while none is known.
    pub account_id: Option<String>,
    /// The region that it concerns; absent for what concerns none.
    pub region: Option<String>,
    /// Whether a run needs it; without the others it only sees less.
    pub needed: bool,
    /// How it went.
    pub outcome: Outcome,
}

/// How a step went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Well, with what was seen.
    Passed(String),
    /// Not, with cause and remedy.
    Failed(Trouble),
    /// There was nothing to try it on, or an earlier step failed.
    NotTried(String),
}

impl Step {
    fn of_account(name: &'static str, account_id: Option<String>, needed: bool, outcome: Outcome) -> Self {
        Self { name, account_id, region: None, needed, outcome }
    }

    /// Whether a run cannot do its work for it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.needed && matches!(self.outcome, Outcome::Failed(_))
    }
}

/// Tries everything that `connection` needs and shows each step as soon as it is over; returns all of them in that order.
///
/// A central role tries every account of the organization that the connection is after. Where it asks for every region, the permissions are
/// tried in one region of each account: IAM knows no regions, and ten calls in each of thirty would tell nothing more. `today` decides
/// which expected holes still count.
pub async fn test(aws: &Aws, connection: &Connection, today: NaiveDate, mut show: impl FnMut(&Step)) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut tell = |step: Step| {
        show(&step);
        steps.push(step);
    };
    let Some(entrance) = entering::enter(aws, connection, &mut tell).await else { return steps };
    let whole = entrance.organization.is_none();
    for shut in entrance.shut {
        let step = Step::of_account(ENTER_ACCOUNT, shut.account_id, false, Outcome::NotTried(shut.trouble.cause));
        tell(step);
    }
    let tried = entrance.doors.into_iter().map(|door| async move {
        let mut steps = Vec::new();
        let Some(account) = entering::open(aws, connection, door, today, &mut |step| steps.push(step)).await else {
            return steps;
        };
        let most = if whole || matches!(connection.regions, Regions::Named(_)) { usize::MAX } else { 1 };
        let places = account.regions.iter().take(most).map(|region| {
            let place = account.place(aws, region, &Progress::default());
            async move { try_region(&place).await }
        });
        let tried: Vec<Vec<Step>> = stream::iter(places).buffered(REGIONS_AT_ONCE).collect().await;
        steps.extend(tried.into_iter().flatten());
        if account.stands_in {
            // The central role needs no rights of its own on API Gateway; what it lacks there is explained.
            for step in &mut steps {
                step.needed = false;
            }
        }
        account.rest();
        steps
    });
    let mut tried = stream::iter(tried).buffered(ACCOUNTS_AT_ONCE);
    while let Some(steps) = tried.next().await {
        steps.into_iter().for_each(&mut tell);
    }
    drop(tried);
    steps
}

/// Every permission in one region, in the order in which a run needs them.
async fn try_region(place: &Place) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut tell = |name, needed, outcome| {
        steps.push(Step {
            name,
            account_id: Some(place.account_id.clone()),
            region: Some(place.region.clone()),
            needed,
            outcome,
        });
    };

    let first = first_rest_api(place).await;
    tell("list REST APIs", true, outcome(place, &first, |first| seen(first.as_deref())).await);
    let (stages, deployments) = rest_details(place, &first).await;
    tell("read stages of REST APIs", true, stages);
    tell("read deployments of REST APIs", true, deployments);

    let first = first_http_api(place).await;
    tell("list HTTP and WebSocket APIs", true, outcome(place, &first, |first| seen(first.as_deref())).await);
    let (stages, deployments) = http_details(place, &first).await;
    tell("read stages of HTTP and WebSocket APIs", true, stages);
    tell("read deployments of HTTP and WebSocket APIs", true, deployments);

    let domains = first_domains(place).await;
    tell("list custom domains", true, outcome(place, &domains, |domains| seen(domains.any().map(Domain::name))).await);
    tell("read mappings of custom domains", true, mappings(place, &domains, |domains| domains.public.as_ref()).await);
    tell("read routing rules of custom domains", false, routing_rules(place, &domains).await);
    let private = mappings(place, &domains, |domains| domains.private.as_ref()).await;
    tell("read mappings of private custom domains", true, private);
    steps
}

type First<T> = Result<Option<T>, Failure>;

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
const LISTING_FAILED: &str = "the listing before it failed";

fn not_tried_twice<T>(first: &First<T>, nothing: &str) -> (Outcome, Outcome) {
    let why = if first.is_err() { LISTING_FAILED } else { nothing };
    (Outcome::NotTried(why.to_owned()), Outcome::NotTried(why.to_owned()))
}

/// A family that the region does not have is nothing to repair, and what was deleted a moment ago shows that it may be read.
async fn outcome<T>(place: &Place, answer: &Result<T, Failure>, detail: impl Fn(&T) -> String) -> Outcome {
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

fn seen(first: Option<&str>) -> String {
    first.map_or_else(|| "there is none yet".to_owned(), |name| format!("saw {name}"))
}

#[cfg(test)]
mod tests;
