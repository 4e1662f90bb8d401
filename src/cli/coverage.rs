//! `coverage`: when each account and region was last seen whole, and what stands in the way.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use chrono::{DateTime, TimeDelta, Utc};

use super::args::{self, Format, Global};
use super::exit::{Exit, Failure};
use super::listing::time;
use super::output::{Output, count, when};
use super::{fold, naming, setup};
use crate::clock;
use crate::inventory::{Family, ScopeState};
use crate::registry::Reader;
use crate::worker::coverage::{self, Coverage, CoverageFilter, Covered, Missed, Totals};
use crate::worker::documents;

/// Lists coverage; with `--stale` only what nothing explains, and then it ends with 3 where there is any.
pub(super) fn coverage<W: Write>(
    global: &Global,
    asked: &args::Coverage,
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    let stale = asked.stale.map(TimeDelta::from_std).transpose();
    let filter = CoverageFilter {
        connection: asked.connection.clone(),
        account: asked.account.clone(),
        region: asked.region.clone(),
        state: asked.state.as_deref().and_then(ScopeState::parse),
        stale: stale.map_err(|_long| Failure::usage("--stale is longer than time can be told"))?,
    };
    let registry = setup::open_to_read(global)?;
    // Without a valid file what the runs wrote down stands as it is.
    let config = setup::load(global).ok().map(|loaded| loaded.config);
    let Coverage { entries, totals } = coverage::coverage(&registry, config.as_deref(), &filter, clock::now())?;
    if entries.is_empty() {
        must_be_seen(global, &registry, &filter)?;
    }
    match global.output {
        Format::Json => output.json_list(entries.iter().map(documents::coverage))?,
        Format::Csv => output.csv(&CSV, entries.iter().map(csv_row))?,
        Format::Text => {
            output.table(
                &["ACCOUNT", "REGION", "FAMILY", "STATE", "SINCE", "LAST SEEN WHOLE", "APIS", "CAUSE", "WHAT TO DO"],
                folded(&entries),
            )?;
            if let Some(stale) = asked.stale {
                let stale = humantime::format_duration(stale);
                output.line(&match entries.len() {
                    0 => format!("everything was seen whole within {stale}, or is explained"),
                    1 => format!("1 scope has not been seen whole for {stale}, unexplained"),
                    number => format!("{number} scopes have not been seen whole for {stale}, unexplained"),
                })?;
            }
            output.line(&sums(&totals))?;
        }
    }
    Ok(if asked.stale.is_some() && !entries.is_empty() { Exit::Partly } else { Exit::Done })
}

/// Refuses a connection, account or region of which there never was anything: a slip of the pen would be well for ever.
fn must_be_seen(global: &Global, registry: &Reader, filter: &CoverageFilter) -> Result<(), Failure> {
    if let Some(name) = &filter.connection {
        naming::must_be_known(global, registry, name)?;
    }
    let place = filter.connection.as_ref().map_or_else(|| "coverage".to_owned(), |name| format!("coverage of {name}"));
    match coverage::missed(registry, filter)? {
        Some(Missed { what, name, seen }) => Err(naming::missing(what, &name, &place, seen.iter())),
        None => Ok(()),
    }
}

fn sums(totals: &Totals) -> String {
    let Totals { accounts, complete, explained, unexplained, unwatched, apis } = *totals;
    let unwatched = if unwatched == 0 { String::new() } else { format!("; {unwatched} not looked at any more") };
    format!(
        "{}, {}: {complete} complete, {explained} explained, {unexplained} unexplained; {}{unwatched}",
        count(accounts, "account"),
        count(complete + explained + unexplained, "scope"),
        count(apis, "API"),
    )
}

/// What entries that are shown in one row have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Alike<'a> {
    /// Comes after all that somebody looks at.
    unwatched: bool,
    /// Comes after what is an alarm.
    explained: bool,
    state: ScopeState,
    reason: Option<&'a str>,
    essence: String,
}

/// Equal rows in one: first over the regions of an account, then over its families, then over accounts.
fn folded(entries: &[Covered]) -> Vec<Vec<String>> {
    let mut by_scope: BTreeMap<_, Vec<&Covered>> = BTreeMap::new();
    for entry in entries {
        let (account, region) = (entry.account_id.as_deref(), entry.region.as_deref());
        let cause = entry.cause.as_deref().unwrap_or_default();
        let alike = Alike {
            unwatched: entry.is_unwatched(),
            explained: entry.explained || entry.state == ScopeState::Complete,
            state: entry.state,
            reason: entry.reason.as_deref(),
            essence: fold::essence(cause, account, region),
        };
        by_scope.entry((alike, account, entry.family)).or_default().push(entry);
    }
    let regions = |entries: &[&Covered]| entries.iter().map(|entry| entry.region.clone()).collect::<BTreeSet<_>>();
    let mut by_account: BTreeMap<_, (BTreeSet<Option<Family>>, Vec<&Covered>)> = BTreeMap::new();
    for ((alike, account, family), group) in by_scope {
        let (families, all) = by_account.entry((alike, account, regions(&group))).or_default();
        families.insert(family);
        all.extend(group);
    }
    let mut rows: BTreeMap<_, Vec<&Covered>> = BTreeMap::new();
    for ((alike, _, regions), (families, group)) in by_account {
        rows.entry((alike, regions, families)).or_default().extend(group);
    }
    rows.into_values().filter_map(|group| row(&group)).collect()
}

/// One row for entries that are alike; its times are the oldest.
fn row(group: &[&Covered]) -> Option<Vec<String>> {
    let first = group.first()?;
    let names = |name: &dyn Fn(&Covered) -> String| {
        let names: BTreeSet<String> = group.iter().map(|entry| name(entry)).collect();
        fold::some(&names.into_iter().collect::<Vec<_>>())
    };
    let families: BTreeSet<Option<Family>> = group.iter().map(|entry| entry.family).collect();
    let families: Vec<&str> = families.into_iter().map(|family| family.map_or("-", Family::as_str)).collect();
    let accounts: BTreeSet<_> = group.iter().map(|entry| &entry.account_id).collect();
    let account = |entry: &Covered| match (&entry.account_id, &entry.account_name) {
        (None, _) => "unknown".to_owned(),
        (Some(id), Some(name)) if accounts.len() == 1 => format!("{id} ({name})"),
        (Some(id), _) => id.clone(),
    };
    let mark = match (&first.reason, first.explained) {
        _ if first.is_unwatched() => " (unwatched)".to_owned(),
        (Some(reason), _) => format!(" (explained: {reason})"),
        (None, true) => " (explained)".to_owned(),
        (None, false) => String::new(),
    };
    let oldest = group.iter().map(|entry| entry.last_complete_at).min().flatten();
    Some(vec![
        names(&account),
        names(&|entry| entry.region.clone().unwrap_or_else(|| "-".to_owned())),
        families.join(", "),
        format!("{}{mark}", first.state),
        group.iter().map(|entry| entry.since).min().map(when).unwrap_or_default(),
        oldest.map_or_else(|| "never".to_owned(), when),
        group.iter().map(|entry| entry.apis).sum::<u64>().to_string(),
        first.cause.clone().unwrap_or_default(),
        first.hint.clone().unwrap_or_default(),
    ])
}

const CSV: [&str; 16] = [
    "partition",
    "account_id",
    "account_name",
    "region",
    "family",
    "state",
    "explained",
    "reason",
    "last_complete_at",
    "last_look_at",
    "since",
    "apis",
    "cause",
    "hint",
    "connections",
    "unwatched",
];

fn csv_row(entry: &Covered) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let at = |at: DateTime<Utc>| time(Some(at));
    vec![
        text(&entry.partition),
        text(&entry.account_id),
        text(&entry.account_name),
        text(&entry.region),
        entry.family.map_or("", Family::as_str).to_owned(),
        entry.state.as_str().to_owned(),
        entry.explained.to_string(),
        text(&entry.reason),
        time(entry.last_complete_at),
        at(entry.last_look_at),
        at(entry.since),
        entry.apis.to_string(),
        text(&entry.cause),
        text(&entry.hint),
        entry.connections.join(" "),
        entry.unwatched.map(|unwatched| unwatched.to_string()).unwrap_or_default(),
    ]
}
