//! The way to the server: certificates of one's own, and proxies.

use std::process::Command;

use aboard::environment;
use aboard::gravitee::channel::{Authority, Endpoint, Proxy as Way, Settings, State};
use serde_json::json;

use super::agent::{Agent, Dummy, settings};
use super::controller::{Controller, Rules};
use crate::support::{Proxy, Tls};

/// The name is in the certificate, and no name server knows it: only a proxy leads there.
const BY_NAME: &str = "wss://aws.invalid/integration-controller";

fn through(proxy: &Proxy, endpoint: &str) -> Settings {
    let (_, port) = proxy.url().rsplit_once(':').map(|(host, port)| (host.to_owned(), port.parse().unwrap())).unwrap();
    let mut settings = settings(&[endpoint.to_owned()]);
    settings.proxy = Way::Http { host: "127.0.0.1".to_owned(), port, tls: false, credentials: None };
    settings
}

#[test]
fn a_certificate_of_ones_own_is_trusted_where_the_settings_name_it() {
    let controller = Controller::start(Rules::default());
    let (tls, stranger) = (Tls::before_port(controller.port()), Tls::before_port(controller.port()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let endpoint = format!("{}/integration-controller", tls.url());
    for authority in [Authority::Text(tls.ca()), Authority::File(file.clone())] {
        std::fs::write(&file, tls.ca()).unwrap();
        let mut settings = settings(std::slice::from_ref(&endpoint));
        settings.authorities = vec![authority];
        let agent = Agent::start(settings, Dummy::default());
        assert_eq!(agent.wait_connected().endpoint.as_ref(), Some(&endpoint));
    }
    let mut settings = settings(&[endpoint]);
    settings.authorities = vec![Authority::File(file.clone())];
    std::fs::write(&file, stranger.ca()).unwrap();
    let agent = Agent::start(settings, Dummy::default());
    agent.wait("refused", |status| status.last_error.as_ref().is_some_and(|error| error.contains("certificate")));
    std::fs::write(&file, "no certificate").unwrap();
    agent.wait("unusable", |status| status.last_error.as_ref().is_some_and(|error| error.contains("is not usable")));
    // Read anew for each attempt.
    std::fs::write(&file, tls.ca()).unwrap();
    agent.wait_connected();
}

#[test]
fn the_settings_proxy_is_asked_for_a_tunnel_whatever_the_scheme() {
    let controller = Controller::start(Rules::default());
    let tls = Tls::before_port(controller.port());
    let secure = Proxy::to(tls.port());
    let mut settings = through(&secure, BY_NAME);
    settings.authorities = vec![Authority::Text(tls.ca())];
    let agent = Agent::start(settings, Dummy::default());
    assert_eq!(agent.wait_connected().endpoint.as_deref(), Some("https://aws.invalid/integration-controller"));
    assert_eq!(secure.asked(), ["CONNECT aws.invalid:443 HTTP/1.1"]);
    drop(agent);
    let plain = Proxy::to(controller.port());
    let _agent = Agent::start(through(&plain, "http://management_api:8072/"), Dummy::default());
    controller.wait_for_agent(2);
    assert_eq!(plain.asked(), ["CONNECT management_api:8072 HTTP/1.1"]);
    controller.ask("DISCOVER", json!({}));
}

#[test]
fn a_proxy_that_is_not_there_is_named_as_a_cause() {
    let (_, port) =
        Proxy::dead().rsplit_once(':').map(|(host, port)| (host.to_owned(), port.parse().unwrap())).unwrap();
    let mut settings = settings(&["http://management_api:8072".to_owned()]);
    settings.proxy = Way::Http { host: "127.0.0.1".to_owned(), port, tls: false, credentials: None };
    let agent = Agent::start(settings, Dummy::default());
    let status = agent.wait("told", |status| status.state == State::Waiting);
    assert!(status.last_error.as_ref().unwrap().starts_with("the proxy broke off"), "{status:?}");
}

#[test]
fn the_environments_proxy_is_asked_but_for_hosts_that_it_leaves_out() {
    let controller = Controller::start(Rules::default());
    let run = |endpoint: &str, variables: &[(&str, &str)]| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "gravitee::network::connects_by_its_environment", "--ignored"]);
        for name in
            ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"]
        {
            command.env_remove(name);
        }
        command.env("ABOARD_TEST_ENDPOINT", endpoint).envs(variables.iter().copied());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    };
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let proxy = Proxy::to(controller.port());
        run("http://management_api:8072", &[(variable, &proxy.url())]);
        assert_eq!(proxy.asked(), ["CONNECT management_api:8072 HTTP/1.1"], "{variable}");
    }
    let proxy = Proxy::to(controller.port());
    run(&controller.endpoint(), &[("HTTP_PROXY", &proxy.url()), ("NO_PROXY", "127.0.0.1")]);
    assert!(proxy.asked().is_empty());
}

#[test]
#[ignore = "run by another test, in an environment of its own"]
fn connects_by_its_environment() {
    let endpoint = environment::text("ABOARD_TEST_ENDPOINT").unwrap().unwrap();
    assert!(Endpoint::parse(&endpoint).is_ok());
    let mut settings = settings(&[endpoint]);
    settings.proxy = Way::Environment;
    Agent::start(settings, Dummy::default()).wait_connected();
}
