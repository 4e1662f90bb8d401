//! One ingest: every API with its plans, its documentation and its metadata, made as it is sent.
//!
//! The server closes the subscriptions of a plan that is missing
//! (`gravitee-apim-rest-api/gravitee-apim-rest-api-service/src/main/java/io/gravitee/apim/core/integration/use_case/IngestFederatedApisUseCase.java`
//! of `gravitee-io/gravitee-api-management`, from 4.9 on). So usage plans that cannot be read end the ingest, and an API of which it cannot
//! be told whether it needs keys keeps the plans that hold it, as does one whose deployed stage still does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, TryStreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::brief::{Brief, Common};
use super::offer::Offer;
use super::page::{Documented, Pages};
use super::plans::plans;
use super::reading::sentence;
use super::sending;
use crate::config::Connection;
use crate::discovery::{self, Account, Exporter, Gateway, Progress, UsagePlan};
use crate::gravitee::channel::Channel;
use crate::gravitee::model;
use crate::inventory::Protocol;
use crate::specification::AwsExport;
use crate::worker::book::away;

/// APIs that are made at one time.
const APIS_IN_FLIGHT: usize = 2;
/// APIs that are made and wait to be sent.
const APIS_WAITING: usize = 1;

/// One ingest.
pub(super) struct Job {
    pub(super) common: Arc<Common>,
    pub(super) brief: Brief,
    pub(super) channel: Channel,
    pub(super) id: String,
}

/// What is said of all APIs together at the end.
#[derive(Debug, Default)]
struct Notes {
    /// Documents that AWS did not give: how many, and the first with its cause.
    documents: (u64, Option<String>),
    /// APIs of which it is not known whether they need keys, the same way.
    methods: (u64, Option<String>),
}

/// Offers by account and region; the APIs there by id.
type ByPlace = BTreeMap<String, BTreeMap<String, BTreeMap<String, Vec<Offer>>>>;

impl Job {
    /// Makes and sends all of it, in a thread of its own. Documents of megabytes are taken apart there, which would hold up others; and
    /// the allocator keeps what a thread has freed for that thread, so each thread that did it would weigh as much.
    ///
    /// # Errors
    /// Why it stops; the job then has no end.
    pub(super) async fn run(self, offers: Vec<Offer>) -> Result<(), String> {
        let (end, runtime) = (CancellationToken::new(), Handle::current());
        let ended = end.clone();
        // Whoever waits no longer ends it.
        let _guard = end.drop_guard();
        let ran = away(move || runtime.block_on(ended.run_until_cancelled(self.make_and_send(offers))));
        ran.await.unwrap_or_else(|| Err("it was ended".to_owned()))
    }

    async fn make_and_send(&self, offers: Vec<Offer>) -> Result<(), String> {
        let (total, notes) = (offers.len(), Mutex::<Notes>::default());
        let (ready, made) = mpsc::channel(APIS_WAITING);
        let make = async {
            let ended = self.make(offers, &ready, &notes).await;
            if let Err(why) = &ended {
                // Whoever sends must not take the end of these for the end of the job.
                let _ = ready.send(Err(why.clone())).await;
            }
            drop(ready);
        };
        let send = sending::send(&self.channel, &self.id, made);
        // Side by side in one task: what is sent next is made while the server takes its time, and both end together.
        let ((), sent) = futures_util::join!(make, send);
        let sent = sent?;
        for (what, (count, first)) in notes.into_inner().unwrap_or_else(PoisonError::into_inner).each() {
            if let Some(first) = first {
                warn!(integration = self.brief.name, "ingest {}: {what} of {count} APIs; the first, {first}", self.id);
            }
        }
        info!(integration = self.brief.name, "ingest {}: {sent} of {total} APIs were sent and taken", self.id);
        Ok(())
    }

    async fn make(&self, offers: Vec<Offer>, ready: &Ready, notes: &Mutex<Notes>) -> Result<(), String> {
        let mut by_connection: BTreeMap<String, ByPlace> = BTreeMap::new();
        for offer in offers {
            let id = offer.api.id.clone();
            let places = by_connection.entry(offer.connection.clone()).or_default();
            let regions = places.entry(id.account_id).or_default();
            regions.entry(id.region).or_default().entry(id.api_id).or_default().push(offer);
        }
        for (connection, accounts) in by_connection {
            let gone = || format!("connection {connection} is not in the schedule file any more");
            let connection = self.brief.config.connections.get(&connection).ok_or_else(gone)?;
            self.connection(connection, accounts, ready, notes).await?;
        }
        Ok(())
    }

    async fn connection(
        &self,
        connection: &Connection,
        mut accounts: ByPlace,
        ready: &Ready,
        notes: &Mutex<Notes>,
    ) -> Result<(), String> {
        let entrance = discovery::enter(&self.common.aws, connection).await;
        let entrance = entrance.map_err(|trouble| format!("{}: {}", connection.name, sentence(&trouble.trouble)))?;
        for door in entrance.doors {
            let Some(regions) = accounts.remove(&door.account_id) else { continue };
            let only = regions.keys().next().cloned();
            let account = door.open(&self.common.aws, only.as_deref(), BTreeSet::new()).await;
            let account = account.map_err(|trouble| format!("{}: {}", connection.name, sentence(&trouble.trouble)))?;
            for (region, apis) in regions {
                self.region(connection, &account, &region, apis, ready, notes).await?;
            }
            account.rest();
        }
        match accounts.keys().next() {
            Some(account) => Err(format!("{}: account {account} cannot be entered any more", connection.name)),
            None => Ok(()),
        }
    }

    async fn region(
        &self,
        connection: &Connection,
        account: &Account,
        region: &str,
        apis: BTreeMap<String, Vec<Offer>>,
        ready: &Ready,
        notes: &Mutex<Notes>,
    ) -> Result<(), String> {
        let gateway = Gateway::new(&self.common.aws, account, region);
        let unread = apis.values().flatten().any(|offer| offer.plans.is_none() && is_rest(offer));
        let plans: Vec<Arc<UsagePlan>> = if unread {
            let read = gateway.usage_plans().await;
            let read = read.map_err(|trouble| format!("{}/{region}: {}", account.account_id, sentence(&trouble)))?;
            read.into_iter().map(Arc::new).collect()
        } else {
            Vec::new()
        };
        let exporter = Exporter::new(&self.common.aws, account, region, &Progress::default());
        let pages = Pages { exporter, registry: &self.common.registry };
        let maker = &Maker { job: self, connection, gateway, pages, plans, desk: tokio::sync::Mutex::default(), notes };
        let apis = stream::iter(apis.into_values().map(Ok));
        apis.try_for_each_concurrent(APIS_IN_FLIGHT, |stages| maker.make(stages, ready)).await
    }
}

type Ready = mpsc::Sender<Result<model::Api, String>>;

/// Makes the APIs of one region.
struct Maker<'a> {
    job: &'a Job,
    connection: &'a Connection,
    gateway: Gateway,
    pages: Pages<'a>,
    /// Those of the region, for offers that have none with them.
    plans: Vec<Arc<UsagePlan>>,
    desk: tokio::sync::Mutex<()>,
    notes: &'a Mutex<Notes>,
}

impl Maker<'_> {
    /// Makes the offers of one API.
    async fn make(&self, offers: Vec<Offer>, ready: &Ready) -> Result<(), String> {
        let mut needs_key: Option<bool> = None;
        for offer in offers {
            let held = self.held(&offer);
            if !held.is_empty() && needs_key.is_none() {
                needs_key = match self.gateway.needs_api_key(&offer.api.id.api_id).await {
                    Ok(Some(needs_key)) => Some(needs_key),
                    // It was deleted meanwhile; what the server has of it stays.
                    Ok(None) => return Ok(()),
                    Err(trouble) => {
                        self.note(|notes| &mut notes.methods, &offer, &sentence(&trouble));
                        Some(true)
                    }
                };
            }
            let export = self.pages.export(&offer).await;
            // Methods are those of the draft: one that is being changed, or imported anew, takes nothing from who uses what is deployed.
            let is_keyed = needs_key == Some(true) || export.as_ref().is_ok_and(AwsExport::names_api_keys);
            let plans = if is_keyed { plans(&held) } else { Vec::new() };
            // One document at a time, until it is on its way: taken apart it weighs twenty times what it is.
            let _desk = self.desk.lock().await;
            let Documented { page, failure } = self.pages.of(&offer, export).await;
            if let Some(failure) = failure {
                self.note(|notes| &mut notes.documents, &offer, &failure);
            }
            let api =
                model::Api { pages: page.into_iter().collect(), plans, metadata: offer.metadata(), ..offer.light() };
            // Nobody takes them where sending has failed, which is said there.
            if ready.send(Ok(api)).await.is_err() {
                return Err("it could not be sent".to_owned());
            }
        }
        Ok(())
    }

    /// The usage plans that hold one of its stages.
    fn held(&self, offer: &Offer) -> Vec<Arc<UsagePlan>> {
        match &offer.plans {
            Some(plans) => plans.clone(),
            None if is_rest(offer) => {
                let holds = |plan: &&Arc<UsagePlan>| offer.is_held(plan, &self.job.brief, self.connection);
                self.plans.iter().filter(holds).map(Arc::clone).collect()
            }
            None => Vec::new(),
        }
    }

    fn note(&self, which: fn(&mut Notes) -> &mut (u64, Option<String>), offer: &Offer, why: &str) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, first) = which(&mut notes);
        *count += 1;
        first.get_or_insert_with(|| format!("{}: {why}", offer.identity));
    }
}

impl Notes {
    fn each(self) -> [(&'static str, (u64, Option<String>)); 2] {
        [
            ("AWS gives no document", self.documents),
            ("whether methods need keys is not known, so their plans stay,", self.methods),
        ]
    }
}

/// Usage plans are of REST APIs.
fn is_rest(offer: &Offer) -> bool {
    offer.api.protocol == Protocol::Rest
}
