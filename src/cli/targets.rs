//! `targets`: what they are, whether they work, and bringing one back.

use std::io::Write;
use std::sync::{Arc, PoisonError};

use serde_json::json;

use super::args::{Format, Global, Targets};
use super::desk::Desk;
use super::exit::{Exit, Failure, gave_up};
use super::output::{Output, count, one_line, when};
use super::{naming, setup, summary};
use crate::clock;
use crate::registry::{AuditAction, AuditEntry};
use crate::targets::Adopted;
use crate::worker::{Shelf, delivery, documents};

/// Lists the file's targets; the registry need not be there yet.
pub(super) fn list<W: Write>(global: &Global, output: &mut Output<W>) -> Result<Exit, Failure> {
    let loaded = setup::load_and_warn(global)?;
    let registry = setup::open_to_read(global).ok();
    let (off, deliveries) = match &registry {
        Some(registry) => (registry.disabled_targets()?, registry.backlog()?.deliveries),
        None => Default::default(),
    };
    let (mut rows, mut entries) = (Vec::new(), Vec::new());
    for target in loaded.config.targets.values() {
        let disabled = off.get(&target.name);
        let of_target = deliveries.iter().filter(|((name, _), _)| *name == target.name);
        let counts: Vec<(&str, u64)> = of_target.map(|((_, state), count)| (state.as_str(), *count)).collect();
        let state = match disabled {
            Some(off) => format!("switched off {}: {}", when(off.at), one_line(&off.reason)),
            None => "on".to_owned(),
        };
        let sums: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let events: Vec<&str> = target.events.iter().map(|event| event.as_str()).collect();
        entries.push(documents::target(target, disabled, &counts));
        rows.push(vec![
            target.name.clone(),
            documents::target_kind(&target.kind).to_owned(),
            state,
            sums.join(", "),
            events.join(" "),
        ]);
    }
    match global.output {
        Format::Json => output.json(&entries)?,
        Format::Text | Format::Csv if rows.is_empty() => {
            let place = if loaded.agent.is_some() {
                "the settings of Gravitee's agent".to_owned()
            } else {
                loaded.file.display().to_string()
            };
            super::say(&format!("no targets are named in {place}"));
        }
        Format::Text | Format::Csv => output.table(&["TARGET", "KIND", "STATE", "DELIVERIES", "EVENTS"], rows)?,
    }
    Ok(Exit::Done)
}

/// What is the worker's where there is one.
pub(super) async fn targets<W: Write>(desk: &Desk, asked: &Targets, output: &mut Output<W>) -> Result<Exit, Failure> {
    match asked {
        Targets::List => Err(Failure::usage("the worker carries out no such command")),
        Targets::Test { name } => test(desk, name, output).await,
        Targets::Enable { name } => enable(desk, name, output).await,
        Targets::Adopt { name, dry_run } => adopt(desk, name, *dry_run, output).await,
    }
}

async fn test<W: Write>(desk: &Desk, name: &str, output: &mut Output<W>) -> Result<Exit, Failure> {
    let loaded = desk.load()?;
    let target = loaded.config.targets.get(name).ok_or_else(|| naming::no_target(&loaded.config, name))?;
    let tried = delivery::test(&loaded.config, target, clock::now()).await;
    let (passed, said) = match &tried {
        Ok(said) => (true, said.clone()),
        Err(failure) => (false, failure.message.clone()),
    };
    match desk.global.output {
        Format::Json => output.json(&json!({ "target": name, "passed": passed, "message": said }))?,
        Format::Text | Format::Csv => {
            let word = if passed { "works" } else { "failed" };
            output.line(&format!("{name}: {word}: {}", one_line(&said)))?;
        }
    }
    Ok(if passed { Exit::Done } else { Exit::Failed })
}

async fn enable<W: Write>(desk: &Desk, name: &str, output: &mut Output<W>) -> Result<Exit, Failure> {
    let loaded = desk.load()?;
    if !loaded.config.targets.contains_key(name) {
        return Err(naming::no_target(&loaded.config, name));
    }
    let registry = desk.registry(Some(&loaded))?;
    let context = desk.context(&loaded.config, Shelf::Write(Arc::clone(&registry))).await?;
    let _watch = desk.watch();
    // It may have been switched off under the name that it had.
    delivery::rename_targets(&registry, &loaded.config).await?;
    let before = delivery::mark(&context).await?;
    let was_off = {
        let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.enable_target(name, &desk.actor, clock::now())?
    };
    let mut targets = std::collections::BTreeMap::new();
    if was_off {
        let connections: Vec<String> = loaded.config.connections.keys().cloned().collect();
        targets = context.courier.first_attempts(&context, &connections, before).await?;
        targets.retain(|target, _| target == name);
    }
    // Its receiver may still want nothing.
    let off = registry.lock().unwrap_or_else(PoisonError::into_inner).disabled_targets()?.remove(name);
    let said = match &off {
        Some(off) => format!("switched on and off again: {}", one_line(&off.reason)),
        None if was_off => "switched on again".to_owned(),
        None => "was on".to_owned(),
    };
    let switched_off = off.as_ref().map(|off| &off.reason);
    match desk.global.output {
        Format::Json => {
            let entry = json!({ "target": name, "was_off": was_off, "switched_off": switched_off, "targets": targets });
            output.json(&entry)?;
        }
        Format::Text | Format::Csv => {
            output.line(&format!("{name}: {said}"))?;
            summary::targets(&targets, output)?;
        }
    }
    Ok(match off {
        Some(_) => Exit::Failed,
        None if gave_up(&targets) => Exit::Partly,
        None => Exit::Done,
    })
}

async fn adopt<W: Write>(desk: &Desk, name: &str, dry_run: bool, output: &mut Output<W>) -> Result<Exit, Failure> {
    let loaded = desk.load()?;
    let target = loaded.config.targets.get(name).ok_or_else(|| naming::no_target(&loaded.config, name))?;
    let registry = desk.registry(Some(&loaded))?;
    let found = delivery::adopt(&loaded.config, &registry, target, dry_run).await?;
    let found = found.map_err(|failure| Failure::failed(failure.message))?;
    let (mut taken, mut ambiguous) = (0_usize, false);
    let (mut rows, mut entries) = (Vec::new(), Vec::new());
    for (api, adoption) in &found {
        let (word, of, reason) = match &adoption.outcome {
            Adopted::Now(entry) => {
                taken += 1;
                (if dry_run { "would be taken over" } else { "taken over" }, vec![entry], None)
            }
            Adopted::Already(entry) => ("known", vec![entry], None),
            Adopted::Ambiguous { entries, reason } => {
                ambiguous = true;
                ("ambiguous", entries.iter().collect(), Some(reason.clone()))
            }
            Adopted::NotThere => ("not there", Vec::new(), None),
        };
        let named: Vec<String> = of.iter().map(|entry| format!("{} ({})", entry.id, one_line(&entry.name))).collect();
        let outcome = word.replace(' ', "_");
        let of: Vec<_> = of.iter().map(|entry| json!({ "id": entry.id, "name": entry.name })).collect();
        entries.push(json!({ "api": api.id().to_string(), "name": api.name, "outcome": outcome, "entries": of, "reason": reason }));
        rows.push(vec![
            api.id().to_string(),
            api.name.clone(),
            word.to_owned(),
            named.join(", "),
            reason.unwrap_or_default(),
        ]);
    }
    if taken > 0 && !dry_run {
        let detail = json!({ "target": name, "apis": taken });
        let entry = AuditEntry { actor: &desk.actor, action: AuditAction::TargetAdopted, connection: None, detail };
        registry.lock().unwrap_or_else(PoisonError::into_inner).audit(&entry, clock::now())?;
    }
    match desk.global.output {
        Format::Json => output.json(&entries)?,
        Format::Text | Format::Csv => {
            output.table(&["API", "NAME", "OUTCOME", "ENTRY", "WHY"], rows)?;
            let would = if dry_run { "would be " } else { "" };
            output.line(&format!("{name}: {taken} of {} {would}taken over", count(found.len(), "onboarded API")))?;
        }
    }
    Ok(if ambiguous { Exit::Partly } else { Exit::Done })
}
