//! Where everything stands in the text of a schedule file: headers, keys and values by their extents.
//!
//! A file may say the same in many ways (`[connections.a.auto_onboard]`, dotted keys, inline tables); here each key that it
//! holds is one entry with its whole path, however it was written.

use std::ops::Range;

use toml_edit::{Document, Item, Key, TableLike, Value};

use super::EditError;

/// The text of a file, taken apart.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub(super) text: &'a str,
    /// In the order of the text; an inline table comes before what it holds.
    pub(super) entries: Vec<Entry>,
}

/// A header, or a key with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The keys that lead to it from the top of the file.
    pub(super) path: Vec<String>,
    pub(super) kind: Kind,
    pub(super) home: Home,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// `[a.b]` or `[[a.b]]`.
    Header {
        /// With its brackets.
        span: Range<usize>,
    },
    /// `a.b = value`.
    Pair {
        /// The last part of the key.
        key: Range<usize>,
        value: Value,
        /// The value's extent.
        span: Range<usize>,
    },
}

/// What an entry stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// A line of its own, below the header of that many keys.
    Line { header: usize },
    /// An inline table.
    Inline {
        /// With its braces.
        braces: Range<usize>,
        /// How many keys lead to it.
        depth: usize,
    },
}

impl Home {
    /// How many keys of an entry's path are not written in the entry itself.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Line { header } => *header,
            Self::Inline { depth, .. } => *depth,
        }
    }
}

impl Entry {
    /// Where it begins, but for the first parts of a dotted key.
    pub(super) fn start(&self) -> usize {
        match &self.kind {
            Kind::Header { span } => span.start,
            Kind::Pair { key, .. } => key.start,
        }
    }

    /// Where it ends.
    pub(super) fn end(&self) -> usize {
        match &self.kind {
            Kind::Header { span } | Kind::Pair { span, .. } => span.end,
        }
    }

    pub(super) fn is_header(&self) -> bool {
        matches!(self.kind, Kind::Header { .. })
    }

    /// Whether it is what `path` names, or stands below it.
    pub(super) fn is_within(&self, path: &[&str]) -> bool {
        self.path.len() >= path.len() && self.path.iter().zip(path).all(|(one, other)| one == other)
    }

    pub(super) fn is_at(&self, path: &[&str]) -> bool {
        self.path.len() == path.len() && self.is_within(path)
    }
}

impl<'a> Layout<'a> {
    /// # Errors
    /// The text is not TOML.
    pub(super) fn of(text: &'a str) -> Result<Self, EditError> {
        let document = Document::parse(text).map_err(|error| EditError::NotToml(error.message().to_owned()))?;
        let mut entries = Vec::new();
        collect(&mut entries, document.as_table(), &[], &Home::Line { header: 0 });
        entries.sort_by_key(Entry::start);
        Ok(Self { text, entries })
    }

    /// Whether anything in the file is, or stands below, `path`.
    pub(super) fn has(&self, path: &[&str]) -> bool {
        self.within(path).next().is_some()
    }

    /// What is, or stands below, `path`.
    pub(super) fn within<'b>(&'b self, path: &'b [&'b str]) -> impl Iterator<Item = &'b Entry> {
        self.entries.iter().filter(move |entry| entry.is_within(path))
    }

    /// The entry of exactly that path; of a list of tables, the first.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.is_at(path))
    }

    /// The value at `path`.
    pub(super) fn value(&self, path: &[&str]) -> Option<&Value> {
        self.entries.iter().find_map(|entry| match &entry.kind {
            Kind::Pair { value, .. } if entry.is_at(path) => Some(value),
            _ => None,
        })
    }

    /// The value at `path`, as it is written.
    pub(super) fn written(&self, path: &[&str]) -> Option<&'a str> {
        self.entries.iter().find_map(|entry| match &entry.kind {
            Kind::Pair { span, .. } if entry.is_at(path) => self.text.get(span.clone()),
            _ => None,
        })
    }

    /// The extent of the lines that a range touches, with the last one's end of line.
    pub(super) fn lines(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.text[..range.start].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[range.end..].find('\n').map_or(self.text.len(), |at| range.end + at + 1);
        start..end
    }

    /// Where the content of the line that `at` is in ends: before its end of line.
    pub(super) fn line_end(&self, at: usize) -> usize {
        let end = self.text[at..].find('\n').map_or(self.text.len(), |found| at + found);
        if self.text[at..end].ends_with('\r') { end - 1 } else { end }
    }

    /// The blanks that the line of `at` begins with.
    pub(super) fn indent(&self, at: usize) -> &'a str {
        let line = &self.text[self.lines(&(at..at)).start..];
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }

    /// What ends the line of `at`; what ends most lines of the file where that line has no end.
    pub(super) fn newline(&self, at: usize) -> &'static str {
        match self.text[at..].find('\n') {
            Some(found) if self.text[at..at + found].ends_with('\r') => "\r\n",
            Some(_) => "\n",
            None => {
                let (all, with_return) = (self.text.matches('\n').count(), self.text.matches("\r\n").count());
                if with_return * 2 > all { "\r\n" } else { "\n" }
            }
        }
    }

    /// The first `count` parts of an entry's key as they are written, joined by dots.
    pub(super) fn key_parts(&self, entry: &Entry, count: usize) -> String {
        let written = match &entry.kind {
            Kind::Header { span } => self.text[span.clone()].trim_matches(['[', ']']),
            Kind::Pair { key, .. } => {
                let start = match &entry.home {
                    Home::Line { .. } => self.lines(key).start,
                    Home::Inline { braces, .. } => {
                        let parts = super::inline::parts(self.text, braces);
                        parts.iter().rev().find(|part| part.start <= key.start).map_or(key.start, |part| part.start)
                    }
                };
                &self.text[start..key.end]
            }
        };
        let keys = Key::parse(written.trim()).unwrap_or_default();
        let parts: Vec<_> = keys.iter().take(count).map(|key| key.display_repr().into_owned()).collect();
        parts.join(".")
    }
}

fn collect(entries: &mut Vec<Entry>, table: &dyn TableLike, above: &[String], home: &Home) {
    for (name, item) in table.iter() {
        let path: Vec<String> = above.iter().cloned().chain([name.to_owned()]).collect();
        match item {
            Item::None => {}
            Item::Table(table) => {
                let span = table.span().filter(|_| !table.is_dotted() && !table.is_implicit());
                let home = match span {
                    Some(span) => {
                        let header = Home::Line { header: path.len() };
                        entries.push(Entry { path: path.clone(), kind: Kind::Header { span }, home: header.clone() });
                        header
                    }
                    None => home.clone(),
                };
                collect(entries, table, &path, &home);
            }
            Item::ArrayOfTables(tables) => {
                let home = Home::Line { header: path.len() };
                for table in tables {
                    if let Some(span) = table.span() {
                        entries.push(Entry { path: path.clone(), kind: Kind::Header { span }, home: home.clone() });
                    }
                    collect(entries, table, &path, &home);
                }
            }
            Item::Value(Value::InlineTable(inner)) if inner.is_dotted() => collect(entries, inner, &path, home),
            Item::Value(value) => {
                let (Some(key), Some(span)) = (table.key(name).and_then(Key::span), value.span()) else { continue };
                let kind = Kind::Pair { key, value: value.clone(), span: span.clone() };
                entries.push(Entry { path: path.clone(), kind, home: home.clone() });
                if let Value::InlineTable(inner) = value {
                    let home = Home::Inline { braces: span, depth: path.len() };
                    collect(entries, inner, &path, &home);
                }
            }
        }
    }
}
