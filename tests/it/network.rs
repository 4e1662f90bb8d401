//! The way to AWS: certificates of one's own, and proxies from the environment, in front of moto.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Home, Proxy, Server, Tls, schedules};

/// A key of an account that has one API.
fn key(account_id: &str) -> Value {
    Server::moto().python(&format!(
        r#"
account = entered("{account_id}")
rest(account, "orders")
answer(user(account, "aboard"))
"#
    ))
}

/// A home whose AWS is at an address; `network` is the `[network]` table.
fn home(endpoint: &str, key: &Value, network: &str) -> Home {
    let user = format!("aws_user]\naccess_key_id = {}\nsecret_access_key = \"file:secret\"\n", key["id"]);
    let home = Home::new(endpoint, &format!("{network}\n{}", schedules("own", &["eu-west-1"], &user)));
    home.write("secret", key["secret"].as_str().unwrap());
    home
}

const DISCOVER: [&str; 4] = ["-o", "json", "discover", "own"];

/// Exit code and report of a `discover` whose command `change` has changed.
fn discover(home: &Home, change: impl FnOnce(&mut Command) -> &mut Command) -> (Option<i32>, Value) {
    let mut command = home.command(&DISCOVER);
    let said = crate::support::Said::of(change(&mut command).output().unwrap());
    (said.code, said.json())
}

fn sees_orders((code, report): (Option<i32>, Value)) {
    assert_eq!((code, &report["apis"][0]["name"]), (Some(0), &json!("orders")), "{report}");
}

#[test]
fn a_certificate_of_ones_own_is_trusted_where_the_file_or_the_environment_names_it() {
    let (tls, stranger) = (Tls::before(Server::moto()), Tls::before(Server::moto()));
    let key = key("300000000021");
    let home_with = |network: &str| {
        let home = home(&tls.url(), &key, network);
        home.write("ca.pem", &tls.ca());
        home.write("other.pem", &stranger.ca());
        home
    };
    let named = home_with("[network]\nca_file = \"ca.pem\"\n");
    sees_orders(discover(&named, |command| command));
    let unnamed = home_with("");
    sees_orders(discover(&unnamed, |command| command.env("AWS_CA_BUNDLE", "ca.pem")));

    let other = home_with("[network]\nca_file = \"other.pem\"\n");
    for home in [&unnamed, &other] {
        let (code, report) = discover(home, |command| command);
        assert_eq!((code, &report["outcome"]), (Some(1), &json!("failed")), "{report}");
        let (message, hint) = (report["error"]["message"].as_str().unwrap(), report["error"]["hint"].as_str().unwrap());
        assert!(message.contains("certificate"), "{report}");
        assert!(hint.contains("ca_file"), "{report}");
    }
    // Nothing gets better by trying again.
    let proxy = Proxy::to(tls.port());
    discover(&other, |command| command.env("HTTPS_PROXY", proxy.url()));
    assert_eq!(proxy.asked().len(), 1);
    named.write("ca.pem", "no certificate");
    let said = named.run(&DISCOVER);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("ca.pem is not usable") && said.stdout.is_empty(), "{said:?}");
    std::fs::remove_file(named.path("ca.pem")).unwrap();
    let said = named.run(&DISCOVER);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("ca.pem cannot be read"), "{said:?}");
}

#[test]
fn https_goes_through_the_proxy_that_the_environment_names() {
    let tls = Tls::before(Server::moto());
    // No name server knows this name: only the proxy leads there.
    let home = home("https://aws.invalid", &key("300000000022"), "[network]\nca_file = \"ca.pem\"\n");
    home.write("ca.pem", &tls.ca());
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let proxy = Proxy::to(tls.port());
        sees_orders(discover(&home, |command| command.env(variable, proxy.url())));
        let asked = proxy.asked();
        assert!(!asked.is_empty(), "{variable}");
        assert!(asked.iter().all(|line| line == "CONNECT aws.invalid:443 HTTP/1.1"), "{variable}: {asked:?}");
    }
}

#[test]
fn no_proxy_keeps_a_host_from_the_proxy_and_a_dead_proxy_is_named_as_a_cause() {
    let tls = Tls::before(Server::moto());
    let home = home(&tls.url(), &key("300000000023"), "[network]\nca_file = \"ca.pem\"\n");
    home.write("ca.pem", &tls.ca());
    let proxy = Proxy::to(tls.port());
    let with_proxy = |command: &mut Command| {
        command.env("HTTPS_PROXY", proxy.url());
    };
    sees_orders(discover(&home, |command| {
        with_proxy(command);
        command.env("NO_PROXY", "127.0.0.1,localhost")
    }));
    assert_eq!(proxy.asked(), Vec::<String>::new());
    let dead = Proxy::dead();
    let (code, report) = discover(&home, |command| command.env("HTTPS_PROXY", dead));
    assert_eq!((code, &report["outcome"]), (Some(1), &json!("failed")), "{report}");
    assert!(report["error"]["hint"].as_str().unwrap().contains("proxy"), "{report}");
}

#[test]
fn plain_http_goes_through_its_own_proxy() {
    let moto = Server::moto();
    let home = home("http://aws.invalid", &key("300000000024"), "");
    let proxy = Proxy::to(moto.port());
    sees_orders(discover(&home, |command| command.env("HTTP_PROXY", proxy.url())));
    let asked = proxy.asked();
    assert!(!asked.is_empty() && asked.iter().all(|line| line.contains("http://aws.invalid/")), "{asked:?}");
}
