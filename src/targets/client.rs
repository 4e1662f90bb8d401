//! The HTTP client of targets: how they connect, how long they wait, and what is said when that fails.
//!
//! No sentence holds a path or a query: many receivers are known by a key in either.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Method, RequestBuilder};
use secrecy::ExposeSecret;
use url::Url;

use super::Failure;
use super::answer::{Answer, excerpt};
use crate::config::{Authorities, NetworkConfig, ProxyConfig};
use crate::{environment, secret, trust};

/// How long a connection may take to come about, within the limit for the whole attempt.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a connection is kept for the next request. Receivers close idle ones after as little as 5 s (Node's default), and a
/// request that meets the end of its connection is a failed attempt.
const KEPT_IDLE: Duration = Duration::from_secs(4);

/// The client of one target. It follows no redirect, keeps no cookies, tries nothing twice, and takes its proxies from the environment
/// (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`) as it is when the client is made.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    timeout: Duration,
}

impl fmt::Debug for Client {
    /// Without the inner client, which would show a proxy's password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// What a target has of its own besides `[network]` and the environment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way<'a> {
    /// Whom to trust, too.
    pub(super) authorities: Option<&'a Authorities>,
    /// The proxy in place of the environment's.
    pub(super) proxy: Option<&'a ProxyConfig>,
}

impl Client {
    /// A client that gives each request, its answer included, `timeout`. Reads the certificate file, so it may block.
    ///
    /// # Errors
    /// The certificate file cannot be used, or the system trusts nobody at all.
    pub(super) fn new(network: &NetworkConfig, timeout: Duration) -> Result<Self, Failure> {
        Self::by(Way::default(), network, timeout)
    }

    /// The same with what a target has of its own. Reads the proxy's password too.
    ///
    /// # Errors
    /// Those of [`Client::new`], and a password that cannot be read.
    pub(super) fn by(way: Way<'_>, network: &NetworkConfig, timeout: Duration) -> Result<Self, Failure> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("aboard/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT.min(timeout))
            .timeout(timeout)
            .pool_idle_timeout(KEPT_IDLE);
        let own = match way.authorities {
            Some(Authorities::File(path)) => Some(read_pem(path)?),
            Some(Authorities::Text(text)) => Some(text.clone().into_bytes()),
            None => None,
        };
        let shared = trust::ca_file(network).map(|path| read_pem(&path)).transpose()?;
        for pem in [shared, own].into_iter().flatten() {
            let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| set_up(&error))?;
            builder = builder.tls_certs_merge(certificates);
        }
        if let Some(ProxyConfig { url, login }) = way.proxy {
            let mut proxy = reqwest::Proxy::all(url.as_str()).map_err(|error| set_up(&error))?;
            if let Some(login) = login {
                let password = secret::resolve(&login.password);
                let password = password
                    .map_err(|error| Failure::passing(format!("the proxy's password cannot be read: {error}")))?;
                proxy = proxy.basic_auth(&login.username, password.expose_secret());
            }
            builder = builder.proxy(proxy);
        }
        Ok(Self { http: builder.build().map_err(|error| set_up(&error))?, timeout })
    }

    /// A request to be completed and handed to [`Client::send`].
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends it, and gives the answer whatever its status is, once its head has come.
    ///
    /// # Errors
    /// No answer came; by [`Failure::passing`].
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let request = request.build().map_err(|error| set_up(&error))?;
        let place = place(request.url());
        match self.http.execute(request).await {
            Ok(response) => Ok(Answer::new(response, place, self.timeout)),
            Err(error) => Err(failure(&error, &place, self.timeout)),
        }
    }
}

fn read_pem(path: &Path) -> Result<Vec<u8>, Failure> {
    trust::pem(path).map_err(|error| Failure::passing(error.to_string()))
}

/// A URL as it may be shown: scheme, host and port.
pub(super) fn place(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// What came of a request that got no answer, or of an answer that broke off.
pub(super) fn failure(error: &reqwest::Error, place: &str, timeout: Duration) -> Failure {
    let causes = excerpt(causes(error).join(": ").as_bytes());
    let message = if error.is_timeout() && error.is_connect() {
        let limit = humantime::format_duration(CONNECT.min(timeout));
        format!("{place} cannot be reached: no connection came about within {limit}{}", proxies())
    } else if error.is_timeout() {
        format!("{place} did not answer within {}", humantime::format_duration(timeout))
    } else if is_untrusted(error) {
        let hint = "where the certificate is your own, name its authority as ca_file in [network]";
        format!("{place} cannot be reached: {causes}; {hint}")
    } else if error.is_connect() {
        format!("{place} cannot be reached: {causes}{}", proxies())
    } else if error.is_body() || error.is_decode() {
        format!("{place} broke off its answer: {causes}")
    } else {
        format!("{place} gave no answer: {causes}")
    };
    Failure::passing(message)
}

/// Which proxies may stand in the way. Their addresses may hold a password.
fn proxies() -> String {
    const VARIABLES: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let set: Vec<&str> = VARIABLES.into_iter().filter(|name| environment::path(name).is_some()).collect();
    if set.is_empty() { String::new() } else { format!("; a proxy is set by {}", set.join(", ")) }
}

/// What the libraries below say, outermost first, without what only says that a request failed.
fn causes(error: &reqwest::Error) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some libraries repeat the text of their cause, others name only their own kind of error.
        let empty = matches!(text.as_str(), "client error (Connect)" | "client error (SendRequest)" | "");
        if !empty && !said.iter().any(|earlier| earlier.contains(&text)) {
            said.push(text);
        }
        cause = error.source();
    }
    if said.is_empty() {
        said.push("for a reason that nothing was said of".to_owned());
    }
    said
}

fn is_untrusted(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if matches!(tls(error), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// TLS's own error, which each layer wraps in one of input and output that is not among the causes.
fn tls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let inside = || error.downcast_ref::<std::io::Error>()?.get_ref();
    error.downcast_ref().or_else(|| tls(inside()?))
}

fn set_up(error: &reqwest::Error) -> Failure {
    Failure::passing(format!("no request can be made: {}", excerpt(causes(error).join(": ").as_bytes())))
}

#[cfg(test)]
mod tests;
