//! What the server asks of an integration, each with its time.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tracing::{info, warn};

use super::brief::{Brief, Common};
use super::ingest::Job;
use super::offer::Offer;
use super::subscribing::Keys;
use super::survey::{Manner, Surveyor};
use crate::gravitee::channel::{Channel, Given, Handler};
use crate::gravitee::model::{Discovered, IngestStarted, StartIngest, Subscribe, Unsubscribe};

/// Jobs whose APIs are kept from their start to their ingest; one whose start never reached the server is forgotten for a later one.
const JOBS_KEPT: usize = 4;

/// One integration's agent.
pub(super) struct Agent {
    name: String,
    common: Arc<Common>,
    channel: Channel,
    surveyor: Arc<Surveyor>,
    /// What the ingests that are about to begin will send, by job.
    jobs: Mutex<Vec<(String, Vec<Offer>)>>,
    /// Whether somebody reads anew what was shown from memory.
    refreshing: Arc<AtomicBool>,
}

impl Agent {
    pub(super) fn new(name: &str, common: &Arc<Common>, channel: Channel) -> Self {
        Self {
            name: name.to_owned(),
            common: Arc::clone(common),
            channel,
            surveyor: Arc::new(Surveyor::new(Arc::clone(common))),
            jobs: Mutex::default(),
            refreshing: Arc::default(),
        }
    }

    async fn find(&self) -> Result<Discovered, String> {
        let brief = self.common.brief(&self.name)?;
        let until = Instant::now() + brief.gravitee.limits.discover;
        let mut found = self.surveyor.begin(&brief, Manner::Quick);
        let whole = Surveyor::wait(&mut found, Some(until)).await?;
        let (apis, trouble, remembered) = {
            let survey = found.borrow();
            if whole && survey.is_lost() {
                return Err(survey.trouble().unwrap_or_default());
            }
            let apis: Vec<_> = survey.offers().into_iter().map(Offer::light).collect();
            (apis, survey.trouble(), survey.remembered)
        };
        if let Some(trouble) = trouble {
            warn!(integration = self.name, "not every API was found: {trouble}");
        }
        if !whole {
            let seconds = brief.gravitee.limits.discover.as_secs_f64();
            warn!(integration = self.name, "not every API was found within {seconds} s; the search goes on");
        }
        if remembered {
            self.refresh(&brief);
        }
        info!(integration = self.name, "{} APIs discovered", apis.len());
        Ok(Discovered { apis, is_partial_discovery: !whole })
    }

    /// Reads anew what was shown from memory, for the next time.
    fn refresh(&self, brief: &Brief) {
        if self.refreshing.swap(true, Relaxed) {
            return;
        }
        let (mut found, refreshing) = (self.surveyor.begin(brief, Manner::Fresh), Arc::clone(&self.refreshing));
        tokio::spawn(async move {
            let _ended = Surveyor::wait(&mut found, None).await;
            refreshing.store(false, Relaxed);
        });
    }

    async fn start(&self, asked: StartIngest) -> Result<IngestStarted, String> {
        let brief = self.common.brief(&self.name)?;
        let until = Instant::now() + brief.gravitee.limits.discover;
        let mut found = self.surveyor.begin(&brief, Manner::Quick);
        let whole = Surveyor::wait(&mut found, Some(until)).await?;
        let (offers, trouble) = {
            let survey = found.borrow();
            (chosen(survey.offers(), &asked.api_ids), survey.trouble())
        };
        let total = if whole {
            if let Some(trouble) = trouble {
                // Nothing is known of what could not be read, so nothing can be said of it; what the server has of it stays.
                if offers.is_empty() {
                    return Err(trouble);
                }
                warn!(integration = self.name, "not every API was found, those that were are ingested: {trouble}");
            }
            let missing = asked.api_ids.len().saturating_sub(offers.len());
            if missing > 0 {
                warn!(
                    integration = self.name,
                    "{missing} of the APIs that are to be ingested are not offered any more"
                );
            }
            let total = offers.len();
            let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            if jobs.len() >= JOBS_KEPT {
                jobs.remove(0);
            }
            jobs.push((asked.ingest_job_id.clone(), offers));
            total
        } else {
            // The ingest waits for the rest; without any there would be no job.
            asked.api_ids.len().max(offers.len()).max(1)
        };
        Ok(IngestStarted { ingest_job_id: asked.ingest_job_id, total: total as u64 })
    }

    async fn send(&self, asked: StartIngest) {
        let job = asked.ingest_job_id.clone();
        if let Err(why) = self.send_all(asked).await {
            // There is no message for this; the server ends the job after five minutes.
            warn!(integration = self.name, "ingest {job} stops, and Gravitee will call it timed out: {why}");
        }
    }

    async fn send_all(&self, asked: StartIngest) -> Result<(), String> {
        let brief = self.common.brief(&self.name)?;
        let kept = {
            let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            let at = jobs.iter().position(|(job, _)| *job == asked.ingest_job_id);
            at.map(|at| jobs.remove(at).1)
        };
        let offers = if let Some(offers) = kept {
            offers
        } else {
            let mut found = self.surveyor.begin(&brief, Manner::Quick);
            Surveyor::wait(&mut found, None).await?;
            let survey = found.borrow();
            let offers = chosen(survey.offers(), &asked.api_ids);
            match survey.trouble() {
                Some(trouble) if offers.is_empty() => return Err(trouble),
                Some(trouble) => warn!(integration = self.name, "not every API was found: {trouble}"),
                None => {}
            }
            offers
        };
        let (common, channel) = (Arc::clone(&self.common), self.channel.clone());
        Job { common, brief, channel, id: asked.ingest_job_id }.run(offers).await
    }
}

impl Agent {
    fn keys(&self) -> Result<Keys, String> {
        let (common, surveyor) = (Arc::clone(&self.common), Arc::clone(&self.surveyor));
        Ok(Keys { brief: common.brief(&self.name)?, common, surveyor })
    }
}

/// The offers that were asked for; all where nobody names any.
fn chosen(offers: Vec<&Offer>, ids: &[String]) -> Vec<Offer> {
    let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let is_asked = |offer: &&Offer| ids.is_empty() || ids.contains(offer.identity.as_str());
    offers.into_iter().filter(is_asked).cloned().collect()
}

impl Handler for Agent {
    fn discover(&self) -> BoxFuture<'_, Result<Discovered, String>> {
        self.find().boxed()
    }

    fn start_ingest(&self, asked: StartIngest) -> BoxFuture<'_, Result<IngestStarted, String>> {
        self.start(asked).boxed()
    }

    fn ingest(&self, asked: StartIngest) -> BoxFuture<'_, ()> {
        self.send(asked).boxed()
    }

    fn subscribe(&self, asked: Subscribe) -> BoxFuture<'_, Result<Given, String>> {
        async move {
            let keys = self.keys()?;
            let (answer, made) = keys.subscribe(&asked).await?;
            Ok(Given { answer, take_back: async move { keys.take_back(&made).await }.boxed() })
        }
        .boxed()
    }

    fn unsubscribe(&self, asked: Unsubscribe) -> BoxFuture<'_, Result<(), String>> {
        async move { self.keys()?.unsubscribe(&asked).await }.boxed()
    }
}
