//! Failures of many scopes that are one failure to a person.

/// What two causes have in common where they differ only in account, region, family and request id.
///
/// AWS gives each answer a request id of its own, so causes as they stand are never equal.
#[must_use]
pub(super) fn essence(cause: &str, account: Option<&str>, region: Option<&str>) -> String {
    let text = match cause.split_once(", request ") {
        Some((before, id)) => format!("{before}{}", id.split_once(')').map_or("", |(_, after)| after)),
        None => cause.to_owned(),
    };
    let parts =
        [account.unwrap_or_default(), region.unwrap_or_default(), "GetRestApis", "GetApis", "/restapis", "/apis"];
    parts.iter().filter(|part| !part.is_empty()).fold(text, |text, part| text.replace(part, "…"))
}

/// Some of the names, and how many more there are.
#[must_use]
pub(super) fn some(names: &[String]) -> String {
    some_of(names, 4)
}

/// So many of the names, and how many more there are.
#[must_use]
pub(super) fn some_of(names: &[String], most: usize) -> String {
    let shown = names.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > most { format!("{shown} and {} more", names.len() - most) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_failure_elsewhere_has_the_same_essence() {
        let cause = |call: &str, region: &str, id: &str| {
            let text = format!("{call}: no entry to {region} of 111122223333 (Denied, status 403, request {id})");
            essence(&text, Some("111122223333"), Some(region))
        };
        assert_eq!(cause("GetApis", "eu-west-1", "a1"), cause("GetRestApis", "eu-west-2", "b2"));
        assert_ne!(essence("GetApis: denied", None, None), essence("GetApis: throttled", None, None));
    }

    #[test]
    fn many_names_are_some_and_a_number() {
        let names: Vec<String> = (1..=6).map(|number| number.to_string()).collect();
        assert_eq!(some(&names), "1, 2, 3, 4 and 2 more");
        assert_eq!(some(&names[..2]), "1, 2");
    }
}
