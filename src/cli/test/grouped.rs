//! The steps of many accounts, folded: one line for each step and each way in which it went.

use std::collections::BTreeMap;

use crate::cli::output::one_line;
use crate::discovery::probe::{Outcome, Step};

/// Accounts that are named; the rest is counted.
const NAMED: usize = 10;

/// Where an account's own id stands in what happened, so that the same cause reads the same everywhere.
const ITSELF: &str = "ACCOUNT";

/// What the steps of an organization's accounts say, in the order in which each was first seen; what passed comes before what did not.
pub(super) fn grouped(steps: &[Step]) -> Vec<String> {
    let mut order = Vec::new();
    let mut groups: BTreeMap<Key, Vec<&str>> = BTreeMap::new();
    for step in steps {
        let key = Key::of(step);
        let place = (step.name, step.region.as_deref());
        if !order.contains(&place) {
            order.push(place);
        }
        groups.entry(key).or_default().push(step.account_id.as_deref().unwrap_or("?"));
    }
    let mut lines = Vec::new();
    for place in order {
        for (key, accounts) in groups.iter().filter(|(key, _)| (key.name, key.region.as_deref()) == place) {
            key.lines(accounts, &mut lines);
        }
    }
    lines
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    name: &'static str,
    region: Option<String>,
    mark: Mark,
    detail: String,
    hint: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Passed,
    NotTried,
    Note,
    Failed,
}

impl Key {
    fn of(step: &Step) -> Self {
        let itself = step.account_id.as_deref().unwrap_or_default();
        let general = |text: &str| {
            let text = without_request(&one_line(text));
            if itself.is_empty() { text } else { text.replace(itself, ITSELF) }
        };
        let (mark, detail, hint) = match &step.outcome {
            // What was seen differs from account to account and matters in none.
            Outcome::Passed(_) => (Mark::Passed, String::new(), None),
            Outcome::NotTried(why) => (Mark::NotTried, general(why), None),
            Outcome::Failed(trouble) => {
                let mark = if step.needed { Mark::Failed } else { Mark::Note };
                (mark, general(&trouble.cause), trouble.hint.as_deref().map(general))
            }
        };
        Self { name: step.name, region: step.region.clone(), mark, detail, hint }
    }

    fn lines(&self, accounts: &[&str], lines: &mut Vec<String>) {
        let Self { name, region, mark, detail, hint } = self;
        let region = region.as_deref().map(|region| format!(" in {region}")).unwrap_or_default();
        let count = match accounts.len() {
            1 => "1 account".to_owned(),
            many => format!("{many} accounts"),
        };
        let (word, detail) = match mark {
            Mark::Passed => ("pass", String::new()),
            Mark::NotTried => ("--  ", format!(": not tried, {detail}")),
            Mark::Note => ("note", format!(": {detail}")),
            Mark::Failed => ("FAIL", format!(": {detail}")),
        };
        lines.push(format!("  {word}  {name}{region}: {count}{detail}"));
        if matches!(mark, Mark::Note | Mark::Failed) {
            lines.extend(hint.iter().map(|hint| format!("        {hint}")));
            let more = accounts.len().saturating_sub(NAMED);
            let named = accounts.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            let more = if more == 0 { String::new() } else { format!(" and {more} more (-o json names each)") };
            lines.push(format!("        {named}{more}"));
        }
    }
}

/// Every answer of AWS has an id of its own, which would keep causes apart.
fn without_request(text: &str) -> String {
    const REQUEST: &str = ", request ";
    let Some((before, id)) = text.split_once(REQUEST) else { return text.to_owned() };
    let after = id.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '-');
    format!("{before}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{ScopeState, Trouble};

    fn step(account: u64, outcome: Outcome) -> Step {
        Step {
            name: "enter the account",
            account_id: Some(format!("{account:012}")),
            region: None,
            needed: true,
            explained: false,
            outcome,
        }
    }

    #[test]
    fn the_same_cause_in_many_accounts_is_one_line_that_names_ten_of_them() {
        let refused = |account: u64| {
            let cause =
                format!("AssumeRole: no role/R in {account:012} (AccessDenied, status 403, request a-{account})");
            step(account, Outcome::Failed(Trouble { state: ScopeState::CredentialsFailed, cause, hint: None }))
        };
        let mut steps: Vec<Step> = (1..=12).map(refused).collect();
        steps.push(step(13, Outcome::Passed("entered".to_owned())));
        let lines = grouped(&steps);
        assert_eq!(lines[0], "  pass  enter the account: 1 account");
        assert_eq!(
            lines[1],
            "  FAIL  enter the account: 12 accounts: AssumeRole: no role/R in ACCOUNT (AccessDenied, status 403)"
        );
        assert!(
            lines[2].contains("000000000001, ") && lines[2].ends_with(" and 2 more (-o json names each)"),
            "{lines:?}"
        );
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn different_causes_stay_apart() {
        let failed = |account, cause: &str| {
            let trouble =
                Trouble { state: ScopeState::Failed, cause: cause.to_owned(), hint: Some("mend it".to_owned()) };
            step(account, Outcome::Failed(trouble))
        };
        let lines = grouped(&[failed(1, "one"), failed(2, "two"), failed(3, "one")]);
        assert_eq!(lines.iter().filter(|line| line.contains("FAIL")).count(), 2, "{lines:?}");
        assert!(lines.contains(&"        000000000001, 000000000003".to_owned()), "{lines:?}");
    }
}
