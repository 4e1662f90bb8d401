//! The document of `coverage`.

use serde_json::{Value, json};

use crate::worker::coverage::Covered;

/// One entry of `coverage`.
#[must_use]
pub fn coverage(entry: &Covered) -> Value {
    let Covered {
        partition,
        account_id,
        account_name,
        region,
        family,
        state,
        explained,
        reason,
        cause,
        hint,
        since,
        last_complete_at,
        unseen_since: _,
        last_look_at,
        apis,
        connections,
        unwatched,
    } = entry;
    json!({
        "partition": partition,
        "account_id": account_id,
        "account_name": account_name,
        "region": region,
        "family": family,
        "state": state,
        "explained": explained,
        "reason": reason,
        "last_complete_at": last_complete_at,
        "last_look_at": last_look_at,
        "since": since,
        "apis": apis,
        "cause": cause,
        "hint": hint,
        "connections": connections,
        "unwatched": unwatched,
    })
}
