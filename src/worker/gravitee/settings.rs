//! From what the file says of an integration to what its connection needs to know.

use crate::config::{self, Authorities, Authorization, GraviteeConfig, NetworkConfig, ProxyConfig, Value};
use crate::gravitee::channel::{Authority, Endpoint, EndpointError, Header, Limits, Proxy, Series, Settings};
use crate::trust;

use super::names::PROVIDER;

/// The connection's settings.
///
/// # Errors
/// An endpoint is none; the file's check lets none such through.
pub(super) fn settings(
    name: &str,
    gravitee: &GraviteeConfig,
    network: &NetworkConfig,
) -> Result<Settings, EndpointError> {
    let endpoints: Result<Vec<Endpoint>, EndpointError> =
        gravitee.endpoints.iter().map(|endpoint| Endpoint::parse(endpoint.as_str())).collect();
    let authorization = match &gravitee.authorization {
        Authorization::Token(token) => ("bearer ", token),
        Authorization::Header(whole) => ("", whole),
    };
    let header = |name: &str, prefix: &str, value: &config::SecretRef| Header {
        name: name.to_owned(),
        prefix: prefix.to_owned(),
        value: Value::Ref(value.clone()),
    };
    let own = header("Authorization", authorization.0, authorization.1);
    let others = gravitee.headers.iter().map(|(name, value)| header(name, "", value));
    let own_authorities = gravitee.authorities.as_ref().map(|authorities| match authorities {
        Authorities::File(path) => Authority::File(path.clone()),
        Authorities::Text(text) => Authority::Text(text.clone()),
    });
    Ok(Settings {
        name: name.to_owned(),
        target_id: gravitee.integration_id.clone(),
        provider: PROVIDER.to_owned(),
        endpoints: endpoints?,
        headers: std::iter::once(own).chain(others).collect(),
        authorities: trust::ca_file(network).map(Authority::File).into_iter().chain(own_authorities).collect(),
        proxy: gravitee.proxy.as_ref().map_or(Proxy::Environment, proxy),
        limits: limits(&gravitee.limits),
    })
}

fn proxy(proxy: &ProxyConfig) -> Proxy {
    let url = &proxy.url;
    let tls = url.scheme() == "https";
    Proxy::Http {
        // An IPv6 address stands in brackets in a URL and without them elsewhere.
        host: url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
        port: url.port_or_known_default().unwrap_or(if tls { 443 } else { 80 }),
        tls,
        credentials: proxy.login.as_ref().map(|login| (login.username.clone(), login.password.clone())),
    }
}

/// What the file does not name is as the protocol's own ends have it.
fn limits(limits: &config::GraviteeLimits) -> Limits {
    let usual = Limits::default();
    let series = |first, usual: Series| Series { first, max: limits.longest_retry, ..usual };
    Limits {
        connect: limits.connect,
        reply: limits.reply,
        ping: limits.ping,
        silence: limits.silence,
        retry: series(limits.first_retry, usual.retry),
        retry_refused: series(limits.refused_retry, usual.retry_refused),
        stable: limits.stable,
        ingest_delay: limits.ingest_delay,
        drain: limits.drain,
        close: limits.close,
        ..usual
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{GraviteeLimits, SecretRef};

    fn env(name: &str) -> SecretRef {
        SecretRef::Env(name.to_owned())
    }

    fn gravitee(text: &str) -> GraviteeConfig {
        let file = format!(
            "[connections.shop]\nregions = [\"eu-west-1\"]\n[connections.shop.credentials.default_chain]\n\
             [integrations.apim.gravitee]\nendpoints = [\"https://apim.example.com/ic\", \"http://two:8072\"]\n\
             token = \"env:TOKEN\"\nintegration_id = \"i-1\"\n{text}"
        );
        let loaded = config::parse(&file, &config::Place::new(std::path::Path::new("/f/schedules.toml"))).unwrap();
        let config::IntegrationKind::Gravitee(gravitee) = &loaded.config.integrations["apim"].kind;
        gravitee.as_ref().clone()
    }

    #[test]
    fn every_key_of_the_file_reaches_the_connection() {
        let gravitee = gravitee(
            "ca_file = \"/ca.pem\"\nproxy = { url = \"https://[::1]:3128\", username = \"me\", password = \"env:PASSWORD\" }\n\
             headers = { X-Tenant = \"env:TENANT\" }\nlimits = { connect = \"1s\", first_retry = \"2s\", longest_retry = \"12s\", \
             refused_retry = \"9s\", silence = \"6s\", drain = \"5s\" }\n",
        );
        let network = NetworkConfig { ca_file: Some("/corp.pem".into()) };
        let settings = settings("apim", &gravitee, &network).unwrap();
        assert_eq!((settings.name.as_str(), settings.target_id.as_str()), ("apim", "i-1"));
        assert_eq!(settings.provider, "aws-api-gateway");
        let endpoints: Vec<String> = settings.endpoints.iter().map(ToString::to_string).collect();
        assert_eq!(endpoints, ["https://apim.example.com/ic", "http://two:8072"]);
        let header = |name: &str, prefix: &str, value| Header {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            value: Value::Ref(env(value)),
        };
        assert_eq!(settings.headers, [header("Authorization", "bearer ", "TOKEN"), header("X-Tenant", "", "TENANT")]);
        assert_eq!(settings.authorities, [Authority::File("/corp.pem".into()), Authority::File("/ca.pem".into())]);
        let through = Proxy::Http {
            host: "::1".to_owned(),
            port: 3128,
            tls: true,
            credentials: Some(("me".to_owned(), env("PASSWORD"))),
        };
        assert_eq!(settings.proxy, through);
        let limits = &settings.limits;
        let seconds = Duration::from_secs;
        assert_eq!((limits.connect, limits.silence, limits.drain), (seconds(1), seconds(6), seconds(5)));
        assert_eq!((limits.retry.first, limits.retry.max), (seconds(2), seconds(12)));
        assert_eq!((limits.retry_refused.first, limits.retry_refused.max), (seconds(9), seconds(12)));
    }

    #[test]
    fn what_the_file_does_not_say_is_as_the_protocols_ends_have_it() {
        let settings = settings("apim", &gravitee(""), &NetworkConfig { ca_file: Some("/c".into()) }).unwrap();
        assert_eq!((settings.proxy, settings.limits), (Proxy::Environment, Limits::default()));
        assert_eq!(limits(&GraviteeLimits::default()), Limits::default());
    }

    #[test]
    fn a_header_that_is_given_whole_gets_no_word_before_it() {
        let mut gravitee = gravitee("");
        gravitee.authorization = Authorization::Header(env("WHOLE"));
        let settings = settings("apim", &gravitee, &NetworkConfig::default()).unwrap();
        assert_eq!((settings.headers[0].prefix.as_str(), &settings.headers[0].value), ("", &Value::Ref(env("WHOLE"))));
    }
}
