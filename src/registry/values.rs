//! How times, words and lists stand in the tables.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::inventory::{Family, InstanceKind};

/// An instant as unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At(pub(super) DateTime<Utc>);

impl ToSql for At {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.timestamp_millis().into())
    }
}

impl FromSql for At {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let millis = value.as_i64()?;
        DateTime::from_timestamp_millis(millis).map(Self).ok_or(FromSqlError::OutOfRange(millis))
    }
}

/// An instant without what the tables cannot hold, so that it compares equal once it was stored.
pub(super) fn whole_millis(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at)
}

/// An instant for a statement.
pub(super) fn at(time: Option<DateTime<Utc>>) -> Option<At> {
    time.map(At)
}

/// An instant of a row.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<DateTime<Utc>>> {
    Ok(row.get::<_, Option<At>>(column)?.map(|at| at.0))
}

/// A word of a row; one that this binary does not know is damage.
pub(super) fn word<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| foreign(column, format!("unknown word `{text}`")))
}

/// A word of a row that may be absent.
pub(super) fn word_or_none<T>(
    row: &Row<'_>,
    column: usize,
    parse: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => word(row, column, parse).map(Some),
    }
}

/// JSON of a row.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}

/// JSON of a row that may be absent.
pub(super) fn json_or_none<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => json(row, column).map(Some),
    }
}

/// A list of names of a row.
pub(super) fn names(row: &Row<'_>, column: usize) -> rusqlite::Result<BTreeSet<String>> {
    // Nearly always empty, and read for every API of a scope.
    match row.get_ref(column)?.as_bytes()? {
        b"[]" => Ok(BTreeSet::new()),
        _ => json(row, column),
    }
}

/// A value as JSON for a statement.
pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// A count for a statement.
pub(super) fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count of a row.
pub(super) fn counted(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// The family of that name.
pub(super) fn family(text: &str) -> Option<Family> {
    Family::ALL.into_iter().find(|family| family.as_str() == text)
}

/// The kind of address of that name.
pub(super) fn instance_kind(text: &str) -> Option<InstanceKind> {
    [InstanceKind::CustomDomain, InstanceKind::ExecuteApi, InstanceKind::VpcEndpoint]
        .into_iter()
        .find(|kind| kind.as_str() == text)
}

fn foreign(column: usize, message: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, message.into())
}

/// A day of a row.
pub(super) fn date(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<NaiveDate>> {
    word_or_none(row, column, |text| text.parse().ok())
}
