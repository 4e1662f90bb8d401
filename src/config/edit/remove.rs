//! Takes keys and tables out of a text.
//!
//! Comments that stand by themselves stay; those directly above a table that goes, and those on a line that goes, go with it.

use std::ops::Range;

use super::layout::{Entry, Home, Layout};
use super::{EditError, inline};

/// Takes out one key; what stands above it stays. A key that is not there is no error.
pub(super) fn key(text: &str, path: &[&str]) -> Result<String, EditError> {
    let layout = Layout::of(text)?;
    let Some(entry) = layout.at(path) else { return Ok(text.to_owned()) };
    Ok(match &entry.home {
        Home::Line { .. } => cut(text, layout.lines(&(entry.start()..entry.end()))),
        Home::Inline { braces, .. } => cut(text, part(text, entry, braces)),
    })
}

/// Takes out everything at and below `path`, however it is written.
pub(super) fn table(text: &str, path: &[&str]) -> Result<String, EditError> {
    let mut text = text.to_owned();
    // One entry at a time, from the last: what was cut leaves the extents of what stands before it as they were.
    loop {
        let layout = Layout::of(&text)?;
        let outer = |entry: &&Entry| match &entry.home {
            Home::Inline { depth, .. } => *depth < path.len(),
            Home::Line { .. } => true,
        };
        let Some(entry) = layout.within(path).filter(outer).last() else { return Ok(text) };
        let range = match &entry.home {
            Home::Inline { braces, .. } => part(&text, entry, braces),
            Home::Line { .. } => block(&layout, entry, path),
        };
        text = cut(&text, range);
    }
}

fn cut(text: &str, range: Range<usize>) -> String {
    format!("{}{}", &text[..range.start], &text[range.end..])
}

/// A pair of an inline table with the comma that it needs no more.
fn part(text: &str, entry: &Entry, braces: &Range<usize>) -> Range<usize> {
    let parts = inline::parts(text, braces);
    let number = parts.iter().rposition(|part| part.start <= entry.start()).unwrap_or_default();
    match (number.checked_sub(1).map(|before| &parts[before]), parts.get(number), parts.get(number + 1)) {
        (_, Some(own), Some(next)) => own.start..next.start,
        (Some(before), Some(own), None) => before.end..own.end,
        // The only one; a comma behind it may not stand alone.
        _ => braces.start + 1..braces.end - 1,
    }
}

/// The lines of an entry below `path`, with the comments directly beside it that are its own and the blank lines that set it off.
fn block(layout: &Layout<'_>, entry: &Entry, path: &[&str]) -> Range<usize> {
    let text = layout.text;
    let own = layout.lines(&(entry.start()..entry.end()));
    // A comment that the file begins with is the file's.
    let start = Some(comment_above(layout, own.start)).filter(|start| *start > 0).unwrap_or(own.start);
    let whole_section_goes = entry.home.depth() >= path.len();
    let end = if whole_section_goes { comment_below(text, own.end) } else { own.end };
    let blank_below = text[end..].len() - trim_blank_lines(&text[end..]).len();
    let blank_above = text[..start].len() - trim_blank_lines_above(&text[..start]).len();
    if start == blank_above {
        return 0..end + blank_below;
    }
    if blank_below > 0 || end == text.len() { start - blank_above..end } else { start..end }
}

fn trim_blank_lines(text: &str) -> &str {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('\n').filter(|(line, _)| line.trim().is_empty()) {
        rest = after;
    }
    rest
}

/// `text` ends with a whole line.
fn trim_blank_lines_above(text: &str) -> &str {
    let mut rest = text;
    while let Some(line) = rest.strip_suffix('\n') {
        let begin = line.rfind('\n').map_or(0, |found| found + 1);
        if !line[begin..].trim().is_empty() {
            break;
        }
        rest = &rest[..begin];
    }
    rest
}

/// Where the comment lines directly above `at`, the beginning of a line, begin. Lines for editors (`#:schema`) are no comments here,
/// nor is the last line of a text of several.
fn comment_above(layout: &Layout<'_>, at: usize) -> usize {
    let text = layout.text;
    let before = layout.entries.iter().map(Entry::end).filter(|end| *end <= at).max().unwrap_or_default();
    let mut start = at;
    while let Some(line) = text[..start].strip_suffix('\n') {
        let begin = line.rfind('\n').map_or(0, |found| found + 1);
        let content = line[begin..].trim();
        if begin < before || !content.starts_with('#') || content.starts_with("#:") {
            break;
        }
        start = begin;
    }
    start
}

/// Where the comment lines directly below `at` end, unless they lead to something: then `at`.
fn comment_below(text: &str, at: usize) -> usize {
    let mut end = at;
    loop {
        let line = text[end..].split_inclusive('\n').next().unwrap_or_default();
        match line.trim() {
            "" => return end,
            content if content.starts_with('#') => end += line.len(),
            _ => return at,
        }
    }
}
