//! `iam trust`: who may assume each role, and with what external id.

use super::holder::reference;
use super::node::Node;
use super::roles::{Role, names};
use super::{Document, policy_of};
use crate::config::Value;

/// What stands for an external id that is given by reference. IAM takes it for a variable that nothing has, so a policy into which nobody
/// put the value lets nobody in.
const PLACEHOLDER: &str = "${ExternalId}";

/// The trust policy of each role, of those of one name together. `principal` says who assumes a role that the file does not say it of.
#[must_use]
pub fn trusts(roles: &[Role<'_>], principal: impl Fn(&Role<'_>) -> String) -> Vec<Document> {
    let mut documents: Vec<Document> = Vec::new();
    for role in roles {
        if documents.iter().any(|document| document.title == title(role)) {
            continue;
        }
        let same: Vec<&Role<'_>> = roles.iter().filter(|other| title(other) == title(role)).collect();
        let mut statements: Vec<Node> = Vec::new();
        let mut notes: Vec<String> = Vec::new();
        for role in &same {
            let statement = trust(trusted(role, &principal).into(), role.external_id.map(shown));
            if !statements.contains(&statement) {
                statements.push(statement);
            }
            if let Some(Value::Ref(place)) = role.external_id {
                let note = format!("put what {} holds in place of {PLACEHOLDER}", reference(place));
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
        let connections = names(same.iter().copied());
        documents.push(Document {
            kind: role.kind,
            title: title(role),
            connections,
            notes,
            body: policy_of(statements),
        });
    }
    documents
}

fn title(role: &Role<'_>) -> String {
    format!("trust policy of {}", role.name)
}

/// Who assumes the role.
pub(super) fn trusted(role: &Role<'_>, principal: &impl Fn(&Role<'_>) -> String) -> String {
    role.trusted.map_or_else(|| principal(role), str::to_owned)
}

/// One statement that lets a principal in.
pub(super) fn trust(principal: Node, external_id: Option<Node>) -> Node {
    let statement = Node::map([
        ("Effect", "Allow".into()),
        ("Principal", Node::map([("AWS", principal)])),
        ("Action", "sts:AssumeRole".into()),
    ]);
    match external_id {
        None => statement,
        Some(id) => {
            let equals = Node::map([("StringEquals", Node::map([("sts:ExternalId", id)]))]);
            statement.and("Condition", equals)
        }
    }
}

/// The external id where it stands in the file, else the placeholder.
fn shown(value: &Value) -> Node {
    match value {
        Value::Literal(id) => id.as_str().into(),
        Value::Ref(_) => PLACEHOLDER.into(),
    }
}
