//! What a batch of events does to the files.

use std::collections::BTreeSet;
use std::path::Path;

use super::INDEX;
use super::index::{self, Entry, Index};
use crate::config::Event;
use crate::inventory::ApiId;
use crate::targets::folder::Folder;
use crate::targets::{Delivery, Effect, Failure, Verdict, names, remembered};

/// What was done.
#[derive(Debug)]
pub(super) struct Kept {
    /// One for each event.
    pub(super) verdicts: Vec<Verdict>,
    /// The files that the events brought, and the index.
    pub(super) files: Vec<String>,
    /// How many APIs stand in the index now.
    pub(super) apis: u64,
}

/// Writes the files of the events, then the index, then removes what is to be pruned.
///
/// # Errors
/// One sentence, where nothing of it counts as done.
pub(super) fn keep(path: &Path, prune: bool, deliveries: &[Delivery], known: u64) -> Result<Kept, String> {
    let mut folder = Folder::open(path, "index")?;
    let mut index = read(&folder, path, known)?;
    let mut files = BTreeSet::from([INDEX.to_owned()]);
    let mut verdicts = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        verdicts.push(match one(&mut folder, &mut index, prune, delivery, &mut files) {
            Ok(verdict) => verdict,
            Err(failure) => Verdict::Failed(failure),
        });
    }
    folder.sync()?;
    folder.write(INDEX, &index.to_bytes())?;
    folder.sync()?;
    if prune {
        for api in deliveries.iter().filter_map(|delivery| delivery.notice.api.as_ref()) {
            sweep(&mut folder, &index, &api.id())?;
        }
        folder.sync()?;
    }
    Ok(Kept { verdicts, files: files.into_iter().collect(), apis: index.entries.len() as u64 })
}

/// The index as it stands.
fn read(folder: &Folder, path: &Path, known: u64) -> Result<Index, String> {
    let shown = path.join(INDEX);
    match remembered::content(folder.read(INDEX)?, known, &shown)? {
        Some(bytes) => Index::parse(&bytes).map_err(|error| format!("{}: {error}", shown.display())),
        None => Ok(Index::default()),
    }
}

fn one(
    folder: &mut Folder,
    index: &mut Index,
    prune: bool,
    delivery: &Delivery,
    files: &mut BTreeSet<String>,
) -> Result<Verdict, Failure> {
    let Some(id) = delivery.notice.api.as_ref().map(crate::document::ApiDocument::id) else {
        return Ok(Verdict::Unchanged);
    };
    let before = index.entries.get(&id);
    if before.is_some_and(|entry| entry.is_ahead_of(delivery)) {
        return Ok(Verdict::Delivered(Some("a newer event of this API was written already".to_owned())));
    }
    let after = Entry::after(before, delivery, prune);
    let after = after.map_err(|message| Failure { effect: Effect::GiveUp, ..Failure::passing(message) })?;
    let Some((entry, brought)) = after else { return Ok(Verdict::Unchanged) };
    let mut written = 0;
    for file in &brought {
        written += u64::from(folder.write(&file.name, file.text.as_bytes()).map_err(Failure::passing)?);
        files.insert(file.name.clone());
    }
    let gone = Event::parse(&delivery.notice.event) == Some(Event::Gone);
    let said = match (gone, prune) {
        (true, true) => "removed".to_owned(),
        (true, false) => "marked as gone".to_owned(),
        (false, _) if before == Some(&entry) && written == 0 => "nothing to write: all of it stands there".to_owned(),
        (false, _) => format!("{written} of {} files written", brought.len()),
    };
    if gone && prune {
        index.entries.remove(&id);
    } else {
        index.entries.insert(id, entry);
    }
    Ok(Verdict::Delivered(Some(said)))
}

/// Removes the documents of an API that the index does not name.
fn sweep(folder: &mut Folder, index: &Index, api: &ApiId) -> Result<(), String> {
    // What has no folder was given up above.
    let Ok(place) = names::folder_of(api) else { return Ok(()) };
    let entry = index.entries.get(api);
    let named: BTreeSet<&str> = entry.iter().flat_map(|entry| entry.files()).collect();
    for name in folder.names(&place)? {
        let name = format!("{place}/{name}");
        if index::is_document(&name) && !named.contains(name.as_str()) {
            folder.remove(&name)?;
        }
    }
    Ok(())
}
