//! What AWS must allow: policies, trust policies and CloudFormation templates for exactly the connections of a schedule file.
//!
//! ```text
//! connections ─► holders (who needs what) ─► policy            permissions of one identity or role
//!            └─► roles   (who enters what) ─► trust            who may assume a role
//!                                          └► template, steps  both as CloudFormation, and how to roll them out
//! ```
//!
//! Pure: checked config in, documents out. No reference to a secret is resolved; an external id that is given by reference
//! becomes a placeholder or a parameter.

mod holder;
mod node;
mod policy;
mod rights;
mod roles;
mod steps;
mod template;
mod trust;
mod yaml;

pub use node::Node;
pub use policy::policies;
pub use roles::{Role, principal_of, roles, sharing};
pub use steps::{RollOut, Step, roll_outs};
pub use template::{central_roles, child_roles};
pub use trust::trusts;
pub use yaml::to_yaml;

/// Whose document it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Of the key or process that everything begins with.
    Identity,
    /// Of the role that `assume_role` names.
    Role,
    /// Of the role that `central_role` names.
    CentralRole,
    /// Of the role in every account of an organization.
    ChildRole,
}

impl Kind {
    /// Its name on the command line and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Role => "role",
            Self::CentralRole => "central-role",
            Self::ChildRole => "child-role",
        }
    }
}

/// One document with what a person must know to put it in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Whose it is.
    pub kind: Kind,
    /// What it is and where it belongs, in one line.
    pub title: String,
    /// The connections that need it, ordered.
    pub connections: Vec<String>,
    /// What is to be done or known besides, a sentence each.
    pub notes: Vec<String>,
    /// The document itself.
    pub body: Node,
}

/// Several documents as one, each with what is known about it.
#[must_use]
pub fn listed(documents: &[Document]) -> Node {
    let texts = |texts: &[String]| Node::List(texts.iter().map(|text| text.as_str().into()).collect());
    let described = documents.iter().map(|document| {
        Node::map([
            ("kind", document.kind.as_str().into()),
            ("title", document.title.as_str().into()),
            ("connections", texts(&document.connections)),
            ("notes", texts(&document.notes)),
            ("document", document.body.clone()),
        ])
    });
    Node::map([("documents", Node::List(described.collect()))])
}

/// The version of the policy language; every policy names it (IAM User Guide, "IAM JSON policy elements: Version").
const POLICY_VERSION: &str = "2012-10-17";

/// A policy of these statements.
fn policy_of(statements: Vec<Node>) -> Node {
    Node::map([("Version", POLICY_VERSION.into()), ("Statement", Node::List(statements))])
}

/// A region of each partition that no account can switch off: the one in which a global thing such as a role is made.
fn home_region(partition: &str) -> &str {
    match partition {
        "aws" => "us-east-1",
        "aws-us-gov" => "us-gov-west-1",
        other => crate::config::regions::known(other).first().map_or("us-east-1", String::as_str),
    }
}

#[cfg(test)]
mod tests;
