//! Names of Backstage's software catalog (its "Descriptor Format of Catalog Entities").

use super::{Complaint, quoted};

/// 1 to 63 of letters, digits and what `between` allows, the latter only between two of the former.
fn is_word(value: &str, between: &[u8]) -> bool {
    let plain = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    value.len() <= 63
        && plain(value.bytes().next())
        && plain(value.bytes().last())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || between.contains(&byte))
}

/// Whether it may be the name of an entity.
pub(crate) fn is_entity_name(value: &str) -> bool {
    is_word(value, b"-_.")
}

/// Whether it is `name`, `namespace/name` or `kind:namespace/name`.
pub(crate) fn is_entity_ref(value: &str) -> bool {
    let (kind, rest) = value.split_once(':').map_or((None, value), |(kind, rest)| (Some(kind), rest));
    let (space, name) = rest.split_once('/').map_or((None, rest), |(space, name)| (Some(space), name));
    let is_kind = |kind: &str| is_word(kind, b"");
    kind.is_none_or(is_kind) && space.is_none_or(|space| is_word(space, b"-")) && is_entity_name(name)
}

/// A reference to an entity.
pub(in crate::config) fn entity_ref(value: &str) -> Result<(), Complaint> {
    if is_entity_ref(value) {
        return Ok(());
    }
    Err(Complaint::new(format!("{} is not a reference to an entity", quoted(value)))
        .hint("write a name, or kind:namespace/name, such as \"group:default/platform\""))
}

/// A namespace of entities.
pub(in crate::config) fn namespace(value: &str) -> Result<(), Complaint> {
    if is_word(value, b"-") {
        return Ok(());
    }
    Err(Complaint::new(format!("{} is not a namespace: 1 to 63 letters and digits, separated by -", quoted(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_names_with_or_without_kind_and_namespace() {
        for good in ["unknown", "a/b", "group:default/platform", "user:jane.doe", "A-b_c.9"] {
            assert_eq!(entity_ref(good), Ok(()), "{good}");
        }
        for bad in ["", "-a", "a-", "a b", "a/b/c", ":a", "a:b:c", "my_ns/a", &"a".repeat(64)] {
            assert!(entity_ref(bad).is_err(), "{bad}");
        }
        assert!(namespace("team-a").is_ok() && namespace("team_a").is_err() && namespace("").is_err());
    }
}
