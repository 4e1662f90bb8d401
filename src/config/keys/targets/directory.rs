//! Keys of `[targets.NAME.directory]`.

use super::super::super::format::Format;
use super::super::super::shape::{Key, Shape, Table};
use super::{DIGEST, EVENTS, INSTANCES, RENAMED_FROM, RETRY_KEY};

pub(super) static DIRECTORY: Table = Table {
    doc: "A directory of specification files.",
    keys: &[
        Key::new("path", Shape::Text(Format::Path), "The directory, relative to this file.")
            .required()
            .example("\"specs\""),
        Key::new(
            "prune",
            Shape::Boolean,
            "Remove the files and the entry of what is gone, instead of marking it in index.json.",
        )
        .default("false")
        .example("false"),
        GIT,
        GIT_AUTHOR,
        GIT_PUSH,
        EVENTS,
        INSTANCES,
        DIGEST,
        RETRY_KEY,
        RENAMED_FROM,
    ],
};

pub(super) const GIT: Key =
    Key::new("git", Shape::Boolean, "Commit to the git work tree that it stands in.").default("false").example("true");

pub(super) const GIT_AUTHOR: Key =
    Key::new("git_author", Shape::Text(Format::Author), "In whose name; by default as git is set up, else aboard.")
        .example("\"aboard <aboard@example.com>\"");

pub(super) const GIT_PUSH: Key =
    Key::new("git_push", Shape::Boolean, "Push the branch to its upstream after a commit.")
        .default("false")
        .example("false");
