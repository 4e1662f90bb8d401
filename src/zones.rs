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

/// A schedule's recurrence under the name of its connection.
type Named<'a> = (&'a str, &'a Recurrence);

/// What tells one state of a file from another.
type Stamp = (i64, i64, u64, u64);

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
        let mut by_zone: BTreeMap<&str, (Tz, Vec<Named<'_>>)> = BTreeMap::new();
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
        let difference = |(tz, schedules): (Tz, Vec<Named<'_>>)| {
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    const NEWER: &str = "# version 2099a\n# This zic input file is in the public domain.\n";

    /// A zone file of version 2 (RFC 9636): changes as (instant, new offset), which offset counts before them, and the rule after
    /// them, whose name must be that of the changes: LMT.
    fn tzif(before: i32, changes: &[(i64, i32)], after: &str) -> Vec<u8> {
        let header = |changes: u32, types: u32| {
            let mut header = b"TZif2".to_vec();
            header.extend([0; 15]);
            let counts = [0, 0, 0, changes, types, 4];
            header.extend(counts.into_iter().flat_map(u32::to_be_bytes));
            header
        };
        let kind = |offset: i32| [&offset.to_be_bytes()[..], &[0, 0]].concat();
        let mut file = [header(0, 1), kind(before), b"LMT\0".to_vec()].concat();
        let number = u32::try_from(changes.len()).unwrap();
        file.extend(header(number, number + 1));
        file.extend(changes.iter().flat_map(|(at, _)| at.to_be_bytes()));
        file.extend(1..=u8::try_from(number).unwrap());
        file.extend(kind(before));
        file.extend(changes.iter().flat_map(|(_, offset)| kind(*offset)));
        file.extend(b"LMT\0");
        file.extend(format!("\n{after}\n").bytes());
        file
    }

    /// Vancouver as it has been since 2026b: on summer time for good, where 2025b would have it change on 1 November 2026.
    fn vancouver() -> Vec<u8> {
        tzif(-8 * 3600, &[(at("2026-03-08T10:00:00Z").timestamp(), -7 * 3600)], "LMT7")
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn system(files: &[(&str, &[u8])]) -> (TempDir, ZoneData) {
        let folder = TempDir::new().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let data = ZoneData::load(Some(folder.path()));
        (folder, data)
    }

    fn monday_at_nine() -> Recurrence {
        Recurrence::Weekly { day: chrono::Weekday::Mon, time: "09:00:00".parse().unwrap() }
    }

    fn next(zone: &Zone) -> DateTime<Utc> {
        crate::schedule::next(&monday_at_nine(), zone, at("2026-11-21T00:00:00Z")).unwrap().at
    }

    #[test]
    fn newer_data_of_the_system_moves_monday_in_vancouver() {
        let (_folder, data) = system(&[("tzdata.zi", NEWER.as_bytes()), ("America/Vancouver", &vancouver())]);
        assert_eq!((data.source(), data.version()), (Source::System, "2099a"));
        assert_eq!(next(&Zone::embedded(Tz::America__Vancouver)), at("2026-11-23T17:00:00Z"));
        assert_eq!(next(&data.zone(Tz::America__Vancouver)), at("2026-11-23T16:00:00Z"));
        assert_eq!(data.warnings(), [""; 0]);
    }

    #[test]
    fn older_equal_or_undated_data_of_the_system_is_not_used() {
        let own = format!("# version {IANA_TZDB_VERSION}\n");
        for version in [
            "# version 2019c\n",
            own.as_str(),
            "",
            "version 2099a",
            "# version 2099",
            "\u{fffd}2099a",
            "# version ä€2099a",
        ] {
            let (_folder, data) = system(&[("tzdata.zi", version.as_bytes()), ("America/Vancouver", &vancouver())]);
            assert_eq!((data.source(), data.version()), (Source::Embedded, IANA_TZDB_VERSION), "{version:?}");
            assert_eq!(next(&data.zone(Tz::America__Vancouver)), at("2026-11-23T17:00:00Z"));
            assert_eq!(data.warnings(), [""; 0]);
        }
        assert_eq!(ZoneData::load(Some(Path::new("/no/such/folder"))).source(), Source::Embedded);
    }

    #[test]
    fn the_version_is_read_from_either_file_and_in_either_form() {
        for (name, text) in [("+VERSION", "2099a"), ("+VERSION", "2099a\n"), ("tzdata.zi", "# version 2099a-dirty\n")] {
            let (_folder, data) = system(&[(name, text.as_bytes())]);
            assert_eq!(data.version(), "2099a", "{name}: {text}");
        }
        let (_folder, data) = system(&[("tzdata.zi", b"nonsense"), ("+VERSION", b"2099za")]);
        assert_eq!(data.version(), "2099za");
    }

    #[test]
    fn a_missing_broken_or_endless_file_falls_back_and_is_named() {
        let (folder, data) = system(&[
            ("tzdata.zi", NEWER.as_bytes()),
            ("Europe/London", b"TZif2 and then nothing of use"),
            ("Europe/Paris", &vec![b'x'; 300_000]),
            ("Asia/Tokyo/not-a-file", b""),
        ]);
        symlink("/dev/zero", folder.path().join("Europe/Rome")).unwrap();
        nix::unistd::mkfifo(&folder.path().join("Europe/Oslo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let zones =
            [Tz::Europe__London, Tz::Europe__Paris, Tz::Asia__Tokyo, Tz::Europe__Rome, Tz::Europe__Oslo, Tz::UTC];
        for tz in zones {
            let (zone, own) = (data.zone(tz), Zone::embedded(tz));
            assert_eq!(zone.offset_at(at("2026-07-01T00:00:00Z")), own.offset_at(at("2026-07-01T00:00:00Z")));
        }
        let warnings = data.warnings();
        assert_eq!(warnings.len(), zones.len());
        for tz in zones {
            let path = folder.path().join(tz.name()).display().to_string();
            assert!(warnings.iter().any(|warning| warning.contains(&path)), "{tz}: {warnings:?}");
        }
        assert_eq!(data.differences([("shop", &monday_at_nine(), Tz::Europe__London)], at("2026-01-01T00:00:00Z")), []);
    }

    #[test]
    fn where_the_sources_disagree_the_schedules_that_move_are_named() {
        let daily = Recurrence::Daily { time: "12:00:00".parse().unwrap() };
        let monday = monday_at_nine();
        let schedules = || {
            [
                ("noon", &daily, Tz::America__Vancouver),
                ("monday", &monday, Tz::America__Vancouver),
                ("here", &monday, Tz::UTC),
            ]
        };
        let files: [(&str, &[u8]); 2] = [("America/Vancouver", &vancouver()), ("UTC", &tzif(0, &[], "LMT0"))];
        let now = at("2026-10-01T00:00:00Z");
        let (_folder, data) = system(&[("tzdata.zi", NEWER.as_bytes()), files[0], files[1]]);
        let told: Vec<String> = data.differences(schedules(), now).iter().map(ToString::to_string).collect();
        let used = format!(
            "America/Vancouver is UTC-07:00 from 2026-11-01 09:00 UTC on by the system's zone data (2099a), which counts, and UTC-08:00 \
             by aboard's own ({IANA_TZDB_VERSION}); noon is due at 2026-11-01 19:00 UTC, not at 2026-11-01 20:00; \
             monday is due at 2026-11-02 16:00 UTC, not at 2026-11-02 17:00"
        );
        assert_eq!(told, [used]);
        // Also where the system's is the older one.
        let (_folder, data) = system(&[("tzdata.zi", b"# version 2019c\n"), files[0], files[1]]);
        let told: Vec<String> = data.differences(schedules(), now).iter().map(ToString::to_string).collect();
        assert!(
            told[0].contains("by aboard's own") && told[0].contains("monday is due at 2026-11-02 17:00 UTC"),
            "{told:?}"
        );
        assert_eq!(data.differences([("here", &monday, Tz::UTC)], now), []);
        let (_folder, data) = system(&[files[0], files[1]]);
        assert_eq!(data.differences(schedules(), now), [], "files of no version are no source");
    }

    #[test]
    fn a_changed_version_or_zone_is_noticed() {
        let (folder, data) = system(&[("tzdata.zi", NEWER.as_bytes()), ("America/Vancouver", &vancouver())]);
        assert!(!data.has_changed());
        let zone = folder.path().join("America/Vancouver");
        let replace = |bytes: &[u8], path: &Path| {
            fs::write(folder.path().join("new"), bytes).unwrap();
            fs::rename(folder.path().join("new"), path).unwrap();
        };
        replace(&vancouver(), &zone);
        assert!(!data.has_changed(), "nobody has asked for the zone yet");
        let _ = data.zone(Tz::America__Vancouver);
        assert!(!data.has_changed());
        replace(&vancouver(), &zone);
        assert!(data.has_changed());
        let data = ZoneData::load(Some(folder.path()));
        assert!(!data.has_changed());
        replace(b"# version 2099b\n", &folder.path().join("tzdata.zi"));
        assert!(data.has_changed());
        let data = ZoneData::load(Some(folder.path()));
        fs::remove_file(folder.path().join("tzdata.zi")).unwrap();
        assert!(data.has_changed());
    }

    #[test]
    fn the_systems_own_files_read_as_they_are_meant() {
        let data = ZoneData::load(None);
        let now = at("2026-01-01T00:00:00Z");
        for tz in [Tz::Europe__London, Tz::America__New_York, Tz::Asia__Kathmandu, Tz::Australia__Lord_Howe] {
            // Whether or not the system has any: none of these has changed its rule in years.
            let difference = disagreement(&data.zone(tz), &Zone::embedded(tz), now, now + TimeDelta::days(1000));
            assert_eq!(difference, None, "{tz}");
        }
    }
}
