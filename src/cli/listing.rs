//! `apis`: the registry as a list.

use std::io::Write;
use std::ops::ControlFlow;

use chrono::{DateTime, SecondsFormat, Utc};

use super::args::{Apis, Format, Global};
use super::exit::{Exit, Failure};
use super::output::Output;
use super::{naming, setup, summary};
use crate::clock;
use crate::config::Pattern;
use crate::plan::{ApiState, Decision, Reason};
use crate::registry::{ApiDocument, ApiFilter};
use crate::worker::coverage::Watched;
use crate::worker::documents;

/// Lists APIs of the registry.
pub(super) fn apis<W: Write>(global: &Global, asked: &Apis, output: &mut Output<W>) -> Result<Exit, Failure> {
    let filter = filter(asked)?;
    let registry = setup::open_to_read(global)?;
    // Without a valid file nobody can say which APIs are watched; the list is good all the same.
    let config = setup::load(global).ok().map(|loaded| loaded.config);
    let mut list = Vec::new();
    registry.for_each_api(&filter, |api| {
        list.push(api);
        ControlFlow::Continue(())
    })?;
    if let (true, Some(name)) = (list.is_empty(), &asked.connection) {
        naming::must_be_known(global, &registry, name)?;
    }
    let watched = config.as_deref().map(|config| Watched::of(config, &registry, clock::now())).transpose()?;
    let unwatched = |api: &ApiDocument| watched.as_ref().map(|watched| documents::is_unwatched(watched, api));
    match global.output {
        Format::Json => {
            output.json_list(list.iter().map(|api| documents::api(watched.as_ref(), api)))?;
        }
        Format::Csv => output.csv(&CSV, list.iter().map(|api| csv_row(api, unwatched(api))))?,
        Format::Text => {
            let row = |api: &ApiDocument| {
                let state = api.state.map_or("", ApiState::as_str);
                let mark = if unwatched(api) == Some(true) { " (unwatched)" } else { "" };
                vec![
                    format!("{state}{mark}"),
                    api.reason.map_or("", Reason::as_str).to_owned(),
                    format!("{}/{}/{}", api.account_id, api.region, api.api_id),
                    api.protocol.as_str().to_owned(),
                    api.name.clone(),
                    summary::address(&api.instances),
                ]
            };
            output.table(&["STATE", "REASON", "API", "PROTOCOL", "NAME", "ADDRESS"], list.iter().map(row))?;
            if list.is_empty() {
                super::say("no API in the registry matches");
            }
        }
    }
    Ok(Exit::Done)
}

fn filter(asked: &Apis) -> Result<ApiFilter, Failure> {
    let glob = |text: &str| Pattern::new(text).map_err(|error| Failure::usage(format!("{text} is no glob: {error}")));
    let reason = |text: &String| {
        Reason::parse(text).ok_or_else(|| {
            let known = Reason::ALL.map(Reason::as_str).join(", ");
            Failure::usage(format!("no reason named {text}")).hint(format!("reasons are {known}"))
        })
    };
    let tag = |text: &String| -> Result<(String, Pattern), Failure> {
        let (key, value) =
            text.split_once('=').ok_or_else(|| Failure::usage(format!("--tag {text} is not of the form KEY=GLOB")))?;
        Ok((key.to_owned(), glob(value)?))
    };
    Ok(ApiFilter {
        connection: asked.connection.clone(),
        state: asked.state.as_deref().and_then(ApiState::parse),
        decision: asked.decision.as_deref().and_then(Decision::parse),
        reason: asked.reason.as_ref().map(reason).transpose()?,
        account_id: asked.account.clone(),
        region: asked.region.clone(),
        protocol: asked
            .protocol
            .as_deref()
            .map(str::to_uppercase)
            .as_deref()
            .and_then(crate::inventory::Protocol::parse),
        name: asked.name.as_deref().map(glob).transpose()?,
        tag: asked.tag.as_ref().map(tag).transpose()?,
        dropped: false,
        after: None,
        limit: asked.limit,
    })
}

const CSV: [&str; 20] = [
    "partition",
    "account_id",
    "account_name",
    "region",
    "api_id",
    "protocol",
    "name",
    "description",
    "version",
    "endpoint_type",
    "created_at",
    "first_published_at",
    "last_published_at",
    "state",
    "decision",
    "reason",
    "onboarded_at",
    "connection",
    "unwatched",
    "urls",
];

fn csv_row(api: &ApiDocument, unwatched: Option<bool>) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let urls: Vec<&str> = api.instances.iter().map(|instance| instance.url.as_str()).collect();
    vec![
        api.partition.clone(),
        api.account_id.clone(),
        text(&api.account_name),
        api.region.clone(),
        api.api_id.clone(),
        api.protocol.as_str().to_owned(),
        api.name.clone(),
        text(&api.description),
        text(&api.version),
        text(&api.endpoint_type),
        time(api.created_at),
        time(api.first_published_at),
        time(api.last_published_at),
        api.state.map_or("", ApiState::as_str).to_owned(),
        api.decision.map_or("", Decision::as_str).to_owned(),
        api.reason.map_or("", Reason::as_str).to_owned(),
        time(api.onboarded_at),
        text(&api.connection),
        unwatched.map(|unwatched| unwatched.to_string()).unwrap_or_default(),
        urls.join(" "),
    ]
}

/// RFC 3339 in UTC; empty where it is not known.
pub(super) fn time(time: Option<DateTime<Utc>>) -> String {
    time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true)).unwrap_or_default()
}
