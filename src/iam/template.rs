//! `iam central-role` and `iam child-role`: CloudFormation templates with the ids filled in.
//!
//! Permissions and trust are made by the code that prints them as policies, so the two cannot differ.

use super::holder::{holders, reference};
use super::node::Node;
use super::roles::{Role, names, roles};
use super::trust::{trust, trusted};
use super::{Document, Kind, policy, policy_of};
use crate::config::{AllWants, CentralRole, Connection, Credentials, SecretRef, Value};

/// Version of the template language (CloudFormation User Guide, "Template format version").
const TEMPLATE_VERSION: &str = "2010-09-09";

/// How the inline policy of a role is called.
const POLICY_NAME: &str = "aboard";

/// The template of each central role. `principal` says who assumes it.
#[must_use]
pub fn central_roles(
    connections: &[&Connection],
    wants: &AllWants,
    principal: impl Fn(&Role<'_>) -> String,
) -> Vec<Document> {
    templates(connections, wants, Kind::CentralRole, &principal)
}

/// The template of each child role, for a `StackSet` over the organization's accounts.
#[must_use]
pub fn child_roles(connections: &[&Connection], wants: &AllWants) -> Vec<Document> {
    // The file says of every child role who assumes it.
    templates(connections, wants, Kind::ChildRole, &|_| String::new())
}

fn templates(
    connections: &[&Connection],
    wants: &AllWants,
    kind: Kind,
    principal: &impl Fn(&Role<'_>) -> String,
) -> Vec<Document> {
    let all = roles(connections);
    let wanted: Vec<&Role<'_>> = all.iter().filter(|role| role.kind == kind).collect();
    let mut documents: Vec<Document> = Vec::new();
    for (number, role) in wanted.iter().enumerate() {
        let first = wanted.iter().position(|other| other.name == role.name) == Some(number);
        let Credentials::CentralRole(central) = &role.connection.credentials else { continue };
        if first {
            let same: Vec<&Role<'_>> = wanted.iter().copied().filter(|other| other.name == role.name).collect();
            documents.push(template(connections, wants, central, &same, principal));
        }
    }
    documents
}

/// The template of one role, which several connections may share.
fn template(
    connections: &[&Connection],
    wants: &AllWants,
    central: &CentralRole,
    same: &[&Role<'_>],
    principal: &impl Fn(&Role<'_>) -> String,
) -> Document {
    let (kind, name) = same.first().map_or((Kind::ChildRole, ""), |role| (role.kind, role.name.as_str()));
    let parameters = parameters(same);
    let mut statements: Vec<Node> = Vec::new();
    for role in same {
        let external_id = role.external_id.map(|value| match value {
            Value::Literal(id) => id.as_str().into(),
            Value::Ref(place) => Node::map([("Ref", parameter_of(&parameters, place).into())]),
        });
        let statement = trust(in_own_partition(&trusted(role, principal)), external_id);
        if !statements.contains(&statement) {
            statements.push(statement);
        }
    }
    let connection_names = names(same.iter().copied());
    let arn = &central.role_arn;
    let rights =
        holders(connections, wants, None).into_iter().find(|(holder, _)| holder.kind == kind && holder.name == name);
    let rights = rights.map(|(_, need)| need.rights).unwrap_or_default();
    let permissions = policy_of(rights.statements(&arn.partition));
    let mut notes: Vec<String> = policy::too_long(&permissions, kind, false).into_iter().collect();
    for (parameter, place) in &parameters {
        notes.push(format!("parameter {parameter} is what {} holds", reference(place)));
    }
    let (logical, written, what) = if kind == Kind::CentralRole {
        notes.push(format!(
            "deploy it in account {}, which must be the organization's management account or a delegated administrator",
            arn.account_id
        ));
        let written = arn.arn.split_once(":role/").map_or(arn.arn.as_str(), |(_, role)| role);
        ("CentralRole", written, "Lists the accounts of the organization and enters the child role in each")
    } else {
        notes.push(format!("{} must exist first: IAM refuses to trust a role that does not", arn.arn));
        let what = if rights.writes() {
            "Lets aboard read API Gateway and keep API keys in this account"
        } else {
            "Lets aboard read API Gateway in this account"
        };
        ("ChildRole", central.child_role_name.as_str(), what)
    };
    let description = format!("{what}. Made by aboard iam {} for {}.", kind.as_str(), connection_names.join(", "));
    let body = body(logical, written, &description, &parameters, policy_of(statements), permissions);
    let title = format!("CloudFormation template of {name}");
    Document { kind, title, connections: connection_names, notes, body }
}

/// An ARN in the partition of the stack: a role can trust nobody in another. Written out, the younger partitions are refused by cfn-lint,
/// which knows three.
fn in_own_partition(principal: &str) -> Node {
    match principal.strip_prefix("arn:").and_then(|rest| rest.split_once(':')) {
        Some((_, rest)) => {
            let rest = rest.replace("${", "${!");
            Node::map([("Fn::Sub", format!("arn:${{AWS::Partition}}:{rest}").into())])
        }
        None => principal.into(),
    }
}

fn body(
    logical: &str,
    written: &str,
    description: &str,
    parameters: &[(String, &SecretRef)],
    trust: Node,
    permissions: Node,
) -> Node {
    let (path, role_name) = written.rsplit_once('/').map_or((None, written), |(path, name)| (Some(path), name));
    let mut properties = vec![("RoleName".to_owned(), role_name.into())];
    properties.extend(path.map(|path| ("Path".to_owned(), format!("/{path}/").into())));
    properties.push(("AssumeRolePolicyDocument".to_owned(), trust));
    let policy = Node::map([("PolicyName", POLICY_NAME.into()), ("PolicyDocument", permissions)]);
    properties.push(("Policies".to_owned(), Node::List(vec![policy])));

    let mut template = Node::map([
        ("AWSTemplateFormatVersion", TEMPLATE_VERSION.into()),
        // CloudFormation's limit is 1,024 bytes.
        ("Description", description.chars().take(1_000).collect::<String>().into()),
    ]);
    if !parameters.is_empty() {
        let entries = parameters.iter().map(|(name, place)| (name.clone(), parameter(place)));
        template = template.and("Parameters", Node::Map(entries.collect()));
    }
    let role = Node::map([("Type", "AWS::IAM::Role".into()), ("Properties", Node::Map(properties))]);
    let arn = Node::map([("Fn::GetAtt", Node::List(vec![logical.into(), "Arn".into()]))]);
    template
        .and("Resources", Node::map([(logical, role)]))
        .and("Outputs", Node::map([("RoleArn", Node::map([("Value", arn)]))]))
}

/// The external ids that are given by reference, each place once, with the name of its parameter.
pub(super) fn parameters<'a>(roles: &[&Role<'a>]) -> Vec<(String, &'a SecretRef)> {
    let mut found: Vec<(String, &SecretRef)> = Vec::new();
    for role in roles {
        if let Some(Value::Ref(place)) = role.external_id
            && !found.iter().any(|(_, known)| *known == place)
        {
            let number = found.len() + 1;
            let name = if number == 1 { "ExternalId".to_owned() } else { format!("ExternalId{number}") };
            found.push((name, place));
        }
    }
    found
}

fn parameter_of(parameters: &[(String, &SecretRef)], place: &SecretRef) -> String {
    parameters.iter().find(|(_, known)| *known == place).map(|(name, _)| name.clone()).unwrap_or_default()
}

/// An external id as STS takes it (AWS STS API Reference, `AssumeRole`).
fn parameter(place: &SecretRef) -> Node {
    Node::map([
        ("Type", "String".into()),
        ("Description", format!("External id of the role: what {} holds", reference(place)).into()),
        ("NoEcho", Node::Bool(true)),
        ("MinLength", Node::Number(2)),
        ("MaxLength", Node::Number(1_224)),
        ("AllowedPattern", r"[\w+=,.@:/-]*".into()),
    ])
}
