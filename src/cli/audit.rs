//! `audit`: who did what, and when.

use std::io::Write;

use serde_json::Value;

use super::args::{self, Format, Global};
use super::exit::{Exit, Failure};
use super::instant::{self, Span};
use super::output::{Output, when};
use super::{naming, setup};
use crate::clock;
use crate::registry::{AuditFilter, AuditRow};

const COLUMNS: [&str; 5] = ["at", "actor", "action", "connection", "detail"];

/// Shows the trail, newest first.
pub(super) fn audit<W: Write>(global: &Global, asked: &args::Audit, output: &mut Output<W>) -> Result<Exit, Failure> {
    let now = clock::now();
    let since = asked.since.as_ref().map(|text| instant::parse("--since", text, Span::Back, now)).transpose()?;
    let filter = AuditFilter { since, connection: asked.connection.clone(), limit: Some(asked.limit) };
    let registry = setup::open_to_read(global)?;
    let rows = registry.audit_trail(&filter)?;
    if let (true, Some(name)) = (rows.is_empty(), &asked.connection) {
        naming::must_be_known(global, &registry, name)?;
    }
    match global.output {
        Format::Json => output.json(&rows)?,
        Format::Csv => {
            let rows = rows.iter().map(|row| cells(row, row.at.to_rfc3339(), row.detail.to_string()));
            output.csv(&COLUMNS, rows)?;
        }
        Format::Text if rows.is_empty() => output.line("nothing was done by hand, as far as the registry tells")?,
        Format::Text => {
            let rows = rows.iter().map(|row| cells(row, when(row.at), sentence(&row.detail)));
            output.table(&["WHEN", "WHO", "WHAT", "CONNECTION", "DETAIL"], rows)?;
        }
    }
    Ok(Exit::Done)
}

fn cells(row: &AuditRow, at: String, detail: String) -> Vec<String> {
    let AuditRow { audit_id: _, at: _, actor, action, connection, detail: _ } = row;
    vec![at, actor.clone(), action.as_str().to_owned(), connection.clone().unwrap_or_default(), detail]
}

/// What a detail says, without what it leaves open.
fn sentence(detail: &Value) -> String {
    let mut members: Vec<(&String, &Value)> = Vec::new();
    for (name, value) in detail.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(within) => members.extend(within),
            None => members.push((name, value)),
        }
    }
    // By which rules a run went is compared by machines.
    members.retain(|(name, value)| *name != "rules" && says_something(value));
    members.sort_by_key(|(name, _)| *name);
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    members.into_iter().map(|(name, value)| format!("{name}: {}", word(value))).collect::<Vec<_>>().join("; ")
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(list) => !list.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_detail_says_only_what_was_given() {
        let detail = json!({ "run_id": 7, "asked": { "apis": [], "pick": false, "account": null, "region": "eu-west-1", "rules": "ab" } });
        assert_eq!(sentence(&detail), "region: eu-west-1; run_id: 7");
    }
}
