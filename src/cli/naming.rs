//! From what a person types to connections and APIs.

use std::collections::BTreeSet;

use super::args::Global;
use super::exit::Failure;
use super::fold;
use super::output::one_line;
use super::setup;
use crate::config::Config;
use crate::registry::{ApiDocument, ApiRef, Reader};
use crate::worker::{NamedApi, Shelf};

/// Names that are said where none of them is meant; an organization has a thousand.
const NAMED: usize = 20;

/// A connection that the file does not have.
pub(super) fn no_connection(config: &Config, name: &str) -> Failure {
    missing("connection", name, "the schedule file", config.connections.keys())
}

/// Refuses a name that neither the file, where it can be read, nor the registry has ever had.
///
/// # Errors
/// It is none; those that there are are named.
pub(super) fn must_be_known(global: &Global, registry: &Reader, name: &str) -> Result<(), Failure> {
    let mut known = registry.connections()?;
    known.extend(
        setup::load(global)
            .into_iter()
            .flat_map(|loaded| loaded.config.connections.keys().cloned().collect::<Vec<_>>()),
    );
    if known.contains(name) {
        return Ok(());
    }
    Err(missing("connection", name, "the schedule file or the registry", known.iter()))
}

/// A target that the file does not have.
pub(super) fn no_target(config: &Config, name: &str) -> Failure {
    missing("target", name, "the schedule file", config.targets.keys())
}

/// A name that nothing in a place has; the nearest there is said, or some of those that there are.
pub(super) fn missing<'a>(
    what: &str,
    name: &str,
    place: &str,
    known: impl Iterator<Item = &'a String> + Clone,
) -> Failure {
    let near = known.clone().map(|known| (strsim::damerau_levenshtein(known, name), known)).min();
    let failure = Failure::usage(format!("no {what} named {name} in {place}"));
    match near {
        Some((distance, known)) if distance <= 2.max(name.len() / 3) => failure.hint(format!("did you mean {known}?")),
        None => failure.hint("it has none"),
        Some(_) => failure.hint(format!("it has {}", fold::some_of(&known.cloned().collect::<Vec<_>>(), NAMED))),
    }
}

/// The one API of the registry that a person means.
///
/// # Errors
/// None is meant, or several: these are listed.
pub(super) fn one_api(registry: &Reader, text: &str) -> Result<ApiDocument, Failure> {
    let reference = parse(text)?;
    let mut found = registry.find(&reference)?;
    // A page below an address, or a stage that is not registered, still says whose it is.
    if let (true, Some(own)) = (found.is_empty(), reference.of_own_address()) {
        found = registry.find(&own)?;
    }
    match found.len() {
        0 => Err(Failure::failed(format!("no API {text} in the registry {}", registry.path().display()))),
        1 => Ok(found.remove(0)),
        _ => Err(several(text, &found)),
    }
}

/// The APIs that a person wants onboarded, found in the registry where it knows them and else taken at their word.
pub(super) fn resolve_all(texts: &[String], registry: &Shelf, region: Option<&str>) -> Result<Vec<NamedApi>, Failure> {
    let mut named = Vec::new();
    for text in texts {
        let reference = parse(text)?;
        let find = |reference: &ApiRef| -> Result<Vec<ApiDocument>, Failure> {
            Ok(registry.look_up(|registry| registry.find(reference))?.unwrap_or_default())
        };
        let known = find(&reference)?;
        let (known, reference) = match reference.of_own_address() {
            Some(own) if known.is_empty() => (find(&own)?, own),
            _ => (known, reference),
        };
        let elsewhere = |api: &ApiDocument| region.is_some_and(|region| api.region != region);
        let known: Vec<ApiDocument> = known.into_iter().filter(|api| !elsewhere(api)).collect();
        let api = match (known.as_slice(), reference) {
            ([api], _) => NamedApi {
                api_id: api.api_id.clone(),
                account: Some(api.account_id.clone()),
                region: Some(api.region.clone()),
                family: Some(api.protocol.family()),
            },
            ([], ApiRef::Parts { api_id, account_id, region: named, .. }) => NamedApi {
                api_id,
                account: account_id,
                region: named.or_else(|| region.map(str::to_owned)),
                family: None,
            },
            ([], ApiRef::Url(_)) => {
                return Err(Failure::usage(format!("no API in the registry answers at {text}")).hint(
                    "an address on a custom domain names only what was onboarded; name it by id, region/id or ARN",
                ));
            }
            (several_known, _) => return Err(several(text, several_known)),
        };
        named.push(api);
    }
    let mut seen = BTreeSet::new();
    named.retain(|api| seen.insert((api.api_id.clone(), api.account.clone(), api.region.clone())));
    Ok(named)
}

/// What a person typed for an API, taken apart.
pub(super) fn parse(text: &str) -> Result<ApiRef, Failure> {
    ApiRef::parse(text).map_err(Failure::usage)
}

fn several(text: &str, found: &[ApiDocument]) -> Failure {
    let line =
        |api: &ApiDocument| format!("  {}/{}/{}  {}", api.account_id, api.region, api.api_id, one_line(&api.name));
    let list: Vec<String> = found.iter().map(line).collect();
    Failure::usage(format!("{text} names {} APIs; say which:\n{}", found.len(), list.join("\n")))
}
