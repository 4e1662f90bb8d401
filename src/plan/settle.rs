//! What a look at a scope amounts to once it is held against what was known there.

use chrono::{DateTime, TimeDelta, Utc};

use super::Known;
use crate::inventory::{Listing, ScopeLook, ScopeState};

/// A listing is only suspicious where at least this many APIs were known.
const SUSPICIOUS_FROM: usize = 10;

/// Absence is believed when a second complete look this much later agrees.
pub(super) const SECOND_LOOK_AFTER: TimeDelta = TimeDelta::hours(1);

/// How a look ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// In one word.
    pub state: ScopeState,
    /// What happened, where it is not `complete`.
    pub cause: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether what it does not show is not there.
    pub proves_absence: bool,
    /// Since when the listings are suspiciously short.
    pub suspicious_since: Option<DateTime<Utc>>,
}

/// Holds a look against what was known: an answer without its list, or a listing that lost most of its APIs, proves nothing.
#[must_use]
pub fn settle(look: &ScopeLook, known: &Known, now: DateTime<Utc>) -> Settled {
    let open = |state, cause: Option<String>, hint: Option<String>| Settled {
        state,
        cause,
        hint,
        proves_absence: false,
        suspicious_since: known.scope.suspicious_since,
    };
    let present = known.present().count();
    match &look.listing {
        Listing::Failed(trouble) => open(trouble.state, Some(trouble.cause.clone()), trouble.hint.clone()),
        Listing::Selected | Listing::Remembered => open(ScopeState::Complete, None, None),
        Listing::Whole { without_list: true } if present > 0 => open(
            ScopeState::Failed,
            Some(format!("AWS answered without a list of APIs, though {present} were known here")),
            Some("a proxy or stand-in that rewrites answers looks like this; look again, and see what is on the way to AWS".to_owned()),
        ),
        Listing::Whole { .. } if present >= SUSPICIOUS_FROM && look.apis.len() * 2 < present => {
            let since = known.scope.suspicious_since.unwrap_or(now);
            if now - since >= SECOND_LOOK_AFTER {
                return whole();
            }
            let cause = format!("{} APIs were listed where {present} were known", look.apis.len());
            let hint = "nothing is taken away until a look an hour later shows the same".to_owned();
            Settled { suspicious_since: Some(since), ..open(ScopeState::Suspicious, Some(cause), Some(hint)) }
        }
        Listing::Whole { .. } => whole(),
    }
}

fn whole() -> Settled {
    Settled { state: ScopeState::Complete, cause: None, hint: None, proves_absence: true, suspicious_since: None }
}
