//! Reads values out of a walked table: what is there and right, and nothing else.
//!
//! A value that [`super::walk`] complained about reads as absent, so that no mistake is reported twice.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

use super::pattern::{Pattern, Patterns};
use super::shape::{Shape, Table};
use super::walk;
use super::{Place, SecretRef, Value, format, scalar};

/// A table of the file with its description and its place.
#[derive(Clone)]
pub(super) struct Node<'a> {
    entries: &'a DeTable<'a>,
    table: &'static Table,
    path: String,
    at: Range<usize>,
}

impl<'a> Node<'a> {
    pub(super) fn new(entries: &'a DeTable<'a>, table: &'static Table) -> Self {
        Self { entries, table, path: String::new(), at: 0..0 }
    }

    /// Where the table is named.
    pub(super) fn at(&self) -> &Range<usize> {
        &self.at
    }

    /// The path of one of its keys.
    pub(super) fn path(&self, key: &str) -> String {
        walk::join(&self.path, key)
    }

    /// Whether a key is there, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Whether a key is neither there nor meant by a misspelt one.
    pub(super) fn lacks(&self, key: &str) -> bool {
        walk::lacks(self.entries, self.table, key)
    }

    /// Where the value of a key stands; where the table is named, if there is none.
    pub(super) fn span(&self, key: &str) -> Range<usize> {
        self.entries.get(key).map_or_else(|| self.at.clone(), Spanned::span)
    }

    /// Where a key stands; where the table is named, if there is none.
    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.entries.get_key_value(key).map_or_else(|| self.at.clone(), |(key, _)| key.span())
    }

    /// The example of a key.
    pub(super) fn example(&self, key: &str) -> Option<&'static str> {
        self.table.key(key).and_then(|key| key.example)
    }

    fn raw(&self, key: &str) -> Option<(&'a Spanned<DeValue<'a>>, &'static Shape)> {
        Some((self.entries.get(key)?, &self.table.key(key)?.shape))
    }

    fn scalar(&self, key: &str) -> Option<&'a DeValue<'a>> {
        let (value, shape) = self.raw(key)?;
        scalar::check(shape, value.get_ref()).is_ok().then(|| value.get_ref())
    }

    /// A table below.
    pub(super) fn table(&self, key: &str) -> Option<Node<'a>> {
        let (value, shape) = self.raw(key)?;
        let (Shape::Table(table) | Shape::OneOf(table)) = shape else { return None };
        let at = self.key_span(key);
        Some(Node { entries: value.get_ref().as_table()?, table, path: self.path(key), at })
    }

    /// The tables under names of the user's choice, in the order of the file.
    pub(super) fn named(&self, key: &str) -> Vec<(&'a str, Node<'a>)> {
        let Some((value, Shape::Named(shape))) = self.raw(key) else { return Vec::new() };
        let Some(table) = shape.table() else { return Vec::new() };
        let entries = value.get_ref().as_table().into_iter().flatten();
        let path = self.path(key);
        let nodes = entries.filter_map(|(name, value)| {
            let path = walk::join(&path, name.get_ref());
            let node = Node { entries: value.get_ref().as_table()?, table, path, at: name.span() };
            Some((name.get_ref().as_ref(), node))
        });
        nodes.collect()
    }

    /// The tables of a list.
    pub(super) fn tables(&self, key: &str) -> Vec<Node<'a>> {
        let Some((value, Shape::Tables(table))) = self.raw(key) else { return Vec::new() };
        let items = value.get_ref().as_array().into_iter().flat_map(|items| items.iter()).enumerate();
        let path = self.path(key);
        let nodes = items.filter_map(|(index, item)| {
            let path = format!("{path}[{index}]");
            Some(Node { entries: item.get_ref().as_table()?, table, path, at: item.span() })
        });
        nodes.collect()
    }

    /// The kind that a table of kinds holds, if it holds one.
    pub(super) fn kind(&self) -> Option<(&'static str, Node<'a>)> {
        let mut kinds = self.table.names().filter(|name| self.has(name));
        match (kinds.next(), kinds.next()) {
            (Some(name), None) => Some((name, self.table(name)?)),
            _ => None,
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.scalar(key)?.as_str()
    }

    pub(super) fn boolean(&self, key: &str) -> Option<bool> {
        self.scalar(key)?.as_bool()
    }

    pub(super) fn integer(&self, key: &str) -> Option<i64> {
        self.scalar(key).and_then(scalar::integer)
    }

    pub(super) fn number(&self, key: &str) -> Option<f64> {
        self.scalar(key).and_then(scalar::number)
    }

    pub(super) fn duration(&self, key: &str) -> Option<Duration> {
        format::time::duration(self.text(key)?).ok()
    }

    pub(super) fn datetime(&self, key: &str) -> Option<&'a Datetime> {
        self.scalar(key)?.as_datetime()
    }

    /// A path, resolved against the file's folder.
    pub(super) fn file(&self, key: &str, place: &Place) -> Option<std::path::PathBuf> {
        self.text(key).map(|path| place.resolve(path))
    }

    /// The right ones of a list of texts, or of one text, each with its place; none where the key is absent.
    pub(super) fn texts(&self, key: &str) -> Vec<(&'a str, Range<usize>)> {
        let Some((value, shape)) = self.raw(key) else { return Vec::new() };
        texts_of(value, shape)
    }

    /// Globs of a list.
    pub(super) fn patterns(&self, key: &str) -> Patterns {
        compile(self.texts(key).iter().map(|(text, _)| *text))
    }

    /// A map of tag keys to globs.
    pub(super) fn pattern_map(&self, key: &str) -> Vec<(&'a str, Patterns)> {
        let Some((value, Shape::Map { values, .. })) = self.raw(key) else { return Vec::new() };
        let entries = value.get_ref().as_table().into_iter().flatten();
        let patterns = |value| compile(texts_of(value, values).iter().map(|(text, _)| *text));
        entries.map(|(name, value)| (name.get_ref().as_ref(), patterns(value))).collect()
    }

    /// A reference to a secret.
    pub(super) fn secret(&self, key: &str, place: &Place) -> Option<SecretRef> {
        reference(self.raw(key)?.0.get_ref().as_str()?, place)
    }

    /// One reference or a list of them.
    pub(super) fn secrets(&self, key: &str, place: &Place) -> Vec<SecretRef> {
        let Some((value, _)) = self.raw(key) else { return Vec::new() };
        match value.get_ref() {
            DeValue::Array(items) => {
                items.iter().filter_map(|item| reference(item.get_ref().as_str()?, place)).collect()
            }
            single => single.as_str().and_then(|text| reference(text, place)).into_iter().collect(),
        }
    }

    /// A map of names to references.
    pub(super) fn secret_map(&self, key: &str, place: &Place) -> Vec<(&'a str, SecretRef)> {
        let entries = self.raw(key).and_then(|(value, _)| value.get_ref().as_table()).into_iter().flatten();
        let pairs = entries
            .filter_map(|(name, value)| Some((name.get_ref().as_ref(), reference(value.get_ref().as_str()?, place)?)));
        pairs.collect()
    }

    /// A text that may be a reference.
    pub(super) fn literal_or_reference(&self, key: &str, place: &Place) -> Option<Value> {
        let text = self.text(key)?;
        Some(reference(text, place).map_or_else(|| Value::Literal(text.to_owned()), Value::Ref))
    }
}

fn texts_of<'a>(value: &'a Spanned<DeValue<'a>>, shape: &'static Shape) -> Vec<(&'a str, Range<usize>)> {
    let (Shape::List { items, .. } | Shape::OneOrMore { items, .. }) = shape else { return Vec::new() };
    let right = |value: &'a Spanned<DeValue<'a>>| {
        scalar::check(items, value.get_ref()).ok()?;
        Some((value.get_ref().as_str()?, value.span()))
    };
    match (shape, value.get_ref()) {
        (_, DeValue::Array(list)) => list.iter().filter_map(right).collect(),
        (Shape::OneOrMore { .. }, _) => right(value).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The globs among texts that were found right before.
pub(super) fn compile<'t>(texts: impl Iterator<Item = &'t str>) -> Patterns {
    Patterns::new(texts.filter_map(|text| Pattern::new(text).ok()).collect())
}

fn reference(text: &str, place: &Place) -> Option<SecretRef> {
    format::text::reference(text).ok()?;
    match text.split_once(':')? {
        ("env", name) => Some(SecretRef::Env(name.to_owned())),
        (_, path) => Some(SecretRef::File(place.resolve(path))),
    }
}
