//! Names of AWS partitions and regions: to place a region, to probe `all`, and to suggest the right name for a wrong one.
//!
//! The names come from `regions.toml`, which carries its date. Which regions an account has switched on is not known here.

use std::sync::LazyLock;

use serde::Deserialize;

use super::suggest;

/// One AWS partition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// `aws`, `aws-cn`, ….
    pub id: String,
    /// What its host names end with.
    pub dns_suffix: String,
    /// Where its Account Management answers; absent where there is none to ask for an account's regions.
    pub account_management: Option<String>,
    /// What its region codes begin with.
    prefixes: Vec<String>,
    /// Its regions, ordered.
    pub regions: Vec<String>,
}

#[derive(Deserialize)]
struct DataFile {
    partition: Vec<Partition>,
}

static PARTITIONS: LazyLock<Vec<Partition>> = LazyLock::new(|| {
    // The file is part of the program and a test reads it, so this cannot fail in a build that passed.
    toml::from_str::<DataFile>(include_str!("regions.toml")).map(|file| file.partition).unwrap_or_default()
});

/// Every partition, the commercial one first.
pub fn partitions() -> &'static [Partition] {
    &PARTITIONS
}

/// The partition of that id.
pub fn partition(id: &str) -> Option<&'static Partition> {
    PARTITIONS.iter().find(|partition| partition.id == id)
}

/// The partition that a region is in, also of one that is too new to be listed; `None` where its code has no known beginning.
pub fn partition_of(region: &str) -> Option<&'static str> {
    let listed = PARTITIONS.iter().find(|partition| partition.regions.iter().any(|name| name == region));
    let placed = || {
        let prefixes = PARTITIONS.iter().flat_map(|place| place.prefixes.iter().map(move |prefix| (prefix, place)));
        prefixes.filter(|(prefix, _)| region.starts_with(*prefix)).max_by_key(|(prefix, _)| prefix.len())
    };
    listed.or_else(|| placed().map(|(_, place)| place)).map(|place| place.id.as_str())
}

/// What the host names of a partition end with, such as `amazonaws.com.cn`; `None` for an unknown partition.
pub fn dns_suffix(partition_id: &str) -> Option<&'static str> {
    partition(partition_id).map(|place| place.dns_suffix.as_str())
}

/// The region in which a partition's Account Management answers; `None` where it has none, so that an account's regions cannot be listed.
pub fn account_management(partition_id: &str) -> Option<&'static str> {
    partition(partition_id).and_then(|place| place.account_management.as_deref())
}

/// The regions that a partition is known to have, ordered; none for an unknown partition.
pub fn known(partition_id: &str) -> &'static [String] {
    partition(partition_id).map_or(&[], |place| place.regions.as_slice())
}

/// Whether a region is listed.
pub fn is_known(region: &str) -> bool {
    PARTITIONS.iter().any(|partition| partition.regions.iter().any(|name| name == region))
}

/// The listed region whose name is closest, if any is close.
pub fn nearest(text: &str) -> Option<&'static str> {
    suggest::nearest(text, PARTITIONS.iter().flat_map(|partition| partition.regions.iter().map(String::as_str)))
}

/// Whether a text has the form of a region code: two to four letters, one or more words, a number (`eu-isoe-west-1`).
pub fn is_well_formed(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let letters = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    match words.as_slice() {
        [first, middle @ .., last] if !middle.is_empty() => {
            letters(first)
                && (2..=4).contains(&first.len())
                && middle.iter().all(|word| letters(word))
                && (1..=2).contains(&last.len())
                && last.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_file_has_every_partition_with_well_formed_ordered_regions_of_its_own() {
        assert_eq!(partitions().len(), 8);
        assert_eq!(known("aws").len(), 34);
        for partition in partitions() {
            assert!(partition.regions.is_sorted(), "{}", partition.id);
            let home = partition.account_management.as_ref();
            assert!(home.is_none_or(|home| partition.regions.contains(home)), "{}", partition.id);
            for region in &partition.regions {
                assert!(is_well_formed(region), "{region}");
                assert!(is_known(region));
                assert_eq!(partition_of(region), Some(partition.id.as_str()));
                let prefix = partition.prefixes.iter().filter(|prefix| region.starts_with(prefix.as_str()));
                assert_eq!(prefix.count(), 1, "{region}");
            }
        }
    }

    #[test]
    fn a_region_that_is_not_listed_is_placed_by_the_longest_beginning() {
        assert_eq!(partition_of("us-gov-central-1"), Some("aws-us-gov"));
        assert_eq!(partition_of("us-isof-north-1"), Some("aws-iso-f"));
        assert_eq!(partition_of("eu-east-9"), Some("aws"));
        assert_eq!(partition_of("eusc-fr-west-1"), Some("aws-eusc"));
        assert_eq!(partition_of("xx-east-1"), None);
    }

    #[test]
    fn suffixes_differ_by_partition() {
        assert_eq!(dns_suffix("aws-cn"), Some("amazonaws.com.cn"));
        assert_eq!(dns_suffix("aws-us-gov"), Some("amazonaws.com"));
        assert_eq!(dns_suffix("aws-mars"), None);
        assert!(known("aws-mars").is_empty());
    }

    #[test]
    fn the_form_of_a_region_code_is_told_from_other_words() {
        for good in ["eu-west-1", "us-gov-east-1", "eusc-de-east-1", "ap-southeast-12"] {
            assert!(is_well_formed(good), "{good}");
        }
        for bad in
            ["", "all", "eu", "eu-west", "eu-1", "eu--1", "EU-WEST-1", "eu-west-1a", "europe-west-1", "eu-west-123"]
        {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_region() {
        assert_eq!(nearest("eu-wst-1"), Some("eu-west-1"));
        assert_eq!(nearest("useast1"), Some("us-east-1"));
        assert_eq!(nearest("london"), None);
    }
}
