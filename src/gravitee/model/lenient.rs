//! Reads what a Java peer may write: `null` where a list or map could stand.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// A value, or the default where there is `null`.
pub(super) fn null_as_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A map of texts; entries that are `null` say nothing.
pub(super) fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let entries: BTreeMap<String, Option<String>> = null_as_default(from)?;
    Ok(entries.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}
