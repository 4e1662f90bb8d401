//! `iam child-role --steps`: how the roles of an organization are rolled out, as AWS command lines and in the console.

mod shell;

use std::collections::BTreeSet;

use serde::Serialize;

use super::Kind;
use super::holder::reference;
use super::home_region;
use super::roles::{Role, names, roles};
use super::template::parameters;
use crate::config::{CentralRole, Connection, Credentials, ManagementAccount, SecretRef};
use shell::{fill_in, piped, word};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What.
    pub title: String,
    /// Where: in which account, or on which machine.
    pub place: String,
    /// What is to be known.
    pub why: String,
    /// Command lines for a POSIX shell.
    pub commands: Vec<String>,
    /// The same by hand; empty where there is nothing to click.
    pub console: String,
}

/// How one central role, and the child roles under it, are rolled out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RollOut {
    /// The central role's ARN.
    pub central_role: String,
    /// The connections that share it.
    pub connections: Vec<String>,
    /// What to do, in this order.
    pub steps: Vec<Step>,
}

/// The roll-out of each central role that these connections have. A role is made once, for all who share it: a second stack with the same
/// role would fail, and one that knows of one connection alone would let in no other. `file` are all the connections that there are: what
/// another central role needs may be in the way.
#[must_use]
pub fn roll_outs<'a>(connections: &[&Connection], file: impl IntoIterator<Item = &'a Connection>) -> Vec<RollOut> {
    let with_role = |connection: &&Connection| central_role(connection).map(|role| role.role_arn.arn.clone());
    let others: Vec<&CentralRole> = file.into_iter().filter_map(central_role).collect();
    let arns: BTreeSet<String> = connections.iter().filter_map(with_role).collect();
    let roll_out = |arn: String| {
        let same: Vec<&Connection> =
            connections.iter().copied().filter(|one| with_role(one).as_ref() == Some(&arn)).collect();
        let all = roles(&same);
        let steps = steps(&all, &others)?;
        Some(RollOut { central_role: arn, connections: names(&all), steps })
    };
    arns.into_iter().filter_map(roll_out).collect()
}

fn steps(all: &[Role<'_>], others: &[&CentralRole]) -> Option<Vec<Step>> {
    let central = Part::of(&all.iter().filter(|role| role.kind == Kind::CentralRole).collect::<Vec<_>>())?;
    let children: BTreeSet<&String> = central.keys.iter().map(|key| &key.child_role_name).collect();
    let children: Vec<Part<'_>> = children
        .iter()
        .filter_map(|name| {
            let of = |role: &&Role<'_>| {
                role.kind == Kind::ChildRole
                    && central_role(role.connection).is_some_and(|key| key.child_role_name == **name)
            };
            Part::of(&all.iter().filter(of).collect::<Vec<_>>())
        })
        .collect();
    let mut steps = vec![central.central_role(), central.trusted_access()];
    for child in &children {
        let which = if children.len() == 1 { String::new() } else { format!(" {}", child.key.child_role_name) };
        steps.extend([child.stack_set(&which, others), child.instances(&which), child.management_account(&which)]);
    }
    steps.push(central.test());
    Some(steps)
}

fn central_role(connection: &Connection) -> Option<&CentralRole> {
    match &connection.credentials {
        Credentials::CentralRole(key) => Some(key),
        _ => None,
    }
}

/// One role with all that the connections which share it say of it.
struct Part<'a> {
    /// By name, as the shell takes them.
    connections: String,
    key: &'a CentralRole,
    keys: Vec<&'a CentralRole>,
    region: &'a str,
    parameters: Vec<(String, &'a SecretRef)>,
    /// The name of its stack or `StackSet`.
    stack: String,
}

const MANAGEMENT: &str = "in the management account";
/// The file into which the child role's template goes.
const CHILD_TEMPLATE: &str = "child-role.yaml";

impl<'a> Part<'a> {
    fn of(roles: &[&Role<'a>]) -> Option<Self> {
        let keys: Vec<&CentralRole> = roles.iter().filter_map(|role| central_role(role.connection)).collect();
        let (first, key) = (roles.first()?, *keys.first()?);
        let role = if first.kind == Kind::CentralRole { &key.role_arn.arn } else { &key.child_role_name };
        let connections: Vec<String> = names(roles.iter().copied()).iter().map(|name| word(name)).collect();
        Some(Self {
            connections: connections.join(" "),
            key,
            keys,
            region: home_region(&key.role_arn.partition),
            parameters: parameters(roles),
            stack: stack(first.kind, role),
        })
    }

    fn central_role(&self) -> Step {
        let Self { connections, stack, region, .. } = self;
        let (before, behind) = piped("--parameter-overrides", &self.parameters);
        Step {
            title: "Make the central role".to_owned(),
            place: format!("in account {}", self.key.role_arn.account_id),
            why: "The child roles trust it, and IAM refuses to trust a role that does not exist. Its account must be the organization's \
                  management account or a delegated administrator, or it cannot list the accounts."
                .to_owned(),
            commands: vec![
                format!("aboard iam central-role {connections} > central-role.yaml"),
                format!(
                    "{before}aws cloudformation deploy --region {region} --stack-name {stack} --template-file central-role.yaml \
                     --capabilities CAPABILITY_NAMED_IAM{behind}"
                ),
            ],
            console: format!(
                "CloudFormation in {region}: Create stack, With new resources, upload central-role.yaml, name it {stack}{}, acknowledge \
                 IAM resources with custom names, Submit.",
                fill_in(&self.parameters)
            ),
        }
    }

    fn trusted_access(&self) -> Step {
        let region = self.region;
        Step {
            title: "Let StackSets work in the organization".to_owned(),
            place: MANAGEMENT.to_owned(),
            why: "Service-managed StackSets need trusted access, once for an organization. It does no harm where it is on.".to_owned(),
            commands: vec![
                format!("aws cloudformation activate-organizations-access --region {region}"),
                format!("aws cloudformation describe-organizations-access --region {region}    # Status: ENABLED"),
            ],
            console: "CloudFormation, StackSets: Activate trusted access.".to_owned(),
        }
    }

    fn stack_set(&self, which: &str, others: &[&CentralRole]) -> Step {
        let Self { connections, stack: set, region, .. } = self;
        let in_the_way = self.in_the_way(others).unwrap_or_default();
        let (before, behind) = piped("--parameters", &self.parameters);
        Step {
            title: format!("Make the StackSet of the child role{which}"),
            place: MANAGEMENT.to_owned(),
            why: format!(
                "Automatic deployment gives the role to accounts that join later, and takes it from those that leave.{in_the_way}"
            ),
            commands: vec![
                format!("aboard iam child-role {connections} > {CHILD_TEMPLATE}"),
                format!(
                    "{before}aws cloudformation create-stack-set --region {region} --stack-set-name {set} --template-body file://{CHILD_TEMPLATE} \
                     --permission-model SERVICE_MANAGED --auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false \
                     --capabilities CAPABILITY_NAMED_IAM{behind}"
                ),
            ],
            console: format!(
                "CloudFormation in {region}, StackSets: Create StackSet, Service-managed permissions, upload {CHILD_TEMPLATE}, name it {set}{}, \
                 acknowledge IAM resources with custom names, Next; go on with the next step on the same pages.",
                fill_in(&self.parameters)
            ),
        }
    }

    /// What is to be done first where another central role enters by a role of the same name. An account has one role of a name, whatever its
    /// path and case, so other names for stack and `StackSet` alone would only move the failure into every account.
    fn in_the_way(&self, others: &[&CentralRole]) -> Option<String> {
        let (own, name) = (&self.key.role_arn, role_name(&self.key.child_role_name));
        let rivals = others.iter().map(|other| (&other.role_arn, role_name(&other.child_role_name)));
        let rivals: Vec<_> = rivals
            .filter(|(arn, other)| {
                arn.arn != own.arn && arn.partition == own.partition && other.eq_ignore_ascii_case(name)
            })
            .map(|(arn, _)| arn)
            .collect();
        let arns: BTreeSet<&str> = rivals.iter().map(|arn| arn.arn.as_str()).collect();
        let arns: Vec<&str> = arns.into_iter().collect();
        // An account is in one organization at most.
        let surely = rivals.iter().any(|arn| arn.account_id == own.account_id);
        let (is, where_) = if surely { ("is", "") } else { ("may be", ", unless that is another organization") };
        (!arns.is_empty()).then(|| {
            format!(
                " A role of this name {is} in the way: {} in the schedule file goes by one too, and an account has one role of a name, which \
                 trusts one of them. Give one of the connections another child_role_name before this step{where_}.",
                arns.join(", ")
            )
        })
    }

    fn instances(&self, which: &str) -> Step {
        let (set, region) = (&self.stack, self.region);
        // Who says no unit means the whole organization.
        let whole = self.keys.iter().any(|key| key.organizational_units.is_empty());
        let units: BTreeSet<&str> = self
            .keys
            .iter()
            .filter(|_| !whole)
            .flat_map(|key| key.organizational_units.iter().map(String::as_str))
            .collect();
        let units: Vec<&str> = units.into_iter().collect();
        let mut commands = Vec::new();
        let targets = if units.is_empty() {
            commands.push("ROOT=$(aws organizations list-roots --query 'Roots[0].Id' --output text)".to_owned());
            "OrganizationalUnitIds=\"$ROOT\"".to_owned()
        } else {
            format!("OrganizationalUnitIds={}", units.join(","))
        };
        commands.push(format!(
            "aws cloudformation create-stack-instances --region {region} --stack-set-name {set} --deployment-targets {targets} \
             --regions {region} --operation-preferences FailureTolerancePercentage=100,MaxConcurrentPercentage=100"
        ));
        commands.push(format!(
            "aws cloudformation list-stack-instances --region {region} --stack-set-name {set} \
             --query 'Summaries[].[Account,StackInstanceStatus.DetailedStatus,StatusReason]' --output table"
        ));
        let mut why = format!(
            "One region is enough, as roles are global: {region}, which no account can switch off. An account that fails does not keep the \
             others from it."
        );
        if self.keys.iter().any(|key| !key.include_accounts.is_empty() || !key.exclude_accounts.is_empty()) {
            why.push_str(" Accounts that the schedule file leaves out get the role too; aboard does not enter them.");
        }
        let targets = match units.as_slice() {
            [] => "Deploy to organization".to_owned(),
            units => format!("Deploy to organizational units ({})", units.join(", ")),
        };
        Step {
            title: format!("Deploy it to the accounts{which}"),
            place: MANAGEMENT.to_owned(),
            why,
            commands,
            console: format!(
                "Set deployment options: Deploy new stacks, {targets}, Automatic deployment Activated, Account removal behavior Delete stacks, \
                 region {region} only, Failure tolerance 100 %, Submit."
            ),
        }
    }

    /// Service-managed StackSets never deploy into the management account.
    fn management_account(&self, which: &str) -> Step {
        let (stack, region) = (&self.stack, self.region);
        let (before, behind) = piped("--parameter-overrides", &self.parameters);
        let says = |says: ManagementAccount| self.keys.iter().any(|key| key.management_account == says);
        // Of several connections the one that needs most decides.
        let by_need = [ManagementAccount::ChildRole, ManagementAccount::Auto, ManagementAccount::CentralRole];
        let most = by_need.into_iter().find(|most| says(*most)).unwrap_or(ManagementAccount::Skip);
        let never = "Service-managed StackSets never deploy into it, so it gets the role by hand";
        let (needed, why) = match most {
            ManagementAccount::ChildRole => (true, format!("{never}: the schedule file says management_account = \"child_role\".")),
            ManagementAccount::Auto => (
                true,
                format!(
                    "{never}. Where the central role lives in it this may be left out: that role may read API Gateway itself, as \
                     management_account is \"auto\"."
                ),
            ),
            ManagementAccount::CentralRole => (
                false,
                "Nothing to do: the central role reads it, as the schedule file says management_account = \"central_role\".".to_owned(),
            ),
            ManagementAccount::Skip => {
                (false, "Nothing to do: the schedule file says management_account = \"skip\".".to_owned())
            }
        };
        let deploy = format!(
            "{before}aws cloudformation deploy --region {region} --stack-name {stack} --template-file {CHILD_TEMPLATE} \
             --capabilities CAPABILITY_NAMED_IAM{behind}"
        );
        let console = format!(
            "CloudFormation in {region}: Create stack, With new resources, upload {CHILD_TEMPLATE}, name it {stack}{}, acknowledge IAM \
             resources with custom names, Submit.",
            fill_in(&self.parameters)
        );
        Step {
            title: format!("Give the management account the role{which}"),
            place: MANAGEMENT.to_owned(),
            why,
            commands: if needed { vec![deploy] } else { Vec::new() },
            console: if needed { console } else { String::new() },
        }
    }

    fn test(&self) -> Step {
        Step {
            title: "Try it".to_owned(),
            place: "where aboard runs".to_owned(),
            why: "A new role may take a minute until every region knows it.".to_owned(),
            commands: vec![format!("aboard test {}", self.connections)],
            console: String::new(),
        }
    }
}

/// The name of a role without its path.
fn role_name(role: &str) -> &str {
    role.rsplit('/').next().unwrap_or_default()
}

/// A stack is called by its role: letters, digits and hyphens, at most 128 (CloudFormation API Reference, `CreateStack`); a role's name has at
/// most 64, without its path, and no other in an account is the same.
fn stack(kind: Kind, role: &str) -> String {
    let letters = role_name(role).chars();
    let name: String = letters.map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    format!("aboard-{}-{name}", kind.as_str())
}
