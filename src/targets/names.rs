//! Names of files, made of what AWS calls things: the directory target writes under them, the Backstage target points to them.
//!
//! No two stages share a name, not even on a file system that takes capital letters for small ones: a work tree may be checked out
//! on any machine.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::SpecificationFormat;
use crate::inventory::ApiId;

/// A longer stage name ends in a digest; file systems take names of 255 bytes.
const LONGEST: usize = 180;

/// The folder of an API: `ACCOUNT/REGION/ID`.
///
/// # Errors
/// One sentence, where a part of its identity is nothing that may become a part of a path.
pub(super) fn folder_of(api: &ApiId) -> Result<String, String> {
    let plain = |part: &str| {
        !part.is_empty()
            && part.len() <= 64
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    for part in [&api.account_id, &api.region, &api.api_id] {
        if !plain(part) {
            return Err(format!("{part:?} of {api:?} is no part of a path: letters, digits and - only"));
        }
    }
    Ok(api.to_string())
}

/// The file of a stage's specification, in the folder of its API.
pub(super) fn file_of(stage: &str, format: SpecificationFormat) -> String {
    format!("{}{}", of_stage(stage), suffix(format))
}

/// What the name of a specification's file ends with.
pub(super) fn suffix(format: SpecificationFormat) -> &'static str {
    match format {
        SpecificationFormat::OpenApi => ".openapi.json",
        SpecificationFormat::AsyncApi => ".asyncapi.json",
    }
}

/// A stage's name as part of the name of a file.
///
/// Letters, digits, `_` and `-`, which is all that AWS allows, stay. `$default` becomes `@default`, any other byte `@` and two
/// hexadecimal digits. Where there are capital letters, `~` and a hexadecimal number follow, whose bits say which they are.
fn of_stage(stage: &str) -> String {
    if stage == "$default" {
        return "@default".to_owned();
    }
    let mut name = String::with_capacity(stage.len() + 8);
    let (mut capitals, mut letters) = (Vec::new(), 0_usize);
    for byte in stage.bytes() {
        // Writing to a string cannot fail.
        let _infallible = match byte {
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') => name.write_char(char::from(byte)),
            byte => write!(name, "@{byte:02x}"),
        };
        if byte.is_ascii_alphabetic() {
            if letters.is_multiple_of(4) {
                capitals.push(0_u8);
            }
            if let Some(last) = capitals.last_mut().filter(|_| byte.is_ascii_uppercase()) {
                *last |= 1 << (letters % 4);
            }
            letters += 1;
        }
    }
    if capitals.iter().any(|bits| *bits > 0) {
        name.push('~');
        for bits in capitals {
            let _infallible = write!(name, "{bits:x}");
        }
    }
    if name.len() > LONGEST || name.is_empty() {
        let digest = Sha256::digest(stage.as_bytes());
        name = stage.bytes().filter(u8::is_ascii_alphanumeric).take(60).map(char::from).collect();
        name.push('=');
        for byte in digest {
            let _infallible = write!(name, "{byte:02x}");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_name_of_a_file_is_the_stages_own_where_that_is_plain() {
        for (stage, file) in [
            ("prod", "prod.openapi.json"),
            ("live-2_b", "live-2_b.openapi.json"),
            ("$default", "@default.openapi.json"),
            ("default", "default.openapi.json"),
            ("Prod", "Prod~1.openapi.json"),
            ("PROD", "PROD~f.openapi.json"),
            ("../x", "@2e@2e@2fx.openapi.json"),
        ] {
            assert_eq!(file_of(stage, SpecificationFormat::OpenApi), file);
        }
        assert_eq!(file_of("live", SpecificationFormat::AsyncApi), "live.asyncapi.json");
    }

    #[test]
    fn an_identity_that_would_lead_elsewhere_is_refused() {
        let api = |account: &str, id: &str| ApiId {
            partition: "aws".to_owned(),
            account_id: account.to_owned(),
            region: "eu-west-1".to_owned(),
            api_id: id.to_owned(),
        };
        assert_eq!(folder_of(&api("111122223333", "a1")).unwrap(), "111122223333/eu-west-1/a1");
        for (account, id) in [("..", "a1"), ("1/2", "a1"), ("1", ""), ("1", "../../x"), ("1", "a\0b"), ("1", "A")] {
            assert!(folder_of(&api(account, id)).is_err(), "{account} {id}");
        }
    }

    proptest! {
        #[test]
        fn different_stages_have_different_files_on_any_file_system(
            one in "[a-bA-B$@~=01\\-/é]{0,4}", other in "[a-bA-B$@~=01\\-/é]{0,4}", turned in any::<u8>(),
        ) {
            // The same letters with some of them turned from small to capital or back.
            let turn = |(at, c): (usize, char)| match c {
                c if turned >> (at % 8) & 1 == 0 => c,
                c if c.is_ascii_lowercase() => c.to_ascii_uppercase(),
                c => c.to_ascii_lowercase(),
            };
            for other in [one.chars().enumerate().map(turn).collect(), other] {
                let same = of_stage(&one).to_lowercase() == of_stage(&other).to_lowercase();
                prop_assert_eq!(same, one == other, "{} {}", one, other);
            }
        }

        #[test]
        fn a_name_is_one_short_part_of_a_path(stage in ".{0,200}") {
            let name = file_of(&stage, SpecificationFormat::AsyncApi);
            prop_assert!(name.len() <= 200 && !name.starts_with('.') && !name.contains(['/', '\\', '\0', ':']), "{name}");
        }
    }
}
