//! One region of an account, for whoever asks for things one by one instead of looking at all of it.
//!
//! | asked for | file |
//! |---|---|
//! | APIs and their stages | here |
//! | usage plans | `usage_plans` |
//! | whether an API needs keys | `resources` |
//! | API keys, made and deleted | `api_keys` |

use std::sync::Arc;

use super::account::{Account, Place};
use super::address;
use super::aws::Aws;
use super::listed::Listed;
use super::progress::Progress;
use super::{http_family, rest};
use crate::inventory::{Api, ApiId, Details, Family, Protocol, Stage, Trouble};

/// One region of an account.
#[derive(Clone, Debug)]
pub struct Gateway {
    pub(super) place: Arc<Place>,
}

/// An API as a listing gave it: without its stages.
#[derive(Clone, Debug)]
pub struct ListedApi {
    id: ApiId,
    listed: Listed,
}

impl ListedApi {
    /// Who it is.
    #[must_use]
    pub fn id(&self) -> &ApiId {
        &self.id
    }

    /// The API with these stages and its own addresses there; custom domains are not looked at.
    #[must_use]
    pub fn with_stages(self, stages: Vec<Stage>) -> Api {
        let Self { id, listed } = self;
        let instances = address::instances(&id, listed.protocol, &listed.endpoint, &stages, &[]);
        listed.api(id, Details::Read(stages), instances)
    }
}

impl Gateway {
    /// Of one region; nothing is asked yet.
    #[must_use]
    pub fn new(aws: &Aws, account: &Account, region: &str) -> Self {
        Self { place: account.place(aws, region, &Progress::default()) }
    }

    /// How many requests may be begun side by side; more would only wait.
    #[must_use]
    pub fn width(&self) -> usize {
        self.place.width()
    }

    /// Every API of a family, by id: one call for 500.
    ///
    /// # Errors
    /// Not all could be listed.
    pub async fn apis(&self, family: Family) -> Result<Vec<ListedApi>, Trouble> {
        let harvest = match family {
            Family::Rest => rest::list(&self.place).await,
            Family::Http => http_family::list(&self.place).await,
        };
        if let Some(failure) = &harvest.failure {
            return Err(self.place.trouble(failure).await);
        }
        let listed = |(api_id, listed)| ListedApi {
            id: ApiId {
                partition: self.place.partition.clone(),
                account_id: self.place.account_id.clone(),
                region: self.place.region.clone(),
                api_id,
            },
            listed,
        };
        Ok(harvest.apis.into_iter().map(listed).collect())
    }

    /// The stages of an API, a call or more; `None` where it has gone meanwhile.
    ///
    /// # Errors
    /// They could not be read.
    pub async fn stages(&self, api: &ListedApi) -> Result<Option<Vec<Stage>>, Trouble> {
        let read = match api.listed.protocol {
            Protocol::Rest => rest::stages(&self.place, &api.id.api_id).await,
            Protocol::Http | Protocol::WebSocket => http_family::stages(&self.place, &api.id.api_id).await,
        };
        match read.transpose() {
            Ok(stages) => Ok(stages),
            Err(failure) => Err(self.place.trouble(&failure).await),
        }
    }
}
