//! Which roles are entered, by whom, and with what external id.

use std::collections::BTreeSet;

use super::Kind;
use crate::config::{AssumeRole, CentralRole, Connection, Credentials, Value};

/// One role that a connection enters.
#[derive(Clone, Debug, PartialEq)]
pub struct Role<'a> {
    /// The connection.
    pub connection: &'a Connection,
    /// Which of its roles.
    pub kind: Kind,
    /// Who assumes it, where the file says it: the central role does for the child role. Else the connection's source does.
    pub trusted: Option<&'a str>,
    /// What it asks for.
    pub external_id: Option<&'a Value>,
    /// Its name as a person knows it.
    pub name: String,
}

/// The roles of these connections; two of one with a central role, none of one without a role.
#[must_use]
pub fn roles<'a>(connections: &[&'a Connection]) -> Vec<Role<'a>> {
    let mut found = Vec::new();
    for connection in connections {
        match &connection.credentials {
            Credentials::AssumeRole(AssumeRole { role_arn, external_id, .. }) => found.push(Role {
                connection,
                kind: Kind::Role,
                trusted: None,
                external_id: external_id.as_ref(),
                name: format!("role {}", role_arn.arn),
            }),
            Credentials::CentralRole(role) => {
                found.push(central(connection, role));
                found.push(Role {
                    connection,
                    kind: Kind::ChildRole,
                    trusted: Some(&role.role_arn.arn),
                    external_id: role.child_external_id.as_ref(),
                    name: format!("role {} in every account that {} enters", role.child_role_name, role.role_arn.arn),
                });
            }
            Credentials::AwsUser(_) | Credentials::DefaultChain(_) => {}
        }
    }
    found
}

/// The connections of a file whose central or child role is that of a chosen one, in the file's order: a role is made once, so its template
/// must hold what all of them need.
#[must_use]
pub fn sharing<'a>(
    file: impl IntoIterator<Item = &'a Connection>,
    chosen: &[&Connection],
    kind: Kind,
) -> Vec<&'a Connection> {
    let names = |connection: &Connection| {
        let roles = roles(&[connection]).into_iter().filter(|role| role.kind == kind);
        roles.map(|role| role.name).collect::<BTreeSet<String>>()
    };
    let wanted: BTreeSet<String> = chosen.iter().flat_map(|connection| names(connection)).collect();
    file.into_iter().filter(|connection| !names(connection).is_disjoint(&wanted)).collect()
}

/// The central role alone.
pub(super) fn central<'a>(connection: &'a Connection, role: &'a CentralRole) -> Role<'a> {
    Role {
        connection,
        kind: Kind::CentralRole,
        trusted: None,
        external_id: role.external_id.as_ref(),
        name: format!("central role {}", role.role_arn.arn),
    }
}

/// What a trust policy must name for a caller to be let in, and what is to be known about it.
///
/// A session is trusted as its role. STS does not say the path of a session's role, and IAM refuses an ARN without it.
#[must_use]
pub fn principal_of(caller_arn: &str) -> (String, Option<String>) {
    let fields: Vec<&str> = caller_arn.splitn(6, ':').collect();
    if let ["arn", partition, "sts", _, account, resource] = fields.as_slice()
        && let Some(name) = resource.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next())
    {
        let role = format!("arn:{partition}:iam::{account}:role/{name}");
        let note = format!("the caller is a session of {role}; if that role has a path, name it with --principal");
        return (role, Some(note));
    }
    (caller_arn.to_owned(), None)
}

/// The names of the connections, each once, ordered.
pub(super) fn names<'a>(roles: impl IntoIterator<Item = &'a Role<'a>>) -> Vec<String> {
    let names: BTreeSet<String> = roles.into_iter().map(|role| role.connection.name.clone()).collect();
    names.into_iter().collect()
}
