//! "Did you mean": the nearest right name by edit distance.

/// The candidate that is closest to `text`, if one is close enough to be meant; the first of equals. Case does not count.
pub(crate) fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = text.to_lowercase();
    let length = wanted.chars().count();
    // Longer texts are not typed by hand, and the distance is quadratic.
    if length > 100 {
        return None;
    }
    let limit = (length / 3).clamp(1, 3);
    let scored = candidates.into_iter().filter_map(|candidate| {
        let other = candidate.to_lowercase();
        let near = other.chars().count().abs_diff(length) <= limit;
        let distance = if near { strsim::damerau_levenshtein(&wanted, &other) } else { usize::MAX };
        (distance <= limit).then_some((distance, candidate))
    });
    scored.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// The hint for it.
pub(crate) fn did_you_mean<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(text, candidates).map(|name| format!("did you mean \"{name}\"?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_name_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("weakly", ["daily", "weekly", "monthly"]), Some("weekly"));
        assert_eq!(nearest("Weekly", ["daily", "weekly"]), Some("weekly"));
        assert_eq!(nearest("reigons", ["regions", "stages"]), Some("regions"));
        assert_eq!(nearest("yearly", ["daily", "monthly"]), None);
        assert_eq!(nearest("x", ["daily"]), None);
        assert_eq!(did_you_mean("dayly", ["daily"]).as_deref(), Some("did you mean \"daily\"?"));
    }
}
