//! `pause` and `resume`: schedules that rest, kept in the registry.

use std::io::Write;
use std::sync::PoisonError;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::args::{self, Format, Which};
use super::desk::Desk;
use super::exit::{Exit, Failure};
use super::instant::{self, Span};
use super::output::{Output, one_line, when};
use super::walk;
use crate::clock;
use crate::worker::documents;

/// Lets schedules rest.
pub(super) fn pause<W: Write>(desk: &Desk, asked: &args::Pause, output: &mut Output<W>) -> Result<Exit, Failure> {
    let now = clock::now();
    let until = asked.until.as_ref().map(|text| instant::parse("--until", text, Span::Ahead, now)).transpose()?;
    if let Some(past) = until.filter(|until| *until <= now) {
        return Err(Failure::usage(format!("--until {} is in the past", when(past))));
    }
    let names = names(desk, &asked.which)?;
    let registry = desk.registry(None)?;
    for name in &names {
        let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.pause(name.as_deref(), until, asked.note.as_deref(), &desk.actor, now)?;
    }
    desk.poke();
    for name in &names {
        tell(desk, name.as_deref(), until, asked.note.as_deref(), output)?;
    }
    Ok(Exit::Done)
}

fn tell<W: Write>(
    desk: &Desk,
    name: Option<&str>,
    until: Option<DateTime<Utc>>,
    note: Option<&str>,
    output: &mut Output<W>,
) -> Result<(), Failure> {
    if desk.global.output == Format::Json {
        return output.json(&json!({ "connection": name, "paused": true, "until": until, "note": note }));
    }
    let until = until.map_or_else(|| " until `aboard resume`".to_owned(), |until| format!(" until {}", when(until)));
    let note = note.map(|note| format!(": {}", one_line(note))).unwrap_or_default();
    output.line(&format!("{}: paused{until}{note}", name.unwrap_or("every connection")))
}

/// Lets paused schedules go on.
pub(super) fn resume<W: Write>(desk: &Desk, which: &Which, output: &mut Output<W>) -> Result<Exit, Failure> {
    let now = clock::now();
    let names = names(desk, which)?;
    let registry = desk.registry(None)?;
    let (mut ended, held) = {
        let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended = Vec::with_capacity(names.len());
        for name in names {
            let count = registry.resume(name.as_deref(), &desk.actor, now)?;
            ended.push((name, count));
        }
        let held = registry.pauses()?.into_iter().find(|pause| pause.connection.is_none() && pause.is_on(now));
        (ended, held)
    };
    desk.poke();
    let mut exit = Exit::Done;
    for (name, count) in ended.drain(..) {
        let paused = name.is_some() && held.is_some();
        if paused {
            exit = Exit::Failed;
        }
        if desk.global.output == Format::Json {
            output.json(&json!({ "connection": name, "paused": paused }))?;
            continue;
        }
        let said = documents::resumed(count > 0, paused);
        output.line(&format!("{}: {said}", name.as_deref().unwrap_or("every connection")))?;
    }
    Ok(exit)
}

/// The connections, or one none for all of them together.
fn names(desk: &Desk, which: &Which) -> Result<Vec<Option<String>>, Failure> {
    if which.all {
        return Ok(vec![None]);
    }
    let loaded = desk.load()?;
    Ok(walk::chosen(desk, &loaded, which)?.into_iter().map(|connection| Some(connection.name)).collect())
}
