//! A YAML text as properties, `integration.providers[0].type`, as Spring flattens a `gravitee.yml`.
//!
//! Scalars keep their spelling: a key made of digits is no number. Nothing that stands in the text gets into an error.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Deeper than any settings are, and far from what a stack bears.
const DEEPEST: usize = 64;

/// Why a text gives no properties.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct YamlError {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// A mapping or list that is open.
enum Open {
    Mapping { path: String, key: Option<String> },
    List { path: String, next: usize },
}

/// The properties of a text. Keys without a value are none.
///
/// # Errors
/// It is no YAML, or it holds what settings do not need: keys that are no texts, aliases, one key twice.
pub fn properties(text: &str) -> Result<BTreeMap<String, String>, YamlError> {
    let mut found = BTreeMap::new();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let at = error.marker();
            YamlError { line: at.line(), column: at.col() + 1, what: "this is not YAML" }
        })?;
        let wrong = |what| YamlError { line: span.start.line(), column: span.start.col() + 1, what };
        match event {
            Event::Scalar(value, style, ..) => {
                if let Some(Open::Mapping { key: key @ None, .. }) = open.last_mut() {
                    if value == "<<" {
                        return Err(wrong("a merge key is not read here; write out what it stands for"));
                    }
                    *key = Some(value.into_owned());
                    continue;
                }
                let path = place(&mut open).ok_or_else(|| wrong("the text is one value and no settings"))?;
                let is_null =
                    style == ScalarStyle::Plain && matches!(value.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                if !is_null && found.insert(path, value.into_owned()).is_some() {
                    return Err(wrong("the key is there twice"));
                }
            }
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                if open.len() == DEEPEST {
                    return Err(wrong("this is nested too deeply"));
                }
                if let Some(Open::Mapping { key: None, .. }) = open.last() {
                    return Err(wrong("a key must be a text"));
                }
                let path = place(&mut open).unwrap_or_default();
                open.push(match event {
                    Event::MappingStart(..) => Open::Mapping { path, key: None },
                    _ => Open::List { path, next: 0 },
                });
            }
            Event::MappingEnd | Event::SequenceEnd => drop(open.pop()),
            Event::Alias(_) => return Err(wrong("an alias is not read here; write out what it stands for")),
            _ => {}
        }
    }
    Ok(found)
}

/// The path of the value that comes now; none outside of everything.
fn place(open: &mut [Open]) -> Option<String> {
    Some(match open.last_mut()? {
        Open::Mapping { path, key } => {
            let key = key.take()?;
            if path.is_empty() { key } else { format!("{path}.{key}") }
        }
        Open::List { path, next } => {
            let at = *next;
            *next += 1;
            format!("{path}[{at}]")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_becomes_properties_with_the_spelling_of_their_values() {
        let text = "# ours\nintegration:\n  connector:\n    ws:\n      endpoints: [http://a:8072, \"http://b\"]\n      headers:\n        - name: Authorization\n          value: 'bearer 0123'\n  providers:\n    - type: aws-api-gateway\n      configuration:\n        accessKeyId: 0012e5\n        roleArn:\n        secret: ~\n        0:\n          stage: prod\nservices.core.http.port: 18084\nquoted: \"\"\n";
        let found = properties(text).unwrap();
        let expected = [
            ("integration.connector.ws.endpoints[0]", "http://a:8072"),
            ("integration.connector.ws.endpoints[1]", "http://b"),
            ("integration.connector.ws.headers[0].name", "Authorization"),
            ("integration.connector.ws.headers[0].value", "bearer 0123"),
            ("integration.providers[0].configuration.0.stage", "prod"),
            ("integration.providers[0].configuration.accessKeyId", "0012e5"),
            ("integration.providers[0].type", "aws-api-gateway"),
            ("quoted", ""),
            ("services.core.http.port", "18084"),
        ];
        assert_eq!(found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>(), expected);
        assert_eq!(properties("").unwrap(), BTreeMap::new());
    }

    #[test]
    fn what_is_no_tree_of_settings_is_refused_by_its_place_and_without_its_words() {
        for (text, what) in [
            ("a: [hunter2", "this is not YAML"),
            ("a: &x hunter2\nb: *x", "an alias"),
            ("a: &x {b: hunter2}\nc:\n  <<: *x", "a merge key"),
            ("a: hunter2\na: hunter3", "twice"),
            ("hunter2", "one value"),
            ("? [hunter2]\n: 1", "a key must be a text"),
        ] {
            let error = properties(text).unwrap_err().to_string();
            assert!(error.contains(what) && error.starts_with("line "), "{text}: {error}");
            assert!(!error.contains("hunter"), "{error}");
        }
        let deep = format!("a: {}1{}", "[".repeat(200), "]".repeat(200));
        assert!(properties(&deep).is_err());
    }
}
