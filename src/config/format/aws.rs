//! Forms that AWS prescribes: ids, ARNs and names, as the API references of IAM, STS and Organizations give them.

use super::text::glob;
use super::{Complaint, quoted};
use crate::config::model::RoleArn;
use crate::config::{regions, suggest};

/// A region, `all`, or `!` and a glob. A well-formed name that is not listed is let through.
pub(in crate::config) fn region_choice(value: &str) -> Result<(), Complaint> {
    match value.strip_prefix('!') {
        Some(exception) => region_glob(exception),
        None if value == "all" => Ok(()),
        None => region(value),
    }
}

pub(in crate::config) fn region(value: &str) -> Result<(), Complaint> {
    if regions::is_well_formed(value) {
        return Ok(());
    }
    let complaint = Complaint::new(format!("{} is not a region", quoted(value)));
    if value.contains(['*', '?', '[', '{']) {
        return Err(complaint.hint("patterns are for exceptions only, as in [\"all\", \"!ap-*\"]"));
    }
    let zone = value.char_indices().next_back().filter(|(_, last)| last.is_ascii_lowercase());
    if let Some(of) = zone.map(|(at, _)| &value[..at]).filter(|of| regions::is_known(of)) {
        return Err(complaint.hint(format!("it is an availability zone of \"{of}\"")));
    }
    let nearest = if value.eq_ignore_ascii_case("all") { Some("all") } else { regions::nearest(value) };
    Err(complaint.maybe(nearest.map(|name| format!("did you mean \"{name}\"?"))))
}

/// A region or a glob over regions.
pub(in crate::config) fn region_glob(value: &str) -> Result<(), Complaint> {
    if is_glob(value) { glob(value) } else { region(value) }
}

fn is_glob(value: &str) -> bool {
    value.contains(['*', '?', '[', '{'])
}

fn is_account_id(value: &str) -> bool {
    value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit())
}

pub(in crate::config) fn account_glob(value: &str) -> Result<(), Complaint> {
    if is_account_id(value) {
        return Ok(());
    }
    if is_glob(value) && value.bytes().all(|byte| byte.is_ascii_digit() || b"*?[]{}!,-".contains(&byte)) {
        return glob(value);
    }
    let digits: String = value.chars().filter(|c| *c != '-' && *c != ' ').collect();
    let hint = is_account_id(&digits).then(|| format!("write \"{digits}\""));
    Err(Complaint::new(format!("{} is neither an account id of 12 digits nor a pattern over them", quoted(value)))
        .maybe(hint))
}

/// A root (`r-…`) or organizational unit (`ou-…-…`).
pub(in crate::config) fn organizational_unit(value: &str) -> Result<(), Complaint> {
    let part = |text: &str, least: usize| {
        (least..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let right = match value.split('-').collect::<Vec<_>>().as_slice() {
        ["r", root] => part(root, 4),
        ["ou", root, unit] => part(root, 4) && part(unit, 8),
        _ => false,
    };
    if right {
        return Ok(());
    }
    Err(Complaint::new(format!("{} is not the id of an organizational unit", quoted(value)))
        .hint("it looks like \"ou-abcd-11112222\", or \"r-abcd\" for the root"))
}

pub(in crate::config) fn api_id(value: &str) -> Result<(), Complaint> {
    if (1..=64).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(Complaint::new(format!("{} is not an API id, which is lower-case letters and digits", quoted(value))))
    }
}

/// `arn:PARTITION:iam::ACCOUNT:role/[PATH/]NAME`, taken apart.
pub(in crate::config) fn role_arn(value: &str) -> Result<RoleArn, Complaint> {
    const LIKE: &str = "it looks like \"arn:aws:iam::111122223333:role/NAME\"";
    let wrong = |what: &str| Complaint::new(format!("{} is not a role's ARN: {what}", quoted(value)));
    let fields: Vec<&str> = value.splitn(6, ':').collect();
    let [arn, partition, service, region, account, resource] = fields.as_slice() else {
        return Err(wrong("it does not have six parts").hint(LIKE));
    };
    if *arn != "arn" {
        return Err(wrong("it does not begin with \"arn:\"").hint(LIKE));
    }
    if regions::partition(partition).is_none() {
        let ids = regions::partitions().iter().map(|known| known.id.as_str());
        let hint = suggest::did_you_mean(partition, ids.clone());
        let hint = hint.unwrap_or_else(|| format!("the partitions are {}", ids.collect::<Vec<_>>().join(", ")));
        return Err(wrong(&format!("{} is not a partition", quoted(partition))).hint(hint));
    }
    match *service {
        "iam" => {}
        "sts" => return Err(wrong("it is a session's").hint("write the ARN of the role that was assumed")),
        _ => return Err(wrong("it is not of the service \"iam\"").hint(LIKE)),
    }
    if !region.is_empty() {
        return Err(wrong("roles have no region").hint(LIKE));
    }
    if !is_account_id(account) {
        return Err(wrong(&format!("{} is not an account id of 12 digits", quoted(account))));
    }
    let Some(role) = resource.strip_prefix("role/") else {
        let what = if resource.starts_with("user/") { "it is a user's" } else { "it does not name a role" };
        return Err(wrong(what).hint(LIKE));
    };
    role_name(role).map_err(|complaint| wrong(&complaint.message))?;
    Ok(RoleArn { arn: value.to_owned(), partition: (*partition).to_owned(), account_id: (*account).to_owned() })
}

/// `[PATH/]NAME`: a name of 1–64 of `[\w+=,.@-]` after a path of at most 512 printable characters.
pub(in crate::config) fn role_name(value: &str) -> Result<(), Complaint> {
    if value.starts_with("arn:") {
        return Err(
            Complaint::new(format!("{} is an ARN, not a name", quoted(value))).hint("write what follows \"role/\"")
        );
    }
    let (path, name) = value.rsplit_once('/').unwrap_or(("", value));
    if !(1..=64).contains(&name.len()) || !name.bytes().all(is_name_byte) {
        return Err(Complaint::new(format!(
            "{} is not the name of a role, which is 1 to 64 letters, digits and + = , . @ _ -",
            quoted(name)
        )));
    }
    if path.len() > 510 || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Complaint::new(format!("{} is not the path of a role", quoted(path))));
    }
    Ok(())
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)
}

pub(in crate::config) fn session_name(value: &str) -> Result<(), Complaint> {
    if (2..=64).contains(&value.len()) && value.bytes().all(is_name_byte) {
        return Ok(());
    }
    let rule = "is not a session's name, which is 2 to 64 letters, digits and + = , . @ _ -";
    Err(Complaint::new(format!("{} {rule}", quoted(value))))
}

/// Not echoed: some treat it as a secret.
pub(in crate::config) fn external_id(value: &str) -> Result<(), Complaint> {
    if (2..=1224).contains(&value.len()) && value.bytes().all(|byte| is_name_byte(byte) || byte == b':' || byte == b'/')
    {
        return Ok(());
    }
    Err(Complaint::new("an external id is 2 to 1224 letters, digits and + = , . @ : / _ -"))
}

/// Not echoed: the secret may stand there by mistake.
pub(in crate::config) fn access_key_id(value: &str) -> Result<(), Complaint> {
    // Secret access keys have 40 characters, ids 20.
    if value.len() == 40 {
        return Err(Complaint::new("this looks like a secret access key, not like an access key's id")
            .hint("write the id, such as AKIA…; the secret goes to secret_access_key by reference"));
    }
    if (1..=128).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(());
    }
    Err(Complaint::new("an access key's id is letters and digits, such as AKIA…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_arn_is_taken_apart_with_or_without_a_path() {
        for (arn, partition) in [
            ("arn:aws:iam::111122223333:role/Reader", "aws"),
            ("arn:aws-us-gov:iam::111122223333:role/team/platform/Reader", "aws-us-gov"),
        ] {
            let parsed = role_arn(arn).unwrap();
            assert_eq!((parsed.arn.as_str(), parsed.partition.as_str()), (arn, partition));
            assert_eq!(parsed.account_id, "111122223333");
        }
    }

    #[test]
    fn what_is_no_role_arn_is_refused_with_the_reason() {
        for (arn, reason) in [
            ("", "six parts"),
            ("arn:aws:iam::111122223333", "six parts"),
            ("urn:aws:iam::111122223333:role/R", "begin with"),
            ("arn:asw:iam::111122223333:role/R", "partition"),
            ("arn:aws:sts::111122223333:assumed-role/R/s", "session"),
            ("arn:aws:s3::111122223333:role/R", "iam"),
            ("arn:aws:iam:eu-west-1:111122223333:role/R", "no region"),
            ("arn:aws:iam::11112222333:role/R", "12 digits"),
            ("arn:aws:iam::111122223333:user/R", "user"),
            ("arn:aws:iam::111122223333:role/", "name of a role"),
            ("arn:aws:iam::111122223333:role/a b", "name of a role"),
        ] {
            let complaint = role_arn(arn).unwrap_err();
            assert!(complaint.message.contains(reason), "{arn}: {}", complaint.message);
        }
    }

    #[test]
    fn accounts_are_ids_or_patterns_over_digits() {
        for good in ["111122223333", "*", "1111*", "[0-5]*", "{1111,2222}*"] {
            assert_eq!(account_glob(good), Ok(()), "{good}");
        }
        for bad in ["", "1111", "1111222233334", "payments", "pay*"] {
            assert!(account_glob(bad).is_err(), "{bad}");
        }
        assert_eq!(account_glob("1111-2222-3333").unwrap_err().hint.as_deref(), Some("write \"111122223333\""));
    }

    #[test]
    fn session_names_and_external_ids_have_the_lengths_and_letters_of_sts() {
        for (text, name, id) in [
            ("a", false, false),
            ("ab", true, true),
            ("a/b:c", false, true),
            ("a b", false, false),
            ("é1", false, false),
        ] {
            assert_eq!((session_name(text).is_ok(), external_id(text).is_ok()), (name, id), "{text}");
        }
        assert!(session_name(&"a".repeat(64)).is_ok() && session_name(&"a".repeat(65)).is_err());
        assert!(external_id(&"a".repeat(1224)).is_ok() && external_id(&"a".repeat(1225)).is_err());
    }
}
