//! Addresses, URLs and header names.

use std::net::SocketAddr;

use url::{Host, Url};

use super::{Complaint, quoted};

/// `127.0.0.1:9847`, `[::1]:9847`.
pub(in crate::config) fn listen(value: &str) -> Result<SocketAddr, Complaint> {
    value.parse().map_err(|_| {
        let complaint = Complaint::new(format!("{} is not an address with a port", quoted(value)));
        let instead = match value.rsplit_once(':') {
            Some(("", port)) => format!("0.0.0.0:{port}"),
            Some(("localhost", port)) => format!("127.0.0.1:{port}"),
            None if value.parse::<u16>().is_ok() => format!("127.0.0.1:{value}"),
            _ => String::new(),
        };
        let hint = if instead.parse::<SocketAddr>().is_ok() {
            format!("write \"{instead}\"")
        } else {
            "write an IP address and a port, such as \"127.0.0.1:9847\"".to_owned()
        };
        complaint.hint(hint)
    })
}

/// An http or https URL without user and password. Never echoed: many receivers are known by a key in the path.
pub(in crate::config) fn webhook_url(value: &str) -> Result<Url, Complaint> {
    http_url(
        value,
        "write it whole, such as \"https://catalog.example.com/hooks/apis\"",
        "send them by reference: headers = { Authorization = \"env:NAME\" }",
    )
}

/// The http or https URL of a service, to which paths are added.
pub(in crate::config) fn service_url(value: &str) -> Result<Url, Complaint> {
    const LIKE: &str = "write it whole, such as \"https://api.example.com\"";
    let url = http_url(value, LIKE, "the service is given its token by reference")?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Complaint::new("paths are added to this URL, so it can hold no \"?\" and no \"#\""));
    }
    Ok(url)
}

/// Where a WebSocket server is. `ws` and `wss` mean what `http` and `https` do.
pub(in crate::config) fn endpoint_url(value: &str) -> Result<Url, Complaint> {
    const LIKE: &str = "write it whole, such as \"https://apim.example.com/integration-controller\"";
    let url = url_of(value, LIKE)?;
    if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") {
        return Err(Complaint::new("the URL is none of http, https, ws and wss").hint(LIKE));
    }
    without_user(&url, "the server is given its token by reference")?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Complaint::new("a path is added to this URL, so it can hold no \"?\" and no \"#\""));
    }
    Ok(url)
}

/// Whether what is sent to it can be read on the way: it is not encrypted, and not on this machine.
pub(in crate::config) fn is_open(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    !is_loopback && matches!(url.scheme(), "http" | "ws")
}

fn http_url(value: &str, like: &'static str, instead_of_user: &'static str) -> Result<Url, Complaint> {
    let url = url_of(value, like)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Complaint::new("the URL is neither http nor https").hint(like));
    }
    without_user(&url, instead_of_user)?;
    Ok(url)
}

fn url_of(value: &str, like: &'static str) -> Result<Url, Complaint> {
    if value.starts_with("env:") || value.starts_with("file:") {
        return Err(Complaint::new("a URL stands in the file itself, not by reference").hint(like));
    }
    Url::parse(value).map_err(|error| Complaint::new(format!("this is not a URL: {error}")).hint(like))
}

fn without_user(url: &Url, instead: &'static str) -> Result<(), Complaint> {
    if url.username().is_empty() && url.password().is_none() {
        Ok(())
    } else {
        Err(Complaint::new("the URL holds a user or a password").hint(instead))
    }
}

/// Headers that the delivery itself sets.
const OWN_HEADERS: [&str; 8] = [
    "host",
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

/// A token of RFC 9110 §5.6.2 that no delivery sets by itself.
pub(in crate::config) fn header_name(value: &str) -> Result<(), Complaint> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if value.is_empty() || !value.bytes().all(token) {
        return Err(Complaint::new(format!("{} is not the name of a header", quoted(value))));
    }
    if OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(value)) {
        return Err(Complaint::new(format!("the header {} is set by the delivery itself", quoted(value))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_for_an_address_leads_to_the_right_one() {
        for (wrong, right) in
            [(":9847", "0.0.0.0:9847"), ("localhost:9847", "127.0.0.1:9847"), ("9847", "127.0.0.1:9847")]
        {
            assert_eq!(listen(wrong).unwrap_err().hint.unwrap(), format!("write \"{right}\""));
        }
        assert!(listen("[::1]:0").is_ok() && listen("127.0.0.1").is_err() && listen("127.0.0.1:99999").is_err());
    }

    #[test]
    fn a_webhook_url_has_no_user_and_a_complaint_does_not_hold_it() {
        for bad in
            ["", "hunter2", "ftp://hunter2", "https://a:hunter2@b/", "https://hunter2@b/", "https://", "file:/hunter2"]
        {
            let complaint = webhook_url(bad).unwrap_err();
            assert!(!format!("{complaint:?}").contains("hunter2"), "{bad}");
        }
        assert!(webhook_url("http://localhost:1/x?y=z").is_ok());
    }

    #[test]
    fn the_url_of_a_service_ends_where_paths_are_added() {
        for bad in ["https://a:hunter2@b/", "https://b/?hunter2", "https://b/#hunter2", "b/hunter2"] {
            let complaint = service_url(bad).unwrap_err();
            assert!(!format!("{complaint:?}").contains("hunter2"), "{bad}");
        }
        assert!(service_url("https://api.example.com/base").is_ok());
    }

    #[test]
    fn an_endpoint_is_a_web_socket_servers_by_either_name() {
        for good in ["https://apim/integration-controller", "http://management_api:8072", "ws://a", "wss://[::1]:1/b"] {
            assert!(endpoint_url(good).is_ok(), "{good}");
        }
        for bad in ["hunter2", "ftp://hunter2", "https://hunter2@a/", "https://a/?hunter2", "env:HUNTER2", "wss://"] {
            let complaint = endpoint_url(bad).unwrap_err();
            assert!(!format!("{complaint:?}").contains("hunter2"), "{bad}");
        }
        let open = |url: &str| is_open(&endpoint_url(url).unwrap());
        assert!(open("http://apim") && open("ws://10.0.0.1:8072") && !open("https://apim") && !open("ws://[::1]:1"));
    }

    #[test]
    fn header_names_are_tokens_and_not_those_of_the_signature() {
        assert!(header_name("X-Api-Key").is_ok());
        for bad in ["", "a b", "a:b", "ä", "Webhook-Id", "HOST"] {
            assert!(header_name(bad).is_err(), "{bad}");
        }
    }
}
