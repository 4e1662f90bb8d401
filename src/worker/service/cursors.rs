//! Cursors of the lists that HTTP serves: where the last entry of a part stands, as text.

use chrono::DateTime;

use crate::http::{Refusal, RefusalKind};
use crate::inventory::Family;
use crate::registry::{ApiPlace, Mark};
use crate::worker::coverage::Place;

/// Where a run or a due instant stands.
pub(super) fn mark_text(mark: &Mark) -> String {
    let kind = if mark.due { "due" } else { "run" };
    format!("{}~{kind}~{}", mark.at.timestamp_millis(), mark.id)
}

/// The same back.
///
/// # Errors
/// It is no such cursor.
pub(super) fn mark(text: &str) -> Result<Mark, Refusal> {
    let parse = || {
        let (at, rest) = text.split_once('~')?;
        let (kind, id) = rest.split_once('~')?;
        let due = match kind {
            "due" => true,
            "run" => false,
            _ => return None,
        };
        Some(Mark { at: DateTime::from_timestamp_millis(at.parse().ok()?)?, due, id: id.parse().ok()? })
    };
    parse().ok_or_else(|| no_cursor(text))
}

/// Where an API stands.
pub(super) fn api_text(place: &ApiPlace) -> String {
    let ApiPlace { partition, account_id, region, family, api_id } = place;
    [partition.as_str(), account_id, region, family.as_str(), api_id].join("~")
}

/// The same back.
///
/// # Errors
/// It is no such cursor.
pub(super) fn api(text: &str) -> Result<ApiPlace, Refusal> {
    let parts: Vec<&str> = text.split('~').collect();
    let [partition, account_id, region, family, api_id] = parts.as_slice() else { return Err(no_cursor(text)) };
    Ok(ApiPlace {
        partition: (*partition).to_owned(),
        account_id: (*account_id).to_owned(),
        region: (*region).to_owned(),
        family: self::family(family).ok_or_else(|| no_cursor(text))?,
        api_id: (*api_id).to_owned(),
    })
}

/// Where a scope stands, or an account that could not be entered. What is absent is empty.
pub(super) fn covered_text(place: &Place) -> String {
    let Place { account_id, region, family, connection } = place;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [text(account_id), text(region), family.map_or("", Family::as_str).to_owned(), text(connection)].join("~")
}

/// The same back.
///
/// # Errors
/// It is no such cursor.
pub(super) fn covered(text: &str) -> Result<Place, Refusal> {
    let parts: Vec<&str> = text.splitn(4, '~').collect();
    let [account_id, region, family, connection] = parts.as_slice() else { return Err(no_cursor(text)) };
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let family = match *family {
        "" => None,
        word => Some(self::family(word).ok_or_else(|| no_cursor(text))?),
    };
    Ok(Place { account_id: some(account_id), region: some(region), family, connection: some(connection) })
}

/// The number of the last entry.
///
/// # Errors
/// It is no such cursor.
pub(super) fn number(text: &str) -> Result<i64, Refusal> {
    text.parse().map_err(|_none| no_cursor(text))
}

fn family(word: &str) -> Option<Family> {
    Family::ALL.into_iter().find(|known| known.as_str() == word)
}

fn no_cursor(text: &str) -> Refusal {
    let refusal = Refusal::new(RefusalKind::BadRequest, format!("{text} is no cursor of this list"));
    refusal.hint("take it from the Link header of the part before")
}
