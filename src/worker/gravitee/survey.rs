//! Which APIs there are: read once for whoever asks at the same time, and read to the end also where somebody could not wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::brief::{Brief, Common};
use super::offer::Offer;
use super::reading;
use super::remembered::Remembered;
use crate::inventory::Scope;

/// What has been found so far.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// By connection and scope.
    pub(super) looks: BTreeMap<(String, Scope), Look>,
    /// What could not be read, one sentence each.
    pub(super) failures: Vec<String>,
    /// Whether something came from what was seen before.
    pub(super) remembered: bool,
    /// Whether everything has been looked at.
    pub(super) done: bool,
}

/// One scope.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// What is offered of it.
    pub(super) offers: Vec<Offer>,
    /// Whether all of it was seen.
    pub(super) whole: bool,
}

impl Survey {
    /// Every API, once: two connections may see one account, and a template may call two APIs the same.
    pub(super) fn offers(&self) -> Vec<&Offer> {
        let mut seen = BTreeSet::new();
        let all = self.looks.values().flat_map(|look| &look.offers);
        all.filter(|offer| seen.insert(offer.identity.as_str())).collect()
    }

    /// One sentence about what could not be read; none where all could.
    pub(super) fn trouble(&self) -> Option<String> {
        let first = self.failures.first()?;
        Some(match self.failures.len() - 1 {
            0 => first.clone(),
            more => format!("{first} (and {more} more)"),
        })
    }

    /// Whether nothing at all could be read.
    pub(super) fn is_lost(&self) -> bool {
        !self.failures.is_empty() && !self.looks.values().any(|look| look.whole)
    }
}

/// How a survey goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// What was seen within a day need not be seen again.
    Quick,
    /// Everything is read anew.
    Fresh,
}

/// The surveys of one integration: at most one of each manner at a time.
pub(super) struct Surveyor {
    common: Arc<Common>,
    remembered: Arc<Remembered>,
    under_way: Arc<Mutex<BTreeMap<&'static str, UnderWay>>>,
}

struct UnderWay {
    brief: Brief,
    found: watch::Receiver<Survey>,
}

impl Surveyor {
    pub(super) fn new(common: Arc<Common>) -> Self {
        Self { common, remembered: Arc::default(), under_way: Arc::default() }
    }

    /// Begins a survey, or joins one that is under way by the same file.
    pub(super) fn begin(&self, brief: &Brief, manner: Manner) -> watch::Receiver<Survey> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let key = if manner == Manner::Quick { "quick" } else { "fresh" };
        if let Some(UnderWay { brief: of, found }) = under_way.get(key)
            && Arc::ptr_eq(&of.config, &brief.config)
        {
            return found.clone();
        }
        let (tell, found) = watch::channel(Survey::default());
        under_way.insert(key, UnderWay { brief: brief.clone(), found: found.clone() });
        let (common, remembered, brief) = (Arc::clone(&self.common), Arc::clone(&self.remembered), brief.clone());
        let over = Over { under_way: Arc::clone(&self.under_way), key, found: found.clone() };
        tokio::spawn(async move {
            remembered.is_of(&brief);
            let read = reading::read(&common, &remembered, &brief, manner, &tell);
            let ended = common.stop.run_until_cancelled(read).await;
            drop(over);
            if ended.is_some() {
                tell.send_modify(|survey| survey.done = true);
            }
        });
        found
    }

    /// Waits for a survey; whether it came to its end by then.
    pub(super) async fn wait(found: &mut watch::Receiver<Survey>, until: Option<Instant>) -> Result<bool, String> {
        let fault = |_gone| "the discovery ended without an answer; the agent's log says why".to_owned();
        let done = found.wait_for(|survey| survey.done);
        match until {
            None => done.await.map(|_| true).map_err(fault),
            Some(until) => match timeout_at(until, done).await {
                Ok(done) => done.map(|_| true).map_err(fault),
                Err(_elapsed) => Ok(false),
            },
        }
    }
}

/// The end of a survey: nobody joins it any more, and what it found, which may be much, is kept only by who waited for it.
struct Over {
    under_way: Arc<Mutex<BTreeMap<&'static str, UnderWay>>>,
    key: &'static str,
    found: watch::Receiver<Survey>,
}

impl Drop for Over {
    fn drop(&mut self) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.get(self.key).is_some_and(|of| of.found.same_channel(&self.found)) {
            under_way.remove(self.key);
        }
    }
}
