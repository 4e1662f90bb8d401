//! The schedule file: raw TOML to checked values, every mistake reported at once.
//!
//! Pure: it is given the text and the path, reads no file and no variable, and resolves no reference to a secret.
//!
//! ```text
//! text ─ toml ─> table with places ─ walk (against keys) ─> check (keys against each other) ─> Config
//!                                        └────────── report: errors and warnings ──────────> Problems
//! ```

mod check;
pub mod diff;
pub mod edit;
mod format;
pub mod gravitee;
mod keys;
pub mod model;
mod offering;
pub mod pattern;
mod problem;
mod read;
pub mod regions;
mod report;
mod scalar;
mod schema;
mod shape;
mod suggest;
mod syntax;
pub mod template;
mod walk;

use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use toml::de::DeTable;

pub(crate) use format::backstage::{is_entity_name, is_entity_ref};

pub use diff::{Changed, Diff, TargetDiff, diff, in_force};
pub use model::*;
pub use offering::Offering;
pub use pattern::{Filter, Pattern, Patterns};
pub use problem::{Excerpt, Problem};
pub use schema::schema;
pub(crate) use suggest::nearest;
pub use template::{IdentityTemplate, NameTemplate, Placeholder};

use report::{Complaint, Report};

/// Where a schedule file is: named in messages, and what relative paths in it are relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    file: PathBuf,
}

impl Place {
    /// The place of a file, as the user named it.
    #[must_use]
    pub fn new(file: &Path) -> Self {
        Self { file: file.to_owned() }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A path that the file holds, joined with the file's folder unless it is absolute. The file system is not asked.
    #[must_use]
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.file.parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
    }
}

/// A file without mistakes.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// What it says.
    pub config: Config,
    /// What is suspicious in it, in the order of the file.
    pub warnings: Vec<Problem>,
}

/// The instant of a local time in a zone: the first valid one after a gap, the first pass of an overlap.
#[must_use]
pub fn instant_of(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    // A zone without any end to a gap has no such local time at all; then its offset does not matter.
    format::time::instant(format::time::Moment::Local(local), zone).unwrap_or_else(|| local.and_utc())
}

/// Parses and checks a schedule file.
///
/// # Errors
/// Every mistake, each once, in the order of the file. Where the text is not TOML, the first few places only:
/// what follows a slip of syntax cannot be judged.
pub fn parse(text: &str, place: &Place) -> Result<Checked, Vec<Problem>> {
    let mut report = Report::new(text, place);
    let (table, slips) = DeTable::parse_recoverable(text);
    if !slips.is_empty() {
        syntax::report(&mut report, text, &slips);
        return Err(report.finish().0);
    }
    walk::table(&mut report, table.get_ref(), &keys::FILE, "", &(0..0));
    let file = read::Node::new(table.get_ref(), &keys::FILE);
    let config = check::file(&mut report, &file, place);
    if config.is_none() && !report.has_errors() {
        report.error(&(0..0), "", Complaint::new("the file could not be read, although no mistake was found in it"));
    }
    let (errors, warnings) = report.finish();
    match config {
        Some(config) if errors.is_empty() => Ok(Checked { config, warnings }),
        _ => Err(errors),
    }
}

#[cfg(test)]
mod tests;
