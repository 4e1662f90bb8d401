//! `ignore` and `unignore`: a person's word that an API stays out.

use std::io::Write;
use std::sync::PoisonError;

use chrono::NaiveDate;
use serde_json::json;

use super::args::Format;
use super::desk::Desk;
use super::exit::{Exit, Failure};
use super::naming;
use super::output::{Output, one_line};
use crate::clock;
use crate::plan::ApiState;
use crate::registry::{ApiDocument, Registry, RegistryError};

/// Keeps one API out from its next look on.
pub(super) fn ignore<W: Write>(
    desk: &Desk,
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
    let (found, ()) =
        of_one(desk, api, |registry, found| registry.ignore(&found.id(), reason, until, &desk.actor, now))?;
    let period = until.map(|until| format!(" until {until}")).unwrap_or_default();
    // Filters decide entry, never exit.
    let stays = if found.state == Some(ApiState::Onboarded) { "; it is onboarded and stays so" } else { "" };
    tell(desk, &found, true, &format!("ignored{period}: {}{stays}", one_line(reason)), output)
}

/// Lets an ignored API in again.
pub(super) fn unignore<W: Write>(desk: &Desk, api: &str, output: &mut Output<W>) -> Result<Exit, Failure> {
    let (found, was) = of_one(desk, api, |registry, found| registry.unignore(&found.id(), &desk.actor, clock::now()))?;
    let said = if was { "no longer ignored; the next run decides" } else { "was not ignored" };
    tell(desk, &found, false, said, output)
}

/// Does something to the one API that a person means. Others may want the registry, so nothing is said meanwhile.
fn of_one<T>(
    desk: &Desk,
    api: &str,
    body: impl FnOnce(&mut Registry, &ApiDocument) -> Result<T, RegistryError>,
) -> Result<(ApiDocument, T), Failure> {
    let registry = desk.registry(None)?;
    let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
    let found = naming::one_api(&registry, api)?;
    let done = body(&mut registry, &found)?;
    Ok((found, done))
}

fn tell<W: Write>(
    desk: &Desk,
    api: &ApiDocument,
    ignored: bool,
    said: &str,
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    let id = api.id();
    match desk.global.output {
        Format::Json => output.json(&json!({ "api": id, "name": api.name, "ignored": ignored }))?,
        Format::Text | Format::Csv => output.line(&format!("{} ({id}): {said}", one_line(&api.name)))?,
    }
    Ok(Exit::Done)
}
