//! A subscription as Gravitee tells of it, and what it is told: `…/model/Subscription`, `SubscriptionResult` of gravitee-integration-api.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::lenient;

/// The metadata key under which SUBSCRIBE names the plan ([`super::Plan::id`]).
pub const PLAN_ID: &str = "planId";
/// The metadata key under which the application's OAuth client id stands.
pub const CONSUMER_KEY: &str = "consumerKey";

/// What is to be subscribed, or is to end.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Gravitee's id of it.
    pub gravitee_subscription_id: String,
    /// The application that subscribes; missing in UNSUBSCRIBE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gravitee_application_id: Option<String>,
    /// Its name; missing in UNSUBSCRIBE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gravitee_application_name: Option<String>,
    /// What for; missing in UNSUBSCRIBE.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<SubscriptionType>,
    /// The API's connection details and those of its metadata that name the provider; in SUBSCRIBE the plan, in UNSUBSCRIBE what the
    /// answer to SUBSCRIBE gave.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub metadata: BTreeMap<String, String>,
}

/// The metadata may hold a consumer's secret: its keys are shown, its values are not.
impl fmt::Debug for Subscription {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Subscription")
            .field("gravitee_subscription_id", &self.gravitee_subscription_id)
            .field("gravitee_application_id", &self.gravitee_application_id)
            .field("kind", &self.kind)
            .field("metadata", &self.metadata.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// What a subscription is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubscriptionType {
    /// An API key.
    #[serde(rename = "API_KEY")]
    ApiKey,
    /// A token of an authorization server.
    #[serde(rename = "OAUTH")]
    OAuth,
    /// A signed token; never sent so far.
    #[serde(rename = "JWT")]
    Jwt,
}

/// What became of a SUBSCRIBE.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionResult {
    /// Gravitee's id of it.
    pub gravitee_subscription_id: String,
    /// Kept by Gravitee; UNSUBSCRIBE gives it back and says nothing else, so all that ending it takes has to be in here.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub metadata: BTreeMap<String, String>,
    /// The key that the consumer is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKey>,
}

/// An API key's value; nothing but the message to the server shows it.
#[derive(Clone, Debug)]
pub struct ApiKey(pub SecretString);

impl Serialize for ApiKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for ApiKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(SecretString::from(String::deserialize(from)?)))
    }
}
