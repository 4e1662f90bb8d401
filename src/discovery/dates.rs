//! When deployments were made. Each date costs a call, so they are asked for only where a decision needs them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::types::DeploymentStatus;
use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt};

use super::account::{Account, Place};
use super::aws::Aws;
use super::classify::{Ask, Failure, Kind};
use super::http::Count;
use super::listed::instant;
use super::progress::Progress;
use super::{http_family, rest};
use crate::inventory::{ApiId, Family, Protocol};

/// Deployments of one API whose dates are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentAsk {
    /// The API.
    pub api: ApiId,
    /// What it speaks, which tells the control plane.
    pub protocol: Protocol,
    /// The deployments.
    pub deployment_ids: BTreeSet<String>,
}

/// What asking for dates brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeploymentDates {
    /// By API and deployment id. One that is not in it stays unknown: it is gone, its deployment is not done, or the call failed.
    pub dates: BTreeMap<(ApiId, String), DateTime<Utc>>,
    /// What failed, one sentence for each kind of failure.
    pub notes: Vec<String>,
    /// Requests sent, retries included.
    pub calls: u64,
    /// Answers with status 429 among them.
    pub throttled: u64,
}

/// Asks for the dates of deployments in one region. A failure leaves its dates unknown and is noted.
pub async fn deployment_dates(
    aws: &Aws,
    account: &Account,
    region: &str,
    asks: Vec<DeploymentAsk>,
    progress: &Progress,
) -> DeploymentDates {
    let place = account.place(aws, region, progress);
    // The other family's dates may be asked for at the same time; its calls are not counted here.
    let families: BTreeSet<Family> = asks.iter().map(|ask| ask.protocol.family()).collect();
    let read =
        || families.iter().map(|family| place.meter(*family).read()).fold(Count::default(), |sum, one| sum + one);
    let before = read();
    let place_ref = &*place;
    let mut reads = stream::iter(asks.into_iter().filter(|ask| !ask.deployment_ids.is_empty()).map(|ask| async move {
        let (dates, failure) = dates_of(place_ref, &ask).await;
        (ask.api, dates, failure)
    }))
    .buffer_unordered(place.width());
    let mut found = DeploymentDates::default();
    let mut failures: BTreeMap<(&'static str, Kind), (Failure, u64)> = BTreeMap::new();
    while let Some((api, dates, failure)) = reads.next().await {
        found.dates.extend(dates.into_iter().map(|(id, date)| ((api.clone(), id), date)));
        if let Some((call, failure)) = failure {
            failures.entry((call, failure.kind)).or_insert((failure, 0)).1 += 1;
        }
    }
    drop(reads);
    for (failure, count) in failures.into_values() {
        let apis = if count == 1 { "1 API".to_owned() } else { format!("{count} APIs") };
        found.notes.push(format!("deployment dates of {apis} are not known: {}", failure.cause));
    }
    let count = read() - before;
    (found.calls, found.throttled) = (count.calls, count.throttled);
    found
}

type Dates = Vec<(String, DateTime<Utc>)>;

/// One deployment is asked for by its id; of several the list is read until all were found.
async fn dates_of(place: &Place, ask: &DeploymentAsk) -> (Dates, Option<(&'static str, Failure)>) {
    let mut ids = ask.deployment_ids.iter();
    let (call, read) = match (ids.next(), ids.next(), ask.protocol.family()) {
        (Some(only), None, Family::Rest) => ("GetDeployment", one_v1(place, &ask.api.api_id, only).await),
        (Some(only), None, Family::Http) => ("GetDeployment", one_v2(place, &ask.api.api_id, only).await),
        (_, _, Family::Rest) => ("GetDeployments", several_v1(place, &ask.api.api_id, &ask.deployment_ids).await),
        (_, _, Family::Http) => ("GetDeployments", several_v2(place, &ask.api.api_id, &ask.deployment_ids).await),
    };
    match read {
        Ok(dates) => (dates, None),
        Err((dates, failure)) if failure.kind == Kind::NotFound => (dates, None),
        Err((dates, failure)) => (dates, Some((call, failure))),
    }
}

type Read = Result<Dates, (Dates, Failure)>;

async fn one_v1(place: &Place, api_id: &str, id: &str) -> Read {
    let ask = Ask::rest("GetDeployment", format!("/restapis/{api_id}/deployments/{id}"));
    let answer =
        place.ask(&ask, |clients| clients.rest.get_deployment().rest_api_id(api_id).deployment_id(id).send()).await;
    let answer = answer.map_err(|failure| (Vec::new(), failure))?;
    Ok(instant(answer.created_date.as_ref()).map(|date| (id.to_owned(), date)).into_iter().collect())
}

async fn one_v2(place: &Place, api_id: &str, id: &str) -> Read {
    let ask = Ask::http("GetDeployment", format!("/apis/{api_id}/deployments/{id}"));
    let answer = place.ask(&ask, |clients| clients.http.get_deployment().api_id(api_id).deployment_id(id).send()).await;
    let answer = answer.map_err(|failure| (Vec::new(), failure))?;
    let date = instant(answer.created_date.as_ref()).filter(|_| is_deployed(answer.deployment_status.as_ref()));
    Ok(date.map(|date| (id.to_owned(), date)).into_iter().collect())
}

/// A deployment that failed or is under way was not published.
fn is_deployed(status: Option<&DeploymentStatus>) -> bool {
    status.is_none_or(|status| *status == DeploymentStatus::Deployed)
}

async fn several_v1(place: &Place, api_id: &str, wanted: &BTreeSet<String>) -> Read {
    let ask = Ask::rest("GetDeployments", format!("/restapis/{api_id}/deployments"));
    let mut search = Search::new(wanted);
    while search.goes_on() {
        let position = search.token.clone();
        let answer = place
            .ask(&ask, |clients| {
                let request = clients.rest.get_deployments().rest_api_id(api_id).limit(rest::PAGE);
                request.set_position(position.clone()).send()
            })
            .await;
        match answer {
            Ok(page) => {
                let items = page.items.unwrap_or_default();
                search
                    .page(items.into_iter().map(|item| (item.id, instant(item.created_date.as_ref()))), page.position);
            }
            Err(failure) => return Err((search.found, failure)),
        }
    }
    Ok(search.found)
}

async fn several_v2(place: &Place, api_id: &str, wanted: &BTreeSet<String>) -> Read {
    let ask = Ask::http("GetDeployments", format!("/apis/{api_id}/deployments"));
    let mut search = Search::new(wanted);
    while search.goes_on() {
        let token = search.token.clone();
        let answer = place
            .ask(&ask, |clients| {
                let request = clients.http.get_deployments().api_id(api_id).max_results(http_family::PAGE);
                request.set_next_token(token.clone()).send()
            })
            .await;
        match answer {
            Ok(page) => {
                let items = page.items.unwrap_or_default().into_iter().map(|item| {
                    let date = instant(item.created_date.as_ref());
                    (item.deployment_id, date.filter(|_| is_deployed(item.deployment_status.as_ref())))
                });
                search.page(items, page.next_token);
            }
            Err(failure) => return Err((search.found, failure)),
        }
    }
    Ok(search.found)
}

/// A walk through pages that ends when everything was found, at the last page, or where the pages go in a circle.
struct Search<'a> {
    missing: BTreeSet<&'a str>,
    found: Dates,
    token: Option<String>,
    tokens: BTreeSet<String>,
    at_end: bool,
}

impl<'a> Search<'a> {
    fn new(wanted: &'a BTreeSet<String>) -> Self {
        let missing = wanted.iter().map(String::as_str).collect();
        Self { missing, found: Vec::new(), token: None, tokens: BTreeSet::new(), at_end: false }
    }

    fn goes_on(&self) -> bool {
        !self.at_end && !self.missing.is_empty()
    }

    fn page(&mut self, items: impl Iterator<Item = (Option<String>, Option<DateTime<Utc>>)>, next: Option<String>) {
        for (id, date) in items {
            let Some(id) = id else { continue };
            if self.missing.remove(id.as_str())
                && let Some(date) = date
            {
                self.found.push((id, date));
            }
        }
        self.token = next.filter(|next| !next.is_empty() && self.tokens.insert(next.clone()));
        self.at_end = self.token.is_none();
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Asked, Log, REGION, Reply, account, aws};
    use super::*;

    fn ask(api_id: &str, protocol: Protocol, ids: &[&str]) -> DeploymentAsk {
        let api = ApiId {
            partition: "aws".to_owned(),
            account_id: "111122223333".to_owned(),
            region: REGION.to_owned(),
            api_id: api_id.to_owned(),
        };
        DeploymentAsk { api, protocol, deployment_ids: ids.iter().map(|&id| id.to_owned()).collect() }
    }

    async fn dates(
        asks: Vec<DeploymentAsk>,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> (DeploymentDates, Log) {
        let (aws, log) = aws(answer).await;
        let dates = deployment_dates(&aws, &account("aws", REGION), REGION, asks, &Progress::default()).await;
        (dates, log)
    }

    /// As `api/deployment=seconds`.
    fn shown(dates: &DeploymentDates) -> Vec<String> {
        dates.dates.iter().map(|((api, id), date)| format!("{}/{id}={}", api.api_id, date.timestamp())).collect()
    }

    #[tokio::test]
    async fn one_deployment_is_asked_for_by_its_id_and_several_by_the_list() {
        let asks = vec![
            ask("a", Protocol::Rest, &["d1"]),
            ask("b", Protocol::Rest, &["d1", "d2"]),
            ask("h", Protocol::Http, &["d1"]),
            ask("w", Protocol::WebSocket, &["d1", "d2"]),
            ask("nothing", Protocol::Rest, &[]),
        ];
        let (found, log) = dates(asks, |asked| match (asked.path.as_str(), asked.parameter("position")) {
            ("/restapis/a/deployments/d1", _) => Reply::json(r#"{"id":"d1","createdDate":100}"#),
            ("/restapis/b/deployments", None) => {
                Reply::json(r#"{"item":[{"id":"d9","createdDate":9},{"id":"d2","createdDate":200}],"position":"p"}"#)
            }
            ("/restapis/b/deployments", Some("p")) => {
                Reply::json(r#"{"item":[{"id":"d1","createdDate":150}],"position":"more"}"#)
            }
            ("/v2/apis/h/deployments/d1", _) => Reply::json(
                r#"{"deploymentId":"d1","createdDate":"1970-01-01T00:05:00Z","deploymentStatus":"DEPLOYED"}"#,
            ),
            ("/v2/apis/w/deployments", _) => Reply::json(
                r#"{"items":[{"deploymentId":"d1","createdDate":"1970-01-01T00:06:40Z"},
                    {"deploymentId":"d2","createdDate":"1970-01-01T00:06:40Z","deploymentStatus":"FAILED"}]}"#,
            ),
            other => panic!("nobody should ask for {other:?}"),
        })
        .await;
        assert_eq!(shown(&found), ["a/d1=100", "b/d1=150", "b/d2=200", "h/d1=300", "w/d1=400"]);
        assert_eq!((found.calls, log.all().len()), (5, 5), "the walk ends when all were found");
        assert!(found.notes.is_empty());
    }

    #[tokio::test]
    async fn a_failure_leaves_its_dates_unknown_and_is_noted_once() {
        let asks = vec![
            ask("a", Protocol::Rest, &["d1"]),
            ask("b", Protocol::Rest, &["d1"]),
            ask("c", Protocol::Rest, &["d1"]),
            ask("gone", Protocol::Rest, &["d1"]),
        ];
        let (found, _) = dates(asks, |asked| match asked.path.as_str() {
            "/restapis/c/deployments/d1" => Reply::json(r#"{"id":"d1","createdDate":100}"#),
            "/restapis/gone/deployments/d1" => Reply::not_found(),
            _ => Reply::error(403, "AccessDeniedException", "no"),
        })
        .await;
        assert_eq!(shown(&found), ["c/d1=100"]);
        let [note] = &found.notes[..] else { panic!("{:?}", found.notes) };
        assert!(note.contains("2 APIs") && note.contains("GetDeployment"), "{note}");
    }

    #[tokio::test]
    async fn a_list_that_goes_in_a_circle_ends() {
        let (found, log) = dates(vec![ask("a", Protocol::Rest, &["d1", "d2"])], |_| {
            Reply::json(r#"{"item":[{"id":"d1","createdDate":1}],"position":"p"}"#)
        })
        .await;
        assert_eq!(shown(&found), ["a/d1=1"]);
        assert_eq!(log.all().len(), 2);
    }
}
