//! The way to the management API: the integration's own certificates and proxy, besides those of all targets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{integration, shop_of};
use crate::support::management::Management;
use crate::support::shop::{connection, open_with};
use crate::support::{CANARY, Home, Proxy, Tls};

fn tested(
    url: &str,
    management: &Management,
    network: &str,
    keys: &str,
    files: &[(&str, &str)],
) -> (Option<i32>, String) {
    let apim = integration(management, keys, "").replace(&management.url(), url);
    let (_sim, home): (_, Home) =
        open_with(shop_of(0), &format!("{network}\n{apim}{}", connection("shop", super::SHOP)));
    for (name, text) in files {
        home.write(name, text);
    }
    let said = home.run(&["targets", "test", "apim"]);
    (said.code, said.stdout + &said.stderr)
}

#[test]
fn a_certificate_of_ones_own_is_trusted_where_the_integration_or_the_network_names_its_authority() {
    let management = Management::start();
    let tls = Tls::before_port(management.port());
    let url = format!("{}/management", tls.url());
    let file = ("ca.pem", tls.ca());
    let files = [(file.0, file.1.as_str())];
    for (network, keys, works) in
        [("", "ca_file = \"ca.pem\"", true), ("[network]\nca_file = \"ca.pem\"", "", true), ("", "", false)]
    {
        let (code, said) = tested(&url, &management, network, keys, &files);
        assert_eq!(code, Some(i32::from(!works)), "{said}");
        assert!(works || said.contains("name its authority as ca_file"), "{said}");
    }
}

#[test]
fn the_integrations_proxy_is_gone_through_with_its_password() {
    let management = Management::start();
    let proxy = Proxy::to(management.port());
    let keys = format!("proxy = {{ url = \"{}\", username = \"aboard\", password = \"env:SECRET\" }}", proxy.url());
    let (code, said) = tested("http://apim.invalid/management", &management, "", &keys, &[]);
    assert_eq!(code, Some(0), "{said}");
    let password = STANDARD.encode(format!("aboard:{CANARY}"));
    let head = management.last_head();
    assert!(head.contains(&format!("proxy-authorization: Basic {password}\r\n")), "{head}");
    assert!(proxy.asked()[0].starts_with("GET http://apim.invalid/management/v2/"), "{:?}", proxy.asked());

    let keys = format!("proxy = {{ url = \"{}\" }}", Proxy::dead());
    let (code, said) = tested("http://apim.invalid/management", &management, "", &keys, &[]);
    assert!(code == Some(1) && said.contains("; through the proxy http://127.0.0.1:"), "{said}");
    assert!(!said.contains(CANARY), "{said}");
}
