//! What a connection needs to know, and every limit of it.

use std::path::PathBuf;
use std::time::Duration;

use super::backoff::Series;
use super::endpoint::Endpoint;
use crate::config::{SecretRef, Value};

/// One connection's settings. References to secrets are resolved anew for each attempt to connect.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What the log calls it.
    pub name: String,
    /// The integration's id: whom the connection is for.
    pub target_id: String,
    /// The integration's provider, such as `aws-api-gateway`; the server refuses another one than the integration was made for.
    pub provider: String,
    /// Where the server is: tried in turn, from the first again after each one that worked.
    pub endpoints: Vec<Endpoint>,
    /// Headers of the upgrade request, such as `Authorization` with `bearer …`.
    pub headers: Vec<Header>,
    /// Whom to trust beside the system's certificate authorities; [`crate::trust::ca_file`] is not looked at here.
    pub authorities: Vec<Authority>,
    /// How to get there.
    pub proxy: Proxy,
    /// How long and how much.
    pub limits: Limits,
}

/// A header of the upgrade request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Stands before the value, such as `bearer ` with its blank.
    pub prefix: String,
    /// Its value, or where that is.
    pub value: Value,
}

/// Certificates in PEM that are trusted beside the system's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// A file, read anew for each attempt.
    File(PathBuf),
    /// The text itself.
    Text(String),
}

/// How to get to the server.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Proxy {
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (or their names in lower case) say, which is what AWS is reached by.
    #[default]
    Environment,
    /// Straight, whatever the environment says.
    Direct,
    /// Through this one, asked with CONNECT.
    Http {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// Whether it is spoken to over TLS.
        tls: bool,
        /// User name and password, where it asks for them.
        credentials: Option<(String, SecretRef)>,
    },
}

/// Every limit of a connection. [`Limits::default`] is what the protocol's own ends have, or where they have none, what is said here.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// From the first packet to the upgrade: name, TCP, proxy, TLS, HTTP. 20 s.
    pub connect: Duration,
    /// From a command to its reply, the hello's included. 60 s at both ends (`…/exchange/api/command/Command`).
    pub reply: Duration,
    /// Between two pings. 5 s at both ends (`…/websocket/channel/AbstractWebSocketChannel`).
    pub ping: Duration,
    /// How long nothing may be heard, or nothing of a message be taken, before the connection counts as lost. 30 s, in which six pings
    /// of either end should have been answered. The original notices nothing.
    pub silence: Duration,
    /// The waits between attempts after failures. 1 s × 1.5, at most 300 s, as the original's, but with jitter: each attempt has the server
    /// compare the token with all that it knows, which an outage's end makes all agents ask for at once.
    pub retry: Series,
    /// The waits after a refused hello or an end that was meant (close 1000, a farewell without `reconnect`). 60 s × 1.5, at most 300 s.
    pub retry_refused: Series,
    /// How long a connection has to last for the next failure to be counted as the first one. 30 s.
    pub stable: Duration,
    /// Between the reply to `START_INGEST` and the first INGEST. 1.5 s: the server makes the job after it has the reply, and answers an
    /// INGEST of a job that it does not know yet with success, storing nothing.
    pub ingest_delay: Duration,
    /// How long commands under way may take at the end of the process. 10 s.
    pub drain: Duration,
    /// How long a closing handshake may take. 2 s.
    pub close: Duration,
    /// The most bytes of one WebSocket frame, both ways. 65,536 is what servers accept
    /// (`…/controller/websocket/server/WebSocketControllerServerConfiguration`).
    pub max_frame: usize,
    /// The most bytes of one message, both ways. 13,107,200, from the same place.
    pub max_message: usize,
    /// How many commands are worked on side by side. 32.
    pub commands_in_flight: usize,
    /// How many more may wait; the server is told of further ones that it is too much. 256.
    pub commands_waiting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            reply: Duration::from_mins(1),
            ping: Duration::from_secs(5),
            silence: Duration::from_secs(30),
            retry: Series { first: Duration::from_secs(1), factor: 1.5, max: Duration::from_mins(5), jitter: 0.15 },
            retry_refused: Series {
                first: Duration::from_mins(1),
                factor: 1.5,
                max: Duration::from_mins(5),
                jitter: 0.15,
            },
            stable: Duration::from_secs(30),
            ingest_delay: Duration::from_millis(1500),
            drain: Duration::from_secs(10),
            close: Duration::from_secs(2),
            max_frame: 65_536,
            max_message: 13_107_200,
            commands_in_flight: 32,
            commands_waiting: 256,
        }
    }
}
