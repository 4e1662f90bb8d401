//! The documents of `deliveries` and `targets`.

use serde_json::{Value, json};

use crate::config::{Target, TargetKind};
use crate::notice::Notice;
use crate::registry::{AttemptRow, DeliveryRow, Disabled};

/// One entry of `deliveries`.
#[must_use]
pub fn delivery(row: &DeliveryRow) -> Value {
    json!({
        "delivery_id": row.delivery_id,
        "target": row.target,
        "event": row.event,
        "api": row.api.as_ref().map(ToString::to_string),
        "name": name(row),
        "state": row.state.as_str(),
        "attempts": row.attempts,
        "next_attempt_at": row.next_attempt_at,
        "last_error": row.last_error,
        "note": row.note,
        "waits_for_export_until": row.export_until,
        "key": row.key,
        "revision": row.revision,
        "connection": row.connection,
        "run_id": row.run_id,
        "created_at": row.created_at,
    })
}

/// `deliveries ID`: the same with every attempt, and what it says.
#[must_use]
pub fn delivery_with_attempts(row: &DeliveryRow, attempts: &[AttemptRow]) -> Value {
    let mut document = delivery(row);
    document["history"] = attempts.iter().map(attempt).collect();
    document["notice"] = serde_json::from_str(&row.payload).unwrap_or(Value::Null);
    document
}

fn attempt(attempt: &AttemptRow) -> Value {
    json!({
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "outcome": attempt.outcome,
        "status": attempt.status,
        "error": attempt.error,
    })
}

/// The name of the API that a delivery is about.
#[must_use]
pub fn name(row: &DeliveryRow) -> Option<String> {
    let notice: Notice = serde_json::from_str(&row.payload).ok()?;
    notice.api.map(|api| api.name)
}

/// One entry of `targets list`; `counts` are its deliveries by state.
#[must_use]
pub fn target(target: &Target, disabled: Option<&Disabled>, counts: &[(&str, u64)]) -> Value {
    json!({
        "name": target.name,
        "kind": kind(&target.kind),
        "enabled": disabled.is_none(),
        "disabled_at": disabled.map(|disabled| disabled.at),
        "disabled_reason": disabled.map(|disabled| &disabled.reason),
        "events": target.events.iter().map(|event| event.as_str()).collect::<Vec<_>>(),
        "digest": target.digest,
        "deliveries": counts.iter().map(|(state, count)| ((*state).to_owned(), json!(count))).collect::<serde_json::Map<_, _>>(),
    })
}

/// The word for a kind of target in the schedule file.
#[must_use]
pub fn kind(kind: &TargetKind) -> &'static str {
    match kind {
        TargetKind::Webhook { .. } => "webhook",
        TargetKind::Apisec(_) => "apisec",
        TargetKind::Command(_) => "command",
        TargetKind::Directory(_) => "directory",
        TargetKind::Backstage(_) => "backstage",
        TargetKind::Ingest(_) => "gravitee",
    }
}
