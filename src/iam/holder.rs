//! Who needs rights: each key, process and role that the connections name, once, with all that it needs together.

use std::collections::{BTreeMap, BTreeSet};

use super::Kind;
use super::rights::Rights;
use crate::config::regions::partition_of;
use crate::config::{
    AllWants, CentralRole, Connection, Credentials, ManagementAccount, Regions, SecretRef, Source, Value,
};

/// The partition of an identity of which neither ARN nor region says it.
const USUAL_PARTITION: &str = "aws";

/// One identity or role in one partition: nobody is in two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Holder {
    /// What it is.
    pub(super) kind: Kind,
    /// As a person knows it: `role arn:…`, `the IAM user with access key AKIA…`.
    pub(super) name: String,
    /// `aws`, `aws-cn`, ….
    pub(super) partition: String,
}

/// What a holder needs, and for which connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    /// The rights.
    pub(super) rights: Rights,
    /// The connections.
    pub(super) connections: BTreeSet<String>,
    /// Whether the partition is only the usual one.
    pub(super) guessed: bool,
    /// Whether it is an access key's, so perhaps a user's with little room for policies.
    pub(super) key: bool,
}

/// Every holder with its needs.
pub(super) fn holders(
    connections: &[&Connection],
    wants: &AllWants,
    partition: Option<&str>,
) -> BTreeMap<Holder, Need> {
    let mut needs: BTreeMap<Holder, Need> = BTreeMap::new();
    for connection in connections {
        let mut add = |holder: Holder, change: &dyn Fn(&mut Need)| {
            let need = needs.entry(holder).or_default();
            need.connections.insert(connection.name.clone());
            change(need);
        };
        let reads = |need: &mut Need| need.rights.read(&connection.regions, wants.of(&connection.name));
        match &connection.credentials {
            Credentials::AwsUser(user) => {
                let (partition, guessed) = own_partition(&connection.regions, partition);
                add(identity(&Source::AwsUser(user.clone()), partition), &|need| {
                    reads(need);
                    need.guessed |= guessed;
                    need.key = true;
                });
            }
            Credentials::DefaultChain(chain) => {
                let (partition, guessed) = own_partition(&connection.regions, partition);
                add(identity(&Source::DefaultChain(chain.clone()), partition), &|need| {
                    reads(need);
                    need.guessed |= guessed;
                });
            }
            Credentials::AssumeRole(role) => {
                let arn = &role.role_arn;
                add(identity(&role.source, &arn.partition), &|need| {
                    need.rights.assumes.insert(arn.arn.clone());
                    need.key |= matches!(role.source, Source::AwsUser(_));
                });
                let holder =
                    Holder { kind: Kind::Role, name: format!("role {}", arn.arn), partition: arn.partition.clone() };
                add(holder, &reads);
            }
            Credentials::CentralRole(role) => {
                let arn = &role.role_arn;
                add(identity(&role.source, &arn.partition), &|need| {
                    need.rights.assumes.insert(arn.arn.clone());
                    need.key |= matches!(role.source, Source::AwsUser(_));
                });
                let central = Holder {
                    kind: Kind::CentralRole,
                    name: format!("central role {}", arn.arn),
                    partition: arn.partition.clone(),
                };
                add(central, &|need| {
                    need.rights.assumes.insert(child_pattern(role));
                    need.rights.lists_accounts = true;
                    if central_reads(role) {
                        reads(need);
                    }
                });
                let name = format!("role {} in every account that {} enters", role.child_role_name, arn.arn);
                add(Holder { kind: Kind::ChildRole, name, partition: arn.partition.clone() }, &reads);
            }
        }
    }
    needs
}

/// The child role in whatever account.
pub(super) fn child_pattern(role: &CentralRole) -> String {
    format!("arn:{}:iam::*:role/{}", role.role_arn.partition, role.child_role_name)
}

/// Whether the central role may have to read the management account itself.
pub(super) fn central_reads(role: &CentralRole) -> bool {
    matches!(role.management_account, ManagementAccount::Auto | ManagementAccount::CentralRole)
}

/// The partition in which a key or process reads for itself, and whether that is only the usual one. What the command line says counts
/// where the file does not say it.
fn own_partition<'a>(regions: &'a Regions, asked: Option<&'a str>) -> (&'a str, bool) {
    let named = match regions {
        Regions::Named(names) => names.iter().find_map(|name| partition_of(name)),
        Regions::All { .. } => None,
    };
    match named.or(asked) {
        Some(partition) => (partition, false),
        None => (USUAL_PARTITION, true),
    }
}

fn identity(source: &Source, partition: &str) -> Holder {
    Holder { kind: Kind::Identity, name: identity_name(source), partition: partition.to_owned() }
}

/// Who it is, as far as the file says; an access key's id is no secret.
pub(super) fn identity_name(source: &Source) -> String {
    match source {
        Source::AwsUser(user) => match &user.access_key_id {
            Value::Literal(id) => format!("the IAM user with the access key {id}"),
            Value::Ref(place) => format!("the IAM user whose access key stands in {}", reference(place)),
        },
        Source::DefaultChain(chain) => match &chain.profile {
            Some(profile) => format!("whoever the AWS profile {profile} is"),
            None => "whoever aboard runs as (environment, profile or role of the machine)".to_owned(),
        },
    }
}

/// A reference as the file writes it.
pub(super) fn reference(place: &SecretRef) -> String {
    match place {
        SecretRef::Env(name) => format!("env:{name}"),
        SecretRef::File(path) => format!("file:{}", path.display()),
        SecretRef::Property { file, key } => format!("{key} in {}", file.display()),
    }
}
