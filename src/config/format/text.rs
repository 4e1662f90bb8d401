//! Names, globs, paths and plain words.

use globset::GlobBuilder;

use super::{Complaint, quoted};

pub(in crate::config) fn not_blank(value: &str) -> Result<(), Complaint> {
    if value.trim().is_empty() { Err(Complaint::new("is empty")) } else { Ok(()) }
}

/// The name of a connection or target: it becomes part of metrics, URLs and commands, hence the small alphabet.
pub(in crate::config) fn name(value: &str) -> Result<(), Complaint> {
    const RULE: &str = "a name is 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or a digit";
    let right = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let begins = value.bytes().next().is_some_and(right);
    if begins && value.len() <= 64 && value.bytes().all(|byte| right(byte) || byte == b'_' || byte == b'-') {
        return Ok(());
    }
    let candidate: String =
        value.to_lowercase().chars().map(|c| if c == ' ' || c == '.' || c == '/' { '-' } else { c }).collect();
    let hint = (candidate != value && name(&candidate).is_ok()).then(|| format!("write \"{candidate}\""));
    Err(Complaint::new(format!("{} is not a name: {RULE}", quoted(value))).maybe(hint))
}

/// A glob that [`crate::config::Pattern`] compiles. Only its syntax is checked here, which is much cheaper.
pub(in crate::config) fn glob(value: &str) -> Result<(), Complaint> {
    const MOST: usize = 512;
    if value.is_empty() {
        return Err(Complaint::new("an empty pattern matches nothing").hint("write \"*\" for everything"));
    }
    if value.len() > MOST {
        return Err(Complaint::new(format!("the pattern is longer than {MOST} bytes")));
    }
    match GlobBuilder::new(value).literal_separator(false).backslash_escape(true).build() {
        Ok(_) => Ok(()),
        Err(error) => Err(Complaint::new(format!("{} is not a valid pattern: {}", quoted(value), error.kind()))),
    }
}

pub(in crate::config) fn path(value: &str) -> Result<(), Complaint> {
    if value.trim().is_empty() {
        return Err(Complaint::new("the path is empty"));
    }
    if value == "~" || value.starts_with("~/") {
        return Err(Complaint::new("\"~\" is not expanded").hint("write the whole path"));
    }
    if value.contains('\0') {
        return Err(Complaint::new("a path cannot hold the character NUL"));
    }
    Ok(())
}

/// An AWS tag's key: 1 to 128 characters.
pub(in crate::config) fn tag_key(value: &str) -> Result<(), Complaint> {
    if (1..=128).contains(&value.chars().count()) {
        Ok(())
    } else {
        Err(Complaint::new(format!("{} is not a tag's key, which has 1 to 128 characters", quoted(value))))
    }
}

/// `Name <address>`, as git writes who made a commit; answers the two.
pub(in crate::config) fn author(value: &str) -> Result<(&str, &str), Complaint> {
    let parts = value.strip_suffix('>').and_then(|value| value.split_once(" <"));
    let parts = parts.map(|(name, address)| (name.trim(), address));
    // What git leaves out of a name or an address, or ends them with.
    let plain = |text: &str| !text.is_empty() && !text.contains(['<', '>']) && !text.contains(char::is_control);
    match parts {
        Some((name, address)) if plain(name) && plain(address) && !address.contains(' ') => Ok((name, address)),
        _ => Err(Complaint::new(format!("{} is not a name with an address", quoted(value)))
            .hint("write it as git does, such as \"aboard <aboard@example.com>\"")),
    }
}

/// What is wrong with a reference to a secret; `None` if nothing. The message never holds the text.
pub(in crate::config) fn reference(value: &str) -> Result<(), Complaint> {
    if let Some(variable) = value.strip_prefix("env:") {
        let first = variable.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        if first && variable.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Ok(());
        }
        return Err(Complaint::new("\"env:\" is not followed by the name of an environment variable")
            .hint("a name is letters, digits and _, such as env:PAYMENTS_KEY"));
    }
    if let Some(place) = value.strip_prefix("file:") {
        return path(place)
            .map_err(|complaint| Complaint::new(format!("\"file:\": {}", complaint.message)).maybe(complaint.hint));
    }
    Err(Complaint::new("a secret does not stand in the file itself")
        .hint("refer to it by \"env:NAME\" or \"file:/path\""))
}

/// The name of a variable for a program: letters, digits and `_`, and none of those that the delivery itself sets.
pub(in crate::config) fn variable(value: &str) -> Result<(), Complaint> {
    let first = value.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if !first || !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(Complaint::new(format!("{} is not the name of an environment variable", quoted(value)))
            .hint("a name is letters, digits and _, such as PORTAL_TOKEN"));
    }
    if value.starts_with("ABOARD_") {
        return Err(Complaint::new(format!("the variable {} is set by the delivery itself", quoted(value))));
    }
    Ok(())
}

pub(in crate::config) fn argument(value: &str) -> Result<(), Complaint> {
    if value.contains('\0') { Err(Complaint::new("an argument cannot hold the character NUL")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "0", "payments", "eu-west_1", &"a".repeat(64)] {
            assert_eq!(name(good), Ok(()), "{good}");
        }
        for bad in ["", "-a", "_a", "Payments", "a b", "a.b", "ä", &"a".repeat(65)] {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert_eq!(name("My Team").unwrap_err().hint.as_deref(), Some("write \"my-team\""));
    }

    #[test]
    fn an_author_has_a_name_and_an_address() {
        assert_eq!(author("Jane Doe <jane@example.com>"), Ok(("Jane Doe", "jane@example.com")));
        for bad in ["", "Jane", "<jane@example.com>", " <a@b>", "Jane <>", "Jane <a b>", "J <a> <b>", "J\nD <a>"] {
            assert!(author(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reference_names_a_variable_or_a_file() {
        for good in ["env:A", "env:_a1", "file:/x", "file:x"] {
            assert_eq!(reference(good), Ok(()), "{good}");
        }
        for bad in ["", "x", "env:", "env:1", "env:A B", "env: A", "file:", "file:~/x", "ENV:A", "$A", "${A}"] {
            assert!(reference(bad).is_err(), "{bad}");
        }
    }
}
