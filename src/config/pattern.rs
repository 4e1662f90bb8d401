//! Globs over names and the filters that are made of them. Case counts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use globset::{Glob, GlobBuilder, GlobMatcher};

use crate::inventory::{Api, Protocol};

/// One glob with the text that it was made from: `*`, `?`, `[…]`, `{a,b}`.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    glob: Glob,
    /// Made when first asked: a regular expression costs 25 µs, and a file may hold thousands that are never asked on this start.
    matcher: OnceLock<GlobMatcher>,
}

impl fmt::Debug for Pattern {
    /// The text alone: whether it was compiled yet says nothing about a pattern.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Pattern {
    /// Reads a glob.
    ///
    /// # Errors
    /// One sentence on what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let glob = GlobBuilder::new(text).literal_separator(false).backslash_escape(true).build();
        let glob = glob.map_err(|error| error.kind().to_string())?;
        Ok(Self { text: text.to_owned(), glob, matcher: OnceLock::new() })
    }

    /// The text that it was made from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `name` as a whole matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.matcher.get_or_init(|| self.glob.compile_matcher()).is_match(name)
    }
}

impl Eq for Pattern {}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Several globs, of which any may match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    /// From compiled globs.
    #[must_use]
    pub fn new(patterns: Vec<Pattern>) -> Self {
        Self(patterns)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them matches.
    #[must_use]
    pub fn any(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether there is none, or one of them matches.
    #[must_use]
    pub fn none_or_any(&self, name: &str) -> bool {
        self.is_empty() || self.any(name)
    }

    /// The texts that they were made from.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Pattern::as_str)
    }
}

/// `include` or `exclude`: what is said about an API by each key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Globs over names.
    pub names: Patterns,
    /// Globs over the value of each tag; a tag that an API does not have matches nothing.
    pub tags: BTreeMap<String, Patterns>,
    /// API ids.
    pub ids: Vec<String>,
    /// Protocols.
    pub protocols: Vec<Protocol>,
    /// Endpoint types.
    pub endpoint_types: Vec<String>,
}

impl Filter {
    /// Whether an API is included: every key that is given matches (an empty filter includes everything).
    #[must_use]
    pub fn includes(&self, api: &Api) -> bool {
        self.verdicts(api).flatten().all(|matches| matches)
    }

    /// Whether an API is excluded: any key that is given matches (an empty filter excludes nothing).
    #[must_use]
    pub fn excludes(&self, api: &Api) -> bool {
        self.verdicts(api).flatten().any(|matches| matches)
    }

    /// What each key says; `None` where it is not given.
    fn verdicts<'a>(&'a self, api: &'a Api) -> impl Iterator<Item = Option<bool>> + 'a {
        let given = |given: bool, matches: bool| given.then_some(matches);
        let endpoint_type = api.endpoint_type.as_deref().unwrap_or_default();
        let keys = [
            given(!self.names.is_empty(), self.names.any(&api.name)),
            given(!self.ids.is_empty(), self.ids.contains(&api.id.api_id)),
            given(!self.protocols.is_empty(), self.protocols.contains(&api.protocol)),
            given(!self.endpoint_types.is_empty(), self.endpoint_types.iter().any(|wanted| wanted == endpoint_type)),
        ];
        let tags = self.tags.iter().map(|(key, values)| Some(api.tags.get(key).is_some_and(|value| values.any(value))));
        keys.into_iter().chain(tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{ApiId, Details};

    fn patterns(texts: &[&str]) -> Patterns {
        Patterns::new(texts.iter().map(|text| Pattern::new(text).unwrap()).collect())
    }

    fn api(name: &str, tags: &[(&str, &str)]) -> Api {
        Api {
            id: ApiId {
                partition: "aws".to_owned(),
                account_id: "111122223333".to_owned(),
                region: "eu-west-1".to_owned(),
                api_id: "a1b2c3d4e5".to_owned(),
            },
            protocol: Protocol::Rest,
            name: name.to_owned(),
            description: None,
            version: None,
            endpoint_type: Some("REGIONAL".to_owned()),
            tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            created_at: None,
            details: Details::Read(Vec::new()),
            instances: Vec::new(),
        }
    }

    fn team(globs: &[&str]) -> Filter {
        Filter { tags: [("team".to_owned(), patterns(globs))].into(), ..Filter::default() }
    }

    #[test]
    fn a_glob_matches_the_whole_name_and_case_counts() {
        let live = Pattern::new("live-*").unwrap();
        assert!(live.matches("live-eu") && live.matches("live-") && live.matches("live-a/b"));
        assert!(!live.matches("Live-eu") && !live.matches("alive-eu") && !live.matches("live"));
        assert!(Pattern::new("$default").unwrap().matches("$default"));
        assert!(Pattern::new("{a,b}?[0-9]").unwrap().matches("bx7"));
        assert!(Pattern::new("[").is_err());
    }

    #[test]
    fn an_empty_filter_includes_everything_and_excludes_nothing() {
        assert!(Filter::default().includes(&api("orders", &[])));
        assert!(!Filter::default().excludes(&api("orders", &[])));
    }

    #[test]
    fn include_needs_every_key_and_exclude_any() {
        let filter = Filter { names: patterns(&["orders*", "pay*"]), ..team(&["pay*"]) };
        let both = api("orders-v2", &[("team", "payments")]);
        let name_only = api("orders-v2", &[("team", "search")]);
        let neither = api("search", &[]);
        assert_eq!([&both, &name_only, &neither].map(|api| filter.includes(api)), [true, false, false]);
        assert_eq!([&both, &name_only, &neither].map(|api| filter.excludes(api)), [true, true, false]);
    }

    #[test]
    fn a_tag_that_an_api_does_not_have_matches_nothing() {
        assert!(!team(&["*"]).includes(&api("orders", &[])));
        assert!(!team(&["*"]).excludes(&api("orders", &[])));
        assert!(team(&["*"]).includes(&api("orders", &[("team", "")])));
    }

    #[test]
    fn ids_protocols_and_endpoint_types_are_compared_whole() {
        let ids = |id: &str| Filter { ids: vec![id.to_owned()], ..Filter::default() };
        assert!(ids("a1b2c3d4e5").includes(&api("x", &[])) && !ids("a1b2").includes(&api("x", &[])));
        let protocols = Filter { protocols: vec![Protocol::Http], ..Filter::default() };
        assert!(!protocols.includes(&api("x", &[])));
        let private = Filter { endpoint_types: vec!["PRIVATE".to_owned()], ..Filter::default() };
        let unknown = Api { endpoint_type: None, ..api("x", &[]) };
        assert!(!private.excludes(&api("x", &[])) && !private.excludes(&unknown));
    }
}
