//! Every key of Gravitee's agent that means something here or that people are known to set, `#` for an index.
//!
//! From the agent's documentation and the classes that read its connection (`…/websocket/client/WebSocketClientConfiguration`).

use crate::config::suggest;

/// As they stand in a `gravitee.yml`.
const KEYS: [&str; 50] = [
    "cloud.token",
    "conf",
    "home",
    "integration.connector.ws.autoReconnect",
    "integration.connector.ws.endpoints[#]",
    "integration.connector.ws.headers[#].name",
    "integration.connector.ws.headers[#].value",
    "integration.connector.ws.keepAlive",
    "integration.connector.ws.maxWebSocketFrameSize",
    "integration.connector.ws.maxWebSocketMessageSize",
    "integration.connector.ws.proxy.enabled",
    "integration.connector.ws.proxy.host",
    "integration.connector.ws.proxy.password",
    "integration.connector.ws.proxy.port",
    "integration.connector.ws.proxy.type",
    "integration.connector.ws.proxy.useSystemProxy",
    "integration.connector.ws.proxy.username",
    "integration.connector.ws.ssl.keystore.password",
    "integration.connector.ws.ssl.keystore.path",
    "integration.connector.ws.ssl.keystore.type",
    "integration.connector.ws.ssl.trustAll",
    "integration.connector.ws.ssl.truststore.alias",
    "integration.connector.ws.ssl.truststore.content",
    "integration.connector.ws.ssl.truststore.password",
    "integration.connector.ws.ssl.truststore.path",
    "integration.connector.ws.ssl.truststore.type",
    "integration.connector.ws.ssl.verifyHost",
    "integration.providers[#].configuration.accessKeyId",
    "integration.providers[#].configuration.acceptApiWithoutUsagePlan",
    "integration.providers[#].configuration.identity",
    "integration.providers[#].configuration.region",
    "integration.providers[#].configuration.roleArn",
    "integration.providers[#].configuration.secretAccessKey",
    "integration.providers[#].configuration.sessionToken",
    "integration.providers[#].configuration.subscriptions",
    "integration.providers[#].configuration.#.stage",
    "integration.providers[#].integrationId",
    "integration.providers[#].type",
    "log.level",
    "services.core.http.authentication.type",
    "services.core.http.enabled",
    "services.core.http.host",
    "services.core.http.port",
    "services.metrics.enabled",
    "services.metrics.prometheus.enabled",
    "system.proxy.host",
    "system.proxy.password",
    "system.proxy.port",
    "system.proxy.type",
    "system.proxy.username",
];

/// Beginnings of keys that need no setting here, and why.
const NEEDLESS: [(&str, &str); 9] = [
    ("integration.connector.ws.maxWebSocket", "messages are kept within what servers accept anyway"),
    ("integration.connector.ws.autoReconnect", "aboard always connects again"),
    ("integration.connector.ws.keepAlive", "a connection that is dead is noticed by its silence"),
    ("integration.connector.ws.ssl.truststore.alias", "every certificate of the file is trusted"),
    ("integration.connector.ws.ssl.truststore.password", "certificates in PEM have none"),
    ("services.core.http.authentication", "/_node/health tells nothing secret and asks for no password"),
    ("services.metrics", "metrics are a part of [http] in a schedule file"),
    ("log", "say more with -v or ABOARD_LOG"),
    ("system.proxy", "useSystemProxy is not on"),
];

/// What is to be said of a key that was not read, `name` as it was written. `spelt` gives a known key the form that this one has.
pub(super) fn unread(key: &str, name: &str, spelt: impl Fn(&str) -> String) -> Option<String> {
    let canonical = canonical(key);
    if ["conf", "home"].iter().any(|read| canonical.eq_ignore_ascii_case(read)) {
        return None;
    }
    let needless = NEEDLESS.iter().find(|(beginning, _)| begins(&canonical, &self::canonical(beginning)));
    if let Some((_, why)) = needless {
        return Some(format!("is not used: {why}"));
    }
    let (shape, numbers) = shape(&canonical);
    let shapes: Vec<String> = KEYS.iter().map(|known| self::canonical(known)).collect();
    let nearest = suggest::nearest(&shape, shapes.iter().map(String::as_str));
    let nearest = nearest.and_then(|near| KEYS.iter().zip(&shapes).find(|(_, shape)| *shape == near));
    let Some((nearest, _)) = nearest else { return Some("is not known here and was not read".to_owned()) };
    let mut numbers = numbers.into_iter();
    let mut right = String::new();
    for letter in nearest.chars() {
        match letter {
            '#' => right.push_str(numbers.next().unwrap_or("0")),
            letter => right.push(letter),
        }
    }
    let right = spelt(&right);
    Some(if right == name {
        "was not read: reading a list ends at its first index that is missing or blank".to_owned()
    } else {
        format!("is not known here and was not read; did you mean {right}?")
    })
}

fn begins(key: &str, beginning: &str) -> bool {
    key.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
}

/// With `_` wherever parts meet.
fn canonical(key: &str) -> String {
    key.replace(['.', '['], "_").replace([']', '-'], "")
}

/// With `#` for each index, and the indices.
fn shape(canonical: &str) -> (String, Vec<&str>) {
    let is_index = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = canonical.split('_').filter(|part| is_index(part)).collect();
    let shape: Vec<&str> = canonical.split('_').map(|part| if is_index(part) { "#" } else { part }).collect();
    (shape.join("_"), numbers)
}
