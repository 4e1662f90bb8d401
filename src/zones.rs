//! Zone data: the newer of what this binary was built with and what the system has.
//!
//! Governments change their clocks at weeks' notice; the system's tzdata is updated in place, a binary is not. Nothing
//! about the system's files can stop anything: what is missing, broken or too large falls back to the embedded data, with a warning.
//! Which schedules there are is not known here.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{IANA_TZDB_VERSION, Tz};
use serde::Serialize;

use crate::config::Recurrence;
use crate::schedule::{Disagreement, Due, Zone, disagreement, moved};

/// Where the system keeps its zone files when `TZDIR` does not say.
const SYSTEM: &str = "/usr/share/zoneinfo";
/// Files whose first line says of which version the zone files are: IANA's own, and the BSDs'.
const VERSION_FILES: [&str; 2] = ["tzdata.zi", "+VERSION"];
/// A zone file is a few kilobytes; this is room enough and cannot fill the memory.
const LARGEST: u64 = 256 * 1024;
/// How far ahead two sources are compared.
const AHEAD: TimeDelta = TimeDelta::days(400);

/// Where zone data comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// This binary.
    Embedded,
    /// The system's files.
    System,
}

impl Source {
    /// `embedded` or `system`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::System => "system",
        }
    }
}

/// The zone data in use. Zones are read when they are first asked for and kept; when [`ZoneData::has_changed`], load it anew.
#[derive(Debug, Serialize)]
pub struct ZoneData {
    source: Source,
    version: String,
    /// The version of the data that is not used, where there is such.
    other_version: Option<String>,
    #[serde(skip)]
    folder: PathBuf,
    #[serde(skip)]
    seen: BTreeMap<&'static str, Option<Stamp>>,
    #[serde(skip)]
    read: Mutex<BTreeMap<&'static str, Reading>>,
}

/// What tells one state of a file from another.
type Stamp = (i64, i64, u64, u64);

/// Schedules of one zone, by connection.
type Schedules<'a> = Vec<(&'a str, &'a Recurrence)>;

/// What came of reading the system's file of a zone.
#[derive(Clone, Debug)]
struct Reading {
    stamp: Option<Stamp>,
    zone: Result<Zone, String>,
}

/// A zone for which the two sources disagree in the next 400 days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The zone.
    pub zone: Tz,
    /// Since when, and both offsets: first the one that is used.
    pub disagreement: Disagreement,
    /// Each schedule that it moves: the connection, its first such instant, and the same by the data that is not used.
    pub moved: Vec<(String, Due, Due)>,
    used: String,
    unused: String,
}

impl ZoneData {
    /// Chooses the newer of the embedded and the system's data; the embedded where they are equally new. The system's is in `tzdir` or,
    /// without one, in `/usr/share/zoneinfo`.
    #[must_use]
    pub fn load(tzdir: Option<&Path>) -> Self {
        let folder = tzdir.unwrap_or(Path::new(SYSTEM)).to_owned();
        let seen = VERSION_FILES.into_iter().map(|name| (name, stamp(&folder.join(name)))).collect();
        let system = VERSION_FILES.iter().find_map(|name| version(&folder.join(name)));
        let embedded = IANA_TZDB_VERSION.to_owned();
        let (source, version, other_version) = match system {
            Some(system) if system > embedded => (Source::System, system, Some(embedded)),
            other => (Source::Embedded, embedded, other),
        };
        Self { source, version, other_version, folder, seen, read: Mutex::default() }
    }

    /// The same folder's data as it is now.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self::load(Some(&self.folder))
    }

    /// Which data is used.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// Its version, such as `2026f`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A zone, by the data that is used.
    #[must_use]
    pub fn zone(&self, tz: Tz) -> Zone {
        match self.source {
            Source::Embedded => Zone::embedded(tz),
            Source::System => self.reading(tz).zone.unwrap_or_else(|_| Zone::embedded(tz)),
        }
    }

    /// What went wrong with the zones that were asked for so far: those fell back to the embedded data.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        if self.source == Source::Embedded {
            return Vec::new();
        }
        let read = self.kept();
        let broken = read.iter().filter_map(|(name, reading)| {
            let cause = reading.zone.as_ref().err()?;
            let path = self.folder.join(name).display().to_string();
            Some(format!(
                "the zone file {path} cannot be used ({cause}); {name} follows aboard's own zone data, {IANA_TZDB_VERSION}"
            ))
        });
        broken.collect()
    }

    /// Whether the system's data is other than it was when this was loaded, or a zone's file when it was read.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        let other = |name: &str, then: &Option<Stamp>| stamp(&self.folder.join(name)) != *then;
        self.seen.iter().any(|(name, then)| other(name, then))
            || self.kept().iter().any(|(name, reading)| other(name, &reading.stamp))
    }

    /// Where both sources disagree about the zone of a schedule in the next 400 days; each zone once, in the order of their names.
    #[must_use]
    pub fn differences<'a>(
        &self,
        schedules: impl IntoIterator<Item = (&'a str, &'a Recurrence, Tz)>,
        now: DateTime<Utc>,
    ) -> Vec<Difference> {
        let Some(other_version) = &self.other_version else { return Vec::new() };
        let until = now + AHEAD;
        let mut by_zone = BTreeMap::<&str, (Tz, Schedules<'_>)>::new();
        for (connection, recurrence, tz) in schedules {
            by_zone.entry(tz.name()).or_insert((tz, Vec::new())).1.push((connection, recurrence));
        }
        let name = |source, version: &str| match source {
            Source::System => format!("the system's zone data ({version})"),
            Source::Embedded => format!("aboard's own ({version})"),
        };
        let (system, embedded) = match self.source {
            Source::System => (name(Source::System, &self.version), name(Source::Embedded, other_version)),
            Source::Embedded => (name(Source::System, other_version), name(Source::Embedded, &self.version)),
        };
        let difference = |(tz, schedules): (Tz, Schedules<'_>)| {
            let (system_zone, own) = (self.reading(tz).zone.ok()?, Zone::embedded(tz));
            let (used, unused, used_name, unused_name) = match self.source {
                Source::System => (system_zone, own, &system, &embedded),
                Source::Embedded => (own, system_zone, &embedded, &system),
            };
            let disagreement = disagreement(&used, &unused, now, until)?;
            let moved = schedules.into_iter().filter_map(|(connection, recurrence)| {
                let (by_used, by_unused) = moved(recurrence, &used, &unused, &disagreement, now, until)?;
                Some((connection.to_owned(), by_used, by_unused))
            });
            let (used, unused) = (used_name.clone(), unused_name.clone());
            Some(Difference { zone: tz, disagreement, moved: moved.collect(), used, unused })
        };
        by_zone.into_values().filter_map(difference).collect()
    }

    fn reading(&self, tz: Tz) -> Reading {
        let read = || {
            let path = self.folder.join(tz.name());
            // Taken first: a file that is replaced meanwhile counts as changed.
            let stamp = stamp(&path);
            let zone = contents(&path).map_err(|error| error.to_string());
            let zone = zone.and_then(|bytes| Zone::from_tzif(tz, &bytes).map_err(|error| error.to_string()));
            Reading { stamp, zone }
        };
        self.kept().entry(tz.name()).or_insert_with(read).clone()
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<&'static str, Reading>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { zone, disagreement: Disagreement { at, one, other }, moved, used, unused } = self;
        let at = at.format("%Y-%m-%d %H:%M");
        write!(f, "{zone} is UTC{one} from {at} UTC on by {used}, which counts, and UTC{other} by {unused}")?;
        for (connection, by_used, by_unused) in moved {
            let (by_used, by_unused) = (by_used.at.format("%Y-%m-%d %H:%M"), by_unused.at.format("%Y-%m-%d %H:%M"));
            write!(f, "; {connection} is due at {by_used} UTC, not at {by_unused}")?;
        }
        Ok(())
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let data = fs::metadata(path).ok()?;
    Some((data.mtime(), data.mtime_nsec(), data.size(), data.ino()))
}

/// The version that a file's first line tells: `# version 2026f`, or `2026f` alone.
fn version(path: &Path) -> Option<String> {
    let mut start = Vec::new();
    regular(path).ok()?.take(100).read_to_end(&mut start).ok()?;
    let line = String::from_utf8_lossy(&start);
    let line = line.lines().next()?;
    version_in(line.strip_prefix("# version ").unwrap_or(line))
}

/// Four digits and letters, whatever follows: distributions add to it.
fn version_in(text: &str) -> Option<String> {
    let (year, rest) = text.trim().split_at_checked(4)?;
    let letters: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
    (year.bytes().all(|byte| byte.is_ascii_digit()) && !letters.is_empty()).then(|| format!("{year}{letters}"))
}

/// A file of bounded size.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    regular(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("it is too large for a zone file"));
    }
    Ok(bytes)
}

/// Opens what is a file and nothing else: a pipe would keep its reader waiting for ever.
fn regular(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    File::open(path)
}
