//! How many APIs a target's file held when it was written last, so that one that is lost is not taken for one that is new.

use std::path::Path;

use serde_json::json;

use super::Memory;

/// How many the file held; 0 where nothing is remembered.
pub(super) async fn recall(memory: &dyn Memory) -> Result<u64, String> {
    Ok(memory.recall(None).await?.and_then(|kept| kept["apis"].as_u64()).unwrap_or(0))
}

/// Remembers how many it holds now.
pub(super) async fn keep(memory: &dyn Memory, before: u64, now: u64) -> Result<(), String> {
    if before == now { Ok(()) } else { memory.keep(None, json!({ "apis": now })).await }
}

/// What stands in the file; `None` for one that is to be begun. One that is gone is not begun anew by itself, for it would lack what it
/// held; an empty file says that this is meant.
///
/// # Errors
/// The sentence on a file that is gone.
pub(super) fn content(read: Option<Vec<u8>>, held: u64, file: &Path) -> Result<Option<Vec<u8>>, String> {
    match read {
        None if held > 0 => Err(format!(
            "{} is gone, which held {held} APIs: put it back, or put an empty file there and have them delivered anew \
             (aboard onboard --redeliver)",
            file.display()
        )),
        read => Ok(read.filter(|bytes| !bytes.is_empty())),
    }
}
