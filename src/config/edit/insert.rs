//! Puts keys and tables into a text, in the way in which their neighbours are written.

use std::fmt::Write;

use super::layout::{Entry, Home, Kind, Layout};
use super::value::Written;
use super::{EditError, Row, Table, inline};

/// Puts a key into a table that is there, after the last of the keys that `order` names before it.
pub(super) fn key(text: &str, table: &[&str], row: &Row, order: &[&str]) -> Result<String, EditError> {
    let layout = Layout::of(text)?;
    let place = |name: &str| order.iter().position(|known| *known == name);
    let own = place(&row.0);
    let mut siblings: Vec<&Entry> =
        layout.within(table).filter(|entry| entry.path.len() == table.len() + 1 && !entry.is_header()).collect();
    siblings.sort_by_key(|entry| (place(&entry.path[table.len()]), entry.start()));
    let before =
        siblings.iter().filter(|entry| place(&entry.path[table.len()]) < own).max_by_key(|entry| entry.start());
    let header = layout.at(table).filter(|entry| entry.is_header());
    // The line below the header comes first; where there is no header, no line comes before the first one's comment.
    let anchor = before.copied().or(header).or(siblings.first().copied()).or(layout.at(table));
    let Some(anchor) = anchor else { return Err(EditError::Unwritable(table.join("."))) };
    Ok(match (&anchor.kind, &anchor.home) {
        (Kind::Header { .. }, _) => {
            let like = siblings.first().map_or(anchor.start(), |sibling| sibling.start());
            line_below(&layout, anchor, &format!("{}{}", layout.indent(like), pair(&row.0, &row.1)))
        }
        // The table itself, which is empty and inline.
        (Kind::Pair { span, .. }, _) if anchor.path.len() == table.len() => {
            into_empty(text, span.start, &pair(&row.0, &row.1))
        }
        (Kind::Pair { .. }, home) => {
            let prefix = prefix(&layout, anchor, table.len());
            let pair = format!("{prefix}{}", pair(&row.0, &row.1));
            match home {
                Home::Line { .. } => line_below(&layout, anchor, &format!("{}{pair}", layout.indent(anchor.start()))),
                Home::Inline { .. } => after_part(&layout, anchor, &pair),
            }
        }
    })
}

/// Puts a table that is not there yet below one that is.
pub(super) fn table(text: &str, above: &[&str], name: &str, rows: &[Row]) -> Result<String, EditError> {
    let layout = Layout::of(text)?;
    if let Some(Entry { kind: Kind::Pair { span, .. }, .. }) = layout.at(above) {
        // `above` is an inline table.
        let pair = format!("{name} = {}", inline_table(rows));
        let last = layout.within(above).filter(|entry| is_inside(entry, span.start, above.len())).last();
        return Ok(match last {
            Some(last) => after_part(&layout, last, &pair),
            None => into_empty(text, span.start, &pair),
        });
    }
    let own_section = |entry: &&Entry| matches!(entry.home, Home::Line { header } if header >= above.len());
    if let Some(last) = layout.within(above).filter(own_section).last() {
        let header = format!("[{}.{name}]", layout_prefix(&layout, above));
        return Ok(section_below(&layout, last, &header, rows));
    }
    // Dotted keys, on lines of their own or in an inline table.
    let Some(last) = layout.within(above).filter(|entry| entry.home.depth() < above.len()).last() else {
        return Err(EditError::Unwritable(above.join(".")));
    };
    let prefix = prefix(&layout, last, above.len());
    Ok(match last.home {
        Home::Inline { .. } => after_part(&layout, last, &format!("{prefix}{name} = {}", inline_table(rows))),
        Home::Line { .. } => {
            let (indent, newline) = (layout.indent(last.start()), layout.newline(last.end()));
            let lines: Vec<String> =
                rows.iter().map(|(key, value)| format!("{indent}{prefix}{name}.{}", pair(key, value))).collect();
            line_below(&layout, last, &lines.join(newline))
        }
    })
}

/// Appends sections at the end of the file, each with its header and a blank line before it.
pub(super) fn at_the_end(text: &str, sections: &[(String, Vec<Row>)]) -> Result<String, EditError> {
    let layout = Layout::of(text)?;
    let newline = layout.newline(text.len());
    let mut text = text.to_owned();
    for (header, rows) in sections {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str(newline);
        }
        if !text.trim_start_matches('\u{feff}').is_empty() && !text.ends_with("\n\n") && !text.ends_with("\n\r\n") {
            text.push_str(newline);
        }
        let _ = write!(text, "[{header}]{newline}");
        for (key, value) in rows {
            let _ = write!(text, "{}{newline}", pair(key, value));
        }
    }
    Ok(text)
}

/// `key = value`.
pub(super) fn pair(key: &str, value: &Written) -> String {
    format!("{key} = {}", value.text())
}

fn inline_table(rows: &[Row]) -> String {
    let rows: Vec<String> = rows.iter().map(|(key, value)| pair(key, value)).collect();
    format!("{{ {} }}", rows.join(", "))
}

/// Whether an entry stands in the inline table that begins at `start` itself.
fn is_inside(entry: &Entry, start: usize, depth: usize) -> bool {
    matches!(&entry.home, Home::Inline { braces, depth: own } if braces.start == start && *own == depth)
}

/// The first parts of an entry's key, up to what the first `count` keys of its path lead to, with a dot; nothing where these are not
/// written in the entry.
fn prefix(layout: &Layout<'_>, entry: &Entry, count: usize) -> String {
    match count.checked_sub(entry.home.depth()).filter(|parts| *parts > 0) {
        Some(parts) => format!("{}.", layout.key_parts(entry, parts)),
        None => String::new(),
    }
}

/// `above` as a header of its own writes it.
fn layout_prefix(layout: &Layout<'_>, above: &[&str]) -> String {
    let header = layout.within(above).find(|entry| entry.is_header());
    header.map_or_else(|| above.join("."), |header| layout.key_parts(header, above.len()))
}

fn line_below(layout: &Layout<'_>, anchor: &Entry, line: &str) -> String {
    let end = layout.line_end(anchor.end());
    let (before, after) = layout.text.split_at(end);
    format!("{before}{}{line}{after}", layout.newline(anchor.end()))
}

fn section_below(layout: &Layout<'_>, last: &Entry, header: &str, rows: &[Row]) -> String {
    let newline = layout.newline(last.end());
    let mut at = layout.line_end(last.end());
    // Comments right below the last line are that section's, unless they lead on to the next one.
    let mut end = at;
    loop {
        let rest = layout.text[end..].trim_start_matches('\r').strip_prefix('\n').unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        if line.trim_start().starts_with('#') {
            end = layout.line_end(layout.text.len() - rest.len());
            continue;
        }
        if line.trim().is_empty() {
            at = end;
        }
        break;
    }
    let (before, after) = layout.text.split_at(at);
    let lines: Vec<String> = rows.iter().map(|(key, value)| pair(key, value)).collect();
    let block = format!("{newline}{newline}{header}{newline}{}", lines.join(newline));
    // What follows is set off as before, and by a blank line where it was not.
    let next = after.trim_start_matches('\r').strip_prefix('\n').unwrap_or_default();
    let close = next.split('\n').next().unwrap_or_default();
    let gap = if next.is_empty() || close.trim().is_empty() { "" } else { newline };
    format!("{before}{block}{gap}{after}")
}

fn into_empty(text: &str, open: usize, pair: &str) -> String {
    let (before, after) = text.split_at(open + 1);
    let after = after.trim_start_matches([' ', '\t']);
    format!("{before} {pair} {after}")
}

/// After a pair of an inline table: on a line of its own where that one has one, else behind a comma.
fn after_part(layout: &Layout<'_>, anchor: &Entry, pair: &str) -> String {
    let Home::Inline { braces, .. } = &anchor.home else { return layout.text.to_owned() };
    let text = layout.text;
    let parts = inline::parts(text, braces);
    let Some(own) = parts.iter().rev().find(|part| part.start <= anchor.start()) else { return text.to_owned() };
    let comma = inline::comma_after(text, own, braces);
    let line = layout.lines(own);
    let line_end = layout.line_end(own.end);
    let alone = text[line.start..own.start].trim().is_empty()
        && parts.iter().all(|part| part == own || part.end <= line.start || part.start >= line_end)
        && line_end < braces.end - 1;
    if alone {
        let indent = layout.indent(own.start);
        let newline = layout.newline(own.end);
        return match comma.filter(|comma| *comma < line_end) {
            Some(_) => format!("{}{newline}{indent}{pair},{}", &text[..line_end], &text[line_end..]),
            None => {
                format!("{},{}{newline}{indent}{pair}{}", &text[..own.end], &text[own.end..line_end], &text[line_end..])
            }
        };
    }
    format!("{}, {pair}{}", &text[..own.end], &text[own.end..])
}

/// Puts a connection into an inline table of connections.
pub(super) fn inline(text: &str, above: &[&str], name: &str, tables: &[Table]) -> Result<String, EditError> {
    let layout = Layout::of(text)?;
    let Some(Entry { kind: Kind::Pair { span, .. }, .. }) = layout.at(above) else {
        return Err(EditError::Unwritable(above.join(".")));
    };
    let mut pairs = Vec::new();
    for (below, rows) in tables {
        match below.as_slice() {
            [] => pairs.extend(rows.iter().map(|(key, value)| pair(key, value))),
            _ if rows.is_empty() => pairs.push(format!("{} = {{}}", below.join("."))),
            _ => pairs.extend(rows.iter().map(|(key, value)| format!("{}.{}", below.join("."), pair(key, value)))),
        }
    }
    let pair = format!("{name} = {{ {} }}", pairs.join(", "));
    Ok(match layout.within(above).filter(|entry| is_inside(entry, span.start, above.len())).last() {
        Some(last) => after_part(&layout, last, &pair),
        None => into_empty(text, span.start, &pair),
    })
}
