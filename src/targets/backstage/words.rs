//! What AWS calls things, made into what Backstage takes ("Descriptor Format of Catalog Entities": names, labels, tags, references).

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::config::{is_entity_name, is_entity_ref};
use crate::hex::hex;
use crate::inventory::ApiId;

/// The longest name, label value and tag.
const MOST: usize = 63;

/// The name of an API's entity: what it is called, and behind that what makes it the only one.
pub(super) fn name(called: &str, api: &ApiId) -> String {
    let mut suffix = format!("{}-{}-{}", api.account_id, api.region, api.api_id);
    if suffix.len() > MOST - 8 || !is_entity_name(&suffix) {
        suffix = hex(&Sha256::digest(suffix.as_bytes())[..16]);
    }
    let room = MOST - suffix.len() - 1;
    let mut slug = dashed(&called.to_ascii_lowercase(), |byte| byte.is_ascii_alphanumeric());
    slug.truncate(room);
    match slug.trim_end_matches('-') {
        "" => format!("api-{suffix}"),
        slug => format!("{slug}-{suffix}"),
    }
}

/// A tag's value as a reference to an entity; `None` where nothing of it can be one.
pub(super) fn reference(value: &str) -> Option<String> {
    if is_entity_ref(value) {
        return Some(value.to_owned());
    }
    word(value)
}

/// A text as the value of a label, or as a name; `None` where nothing of it can be one.
pub(super) fn word(value: &str) -> Option<String> {
    let mut word = dashed(value, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    word.truncate(MOST);
    let word = word.trim_matches(['-', '_', '.']);
    is_entity_name(word).then(|| word.to_owned())
}

/// AWS tags as tags: `key:value`. Those that AWS sets itself are left out.
pub(super) fn tags<'t>(tags: impl Iterator<Item = (&'t String, &'t String)>) -> BTreeSet<String> {
    let own = tags.filter(|(key, _)| !key.starts_with("aws:"));
    let text = |(key, value): (&String, &String)| {
        let text = if value.is_empty() { key.clone() } else { format!("{key}:{value}") };
        let mut tag = dashed(&text.to_ascii_lowercase(), |byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b':' | b'+' | b'#')
        });
        tag.truncate(MOST);
        tag.trim_end_matches('-').to_owned()
    };
    own.map(text).filter(|tag| !tag.is_empty()).collect()
}

/// Puts one dash for each run of what does not pass, and none at either end. The result is ASCII.
fn dashed(text: &str, passes: impl Fn(u8) -> bool) -> String {
    let mut dashed = String::with_capacity(text.len());
    let mut pending = false;
    for byte in text.bytes() {
        if byte == b'-' || !passes(byte) {
            pending = !dashed.is_empty();
            continue;
        }
        if std::mem::take(&mut pending) {
            dashed.push('-');
        }
        dashed.push(char::from(byte));
    }
    dashed
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn api(id: &str) -> ApiId {
        ApiId {
            partition: "aws".to_owned(),
            account_id: "111122223333".to_owned(),
            region: "ap-southeast-2".to_owned(),
            api_id: id.to_owned(),
        }
    }

    #[test]
    fn a_name_says_what_the_api_is_called_and_which_one_it_is() {
        let suffix = "111122223333-ap-southeast-2-a1b2c3d4e5";
        assert_eq!(name("Orders API (v2)", &api("a1b2c3d4e5")), format!("orders-api-v2-{suffix}"));
        assert_eq!(name("Заказы", &api("a1b2c3d4e5")), format!("api-{suffix}"));
        assert_eq!(name(&"x-".repeat(40), &api("a1b2c3d4e5")).len(), 62, "it does not end in two dashes");
    }

    #[test]
    fn a_tag_that_is_a_reference_stays_and_another_becomes_a_name() {
        assert_eq!(reference("group:default/payments").as_deref(), Some("group:default/payments"));
        assert_eq!(reference("Payments Team!").as_deref(), Some("Payments-Team"));
        assert_eq!(reference("  "), None);
    }

    #[test]
    fn tags_are_lower_case_pairs_without_those_of_aws() {
        let given = BTreeMap::from(
            [("Team", "Pay & Co"), ("aws:cloudformation:stack-id", "x"), ("public", ""), ("ä", "ö")]
                .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        assert_eq!(tags(given.iter()), BTreeSet::from(["team:pay-co", "public", ":"].map(str::to_owned)));
    }

    proptest! {
        #[test]
        fn whatever_aws_says_becomes_what_backstage_takes(text in ".{0,80}", id in "[a-z0-9]{10}") {
            let name = name(&text, &api(&id));
            prop_assert!(is_entity_name(&name), "{name}");
            prop_assert!(word(&text).is_none_or(|word| is_entity_name(&word)));
            prop_assert!(reference(&text).is_none_or(|it| is_entity_ref(&it)));
            for tag in tags([(text.clone(), text.clone())].iter().map(|(key, value)| (key, value))) {
                // As Backstage's own check: parts of these letters, one dash between two of them.
                let part = |part: &str| !part.is_empty()
                    && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b":+#".contains(&b));
                prop_assert!(tag.len() <= 63 && tag.split('-').all(part), "{tag}");
            }
        }

        #[test]
        fn apis_that_differ_have_names_that_differ(one in ".{0,40}", other in ".{0,40}") {
            prop_assert_ne!(name(&one, &api("a1b2c3d4e5")).to_lowercase(), name(&other, &api("a1b2c3d4e6")).to_lowercase());
        }
    }
}
