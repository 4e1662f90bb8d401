//! Holds a parsed file against the table of keys: unknown and missing keys, kinds and forms of values, each mistake once.
//!
//! Knows one value at a time; what values mean to each other is [`super::check`].

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::format::{self, Format, quoted};
use super::keys::FILE;
use super::report::{Complaint, Report};
use super::shape::{Shape, Table};
use super::{scalar, suggest};

type Value<'a> = Spanned<DeValue<'a>>;

/// Walks a table of fixed keys. `at` is where it is named, `path` the path to it, empty for the file.
pub(super) fn table(
    report: &mut Report<'_>,
    given: &DeTable<'_>,
    table: &'static Table,
    path: &str,
    at: &Range<usize>,
) {
    for (key, value) in given {
        let name = key.get_ref().as_ref();
        let below = join(path, name);
        match table.key(name) {
            Some(known) => self::value(report, value, &known.shape, &below, &key.span()),
            None => unknown_key(report, given, table, &below, key, value),
        }
    }
    for key in table.keys.iter().filter(|key| key.required && lacks(given, table, key.name)) {
        let complaint = match &key.shape {
            Shape::OneOf(kinds) => Complaint::new("is missing").hint(one_of(kinds)),
            _ => missing(key.name, key.example),
        };
        report.error(at, &join(path, key.name), complaint);
    }
}

/// The complaint that a key is missing.
pub(super) fn missing(name: &str, example: Option<&str>) -> Complaint {
    Complaint::new("is missing").maybe(example.map(|example| format!("write {name} = {example}")))
}

fn one_of(kinds: &'static Table) -> String {
    format!("the kinds are {}", listed(kinds.names()))
}

/// Whether a key is neither there nor meant by a misspelt one.
pub(super) fn lacks(given: &DeTable<'_>, table: &'static Table, name: &str) -> bool {
    !given.contains_key(name)
        && !given.keys().any(|key| {
            let key = key.get_ref().as_ref();
            table.key(key).is_none() && meant(given, table, key) == Some(name)
        })
}

/// The key of the table that an unknown one stands for.
fn meant(given: &DeTable<'_>, table: &'static Table, unknown: &str) -> Option<&'static str> {
    suggest::nearest(unknown, table.names().filter(|name| !given.contains_key(*name)))
        .or_else(|| suggest::nearest(unknown, table.names()))
}

fn unknown_key(
    report: &mut Report<'_>,
    given: &DeTable<'_>,
    table: &'static Table,
    path: &str,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Value<'_>,
) {
    let name = key.get_ref().as_ref();
    cover_unknown(report, name, value);
    let hint = meant(given, table, name).map(|name| format!("did you mean \"{name}\"?"));
    let hint = hint.or_else(|| if table.holds_kinds() { Some(kind_of(table, name)) } else { home_of(name) });
    let hint = hint.or_else(|| (table.keys.len() <= 6).then(|| format!("the keys here are {}", listed(table.names()))));
    report.error(&key.span(), path, Complaint::new("is not a known key").maybe(hint));
}

/// Covers every value in what nobody knows the meaning of: a misspelt or misplaced key may hold a secret.
fn cover_unknown(report: &mut Report<'_>, name: &str, value: &Value<'_>) {
    match value.get_ref() {
        DeValue::Table(entries) => {
            entries.iter().for_each(|(key, value)| cover_unknown(report, key.get_ref(), value));
        }
        DeValue::Array(items) => items.iter().for_each(|item| cover_unknown(report, name, item)),
        _ if ["secret", "token", "key", "pass", "auth"].iter().any(|word| name.to_lowercase().contains(word)) => {
            report.cover_secret(&value.span());
        }
        _ => report.cover_unknown(&value.span()),
    }
}

/// Covers a secret, and what it holds where it was written as a list or a table.
fn cover_secret(report: &mut Report<'_>, value: &Value<'_>) {
    report.cover_secret(&value.span());
    match value.get_ref() {
        DeValue::Table(entries) => entries.values().for_each(|value| cover_secret(report, value)),
        DeValue::Array(items) => items.iter().for_each(|item| cover_secret(report, item)),
        _ => {}
    }
}

/// Which kinds have a key that was put beside them, or else which there are.
fn kind_of(kinds: &'static Table, name: &str) -> String {
    let having = kinds.keys.iter().filter(|kind| kind.shape.table().is_some_and(|table| table.key(name).is_some()));
    let having: Vec<&str> = having.map(|kind| kind.name).collect();
    if having.is_empty() { one_of(kinds) } else { format!("it belongs inside {}", having.join(" or ")) }
}

/// The table that a key belongs in, where there is exactly one.
fn home_of(name: &str) -> Option<String> {
    let mut homes = BTreeSet::new();
    collect_homes(&FILE, name, "", &mut homes);
    if homes.len() == 1 { homes.pop_first().map(|home| format!("it belongs in {home}")) } else { None }
}

fn collect_homes(table: &'static Table, name: &str, path: &str, homes: &mut BTreeSet<String>) {
    if table.key(name).is_some() {
        homes.insert(if path.is_empty() { "the file itself".to_owned() } else { format!("[{path}]") });
    }
    for key in table.keys {
        let below = join(path, key.name);
        let below = if matches!(key.shape, Shape::Named(_)) { format!("{below}.NAME") } else { below };
        if let Some(table) = key.shape.table() {
            collect_homes(table, name, &below, homes);
        }
    }
}

/// Walks one value. `key` is where its key stands.
fn value(report: &mut Report<'_>, given: &Value<'_>, shape: &'static Shape, path: &str, key: &Range<usize>) {
    let span = given.span();
    match (shape, given.get_ref()) {
        (Shape::Table(known), DeValue::Table(entries)) => table(report, entries, known, path, key),
        (Shape::OneOf(kinds), DeValue::Table(entries)) => one_kind(report, entries, kinds, path, key),
        (Shape::Named(shape), DeValue::Table(entries)) => named(report, entries, shape, path),
        (Shape::Tables(known), DeValue::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                let below = format!("{path}[{index}]");
                match item.get_ref() {
                    DeValue::Table(entries) => table(report, entries, known, &below, &item.span()),
                    _ => wrong_kind(report, item, "a table", &below, shape),
                }
            }
        }
        (Shape::Map { names, values }, DeValue::Table(entries)) => map(report, entries, *names, values, path),
        (Shape::List { items, never_empty }, DeValue::Array(list)) => {
            if let (true, Some(instead)) = (list.is_empty(), never_empty) {
                report.error(&span, path, Complaint::new("the list is empty").hint(*instead));
            }
            elements(report, list.iter(), items, path, key);
        }
        (Shape::OneOrMore { items, most }, DeValue::Array(list)) => {
            if list.is_empty() || list.len() > *most {
                let what = format!("the list holds {}, not 1 to {most}", list.len());
                report.error(&span, path, Complaint::new(what));
            }
            elements(report, list.iter(), items, path, key);
        }
        (Shape::OneOrMore { items, .. }, _) => {
            value(report, given, items, path, key);
        }
        (Shape::Secret, _) => secret(report, given, path),
        (_, found) => {
            cover_delicate(report, shape, &span);
            match scalar::check(shape, found) {
                Ok(()) => {}
                Err(Some(complaint)) => report.error(&span, path, complaint),
                Err(None) => wrong_kind(report, given, &shape.name(), path, shape),
            }
        }
    }
}

fn cover_delicate(report: &mut Report<'_>, shape: &Shape, span: &Range<usize>) {
    if let Shape::Text(format) | Shape::TextOrReference(format) = shape
        && format.is_delicate()
    {
        report.cover_secret(span);
    }
}

fn elements<'v, 'i: 'v>(
    report: &mut Report<'_>,
    list: impl Iterator<Item = &'v Value<'i>>,
    items: &'static Shape,
    path: &str,
    key: &Range<usize>,
) {
    let mut seen = BTreeSet::new();
    for item in list {
        value(report, item, items, path, key);
        // Durations and arguments may well repeat, and what two secrets have in common is nobody's business.
        if !matches!(items, Shape::Text(Format::Argument))
            && let (Shape::Text(_) | Shape::Choice(_), DeValue::String(text)) = (items, item.get_ref())
            && !seen.insert(text.as_ref())
        {
            report.error(&item.span(), path, Complaint::new(format!("{} is listed twice", quoted(text))));
        }
    }
}

fn one_kind(report: &mut Report<'_>, given: &DeTable<'_>, kinds: &'static Table, path: &str, at: &Range<usize>) {
    table(report, given, kinds, path, at);
    let mut known = given.keys().filter(|key| kinds.key(key.get_ref()).is_some());
    match (known.next(), known.next()) {
        (None, _) if given.is_empty() => {
            report.error(at, path, Complaint::new("names no kind").hint(one_of(kinds)));
        }
        (Some(first), Some(second)) => {
            let (first, second_name) = (first.get_ref(), second.get_ref());
            let what = format!("holds more than one kind, {first} and {second_name}");
            report.error(&second.span(), path, Complaint::new(what).hint("keep one of them"));
        }
        _ => {}
    }
}

fn named(report: &mut Report<'_>, given: &DeTable<'_>, shape: &'static Shape, path: &str) {
    for (key, value) in given {
        let below = join(path, key.get_ref());
        if let Err(complaint) = Format::Name.check(key.get_ref()) {
            report.error(&key.span(), &below, complaint);
        }
        self::value(report, value, shape, &below, &key.span());
    }
}

fn map(report: &mut Report<'_>, given: &DeTable<'_>, names: Format, values: &'static Shape, path: &str) {
    let mut seen = BTreeSet::new();
    for (key, value) in given {
        let name = key.get_ref().as_ref();
        if let Err(complaint) = names.check(name) {
            report.error(&key.span(), path, complaint);
        } else if names == Format::HeaderName && !seen.insert(name.to_ascii_lowercase()) {
            report.error(&key.span(), path, Complaint::new(format!("the header {} stands there twice", quoted(name))));
        }
        self::value(report, value, values, &join(path, name), &key.span());
    }
}

fn secret(report: &mut Report<'_>, given: &Value<'_>, path: &str) {
    let span = given.span();
    cover_secret(report, given);
    match given.get_ref() {
        DeValue::String(text) => {
            if let Err(complaint) = format::text::reference(text) {
                report.error(&span, path, complaint);
            }
        }
        found => {
            let what = format!("must be {}, not {}", Shape::Secret.name(), kind_name(found));
            report.error(&span, path, Complaint::new(what));
        }
    }
}

fn wrong_kind(report: &mut Report<'_>, given: &Value<'_>, wanted: &str, path: &str, shape: &Shape) {
    let found = given.get_ref();
    // A secret may be inside, or this may be one that was put in the wrong place.
    if matches!(found, DeValue::Table(_) | DeValue::Array(_)) || shape.may_hold_secret() {
        cover_unknown(report, "", given);
    }
    let hint = match (shape, found) {
        (Shape::List { .. }, DeValue::String(text)) if text.len() <= 60 => Some(format!("write [{}]", quoted(text))),
        (Shape::Instant | Shape::Date, DeValue::String(_)) => Some("leave out the quotes".to_owned()),
        (Shape::Integer { .. } | Shape::Number | Shape::Boolean, DeValue::String(_)) => {
            Some("leave out the quotes".to_owned())
        }
        _ => None,
    };
    let what = format!("must be {wanted}, not {}", kind_name(found));
    report.error(&given.span(), path, Complaint::new(what).maybe(hint));
}

fn kind_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(moment) if moment.date.is_none() => "a time without quotes",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A path with one more key; a key that is not bare is quoted.
pub(super) fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    let key = if bare && key.len() <= 60 { key.to_owned() } else { quoted(key) };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

fn listed(names: impl Iterator<Item = &'static str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
