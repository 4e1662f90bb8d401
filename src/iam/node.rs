//! A tree of texts, lists and maps whose keys keep their order, so that documents read as people write them.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// A piece of a policy or template. Every scalar in them is text or a truth value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A text.
    Text(String),
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(u64),
    /// A list.
    List(Vec<Node>),
    /// A map in the order in which it is shown.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// A map of what is given.
    pub(super) fn map<const N: usize>(entries: [(&str, Self); N]) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// One text as it is, several as a list: how IAM's own examples write `Action` and `Resource`.
    pub(super) fn one_or_more(texts: impl IntoIterator<Item = String>) -> Self {
        let mut texts: Vec<Self> = texts.into_iter().map(Self::Text).collect();
        if texts.len() == 1 { texts.remove(0) } else { Self::List(texts) }
    }

    /// The same map with one entry more at its end.
    pub(super) fn and(self, key: &str, value: Self) -> Self {
        match self {
            Self::Map(mut entries) => {
                entries.push((key.to_owned(), value));
                Self::Map(entries)
            }
            other => other,
        }
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(value) => serializer.serialize_u64(*value),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}
