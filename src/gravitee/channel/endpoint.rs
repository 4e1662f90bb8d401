//! Where a server is: `gravitee-exchange-connector/gravitee-exchange-connector-websocket/src/main/java/io/gravitee/exchange/connector/websocket/client/WebSocketEndpoint.java`
//! of `gravitee-io/gravitee-exchange`, which takes `http` and `https` only.

use std::fmt;

use url::{Host, Url};

/// What stands behind the path of the endpoint (`…/exchange/api/controller/ws/WebsocketControllerConstants`).
const CONTROLLER: &str = "/exchange/controller";

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// Its name or address, an IPv6 address without brackets.
    pub host: String,
    /// Its port; 443 or 80 where the URL has none.
    pub port: u16,
    /// What is asked for, `/exchange/controller` included.
    pub path: String,
    /// Host and port as they stand in a URL and in the `Host` header: without the port where it is the usual one.
    pub authority: String,
}

/// Why a URL is no endpoint; it is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It has no form of a URL, or no host.
    #[error("is no URL with a host, such as https://apim.example.com/integration-controller")]
    NoUrl,
    /// It is for something else.
    #[error("must begin with https://, http://, wss:// or ws://")]
    Scheme,
    /// It holds a user name or a password.
    #[error("must not hold a user name or password: the token is a header")]
    Credentials,
}

impl Endpoint {
    /// Reads `https://apim.example.com/integration-controller`; `http`, `ws` and `wss` will do as well. A query is not used, as in the
    /// original.
    ///
    /// # Errors
    /// It is no such URL.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        let tls = match text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref() {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            _ => return Err(EndpointError::Scheme),
        };
        let url = Url::parse(text).map_err(|_| EndpointError::NoUrl)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::Credentials);
        }
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => return Err(EndpointError::NoUrl),
        };
        let port = url.port_or_known_default().unwrap_or(if tls { 443 } else { 80 });
        let shown = url.host_str().unwrap_or_default();
        let authority = url.port().map_or_else(|| shown.to_owned(), |port| format!("{shown}:{port}"));
        let path = format!("{}{CONTROLLER}", url.path().strip_suffix('/').unwrap_or(url.path()));
        Ok(Self { tls, host, port, path, authority })
    }
}

/// As people write it.
impl fmt::Display for Endpoint {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let path = self.path.strip_suffix(CONTROLLER).unwrap_or(&self.path);
        write!(to, "{scheme}://{}{path}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_endpoint_stands_before_the_controllers() {
        for (text, tls, host, port, path, shown) in [
            (
                "https://apim.example.com/integration-controller",
                true,
                "apim.example.com",
                443,
                "/integration-controller/exchange/controller",
                "https://apim.example.com/integration-controller",
            ),
            (
                "https://apim.example.com/integration-controller/",
                true,
                "apim.example.com",
                443,
                "/integration-controller/exchange/controller",
                "https://apim.example.com/integration-controller",
            ),
            (
                "http://management_api:8072",
                false,
                "management_api",
                8072,
                "/exchange/controller",
                "http://management_api:8072",
            ),
            (
                " WSS://apim.example.com:8443/?a=b ",
                true,
                "apim.example.com",
                8443,
                "/exchange/controller",
                "https://apim.example.com:8443",
            ),
            ("ws://localhost/a//", false, "localhost", 80, "/a//exchange/controller", "http://localhost/a/"),
            ("http://[::1]:8062/", false, "::1", 8062, "/exchange/controller", "http://[::1]:8062"),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!((endpoint.tls, endpoint.host.as_str(), endpoint.port), (tls, host, port), "{text}");
            assert_eq!((endpoint.path.as_str(), endpoint.to_string().as_str()), (path, shown), "{text}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused_without_being_repeated() {
        for (text, error) in [
            ("apim.example.com", EndpointError::Scheme),
            ("ftp://apim.example.com", EndpointError::Scheme),
            ("", EndpointError::Scheme),
            ("https://", EndpointError::NoUrl),
            ("https://a b", EndpointError::NoUrl),
            ("https://user:hunter2@apim.example.com", EndpointError::Credentials),
        ] {
            assert_eq!(Endpoint::parse(text), Err(error), "{text}");
        }
    }
}
