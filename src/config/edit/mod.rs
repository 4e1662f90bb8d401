//! Edits of a schedule file's text: what is not meant stays as it is, to the byte.
//!
//! Pure: text in, text out. Only the places that an edit speaks of are replaced, so comments, order, quotes, blank lines and line
//! ends of everything else are kept; `toml_edit` tells where these places are. Writing its document anew would not do: it moves dotted
//! keys together and turns every line end into a bare newline.
//!
//! Whether the text that results is a valid schedule file is not judged here: whoever writes it asks [`super::parse`] first.

mod inline;
mod insert;
mod layout;
mod remove;
mod schedule;
mod value;

pub use schedule::{Key, Setting, keys};
pub use toml_edit::Datetime;
pub use value::Written;

use layout::Layout;

/// A key with its value.
pub type Row = (String, Written);

/// A table of a new connection: the keys that lead to it from the connection's own, which has none, and what it holds.
pub type Table = (Vec<String>, Vec<Row>);

/// What is to be changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Sets or takes out keys of a connection's `auto_onboard`, which is made where there is none.
    Set {
        /// The connection.
        connection: String,
        /// The keys.
        settings: Vec<Setting>,
    },
    /// Switches a schedule on or off; there must be one.
    Enable {
        /// The connection.
        connection: String,
        /// On or off.
        on: bool,
    },
    /// Takes a connection's `auto_onboard` out.
    RemoveSchedule {
        /// The connection.
        connection: String,
    },
    /// Appends a connection.
    AddConnection {
        /// Its name.
        name: String,
        /// Its tables, its own first.
        tables: Vec<Table>,
    },
    /// Takes a connection out.
    RemoveConnection {
        /// The connection.
        connection: String,
    },
}

/// Why a text cannot be edited so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text is not TOML; [`super::parse`] says more.
    #[error("the file is not TOML: {0}")]
    NotToml(String),
    /// There is no such connection.
    #[error("there is no connection {0}")]
    NoConnection(String),
    /// The connection has no schedule.
    #[error("{0} has no schedule")]
    NoSchedule(String),
    /// The connection is there already.
    #[error("there is a connection {0} already")]
    ConnectionExists(String),
    /// The table is written in a way that cannot be edited.
    #[error("{0} is written in a way that cannot be edited by command; edit it by hand")]
    Unwritable(String),
}

const CONNECTIONS: &str = "connections";
const AUTO_ONBOARD: &str = "auto_onboard";

/// The text after an edit; the same text where that changes nothing.
///
/// # Errors
/// What is to be changed is not there, or the text is not TOML.
pub fn edit(text: &str, edit: &Edit) -> Result<String, EditError> {
    // The mark is no part of what is parsed: it stays in front of whatever comes first.
    let (mark, text) = match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest),
        None => ("", text),
    };
    let edited = match edit {
        Edit::Set { connection, settings } => schedule::set(text, &known(text, connection)?, settings)?,
        Edit::Enable { connection, on } => {
            let path = scheduled(text, connection)?;
            schedule::set(text, &path, &[Setting { key: "enabled", to: Some(Written::Boolean(*on)) }])?
        }
        Edit::RemoveSchedule { connection } => {
            let [top, name] = scheduled(text, connection)?;
            remove::table(text, &[top, name, AUTO_ONBOARD])?
        }
        Edit::AddConnection { name, tables } => add(text, name, tables)?,
        Edit::RemoveConnection { connection } => remove::table(text, &known(text, connection)?)?,
    };
    Ok(format!("{mark}{edited}"))
}

/// How a connection's schedule writes each key that it has; nothing where there is no schedule.
#[must_use]
pub fn written(text: &str, connection: &str) -> Vec<(&'static str, String)> {
    let Ok(layout) = Layout::of(text) else { return Vec::new() };
    let of_key = |key: Key| {
        let written = layout.written(&[CONNECTIONS, connection, AUTO_ONBOARD, key.name])?;
        Some((key.name, written.to_owned()))
    };
    keys().filter_map(of_key).collect()
}

/// A value of the file as JSON; dates become texts.
#[must_use]
pub fn json_of(toml: &str) -> Option<serde_json::Value> {
    super::schema::value_of(toml)
}

fn known<'a>(text: &str, connection: &'a str) -> Result<[&'a str; 2], EditError> {
    let path = [CONNECTIONS, connection];
    if Layout::of(text)?.has(&path) { Ok(path) } else { Err(EditError::NoConnection(connection.to_owned())) }
}

fn scheduled<'a>(text: &str, connection: &'a str) -> Result<[&'a str; 2], EditError> {
    let [top, name] = known(text, connection)?;
    if Layout::of(text)?.has(&[top, name, AUTO_ONBOARD]) {
        Ok([top, name])
    } else {
        Err(EditError::NoSchedule(connection.to_owned()))
    }
}

fn add(text: &str, name: &str, tables: &[Table]) -> Result<String, EditError> {
    let layout = Layout::of(text)?;
    if layout.has(&[CONNECTIONS, name]) {
        return Err(EditError::ConnectionExists(name.to_owned()));
    }
    // A name that is none is refused later; until then it may not spoil the text around it.
    let name = toml_edit::Key::new(name);
    let name = name.display_repr();
    if layout.at(&[CONNECTIONS]).is_some_and(|entry| !entry.is_header()) {
        // `connections = { … }` can only grow inside its braces.
        return insert::inline(text, &[CONNECTIONS], &name, tables);
    }
    let header = |below: &[String]| {
        std::iter::once(CONNECTIONS)
            .chain([&*name])
            .chain(below.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(".")
    };
    let sections: Vec<_> = tables.iter().map(|(below, rows)| (header(below), rows.clone())).collect();
    insert::at_the_end(text, &sections)
}

#[cfg(test)]
mod tests;
