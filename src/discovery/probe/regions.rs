//! In which regions of an account its permissions are tried, and which failures there are meant.

use std::sync::{Mutex, PoisonError};

use chrono::NaiveDate;
use futures_util::stream::{self, StreamExt};

use super::super::account::{Account, Place};
use super::super::aws::Aws;
use super::super::progress::Progress;
use super::permissions::{self, First};
use super::{Outcome, Step};
use crate::config::{Connection, Wants};
use crate::inventory::ScopeState;
use crate::plan::explained;

/// Regions of one account tried side by side.
const REGIONS_AT_ONCE: usize = 8;

/// The region in which an account could be tried, for the others to begin with: an organization's policies mostly leave open the same ones.
#[derive(Debug, Default)]
pub(super) struct Lucky(Mutex<Option<String>>);

impl Lucky {
    /// The regions, with this one first.
    fn first(&self, regions: &[String]) -> Vec<String> {
        let lucky = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut regions = regions.to_vec();
        regions.sort_by_key(|region| Some(region) != lucky.as_ref());
        regions
    }

    fn was(&self, region: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(region);
    }
}

/// One account whose permissions are tried.
pub(super) struct Trial<'a> {
    pub(super) aws: &'a Aws,
    pub(super) connection: &'a Connection,
    pub(super) wants: Wants,
    pub(super) account: &'a Account,
    pub(super) today: NaiveDate,
}

impl Trial<'_> {
    /// In every region.
    pub(super) async fn every(&self) -> Vec<Step> {
        let places = self.account.regions.iter().map(|region| async move {
            let place = self.account.place(self.aws, region, &Progress::default());
            let (first, found) = permissions::first(&place).await;
            self.all(&place, self.judged(first), &found).await
        });
        let tried: Vec<Vec<Step>> = stream::iter(places).buffered(REGIONS_AT_ONCE).collect().await;
        tried.into_iter().flatten().collect()
    }

    /// In one region: the first whose first step does not fail as is meant. One that is passed over costs one call and leaves that step.
    pub(super) async fn one(&self, lucky: &Lucky) -> Vec<Step> {
        let mut steps = Vec::new();
        for region in lucky.first(&self.account.regions) {
            let place = self.account.place(self.aws, &region, &Progress::default());
            let (first, found) = permissions::first(&place).await;
            let first = self.judged(first);
            if first.explained {
                steps.push(first);
                continue;
            }
            if matches!(first.outcome, Outcome::Passed(_)) {
                lucky.was(region);
            }
            steps.extend(self.all(&place, first, &found).await);
            break;
        }
        steps
    }

    async fn all(&self, place: &Place, first: Step, found: &First<String>) -> Vec<Step> {
        let others = permissions::others(place, found, self.wants).await;
        std::iter::once(first).chain(others.into_iter().map(|step| self.judged(step))).collect()
    }

    /// What a run explains is not needed. The central role needs no rights of its own on API Gateway where it only stands in.
    fn judged(&self, step: Step) -> Step {
        let Outcome::Failed(trouble) = &step.outcome else { return step };
        let (account, state) = (self.account.account_id.as_str(), trouble.state);
        let stands_in = self.account.stands_in && state == ScopeState::AccessDenied;
        let meant = stands_in || explained(self.connection, Some(account), step.region.as_deref(), state, self.today);
        if meant { step.meant() } else { step }
    }
}
