//! Who may ask for what: everybody for health and metrics, everybody on this machine for reading, the token's holder for all.
//!
//! A page in somebody's browser can send requests to a loopback address under a name of its own (DNS rebinding), so whoever shows no
//! token there must address us as this machine is addressed. Writes always take the token, which no page can know.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::answer::Problem;
use super::routes::{Kind, Site};

/// What needs no token wherever it is asked from.
pub(super) const OPEN: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Who changed something, for the audit trail.
pub(super) const ACTOR: &str = "http token";

/// Lets a request pass, or refuses it.
pub(super) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    match judge(&site, &head).await {
        Ok(()) => next.run(Request::from_parts(head, body)).await,
        Err(problem) => problem.into_response(),
    }
}

async fn judge(site: &Site, head: &Parts) -> Result<(), Problem> {
    let open = OPEN.contains(&head.uri.path());
    let write = !matches!(head.method, Method::GET | Method::HEAD);
    let presented = presented(&head.headers);
    let loopback = site.listen.ip().to_canonical().is_loopback();
    let foreign = loopback && !addressed_locally(head);
    // A scraper with an old token may still scrape, and one that comes through a proxy, with a name that is not ours, by the right one.
    let verdict = match presented {
        Presented::Nothing => Verdict::Nothing,
        _ if open && !foreign => Verdict::Nothing,
        Presented::Garbled if open => Verdict::Nothing,
        Presented::Token(token) if open => match verify(site, token).await {
            Ok(Verdict::Right) => Verdict::Right,
            _ => Verdict::Nothing,
        },
        Presented::Garbled => Verdict::Wrong,
        Presented::Token(token) => verify(site, token).await?,
    };
    match verdict {
        Verdict::Right => return Ok(()),
        Verdict::Wrong => return Err(Problem::new("unauthorized", "the token is not the right one").hint(SEND)),
        Verdict::Nothing | Verdict::NoneConfigured => {}
    }
    if foreign {
        return Err(Problem::new("misdirected", "this address is not for that host name")
            .hint("ask by IP address or as localhost, or show the token"));
    }
    if open || (loopback && !write) {
        return Ok(());
    }
    if verdict == Verdict::NoneConfigured || site.backend.token().is_none() {
        let message = if write {
            "changes need a token, and none is configured"
        } else {
            "a token is needed, and none is configured"
        };
        return Err(Problem::new("forbidden", message)
            .hint("set [http].token in the schedule file, such as \"env:ABOARD_HTTP_TOKEN\""));
    }
    Err(Problem::new("unauthorized", "this needs the token").hint(SEND))
}

const SEND: &str = "send the header Authorization: Bearer TOKEN with the token that [http].token refers to";

#[derive(Debug)]
enum Presented<'a> {
    Nothing,
    /// There is such a header, but not one of ours.
    Garbled,
    Token(&'a [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Nothing,
    NoneConfigured,
    Wrong,
    Right,
}

fn presented(headers: &HeaderMap) -> Presented<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Presented::Nothing,
        (Some(value), None) => value.as_bytes(),
        (Some(_), Some(_)) => return Presented::Garbled,
    };
    match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => Presented::Token(token.trim_ascii()),
        _ => Presented::Garbled,
    }
}

async fn verify(site: &Site, token: &[u8]) -> Result<Verdict, Problem> {
    let Some(reference) = site.backend.token() else { return Ok(Verdict::NoneConfigured) };
    let secret = site.block(Kind::Token, move || crate::secret::resolve(&reference)).await?;
    let secret = secret.map_err(|error| {
        // The sentence names a path or a variable, which is for the log and not for whoever asks.
        tracing::error!("the token of [http] cannot be read: {error}");
        Problem::new("token_unreadable", "the token cannot be read at the moment").hint("the worker's log says why")
    })?;
    // Hashes are of one length, so that the time taken tells nothing about the token's.
    let same = Sha256::digest(token).ct_eq(&Sha256::digest(secret.expose_secret()));
    Ok(if bool::from(same) { Verdict::Right } else { Verdict::Wrong })
}

/// Whether every name that the request gives us is an IP address or `localhost`; a client that names none is no browser.
fn addressed_locally(head: &Parts) -> bool {
    let headers = head.headers.get_all(header::HOST).iter();
    let named = headers.map(|value| value.to_str().ok().and_then(|text| Authority::from_str(text).ok()));
    named
        .chain(head.uri.authority().cloned().map(Some))
        .all(|name| name.is_some_and(|name| !name.as_str().contains('@') && is_local(name.host())))
}

fn is_local(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let name = host.strip_suffix('.').unwrap_or(host);
    bare.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str, hosts: &[&str]) -> Parts {
        let request = hosts.iter().fold(Request::builder().uri(uri), |request, host| request.header("Host", *host));
        request.body(axum::body::Body::empty()).unwrap().into_parts().0
    }

    #[test]
    fn a_request_under_a_foreign_name_is_not_local() {
        for host in ["127.0.0.1:9847", "localhost", "LOCALHOST:9847", "[::1]:9847", "10.0.0.7", "localhost."] {
            assert!(addressed_locally(&head("/", &[host])), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example:9847", "127.0.0.1.evil.example", "", "a b", "user@localhost"]
        {
            assert!(!addressed_locally(&head("/", &[host])), "{host}");
        }
        assert!(!addressed_locally(&head("http://evil.example/", &["localhost"])));
        assert!(!addressed_locally(&head("/", &["localhost", "evil.example"])));
        assert!(addressed_locally(&head("/", &[])), "HTTP/1.0 may name none");
    }

    #[test]
    fn only_one_bearer_header_counts() {
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            headers
        };
        assert!(matches!(presented(&with(&[])), Presented::Nothing));
        assert!(matches!(presented(&with(&["bEaReR  abc "])), Presented::Token(b"abc")));
        for bad in [&["Basic abc"][..], &["Bearer"], &["abc"], &["Bearer abc", "Bearer abc"]] {
            assert!(matches!(presented(&with(bad)), Presented::Garbled), "{bad:?}");
        }
    }
}
