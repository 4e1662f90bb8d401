//! `services.core.http`: the listener for probes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::properties::Properties;
use crate::config::NodeConfig;

const HTTP: &str = "services.core.http";

/// The port of Gravitee's agent.
const PORT: u16 = 18084;

pub(super) fn node(from: &mut Properties<'_>) -> Option<NodeConfig> {
    let enabled = from.boolean(&format!("{HTTP}.enabled")) == Some(true);
    let port = from.port(&format!("{HTTP}.port")).unwrap_or(PORT);
    let host = match from.get(&format!("{HTTP}.host")) {
        None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(host) if host.text.trim() == "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(host) => {
            let Ok(address) = host.text.trim().parse() else {
                from.wrong(&host, "must be an IP address of this machine, or 0.0.0.0 for all of them, or localhost");
                return None;
            };
            address
        }
    };
    enabled.then_some(NodeConfig { listen: SocketAddr::new(host, port) })
}
