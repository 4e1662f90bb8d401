//! What is to be said about `expected`, the holes that the schedule file knows of: those that are past, and those that nothing fell into.

use chrono::NaiveDate;

use super::report::ScopeReport;
use crate::config::{Connection, Expected};
use crate::plan::{is_past, names_failure};

/// A sentence for each known hole of a connection whose last day is over.
#[must_use]
pub fn past(connection: &Connection, today: NaiveDate) -> Vec<String> {
    let past = holes(connection).filter(|(_, hole)| is_past(hole, today));
    past.filter_map(|(name, hole)| {
        let until = hole.until?;
        Some(format!(
            "{name} counted until {until} and explains nothing any more; take it out of the file or give it a later day"
        ))
    })
    .collect()
}

/// A sentence for each known hole of a connection into which nothing fell in a run over everything; past ones are left to [`past`].
#[must_use]
pub fn unmatched(connection: &Connection, scopes: &[ScopeReport], today: NaiveDate) -> Vec<String> {
    let fell_in = |hole: &Expected| {
        scopes
            .iter()
            .any(|scope| names_failure(hole, scope.account_id.as_deref(), scope.region.as_deref(), scope.state))
    };
    let unmatched = holes(connection).filter(|(_, hole)| !is_past(hole, today) && !fell_in(hole));
    unmatched
        .map(|(name, hole)| {
            let states: Vec<&str> = hole.states.iter().map(|state| state.as_str()).collect();
            format!(
                "{name} matches nothing: no account or region that it names was in {}; take it out of the file if the hole is closed",
                states.join(", ")
            )
        })
        .collect()
}

/// Each known hole by where it stands in the file and why it is there.
fn holes(connection: &Connection) -> impl Iterator<Item = (String, &Expected)> {
    let name =
        |index: usize, hole: &Expected| format!("connections.{}.expected[{index}] ({})", connection.name, hole.reason);
    connection.expected.iter().enumerate().map(move |(index, hole)| (name(index, hole), hole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::inventory::ScopeState;

    const FILE: &str = r#"
[connections.shop]
regions = ["eu-west-1"]
[connections.shop.credentials.default_chain]
[[connections.shop.expected]]
accounts = ["1111*"]
states = ["access_denied", "credentials_failed"]
reason = "sandbox"
until = 2027-03-31
[[connections.shop.expected]]
regions = ["eu-west-1"]
states = ["throttled"]
reason = "busy"
"#;

    fn scope(account: &str, region: Option<&str>, state: ScopeState) -> ScopeReport {
        ScopeReport {
            account_id: Some(account.to_owned()),
            account_name: None,
            region: region.map(str::to_owned),
            family: None,
            state,
            explained: true,
            cause: None,
            hint: None,
            apis: 0,
            calls: 0,
            throttled: 0,
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_hole_is_named_where_nothing_fell_into_it_and_where_its_last_day_is_over() {
        let config = config::parse(FILE, &config::Place::new(std::path::Path::new("schedules.toml"))).unwrap().config;
        let shop = &config.connections["shop"];
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let (last, after) = (day("2027-03-31"), day("2027-04-01"));
        assert_eq!(past(shop, last), Vec::<String>::new());
        let said = past(shop, after);
        assert_eq!(said.len(), 1);
        assert!(said[0].starts_with("connections.shop.expected[0] (sandbox) counted until 2027-03-31"), "{said:?}");

        let both = [
            scope("111122223333", None, ScopeState::CredentialsFailed),
            scope("444455556666", Some("eu-west-1"), ScopeState::Throttled),
        ];
        assert_eq!(unmatched(shop, &both, last), Vec::<String>::new());
        let neither = [
            scope("444455556666", None, ScopeState::CredentialsFailed),
            scope("111122223333", Some("eu-west-1"), ScopeState::Complete),
            scope("111122223333", None, ScopeState::Throttled),
        ];
        let said = unmatched(shop, &neither, last);
        assert_eq!(said.len(), 2);
        assert!(said[0].starts_with("connections.shop.expected[0] (sandbox) matches nothing"), "{said:?}");
        assert!(said[0].contains("in access_denied, credentials_failed") && said[1].contains("[1] (busy)"), "{said:?}");
        assert_eq!(unmatched(shop, &neither, after).len(), 1, "the one that is past is told as that");
    }
}
