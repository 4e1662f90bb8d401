//! `[targets.NAME.backstage]`.

use std::path::PathBuf;

use super::{Git, SecretRef};

/// A catalog file for Backstage, and where it is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackstageTarget {
    /// The catalog file.
    pub path: PathBuf,
    /// Where it is registered; absent = somebody else has seen to that.
    pub registration: Option<Registration>,
    /// Who owns an API whose tags do not say so: an entity reference.
    pub owner: String,
    /// The tag that names an API's owner.
    pub owner_tag: Option<String>,
    /// The tag that names the system that an API belongs to.
    pub system_tag: Option<String>,
    /// `spec.lifecycle`.
    pub lifecycle: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// How specifications get there.
    pub definition: Definition,
    /// Whether and how the file is committed; absent = not.
    pub git: Option<Git>,
}

/// A location that Backstage is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Backstage's base URL.
    pub url: url::Url,
    /// A static external access token.
    pub token: Option<SecretRef>,
    /// Where Backstage finds the catalog file.
    pub location: String,
}

/// How a specification gets into an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// Its text stands in the catalog file.
    Embed,
    /// The catalog file points to it.
    Text {
        /// What the name of a file of a directory target is put behind: a URL, or a path relative to the catalog file.
        base: String,
    },
}
