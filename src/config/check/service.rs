//! `[registry]`, `[http]`, `[network]` and `[limits]`.

use std::time::Duration;

use crate::config::format::network::listen;
use crate::config::read::Node;
use crate::config::report::{Complaint, Report};
use crate::config::{BucketScope, HttpConfig, Limits, NetworkConfig, Place, RegistryConfig};

/// AWS's own sustained rate for the control plane of API Gateway, per account and region (its quotas page).
const AWS_REQUESTS_PER_SECOND: f64 = 10.0;

/// AWS's own burst for it.
const AWS_BURST: i64 = 40;

/// How long run details are kept where nobody says otherwise.
pub(in crate::config) const DEFAULT_KEEP_RUNS: Duration = Duration::from_hours(400 * 24);

pub(super) fn registry(file: &Node<'_>, place: &Place) -> RegistryConfig {
    let node = file.table("registry");
    let node = node.as_ref();
    RegistryConfig {
        path: node.and_then(|node| node.file("path", place)),
        keep_runs: node.and_then(|node| node.duration("keep_runs")).unwrap_or(DEFAULT_KEEP_RUNS),
    }
}

/// The listener; the outer `None` stands for one that is wrong.
#[expect(clippy::option_option, reason = "wrong and absent are different answers")]
pub(super) fn http(report: &mut Report<'_>, file: &Node<'_>, place: &Place) -> Option<Option<HttpConfig>> {
    let Some(node) = file.table("http") else { return Some(None) };
    let listen = listen(node.text("listen")?).ok()?;
    if !listen.ip().to_canonical().is_loopback() && node.lacks("token") {
        let complaint = Complaint::new(format!("{listen} can be reached from other machines, so a token is needed"));
        let hint = "write token = \"env:ABOARD_HTTP_TOKEN\", or listen on 127.0.0.1";
        report.error(&node.span("listen"), &node.path("listen"), complaint.hint(hint));
    }
    Some(Some(HttpConfig { listen, token: node.secret("token", place) }))
}

pub(super) fn network(file: &Node<'_>, place: &Place) -> NetworkConfig {
    NetworkConfig { ca_file: file.table("network").and_then(|node| node.file("ca_file", place)) }
}

pub(super) fn limits(report: &mut Report<'_>, file: &Node<'_>) -> Limits {
    let usual = Limits::default();
    let Some(node) = file.table("limits") else { return usual };
    let rate = node.number("requests_per_second");
    if rate.is_some_and(|rate| rate > AWS_REQUESTS_PER_SECOND) {
        let complaint = Complaint::new("is more than AWS's whole quota of 10 requests/s per account and region")
            .hint("your own deployments share that quota");
        report.warning(&node.span("requests_per_second"), &node.path("requests_per_second"), complaint);
    }
    let burst = node.integer("burst");
    if burst.is_some_and(|burst| burst > AWS_BURST) {
        let complaint = Complaint::new("is more than AWS's whole burst of 40 per account and region")
            .hint("your own deployments share that quota");
        report.warning(&node.span("burst"), &node.path("burst"), complaint);
    }
    let count = |key: &str| node.integer(key).and_then(|number| usize::try_from(number).ok());
    Limits {
        requests_per_second: rate.unwrap_or(usual.requests_per_second),
        burst: burst.and_then(|burst| u32::try_from(burst).ok()).unwrap_or(usual.burst),
        per: match node.text("per") {
            Some("account") => BucketScope::Account,
            _ => BucketScope::Region,
        },
        accounts_in_flight: count("accounts_in_flight").unwrap_or(usual.accounts_in_flight),
        parallel_runs: count("parallel_runs").unwrap_or(usual.parallel_runs),
    }
}
