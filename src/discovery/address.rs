//! The addresses at which an API answers. Pure: from what was read, by AWS's rules for invoke URLs.

use crate::config::regions::dns_suffix;
use crate::inventory::{ApiId, Instance, InstanceKind, Protocol, Stage};

use super::listed::Endpoint;

/// The stage of an HTTP API that has no path segment.
const DEFAULT_STAGE: &str = "$default";

/// A way from a custom domain to an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The domain's name.
    pub(super) domain: String,
    /// Path below the domain, without slashes at its ends; empty for the root.
    pub(super) path: String,
    /// The stage that it leads to; without one the caller names the stage in the path.
    pub(super) stage: Option<String>,
    /// Whether the domain is in service.
    pub(super) in_service: bool,
}

/// Every address of an API, ordered by stage, kind and URL.
///
/// A route to a stage that does not exist is no address. Without a known DNS suffix the API's own address is the one
/// that the listing gave, if it gave one.
pub(super) fn instances(
    id: &ApiId,
    protocol: Protocol,
    endpoint: &Endpoint,
    stages: &[Stage],
    routes: &[Route],
) -> Vec<Instance> {
    let mut found = Vec::new();
    for stage in stages {
        own_addresses(id, protocol, endpoint, stage, &mut found);
        for route in routes {
            found.extend(custom_address(protocol, route, stage));
        }
    }
    found.sort_by(|a, b| (&a.stage, a.kind, &a.url, !a.callable).cmp(&(&b.stage, b.kind, &b.url, !b.callable)));
    // The callable one comes first and stays.
    found.dedup_by(|later, first| (&later.stage, later.kind, &later.url) == (&first.stage, first.kind, &first.url));
    found
}

/// Whether [`instances`] cannot know the API's own address.
pub(super) fn own_address_is_unknown(id: &ApiId, endpoint: &Endpoint) -> bool {
    dns_suffix(&id.partition).is_none() && endpoint.given.is_none()
}

fn own_addresses(id: &ApiId, protocol: Protocol, endpoint: &Endpoint, stage: &Stage, found: &mut Vec<Instance>) {
    let ApiId { region, api_id, .. } = id;
    let answers = stage.is_deployed() && !endpoint.disabled;
    let path = own_path(protocol, &stage.name);
    let suffix = dns_suffix(&id.partition);
    let base = match (suffix, &endpoint.given) {
        (Some(suffix), _) => format!("{}://{api_id}.execute-api.{region}.{suffix}", scheme(protocol)),
        (None, Some(given)) => given.trim_end_matches('/').to_owned(),
        (None, None) => return,
    };
    // A private API's plain name resolves inside a VPC endpoint only; where none is associated it may still do so there.
    let through_endpoint_only = endpoint.private && !endpoint.vpc_endpoint_ids.is_empty();
    let url = format!("{base}{path}");
    found.push(instance(stage, url, InstanceKind::ExecuteApi, answers && !through_endpoint_only));
    let Some(suffix) = suffix.filter(|_| endpoint.private) else { return };
    for vpc_endpoint in &endpoint.vpc_endpoint_ids {
        let url = format!("https://{api_id}-{vpc_endpoint}.execute-api.{region}.{suffix}{path}");
        found.push(instance(stage, url, InstanceKind::VpcEndpoint, answers));
    }
}

fn custom_address(protocol: Protocol, route: &Route, stage: &Stage) -> Option<Instance> {
    let mut path: String = route.path.split('/').filter(|segment| !segment.is_empty()).map(segment).collect();
    match &route.stage {
        Some(name) if *name != stage.name => return None,
        Some(_) => {}
        // One address per stage that could be named; those without a deployment answer nothing.
        None if !stage.is_deployed() => return None,
        None => path += &own_path(protocol, &stage.name),
    }
    let url = format!("{}://{}{path}", scheme(protocol), route.domain);
    // A wildcard domain answers at names that are not known here.
    let callable = route.in_service && stage.is_deployed() && !route.domain.starts_with("*.");
    Some(instance(stage, url, InstanceKind::CustomDomain, callable))
}

fn instance(stage: &Stage, url: String, kind: InstanceKind, callable: bool) -> Instance {
    Instance {
        stage: stage.name.clone(),
        url,
        kind,
        callable,
        created_at: stage.created_at,
        deployed_at: stage.deployed_at,
    }
}

fn scheme(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::WebSocket => "wss",
        Protocol::Rest | Protocol::Http => "https",
    }
}

/// The stage as a path segment.
fn own_path(protocol: Protocol, stage: &str) -> String {
    if protocol == Protocol::Http && stage == DEFAULT_STAGE { String::new() } else { segment(stage) }
}

/// A slash and a path segment, percent-encoded where RFC 3986 wants it.
fn segment(text: &str) -> String {
    use std::fmt::Write;

    let mut encoded = String::from("/");
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(partition: &str, region: &str) -> ApiId {
        let (partition, region) = (partition.to_owned(), region.to_owned());
        ApiId { partition, account_id: "111122223333".to_owned(), region, api_id: "abc".to_owned() }
    }

    fn deployed(name: &str) -> Stage {
        let deployment_id = Some("d1".to_owned());
        Stage { name: name.to_owned(), deployment_id, auto_deploy: false, created_at: None, deployed_at: None }
    }

    fn undeployed(name: &str) -> Stage {
        Stage { deployment_id: None, ..deployed(name) }
    }

    fn route(domain: &str, path: &str, stage: Option<&str>) -> Route {
        Route { domain: domain.to_owned(), path: path.to_owned(), stage: stage.map(str::to_owned), in_service: true }
    }

    /// Each address as `stage kind url`, with a `!` where it cannot be called.
    fn shown(protocol: Protocol, endpoint: &Endpoint, stages: &[Stage], routes: &[Route]) -> Vec<String> {
        let found = instances(&id("aws", "eu-west-1"), protocol, endpoint, stages, routes);
        let mark = |instance: &Instance| if instance.callable { "" } else { "!" };
        found.iter().map(|i| format!("{}{} {} {}", mark(i), i.stage, i.kind.as_str(), i.url)).collect()
    }

    #[test]
    fn the_invoke_url_has_the_suffix_of_its_partition() {
        for (partition, region, host) in [
            ("aws", "eu-west-1", "abc.execute-api.eu-west-1.amazonaws.com"),
            ("aws-cn", "cn-north-1", "abc.execute-api.cn-north-1.amazonaws.com.cn"),
            ("aws-us-gov", "us-gov-west-1", "abc.execute-api.us-gov-west-1.amazonaws.com"),
            ("aws-eusc", "eusc-de-east-1", "abc.execute-api.eusc-de-east-1.amazonaws.eu"),
            ("aws-iso", "us-iso-east-1", "abc.execute-api.us-iso-east-1.c2s.ic.gov"),
            ("aws-iso-b", "us-isob-east-1", "abc.execute-api.us-isob-east-1.sc2s.sgov.gov"),
        ] {
            let of = |protocol, stage| {
                let found = instances(&id(partition, region), protocol, &Endpoint::default(), &[deployed(stage)], &[]);
                found.into_iter().map(|instance| instance.url).collect::<Vec<_>>()
            };
            assert_eq!(of(Protocol::Rest, "prod"), [format!("https://{host}/prod")]);
            assert_eq!(of(Protocol::Http, "prod"), [format!("https://{host}/prod")]);
            assert_eq!(of(Protocol::Http, "$default"), [format!("https://{host}")]);
            assert_eq!(of(Protocol::WebSocket, "prod"), [format!("wss://{host}/prod")]);
        }
    }

    #[test]
    fn without_a_known_suffix_the_given_endpoint_counts_and_a_rest_api_has_no_address() {
        let id = id("aws-new", "xx-new-1");
        let given =
            Endpoint { given: Some("wss://abc.execute-api.xx-new-1.example".to_owned()), ..Endpoint::default() };
        let found = instances(&id, Protocol::WebSocket, &given, &[deployed("live")], &[]);
        assert_eq!(found[0].url, "wss://abc.execute-api.xx-new-1.example/live");
        assert!(!own_address_is_unknown(&id, &given));
        assert!(instances(&id, Protocol::Rest, &Endpoint::default(), &[deployed("prod")], &[]).is_empty());
        assert!(own_address_is_unknown(&id, &Endpoint::default()));
    }

    #[test]
    fn a_private_api_is_reached_through_its_vpc_endpoints() {
        let ids = vec!["vpce-1".to_owned(), "vpce-2".to_owned()];
        let endpoint = Endpoint { private: true, vpc_endpoint_ids: ids, ..Endpoint::default() };
        assert_eq!(
            shown(Protocol::Rest, &endpoint, &[deployed("prod")], &[]),
            [
                "!prod execute-api https://abc.execute-api.eu-west-1.amazonaws.com/prod",
                "prod vpc-endpoint https://abc-vpce-1.execute-api.eu-west-1.amazonaws.com/prod",
                "prod vpc-endpoint https://abc-vpce-2.execute-api.eu-west-1.amazonaws.com/prod",
            ]
        );
        let without = Endpoint { private: true, ..Endpoint::default() };
        assert_eq!(
            shown(Protocol::Rest, &without, &[deployed("prod")], &[]),
            ["prod execute-api https://abc.execute-api.eu-west-1.amazonaws.com/prod"]
        );
    }

    #[test]
    fn a_disabled_default_endpoint_is_listed_as_not_callable_and_leaves_custom_domains_alone() {
        let endpoint =
            Endpoint { disabled: true, private: true, vpc_endpoint_ids: vec!["vpce-1".to_owned()], given: None };
        assert_eq!(
            shown(Protocol::Rest, &endpoint, &[deployed("prod")], &[route("a.example.com", "", Some("prod"))]),
            [
                "prod custom-domain https://a.example.com",
                "!prod execute-api https://abc.execute-api.eu-west-1.amazonaws.com/prod",
                "!prod vpc-endpoint https://abc-vpce-1.execute-api.eu-west-1.amazonaws.com/prod",
            ]
        );
    }

    #[test]
    fn a_stage_without_a_deployment_is_listed_as_not_callable() {
        assert_eq!(
            shown(
                Protocol::Rest,
                &Endpoint::default(),
                &[undeployed("dev")],
                &[route("a.example.com", "x", Some("dev"))]
            ),
            [
                "!dev custom-domain https://a.example.com/x",
                "!dev execute-api https://abc.execute-api.eu-west-1.amazonaws.com/dev",
            ]
        );
        let automatic = Stage { auto_deploy: true, ..undeployed("$default") };
        assert_eq!(
            shown(Protocol::Http, &Endpoint::default(), &[automatic], &[]),
            ["$default execute-api https://abc.execute-api.eu-west-1.amazonaws.com"]
        );
    }

    #[test]
    fn a_mapping_without_a_stage_gives_one_address_per_deployed_stage() {
        let stages = [deployed("dev"), deployed("prod"), undeployed("draft")];
        let urls: Vec<String> =
            shown(Protocol::Rest, &Endpoint::default(), &stages, &[route("a.example.com", "base", None)])
                .into_iter()
                .filter(|line| line.contains("custom-domain"))
                .collect();
        assert_eq!(
            urls,
            ["dev custom-domain https://a.example.com/base/dev", "prod custom-domain https://a.example.com/base/prod"]
        );
    }

    #[test]
    fn the_same_address_by_rule_and_by_mapping_is_listed_once_and_callable_if_either_is() {
        let off = Route { in_service: false, ..route("a.example.com", "x", Some("prod")) };
        let routes = [off, route("a.example.com", "/x/", Some("prod")), route("a.example.com", "x", Some("prod"))];
        let found = shown(Protocol::Rest, &Endpoint::default(), &[deployed("prod")], &routes);
        assert_eq!(found[0], "prod custom-domain https://a.example.com/x");
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_wildcard_domain_and_one_out_of_service_cannot_be_called() {
        let off = Route { in_service: false, ..route("b.example.com", "", Some("prod")) };
        let found = shown(
            Protocol::Rest,
            &Endpoint::default(),
            &[deployed("prod")],
            &[route("*.example.com", "", Some("prod")), off],
        );
        assert_eq!(
            found[..2],
            ["!prod custom-domain https://*.example.com", "!prod custom-domain https://b.example.com"]
        );
    }

    #[test]
    fn names_are_percent_encoded_where_a_url_needs_it() {
        let found = shown(
            Protocol::WebSocket,
            &Endpoint::default(),
            &[deployed("a b/é")],
            &[route("a.example.com", "x y/z?", Some("a b/é"))],
        );
        assert_eq!(
            found,
            [
                "a b/é custom-domain wss://a.example.com/x%20y/z%3F",
                "a b/é execute-api wss://abc.execute-api.eu-west-1.amazonaws.com/a%20b%2F%C3%A9",
            ]
        );
    }

    proptest! {
        #[test]
        fn addresses_are_ordered_and_unique_and_absolute_whatever_the_names_are(
            names in proptest::collection::vec(".{0,12}", 0..5),
            paths in proptest::collection::vec((".{0,12}", proptest::option::of(".{0,12}")), 0..5),
            private: bool,
            protocol in prop_oneof![Just(Protocol::Rest), Just(Protocol::Http), Just(Protocol::WebSocket)],
        ) {
            let stages: Vec<Stage> = names.iter().map(|name| deployed(name)).collect();
            let routes: Vec<Route> =
                paths.iter().map(|(path, stage)| route("a.example.com", path, stage.as_deref())).collect();
            let endpoint = Endpoint { private, vpc_endpoint_ids: vec!["vpce-1".to_owned()], ..Endpoint::default() };
            let found = instances(&id("aws", "eu-west-1"), protocol, &endpoint, &stages, &routes);
            for pair in found.windows(2) {
                let key = |instance: &Instance| (instance.stage.clone(), instance.kind, instance.url.clone());
                prop_assert!(key(&pair[0]) < key(&pair[1]));
            }
            for instance in &found {
                let url = url::Url::parse(&instance.url);
                prop_assert!(url.is_ok_and(|url| url.has_host()), "{}", instance.url);
            }
        }
    }
}
