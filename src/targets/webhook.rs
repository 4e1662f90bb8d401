//! `webhook`: events as signed HTTP requests, by Standard Webhooks 1.0.0.
//!
//! | what the receiver does | what follows |
//! |---|---|
//! | answers 200–299 | delivered |
//! | 410 | the target is switched off |
//! | 429, 502, 503, 504 | a pause for the whole target |
//! | anything else, a redirect too, or nothing in time | tried again |
//!
//! `Retry-After` is handed on with every refusal. Secrets and headers are read anew for each request.

mod signature;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, join_all};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;

use super::answer::{Answer, hidden};
use super::client::{Client, place};
use super::{Delivery, Effect, Failure, Memory, Setup, Target, Verdict, event};
use crate::clock;
use crate::config::{SecretRef, WebhookTarget};
use crate::notice::Notice;
use crate::secret;
use signature::Key;

/// How much of the answer to a success is read, and for how long, so that the connection can be used again.
const COURTESY: (usize, Duration) = (64 * 1024, Duration::from_secs(1));

/// A receiver of events over HTTP.
#[derive(Debug)]
pub(super) struct Webhook {
    settings: WebhookTarget,
    client: Client,
    now: fn() -> DateTime<Utc>,
}

/// What a request carries that is secret.
struct Secrets {
    keys: Vec<Key>,
    headers: HeaderMap,
}

impl Webhook {
    pub(super) fn new(settings: &WebhookTarget, setup: &Setup) -> Result<Self, Failure> {
        let client = Client::new(&setup.network, settings.timeout)?;
        Ok(Self { settings: settings.clone(), client, now: clock::now })
    }

    async fn deliver_one(&self, delivery: &Delivery) -> Verdict {
        match self.send(delivery).await {
            Ok(_) => Verdict::Delivered(None),
            Err(failure) => Verdict::Failed(failure),
        }
    }

    /// Sends it; whether it was signed, and the answer that took it.
    async fn send(&self, delivery: &Delivery) -> Result<(bool, Answer), Failure> {
        let body = event::body(delivery).map_err(|error| Failure {
            effect: Effect::GiveUp,
            ..Failure::passing(format!("the event cannot be written as JSON: {error}"))
        })?;
        let secrets = self.secrets().await?;
        let signed = !secrets.keys.is_empty();
        let request = self.request(&delivery.key, body, &secrets);
        let mut answer = self.client.send(request).await?;
        let status = answer.status();
        if status.is_success() {
            let (most, patience) = COURTESY;
            // Taken is taken, whatever becomes of the rest of the answer.
            let _ = tokio::time::timeout(patience, answer.beginning(most)).await;
            return Ok((signed, answer));
        }
        if status.is_redirection() {
            return Err(self.redirected(&answer));
        }
        let mut failure = answer.refused((self.now)()).await;
        let sent = secrets.headers.values().filter_map(|value| value.to_str().ok());
        failure.message = hidden(failure.message, sent);
        if status.as_u16() == 410 {
            failure.effect = Effect::Disable;
        }
        Err(failure)
    }

    fn request(&self, id: &str, body: Vec<u8>, secrets: &Secrets) -> RequestBuilder {
        let at = (self.now)().timestamp();
        let mut request = self.client.request(Method::POST, self.settings.url.clone());
        request = request.header(CONTENT_TYPE, event::CONTENT_TYPE).headers(secrets.headers.clone());
        request = request.header("webhook-id", id).header("webhook-timestamp", at);
        if !secrets.keys.is_empty() {
            let signatures: Vec<String> = secrets.keys.iter().map(|key| key.sign(id, at, &body)).collect();
            request = request.header("webhook-signature", signatures.join(" "));
        }
        request.body(body)
    }

    async fn secrets(&self) -> Result<Secrets, Failure> {
        let (secrets, headers) = (self.settings.secrets.clone(), self.settings.headers.clone());
        let read = tokio::task::spawn_blocking(move || read_secrets(&secrets, &headers)).await;
        read.unwrap_or_else(|_| Err("the secrets could not be read".to_owned())).map_err(Failure::passing)
    }

    /// The path of where it leads may hold a key as well as that of the target.
    fn redirected(&self, answer: &Answer) -> Failure {
        let location = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
        let to = location.and_then(|to| self.settings.url.join(to).ok());
        let to = to.map_or_else(|| "nowhere".to_owned(), |to| format!("to {}", place(&to)));
        let (place, status) = (answer.place(), answer.status());
        let message = format!(
            "{place} answered {status} and leads {to}; redirects are not followed, so put the final address into url"
        );
        Failure { status: Some(status.as_u16()), ..Failure::passing(message) }
    }
}

impl Target for Webhook {
    fn in_flight(&self) -> usize {
        self.settings.in_flight
    }

    fn deliver<'a>(&'a self, deliveries: &'a [Delivery], _memory: &'a dyn Memory) -> BoxFuture<'a, Vec<Verdict>> {
        Box::pin(join_all(deliveries.iter().map(|delivery| self.deliver_one(delivery))))
    }

    fn test<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(async move {
            let (signed, answer) = self.send(&event::trial(notice)).await?;
            let signed = if signed { "a signed test event" } else { "an unsigned test event (no secret is set)" };
            Ok(format!("{} answered {} to {signed}", answer.place(), answer.status()))
        })
    }
}

fn read_secrets(secrets: &[SecretRef], headers: &BTreeMap<String, SecretRef>) -> Result<Secrets, String> {
    let key = |reference: &SecretRef| {
        let secret = secret::resolve(reference).map_err(|error| error.to_string())?;
        Key::parse(&secret).map_err(|complaint| format!("{} {complaint}", secret::place(reference)))
    };
    let header = |(name, reference): (&String, &SecretRef)| {
        let secret = secret::resolve(reference).map_err(|error| error.to_string())?;
        let value = HeaderValue::from_bytes(secret.expose_secret().as_bytes());
        let pair = HeaderName::from_bytes(name.as_bytes()).ok().zip(value.ok());
        let (name, mut value) =
            pair.ok_or_else(|| format!("{} is not fit for the header {name}", secret::place(reference)))?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    Ok(Secrets {
        keys: secrets.iter().map(key).collect::<Result<_, String>>()?,
        headers: headers.iter().map(header).collect::<Result<_, String>>()?,
    })
}

#[cfg(test)]
mod tests;
