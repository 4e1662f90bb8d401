//! The way to a webhook: certificates of one's own, and proxies from the environment, through `aboard targets test`.

use std::process::Command;

use crate::support::receiver::{Does, Receiver};
use crate::support::{Home, Proxy, Said, Tls};

fn receiver() -> Receiver {
    Receiver::that(|_, _| Does::answers("204 x"))
}

fn home(url: &str, network: &str) -> Home {
    let text = format!(
        "{network}\n[targets.catalog.webhook]\nurl = \"{url}\"\n[connections.own]\nregions = [\"eu-west-1\"]\ncredentials.default_chain = {{}}\n"
    );
    Home::new("http://127.0.0.1:9", &text)
}

/// Exit code and sentence of `targets test` whose command `change` has changed.
fn tried(home: &Home, change: impl FnOnce(&mut Command) -> &mut Command) -> (Option<i32>, String) {
    let mut command = home.command(&["targets", "test", "catalog"]);
    let said = Said::of(change(&mut command).output().unwrap());
    (said.code, said.stdout + &said.stderr)
}

fn works((code, said): (Option<i32>, String)) {
    assert!(code == Some(0) && said.contains("answered 204"), "{code:?} {said}");
}

#[test]
fn a_receiver_with_a_certificate_of_ones_own_is_trusted_where_the_file_or_the_environment_names_its_authority() {
    let receiver = receiver();
    let (tls, stranger) = (Tls::before_port(receiver.port()), Tls::before_port(receiver.port()));
    let url = format!("{}/hooks/hunter2", tls.url());
    let with = |network: &str| {
        let home = home(&url, network);
        home.write("ca.pem", &tls.ca());
        home.write("other.pem", &stranger.ca());
        home
    };
    let named = with("[network]\nca_file = \"ca.pem\"");
    works(tried(&named, |command| command));
    let unnamed = with("");
    works(tried(&unnamed, |command| command.env("AWS_CA_BUNDLE", "ca.pem")));
    let taken = receiver.asked().len();
    for home in [&unnamed, &with("[network]\nca_file = \"other.pem\"")] {
        let (code, said) = tried(home, |command| command);
        assert!(code == Some(1) && said.contains("certificate") && said.contains("ca_file in [network]"), "{said}");
        assert!(said.contains(&tls.url()) && !said.contains("hunter2"), "{said}");
    }
    assert_eq!(receiver.asked().len(), taken);

    named.write("ca.pem", "no certificate");
    let (code, said) = tried(&named, |command| command);
    assert!(code == Some(1) && said.contains("ca.pem is not usable"), "{said}");
}

#[test]
fn webhooks_go_through_the_proxies_that_the_environment_names() {
    let receiver = receiver();
    let tls = Tls::before_port(receiver.port());
    // No name server knows this name: only the proxy leads there.
    let secure = home("https://aws.invalid/hooks", "[network]\nca_file = \"ca.pem\"");
    secure.write("ca.pem", &tls.ca());
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let proxy = Proxy::to(tls.port());
        works(tried(&secure, |command| command.env(variable, proxy.url())));
        assert_eq!(proxy.asked(), ["CONNECT aws.invalid:443 HTTP/1.1"], "{variable}");
    }
    let plain = home("http://aws.invalid/hooks", "");
    let proxy = Proxy::to(receiver.port());
    works(tried(&plain, |command| command.env("HTTP_PROXY", proxy.url())));
    assert_eq!(proxy.asked(), ["POST http://aws.invalid/hooks HTTP/1.1"]);
}

#[test]
fn no_proxy_keeps_a_receiver_from_the_proxy_and_a_dead_proxy_is_a_cause() {
    let receiver = receiver();
    let home = home(&receiver.url(), "");
    let dead = Proxy::dead();
    works(tried(&home, |command| command.env("HTTP_PROXY", &dead).env("NO_PROXY", "localhost,127.0.0.1")));
    let (code, said) = tried(&home, |command| command.env("HTTP_PROXY", &dead));
    assert!(code == Some(1) && said.contains("cannot be reached") && said.contains("Connection refused"), "{said}");
    assert!(said.contains("a proxy is set by HTTP_PROXY"), "{said}");
}
