//! Where the registry may be while the schedule file is bad or gone, so that its worker and what it did can still be reached.
//!
//! A place that is guessed counts only where no worker of another schedule file had it last.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::Global;
use super::exit::Failure;
use super::setup::{self, Loaded};
use crate::config::Place;
use crate::registry::locks;
use crate::worker::service::source;

/// Where the registry of a command may be, the likeliest first.
pub(super) fn registries(global: &Global) -> Vec<PathBuf> {
    registries_by(global, setup::load(global))
}

/// The same, by what came of loading the file.
pub(super) fn registries_by(global: &Global, loaded: Result<Loaded, Failure>) -> Vec<PathBuf> {
    match (&global.registry, loaded) {
        (Some(named), _) => vec![named.clone()],
        (None, Ok(loaded)) => vec![setup::registry_path(global, &loaded)],
        (None, Err(_)) => of_bad_file(global),
    }
}

/// Where the registry of a file may be that cannot be loaded. What its text still says counts alone.
pub(super) fn of_bad_file(global: &Global) -> Vec<PathBuf> {
    let file = setup::file(global);
    let file = std::path::absolute(&file).unwrap_or(file);
    let text = source::read(&file).ok();
    if let Some(named) = text.and_then(|text| named(&text.text)) {
        return vec![Place::new(&file).resolve(&named)];
    }
    let usual = setup::default_registry(&file);
    let folders = [usual.parent(), file.parent()];
    let kept: Vec<PathBuf> = folders
        .into_iter()
        .flatten()
        .flat_map(with_last_good)
        .filter(|place| locks::followed(place).is_some())
        .collect();
    let mut places: Vec<PathBuf> = Vec::new();
    for place in std::iter::once(usual).chain(kept) {
        let is_ours = locks::followed(&place).is_none_or(|followed| same(&followed, &file));
        if is_ours && !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// The registry that a text with mistakes elsewhere names.
fn named(text: &str) -> Option<String> {
    let path = |registry: &toml::Value| registry.get("path")?.as_str().map(str::to_owned);
    if let Ok(table) = text.parse::<toml::Table>() {
        return path(table.get("registry")?);
    }
    // It is no TOML. A line by itself may be.
    let mut section = String::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line.split('#').next().unwrap_or_default().replace([' ', '\t'], "");
        } else if matches!(section.as_str(), "" | "[registry]")
            && line.contains("path")
            && let Ok(table) = line.parse::<toml::Table>()
        {
            let registry = if section.is_empty() { table.get("registry").cloned() } else { Some(table.into()) };
            if let Some(path) = registry.as_ref().and_then(path) {
                return Some(path);
            }
        }
    }
    None
}

/// The registries in a folder that a worker has kept its last good file beside.
fn with_last_good(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| source::kept_for(&entry.path())).collect();
    found.sort();
    found
}

/// Whether two names of a schedule file, which may be gone, mean the same.
fn same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        match (folder, path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path,
        }
    };
    whole(one) == whole(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_mistakes_still_says_where_the_registry_is() {
        for (text, place) in [
            ("[registry]\npath = \"a.db\"\n[connections.x]\nregoins = 1\n", Some("a.db")),
            ("[limits\n[ registry ] # here\n  path = 'a.db' # there\n", Some("a.db")),
            ("registry.path = \"a.db\"\n[connections.x\n", Some("a.db")),
            ("[other]\npath = \"a.db\"\n[connections.x\n", None),
            ("[registry]\npath = \"a.d\n", None),
            ("", None),
        ] {
            assert_eq!(named(text).as_deref(), place, "{text}");
        }
    }

    #[test]
    fn a_file_has_one_name_also_where_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(same(&folder.path().join("a.toml"), &link.join("a.toml")));
        assert!(!same(&folder.path().join("a.toml"), &link.join("b.toml")));
    }
}
