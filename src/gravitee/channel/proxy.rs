//! The way through an HTTP proxy: a tunnel asked for with CONNECT.
//!
//! Written here because `hyper_util`'s tunnel does not say what the proxy answered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper_util::client::proxy::matcher::Matcher;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::http::Uri;

use super::dial::DialError;
use super::endpoint::Endpoint;
use super::settings::Proxy;
use crate::secret;

/// The most that a proxy may answer before the tunnel is open, in bytes.
const MAX_ANSWER: usize = 8192;

/// A proxy to go through now.
pub(super) struct Way {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
    /// The value of `Proxy-Authorization`.
    authorization: Option<SecretString>,
}

/// The proxy for an endpoint; reads files and the environment.
pub(super) fn way(proxy: &Proxy, endpoint: &Endpoint) -> Result<Option<Way>, DialError> {
    match proxy {
        Proxy::Direct => Ok(None),
        Proxy::Environment => by_matcher(&Matcher::from_env(), endpoint),
        Proxy::Http { host, port, tls, credentials } => {
            let authorization = match credentials {
                None => None,
                Some((user, password)) => Some(basic(user, secret::resolve(password)?.expose_secret())),
            };
            Ok(Some(Way { host: host.clone(), port: *port, tls: *tls, authorization }))
        }
    }
}

fn basic(user: &str, password: &str) -> SecretString {
    SecretString::from(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

fn by_matcher(matcher: &Matcher, endpoint: &Endpoint) -> Result<Option<Way>, DialError> {
    let scheme = if endpoint.tls { "https" } else { "http" };
    let asked: Result<Uri, _> = format!("{scheme}://{}{}", endpoint.authority, endpoint.path).parse();
    let Some(found) = asked.ok().and_then(|uri| matcher.intercept(&uri)) else { return Ok(None) };
    let tls = match found.uri().scheme_str() {
        Some("http") | None => false,
        Some("https") => true,
        Some(_) => return Err(DialError::ProxyKind),
    };
    let host = found.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = found.uri().port_u16().unwrap_or(if tls { 443 } else { 80 });
    let authorization = found.basic_auth().and_then(|value| Some(SecretString::from(value.to_str().ok()?)));
    Ok(Some(Way { host, port, tls, authorization }))
}

/// Asks for a tunnel to the endpoint, over a connection to the proxy.
pub(super) async fn tunnel<S>(stream: &mut S, way: &Way, endpoint: &Endpoint) -> Result<(), DialError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let host = if endpoint.host.contains(':') { format!("[{}]", endpoint.host) } else { endpoint.host.clone() };
    let to = format!("{host}:{}", endpoint.port);
    let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
    if let Some(value) = &way.authorization {
        request.push_str("Proxy-Authorization: ");
        request.push_str(value.expose_secret());
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(DialError::Proxy)?;
    stream.flush().await.map_err(DialError::Proxy)?;
    let mut answer = Vec::new();
    loop {
        // Nothing of the tunnel may be taken with it, and nobody speaks in there before us.
        let taken = stream.read_buf(&mut answer).await.map_err(DialError::Proxy)?;
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&answer) {
            Ok(httparse::Status::Complete(_)) => {
                return match response.code {
                    Some(200..=299) => Ok(()),
                    code => Err(DialError::ProxyAnswer(code.unwrap_or_default())),
                };
            }
            Ok(httparse::Status::Partial) if taken > 0 && answer.len() < MAX_ANSWER => {}
            Ok(httparse::Status::Partial) | Err(_) => return Err(DialError::ProxyAnswer(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretRef;

    fn found(https: &str, http: &str, no: &str, endpoint: &str) -> Option<(String, u16, bool, Option<String>)> {
        let matcher = Matcher::builder().https(https).http(http).no(no).build();
        let way = by_matcher(&matcher, &Endpoint::parse(endpoint).unwrap()).unwrap()?;
        let authorization = way.authorization.map(|value| value.expose_secret().to_owned());
        Some((way.host, way.port, way.tls, authorization))
    }

    #[test]
    fn the_environments_proxy_depends_on_the_endpoints_scheme_and_name() {
        let (https, http) = ("http://user:p%40ss@proxy.example.com:3128", "proxy.example.com");
        let basic = Some("Basic dXNlcjpwQHNz".to_owned());
        let secure = Some(("proxy.example.com".to_owned(), 3128, false, basic));
        assert_eq!(found(https, http, "", "wss://apim.example.com"), secure);
        assert_eq!(
            found(https, http, "", "http://management_api:8072"),
            Some(("proxy.example.com".to_owned(), 80, false, None))
        );
        assert_eq!(found(https, http, "example.com", "https://apim.example.com"), None);
        assert_eq!(found("", "", "", "https://apim.example.com"), None);
    }

    #[test]
    fn a_proxy_that_speaks_another_protocol_is_refused() {
        let matcher = Matcher::builder().https("socks5://proxy.example.com").build();
        let endpoint = Endpoint::parse("https://apim.example.com").unwrap();
        assert!(matches!(by_matcher(&matcher, &endpoint), Err(DialError::ProxyKind)));
    }

    #[test]
    fn the_password_of_a_proxy_in_the_settings_is_read_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let credentials = Some(("user".to_owned(), SecretRef::File(file.clone())));
        let proxy = Proxy::Http { host: "proxy.example.com".to_owned(), port: 3128, tls: true, credentials };
        let endpoint = Endpoint::parse("https://apim.example.com").unwrap();
        let error = way(&proxy, &endpoint).err().unwrap();
        assert!(error.to_string().starts_with("secret file "), "{error}");
        std::fs::write(&file, "p@ss\n").unwrap();
        let found = way(&proxy, &endpoint).unwrap().unwrap();
        assert_eq!((found.host.as_str(), found.port, found.tls), ("proxy.example.com", 3128, true));
        assert_eq!(found.authorization.unwrap().expose_secret(), "Basic dXNlcjpwQHNz");
        assert!(way(&Proxy::Direct, &endpoint).unwrap().is_none());
    }

    #[tokio::test]
    async fn a_proxys_refusal_is_told_by_its_status() {
        let (mut ours, theirs) = tokio::io::duplex(4096);
        let proxy = async move {
            let (mut reader, mut writer) = tokio::io::split(theirs);
            let mut asked = vec![0; 4096];
            let length = reader.read(&mut asked).await.unwrap();
            writer.write_all(b"HTTP/1.1 407 Who\r\nX: y\r\n").await.unwrap();
            writer.write_all(b"\r\n").await.unwrap();
            String::from_utf8(asked[..length].to_vec()).unwrap()
        };
        let way = Way { host: String::new(), port: 1, tls: false, authorization: Some(basic("user", "p@ss")) };
        let endpoint = Endpoint::parse("https://[::1]:8443").unwrap();
        let (outcome, asked) = tokio::join!(tunnel(&mut ours, &way, &endpoint), proxy);
        assert!(matches!(outcome, Err(DialError::ProxyAnswer(407))), "{outcome:?}");
        let expected =
            "CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n";
        assert_eq!(asked, expected);
    }
}
