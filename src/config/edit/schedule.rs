//! What a change of a schedule's keys takes with it: a cron expression and a frequency exclude each other, a daily schedule has no day.

use super::value::Written;
use super::{AUTO_ONBOARD, EditError, Row, insert, remove};
use crate::config::edit::layout::{Kind, Layout};
use crate::config::keys;

/// A key of a schedule with what it is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The key's name.
    pub key: &'static str,
    /// Its value; absent = it is taken out.
    pub to: Option<Written>,
}

/// A key that a schedule may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What holds without it, as TOML; absent where that is not one value.
    pub default: Option<&'static str>,
}

/// Every key that a schedule may have, in the order in which they are written.
pub fn keys() -> impl Iterator<Item = Key> {
    keys::AUTO_ONBOARD.keys.iter().map(|key| Key { name: key.name, default: key.default })
}

/// Sets keys of the schedule of the connection at `path`.
pub(super) fn set(text: &str, path: &[&str; 2], settings: &[Setting]) -> Result<String, EditError> {
    let table = [path[0], path[1], AUTO_ONBOARD];
    if !Layout::of(text)?.has(&table) {
        let rows = rows(settings);
        return if rows.is_empty() { Ok(text.to_owned()) } else { insert::table(text, path, AUTO_ONBOARD, &rows) };
    }
    let mut text = text.to_owned();
    // What stands instead of something else is put beside it before that goes, so that it takes its place.
    for (key, to) in settings.iter().filter_map(|setting| Some((setting.key, setting.to.as_ref()?))) {
        text = put(&text, &table, key, to, stands_instead(settings, key))?;
    }
    for key in outdated(settings) {
        text = remove::key(&text, &[table[0], table[1], table[2], key])?;
    }
    Ok(text)
}

fn rows(settings: &[Setting]) -> Vec<Row> {
    let given = |key: Key| {
        let setting = settings.iter().rfind(|setting| setting.key == key.name)?;
        Some((key.name.to_owned(), setting.to.clone()?))
    };
    keys().filter_map(given).collect()
}

const CALENDAR: [&str; 3] = ["frequency", "day", "time"];

/// The keys that have no place any more.
fn outdated(settings: &[Setting]) -> Vec<&'static str> {
    let set = |key: &str| settings.iter().any(|setting| setting.key == key && setting.to.is_some());
    let daily = Written::Text("daily".to_owned());
    let mut outdated: Vec<&'static str> =
        settings.iter().filter(|setting| setting.to.is_none()).map(|setting| setting.key).collect();
    let calendar = CALENDAR.into_iter().any(set);
    match (set("cron"), calendar) {
        (true, false) => outdated.extend(CALENDAR),
        (false, true) => outdated.push("cron"),
        // Both together are a mistake, which the file's check explains.
        (true, true) | (false, false) => {}
    }
    if settings.iter().any(|setting| setting.key == "frequency" && setting.to.as_ref() == Some(&daily)) && !set("day") {
        outdated.push("day");
    }
    outdated
}

/// Whether a key must be written even where it is the default, as what it follows from goes.
fn stands_instead(settings: &[Setting], key: &str) -> bool {
    key == "frequency" && outdated(settings).contains(&"cron")
}

fn put(text: &str, table: &[&str; 3], key: &str, to: &Written, even_default: bool) -> Result<String, EditError> {
    let path = [table[0], table[1], table[2], key];
    let layout = Layout::of(text)?;
    if let (Some(value), Some(entry)) = (layout.value(&path), layout.at(&path)) {
        let Kind::Pair { span, .. } = &entry.kind else { return Err(EditError::Unwritable(path.join("."))) };
        if to.is_said_by(value) {
            return Ok(text.to_owned());
        }
        let written = to.like(&text[span.clone()]);
        return Ok(format!("{}{written}{}", &text[..span.start], &text[span.end..]));
    }
    let default = keys().find(|known| known.name == key).and_then(|known| known.default);
    let had_cron = layout.value(&[table[0], table[1], table[2], "cron"]).is_some();
    if default.is_some_and(|default| to.is_said_by_text(default)) && !(even_default && had_cron) {
        return Ok(text.to_owned());
    }
    let order: Vec<&str> = keys().map(|key| key.name).collect();
    insert::key(text, table, &(key.to_owned(), to.clone()), &order)
}
