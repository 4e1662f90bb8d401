//! What a region's name says: its partition, and the partition's DNS suffix.

/// The partition of a region, told by its prefix.
pub fn partition_of(region: &str) -> Option<&'static str> {
    const PREFIXES: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("eusc-", "aws-eusc"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
    ];
    let found = PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix));
    Some(found.map_or("aws", |(_, partition)| partition))
}

/// The DNS suffix under which a partition's services answer.
pub fn dns_suffix(partition: &str) -> Option<&'static str> {
    match partition {
        "aws" | "aws-us-gov" => Some("amazonaws.com"),
        "aws-cn" => Some("amazonaws.com.cn"),
        "aws-eusc" => Some("amazonaws.eu"),
        "aws-iso" => Some("c2s.ic.gov"),
        "aws-iso-b" => Some("sc2s.sgov.gov"),
        "aws-iso-e" => Some("cloud.adc-e.uk"),
        "aws-iso-f" => Some("csp.hci.ic.gov"),
        _ => None,
    }
}
