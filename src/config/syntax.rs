//! Slips of syntax: what is not TOML at all.
//!
//! Nothing is known about such a file, so no value of it is shown: its lines are cut at the first `=`.

use std::ops::Range;

use toml::de::Error;

use super::keys::FILE;
use super::report::{Complaint, Report};
use super::shape::Table;

/// One slip makes the parser stumble on for a while; more than these help nobody.
const MOST: usize = 3;

/// Reports the first slips, one a line at most.
pub(super) fn report(report: &mut Report<'_>, text: &str, slips: &[Error]) {
    cover(report, text);
    let mut slips: Vec<(Range<usize>, &str)> =
        slips.iter().map(|slip| (slip.span().unwrap_or_default(), slip.message())).collect();
    slips.sort_by_key(|(span, _)| span.start);
    let mut last_line = None;
    let mut shown = 0;
    for (span, message) in slips {
        let start = text.floor_char_boundary(span.start.min(text.len()));
        let line = text[..start].matches('\n').count();
        if shown == MOST || last_line == Some(line) {
            continue;
        }
        // An unclosed bracket is noticed again on each of the next lines.
        let cascade = last_line.is_some_and(|last| line == last + 1);
        last_line = Some(line);
        if !cascade {
            shown += 1;
            report.error(&span, "", explain(message));
        }
    }
}

/// What the parser says, in other words where its own are short.
fn explain(message: &str) -> Complaint {
    match message {
        "duplicate key" => Complaint::new("this key or table stands further up already").hint("merge the two"),
        _ => Complaint::new(message.lines().collect::<Vec<_>>().join("; ")),
    }
}

/// Leaves to be shown only what cannot be a secret: a key that the program knows, up to its value, and headers of known tables.
fn cover(report: &mut Report<'_>, text: &str) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        match content.split_once('=') {
            Some((key, _)) if is_known(&FILE, key.trim()) => {
                let value = start + key.len() + 1;
                let blank = content[key.len() + 1..].chars().take_while(|c| *c == ' ').count();
                report.cover_unknown(&(value + blank..(start + line.len()).max(value + blank + 1)));
            }
            _ => report.cover_secret(&(start..start + line.len())),
        }
        start += line.len();
    }
}

fn is_known(table: &'static Table, name: &str) -> bool {
    table.keys.iter().any(|key| key.name == name || key.shape.table().is_some_and(|below| is_known(below, name)))
}
