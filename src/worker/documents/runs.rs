//! The documents of `runs`.

use serde_json::{Value, json};

use crate::registry::{DueRow, Happening, RunRow, RunScope};

/// One entry of `runs`: a run, or a due instant that has none.
#[must_use]
pub fn happening(happening: &Happening) -> Value {
    match happening {
        Happening::Run(run) => self::run(run),
        Happening::Due(due) => self::due(due),
    }
}

/// A due instant that did not run: all that a run has is null.
fn due(due: &DueRow) -> Value {
    json!({
        "run_id": null,
        "connection": due.connection,
        "trigger": null,
        "due_at": due.due_at,
        "started_at": null,
        "finished_at": null,
        "outcome": null,
        "error": null,
        "counts": null,
        "resumes": null,
        "fate": due.fate,
        "reason": due.reason,
        "older": due.older,
        "timezone": due.zone,
        "nominal": due.nominal,
        "recorded_at": due.recorded_at,
    })
}

/// A run.
#[must_use]
pub fn run(run: &RunRow) -> Value {
    json!({
        "run_id": run.run_id,
        "connection": run.connection,
        "trigger": run.trigger,
        "due_at": run.due_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "outcome": run.outcome,
        "error": run.error,
        "counts": run.counts,
        "resumes": run.resumes,
        "fate": run.fate,
    })
}

/// `runs ID`: the same with what the run saw.
#[must_use]
pub fn run_with_scopes(run: &RunRow, scopes: &[RunScope]) -> Value {
    let mut document = self::run(run);
    document["scopes"] = scopes.iter().map(scope).collect();
    document
}

fn scope(scope: &RunScope) -> Value {
    json!({
        "account_id": scope.account_id,
        "account_name": scope.account_name,
        "region": scope.region,
        "family": scope.family,
        "state": scope.state,
        "explained": scope.explained,
        "cause": scope.cause,
        "hint": scope.hint,
        "apis": scope.counts.seen,
        "onboard": scope.counts.onboard,
        "calls": scope.counts.calls,
        "throttled": scope.counts.throttled,
        "notes": scope.notes,
    })
}
