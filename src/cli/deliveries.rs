//! `deliveries`: the outbox, and sending what is in it again.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, PoisonError};

use serde_json::json;

use super::args::{Deliveries, DeliveryAction, Format, Global};
use super::desk::Desk;
use super::exit::{Exit, Failure, gave_up};
use super::listing::time;
use super::output::{Output, one_line, when};
use super::{naming, setup, summary};
use crate::clock;
use crate::registry::{AttemptRow, DeliveryFilter, DeliveryRow, DeliveryState, Reader};
use crate::worker::{Shelf, delivery, documents};

/// Lists deliveries, or shows one.
pub(super) fn list<W: Write>(global: &Global, asked: &Deliveries, output: &mut Output<W>) -> Result<Exit, Failure> {
    let registry = setup::open_to_read(global)?;
    if let Some(id) = asked.id {
        return one(global, &registry, id, output);
    }
    let api = asked.api.as_ref().map(|text| naming::one_api(&registry, text)).transpose()?;
    let filter = DeliveryFilter {
        state: asked.state.as_deref().and_then(DeliveryState::parse),
        target: asked.target.clone(),
        api: api.map(|api| api.id()),
        limit: Some(asked.limit),
        ..DeliveryFilter::default()
    };
    let rows = registry.deliveries(&filter)?;
    if let (true, Some(target)) = (rows.is_empty(), &asked.target) {
        must_be_known(global, &registry, target)?;
    }
    match global.output {
        Format::Json => output.json_list(rows.iter().map(documents::delivery))?,
        Format::Csv => output.csv(&CSV, rows.iter().map(csv_row))?,
        Format::Text => {
            output.table(
                &["ID", "TARGET", "EVENT", "API", "NAME", "STATE", "ATTEMPTS", "NEXT", "LAST ERROR"],
                rows.iter().map(row),
            )?;
            if rows.is_empty() {
                super::say("no delivery is like that");
            } else if rows.len() == asked.limit {
                super::say(&format!("the newest {} are shown; --limit shows more", asked.limit));
            }
        }
    }
    Ok(Exit::Done)
}

/// A slip of the pen must not look like a target for which nothing waits.
fn must_be_known(global: &Global, registry: &Reader, target: &str) -> Result<(), Failure> {
    let of_target = DeliveryFilter { target: Some(target.to_owned()), limit: Some(1), ..DeliveryFilter::default() };
    if !registry.deliveries(&of_target)?.is_empty() {
        return Ok(());
    }
    match setup::load(global) {
        Ok(loaded) if !loaded.config.targets.contains_key(target) => Err(naming::no_target(&loaded.config, target)),
        _ => Ok(()),
    }
}

fn one<W: Write>(global: &Global, registry: &Reader, id: i64, output: &mut Output<W>) -> Result<Exit, Failure> {
    let filter = DeliveryFilter { delivery_id: Some(id), ..DeliveryFilter::default() };
    let rows = registry.deliveries(&filter)?;
    let Some(row) = rows.first() else { return Err(Failure::failed(format!("no delivery has the number {id}"))) };
    let attempts = registry.attempts(id)?;
    if global.output == Format::Json {
        output.json(&documents::delivery_with_attempts(row, &attempts))?;
        return Ok(Exit::Done);
    }
    let DeliveryRow { target, event, state, created_at, .. } = row;
    let api = row.api.as_ref().map(|api| {
        format!(
            " of {api} {}",
            documents::api_name(row).map(|name| format!("({})", one_line(&name))).unwrap_or_default()
        )
    });
    let api = api.unwrap_or_default();
    output.line(&format!("delivery {id}: {event}{api} to {target}: {}", state.as_str()))?;
    output.line(&format!("  queued {} by {}", when(*created_at), row.connection))?;
    if let Some(until) = row.export_until {
        output.line(&format!("  waits for the export of its specifications, at most until {}", when(until)))?;
    }
    if let Some(next) = row.next_attempt_at {
        output.line(&format!("  next attempt {}", when(next)))?;
    }
    if let Some(note) = &row.note {
        output.line(&format!("  {}", one_line(note)))?;
    }
    output.line(&format!("  key {}", row.key))?;
    output.table(&["STARTED", "ENDED", "OUTCOME", "STATUS", "ERROR"], attempts.iter().map(attempt_row))?;
    Ok(Exit::Done)
}

fn attempt_row(attempt: &AttemptRow) -> Vec<String> {
    vec![
        when(attempt.started_at),
        attempt.finished_at.map(when).unwrap_or_default(),
        attempt.outcome.clone().unwrap_or_else(|| "under way".to_owned()),
        attempt.status.map(|status| status.to_string()).unwrap_or_default(),
        attempt.error.clone().unwrap_or_default(),
    ]
}

fn row(row: &DeliveryRow) -> Vec<String> {
    vec![
        row.delivery_id.to_string(),
        row.target.clone(),
        row.event.clone(),
        row.api.as_ref().map(ToString::to_string).unwrap_or_default(),
        documents::api_name(row).unwrap_or_default(),
        row.state.as_str().to_owned(),
        row.attempts.to_string(),
        row.next_attempt_at.map(when).unwrap_or_default(),
        row.last_error.clone().unwrap_or_default(),
    ]
}

const CSV: [&str; 12] = [
    "delivery_id",
    "target",
    "event",
    "api",
    "name",
    "state",
    "attempts",
    "next_attempt_at",
    "last_error",
    "connection",
    "run_id",
    "created_at",
];

fn csv_row(row: &DeliveryRow) -> Vec<String> {
    vec![
        row.delivery_id.to_string(),
        row.target.clone(),
        row.event.clone(),
        row.api.as_ref().map(ToString::to_string).unwrap_or_default(),
        documents::api_name(row).unwrap_or_default(),
        row.state.as_str().to_owned(),
        row.attempts.to_string(),
        time(row.next_attempt_at),
        row.last_error.clone().unwrap_or_default(),
        row.connection.clone(),
        row.run_id.map(|run| run.to_string()).unwrap_or_default(),
        time(Some(row.created_at)),
    ]
}

/// Sends deliveries again at once.
pub(super) async fn retry<W: Write>(desk: &Desk, asked: &Deliveries, output: &mut Output<W>) -> Result<Exit, Failure> {
    let Some(DeliveryAction::Retry(which)) = &asked.action else {
        return Err(Failure::usage("the worker carries out no such command"));
    };
    let loaded = desk.load()?;
    if let Some(target) = which.target.as_ref().filter(|target| !loaded.config.targets.contains_key(*target)) {
        return Err(naming::no_target(&loaded.config, target));
    }
    let registry = desk.registry(Some(&loaded))?;
    let context = desk.context(&loaded.config, Shelf::Write(Arc::clone(&registry))).await?;
    let _watch = desk.watch();
    let before = delivery::mark(&context).await?;
    let (queued, connections) = {
        let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::now();
        let chosen = |registry: &Reader| -> Result<Vec<DeliveryRow>, Failure> {
            let filters: Vec<DeliveryFilter> = if which.dead {
                [DeliveryState::Dead, DeliveryState::Ambiguous]
                    .map(|state| DeliveryFilter {
                        state: Some(state),
                        target: which.target.clone(),
                        ..DeliveryFilter::default()
                    })
                    .into()
            } else {
                let of = |id: &i64| DeliveryFilter { delivery_id: Some(*id), ..DeliveryFilter::default() };
                which.ids.iter().map(of).collect()
            };
            let mut rows = Vec::new();
            for filter in &filters {
                let found = registry.deliveries(filter)?;
                if let (true, Some(id)) = (found.is_empty(), filter.delivery_id) {
                    return Err(Failure::failed(format!("no delivery has the number {id}")));
                }
                rows.extend(found);
            }
            Ok(rows)
        };
        let mut rows = chosen(&registry)?;
        let is_there = |row: &DeliveryRow| loaded.config.targets.contains_key(&row.target);
        if which.dead {
            // What was for a target that is gone stays given up: nobody would send it.
            rows.retain(is_there);
            let targets: BTreeSet<&String> = rows.iter().map(|row| &row.target).collect();
            for target in targets {
                registry.retry_dead(Some(target), &desk.actor, now)?;
            }
        } else {
            if let Some(DeliveryRow { delivery_id, target, .. }) = rows.iter().find(|row| !is_there(row)) {
                return Err(Failure::failed(format!("delivery {delivery_id} is for {target}, which the file lacks")));
            }
            if let Some(DeliveryRow { delivery_id, state, .. }) = rows.iter().find(|row| !row.state.can_be_retried()) {
                return Err(Failure::failed(format!(
                    "delivery {delivery_id} is {}, and is not sent again",
                    state.as_str()
                )));
            }
            for row in &rows {
                registry.retry_delivery(row.delivery_id, &desk.actor, now)?;
            }
        }
        let connections: BTreeSet<String> = rows.iter().map(|row| row.connection.clone()).collect();
        (rows.len(), connections.into_iter().collect::<Vec<_>>())
    };
    let targets = context.courier.first_attempts(&context, &connections, before).await?;
    match desk.global.output {
        Format::Json => output.json(&json!({ "retried": queued, "targets": targets }))?,
        Format::Text | Format::Csv => {
            output.line(&if queued == 0 {
                "no delivery was given up".to_owned()
            } else if queued == 1 {
                "1 delivery sent again".to_owned()
            } else {
                format!("{queued} deliveries sent again")
            })?;
            summary::targets(&targets, output)?;
        }
    }
    Ok(if gave_up(&targets) { Exit::Partly } else { Exit::Done })
}
