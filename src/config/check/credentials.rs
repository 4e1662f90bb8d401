//! `credentials`: one kind, and what it holds.

use crate::config::format::aws::role_arn;
use crate::config::read::Node;
use crate::config::report::{Complaint, Report};
use crate::config::{
    AssumeRole, AwsUser, CentralRole, Credentials, DefaultChain, ManagementAccount, Place, Source, Value,
};

const DEFAULT_SESSION_NAME: &str = "aboard";

pub(super) fn credentials(report: &mut Report<'_>, connection: &Node<'_>, place: &Place) -> Option<Credentials> {
    let (kind, node) = connection.table("credentials")?.kind()?;
    match kind {
        "aws_user" => aws_user(report, &node, place).map(Credentials::AwsUser),
        "assume_role" => assume_role(report, &node, place).map(Credentials::AssumeRole),
        "central_role" => central_role(report, &node, place).map(Credentials::CentralRole),
        "default_chain" => Some(Credentials::DefaultChain(default_chain(&node))),
        _ => None,
    }
}

fn aws_user(report: &mut Report<'_>, node: &Node<'_>, place: &Place) -> Option<AwsUser> {
    let access_key_id = node.literal_or_reference("access_key_id", place);
    // Ids of temporary keys begin so (IAM identifiers page); without the token AWS takes none of their calls.
    let temporary = matches!(&access_key_id, Some(Value::Literal(id)) if id.starts_with("ASIA"));
    if temporary && node.lacks("session_token") {
        let complaint = Complaint::new("is missing: an access key whose id begins with ASIA is a temporary one");
        let hint = "write session_token = \"env:NAME\"";
        report.error(node.at(), &node.path("session_token"), complaint.hint(hint));
    }
    Some(AwsUser {
        access_key_id: access_key_id?,
        secret_access_key: node.secret("secret_access_key", place)?,
        session_token: node.secret("session_token", place),
    })
}

fn default_chain(node: &Node<'_>) -> DefaultChain {
    DefaultChain { profile: node.text("profile").map(str::to_owned) }
}

fn source(report: &mut Report<'_>, role: &Node<'_>, place: &Place) -> Option<Source> {
    if !role.has("source") {
        return Some(Source::DefaultChain(DefaultChain::default()));
    }
    let (kind, node) = role.table("source")?.kind()?;
    match kind {
        "aws_user" => aws_user(report, &node, place).map(Source::AwsUser),
        "default_chain" => Some(Source::DefaultChain(default_chain(&node))),
        _ => None,
    }
}

fn session_name(node: &Node<'_>) -> String {
    node.text("session_name").unwrap_or(DEFAULT_SESSION_NAME).to_owned()
}

fn assume_role(report: &mut Report<'_>, node: &Node<'_>, place: &Place) -> Option<AssumeRole> {
    let source = source(report, node, place);
    Some(AssumeRole {
        role_arn: role_arn(node.text("role_arn")?).ok()?,
        session_name: session_name(node),
        external_id: node.literal_or_reference("external_id", place),
        source: source?,
    })
}

fn central_role(report: &mut Report<'_>, node: &Node<'_>, place: &Place) -> Option<CentralRole> {
    let source = source(report, node, place);
    let accounts = node.table("accounts");
    let patterns = |key: &str| accounts.as_ref().map(|accounts| accounts.patterns(key)).unwrap_or_default();
    let units = accounts.as_ref().map(|accounts| accounts.texts("organizational_units")).unwrap_or_default();
    Some(CentralRole {
        role_arn: role_arn(node.text("role_arn")?).ok()?,
        child_role_name: node.text("child_role_name")?.trim_start_matches('/').to_owned(),
        session_name: session_name(node),
        external_id: node.literal_or_reference("external_id", place),
        child_external_id: node.literal_or_reference("child_external_id", place),
        source: source?,
        include_accounts: patterns("include"),
        exclude_accounts: patterns("exclude"),
        organizational_units: units.into_iter().map(|(unit, _)| unit.to_owned()).collect(),
        management_account: match node.text("management_account") {
            Some("central_role") => ManagementAccount::CentralRole,
            Some("child_role") => ManagementAccount::ChildRole,
            Some("skip") => ManagementAccount::Skip,
            _ => ManagementAccount::Auto,
        },
    })
}
