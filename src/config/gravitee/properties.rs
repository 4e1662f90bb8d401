//! The settings of Gravitee's agent by key, wherever and however they are spelt: the environment first, then a `gravitee.yml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::known;
use crate::config::SecretRef;

/// What begins the name of a variable that is meant for Gravitee, in the order in which they count.
const PREFIXES: [&str; 4] = ["gravitee_", "gravitee.", "GRAVITEE_", "GRAVITEE."];

/// A setting that is there.
#[derive(Clone, Debug)]
pub(super) struct Property {
    /// What it says; never blank.
    pub(super) text: String,
    /// Where it stands.
    pub(super) at: SecretRef,
}

impl Property {
    /// Where it stands, in words.
    pub(super) fn place(&self) -> String {
        place(&self.at)
    }
}

fn place(at: &SecretRef) -> String {
    match at {
        SecretRef::Env(name) => name.clone(),
        SecretRef::Property { file, key } => format!("{key} in {}", file.display()),
        SecretRef::File(path) => path.display().to_string(),
    }
}

/// All of them, and what came up while they were read.
#[derive(Debug)]
pub(super) struct Properties<'a> {
    variables: &'a BTreeMap<String, String>,
    file: Option<(&'a Path, BTreeMap<String, String>)>,
    read: BTreeSet<String>,
    read_keys: BTreeSet<String>,
    /// What is wrong.
    pub(super) problems: Vec<String>,
    /// What a person should know.
    pub(super) notes: Vec<String>,
}

impl<'a> Properties<'a> {
    pub(super) fn new(
        variables: &'a BTreeMap<String, String>,
        file: Option<(&'a Path, BTreeMap<String, String>)>,
    ) -> Self {
        let (read, read_keys) = (BTreeSet::new(), BTreeSet::new());
        Self { variables, file, read, read_keys, problems: Vec::new(), notes: Vec::new() }
    }

    /// Whether the key is there, be it set to nothing.
    pub(super) fn has(&self, key: &str) -> bool {
        let is_set = |spelling: &String| {
            PREFIXES.iter().any(|prefix| self.variables.contains_key(&format!("{prefix}{spelling}")))
        };
        spellings(key).iter().any(is_set) || self.in_file(key).is_some()
    }

    /// The setting of that key, `integration.providers[0].type`. A variable that is set to nothing hides the file's.
    pub(super) fn get(&mut self, key: &str) -> Option<Property> {
        let names: Vec<String> = spellings(key)
            .iter()
            .flat_map(|spelling| PREFIXES.map(|prefix| format!("{prefix}{spelling}")))
            .filter(|name| self.variables.contains_key(name))
            .collect();
        if let Some((name, others)) = names.split_first() {
            self.read.insert(name.clone());
            for other in others {
                if self.read.insert(other.clone()) {
                    self.notes.push(format!("{other} means the same as {name}, which counts"));
                }
            }
            let text = self.variables.get(name)?.clone();
            return self.usable(text, SecretRef::Env(name.clone()));
        }
        let (file, name, text) = self.in_file(key)?;
        let (file, name, text) = (file.to_owned(), name.to_owned(), text.to_owned());
        self.read_keys.insert(name.clone());
        self.usable(text, SecretRef::Property { file, key: name })
    }

    /// Where the file has it, whichever way its indices are written, and what it says there.
    fn in_file(&self, key: &str) -> Option<(&Path, &str, &str)> {
        let (file, values) = self.file.as_ref()?;
        let wanted = without_brackets(key);
        let (name, text) = values.iter().find(|(name, _)| without_brackets(name) == wanted)?;
        Some((file, name, text))
    }

    fn usable(&mut self, text: String, at: SecretRef) -> Option<Property> {
        if text.trim().is_empty() {
            return None;
        }
        let what = if text.trim_start().starts_with("secret://") {
            "refers to a secret of one of Gravitee's secret providers, which aboard does not have; give the value itself"
        } else if text.contains("${") {
            "holds a placeholder, ${…}, which nobody has filled in"
        } else {
            return Some(Property { text, at });
        };
        self.problems.push(format!("{}: {what}", place(&at)));
        None
    }

    /// A setting that is `true` or `false`.
    pub(super) fn boolean(&mut self, key: &str) -> Option<bool> {
        let found = self.get(key)?;
        match found.text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.wrong(&found, "must be true or false");
                None
            }
        }
    }

    /// A port.
    pub(super) fn port(&mut self, key: &str) -> Option<u16> {
        let found = self.get(key)?;
        let port = found.text.trim().parse().ok();
        if port.is_none() {
            self.wrong(&found, "is not a port, which is a number from 0 to 65535");
        }
        port
    }

    /// One of the properties is wrong; `what` holds nothing of its text that may be secret.
    pub(super) fn wrong(&mut self, found: &Property, what: &str) {
        self.problems.push(format!("{}: {what}", found.place()));
    }

    /// A key that has to be there is not, in any spelling.
    pub(super) fn missing(&mut self, key: &str) {
        let variable = format!("gravitee_{}", without_brackets(key).replace('.', "_"));
        self.problems.push(format!("{variable} is missing"));
    }

    /// Says of everything that was not read why not.
    pub(super) fn end(mut self) -> (Vec<String>, Vec<String>) {
        for name in self.variables.keys().filter(|name| !self.read.contains(*name)) {
            let Some((prefix, key)) = cut(name) else { continue };
            let is_upper = !key.chars().any(char::is_lowercase);
            let spelt = |known: &str| {
                let known = without_brackets(known).replace('.', "_");
                if is_upper { known.to_uppercase() } else { known }
            };
            if let Some(said) = known::unread(key, name, |known| format!("{prefix}{}", spelt(known))) {
                self.notes.push(format!("{name} {said}"));
            }
        }
        if let Some((file, values)) = &self.file {
            for key in values.keys().filter(|key| !self.read_keys.contains(*key)) {
                let hidden = spellings(key)
                    .iter()
                    .any(|spelling| PREFIXES.iter().any(|prefix| self.read.contains(&format!("{prefix}{spelling}"))));
                if hidden {
                    continue;
                }
                if let Some(said) = known::unread(key, key, str::to_owned) {
                    self.notes.push(format!("{key} in {} {said}", file.display()));
                }
            }
        }
        (self.problems, self.notes)
    }
}

/// Prefix and rest of a variable's name, if it is meant for Gravitee.
pub(super) fn cut(name: &str) -> Option<(&str, &str)> {
    PREFIXES.iter().find_map(|prefix| Some((name.get(..prefix.len())?, name.strip_prefix(prefix)?)))
}

/// `a[0].b` as `a.0.b`.
fn without_brackets(key: &str) -> String {
    key.replace('[', ".").replace(']', "")
}

/// The names under which a key is looked for, in the order in which they count: as it is, with `_` for dots, without hyphens, both; an
/// index as `.0`, and so `_0`; then all of that in capitals. Any other mixture of cases is another name
/// (`io.gravitee.common.util.RelaxedPropertySource`).
fn spellings(key: &str) -> Vec<String> {
    let mut spellings = Vec::new();
    for key in [key.to_owned(), key.to_uppercase()] {
        for key in [key.clone(), without_brackets(&key)] {
            for spelling in
                [key.clone(), key.replace('.', "_"), key.replace('-', ""), key.replace('.', "_").replace('-', "")]
            {
                if !spellings.contains(&spelling) {
                    spellings.push(spelling);
                }
            }
        }
    }
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(key: &str, name: &str) -> Option<String> {
        let variables = BTreeMap::from([(format!("gravitee_{name}"), "here".to_owned())]);
        Properties::new(&variables, None).get(key).map(|found| found.text)
    }

    /// The cases of Gravitee's own test of its relaxed names.
    #[test]
    fn a_key_is_found_under_every_relaxed_spelling_and_no_other() {
        for (key, names) in [
            ("key1.key2", &["key1.key2", "key1_key2", "KEY1.KEY2", "KEY1_KEY2"][..]),
            (
                "key-1.key-2",
                &[
                    "key-1.key-2",
                    "key-1_key-2",
                    "KEY-1.KEY-2",
                    "KEY-1_KEY-2",
                    "key1.key2",
                    "key1_key2",
                    "KEY1.KEY2",
                    "KEY1_KEY2",
                ],
            ),
            ("tab[0]", &["tab[0]", "tab_0", "tab.0", "TAB[0]", "TAB_0"]),
            (
                "tab[0].sub-tab[1].value",
                &[
                    "tab[0].sub-tab[1].value",
                    "tab_0_sub-tab_1_value",
                    "tab[0].subtab[1].value",
                    "tab_0_subtab_1_value",
                    "TAB[0].SUBTAB[1].VALUE",
                    "TAB_0_SUBTAB_1_VALUE",
                ],
            ),
        ] {
            for name in names {
                assert_eq!(value(key, name).as_deref(), Some("here"), "{key} as {name}");
            }
        }
        for name in ["Key1.Key2", "Key1_Key2", "key1_KEY2", "key1__key2"] {
            assert_eq!(value("key1.key2", name), None, "{name}");
        }
    }

    #[test]
    fn each_of_the_four_prefixes_counts_and_nothing_without_one() {
        for (name, found) in [
            ("gravitee_a_b", true),
            ("gravitee.a.b", true),
            ("GRAVITEE_A_B", true),
            ("GRAVITEE.a.b", true),
            ("Gravitee_a_b", false),
            ("a_b", false),
        ] {
            let variables = BTreeMap::from([(name.to_owned(), "1".to_owned())]);
            let at = Properties::new(&variables, None).get("a.b").map(|found| found.at);
            assert_eq!(at, found.then(|| SecretRef::Env(name.to_owned())), "{name}");
        }
    }

    #[test]
    fn the_environment_goes_before_the_file_also_where_it_says_nothing() {
        let file = || BTreeMap::from([("a.b".to_owned(), "file".to_owned()), ("c".to_owned(), "file".to_owned())]);
        let read = |variables: &[(&str, &str)], key: &str| {
            let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            let mut properties = Properties::new(&variables, Some((Path::new("/g.yml"), file())));
            properties.get(key).map(|found| (found.text.clone(), found.place()))
        };
        let both = |text: &str, place: &str| Some((text.to_owned(), place.to_owned()));
        assert_eq!(read(&[("GRAVITEE_A_B", "env")], "a.b"), both("env", "GRAVITEE_A_B"));
        assert_eq!(read(&[], "a.b"), both("file", "a.b in /g.yml"));
        assert_eq!(read(&[("gravitee_a_b", " ")], "a.b"), None);
        assert_eq!(read(&[("gravitee_a_b", "")], "c"), both("file", "c in /g.yml"));
    }
}
