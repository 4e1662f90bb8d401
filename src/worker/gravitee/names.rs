//! Words that the server keeps for us and gives back.
//!
//! SUBSCRIBE gives back only those entries of an API's metadata whose name contains the provider's
//! (`gravitee-apim-rest-api/gravitee-apim-rest-api-service/src/main/java/io/gravitee/apim/infra/integration/IntegrationAgentImpl.java`
//! of `gravitee-io/gravitee-api-management`), UNSUBSCRIBE only what the answer to SUBSCRIBE gave. So each of these contains it, but for
//! [`KEY_ID`], which the original writes so.

/// The provider: what a person chose when they made the integration in the console.
pub(super) const PROVIDER: &str = "aws-api-gateway";

/// `aws`, `aws-cn`, ….
pub(super) const PARTITION: &str = "aws-api-gateway-partition";
/// Twelve digits.
pub(super) const ACCOUNT: &str = "aws-api-gateway-account-id";
/// Region code.
pub(super) const REGION: &str = "aws-api-gateway-region";
/// The id that API Gateway gave.
pub(super) const API_ID: &str = "aws-api-gateway-api-id";
/// The stage; several with commas in between.
pub(super) const STAGE: &str = "aws-api-gateway-stage";
/// `REGIONAL`, `EDGE` or `PRIVATE`.
pub(super) const ENDPOINT_TYPE: &str = "aws-api-gateway-endpoint-type";
/// `REST`, `HTTP` or `WEBSOCKET`.
pub(super) const PROTOCOL: &str = "aws-api-gateway-protocol";

/// The id of a subscription's key, under the name that the server's own test has
/// (`…/src/test/java/io/gravitee/apim/infra/integration/IntegrationAgentImplTest.java` of gravitee-api-management).
pub(super) const KEY_ID: &str = "aws-api-key-id";

/// Where the API answers, in its connection details.
pub(super) const URL: &str = "url";
