//! What the process shares when it talks to AWS: the HTTP client, the SDK's settings, and the limiter's buckets.

use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_apigateway::config::{IdentityCache, StalledStreamProtectionConfig};
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;
use aws_smithy_types::retry::RetryConfig;

use super::http::{self, Meter};
use super::limiter::Buckets;
use crate::config::{Limits, NetworkConfig};
use crate::trust::{self, TrustError};

/// Attempts of one call. The limiter keeps refusals rare; those that happen come from others who share the quota.
const MOST_ATTEMPTS: u32 = 5;

/// Why nothing can be asked of AWS at all.
#[derive(Debug, thiserror::Error)]
pub enum AwsSetupError {
    /// The file with extra certificates cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// TLS could not be set up.
    #[error("TLS cannot be set up: {message}")]
    Tls {
        /// What the TLS library said.
        message: String,
    },
}

/// Process-wide access to AWS, to be shared by every run; made anew when `[network]` or `[limits]` change.
#[derive(Debug)]
pub struct Aws {
    pub(super) http: SharedHttpClient,
    pub(super) buckets: Buckets,
    base: SdkConfig,
}

impl Aws {
    /// Sets everything up without asking AWS.
    ///
    /// # Errors
    /// The CA file (`[network].ca_file`, else `$AWS_CA_BUNDLE`) cannot be used.
    pub async fn new(network: &NetworkConfig, limits: &Limits) -> Result<Self, AwsSetupError> {
        let http = http::client(trust::ca_file(network).as_deref())?;
        Ok(Self::over(http, limits).await)
    }

    /// The real HTTP client towards one address, for tests on the wire.
    #[cfg(test)]
    pub(super) async fn at(endpoint: &str, limits: &Limits) -> Self {
        let http = http::client(None).expect("system certificates");
        let aws = Self::over(http, limits).await;
        Self { base: aws.base.to_builder().endpoint_url(endpoint).build(), ..aws }
    }

    /// The same over any HTTP client.
    pub(super) async fn over(http: SharedHttpClient, limits: &Limits) -> Self {
        let base = loader(&http).identity_cache(identity_cache()).no_credentials().load().await;
        Self { http, buckets: Buckets::new(limits), base }
    }

    /// SDK settings for one identity in one region.
    pub(super) fn config(&self, credentials: SharedCredentialsProvider, region: &str) -> SdkConfig {
        self.base.to_builder().credentials_provider(credentials).region(Region::new(region.to_owned())).build()
    }

    /// A loader with the process's HTTP client and settings, for what reads the environment anew.
    pub(super) fn loader(&self) -> ConfigLoader {
        loader(&self.http)
    }
}

/// Where the SDK keeps what a provider gave until it ends. Whoever is asked for long has one of its own: the SDK's holds 64 identities
/// and would drop some at random.
pub(super) fn identity_cache() -> SharedIdentityCache {
    IdentityCache::lazy()
        .buffer_time(Duration::from_mins(2))
        // Covers a chain of STS calls with their retries; the default of 5 s is short for a slow proxy.
        .load_timeout(Duration::from_mins(1))
        .build()
}

/// Clients of both families for one account and region, each through its scope's meter.
pub(super) fn clients(
    config: &SdkConfig,
    client: &SharedHttpClient,
    scope: (&str, &str),
    rest: &Arc<Meter>,
    http: &Arc<Meter>,
) -> (aws_sdk_apigateway::Client, aws_sdk_apigatewayv2::Client) {
    let (account_id, region) = scope;
    // By default every account in a region shares one retry quota, so that one throttled account starves the others.
    // A custom partition owns its quota and is dropped with the clients; one by name alone would stay in the SDK's statics for ever.
    let quota = TokenBucket::builder().capacity(500).build();
    let retries = RetryPartition::custom(format!("apigateway-{account_id}-{region}")).token_bucket(quota).build();
    let rest = aws_sdk_apigateway::config::Builder::from(config)
        .http_client(rest.over(client))
        .retry_partition(retries.clone());
    let http =
        aws_sdk_apigatewayv2::config::Builder::from(config).http_client(http.over(client)).retry_partition(retries);
    (aws_sdk_apigateway::Client::from_conf(rest.build()), aws_sdk_apigatewayv2::Client::from_conf(http.build()))
}

fn loader(http: &SharedHttpClient) -> ConfigLoader {
    // No attempt timeout: an attempt includes the wait for its token. The connector's timeouts bound what AWS takes.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(4))
        .read_timeout(Duration::from_secs(20))
        .operation_timeout(Duration::from_mins(10))
        .build();
    let stalled = StalledStreamProtectionConfig::enabled().grace_period(Duration::from_secs(10)).build();
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http.clone())
        // Explicit, because a wrong AWS_MAX_ATTEMPTS or AWS_RETRY_MODE would otherwise panic.
        .retry_config(RetryConfig::standard().with_max_attempts(MOST_ATTEMPTS))
        .timeout_config(timeouts)
        .stalled_stream_protection(stalled)
        // Every client names its own region; without one here the SDK would look for it at the instance metadata service.
        .region(Region::from_static("us-east-1"));
    match AppName::new("aboard") {
        Ok(name) => loader.app_name(name),
        Err(_) => loader,
    }
}
