//! `ignore` and `unignore`: a person's word that an API stays out.

use std::io::Write;

use chrono::NaiveDate;
use serde_json::json;

use super::args::{Format, Global};
use super::exit::{Exit, Failure};
use super::output::{Output, one_line};
use super::{naming, setup};
use crate::clock;
use crate::plan::ApiState;
use crate::registry::{ApiDocument, Registry};

/// Keeps one API out from its next look on.
pub(super) fn ignore<W: Write>(
    global: &Global,
    api: &str,
    reason: &str,
    until: Option<NaiveDate>,
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    if reason.trim().is_empty() {
        return Err(
            Failure::usage("--reason is empty").hint("whoever reads it later wants to know why the API stays out")
        );
    }
    let now = clock::now();
    if let Some(day) = until.filter(|day| *day < now.date_naive()) {
        return Err(Failure::usage(format!("--until {day} is in the past")));
    }
    let (mut registry, found) = find(global, api)?;
    registry.ignore(&found.id(), reason, until, &super::actor(), now)?;
    let period = until.map(|until| format!(" until {until}")).unwrap_or_default();
    // Filters decide entry, never exit.
    let stays = if found.state == Some(ApiState::Onboarded) { "; it is onboarded and stays so" } else { "" };
    tell(global, &found, true, &format!("ignored{period}: {}{stays}", one_line(reason)), output)
}

/// Lets an ignored API in again.
pub(super) fn unignore<W: Write>(global: &Global, api: &str, output: &mut Output<W>) -> Result<Exit, Failure> {
    let (mut registry, found) = find(global, api)?;
    let was = registry.unignore(&found.id(), &super::actor(), clock::now())?;
    let said = if was { "no longer ignored; the next run decides" } else { "was not ignored" };
    tell(global, &found, false, said, output)
}

fn find(global: &Global, api: &str) -> Result<(Registry, ApiDocument), Failure> {
    let path = match &global.registry {
        Some(path) => path.clone(),
        None => setup::registry_path(global, &setup::load(global)?),
    };
    let registry = Registry::open(&path)?;
    let found = naming::one_api(&registry, api)?;
    Ok((registry, found))
}

fn tell<W: Write>(
    global: &Global,
    api: &ApiDocument,
    ignored: bool,
    said: &str,
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    let id = api.id();
    match global.output {
        Format::Json => output.json(&json!({ "api": id, "name": api.name, "ignored": ignored }))?,
        Format::Text | Format::Csv => output.line(&format!("{} ({id}): {said}", one_line(&api.name)))?,
    }
    Ok(Exit::Done)
}
