//! One attempt to connect: name, TCP, proxy, TLS, and the upgrade to a WebSocket.
//!
//! What the server answers to the upgrade: 101; 401 for a missing or unknown token, an unknown user or a licence without
//! federation; 404 for another path; 410 while it starts or stops; 500 where it fails, such as for an `Authorization` of fewer than six
//! characters (`gravitee-exchange-controller/gravitee-exchange-controller-websocket/src/main/java/io/gravitee/exchange/controller/websocket/WebSocketRequestHandler.java`
//! of `gravitee-io/gravitee-exchange`).

use std::io;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Uri};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::endpoint::Endpoint;
use super::heard::{Heard, Listening};
use super::proxy::{self, Way};
use super::settings::Settings;
use super::tls;
use crate::secret::{self, SecretError};
use crate::trust::TrustError;

/// The header that says which protocol is spoken; without it the server falls back to an older one
/// (`…/exchange/api/websocket/protocol/ProtocolVersion`).
const PROTOCOL: (&str, &str) = ("X-Gravitee-Exchange-Protocol", "v1");

/// A byte stream, whatever it goes through.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An upgraded connection.
pub(super) type Socket = WebSocketStream<Listening<Box<dyn Stream>>>;

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    /// A secret could not be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A header cannot be sent; only its name is told.
    #[error("the header {0} cannot be sent: its name or value holds a character that no header may have")]
    Header(String),
    /// A file of certificate authorities cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The certificate authorities in the settings cannot be used.
    #[error("the certificate authority in the settings is no certificate in PEM")]
    Authority,
    /// It took too long.
    #[error("no connection within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The name has no address, or nobody listens there.
    #[error("{0}")]
    Tcp(io::Error),
    /// The proxy broke off.
    #[error("the proxy broke off: {0}")]
    Proxy(io::Error),
    /// The proxy refuses.
    #[error("the proxy refuses the tunnel{}", if *.0 == 0 { ", and its answer is no HTTP".to_owned() } else { format!(" with status {}", .0) })]
    ProxyAnswer(u16),
    /// The environment names a proxy that cannot be used.
    #[error("the proxy that the environment names is no HTTP proxy")]
    ProxyKind,
    /// TLS could not be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
    /// The TLS handshake failed.
    #[error("TLS handshake failed: {0}")]
    Handshake(io::Error),
    /// The host's name can be in no certificate.
    #[error("the host's name is none that a certificate can hold")]
    Name,
    /// The server answered the upgrade with another status.
    #[error("the server answers with status {}{}", .0, hint(*.0))]
    Status(u16),
    /// The upgrade failed otherwise.
    #[error("no WebSocket: {0}")]
    Upgrade(String),
}

/// What a status means there.
fn hint(status: u16) -> &'static str {
    match status {
        401 => ": it does not know the token, or its licence has no federation",
        404 => ": nothing listens at this path",
        410 => ": it is starting or stopping",
        _ => "",
    }
}

/// Connects to an endpoint within the settings' time.
pub(super) async fn dial(settings: &Settings, endpoint: &Endpoint) -> Result<(Socket, Heard), DialError> {
    let limit = settings.limits.connect;
    tokio::time::timeout(limit, connect(settings, endpoint)).await.unwrap_or(Err(DialError::TimedOut(limit)))
}

/// What is read from files and the environment before anything is sent.
struct Prepared {
    headers: Vec<(String, SecretString)>,
    way: Option<Way>,
    tls: Option<TlsConnector>,
}

fn prepare(settings: &Settings, endpoint: &Endpoint) -> Result<Prepared, DialError> {
    let mut headers = Vec::new();
    for header in &settings.headers {
        let value = secret::resolve_value(&header.value, &header.name)?;
        headers.push((header.name.clone(), format!("{}{}", header.prefix, value.expose_secret()).into()));
    }
    let way = proxy::way(&settings.proxy, endpoint)?;
    let secure = endpoint.tls || way.as_ref().is_some_and(|way| way.tls);
    let tls = secure.then(|| tls::connector(&settings.authorities)).transpose()?;
    Ok(Prepared { headers, way, tls })
}

async fn connect(settings: &Settings, endpoint: &Endpoint) -> Result<(Socket, Heard), DialError> {
    let prepared = {
        let (settings, endpoint) = (settings.clone(), endpoint.clone());
        let task = tokio::task::spawn_blocking(move || prepare(&settings, &endpoint));
        task.await.map_err(|error| DialError::Upgrade(error.to_string()))??
    };
    let request = request(endpoint, &prepared.headers)?;
    let mut stream: Box<dyn Stream> = match &prepared.way {
        None => Box::new(tcp(&endpoint.host, endpoint.port).await?),
        Some(way) => {
            let mut stream: Box<dyn Stream> = Box::new(tcp(&way.host, way.port).await.map_err(proxy_broke_off)?);
            if let Some(connector) = prepared.tls.as_ref().filter(|_| way.tls) {
                stream = Box::new(tls::over(stream, connector, &way.host).await?);
            }
            proxy::tunnel(&mut stream, way, endpoint).await?;
            stream
        }
    };
    if let Some(connector) = prepared.tls.as_ref().filter(|_| endpoint.tls) {
        stream = Box::new(tls::over(stream, connector, &endpoint.host).await?);
    }
    let heard = Heard::now();
    let stream = Listening { stream, heard: heard.clone() };
    let limits = &settings.limits;
    // The usual buffers are 128 KiB each, for a connection that mostly says nothing. Each frame is written at once.
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(limits.max_frame.saturating_mul(4).max(1024 * 1024))
        .max_frame_size(Some(limits.max_frame))
        .max_message_size(Some(limits.max_message));
    match tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok((socket, heard)),
        Err(WebSocketError::Http(response)) => Err(DialError::Status(response.status().as_u16())),
        Err(error) => Err(DialError::Upgrade(error.to_string())),
    }
}

fn proxy_broke_off(error: DialError) -> DialError {
    match error {
        DialError::Tcp(error) => DialError::Proxy(error),
        other => other,
    }
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, DialError> {
    let stream = TcpStream::connect((host, port)).await.map_err(DialError::Tcp)?;
    stream.set_nodelay(true).map_err(DialError::Tcp)?;
    setsockopt(&stream, sockopt::KeepAlive, &true).map_err(|errno| DialError::Tcp(errno.into()))?;
    Ok(stream)
}

fn request(endpoint: &Endpoint, headers: &[(String, SecretString)]) -> Result<Request, DialError> {
    // The scheme decides nothing here; tungstenite wants one of its own.
    let uri: Uri = format!("ws://{}{}", endpoint.authority, endpoint.path)
        .parse()
        .map_err(|_| DialError::Upgrade("the endpoint's URL has no form for HTTP".to_owned()))?;
    let mut request = uri.into_client_request().map_err(|error| DialError::Upgrade(error.to_string()))?;
    let map = request.headers_mut();
    for (name, value) in headers {
        let refused = || DialError::Header(name.clone());
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| refused())?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    map.insert(
        HeaderName::from_bytes(PROTOCOL.0.as_bytes()).map_err(|_| DialError::Header(PROTOCOL.0.to_owned()))?,
        HeaderValue::from_static(PROTOCOL.1),
    );
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_cannot_be_sent_is_told_by_its_name() {
        let endpoint = Endpoint::parse("http://management_api:8072").unwrap();
        for (name, value) in [("Author ization", "x"), ("Authorization", "hunter2\u{1}")] {
            let error = request(&endpoint, &[(name.to_owned(), SecretString::from(value))]).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_protocol_is_named_whatever_the_settings_say() {
        let endpoint = Endpoint::parse("http://management_api:8072/a").unwrap();
        let headers = [("x-gravitee-exchange-protocol".to_owned(), SecretString::from("legacy"))];
        let request = request(&endpoint, &headers).unwrap();
        assert_eq!(request.headers().get_all(PROTOCOL.0).iter().collect::<Vec<_>>(), ["v1"]);
        assert_eq!(request.headers()["host"], "management_api:8072");
        assert_eq!(request.uri().path(), "/a/exchange/controller");
    }
}
