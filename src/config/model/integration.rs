//! Integrations: servers that ask for APIs by themselves, instead of being told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::{Event, Retry, SecretRef};
use crate::config::offering::Offering;
use crate::config::pattern::Patterns;
use crate::config::template::IdentityTemplate;

/// One server that aboard is connected to for as long as it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Integration {
    /// Its name in the file.
    pub name: String,
    /// What it is.
    pub kind: IntegrationKind,
}

/// What an integration is.
#[derive(Clone, Debug, PartialEq)]
pub enum IntegrationKind {
    /// Gravitee API Management, whose federation agent aboard is.
    Gravitee(Box<GraviteeConfig>),
}

/// `[integrations.NAME.gravitee]`.
#[derive(Clone, Debug, PartialEq)]
pub struct GraviteeConfig {
    /// Where the integration controller is, tried in turn; at least one. `/exchange/controller` follows the path of each.
    pub endpoints: Vec<Url>,
    /// What the server is shown.
    pub authorization: Authorization,
    /// The integration's id, from the console.
    pub integration_id: String,
    /// Whose APIs it offers, by name; absent in the file = every connection's.
    pub connections: Vec<String>,
    /// Which stages are offered; empty = every one.
    pub stages: Patterns,
    /// Whether APIs are offered of which no stage is in a usage plan.
    pub accept_api_without_usage_plan: bool,
    /// Whether API keys are made and deleted in AWS when the server says so.
    pub subscriptions: bool,
    /// Further headers of the request that opens the connection.
    pub headers: BTreeMap<String, SecretRef>,
    /// Whom to trust beside the system's certificate authorities.
    pub authorities: Option<Authorities>,
    /// The HTTP proxy to go through; absent = what the environment says.
    pub proxy: Option<ProxyConfig>,
    /// What an API is called by, so that the server knows it again.
    pub identity: IdentityTemplate,
    /// Whether left-over API keys may be looked for with `GET /apikeys`.
    pub read_api_keys: bool,
    /// How long everything may take.
    pub limits: GraviteeLimits,
    /// The management API, which is asked to ingest what a scheduled run found; absent = only who presses Discover ingests.
    pub management: Option<ManagementConfig>,
}

/// What stands in the header `Authorization`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// A token, after the word `bearer`.
    Token(SecretRef),
    /// The header's whole value, that word included.
    Header(SecretRef),
}

/// Certificates in PEM that are trusted beside the system's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorities {
    /// A file.
    File(PathBuf),
    /// The text itself.
    Text(String),
}

/// An HTTP proxy, asked with CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyConfig {
    /// Where it is; `http` or `https`, of which only host and port count.
    pub url: Url,
    /// Who asks it, where it wants to know.
    pub login: Option<ProxyLogin>,
}

/// Who asks a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyLogin {
    /// The user.
    pub username: String,
    /// The password.
    pub password: SecretRef,
}

/// How long everything may take that has to do with one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraviteeLimits {
    /// From the first packet to the open connection.
    pub connect: Duration,
    /// From a command to its reply. Both ends of the protocol give up after 60 s.
    pub reply: Duration,
    /// Between two pings.
    pub ping: Duration,
    /// How long nothing may be heard before the connection counts as lost.
    pub silence: Duration,
    /// The wait after a first failure; each further one is 1.5 times as long.
    pub first_retry: Duration,
    /// The longest wait.
    pub longest_retry: Duration,
    /// The first wait after the server refused the integration.
    pub refused_retry: Duration,
    /// How long a connection has to last for the next failure to count as a first one.
    pub stable: Duration,
    /// Within which DISCOVER is answered, if need be in part; less than [`GraviteeLimits::reply`] of the server.
    pub discover: Duration,
    /// Within which SUBSCRIBE is answered or undone.
    pub subscribe: Duration,
    /// Between the reply to `START_INGEST` and the first INGEST: the server makes the job only after it has the reply.
    pub ingest_delay: Duration,
    /// How long commands under way may take at the end of the process.
    pub drain: Duration,
    /// How long a closing handshake may take.
    pub close: Duration,
}

impl Default for GraviteeLimits {
    /// What the protocol's own ends have, and where they have nothing, what lets a command be answered in their time.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect: seconds(20),
            reply: seconds(60),
            ping: seconds(5),
            silence: seconds(30),
            first_retry: seconds(1),
            longest_retry: seconds(300),
            refused_retry: seconds(60),
            stable: seconds(30),
            discover: seconds(50),
            subscribe: seconds(45),
            ingest_delay: Duration::from_millis(1500),
            drain: seconds(10),
            close: seconds(2),
        }
    }
}

/// `management`: where an ingest is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagementConfig {
    /// The management API, such as `https://apim.example.com/management`; paths are added.
    pub url: Url,
    /// The organization's id.
    pub organization: String,
    /// The environment's id.
    pub environment: String,
    /// What it is shown, after the word `Bearer`.
    pub token: SecretRef,
    /// Limit for one request.
    pub timeout: Duration,
    /// Which events it is asked after, or told nothing of.
    pub events: Vec<Event>,
    /// When a failed request is made again.
    pub retry: Retry,
}

/// An integration's `management` as a target: who is asked, and for what.
#[derive(Clone, Debug, PartialEq)]
pub struct IngestConfig {
    /// Where the management API is, and what it is shown.
    pub management: ManagementConfig,
    /// The integration's id.
    pub integration_id: String,
    /// What the integration offers of an API.
    pub offering: Offering,
    /// Whom to trust beside the system's certificate authorities and those of `[network]`.
    pub authorities: Option<Authorities>,
    /// The HTTP proxy to go through; absent = what the environment says.
    pub proxy: Option<ProxyConfig>,
}

/// The listener of Gravitee's own agent for probes: `/_node/health` and nothing else. No schedule file asks for it; it stands for
/// `services.core.http` of that agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// Address and port.
    pub listen: SocketAddr,
}
