//! Reads which APIs there are: every account and region of an integration's connections, side by side.
//!
//! Where an API has to be in a usage plan, its stages are those that the plans name: two calls for a region with 500 APIs. Otherwise
//! each API's stages cost a call, unless the scope was seen whole within a day.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::join;
use futures_util::stream::{self, StreamExt};
use tokio::sync::watch;

use super::brief::{Brief, Common};
use super::offer::{self, Offer};
use super::remembered::{self, Remembered};
use super::survey::{Look, Manner, Survey};
use crate::config::Connection;
use crate::discovery::{self, Account, Door, Gateway, ListedApi, UsagePlan};
use crate::inventory::{AccountTrouble, Family, Scope, ScopeState, Stage, Trouble};
use crate::plan::explained;

/// Connections entered side by side.
const CONNECTIONS_IN_FLIGHT: usize = 4;
/// Regions of one account at a time.
const REGIONS_IN_FLIGHT: usize = 8;

/// Reads everything, and tells what it found scope by scope.
pub(super) async fn read(
    common: &Common,
    remembered: &Remembered,
    brief: &Brief,
    manner: Manner,
    tell: &watch::Sender<Survey>,
) {
    let reader = &Reader { common, remembered, brief, manner, tell };
    let connections: Vec<_> = brief.connections().map(|connection| reader.connection(connection)).collect();
    stream::iter(connections).buffer_unordered(CONNECTIONS_IN_FLIGHT).for_each(|()| async {}).await;
}

struct Reader<'a> {
    common: &'a Common,
    remembered: &'a Remembered,
    brief: &'a Brief,
    manner: Manner,
    tell: &'a watch::Sender<Survey>,
}

impl Reader<'_> {
    async fn connection(&self, connection: &Connection) {
        let entrance = match discovery::enter(&self.common.aws, connection).await {
            Ok(entrance) => entrance,
            Err(trouble) => return self.shut(connection, &trouble),
        };
        for trouble in &entrance.shut {
            self.shut(connection, trouble);
        }
        let accounts: Vec<_> = entrance.doors.into_iter().map(|door| self.account(connection, door)).collect();
        let width = self.brief.config.limits.accounts_in_flight;
        stream::iter(accounts).buffer_unordered(width).for_each(|()| async {}).await;
    }

    async fn account(&self, connection: &Connection, door: Door) {
        let account = match door.open(&self.common.aws, None, BTreeSet::new()).await {
            Ok(account) => account,
            Err(trouble) => return self.shut(connection, &trouble),
        };
        let account = &account;
        let regions: Vec<_> = account.regions.iter().map(|region| self.region(connection, account, region)).collect();
        stream::iter(regions).buffer_unordered(REGIONS_IN_FLIGHT).for_each(|()| async {}).await;
        account.rest();
    }

    async fn region(&self, connection: &Connection, account: &Account, region: &str) {
        let gateway = Gateway::new(&self.common.aws, account, region);
        let scope = |family| Scope {
            partition: account.partition.clone(),
            account_id: account.account_id.clone(),
            region: region.to_owned(),
            family,
        };
        if self.brief.gravitee.accept_api_without_usage_plan {
            join!(
                self.listed(connection, &gateway, scope(Family::Rest)),
                self.listed(connection, &gateway, scope(Family::Http))
            );
        } else {
            self.planned(connection, &gateway, scope(Family::Rest)).await;
        }
    }

    /// By the usage plans alone. Where they cannot be read nothing is offered, or APIs would look as if they had none.
    async fn planned(&self, connection: &Connection, gateway: &Gateway, scope: Scope) {
        let (apis, plans) = join!(gateway.apis(Family::Rest), gateway.usage_plans());
        match (apis, plans) {
            (Ok(apis), Ok(plans)) => {
                let plans: Vec<Arc<UsagePlan>> = plans.into_iter().map(Arc::new).collect();
                let mut stages: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
                for (api, stage) in plans.iter().flat_map(|plan| &plan.stages) {
                    stages.entry(api).or_default().insert(stage);
                }
                let offers = |api: ListedApi| {
                    let stages = stages.get(api.id().api_id.as_str())?;
                    let api = api.with_stages(stages.iter().map(|stage| in_a_plan(stage)).collect());
                    Some(offer::offers(self.brief, connection, api, Some(&plans)))
                };
                let offers = apis.into_iter().filter_map(offers).flatten().collect();
                self.saw(connection, scope, Look { offers, whole: true });
            }
            (Err(trouble), _) | (_, Err(trouble)) => self.failed(connection, &scope, &trouble),
        }
    }

    /// By each API's stages.
    async fn listed(&self, connection: &Connection, gateway: &Gateway, scope: Scope) {
        if self.manner == Manner::Quick
            && let Some(offers) = remembered::recall(self.common, self.remembered, self.brief, connection, &scope).await
        {
            self.tell.send_modify(|survey| survey.remembered = true);
            return self.saw(connection, scope, Look { offers, whole: true });
        }
        let apis = match gateway.apis(scope.family).await {
            Ok(apis) => apis,
            Err(trouble) => return self.failed(connection, &scope, &trouble),
        };
        let mut found = stream::iter(apis)
            .map(|api| async move {
                let stages = gateway.stages(&api).await?;
                Ok(stages.map(|stages| offer::offers(self.brief, connection, api.with_stages(stages), None)))
            })
            .buffer_unordered(gateway.width());
        let mut offers: Vec<Offer> = Vec::new();
        let mut trouble: Option<Trouble> = None;
        while let Some(read) = found.next().await {
            match read {
                Ok(read) => {
                    let read = read.unwrap_or_default();
                    offers.extend(read.iter().cloned());
                    // Whoever cannot wait for the end is shown what there is.
                    let key = (connection.name.clone(), scope.clone());
                    self.tell.send_modify(|survey| survey.looks.entry(key).or_default().offers.extend(read));
                }
                Err(failed) => {
                    trouble.get_or_insert(failed);
                }
            }
        }
        offers.sort_by(|one, other| one.identity.cmp(&other.identity));
        match trouble {
            None => {
                self.remembered.keep(self.brief, &connection.name, &scope, &offers, (self.common.clock)());
                self.saw(connection, scope, Look { offers, whole: true });
            }
            // What was read is shown all the same: nothing is ended in Gravitee over an API that is missing.
            Some(trouble) => {
                self.failed(connection, &scope, &trouble);
                let whole = !offers.is_empty();
                self.saw(connection, scope, Look { offers, whole });
            }
        }
    }

    fn saw(&self, connection: &Connection, scope: Scope, look: Look) {
        tracing::debug!(
            integration = self.brief.name,
            connection = connection.name,
            "{scope}: {} APIs are offered",
            look.offers.len()
        );
        self.tell.send_modify(|survey| {
            survey.looks.insert((connection.name.clone(), scope), look);
        });
    }

    fn failed(&self, connection: &Connection, scope: &Scope, trouble: &Trouble) {
        if self.is_meant(connection, Some(&scope.account_id), Some(&scope.region), trouble.state) {
            return self.saw(connection, scope.clone(), Look { offers: Vec::new(), whole: true });
        }
        // The policy that Gravitee documents for its own agent does not allow it, and that agent knows no such APIs.
        if scope.family == Family::Http && trouble.state == ScopeState::AccessDenied {
            if self.remembered.is_first_denial() {
                tracing::info!(
                    integration = self.brief.name,
                    connection = connection.name,
                    "HTTP and WebSocket APIs are left out where they may not be listed, REST APIs go on; {}/{}: {}",
                    scope.account_id,
                    scope.region,
                    sentence(trouble)
                );
            }
            return self.saw(connection, scope.clone(), Look { offers: Vec::new(), whole: true });
        }
        self.note(format!("{}, {}/{}: {}", connection.name, scope.account_id, scope.region, sentence(trouble)));
    }

    fn shut(&self, connection: &Connection, trouble: &AccountTrouble) {
        let AccountTrouble { account_id, trouble, meant, .. } = trouble;
        if *meant || self.is_meant(connection, account_id.as_deref(), None, trouble.state) {
            return;
        }
        let account = account_id.as_ref().map(|account| format!(", {account}")).unwrap_or_default();
        self.note(format!("{}{account}: {}", connection.name, sentence(trouble)));
    }

    fn note(&self, failure: String) {
        self.tell.send_modify(|survey| survey.failures.push(failure));
    }

    fn is_meant(
        &self,
        connection: &Connection,
        account: Option<&str>,
        region: Option<&str>,
        state: ScopeState,
    ) -> bool {
        explained(connection, account, region, state, (self.common.clock)().date_naive())
    }
}

/// A usage plan names stages that exist, and a stage of a REST API always serves a deployment, if not one that is known here.
fn in_a_plan(stage: &str) -> Stage {
    Stage { name: stage.to_owned(), deployment_id: None, auto_deploy: true, created_at: None, deployed_at: None }
}

/// What happened, with the remedy.
pub(super) fn sentence(trouble: &Trouble) -> String {
    let hint = trouble.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{}{hint}", trouble.cause)
}
