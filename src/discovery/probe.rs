//! Test Connection: each credential step and each permission that a run needs, tried one by one with the smallest request.
//!
//! Registers nothing and reads no more than it must to know that a permission is there.

mod entering;
mod offered;
mod permissions;
mod regions;
mod source;

use chrono::NaiveDate;
use futures_util::stream::{self, StreamExt};

pub use source::source_arn;

use super::aws::Aws;
use super::classify::Failure;
use crate::config::{Connection, Regions, Wants};
use crate::inventory::{ScopeState, Trouble};
use regions::{Lucky, Trial};

/// The step in which an account of an organization is entered.
pub const ENTER_ACCOUNT: &str = "enter the account";
/// The step in which an account's regions are listed, where every region is asked for.
pub const LIST_REGIONS: &str = "list the account's regions";

/// The steps by which a run sees a scope whole.
const LIST_REST: &str = "list REST APIs";
const LIST_HTTP: &str = "list HTTP and WebSocket APIs";
/// The step that says that a run would see nothing at all, although no failure is an alarm by itself.
pub const SEE_ANYTHING: &str = "see any account and region whole";

/// Accounts tried side by side.
const ACCOUNTS_AT_ONCE: usize = 16;

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What, in a few words.
    pub name: &'static str,
    /// The account that it concerns; absent while none is known.
    pub account_id: Option<String>,
    /// The region that it concerns; absent for what concerns none.
    pub region: Option<String>,
    /// Whether a run needs it; without the others it only sees less.
    pub needed: bool,
    /// Whether it failed as the schedule file or AWS says is meant; a run needs no such step.
    pub explained: bool,
    /// How it went.
    pub outcome: Outcome,
}

/// How a step went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Well, with what was seen.
    Passed(String),
    /// Not, with cause and remedy.
    Failed(Trouble),
    /// There was nothing to try it on, or an earlier step failed.
    NotTried(String),
}

impl Step {
    fn of_account(name: &'static str, account_id: Option<String>, needed: bool, outcome: Outcome) -> Self {
        Self { name, account_id, region: None, needed, explained: false, outcome }
    }

    /// The same failure as one that is meant.
    fn meant(self) -> Self {
        Self { needed: false, explained: true, ..self }
    }

    /// Whether a run cannot do its work for it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.needed && matches!(self.outcome, Outcome::Failed(_))
    }
}

/// Tries everything that `connection` needs, for itself and for integrations, which want `wants` of it, and shows each step as soon as it is
/// over; returns all of them in that order.
///
/// A central role tries every account of the organization that the connection is after. Where it asks for every region, the permissions are
/// tried in one region of each account: IAM knows no regions, and ten calls in each of thirty would tell nothing more. A region that
/// denies as is meant gives way to the next. What a run explains is no failure here either; `today` decides which expected holes still
/// count. Where nothing is left that could be seen whole, which fails a run, the last step says so.
pub async fn test(
    aws: &Aws,
    connection: &Connection,
    wants: Wants,
    today: NaiveDate,
    mut show: impl FnMut(&Step),
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut tell = |step: Step| {
        show(&step);
        steps.push(step);
    };
    let Some(entrance) = entering::enter(aws, connection, &mut tell).await else { return steps };
    let one_is_enough = entrance.organization.is_some() && matches!(connection.regions, Regions::All { .. });
    for shut in entrance.shut {
        let step = Step::of_account(ENTER_ACCOUNT, shut.account_id, false, Outcome::NotTried(shut.trouble.cause));
        tell(step);
    }
    let lucky = Lucky::default();
    let tried = entrance.doors.into_iter().map(|door| {
        let lucky = &lucky;
        async move {
            let mut steps = Vec::new();
            let Some(account) = entering::open(aws, connection, door, today, &mut |step| steps.push(step)).await else {
                return steps;
            };
            let trial = Trial { aws, connection, wants, account: &account, today };
            steps.extend(if one_is_enough { trial.one(lucky).await } else { trial.every().await });
            account.rest();
            steps
        }
    });
    let mut tried = stream::iter(tried).buffered(ACCOUNTS_AT_ONCE);
    while let Some(steps) = tried.next().await {
        steps.into_iter().for_each(&mut tell);
    }
    drop(tried);
    if let Some(nothing) = nothing_seen(&steps) {
        show(&nothing);
        steps.push(nothing);
    }
    steps
}

/// A run in which no scope is complete has failed, however well its failures are explained.
fn nothing_seen(steps: &[Step]) -> Option<Step> {
    let listed =
        |step: &Step| [LIST_REST, LIST_HTTP].contains(&step.name) && matches!(step.outcome, Outcome::Passed(_));
    if steps.iter().any(|step| step.is_fatal() || listed(step)) {
        return None;
    }
    let trouble = Trouble {
        state: ScopeState::Failed,
        cause: "every account and region failed, though each as is meant".to_owned(),
        hint: Some(
            "name an account or region that may be read, or see whether what is `expected` still holds".to_owned(),
        ),
    };
    Some(Step::of_account(SEE_ANYTHING, None, true, Outcome::Failed(trouble)))
}

#[cfg(test)]
mod tests;
