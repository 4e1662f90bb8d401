//! Reads secrets where a reference points: `env:NAME`, `file:/path`, or a key of a `gravitee.yml`.
//!
//! Nothing is kept: each call reads anew, so that a rotated secret is picked up without a restart. Errors name the
//! variable or the file, never a value.

use std::io;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::config::gravitee::{YamlError, yaml_properties};
use crate::config::{SecretRef, Value};
use crate::environment;

/// Why a reference gave no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable does not exist.
    #[error("environment variable {name} is not set")]
    Unset {
        /// The variable.
        name: String,
    },
    /// The variable is not text.
    #[error(transparent)]
    NotUnicode(#[from] environment::NotUnicode),
    /// The file could not be read.
    #[error("secret file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file with the key is none.
    #[error("{} cannot be read: {source}", file.display())]
    NotYaml {
        /// The file.
        file: PathBuf,
        /// Where it is wrong.
        source: YamlError,
    },
    /// The file has no such key any more.
    #[error("{} has no key {key}", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
        /// The key.
        key: String,
    },
    /// There is nothing in it.
    #[error("{place} is empty")]
    Empty {
        /// The variable or file.
        place: String,
    },
    /// It holds a line end or another control character, which no request can carry.
    #[error("{place} holds a line end or another control character; it must be one line of text")]
    Control {
        /// The variable or file.
        place: String,
    },
}

/// The secret that `reference` points to, read now. One line end at the end of a variable or file is no part of it.
///
/// Blocks for as long as the file system takes.
///
/// # Errors
/// The variable or file is missing, unreadable, not text, empty, or more than one line of text.
pub fn resolve(reference: &SecretRef) -> Result<SecretString, SecretError> {
    let text = match reference {
        SecretRef::Env(name) => environment::text(name)?.ok_or_else(|| SecretError::Unset { name: name.clone() })?,
        SecretRef::File(path) => read(path)?,
        SecretRef::Property { file, key } => {
            let mut values =
                yaml_properties(&read(file)?).map_err(|source| SecretError::NotYaml { file: file.clone(), source })?;
            values.remove(key).ok_or_else(|| SecretError::NoKey { file: file.clone(), key: key.clone() })?
        }
    };
    let place = place(reference);
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if line.is_empty() {
        Err(SecretError::Empty { place })
    } else if line.contains(char::is_control) {
        Err(SecretError::Control { place })
    } else {
        Ok(SecretString::from(line))
    }
}

fn read(path: &Path) -> Result<String, SecretError> {
    std::fs::read_to_string(path).map_err(|source| SecretError::Unreadable { path: path.to_owned(), source })
}

/// Where a reference points, in words.
#[must_use]
pub fn place(reference: &SecretRef) -> String {
    match reference {
        SecretRef::Env(name) => format!("environment variable {name}"),
        SecretRef::File(path) => format!("secret file {}", path.display()),
        SecretRef::Property { file, key } => format!("{key} in {}", file.display()),
    }
}

/// A value that may also stand in the schedule file itself, there under the key `key`.
///
/// # Errors
/// Those of [`resolve`].
pub fn resolve_value(value: &Value, key: &str) -> Result<SecretString, SecretError> {
    match value {
        Value::Literal(text) if text.contains(char::is_control) => {
            Err(SecretError::Control { place: format!("{key} in the schedule file") })
        }
        Value::Literal(text) => Ok(SecretString::from(text.clone())),
        Value::Ref(reference) => resolve(reference),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret;

    use super::*;

    fn file_with(content: &[u8]) -> (tempfile::TempDir, SecretRef) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, content).unwrap();
        (folder, SecretRef::File(path))
    }

    #[test]
    fn one_line_end_is_cut_from_a_file() {
        for (content, secret) in
            [("s3cret", "s3cret"), ("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), ("a b \n", "a b ")]
        {
            let (_folder, reference) = file_with(content.as_bytes());
            assert_eq!(resolve(&reference).unwrap().expose_secret(), secret, "{content:?}");
        }
    }

    #[test]
    fn more_than_one_line_is_refused_by_the_name_of_its_place() {
        for content in ["hunter2\n\n", "hunter\n2", "hunter\r2\n", "hunter\t2", "hunter\0", "\u{7f}hunter2"] {
            let (folder, reference) = file_with(content.as_bytes());
            let error = resolve(&reference).unwrap_err().to_string();
            let place = folder.path().join("secret");
            assert!(error.starts_with(&format!("secret file {} holds", place.display())), "{content:?}: {error}");
            assert!(!error.contains("hunter"), "{error}");
            let error = resolve_value(&Value::Literal(content.to_owned()), "external_id").unwrap_err().to_string();
            assert!(error.starts_with("external_id in the schedule file holds"), "{error}");
        }
    }

    #[test]
    fn a_file_is_read_anew_each_time() {
        let (folder, reference) = file_with(b"old");
        assert_eq!(resolve(&reference).unwrap().expose_secret(), "old");
        fs::write(folder.path().join("secret"), "new\n").unwrap();
        assert_eq!(resolve(&reference).unwrap().expose_secret(), "new");
    }

    #[test]
    fn a_key_of_a_yaml_file_is_read_anew_each_time_and_named_where_it_is_gone() {
        let (_folder, SecretRef::File(file)) = file_with(b"a:\n  - b: 'hunter2'\n") else { panic!("no file") };
        let reference = SecretRef::Property { file: file.clone(), key: "a[0].b".to_owned() };
        assert_eq!(resolve(&reference).unwrap().expose_secret(), "hunter2");
        fs::write(&file, "a: hunter2\n").unwrap();
        assert_eq!(resolve(&reference).unwrap_err().to_string(), format!("{} has no key a[0].b", file.display()));
        fs::write(&file, "a: [hunter2\n").unwrap();
        let error = resolve(&reference).unwrap_err().to_string();
        assert!(error.contains("this is not YAML") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn errors_name_the_place_and_never_the_value() {
        let (_folder, reference) = file_with(b"\xff\xfehunter2");
        let error = resolve(&reference).unwrap_err().to_string();
        assert!(error.contains("secret file") && !error.contains("hunter2"), "{error}");
        let error = resolve(&SecretRef::Env("ABOARD_TEST_NEVER_SET".to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "environment variable ABOARD_TEST_NEVER_SET is not set");
        let (_folder, reference) = file_with(b"\n");
        assert!(resolve(&reference).unwrap_err().to_string().ends_with("is empty"));
    }

    #[test]
    fn debug_of_a_secret_shows_nothing() {
        let (_folder, reference) = file_with(b"hunter2");
        assert!(!format!("{:?}", resolve(&reference).unwrap()).contains("hunter2"));
    }
}
