//! The only reader of environment variables in this package.
//!
//! The AWS SDK reads its own (`AWS_ENDPOINT_URL`, `HTTPS_PROXY`, …); those do not pass through here.

use std::collections::BTreeMap;
use std::env::VarError;
use std::ffi::OsString;

/// The variable's value; `None` where it is not set, an error where it is not UTF-8.
///
/// # Errors
/// The variable holds bytes that are not UTF-8; they are not echoed.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn text(name: &str) -> Result<Option<String>, NotUnicode> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(NotUnicode { name: name.to_owned() }),
    }
}

/// The variable's value as the system gave it, for paths; an empty one counts as not set.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn path(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The variables whose names are of a kind, with their values.
///
/// # Errors
/// One of them holds bytes that are not UTF-8; they are not echoed.
pub fn named(is_meant: impl Fn(&str) -> bool) -> Result<BTreeMap<String, String>, NotUnicode> {
    let mut found = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| is_meant(name)) else { continue };
        let value = value.into_string().map_err(|_| NotUnicode { name: name.to_owned() })?;
        found.insert(name.to_owned(), value);
    }
    Ok(found)
}

/// A variable that is set to something that is not text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {name} is not valid UTF-8")]
pub struct NotUnicode {
    /// The variable.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unset_variable_is_none_both_ways() {
        assert_eq!(text("ABOARD_TEST_NEVER_SET"), Ok(None));
        assert_eq!(path("ABOARD_TEST_NEVER_SET"), None);
    }

    #[test]
    fn a_set_variable_is_read() {
        assert!(text("PATH").unwrap().is_some_and(|value| !value.is_empty()));
        assert!(path("PATH").is_some());
        assert_eq!(named(|name| name == "PATH").unwrap().keys().collect::<Vec<_>>(), ["PATH"]);
    }
}
