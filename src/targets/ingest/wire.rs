//! Gravitee's management API, version 2, as far as it is used here.
//!
//! Paths, members and statuses are those of gravitee-io/gravitee-api-management (`management/v2/rest/resource/integration/IntegrationResource`,
//! `IntegrationView`, `StartIngestIntegrationApisUseCase`, and the exception mappers beside them). Both calls need the permission to read
//! integrations in the environment, an ingest the one to create APIs there as well, which the role of an agent's own token has not.

use std::collections::BTreeSet;

use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use crate::config::{IngestConfig, NetworkConfig};
use crate::targets::answer::{Answer, excerpt, hidden};
use crate::targets::client::{Client, Way, place};
use crate::targets::{Effect, Failure};
use crate::{clock, secret};

/// The longest answer that is read.
const LONGEST: usize = 1024 * 1024;

/// An integration as the server shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Integration {
    /// Required: what has none is no integration.
    id: String,
    #[serde(default)]
    name: Option<String>,
    /// `CONNECTED` or `DISCONNECTED`.
    #[serde(default)]
    agent_status: Option<String>,
    /// The ingest that is not over and not given up.
    #[serde(default)]
    pending_job: Option<Value>,
}

impl Integration {
    /// What it is called, as it may be shown.
    pub(super) fn name(&self) -> String {
        excerpt(self.name.as_ref().unwrap_or(&self.id).as_bytes())
    }

    /// Whether the server says that no agent is there. It would hold the request for a minute, and then answer with a fault of its own.
    pub(super) fn is_disconnected(&self) -> bool {
        self.agent_status.as_deref() == Some("DISCONNECTED")
    }

    /// Whether an ingest is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.pending_job.as_ref().is_some_and(|job| !job.is_null())
    }
}

/// What the server said to an ingest that it did not refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// The agent has been asked.
    UnderWay,
    /// It is done, or the agent has nothing of it.
    Over,
}

#[derive(Deserialize)]
struct Ingested {
    status: String,
    #[serde(default)]
    message: Option<String>,
}

/// The service with the token of one delivery.
pub(super) struct Session {
    client: Client,
    /// Of the integration.
    url: Url,
    environment: String,
    token: SecretString,
    /// The proxy of the settings, as it may be shown.
    proxy: Option<String>,
}

impl Session {
    /// Reads token, certificates and proxy, anew for each delivery.
    pub(super) async fn open(config: &IngestConfig, network: &NetworkConfig) -> Result<Self, Failure> {
        let (config, network) = (config.clone(), network.clone());
        let opened = tokio::task::spawn_blocking(move || Self::open_now(&config, &network)).await;
        opened.map_err(|_| Failure::passing("reading the token was cut off"))?
    }

    fn open_now(config: &IngestConfig, network: &NetworkConfig) -> Result<Self, Failure> {
        let management = &config.management;
        let token = secret::resolve(&management.token);
        let token = token.map_err(|error| Failure::passing(format!("the token cannot be read: {error}")))?;
        let way = Way { authorities: config.authorities.as_ref(), proxy: config.proxy.as_ref() };
        let client = Client::by(way, network, management.timeout)?;
        let mut url = management.url.clone();
        let mut path = url.path_segments_mut().map_err(|()| Failure::passing("the url takes no path"))?;
        path.pop_if_empty().extend(["v2", "organizations", &management.organization]);
        path.extend(["environments", &management.environment, "integrations", &config.integration_id]);
        drop(path);
        let proxy = config.proxy.as_ref().map(|proxy| place(&proxy.url));
        Ok(Self { client, url, environment: management.environment.clone(), token, proxy })
    }

    /// Who is asked: scheme, host and port.
    pub(super) fn place(&self) -> String {
        place(&self.url)
    }

    /// The integration.
    pub(super) async fn integration(&self) -> Result<Integration, Failure> {
        const STEP: &str = "reading the integration";
        let answer = self.send(STEP, self.client.request(Method::GET, self.url.clone())).await?;
        self.read(STEP, answer).await
    }

    /// Has the server ingest what the agent offers under these ids. None would mean all that it offers.
    pub(super) async fn ingest(&self, ids: &BTreeSet<String>) -> Result<Answered, Failure> {
        const STEP: &str = "asking for the ingest";
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.push("_ingest");
        }
        let request = self.client.request(Method::POST, url).json(&json!({ "apiIds": ids }));
        let answer = self.send(STEP, request).await?;
        let Ingested { status, message } = self.read(STEP, answer).await?;
        match status.as_str() {
            "PENDING" => Ok(Answered::UnderWay),
            "SUCCESS" => Ok(Answered::Over),
            status => {
                let (status, said) = (excerpt(status.as_bytes()), excerpt(message.unwrap_or_default().as_bytes()));
                let colon = if said.is_empty() { "" } else { ": " };
                let message = format!("{} answered with the status {status}{colon}{said}", self.place());
                Err(self.told(STEP, Failure::passing(message)))
            }
        }
    }

    /// Sends a request, and gives the answer if it says yes.
    async fn send(&self, step: &str, request: RequestBuilder) -> Result<Answer, Failure> {
        // Marked as sensitive by reqwest, so that no debug output holds it.
        let request = request.bearer_auth(self.token.expose_secret());
        let answer = self.client.send(request).await.map_err(|failure| {
            let mut failure = self.told(step, failure);
            if let Some(proxy) = &self.proxy {
                failure.message.push_str("; through the proxy ");
                failure.message.push_str(proxy);
            }
            failure
        })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let mut failure = self.told(step, answer.refused(clock::now()).await);
        let hint = match failure.status {
            Some(300..=399) => "redirects are not followed: name the address that it leads to as url".to_owned(),
            Some(401) => "the token is not known there, or has expired".to_owned(),
            Some(403) => format!(
                "the token's user needs a role in the environment {} that may read integrations and create APIs, which that of an agent may not; or the licence has no federation",
                self.environment
            ),
            Some(404) => {
                "are url, organization, environment and integration_id right? The integration may have been deleted"
                    .to_owned()
            }
            Some(409) => "another ingest may be under way; this one is asked for again".to_owned(),
            _ => String::new(),
        };
        if !hint.is_empty() {
            failure.message.push_str("; ");
            failure.message.push_str(&hint);
        }
        // Whatever it is, a person or time may mend it, and what was asked for is still wanted.
        failure.effect = Effect::Pause;
        Err(failure)
    }

    /// What an answer that says yes holds.
    async fn read<T: DeserializeOwned>(&self, step: &str, answer: Answer) -> Result<T, Failure> {
        let place = answer.place().to_owned();
        let body = answer.whole(LONGEST).await.map_err(|failure| self.told(step, failure))?;
        serde_json::from_slice(&body).map_err(|error| {
            // The parser's own words may quote a value; where it stands is enough.
            let (line, column) = (error.line(), error.column());
            Failure::passing(format!(
                "{step}: what {place} answered is not what Gravitee's management API answers (line {line}, column {column}); is the url that of the API, and not of the console?"
            ))
        })
    }

    /// Says what was being done, and takes the token out of what a stranger said.
    fn told(&self, step: &str, failure: Failure) -> Failure {
        let message = hidden(failure.message, [self.token.expose_secret()]);
        Failure { message: format!("{step}: {message}"), ..failure }
    }
}
