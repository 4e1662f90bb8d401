//! What differs between two targets of one kind.

use super::Keys;
use crate::config::{BackstageTarget, Definition, DirectoryTarget, Git, Registration};

pub(super) fn directory(keys: &mut Keys, old: &DirectoryTarget, new: &DirectoryTarget) {
    let DirectoryTarget { path, prune, git } = old;
    keys.compare("path", path, &new.path);
    keys.compare("prune", prune, &new.prune);
    commits(keys, git.as_ref(), new.git.as_ref());
}

fn commits(keys: &mut Keys, old: Option<&Git>, new: Option<&Git>) {
    match (old, new) {
        (Some(Git { author, push }), Some(new)) => {
            keys.compare("git_author", author, &new.author);
            keys.compare("git_push", push, &new.push);
        }
        (old, new) => keys.compare("git", &old, &new),
    }
}

pub(super) fn backstage(keys: &mut Keys, old: &BackstageTarget, new: &BackstageTarget) {
    let BackstageTarget { path, registration, owner, owner_tag, system_tag, lifecycle, namespace, definition, git } =
        old;
    keys.compare("path", path, &new.path);
    match (registration, &new.registration) {
        (Some(Registration { url, token, location }), Some(new)) => {
            keys.compare("url", url, &new.url);
            keys.compare("token", token, &new.token);
            keys.compare("location", location, &new.location);
        }
        (old, new) => keys.compare("url", old, new),
    }
    keys.compare("owner", owner, &new.owner);
    keys.compare("owner_tag", owner_tag, &new.owner_tag);
    keys.compare("system_tag", system_tag, &new.system_tag);
    keys.compare("lifecycle", lifecycle, &new.lifecycle);
    keys.compare("namespace", namespace, &new.namespace);
    match (definition, &new.definition) {
        (Definition::Text { base }, Definition::Text { base: new }) => keys.compare("definition_base", base, new),
        (old, new) => keys.compare("definition", old, new),
    }
    commits(keys, git.as_ref(), new.git.as_ref());
}
