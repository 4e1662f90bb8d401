//! Who assumes a connection's role: what a trust policy has to name.

use crate::config::{Connection, Credentials, RoleArn};
use crate::inventory::Trouble;

use super::super::aws::Aws;
use super::super::credentials;
use super::super::entrance::named;

/// The ARN of whoever assumes the connection's role, as STS knows it; it needs no permission. Without a role, whoever the connection is.
///
/// # Errors
/// The source's credentials cannot be read or are not taken.
pub async fn source_arn(aws: &Aws, connection: &Connection) -> Result<String, Trouble> {
    let regions = named(&connection.regions);
    let of_role = |role: &RoleArn| credentials::sts_regions(regions, Some(&role.partition));
    let (source, asked) = match &connection.credentials {
        Credentials::AwsUser(user) => (credentials::key(user), regions.to_vec()),
        Credentials::DefaultChain(chain) => (credentials::default_chain(aws, chain, regions).await, regions.to_vec()),
        Credentials::AssumeRole(role) => {
            (credentials::source(aws, &role.source, regions).await, of_role(&role.role_arn))
        }
        Credentials::CentralRole(role) => {
            (credentials::source(aws, &role.source, regions).await, of_role(&role.role_arn))
        }
    };
    let entered = credentials::as_itself(aws, source, &asked).await;
    entered.map(|(_, caller)| caller.arn).map_err(|failure| failure.trouble())
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{Reply, aws, connection, role, user};
    use super::*;
    use crate::config::Regions;

    #[tokio::test]
    async fn the_source_of_a_role_is_named_and_the_role_is_not_assumed() {
        let (aws, log) = aws(|_| Reply::caller("arn:aws:iam::111122223333:user/u")).await;
        let (_folder, user) = user();
        let arn = source_arn(&aws, &connection(role(user), &["eu-west-1"])).await;
        assert_eq!(arn.unwrap(), "arn:aws:iam::111122223333:user/u");
        assert_eq!((log.all().len(), log.all()[0].sts("GetCallerIdentity")), (1, true));
    }

    #[tokio::test]
    async fn where_no_region_is_named_sts_is_asked_in_the_partition_of_the_role() {
        let (aws, log) = aws(|_| Reply::caller("arn:aws-cn:iam::111122223333:user/u")).await;
        let (_folder, user) = user();
        let mut connection = connection(role(user), &[]);
        connection.regions = Regions::All { except: crate::config::Patterns::default() };
        let Credentials::AssumeRole(role) = &mut connection.credentials else { panic!() };
        role.role_arn.partition = "aws-cn".to_owned();
        source_arn(&aws, &connection).await.unwrap();
        assert!(log.all()[0].host.contains("cn-north-1"), "{}", log.all()[0].host);
    }

    #[tokio::test]
    async fn credentials_that_are_not_taken_are_told_with_their_remedy() {
        let (aws, _) = aws(|_| Reply::sts_error(403, "InvalidClientTokenId", "unknown")).await;
        let (_folder, user) = user();
        let trouble = source_arn(&aws, &connection(role(user), &["eu-west-1"])).await.unwrap_err();
        assert!(trouble.cause.contains("GetCallerIdentity") && trouble.hint.is_some(), "{trouble:?}");
    }
}
