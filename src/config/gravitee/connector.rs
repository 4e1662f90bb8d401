//! `integration.connector.ws`: where the server is, and how to get there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::properties::{Properties, Property};
use crate::config::check::own_header;
use crate::config::format::network::{endpoint_url, header_name, is_open, service_url};
use crate::config::{Authorities, Authorization, ProxyConfig, ProxyLogin, SecretRef};

const WS: &str = "integration.connector.ws";

/// The port of Gravitee's agent for a proxy that has none.
const PROXY_PORT: u16 = 3128;

/// Why nothing here makes any server do.
const TRUST: &str = "aboard always checks whom it is connected to; give the server's certificate authority as \
                     ssl.truststore of the type PEM";

/// What every integration of the process shares.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) endpoints: Vec<Url>,
    pub(super) authorization: Option<Authorization>,
    pub(super) headers: BTreeMap<String, SecretRef>,
    pub(super) authorities: Option<Authorities>,
    pub(super) proxy: Option<ProxyConfig>,
}

pub(super) fn connector(from: &mut Properties<'_>) -> Connector {
    if let Some(token) = from.get("cloud.token") {
        from.wrong(
            &token,
            "Gravitee Cloud's token is not understood: where the server is stands in it, in a form that Gravitee has not \
             published; give the endpoint and the header Authorization instead",
        );
    }
    let endpoints = endpoints(from);
    let (authorization, headers) = headers(from);
    let authorities = authorities(from);
    Connector { endpoints, authorization, headers, authorities, proxy: proxy(from) }
}

fn endpoints(from: &mut Properties<'_>) -> Vec<Url> {
    let mut found = Vec::new();
    let mut named = false;
    for index in 0.. {
        let key = format!("{WS}.endpoints[{index}]");
        if !from.has(&key) {
            break;
        }
        // A blank one is skipped.
        let Some(endpoint) = from.get(&key) else { continue };
        named = true;
        match endpoint_url(endpoint.text.trim()) {
            Ok(url) => {
                if is_open(&url) {
                    from.notes.push(format!("{}: the token goes over the network unencrypted", endpoint.place()));
                }
                found.push(url);
            }
            Err(complaint) => from.wrong(&endpoint, &complaint.message),
        }
    }
    if !named {
        from.missing(&format!("{WS}.endpoints[0]"));
    }
    found
}

fn headers(from: &mut Properties<'_>) -> (Option<Authorization>, BTreeMap<String, SecretRef>) {
    let mut authorization = None;
    let mut headers = BTreeMap::new();
    for index in 0.. {
        let Some(name) = from.get(&format!("{WS}.headers[{index}].name")) else { break };
        let key = format!("{WS}.headers[{index}].value");
        let Some(value) = from.get(&key) else {
            from.missing(&key);
            continue;
        };
        let header = name.text.trim();
        if header.eq_ignore_ascii_case("authorization") {
            if let Err(what) = token_of(&value) {
                from.wrong(&value, what);
            }
            if authorization.replace(Authorization::Header(value.at)).is_some() {
                from.wrong(&name, "the header Authorization is there twice");
            }
        } else if let Some(own) = own_header(header) {
            from.wrong(&name, &format!("the header {own} is set by the connection itself"));
        } else if let Err(complaint) = header_name(header) {
            from.wrong(&name, &complaint.message);
        } else if headers.insert(header.to_owned(), value.at).is_some() {
            from.wrong(&name, &format!("the header {header} is there twice"));
        }
    }
    if authorization.is_none() {
        from.problems.push(format!(
            "no header Authorization is given, without which the server answers 401; set gravitee_{0}_name=Authorization and \
             gravitee_{0}_value=\"bearer TOKEN\"",
            format!("{WS}.headers.0").replace('.', "_")
        ));
    }
    (authorization, headers)
}

/// The server cuts off six characters, whatever they are, and takes the rest for the token.
fn token_of(value: &Property) -> Result<(), &'static str> {
    let text = value.text.trim();
    if !text.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("bearer")) {
        return Err("must be the word bearer, a blank, and the token");
    }
    if text.get(6..).is_none_or(|token| token.trim().is_empty()) {
        return Err("holds no token after the word bearer");
    }
    if text.contains(char::is_control) {
        return Err("holds a line end or another control character; it must be one line of text");
    }
    Ok(())
}

fn authorities(from: &mut Properties<'_>) -> Option<Authorities> {
    let ssl = |key: &str| format!("{WS}.ssl.{key}");
    for (key, refused) in [("trustAll", true), ("verifyHost", false)] {
        if from.boolean(&ssl(key)) == Some(refused)
            && let Some(found) = from.get(&ssl(key))
        {
            from.wrong(&found, TRUST);
        }
    }
    if let Some(kind) = from.get(&ssl("keystore.type"))
        && !kind.text.trim().eq_ignore_ascii_case("none")
    {
        from.wrong(&kind, "a certificate of the client's own is not supported");
    }
    let kind = from.get(&ssl("truststore.type"));
    let (path, content) = (from.get(&ssl("truststore.path")), from.get(&ssl("truststore.content")));
    let kind_word = kind.as_ref().map(|kind| kind.text.trim().to_ascii_uppercase());
    match (kind_word.as_deref(), kind, path, content) {
        (None | Some("NONE"), ..) => None,
        (Some("PEM"), _, Some(path), _) => Some(Authorities::File(PathBuf::from(path.text.trim()))),
        (Some("PEM"), _, None, Some(content)) => {
            let letters: String = content.text.split_whitespace().collect();
            let text = STANDARD.decode(letters).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            if text.is_none() {
                from.wrong(&content, "is not the text of certificates in PEM, in base64");
            }
            text.map(Authorities::Text)
        }
        (Some("PEM"), ..) => {
            from.missing(&ssl("truststore.path"));
            None
        }
        (Some(_), Some(kind), ..) => {
            from.wrong(
                &kind,
                "only PEM is read; `keytool -exportcert -rfc` or `openssl pkcs12 -nokeys` make it of a store",
            );
            None
        }
        (Some(_), None, ..) => None,
    }
}

fn proxy(from: &mut Properties<'_>) -> Option<ProxyConfig> {
    let ws = format!("{WS}.proxy");
    if from.boolean(&format!("{ws}.enabled")) != Some(true) {
        return None;
    }
    let of_system = from.boolean(&format!("{ws}.useSystemProxy")) == Some(true);
    let table = if of_system { "system.proxy" } else { ws.as_str() };
    if let Some(kind) = from.get(&format!("{table}.type"))
        && !kind.text.trim().eq_ignore_ascii_case("http")
    {
        from.wrong(&kind, "only an HTTP proxy is supported, asked with CONNECT");
    }
    let key = format!("{table}.host");
    let Some(host) = from.get(&key) else {
        from.missing(&key);
        return None;
    };
    let port = from.port(&format!("{table}.port")).unwrap_or(PROXY_PORT);
    let Ok(url) = service_url(&format!("http://{}:{port}", host.text.trim())) else {
        from.wrong(&host, "is not the name of a host");
        return None;
    };
    let login = match (from.get(&format!("{table}.username")), from.get(&format!("{table}.password"))) {
        (Some(username), Some(password)) => Some(ProxyLogin { username: username.text, password: password.at }),
        (None, None) => None,
        (Some(_), None) => {
            from.missing(&format!("{table}.password"));
            None
        }
        (None, Some(_)) => {
            from.missing(&format!("{table}.username"));
            None
        }
    };
    Some(ProxyConfig { url, login })
}
