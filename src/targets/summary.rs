//! What a batch brought, as the message of a commit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::Delivery;
use crate::config::Event;

/// A first line with counts, and a line for each run.
pub(super) fn of(target: &str, deliveries: &[Delivery]) -> String {
    let mut runs: BTreeMap<(&str, Option<i64>), BTreeMap<&str, u64>> = BTreeMap::new();
    let mut all: BTreeMap<&str, u64> = BTreeMap::new();
    for notice in deliveries.iter().map(|delivery| &delivery.notice).filter(|notice| notice.api.is_some()) {
        let word = word(&notice.event);
        *all.entry(word).or_default() += 1;
        *runs.entry((&notice.connection, notice.run_id)).or_default().entry(word).or_default() += 1;
    }
    let mut text = format!("{target}: {}\n\n", counts(&all));
    for ((connection, run), counted) in &runs {
        let run = run.map_or_else(|| "outside a run".to_owned(), |run| format!("run {run}"));
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "Connection {connection}, {run}: {}", counts(counted));
    }
    text
}

fn counts(counted: &BTreeMap<&str, u64>) -> String {
    let order = ["onboarded", "returned", "changed", "updated", "gone"];
    let present: BTreeSet<&&str> = counted.keys().collect();
    let words = order.iter().filter(|word| present.contains(word));
    words.map(|word| format!("{} {word}", counted[word])).collect::<Vec<_>>().join(", ")
}

fn word(event: &str) -> &'static str {
    match Event::parse(event) {
        Some(Event::Onboarded) => "onboarded",
        Some(Event::Returned) => "returned",
        Some(Event::Changed) => "changed",
        Some(Event::Gone) => "gone",
        _ => "updated",
    }
}
