//! What a run holds back: more new APIs than `max_new`, or what a person did not pick.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::context::{Candidate, Pick, Request};
use super::looking::{Hold, Planned};
use super::run::{Ending, Run};
use crate::config::{Connection, Credentials, Regions};
use crate::inventory::{ApiId, Scope};
use crate::plan::{Entry, Reason};
use crate::registry::RunError;

impl Run {
    /// Whether what would be registered may yet be held back, so that all of it must be known first.
    pub(super) fn waits(&self) -> bool {
        let Request { pick, past_max_new, apis, .. } = &self.request;
        pick.is_some() || (self.connection.entry.max_new.is_some() && !past_max_new && apis.is_empty())
    }

    /// `max_new` and `--pick`: turns what may not be registered now into what awaits approval.
    pub(super) async fn hold(&mut self, waiting: &mut [Planned]) -> Result<(), Ending> {
        let hold = match (&self.request.pick, self.connection.entry.max_new) {
            (Some(pick), _) => {
                let chosen = picked(Arc::clone(pick), waiting, &self.context.cancel).await?;
                let new: usize = waiting.iter().map(|planned| planned.plan.onboards()).sum();
                if chosen.len() < new {
                    let name = &self.connection.name;
                    let left = new - chosen.len();
                    self.notice = Some(format!(
                        "{left} that were not picked await approval; `aboard approve {name}` registers them"
                    ));
                }
                Hold::AllBut(Arc::new(chosen))
            }
            (None, Some(most)) if !self.request.past_max_new && self.request.apis.is_empty() && !waiting.is_empty() => {
                let new: usize = waiting.iter().map(|planned| planned.plan.onboards()).sum();
                let seen_again: BTreeSet<&Scope> = waiting.iter().map(|planned| &planned.plan.scope).collect();
                // What an earlier run held back and this one did not see again belongs to the same flood.
                let held = self.book.awaiting(&self.connection.name).await?;
                let held =
                    held.iter().filter(|(scope, _)| !seen_again.contains(scope) && names(&self.connection, scope));
                let all = new as u64 + held.map(|(_, count)| count).sum::<u64>();
                if all > most {
                    self.notice = Some(self.flood(all, most));
                    Hold::All
                } else {
                    Hold::Nothing
                }
            }
            _ => Hold::Nothing,
        };
        for planned in waiting {
            planned.hold(hold.clone());
        }
        Ok(())
    }

    /// Why nothing is registered, and what releases it, in one sentence.
    fn flood(&self, new: u64, most: u64) -> String {
        let name = &self.connection.name;
        let (await_, was, release) = match self.claim.run_id {
            Some(_) if new == 1 => ("awaits", "was", format!("`aboard approve {name}` registers them")),
            Some(_) => ("await", "was", format!("`aboard approve {name}` registers them")),
            None => ("would await", "would be", format!("`aboard onboard {name} --yes` would register them")),
        };
        let plural = if new == 1 { "" } else { "s" };
        format!(
            "{new} API{plural} {await_} approval: more new ones at once than max_new ({most}) allows, so none {was} registered; {release}"
        )
    }

    /// How many APIs wait for approval. What a run held back that this one carries on is not in its rows, yet it waits as well.
    pub(super) async fn awaiting(&self) -> u64 {
        let own = || self.apis.iter().filter(|api| api.reason == Some(Reason::AwaitingApproval)).count() as u64;
        if self.claim.run_id.is_none() || !self.request.apis.is_empty() {
            return own();
        }
        // A registry that cannot be read any more is what the end of the run complains about.
        let Ok(awaiting) = self.book.awaiting(&self.connection.name).await else { return own() };
        awaiting.iter().filter(|(scope, _)| names(&self.connection, scope)).map(|(_, count)| count).sum()
    }

    /// What is said where a run held nothing back itself, but not everything is registered that could be.
    pub(super) fn left_waiting(&self, awaiting: u64) -> Option<String> {
        let name = &self.connection.name;
        let them = match awaiting {
            0 => return None,
            1 => "1 API awaits approval".to_owned(),
            _ => format!("{awaiting} APIs await approval"),
        };
        Some(format!("{them} since an earlier run; `aboard approve {name}` registers them"))
    }
}

/// Whether a connection still looks at a scope, as far as the file says. What awaits approval elsewhere is none of its business
/// any more: a region that was named by mistake must not block what comes after it.
pub(super) fn names(connection: &Connection, scope: &Scope) -> bool {
    let region = match &connection.regions {
        Regions::Named(regions) => regions.contains(&scope.region),
        Regions::All { except } => !except.any(&scope.region),
    };
    let account = match &connection.credentials {
        Credentials::AssumeRole(role) => role.role_arn.account_id == scope.account_id,
        // Whose keys these are is not in the file.
        Credentials::AwsUser(_) | Credentials::DefaultChain(_) | Credentials::CentralRole(_) => true,
    };
    region && account
}

/// Asks a person which of the new APIs to register. Who interrupts the run instead of an answer is not waited for.
async fn picked(
    pick: Arc<dyn Pick>,
    waiting: &[Planned],
    cancel: &CancellationToken,
) -> Result<BTreeSet<ApiId>, Ending> {
    let new = || waiting.iter().flat_map(|planned| planned.plan.entries.iter().filter(|entry| entry.onboards()));
    let candidate = |entry: &Entry| Candidate {
        id: entry.api.id.to_string(),
        name: entry.api.name.clone(),
        urls: entry.instances.keys().cloned().collect(),
    };
    let candidates: Vec<Candidate> = new().map(candidate).collect();
    let answer = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(Ending::Interrupted),
        answer = tokio::task::spawn_blocking(move || pick.pick(&candidates)) => answer,
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => Err(error.to_string()),
    };
    let chosen = answer.map_err(|message| Ending::Broken(RunError { kind: "pick".to_owned(), message, hint: None }))?;
    Ok(new().zip(chosen).filter(|(_, chosen)| *chosen).map(|(entry, _)| entry.api.id.clone()).collect())
}
