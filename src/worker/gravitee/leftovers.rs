//! Keys that a process left behind which ended while it made them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};

use super::brief::Common;
use super::places::{self, Where};
use super::reading::sentence;
use super::subscribing::{delete_named, may_be_left, write};
use crate::registry::{OpenIntent, Reader};
use crate::worker::book::away;

/// The waits before what could not be deleted is tried again; after them the next start does.
const WAITS: [Duration; 3] = [Duration::from_secs(10), Duration::from_mins(1), Duration::from_mins(10)];

/// What the process before this one left; to be asked before anything new is begun.
pub(super) async fn left(common: &Common) -> Vec<OpenIntent> {
    let registry = common.registry.clone();
    match away(move || registry.look_up(Reader::open_subscriptions)).await {
        Ok(left) => left.unwrap_or_default(),
        Err(error) => {
            warn!("it cannot be read which API keys were being made when the last worker ended: {error}");
            Vec::new()
        }
    }
}

/// Deletes what was left, or says where it is.
pub(super) async fn clear(common: Arc<Common>, left: Vec<OpenIntent>) {
    let all = left.into_iter().map(|open| one(&common, open));
    common.stop.run_until_cancelled(futures_util::future::join_all(all.collect::<Vec<_>>())).await;
}

async fn one(common: &Common, open: OpenIntent) {
    for wait in WAITS.into_iter().map(Some).chain([None]) {
        match end(common, &open).await {
            Ok(came) => {
                let (id, integration) = (open.id, &open.intent.integration);
                if let Err(error) = write(&common.registry, move |registry| registry.close_subscription(id)).await {
                    warn!(integration, "a subscription that has come to its end is kept in the registry: {error}");
                }
                match came {
                    CameOf::Deleted(what) => info!(integration, "{what}"),
                    CameOf::Left(what) => warn!(integration, "{what}"),
                }
                return;
            }
            Err(why) => {
                let what = open.key_id.as_ref().map_or_else(
                    || format!("an API key named {}", open.intent.key_name),
                    |key_id| format!("API key {key_id}"),
                );
                let (integration, account, region) =
                    (&open.intent.integration, &open.intent.account_id, &open.intent.region);
                let next = if wait.is_some() { "it is tried again" } else { "the next start tries again" };
                warn!(
                    integration,
                    "{what} in {account}/{region}, left when the last worker ended, could not be deleted; {next}: {why}"
                );
            }
        }
        match wait {
            Some(wait) => sleep(wait).await,
            None => return,
        }
    }
}

/// What came of something that was left, in a sentence.
enum CameOf {
    Deleted(String),
    Left(String),
}

async fn end(common: &Common, open: &OpenIntent) -> Result<CameOf, String> {
    let intent = &open.intent;
    let brief = common.brief(&intent.integration)?;
    if open.key_id.is_none() && !brief.gravitee.read_api_keys {
        return Ok(CameOf::Left(format!("the last worker ended while it made a key: {}", may_be_left(intent))));
    }
    if !brief.gravitee.subscriptions {
        return Err("subscriptions are switched off".to_owned());
    }
    let at = Where {
        partition: intent.partition.clone(),
        account_id: intent.account_id.clone(),
        region: intent.region.clone(),
    };
    let gateway = places::enter(common, &brief, &at).await?;
    let (account, region) = (&intent.account_id, &intent.region);
    if let Some(key_id) = &open.key_id {
        gateway.delete_api_key(key_id).await.map_err(|trouble| sentence(&trouble))?;
        return Ok(CameOf::Deleted(format!(
            "API key {key_id} in {account}/{region} is deleted: the last worker ended before anybody got it"
        )));
    }
    let (deleted, name) = (delete_named(&gateway, &intent.key_name).await?, &intent.key_name);
    Ok(CameOf::Deleted(format!(
        "the last worker ended while it made a key: {deleted} named {name} in {account}/{region} deleted"
    )))
}
