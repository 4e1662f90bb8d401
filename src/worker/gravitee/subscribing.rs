//! Subscriptions: an API key for each, in the usage plan that was subscribed to.
//!
//! What is about to be made is written down first, the key's id before the key is put into the plan, and it is forgotten right before the
//! server hears of it. So whatever ends this process leaves either a key that the registry knows, and that the next start deletes, or one
//! without power whose name the registry knows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};
use tracing::{info, warn};

use super::brief::{Brief, Common};
use super::names;
use super::places::{self, Searched, Where};
use super::reading::sentence;
use super::survey::{Manner, Surveyor};
use crate::discovery::{CreatedKey, Gateway, NotCreated};
use crate::gravitee::model::{
    ApiKey, PLAN_ID, Subscribe, Subscribed, SubscriptionResult, SubscriptionType, Unsubscribe,
};
use crate::registry::{Intent, IntentId, Registry, RegistryError};
use crate::worker::book::{Shelf, away, lock};

/// What undoing may take: the server waits 60 s, of which making a key has taken up to 45.
const UNDO_WITHIN: Duration = Duration::from_secs(10);
/// The longest description that a key gets, in characters.
const DESCRIPTION: usize = 250;

/// Makes and ends subscriptions of one integration.
pub(super) struct Keys {
    pub(super) common: Arc<Common>,
    pub(super) brief: Brief,
    pub(super) surveyor: Arc<Surveyor>,
}

/// A key that was made, and the way to it.
pub(super) struct Made {
    gateway: Gateway,
    intent: Intent,
    key_id: String,
}

/// What a key is called: whoever finds it in AWS can tell whose it is. No two have one name, not even of one subscription that the server
/// asks for again, so that clearing up after one never deletes the other.
fn key_name(subscription: &str) -> String {
    let attempt = uuid::Uuid::new_v4().simple().to_string();
    format!("aboard-{subscription}-{}", &attempt[..8])
}

impl Keys {
    fn must_be_on(&self) -> Result<(), String> {
        if self.brief.gravitee.subscriptions {
            return Ok(());
        }
        let name = &self.brief.name;
        Err(format!("subscriptions are switched off here: set subscriptions = true in [integrations.{name}.gravitee]"))
    }

    /// Makes a key, puts it into the plan, and answers with its value; or nothing is left of it.
    pub(super) async fn subscribe(&self, asked: &Subscribe) -> Result<(Subscribed, Made), String> {
        self.must_be_on()?;
        let until = Instant::now() + self.brief.gravitee.limits.subscribe;
        let late = || {
            let limit = self.brief.gravitee.limits.subscribe.as_secs_f64();
            format!("AWS did not do it within {limit} s, so the subscription is not made")
        };
        let subscription = &asked.subscription;
        if subscription.kind.is_some_and(|kind| kind != SubscriptionType::ApiKey) {
            return Err("only subscriptions by API key can be made in AWS API Gateway".to_owned());
        }
        let plan = subscription.metadata.get(PLAN_ID).filter(|plan| !plan.is_empty());
        let plan = plan.ok_or_else(|| format!("the subscription names no plan ({PLAN_ID})"))?;
        let (at, known) = timeout_at(until, self.place_of(asked)).await.map_err(|_| late())??;
        let gateway = timeout_at(until, places::enter(&self.common, &self.brief, &at)).await.map_err(|_| late())??;
        let intent = Intent {
            integration: self.brief.name.clone(),
            subscription: subscription.gravitee_subscription_id.clone(),
            key_name: key_name(&subscription.gravitee_subscription_id),
            partition: at.partition.clone(),
            account_id: at.account_id.clone(),
            region: at.region.clone(),
            usage_plan: plan.clone(),
        };
        let row = self.write({
            let (intent, now) = (intent.clone(), (self.common.clock)());
            move |registry| registry.begin_subscription(&intent, None, now)
        });
        let row = row.await.map_err(|error| format!("no key is made, for it could not be written down: {error}"))?;
        let key = self.create(&gateway, row, &intent, asked, until, &late).await?;
        let made = async {
            let id = key.id.clone();
            let noted = self.write(move |registry| registry.note_key(row, &id)).await;
            noted.map_err(|error| format!("the key could not be written down: {error}"))?;
            let attached = timeout_at(until, gateway.attach_api_key(plan, &key.id)).await.map_err(|_| late())?;
            attached.map_err(|trouble| sentence(&trouble))?;
            if Instant::now() >= until {
                return Err(late());
            }
            let closed = self.write(move |registry| registry.close_subscription(row)).await;
            closed.map_err(|error| format!("it could not be written down that the key is given: {error}"))
        };
        if let Err(why) = made.await {
            self.undo(&gateway, row, &intent, &key.id).await;
            return Err(why);
        }
        info!(
            integration = self.brief.name,
            "subscription {}: API key {} made in usage plan {plan} of {}/{}",
            intent.subscription,
            key.id,
            at.account_id,
            at.region
        );
        let given = [
            (names::KEY_ID, key.id.clone()),
            (PLAN_ID, plan.clone()),
            (names::PARTITION, at.partition),
            (names::ACCOUNT, at.account_id),
            (names::REGION, at.region),
        ];
        let given = given.into_iter().map(|(name, value)| (name.to_owned(), value));
        let subscription = SubscriptionResult {
            gravitee_subscription_id: intent.subscription.clone(),
            metadata: given.chain(known).collect(),
            api_key: Some(ApiKey(key.value)),
        };
        Ok((Subscribed { subscription }, Made { gateway, intent, key_id: key.id }))
    }

    /// Where the API is, and what else is known of it. Servers before APIM 4.9 give no metadata back: then the API is looked for.
    async fn place_of(&self, asked: &Subscribe) -> Result<(Where, BTreeMap<String, String>), String> {
        let metadata = &asked.subscription.metadata;
        if let Some(at) = Where::named(metadata) {
            let known = [names::API_ID, names::STAGE]
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), metadata.get(name)?.clone())));
            return Ok((at, known.collect()));
        }
        let mut found = self.surveyor.begin(&self.brief, Manner::Quick);
        Surveyor::wait(&mut found, None).await?;
        let survey = found.borrow();
        let offer = survey.offers().into_iter().find(|offer| offer.identity == asked.api_id).cloned();
        let offer = offer.ok_or_else(|| {
            let trouble = survey.trouble().map(|trouble| format!("; {trouble}")).unwrap_or_default();
            format!("the API {} is not offered any more{trouble}", asked.api_id)
        })?;
        let known = [(names::API_ID, offer.api.id.api_id.clone()), (names::STAGE, offer.stages.join(","))];
        Ok((Where::of(&offer), known.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
    }

    async fn create(
        &self,
        gateway: &Gateway,
        row: IntentId,
        intent: &Intent,
        asked: &Subscribe,
        until: Instant,
        late: &(dyn Fn() -> String + Sync),
    ) -> Result<CreatedKey, String> {
        let description = description(&self.brief.name, asked);
        match timeout_at(until, gateway.create_api_key(&intent.key_name, &description)).await {
            Ok(Ok(key)) => Ok(key),
            Ok(Err(NotCreated { trouble, perhaps_made: false })) => {
                self.forget(row).await;
                Err(sentence(&trouble))
            }
            Ok(Err(NotCreated { trouble, perhaps_made: true })) => {
                self.look_for_what_may_be_left(gateway, row, intent).await;
                Err(sentence(&trouble))
            }
            Err(_elapsed) => {
                self.look_for_what_may_be_left(gateway, row, intent).await;
                Err(late())
            }
        }
    }

    /// AWS did not say whether it made the key. One that it made is in no plan, and nobody knows its value.
    async fn look_for_what_may_be_left(&self, gateway: &Gateway, row: IntentId, intent: &Intent) {
        if !self.brief.gravitee.read_api_keys {
            warn!(integration = self.brief.name, "{}", may_be_left(intent));
            return self.forget(row).await;
        }
        match timeout(UNDO_WITHIN, delete_named(gateway, &intent.key_name)).await {
            // AWS may be at it still where there is none yet, so the next start looks once more.
            Ok(Ok(0)) => {}
            Ok(Ok(_)) => self.forget(row).await,
            Ok(Err(why)) => {
                warn!(integration = self.brief.name, "{}; the next start looks for it: {why}", may_be_left(intent));
            }
            Err(_) => warn!(integration = self.brief.name, "{}; the next start looks for it", may_be_left(intent)),
        }
    }

    /// Deletes a key that nobody got.
    async fn undo(&self, gateway: &Gateway, row: IntentId, intent: &Intent, key_id: &str) {
        let deleted = timeout(UNDO_WITHIN, gateway.delete_api_key(key_id)).await;
        let why = match deleted {
            Ok(Ok(_)) => {
                info!(
                    integration = self.brief.name,
                    "subscription {}: API key {key_id} deleted again", intent.subscription
                );
                return self.forget(row).await;
            }
            Ok(Err(trouble)) => sentence(&trouble),
            Err(_elapsed) => "AWS did not answer in time".to_owned(),
        };
        let (subscription, account, region) = (&intent.subscription, &intent.account_id, &intent.region);
        warn!(
            integration = self.brief.name,
            "subscription {subscription}: API key {key_id} in {account}/{region} could not be deleted, which the next start tries again: {why}"
        );
    }

    /// Takes back a key that the server never heard of.
    pub(super) async fn take_back(&self, made: &Made) {
        let Made { gateway, intent, key_id } = made;
        let row = self.write({
            let (intent, key_id, now) = (intent.clone(), key_id.clone(), (self.common.clock)());
            move |registry| registry.begin_subscription(&intent, Some(&key_id), now)
        });
        let row = match row.await {
            Ok(row) => row,
            Err(error) => {
                warn!(integration = self.brief.name, "it cannot be written down that API key {key_id} goes: {error}");
                // No row has this number.
                0
            }
        };
        self.undo(gateway, row, intent, key_id).await;
    }

    /// Deletes a subscription's key; one that is gone already is deleted.
    pub(super) async fn unsubscribe(&self, asked: &Unsubscribe) -> Result<(), String> {
        self.must_be_on()?;
        let limit = self.brief.gravitee.limits.subscribe;
        let ended = timeout(limit, self.end(asked)).await;
        ended.unwrap_or_else(|_| {
            Err(format!("AWS did not do it within {} s, so the key may be there still", limit.as_secs_f64()))
        })
    }

    async fn end(&self, asked: &Unsubscribe) -> Result<(), String> {
        let (id, metadata) = (&asked.subscription.gravitee_subscription_id, &asked.subscription.metadata);
        let key_id = metadata.get(names::KEY_ID).filter(|key_id| !key_id.is_empty());
        let key_id = key_id
            .ok_or_else(|| format!("subscription {id} names no API key ({}), so none can be deleted", names::KEY_ID))?;
        let was_there = match Where::named(metadata) {
            Some(at) => {
                let gateway = places::enter(&self.common, &self.brief, &at).await?;
                gateway.delete_api_key(key_id).await.map_err(|trouble| sentence(&trouble))?
            }
            // Made by Gravitee's own agent, or for an older server.
            None => match places::delete_everywhere(&self.common, &self.brief, key_id).await {
                Searched::Found => true,
                Searched::Nowhere => false,
                Searched::Unknown(why) => {
                    return Err(format!("API key {key_id} was not found where it could be: {why}"));
                }
            },
        };
        let what = if was_there { "deleted" } else { "was gone already" };
        info!(integration = self.brief.name, "subscription {id}: API key {key_id} {what}");
        Ok(())
    }

    async fn forget(&self, row: IntentId) {
        if let Err(error) = self.write(move |registry| registry.close_subscription(row)).await {
            warn!(
                integration = self.brief.name,
                "a subscription that has come to its end is kept in the registry: {error}"
            );
        }
    }

    async fn write<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Registry) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, String> {
        write(&self.common.registry, body).await
    }
}

/// Writes to the registry, away from the asynchronous threads.
pub(super) async fn write<T: Send + 'static>(
    shelf: &Shelf,
    body: impl FnOnce(&mut Registry) -> Result<T, RegistryError> + Send + 'static,
) -> Result<T, String> {
    let Shelf::Write(registry) = shelf.clone() else { return Err("there is no registry to write to".to_owned()) };
    away(move || body(&mut lock(&registry))).await.map_err(|error| error.to_string())
}

/// Deletes the keys of exactly this name; answers how many there were.
pub(super) async fn delete_named(gateway: &Gateway, name: &str) -> Result<usize, String> {
    let keys = gateway.api_keys_named(name).await.map_err(|trouble| sentence(&trouble))?;
    for key_id in &keys {
        gateway.delete_api_key(key_id).await.map_err(|trouble| sentence(&trouble))?;
    }
    Ok(keys.len())
}

/// What is said of a key of which only its name is known.
pub(super) fn may_be_left(intent: &Intent) -> String {
    let Intent { key_name, account_id, region, .. } = intent;
    format!(
        "an API key named {key_name} may be left in {account_id}/{region}; it is in no usage plan and opens nothing, and can be deleted there"
    )
}

/// What the key's page in AWS says of it.
fn description(integration: &str, asked: &Subscribe) -> String {
    let subscription = &asked.subscription;
    let application = subscription.gravitee_application_name.as_deref().unwrap_or("an application");
    let text = format!(
        "Gravitee ({integration}): {application}, subscription {} to {}",
        subscription.gravitee_subscription_id, asked.api_id
    );
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(DESCRIPTION).collect()
}
