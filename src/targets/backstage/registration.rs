//! Backstage's catalog API: the location is registered or read anew, and what came of it is read back.
//!
//! The catalog is asynchronous: 201 says that a location was noted, not that anything was read, and of two entities of one name the
//! second is dropped with a line in Backstage's log. So what counts is what the catalog shows afterwards. Its API is that of
//! plugin-catalog-backend (`src/schema/openapi.yaml`); seen at work with version 4.0.0.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::catalog::Expected;
use super::entity::{ARN, OCCURRED_AT, REVISION};
use crate::clock;
use crate::config::Registration;
use crate::targets::answer::Answer;
use crate::targets::client::Client;
use crate::targets::{Effect, Failure};

/// The most that is read of an answer. Asked for are names and annotations of one batch.
const MOST: usize = 16 * 1024 * 1024;

/// What Backstage shows of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// As it should be.
    Right,
    /// Not yet, or no longer.
    Other,
    /// An entity of that name that is about something else.
    Taken(String),
}

/// What the catalog answers to a request for a location in a dry run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tried {
    /// Whether it is registered.
    pub(super) exists: bool,
    /// How many entities were read there.
    pub(super) entities: usize,
}

/// The catalog of one Backstage.
#[derive(Clone, Debug)]
pub(super) struct Backstage {
    client: Client,
    settings: Registration,
}

impl Backstage {
    pub(super) fn new(client: Client, settings: Registration) -> Self {
        Self { client, settings }
    }

    /// Registers the location, or has it read anew.
    pub(super) async fn refresh(&self) -> Result<(), Failure> {
        let body = json!({ "type": "url", "target": self.settings.location });
        let answer = self.post(&["locations"], "onConflict=refresh", &body).await?;
        match answer.status() {
            // An older catalog knows no onConflict and says that it has the location; it reads it anew by itself in a few minutes.
            status if status.is_success() || status == StatusCode::CONFLICT => Ok(()),
            _ => Err(self.refused(answer).await),
        }
    }

    /// Has Backstage read the location without keeping anything.
    pub(super) async fn try_out(&self) -> Result<Tried, Failure> {
        let body = json!({ "type": "url", "target": self.settings.location });
        let answer = self.post(&["locations"], "dryRun=true", &body).await?;
        if !answer.status().is_success() {
            return Err(self.refused(answer).await);
        }
        let said = json_of(answer).await?;
        // The location is an entity, too.
        let apis = said["entities"].as_array().into_iter().flatten().filter(|entity| entity["kind"] == "API");
        Ok(Tried { exists: said["exists"] == true, entities: apis.count() })
    }

    /// Looks until the catalog shows what it should, or has had long enough. By reference; a catalog that cannot be asked so answers
    /// nothing.
    pub(super) async fn read_back(
        &self,
        expected: &[Expected],
        patience: Duration,
    ) -> Result<BTreeMap<String, Shown>, Failure> {
        let until = Instant::now() + patience;
        let mut wait = patience.min(Duration::from_millis(500));
        loop {
            let Some(shown) = self.show(expected).await? else { return Ok(BTreeMap::new()) };
            let waiting = shown.values().any(|shown| *shown == Shown::Other);
            if !waiting || Instant::now() + wait > until {
                return Ok(shown);
            }
            sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }

    async fn show(&self, expected: &[Expected]) -> Result<Option<BTreeMap<String, Shown>>, Failure> {
        let references: Vec<&str> = expected.iter().map(|expected| &*expected.reference).collect();
        let fields = ["metadata.name", "metadata.annotations"];
        let body = json!({ "entityRefs": references, "fields": fields });
        let answer = self.post(&["entities", "by-refs"], "", &body).await?;
        match answer.status() {
            StatusCode::OK => {}
            // It is older than that way of asking.
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Ok(None),
            _ => return Err(self.refused(answer).await),
        }
        let said = json_of(answer).await?;
        let items = said["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let nothing = Value::Null;
        let shown = expected.iter().enumerate().map(|(number, expected)| {
            (expected.reference.clone(), judge(expected, items.get(number).unwrap_or(&nothing)))
        });
        Ok(Some(shown.collect()))
    }

    async fn post(&self, path: &[&str], query: &str, body: &Value) -> Result<Answer, Failure> {
        let mut url = self.settings.url.clone();
        let mut parts = url.path_segments_mut().map_err(|()| Failure::passing("url is none that leads anywhere"))?;
        parts.pop_if_empty().extend(["api", "catalog"]).extend(path);
        drop(parts);
        url.set_query((!query.is_empty()).then_some(query));
        let mut request = self.client.request(Method::POST, url).json(body);
        if let Some(token) = self.settings.token.clone() {
            let token = tokio::task::spawn_blocking(move || crate::secret::resolve(&token)).await;
            let token = token.map_err(|_ended| Failure::passing("the token could not be read"))?;
            let token = token.map_err(|error| Failure::passing(format!("the token cannot be read: {error}")))?;
            request = request.bearer_auth(token.expose_secret());
        }
        self.client.send(request).await
    }

    async fn refused(&self, answer: Answer) -> Failure {
        let status = answer.status();
        let mut failure = answer.refused(clock::now()).await;
        let hint = match status {
            StatusCode::UNAUTHORIZED if self.settings.token.is_none() => {
                "; give the target a token that backend.auth.externalAccess of Backstage names"
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "; the token has to be one that backend.auth.externalAccess of Backstage names"
            }
            StatusCode::NOT_FOUND => {
                "; url has to be the base URL of Backstage's back end, below which /api/catalog is"
            }
            _ => "",
        };
        failure.message.push_str(hint);
        failure
    }
}

async fn json_of(answer: Answer) -> Result<Value, Failure> {
    let place = answer.place().to_owned();
    let body = answer.whole(MOST).await?;
    serde_json::from_slice(&body).map_err(|error| Failure::passing(format!("{place} answered no JSON: {error}")))
}

/// What the catalog shows of an entity, against what it should.
fn judge(expected: &Expected, found: &Value) -> Shown {
    let annotation = |key: &str| found["metadata"]["annotations"][key].as_str();
    // What no location names any more is kept as an orphan where catalog.orphanStrategy says so.
    let there = !found.is_null() && annotation("backstage.io/orphan") != Some("true");
    let ours = annotation(ARN) == Some(expected.arn.as_str());
    match &expected.version {
        None if there && ours => Shown::Other,
        None => Shown::Right,
        Some(_) if !there => Shown::Other,
        Some(_) if !ours => {
            let origin = annotation("backstage.io/managed-by-location").unwrap_or("a location that it does not name");
            Shown::Taken(origin.to_owned())
        }
        Some((revision, occurred_at)) => {
            let same = annotation(REVISION) == Some(revision) && annotation(OCCURRED_AT) == Some(occurred_at);
            if same { Shown::Right } else { Shown::Other }
        }
    }
}

/// What follows for a delivery.
pub(super) fn failure_of(expected: &Expected, shown: &Shown) -> Option<Failure> {
    let reference = &expected.reference;
    match shown {
        Shown::Right => None,
        Shown::Other => Some(Failure::passing(match expected.version {
            Some(_) => format!("Backstage took the location and does not show {reference} as it is now, yet"),
            None => format!("Backstage took the location and still shows {reference}, which was taken out"),
        })),
        Shown::Taken(origin) => Some(Failure {
            effect: Effect::GiveUp,
            ..Failure::passing(format!(
                "Backstage has another entity {reference}, from {origin}, and drops ours; remove that one, then have this \
                 sent again (aboard deliveries retry)"
            ))
        }),
    }
}
