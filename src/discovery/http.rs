//! The HTTP client under the AWS SDK: one for the process, and a metered view of it for each scope.
//!
//! The meter sits below the SDK's retries, so that every attempt takes a token, is counted, and is seen when AWS refuses it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::aws::AwsSetupError;
use super::classify::is_untrusted;
use super::limiter::{Bucket, Ticket};
use super::progress::Progress;
use crate::trust;

/// Connections that are kept open to one host while nobody needs them. Each weighs about 27 KB, and the burst at the beginning of an
/// organization would leave more than a thousand.
const IDLE_PER_HOST: usize = 128;

/// The process's HTTP client: proxies from the environment, the system's certificates and those of `ca_file`.
pub(super) fn client(ca_file: Option<&Path>) -> Result<SharedHttpClient, AwsSetupError> {
    let mut trusted = TrustStore::default();
    if let Some(path) = ca_file {
        trusted.add_pem_certificate(trust::pem(path)?);
    }
    let tls = TlsContext::builder().with_trust_store(trusted).build();
    let tls = tls.map_err(|error| AwsSetupError::Tls { message: error.to_string() })?;
    // `build_https` would be shorter and ignores the proxy variables.
    let client = Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .pool_idle_timeout(Duration::from_mins(1))
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls.clone()).build()
    });
    Ok(SharedHttpClient::new(TrustOnce(client)))
}

/// Makes a certificate that is not trusted final: the SDK would try it again as if it were a lost connection.
#[derive(Debug)]
struct TrustOnce(SharedHttpClient);

impl HttpClient for TrustOnce {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(TrustOnceConnector(self.0.http_connector(settings, components)))
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

#[derive(Debug)]
struct TrustOnceConnector(SharedHttpConnector);

impl HttpConnector for TrustOnceConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            answer.await.map_err(|error| if is_untrusted(&error) { ConnectorError::user(error.into()) } else { error })
        })
    }
}

/// Counts what one scope sends, and has it wait for its turn.
#[derive(Debug)]
pub(super) struct Meter {
    bucket: Arc<Bucket>,
    progress: Progress,
    calls: AtomicU64,
    throttled: AtomicU64,
}

/// What a meter shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) calls: u64,
    pub(super) throttled: u64,
}

impl std::ops::Sub for Count {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { calls: self.calls - earlier.calls, throttled: self.throttled - earlier.throttled }
    }
}

impl std::ops::Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { calls: self.calls + other.calls, throttled: self.throttled + other.throttled }
    }
}

impl Meter {
    pub(super) fn new(bucket: Arc<Bucket>, progress: Progress) -> Arc<Self> {
        Arc::new(Self { bucket, progress, calls: AtomicU64::new(0), throttled: AtomicU64::new(0) })
    }

    pub(super) fn read(&self) -> Count {
        Count { calls: self.calls.load(Relaxed), throttled: self.throttled.load(Relaxed) }
    }

    /// `client` as seen through this meter.
    pub(super) fn over(self: &Arc<Self>, client: &SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(MeteredClient { client: client.clone(), meter: Arc::clone(self) })
    }

    async fn before_attempt(&self) -> Ticket<'_> {
        let ticket = self.bucket.take().await;
        self.calls.fetch_add(1, Relaxed);
        self.progress.call();
        ticket
    }

    fn after_attempt(&self, response: &HttpResponse) {
        if response.status().as_u16() == 429 {
            self.throttled.fetch_add(1, Relaxed);
            self.progress.throttled();
            self.bucket.refused(pause_asked_for(response));
        }
    }
}

/// The pause that a refusal asks for: AWS's own header is in milliseconds, the standard one in seconds (as a date it is ignored).
fn pause_asked_for(response: &HttpResponse) -> Option<Duration> {
    let number = |header: &str| response.headers().get(header)?.trim().parse::<u64>().ok();
    let own = number("x-amz-retry-after").map(Duration::from_millis);
    own.or_else(|| number("retry-after").map(Duration::from_secs))
}

#[derive(Debug)]
struct MeteredClient {
    client: SharedHttpClient,
    meter: Arc<Meter>,
}

impl HttpClient for MeteredClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(MeteredConnector { connector, meter: Arc::clone(&self.meter) })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.client.connector_metadata()
    }
}

#[derive(Debug)]
struct MeteredConnector {
    connector: SharedHttpConnector,
    meter: Arc<Meter>,
}

impl HttpConnector for MeteredConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (connector, meter) = (self.connector.clone(), Arc::clone(&self.meter));
        HttpConnectorFuture::new(async move {
            let ticket = meter.before_attempt().await;
            let answer = connector.call(request).await;
            drop(ticket);
            if let Ok(response) = &answer {
                meter.after_attempt(response);
            }
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::TrustError;

    #[test]
    fn a_ca_file_that_cannot_be_used_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.pem");
        assert!(client(Some(&missing)).unwrap_err().to_string().contains("missing.pem"));
        for content in [
            "",
            "hello",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n!",
        ] {
            let path = folder.path().join("bad.pem");
            std::fs::write(&path, content).unwrap();
            let error = client(Some(&path)).unwrap_err();
            assert!(matches!(error, AwsSetupError::Trust(TrustError::Invalid { .. })), "{content:?}: {error}");
        }
    }

    #[test]
    fn a_ca_file_with_certificates_and_other_text_is_taken() {
        const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBiTCCAS+gAwIBAgIUaiU//mTsWJG2XnL0y/XznCixviAwCgYIKoZIzj0EAwIw\n\
GTEXMBUGA1UEAwwOYWJvYXJkIHRlc3QgQ0EwIBcNMjYxMTIxMjAwNjU2WhgPMjEy\n\
NjEwMjgyMDA2NTZaMBkxFzAVBgNVBAMMDmFib2FyZCB0ZXN0IENBMFkwEwYHKoZI\n\
zj0CAQYIKoZIzj0DAQcDQgAE1TQrkcGcXJ0eNgYkUtZCtZvkgpvrpO7WipgIfOXo\n\
olRdunu6ZgVeor30kl2sEz4ODqbRwV/poip6Ap9AftGzkKNTMFEwHQYDVR0OBBYE\n\
FH+ChHzM1peqYDecx+643Hs5g4KSMB8GA1UdIwQYMBaAFH+ChHzM1peqYDecx+64\n\
3Hs5g4KSMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhANpw3aDE\n\
hX43qi47EfDCfSi6ubTlLG910NSsQXzq9cxoAiA3w1Oii6yI2GOrGgpWy9a7E298\n\
+peFVw6Y45lkQVUwhA==\n\
-----END CERTIFICATE-----\n\
";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, format!("# the proxy's\n{CERTIFICATE}\n{CERTIFICATE}")).unwrap();
        assert!(client(Some(&path)).is_ok());
    }
}
