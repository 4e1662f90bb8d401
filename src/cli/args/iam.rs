//! `iam` as it is typed.

use clap::{Args, Subcommand, ValueEnum};

/// `iam`.
#[derive(Clone, Debug, Subcommand)]
pub enum Iam {
    /// Print the least-privilege policy of each identity and role that the file needs.
    #[command(after_help = DOCUMENTS)]
    Policy {
        /// Which documents.
        #[command(flatten)]
        of: Documents,
        /// Partition of keys that read every region, which the file cannot say.
        #[arg(long, value_name = "PARTITION", value_parser = partition)]
        partition: Option<String>,
    },
    /// Print the trust policy of each role that the file needs.
    #[command(after_help = DOCUMENTS)]
    Trust {
        /// Which documents.
        #[command(flatten)]
        of: Documents,
        /// Who assumes the role.
        #[command(flatten)]
        trusted: Trusted,
    },
    /// Print the CloudFormation template of the central role, for all connections of the file that share it.
    CentralRole {
        /// Connections with a central role, by name [default: all].
        #[arg(value_name = "CONNECTION")]
        connections: Vec<String>,
        /// Form of the template; -o json means JSON whatever this says.
        #[arg(long, value_enum, value_name = "FORM", default_value_t = IamFormat::Yaml)]
        format: IamFormat,
        /// Who assumes the role.
        #[command(flatten)]
        trusted: Trusted,
    },
    /// Print the CloudFormation template of the role in every account, for a StackSet and for all connections of the file that share it.
    ChildRole {
        /// Connections with a central role, by name [default: all].
        #[arg(value_name = "CONNECTION")]
        connections: Vec<String>,
        /// Form of the template; -o json means JSON whatever this says.
        #[arg(long, value_enum, value_name = "FORM", default_value_t = IamFormat::Yaml)]
        format: IamFormat,
        /// Say instead how the roles are rolled out, as AWS command lines and in the console.
        #[arg(long, conflicts_with = "format")]
        steps: bool,
    },
}

const DOCUMENTS: &str = "One document is printed as it is. Several are printed one after another with a heading each (on standard error, in YAML as a comment); with -o json they are one object: {\"documents\": [{kind, title, connections, notes, document}]}. --only chooses one kind.";

/// Which documents, and in which form.
#[derive(Clone, Debug, Args)]
pub struct Documents {
    /// The connections, by name [default: all].
    #[arg(value_name = "CONNECTION")]
    pub connections: Vec<String>,
    /// Only documents of this kind.
    #[arg(long, value_name = "KIND", value_parser = ["identity", "role", "central-role", "child-role"])]
    pub only: Option<String>,
    /// Form of the documents; -o json means JSON whatever this says.
    #[arg(long, value_enum, value_name = "FORM", default_value_t = IamFormat::Json)]
    pub format: IamFormat,
}

/// Who assumes a role.
#[derive(Clone, Debug, Args)]
pub struct Trusted {
    /// ARN of whoever assumes the role, or an account's id; child roles are assumed by the central role [default: what GetCallerIdentity says of the connection's source credentials].
    #[arg(long, value_name = "ARN", value_parser = principal)]
    pub principal: Option<String>,
}

/// Form of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IamFormat {
    /// JSON, which IAM takes.
    Json,
    /// YAML.
    Yaml,
}

impl Iam {
    /// Whether credentials are needed to find out who assumes a role.
    pub(in crate::cli) fn asks_aws(&self) -> bool {
        matches!(
            self,
            Self::Trust { trusted: Trusted { principal: None }, .. }
                | Self::CentralRole { trusted: Trusted { principal: None }, .. }
        )
    }
}

fn partition(text: &str) -> Result<String, String> {
    if crate::config::regions::partition(text).is_some() {
        return Ok(text.to_owned());
    }
    let known: Vec<&str> = crate::config::regions::partitions().iter().map(|known| known.id.as_str()).collect();
    Err(format!("the partitions are {}", known.join(", ")))
}

/// An account's id, or an ARN of IAM or STS in an account. `*` would let in anybody.
fn principal(text: &str) -> Result<String, String> {
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    let is_arn = matches!(fields.as_slice(), ["arn", partition, "iam" | "sts", "", account, resource]
        if crate::config::regions::partition(partition).is_some() && is_account(account) && !resource.is_empty());
    if (is_arn || is_account(text)) && !text.contains(['*', '?']) && !text.contains(char::is_whitespace) {
        Ok(text.to_owned())
    } else {
        Err("it is an ARN such as arn:aws:iam::111122223333:role/NAME, or an account's id of 12 digits".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_one_identity_or_account_and_never_anybody() {
        for good in [
            "arn:aws:iam::111122223333:role/team/Reader",
            "arn:aws-cn:iam::111122223333:user/aboard",
            "arn:aws:iam::111122223333:root",
            "arn:aws:sts::111122223333:assumed-role/R/session",
            "111122223333",
        ] {
            assert!(principal(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "*",
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::*:root",
            "arn:asw:iam::111122223333:root",
            "arn:aws:s3:::bucket",
            "arn:aws:iam::1111:root",
            "11112222333",
            "somebody",
        ] {
            assert!(principal(bad).is_err(), "{bad}");
        }
    }
}
