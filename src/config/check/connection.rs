//! `[connections.NAME]`.

use crate::config::format::aws::role_arn;
use crate::config::format::time;
use crate::config::read::Node;
use crate::config::report::{Complaint, Report};
use crate::config::{Connection, EntryRules, Expected, Filter, Place, suggest};
use crate::inventory::{Protocol, ScopeState};

use super::{credentials, regions, schedule};

/// Names that a connection may meet.
pub(super) struct Known<'a> {
    /// Of `[targets]`.
    pub(super) targets: &'a [&'a str],
    /// Of `[integrations]`.
    pub(super) integrations: &'a [&'a str],
}

pub(super) fn connection(
    report: &mut Report<'_>,
    name: &str,
    node: &Node<'_>,
    known: &Known<'_>,
    place: &Place,
) -> Option<Connection> {
    let credentials = credentials::credentials(report, node, place);
    let kind = node.table("credentials").and_then(|table| table.kind());
    let central = kind.as_ref().is_some_and(|(kind, _)| *kind == "central_role");
    // Where it is not even known how AWS is entered, regions may or may not be needed.
    if kind.is_some() && !central && node.lacks("regions") {
        let complaint = Complaint::new("is missing; only a central role may do without");
        report.error(node.at(), &node.path("regions"), complaint.hint("write regions = [\"eu-west-1\"] or [\"all\"]"));
    }
    let arn = kind.and_then(|(_, node)| node.text("role_arn")).and_then(|arn| role_arn(arn).ok());
    let regions = regions::regions(report, node, arn.as_ref().map(|arn| arn.partition.as_str()), central);
    let targets = targets(report, node, known);
    let (entry, auto_onboard) = match node.table("auto_onboard") {
        None => (EntryRules::default(), None),
        Some(table) => {
            let auto_onboard = schedule::auto_onboard(report, &table);
            let zone = auto_onboard.as_ref().map(|schedule| schedule.timezone);
            (schedule::entry(report, &table, zone), auto_onboard)
        }
    };
    Some(Connection {
        name: name.to_owned(),
        credentials: credentials?,
        regions: regions?,
        stages: node.patterns("stages"),
        include: node.table("include").map(|table| filter(&table)).unwrap_or_default(),
        exclude: node.table("exclude").map(|table| filter(&table)).unwrap_or_default(),
        targets,
        entry,
        auto_onboard,
        expected: node.tables("expected").iter().map(expected).collect(),
    })
}

fn targets(report: &mut Report<'_>, node: &Node<'_>, names: &Known<'_>) -> Vec<String> {
    let known = names.targets;
    if !node.has("targets") {
        return known.iter().map(|name| (*name).to_owned()).collect();
    }
    let path = node.path("targets");
    let named = node.texts("targets");
    for (name, span) in named.iter().filter(|(name, _)| !known.contains(name)) {
        if names.integrations.contains(name) {
            let complaint = Complaint::new(format!(
                "\"{name}\" is an integration, which says itself whose APIs it is asked to ingest"
            ));
            report.error(
                span,
                &path,
                complaint.hint(format!("leave it out; integrations.{name} has connections = [...] for that")),
            );
            continue;
        }
        let hint = suggest::did_you_mean(name, known.iter().copied()).unwrap_or_else(|| {
            if known.is_empty() {
                format!("add a table [targets.{name}.webhook]")
            } else {
                format!("the targets are {}", known.join(", "))
            }
        });
        report.error(span, &path, Complaint::new(format!("there is no target \"{name}\"")).hint(hint));
    }
    named.into_iter().map(|(name, _)| name.to_owned()).collect()
}

fn filter(node: &Node<'_>) -> Filter {
    let texts = |key: &str| node.texts(key).into_iter().map(|(text, _)| text.to_owned()).collect::<Vec<_>>();
    Filter {
        names: node.patterns("names"),
        tags: node.pattern_map("tags").into_iter().map(|(key, patterns)| (key.to_owned(), patterns)).collect(),
        ids: texts("ids"),
        protocols: texts("protocols").iter().filter_map(|text| Protocol::parse(text)).collect(),
        endpoint_types: texts("endpoint_types"),
    }
}

fn expected(node: &Node<'_>) -> Expected {
    Expected {
        accounts: node.patterns("accounts"),
        regions: node.patterns("regions"),
        states: node.texts("states").iter().filter_map(|(text, _)| ScopeState::parse(text)).collect(),
        reason: node.text("reason").unwrap_or_default().to_owned(),
        until: node.datetime("until").and_then(time::date),
    }
}
