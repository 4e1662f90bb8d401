//! Globs over names and the filters that are made of them. Case counts.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use globset::{Glob, GlobBuilder, GlobMatcher};

use crate::inventory::{Api, Protocol};

/// One glob with the text that it was made from: `*`, `?`, `[…]`, `{a,b}`.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    glob: Glob,
    /// Made when first asked: a regular expression costs 25 µs, and a file may hold thousands that are never asked on this start.
    matcher: OnceLock<GlobMatcher>,
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
