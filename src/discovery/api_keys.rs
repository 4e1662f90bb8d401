//! API keys: the only things that aboard makes and deletes in AWS, and only where subscriptions are switched on.
//!
//! Making one cannot be repeated safely: AWS takes any number of keys of one name (AWS API Gateway API Reference, `CreateApiKey`). Nor can
//! putting one into a plan, where a conflict must mean that it is not in there. So the SDK's retries are off for both, and what was refused
//! for coming too fast, which changed nothing, is repeated here.

use std::time::Duration;

use aws_sdk_apigateway::config::retry::RetryConfig;
use secrecy::SecretString;
use tokio::time::sleep;

use super::classify::{Ask, Failure, Kind};
use super::gateway::Gateway;
use super::listed::filled;
use super::page::{self, Page};
use super::rest::PAGE;
use crate::inventory::Trouble;

/// The wait after a refusal for coming too fast; AWS grants five keys a second.
const WAIT: Duration = Duration::from_secs(1);

/// A key that was made.
#[derive(Debug)]
pub struct CreatedKey {
    /// Its id.
    pub id: String,
    /// What a consumer presents.
    pub value: SecretString,
}

/// Why a key was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCreated {
    /// What AWS said.
    pub trouble: Trouble,
    /// Whether it may have been made all the same: no answer came, or none that says otherwise.
    pub perhaps_made: bool,
}

impl Gateway {
    /// Makes a key that is switched on and in no usage plan.
    ///
    /// # Errors
    /// AWS refused, or did not answer.
    pub async fn create_api_key(&self, name: &str, description: &str) -> Result<CreatedKey, NotCreated> {
        let ask = Ask::change("CreateApiKey", "apigateway:POST", "/apikeys");
        let send = |clients: &super::account::Clients| {
            let request = clients.rest.create_api_key().name(name).description(description).enabled(true);
            request.customize().config_override(once()).send()
        };
        let answer = loop {
            match self.place.ask(&ask, send).await {
                Ok(answer) => break answer,
                Err(failure) if failure.kind == Kind::Throttled => sleep(WAIT).await,
                Err(failure) => {
                    let perhaps_made = failure.status.is_none_or(|status| !(400..500).contains(&status));
                    let perhaps_made = perhaps_made && !never_left(&failure);
                    return Err(NotCreated { trouble: self.place.trouble(&failure).await, perhaps_made });
                }
            }
        };
        let made = filled(answer.id).zip(filled(answer.value));
        made.map(|(id, value)| CreatedKey { id, value: value.into() }).ok_or_else(|| {
            let failure = Failure::other(&ask, "the answer has no id or no value");
            NotCreated { trouble: failure.trouble(), perhaps_made: true }
        })
    }

    /// Puts a key into a usage plan.
    ///
    /// # Errors
    /// AWS refused, or did not answer: it may be in there all the same.
    pub async fn attach_api_key(&self, usage_plan_id: &str, key_id: &str) -> Result<(), Trouble> {
        let ask = Ask::change("CreateUsagePlanKey", "apigateway:POST", format!("/usageplans/{usage_plan_id}/keys"));
        let send = |clients: &super::account::Clients| {
            let request = clients.rest.create_usage_plan_key().usage_plan_id(usage_plan_id);
            request.key_id(key_id).key_type("API_KEY").customize().config_override(once()).send()
        };
        loop {
            match self.place.ask(&ask, send).await {
                Ok(_) => return Ok(()),
                Err(failure) if failure.kind == Kind::Throttled => sleep(WAIT).await,
                Err(failure) => return Err(self.place.trouble(&failure).await),
            }
        }
    }

    /// Deletes a key, and with it its place in usage plans; answers whether there was one.
    ///
    /// # Errors
    /// AWS refused, or did not answer: it may be there still.
    pub async fn delete_api_key(&self, key_id: &str) -> Result<bool, Trouble> {
        let ask = Ask::change("DeleteApiKey", "apigateway:DELETE", format!("/apikeys/{key_id}"));
        match self.place.ask(&ask, |clients| clients.rest.delete_api_key().api_key(key_id).send()).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.kind == Kind::NotFound => Ok(false),
            Err(failure) => Err(self.place.trouble(&failure).await),
        }
    }

    /// The ids of the keys of exactly this name.
    ///
    /// # Errors
    /// They could not be listed.
    pub async fn api_keys_named(&self, name: &str) -> Result<Vec<String>, Trouble> {
        let ask = Ask::rest("GetApiKeys", "/apikeys");
        let pages = page::all(&ask, |position: Option<String>| {
            let ask = &ask;
            async move {
                let send = |clients: &super::account::Clients| {
                    let request = clients.rest.get_api_keys().name_query(name).include_values(false).limit(PAGE);
                    request.set_position(position.clone()).send()
                };
                let answer = self.place.ask(ask, send).await?;
                Ok(Page { items: answer.items, next: answer.position })
            }
        })
        .await;
        if let Some(failure) = &pages.failure {
            return Err(self.place.trouble(failure).await);
        }
        // The query is for names that begin so.
        let named = pages.items.into_iter().filter(|key| key.name.as_deref() == Some(name));
        Ok(named.filter_map(|key| filled(key.id)).collect())
    }
}

fn once() -> aws_sdk_apigateway::config::Builder {
    aws_sdk_apigateway::Config::builder().retry_config(RetryConfig::disabled())
}

/// Whether nothing was sent at all.
fn never_left(failure: &Failure) -> bool {
    matches!(failure.kind, Kind::NoSecret | Kind::NoCredentials | Kind::Credentials | Kind::Untrusted)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::discovery::testing::{Asked, Log, REGION, Reply, account, aws};

    async fn gateway(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Gateway, Log) {
        let (aws, log) = aws(answer).await;
        let account = account("aws", REGION);
        (Gateway::new(&aws, &account, REGION), log)
    }

    #[tokio::test]
    async fn a_key_is_made_switched_on_and_its_value_is_shown_nowhere() {
        let (gateway, log) = gateway(|_| Reply::json(r#"{"id":"k1","value":"very-secret"}"#).status(201)).await;
        let key = gateway.create_api_key("aboard-s1", "for App").await.unwrap();
        assert_eq!((key.id.as_str(), key.value.expose_secret()), ("k1", "very-secret"));
        assert!(!format!("{key:?}").contains("very-secret"));
        let body: serde_json::Value = serde_json::from_str(&log.all()[0].body).unwrap();
        assert_eq!(body, serde_json::json!({ "name": "aboard-s1", "description": "for App", "enabled": true }));
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_came_too_fast_is_sent_again() {
        use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
        let asked = AtomicU32::new(0);
        let (throttled, log) = gateway(move |_| match asked.fetch_add(1, Relaxed) {
            0 | 1 => Reply::error(429, "TooManyRequestsException", "slow down"),
            _ => Reply::json(r#"{"id":"k1","value":"v"}"#).status(201),
        })
        .await;
        assert_eq!(throttled.create_api_key("n", "d").await.unwrap().id, "k1");
        assert_eq!(log.all().len(), 3);
        for (reply, perhaps_made) in [
            (Reply::error(500, "InternalFailure", "broken"), true),
            (Reply::no_connection(), true),
            (Reply::json("{}").status(201), true),
            (Reply::error(403, "AccessDeniedException", "no"), false),
            (Reply::error(400, "BadRequestException", "no"), false),
        ] {
            let (gateway, log) = gateway(move |_| reply.clone()).await;
            let refused = gateway.create_api_key("n", "d").await.unwrap_err();
            assert_eq!(refused.perhaps_made, perhaps_made, "{refused:?}");
            assert_eq!(log.all().len(), 1, "{refused:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_gone_already_is_no_error_and_one_that_does_not_get_into_its_plan_is() {
        let (gateway, log) = gateway(|asked| match asked.path.as_str() {
            "/usageplans/up1/keys" => Reply::json(r#"{"id":"k1"}"#).status(201),
            "/usageplans/up2/keys" => Reply::error(409, "ConflictException", "in another plan of this stage"),
            "/apikeys/gone" => Reply::error(404, "NotFoundException", "Invalid API Key identifier specified"),
            _ => Reply::error(403, "AccessDeniedException", "no"),
        })
        .await;
        gateway.attach_api_key("up1", "k1").await.unwrap();
        assert!(gateway.attach_api_key("up2", "k1").await.unwrap_err().cause.contains("another plan"));
        assert!(!gateway.delete_api_key("gone").await.unwrap());
        let denied = gateway.delete_api_key("k1").await.unwrap_err();
        assert_eq!(
            denied.hint.as_deref(),
            Some("allow apigateway:DELETE on arn:aws:apigateway:eu-west-1::/apikeys/k1")
        );
        let body: serde_json::Value = serde_json::from_str(&log.all()[0].body).unwrap();
        assert_eq!(body, serde_json::json!({ "keyId": "k1", "keyType": "API_KEY" }));
    }

    #[tokio::test]
    async fn keys_are_found_by_their_whole_name() {
        let (gateway, log) =
            gateway(|_| Reply::json(r#"{"item":[{"id":"k1","name":"aboard-s1"},{"id":"k2","name":"aboard-s10"}]}"#))
                .await;
        assert_eq!(gateway.api_keys_named("aboard-s1").await.unwrap(), ["k1"]);
        assert_eq!(log.all()[0].parameter("name"), Some("aboard-s1"));
        assert_eq!(log.all()[0].parameter("includeValues"), Some("false"));
    }
}
