//! `[targets.NAME.directory]`.

use std::path::PathBuf;

/// A directory of specification files with an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryTarget {
    /// Where.
    pub path: PathBuf,
    /// Whether files and entries go with what they are of; otherwise they are only marked.
    pub prune: bool,
    /// Whether and how it is committed; absent = not.
    pub git: Option<Git>,
}

/// How a directory is committed to the git work tree that it stands in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Git {
    /// In whose name; absent = as git is set up, else ours.
    pub author: Option<Author>,
    /// Whether commits are pushed to the branch's upstream.
    pub push: bool,
}

/// `Name <address>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// A name.
    pub name: String,
    /// A mail address.
    pub email: String,
}
