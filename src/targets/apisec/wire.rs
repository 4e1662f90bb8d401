//! `APIsec`'s REST API (the platform at apisecapps.com), as far as it is used here.
//!
//! There is no public description of it; the calls and their shapes are those that `APIsec`'s own clients make: its Burp extension
//! (apisec-inc/apisec-relay, `ApisecClient.java` and its fixtures) for the two reads, `code-discovery` 0.3.2 on `PyPI`, which its
//! GitHub Action installs, for the three writes. There is no key for idempotency, no id of ours, and no upsert. Nothing here deletes.

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use url::Url;

use crate::config::SecretRef;
use crate::targets::answer::Answer;
use crate::targets::client::Client;
use crate::targets::{Effect, Failure};
use crate::{clock, secret};

/// The longest answer that is read: a page of applications carries statistics of scans.
const LONGEST: usize = 32 * 1024 * 1024;

/// An application as a listing or a look at it shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Application {
    #[serde(rename = "applicationId")]
    pub(super) id: String,
    #[serde(rename = "applicationName", default, deserialize_with = "or_default")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) instances: Vec<Instance>,
}

/// One address of an application.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Instance {
    pub(super) instance_id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) host_url: String,
}

/// One page of a listing. Its list is required: an answer without one is no proof that there is no application.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) applications: Vec<Application>,
    #[serde(default)]
    pub(super) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    application_id: String,
}

/// `null` is what is meant where a member is absent.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// How a specification is taken over when it is loaded again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reload {
    /// Whether endpoints that it lacks are deleted.
    pub(super) delete_endpoints: bool,
}

/// The service with the token of one delivery.
#[derive(Debug)]
pub(super) struct Session<'a> {
    client: &'a Client,
    url: &'a Url,
    token: SecretString,
}

impl<'a> Session<'a> {
    /// Reads the token, anew for each delivery.
    pub(super) async fn open(client: &'a Client, url: &'a Url, token: &SecretRef) -> Result<Self, Failure> {
        let token = token.clone();
        let read = tokio::task::spawn_blocking(move || secret::resolve(&token)).await;
        let token = read.map_err(|_| Failure::passing("reading the token was cut off"))?;
        let token = token.map_err(|error| Failure::passing(format!("the token cannot be read: {error}")))?;
        Ok(Self { client, url, token })
    }

    /// A page of the listing: the first one, or what follows.
    pub(super) async fn applications(&self, next_token: Option<&str>) -> Result<Page, Failure> {
        const STEP: &str = "listing the applications";
        let mut url = self.at(&["applications"])?;
        url.query_pairs_mut().append_pair("include", "metadata");
        if let Some(next) = next_token {
            url.query_pairs_mut().append_pair("nextToken", next);
        }
        let answer = self.send(STEP, self.client.request(Method::GET, url)).await?;
        self.read(STEP, answer, &[]).await
    }

    /// One application, if it exists.
    pub(super) async fn application(&self, id: &str) -> Result<Option<Application>, Failure> {
        const STEP: &str = "reading the application";
        let answer = self.send(STEP, self.client.request(Method::GET, self.at(&["applications", id])?)).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.read(STEP, answer, &[]).await.map(Some)
    }

    /// Creates an application without instances, and answers its id.
    pub(super) async fn create(&self, name: &str, origin: &str, specification: &str) -> Result<String, Failure> {
        const STEP: &str = "creating the application";
        let form = Form::new()
            .text("applicationName", name.to_owned())
            .text("origin", origin.to_owned())
            .part("fileUpload", file(specification)?);
        let request = self.client.request(Method::POST, self.at(&["applications", "oas"])?).multipart(form);
        let answer = self.send(STEP, request).await?;
        let created: Created = self.read(STEP, answer, REFUSES_CONTENT).await?;
        Ok(created.application_id)
    }

    /// Creates instances. What comes back has a different shape for each client that was read, so it is not looked at.
    pub(super) async fn create_instances(&self, id: &str, items: &[(String, String)]) -> Result<(), Failure> {
        const STEP: &str = "creating the instances";
        let items: Vec<_> = items.iter().map(|(url, name)| json!({ "hostUrl": url, "instanceName": name })).collect();
        let url = self.at(&["applications", id, "instances", "batch"])?;
        let request = self.client.request(Method::POST, url).json(&json!({ "instanceRequestItems": items }));
        let answer = self.send(STEP, request).await?;
        self.body(STEP, answer, REFUSES_CONTENT).await.map(drop)
    }

    /// Has an instance's specification replaced, which happens after the answer.
    pub(super) async fn reload(
        &self,
        id: &str,
        instance: &str,
        specification: &str,
        reload: Reload,
    ) -> Result<(), Failure> {
        const STEP: &str = "loading the specification";
        let form = Form::new()
            .text("overwriteVal", "false")
            .text("overwriteEndpointConfig", "false")
            .text("deleteEndpoints", if reload.delete_endpoints { "true" } else { "false" })
            .part("fileUpload", file(specification)?);
        let url = self.at(&["applications", id, "instances", instance, "reload-spec"])?;
        let answer = self.send(STEP, self.client.request(Method::POST, url).multipart(form)).await?;
        self.body(STEP, answer, REFUSES_CONTENT).await.map(drop)
    }

    fn at(&self, segments: &[&str]) -> Result<Url, Failure> {
        let mut url = self.url.clone();
        let mut path = url.path_segments_mut().map_err(|()| Failure::passing("the url takes no path"))?;
        path.pop_if_empty().push("v1").extend(segments);
        drop(path);
        Ok(url)
    }

    /// Sends a request; an answer of any status but a redirect comes back.
    async fn send(&self, step: &str, request: RequestBuilder) -> Result<Answer, Failure> {
        // Marked as sensitive by reqwest, so that no debug output holds it.
        let request = request.bearer_auth(self.token.expose_secret());
        let answer = self.client.send(request).await.map_err(|failure| self.told(step, failure))?;
        if answer.status().is_redirection() {
            let mut failure = self.told(step, answer.refused(clock::now()).await);
            failure.message.push_str("; redirects are not followed: name the address that it leads to as url");
            return Err(failure);
        }
        Ok(answer)
    }

    /// The body of an answer that says yes.
    async fn body(&self, step: &str, answer: Answer, for_good: &[u16]) -> Result<Vec<u8>, Failure> {
        if answer.status().is_success() {
            return answer.whole(LONGEST).await.map_err(|failure| self.told(step, failure));
        }
        let mut failure = self.told(step, answer.refused(clock::now()).await);
        match failure.status {
            Some(401 | 403) => {
                failure.message.push_str("; the token needs the scopes Create App and Get App, and may have expired");
            }
            Some(404) => failure.message.push_str("; is the url that of APIsec's API?"),
            Some(status) if for_good.contains(&status) => failure.effect = Effect::GiveUp,
            _ => {}
        }
        Err(failure)
    }

    /// What an answer that says yes holds.
    async fn read<T: DeserializeOwned>(&self, step: &str, answer: Answer, for_good: &[u16]) -> Result<T, Failure> {
        let place = answer.place().to_owned();
        let body = self.body(step, answer, for_good).await?;
        serde_json::from_slice(&body).map_err(|error| {
            // The parser's own words may quote a value; where it stands is enough.
            let (line, column) = (error.line(), error.column());
            Failure::passing(format!(
                "{step}: what {place} answered is not what APIsec answers (line {line}, column {column}); is the url that of its API?"
            ))
        })
    }

    /// Says what was being done, and takes the token out of what a stranger said.
    fn told(&self, step: &str, mut failure: Failure) -> Failure {
        failure.message = failure.message.replace(self.token.expose_secret(), "[token]");
        failure.message.insert_str(0, &format!("{step}: "));
        failure
    }
}

/// Answers that speak of what was sent: sending it again changes nothing.
const REFUSES_CONTENT: &[u16] = &[400, 409, 413, 415, 422];

/// Whether a write that failed so has certainly not been carried out.
pub(super) fn was_refused(failure: &Failure) -> bool {
    failure.status.is_some_and(|status| (400..500).contains(&status) && status != 408)
}

fn file(specification: &str) -> Result<Part, Failure> {
    let part = Part::bytes(specification.as_bytes().to_vec()).file_name("openapi.json");
    part.mime_str("application/json").map_err(|_| Failure::passing("no request can be made of the specification"))
}
