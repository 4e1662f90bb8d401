//! Reading the schedule file: its bytes, their hash, and what they say.
//!
//! Everything that can be wrong with a file has a kind of its own here, for a person, a status and a metric. Whether a file that was
//! read is taken over is not decided here.

use std::fmt;
use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::{self, Checked, Config, Place, Problem};

/// The largest file that is read, bytes: some ten thousand connections.
pub const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Appended to the registry's file name for the copy of the last schedule file that was good.
const LAST_GOOD: &str = ".last-good.toml";

/// The text of a schedule file, as it was read at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// What stands in it.
    pub text: String,
    /// SHA-256 of its bytes, in hex.
    pub hash: String,
}

/// A valid schedule file.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// What is suspicious in it.
    pub warnings: Vec<Problem>,
    /// The text that it was made from.
    pub text: Text,
}

/// What is wrong with a schedule file, in one word for status and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// There is none.
    Missing,
    /// The system does not give its content.
    Unreadable,
    /// It is larger than [`MAX_BYTES`].
    TooLarge,
    /// It is not UTF-8.
    NotText,
    /// It holds nothing but blanks and comments, as a file does that is being written.
    Empty,
    /// It holds mistakes.
    Invalid,
    /// It lacks most of the connections that are followed.
    RemovesMost,
    /// It is good, and could not be taken over.
    NotTaken,
}

impl FaultKind {
    /// Whether a worker that starts now would refuse the file too.
    #[must_use]
    pub fn prevents_start(self) -> bool {
        match self {
            Self::Missing | Self::Unreadable | Self::TooLarge | Self::NotText | Self::Invalid => true,
            Self::Empty | Self::RemovesMost | Self::NotTaken => false,
        }
    }

    /// Whether somebody has to say that it is meant.
    #[must_use]
    pub fn needs_accept(self) -> bool {
        matches!(self, Self::Empty | Self::RemovesMost)
    }
}

/// Why a schedule file could not be loaded.
#[derive(Debug)]
pub enum Fault {
    /// There is none.
    Missing {
        /// What was looked for.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system does not give its content.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is larger than [`MAX_BYTES`].
    TooLarge {
        /// The file.
        file: PathBuf,
    },
    /// It is not UTF-8.
    NotText {
        /// The file.
        file: PathBuf,
        /// The first byte that is not.
        at: usize,
    },
    /// It holds mistakes; all of them, in the order of the file.
    Invalid {
        /// The file.
        file: PathBuf,
        /// The mistakes.
        problems: Vec<Problem>,
    },
}

impl Fault {
    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Missing { .. } => FaultKind::Missing,
            Self::Unreadable { .. } => FaultKind::Unreadable,
            Self::TooLarge { .. } => FaultKind::TooLarge,
            Self::NotText { .. } => FaultKind::NotText,
            Self::Invalid { .. } => FaultKind::Invalid,
        }
    }

    /// What is wrong, one entry a mistake, each with its place and the line where that may be shown.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        match self {
            Self::Invalid { problems, .. } => problems.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        }
    }

    /// The same, one line each.
    #[must_use]
    pub fn headlines(&self) -> Vec<String> {
        match self {
            Self::Invalid { problems, .. } => problems.iter().map(Problem::headline).collect(),
            other => vec![other.to_string()],
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { file, source } | Self::Unreadable { file, source } => {
                write!(f, "cannot read the schedule file {}: {source}", file.display())
            }
            Self::TooLarge { file } => {
                let most = MAX_BYTES / (1024 * 1024);
                write!(f, "the schedule file {} is larger than {most} MiB and is not read", file.display())
            }
            Self::NotText { file, at } => {
                write!(f, "the schedule file {} is not UTF-8 (byte {at})", file.display())
            }
            Self::Invalid { file, problems } => {
                let count = problems.len();
                let mistakes = if count == 1 { "1 mistake".to_owned() } else { format!("{count} mistakes") };
                write!(f, "{} has {mistakes}", file.display())
            }
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Missing { source, .. } | Self::Unreadable { source, .. } => Some(source),
            Self::TooLarge { .. } | Self::NotText { .. } | Self::Invalid { .. } => None,
        }
    }
}

impl Text {
    fn new(text: String) -> Self {
        let hash = crate::hex::hex(&Sha256::digest(&text));
        Self { text, hash }
    }

    /// Whether nothing but blanks and comments stands in it. That is a valid file; it is also what a file looks like that an editor
    /// has cut short and not yet written.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        let text = self.text.strip_prefix('\u{feff}').unwrap_or(&self.text);
        text.lines().map(str::trim_start).all(|line| line.is_empty() || line.starts_with('#'))
    }

    /// Parses and checks it as the text of `file`.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn parse(self, file: &Path) -> Result<Loaded, Fault> {
        match config::parse(&self.text, &Place::new(file)) {
            Ok(Checked { config, warnings }) => Ok(Loaded { config, warnings, text: self }),
            Err(problems) => Err(Fault::Invalid { file: file.to_owned(), problems }),
        }
    }
}

/// Reads a schedule file whole, whatever is in it. Blocks for as long as the file system takes; what is no regular file, such as a pipe
/// that nobody writes to, is refused instead of waited for.
///
/// # Errors
/// It is missing, unreadable, no regular file, too large or not UTF-8.
pub fn read(file: &Path) -> Result<Text, Fault> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => Fault::Missing { file: file.to_owned(), source },
        _ => Fault::Unreadable { file: file.to_owned(), source },
    };
    let mut bytes = Vec::new();
    let opened = open(file).map_err(unreadable)?;
    opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Fault::TooLarge { file: file.to_owned() });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Text::new(text)),
        Err(error) => Err(Fault::NotText { file: file.to_owned(), at: error.utf8_error().valid_up_to() }),
    }
}

/// Opens a regular file, or one that a link leads to.
fn open(file: &Path) -> io::Result<File> {
    // Before it is opened, for that alone does something to a device; and after, for another may have taken its place.
    must_be_regular(std::fs::metadata(file)?.file_type())?;
    // Opening waits for nobody, such as the writer of a pipe; for what follows, regular files know no such flag.
    let opened = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(file)?;
    must_be_regular(opened.metadata()?.file_type())?;
    Ok(opened)
}

fn must_be_regular(kind: FileType) -> io::Result<()> {
    let what = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, and only a regular file is read")))
}

/// Reads, parses and checks a schedule file.
///
/// # Errors
/// As [`read`], and every mistake in it.
pub fn load(file: &Path) -> Result<Loaded, Fault> {
    read(file)?.parse(file)
}

/// Where the copy of the last good schedule file lies: beside the registry.
#[must_use]
pub fn last_good(registry: &Path) -> PathBuf {
    let mut name = registry.as_os_str().to_owned();
    name.push(LAST_GOOD);
    PathBuf::from(name)
}

/// The registry that the copy at this path was kept for, if it is such a copy.
#[must_use]
pub fn kept_for(copy: &Path) -> Option<PathBuf> {
    let name = copy.file_name()?.to_str()?.strip_suffix(LAST_GOOD)?;
    Some(copy.with_file_name(name))
}

/// Loads the last good copy as if it stood at `file`, so that relative paths in it mean what they meant.
///
/// # Errors
/// There is none, or it is not good any more: a newer binary may know more mistakes.
pub fn load_last_good(registry: &Path, file: &Path) -> Result<Loaded, Fault> {
    read(&last_good(registry))?.parse(file)
}

/// Keeps `text` as the last good copy, for its owner's eyes only. A copy that is there already is not written again.
///
/// # Errors
/// What the system said; an earlier copy stays whole.
pub fn keep_last_good(registry: &Path, text: &Text) -> io::Result<()> {
    let copy = last_good(registry);
    if read(&copy).is_ok_and(|kept| kept.hash == text.hash) {
        return Ok(());
    }
    let mut new = copy.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    // Left by a process that died here; made anew, so that its mode is certain.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(text.text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, &copy)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const GOOD: &str = "[connections.a]\nregions = [\"eu-west-1\"]\ncredentials.default_chain = {}\n";

    fn file_with(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("schedules.toml");
        fs::write(&file, content).unwrap();
        (folder, file)
    }

    fn fault(content: &[u8]) -> Fault {
        load(&file_with(content).1).map(|loaded| panic!("{loaded:?}")).unwrap_err()
    }

    #[test]
    fn a_good_file_comes_with_the_hash_of_its_bytes() {
        let (_folder, file) = file_with(GOOD.as_bytes());
        let loaded = load(&file).unwrap();
        assert_eq!(loaded.config.connections.len(), 1);
        assert_eq!(loaded.text.hash, crate::hex::hex(&Sha256::digest(GOOD)));
        assert_eq!(loaded.text.hash.len(), 64);
    }

    #[test]
    fn each_way_in_which_a_file_is_bad_has_its_kind() {
        let (folder, file) = file_with(b"");
        let missing = load(&folder.path().join("other.toml")).unwrap_err();
        assert_eq!(missing.kind(), FaultKind::Missing);
        assert!(missing.to_string().starts_with("cannot read the schedule file /"), "{missing}");
        assert_eq!(load(folder.path()).unwrap_err().kind(), FaultKind::Unreadable, "a directory");
        assert_eq!(load(&file.join("below")).unwrap_err().kind(), FaultKind::Unreadable, "below a file");
        assert_eq!(fault(b"a = \"\xff\"").kind(), FaultKind::NotText);
        assert!(fault(b"a = \"\xff\"").to_string().ends_with("is not UTF-8 (byte 5)"));
        let invalid = fault(b"[connections.a]\nregion = 1\n[connections.b]\nregion = 2\n");
        assert_eq!(invalid.kind(), FaultKind::Invalid);
        assert!(invalid.errors().len() > 2 && invalid.headlines().len() == invalid.errors().len(), "{invalid:?}");
        assert!(invalid.errors().iter().any(|error| error.contains('^')), "with their places: {invalid:?}");
        assert!(invalid.headlines().iter().all(|error| !error.contains('\n')), "{invalid:?}");
    }

    #[test]
    fn a_file_larger_than_the_limit_is_refused_and_one_of_the_limit_is_not() {
        let most = usize::try_from(MAX_BYTES).unwrap();
        let mut text = GOOD.as_bytes().to_vec();
        text.resize(most, b'\n');
        assert!(load(&file_with(&text).1).is_ok());
        text.push(b'\n');
        assert_eq!(fault(&text).kind(), FaultKind::TooLarge);
    }

    #[test]
    fn blank_is_a_file_without_any_key() {
        for (text, blank) in [
            ("", true),
            ("\n \r\n\t\n", true),
            ("# nothing\n\n  # yet", true),
            ("\u{feff}# nothing", true),
            ("[limits]", false),
            ("# x\na = 1", false),
            ("\0\0\0", false),
        ] {
            assert_eq!(Text::new(text.to_owned()).is_blank(), blank, "{text:?}");
        }
    }

    #[test]
    fn only_a_regular_file_is_read_and_nothing_else_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, link) = (folder.path().join("pipe"), folder.path().join("link"));
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("pipe", &link).unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (file, what) in [
            (pipe.as_path(), "a pipe"),
            (&link, "a pipe"),
            (folder.path(), "a directory"),
            (&socket, "a socket"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            let fault = read(file).unwrap_err();
            let expected = format!("schedule file {}: it is {what}, and only a regular file is read", file.display());
            assert!(fault.to_string().ends_with(&expected) && fault.kind() == FaultKind::Unreadable, "{fault}");
        }
        let (_kept, file) = file_with(GOOD.as_bytes());
        std::os::unix::fs::symlink(&file, folder.path().join("good")).unwrap();
        assert!(read(&folder.path().join("good")).is_ok(), "what a link leads to");
    }

    #[test]
    fn the_last_good_copy_is_its_owners_only_and_means_the_file_that_it_was_made_of() {
        let folder = tempfile::tempdir().unwrap();
        let registry = folder.path().join("aboard.db");
        let text = Text::new(format!("[registry]\npath = \"state.db\"\n{GOOD}"));
        // What a process that died while writing leaves, readable by all.
        fs::write(folder.path().join("aboard.db.last-good.toml.new"), "half").unwrap();
        keep_last_good(&registry, &text).unwrap();
        let copy = last_good(&registry);
        assert_eq!(copy.file_name().unwrap(), "aboard.db.last-good.toml");
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        let loaded = load_last_good(&registry, Path::new("/etc/aboard/schedules.toml")).unwrap();
        assert_eq!(loaded.config.registry.path, Some(PathBuf::from("/etc/aboard/state.db")));
        assert_eq!(loaded.text, text);
        keep_last_good(&registry, &Text::new(GOOD.to_owned())).unwrap();
        assert_eq!(fs::read_to_string(&copy).unwrap(), GOOD);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
        assert_eq!(load_last_good(&folder.path().join("other.db"), &copy).unwrap_err().kind(), FaultKind::Missing);
    }
}
