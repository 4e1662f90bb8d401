//! `approve`: releases what `max_new` or a person's choice held back.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use serde_json::json;

use super::args::Format;
use super::desk::Desk;
use super::exit::{Exit, Failure, gave_up};
use super::output::Output;
use super::{naming, summary};
use crate::clock;
use crate::plan::Decision;
use crate::worker::{self, Shelf, delivery};

/// Registers what awaits approval on a connection.
pub(super) async fn approve<W: Write>(desk: &Desk, connection: &str, output: &mut Output<W>) -> Result<Exit, Failure> {
    let loaded = desk.load()?;
    let config = &loaded.config;
    let connection = config.connections.get(connection).ok_or_else(|| naming::no_connection(config, connection))?;
    let registry = desk.registry(Some(&loaded))?;
    let context = desk.context(config, Shelf::Write(Arc::clone(&registry))).await?;
    let _watch = desk.watch();
    let before = delivery::mark(&context).await?;
    let approval = worker::approve(&registry, config, connection, &desk.actor, clock::now());
    let approval =
        approval.map_err(|error| Failure { exit: Exit::Failed, message: error.message, hint: error.hint })?;
    let targets = if approval.deliveries > 0 {
        // What cannot be exported now waits for the next run, or goes without.
        worker::leftovers(&context, connection).await?;
        context.courier.first_attempts(&context, std::slice::from_ref(&connection.name), before).await?
    } else {
        BTreeMap::new()
    };
    match desk.global.output {
        Format::Json => output.json(&json!({
            "connection": connection.name,
            "run_id": approval.run_id,
            "counts": approval.counts,
            "deliveries": approval.deliveries,
            "targets": targets,
            "apis": approval.apis,
        }))?,
        Format::Text | Format::Csv if approval.run_id.is_none() => {
            output.line(&format!("nothing awaits approval on {}", connection.name))?;
        }
        Format::Text | Format::Csv => {
            let left_out = approval.apis.iter().filter(|api| api.decision == Some(Decision::Excluded)).count();
            let not = match left_out {
                0 => String::new(),
                1 => "; 1 that the rules no longer choose stays out".to_owned(),
                count => format!("; {count} that the rules no longer choose stay out"),
            };
            let run = approval.run_id.map(|run| format!(" (run {run})")).unwrap_or_default();
            let (name, onboarded) = (&connection.name, approval.counts.onboard);
            let queued = summary::queued(approval.deliveries);
            output.line(&format!("{name}: approved{run}: {onboarded} onboarded{not}; {queued}"))?;
            summary::targets(&targets, output)?;
            if desk.global.verbose > 0 {
                summary::table(&approval.apis, output)?;
            }
        }
    }
    Ok(if gave_up(&targets) { Exit::Partly } else { Exit::Done })
}
