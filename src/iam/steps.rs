//! `iam child-role --steps`: how the roles of an organization are rolled out, as AWS command lines and in the console.

use serde::Serialize;

use super::Kind;
use super::holder::reference;
use super::home_region;
use super::roles::{Role, roles};
use super::template::parameters;
use crate::config::{CentralRole, Connection, Credentials, ManagementAccount, SecretRef};

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

/// The roll-out of a connection's central and child role; none of a connection without.
#[must_use]
pub fn steps(connection: &Connection) -> Vec<Step> {
    let Credentials::CentralRole(central) = &connection.credentials else { return Vec::new() };
    let all = roles(&[connection]);
    let of = |kind: Kind| all.iter().filter(|role| role.kind == kind).collect::<Vec<&Role<'_>>>();
    let plan = Plan { connection, central, region: home_region(&central.role_arn.partition) };
    let central_parameters = parameters(&of(Kind::CentralRole));
    let child_parameters = parameters(&of(Kind::ChildRole));
    vec![
        plan.central_role(&central_parameters),
        plan.trusted_access(),
        plan.stack_set(&child_parameters),
        plan.instances(),
        plan.management_account(&child_parameters),
        plan.test(),
    ]
}

struct Plan<'a> {
    connection: &'a Connection,
    central: &'a CentralRole,
    region: &'a str,
}

const MANAGEMENT: &str = "in the management account";
/// The file into which the child role's template goes.
const CHILD_TEMPLATE: &str = "child-role.yaml";

impl Plan<'_> {
    fn central_role(&self, parameters: &[(String, &SecretRef)]) -> Step {
        let (name, stack, region) = (shell(&self.connection.name), self.stack("central-role"), self.region);
        let overrides = overrides(parameters);
        Step {
            title: "Make the central role".to_owned(),
            place: format!("in account {}", self.central.role_arn.account_id),
            why: "The child roles trust it, and IAM refuses to trust a role that does not exist. Its account must be the organization's \
                  management account or a delegated administrator, or it cannot list the accounts."
                .to_owned(),
            commands: vec![
                format!("aboard iam central-role {name} > central-role.yaml"),
                format!(
                    "aws cloudformation deploy --region {region} --stack-name {stack} --template-file central-role.yaml \
                     --capabilities CAPABILITY_NAMED_IAM{overrides}"
                ),
            ],
            console: format!(
                "CloudFormation in {region}: Create stack, With new resources, upload central-role.yaml, name it {stack}{}, acknowledge \
                 IAM resources with custom names, Submit.",
                fill_in(parameters)
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

    fn stack_set(&self, parameters: &[(String, &SecretRef)]) -> Step {
        let (name, set, region) = (shell(&self.connection.name), self.stack("child-role"), self.region);
        Step {
            title: "Make the StackSet of the child role".to_owned(),
            place: MANAGEMENT.to_owned(),
            why: "Automatic deployment gives the role to accounts that join later, and takes it from those that leave."
                .to_owned(),
            commands: vec![
                format!("aboard iam child-role {name} > {CHILD_TEMPLATE}"),
                format!(
                    "aws cloudformation create-stack-set --region {region} --stack-set-name {set} --template-body file://{CHILD_TEMPLATE} \
                     --permission-model SERVICE_MANAGED --auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false \
                     --capabilities CAPABILITY_NAMED_IAM{}",
                    key_values(parameters)
                ),
            ],
            console: format!(
                "CloudFormation in {region}, StackSets: Create StackSet, Service-managed permissions, upload {CHILD_TEMPLATE}, name it {set}{}, \
                 acknowledge IAM resources with custom names, Next; go on with the next step on the same pages.",
                fill_in(parameters)
            ),
        }
    }

    fn instances(&self) -> Step {
        let (set, region, units) = (self.stack("child-role"), self.region, &self.central.organizational_units);
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
        if !self.central.include_accounts.is_empty() || !self.central.exclude_accounts.is_empty() {
            why.push_str(" Accounts that the schedule file leaves out get the role too; aboard does not enter them.");
        }
        let targets = match units.as_slice() {
            [] => "Deploy to organization".to_owned(),
            units => format!("Deploy to organizational units ({})", units.join(", ")),
        };
        Step {
            title: "Deploy it to the accounts".to_owned(),
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
    fn management_account(&self, parameters: &[(String, &SecretRef)]) -> Step {
        let (stack, region) = (self.stack("child-role"), self.region);
        let never = "Service-managed StackSets never deploy into it, so it gets the role by hand";
        let (needed, why) = match self.central.management_account {
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
            "aws cloudformation deploy --region {region} --stack-name {stack} --template-file {CHILD_TEMPLATE} \
             --capabilities CAPABILITY_NAMED_IAM{}",
            overrides(parameters)
        );
        let console = format!(
            "CloudFormation in {region}: Create stack, With new resources, upload {CHILD_TEMPLATE}, name it {stack}{}, acknowledge IAM \
             resources with custom names, Submit.",
            fill_in(parameters)
        );
        Step {
            title: "Give the management account the role".to_owned(),
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
            commands: vec![format!("aboard test {}", shell(&self.connection.name))],
            console: String::new(),
        }
    }

    /// A stack's name: letters, digits and hyphens, at most 128 (CloudFormation API Reference, `CreateStack`).
    fn stack(&self, what: &str) -> String {
        let letters = self.connection.name.chars();
        let name: String =
            letters.map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).take(90).collect();
        format!("aboard-{name}-{what}")
    }
}

/// Parameters of `aws cloudformation deploy`.
fn overrides(parameters: &[(String, &SecretRef)]) -> String {
    option("--parameter-overrides", parameters.iter().map(|(name, place)| format!("{name}={}", value_of(place))))
}

/// Parameters of `create-stack-set`.
fn key_values(parameters: &[(String, &SecretRef)]) -> String {
    let pair = |(name, place): &(String, &SecretRef)| format!("ParameterKey={name},ParameterValue={}", value_of(place));
    option("--parameters", parameters.iter().map(pair))
}

/// An option with its values, or nothing where there are none.
fn option(name: &str, values: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = std::iter::once(format!(" {name}")).chain(values).collect();
    if words.len() == 1 { String::new() } else { words.join(" ") }
}

/// What a shell puts there; the secret itself is not looked at.
fn value_of(place: &SecretRef) -> String {
    match place {
        SecretRef::Env(name) => format!("\"${name}\""),
        SecretRef::File(path) => format!("\"$(cat {})\"", shell(&path.display().to_string())),
    }
}

/// What a person fills in on the console's pages.
fn fill_in(parameters: &[(String, &SecretRef)]) -> String {
    let fields =
        parameters.iter().map(|(name, place)| format!(", fill in {name} with what {} holds", reference(place)));
    fields.collect::<Vec<_>>().concat()
}

/// A word as a POSIX shell takes it.
fn shell(word: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+=".contains(&byte);
    if !word.is_empty() && !word.starts_with('-') && word.bytes().all(safe) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
