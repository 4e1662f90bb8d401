//! The vocabulary in which [`super::keys`] describes the schedule file: tables, keys and the kinds of value they take.
//!
//! One description serves the check of a file, its error messages and the JSON Schema, so that they cannot disagree.

use super::format::Format;

/// A table with fixed keys.
#[derive(Debug)]
pub(super) struct Table {
    /// What it is for, one sentence.
    pub(super) doc: &'static str,
    /// What it may hold.
    pub(super) keys: &'static [Key],
}

impl Table {
    /// The key of that name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Whether its keys are kinds, each a table of its own.
    pub(super) fn holds_kinds(&self) -> bool {
        self.keys.iter().all(|key| matches!(key.shape, Shape::Table(_)))
    }

    /// The names of its keys.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }
}

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// What it means, one sentence.
    pub(super) doc: &'static str,
    /// Whether the table is wrong without it, whatever else it holds.
    pub(super) required: bool,
    /// What holds without it, as TOML; absent where that is not one value.
    pub(super) default: Option<&'static str>,
    /// A value, as TOML; absent where it has keys of its own.
    pub(super) example: Option<&'static str>,
}

impl Key {
    pub(super) const fn new(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, shape, doc, required: false, default: None, example: None }
    }

    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(super) const fn default(self, toml: &'static str) -> Self {
        Self { default: Some(toml), ..self }
    }

    pub(super) const fn example(self, toml: &'static str) -> Self {
        Self { example: Some(toml), ..self }
    }
}

/// A kind of value.
#[derive(Debug)]
pub(super) enum Shape {
    /// A table with fixed keys.
    Table(&'static Table),
    /// A table whose keys are kinds, of which it holds exactly one.
    OneOf(&'static Table),
    /// Tables of one shape under names that the user gives.
    Named(&'static Shape),
    /// A list of tables.
    Tables(&'static Table),
    /// Values under names that the user gives.
    Map {
        /// What a name must be.
        names: Format,
        values: &'static Shape,
    },
    /// A list.
    List {
        items: &'static Shape,
        /// What an empty list would mean and does not: absent where it may be empty.
        never_empty: Option<&'static str>,
    },
    /// One value, or a list of one to so many.
    OneOrMore { items: &'static Shape, most: usize },
    /// A text of a certain form.
    Text(Format),
    /// A secret, by reference only.
    Secret,
    /// A text of a certain form, or a reference to one.
    TextOrReference(Format),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer { least: i64, most: i64 },
    /// A finite number that is not negative.
    Number,
    /// A duration such as `"1h 30m"`, in seconds.
    Duration { least: u64, most: u64 },
    /// A weekday, a day of the month from 1 to 28, or `"last"`.
    Day,
    /// A TOML date.
    Date,
    /// A TOML date, or date and time with or without an offset.
    Instant,
}

impl Shape {
    /// The table that a value of it is, or that each of its tables is.
    pub(super) fn table(&self) -> Option<&'static Table> {
        match self {
            Self::Table(table) | Self::OneOf(table) | Self::Tables(table) => Some(table),
            Self::Named(tables) => tables.table(),
            _ => None,
        }
    }

    /// What a value of it is called.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Table(_) | Self::OneOf(_) | Self::Named(_) | Self::Map { .. } => "a table".to_owned(),
            Self::Tables(_) => "a list of tables".to_owned(),
            Self::List { .. } => "a list".to_owned(),
            Self::OneOrMore { items, .. } => format!("{} or a list", items.name()),
            Self::Text(Format::Time) => "a time in quotes such as \"02:30\"".to_owned(),
            Self::Text(_) | Self::TextOrReference(_) | Self::Choice(_) => "a text in quotes".to_owned(),
            Self::Secret => "a reference in quotes, \"env:NAME\" or \"file:/path\"".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Integer { .. } => "a whole number".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Duration { .. } => "a duration in quotes such as \"15m\"".to_owned(),
            Self::Day => "a weekday in quotes, a day of the month from 1 to 28, or \"last\"".to_owned(),
            Self::Date => "a date without quotes such as 2027-03-31".to_owned(),
            Self::Instant => "a date without quotes such as 2026-01-01, or a date and time".to_owned(),
        }
    }

    /// Whether a secret is somewhere in it, so that whatever stands in its place may be one.
    pub(super) fn may_hold_secret(&self) -> bool {
        match self {
            Self::Secret => true,
            Self::Table(table) | Self::OneOf(table) | Self::Tables(table) => {
                table.keys.iter().any(|key| key.shape.may_hold_secret())
            }
            Self::Named(items)
            | Self::Map { values: items, .. }
            | Self::List { items, .. }
            | Self::OneOrMore { items, .. } => items.may_hold_secret(),
            _ => false,
        }
    }
}
