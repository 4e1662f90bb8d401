//! Which application an API is, of those that there are. Pure.

use url::Url;

use super::wire::Application;

/// What a look through the applications found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// None is the API's.
    Nothing,
    /// This one is.
    One(&'a Application),
    /// A person must choose.
    Unclear {
        /// The applications that may be meant.
        candidates: Vec<&'a Application>,
        /// Why, one sentence.
        reason: String,
    },
}

/// Finds the application of an API: the one with an instance at one of its addresses, or that bears a name that only this API can have
/// and has no instance elsewhere, which is what a creation leaves whose answer was lost, or that was cut off before its instances. `except` is one that was deleted.
pub(super) fn find<'a>(
    applications: &'a [Application],
    addresses: &[String],
    names: &[&str],
    except: Option<&str>,
) -> Found<'a> {
    let own: Vec<String> = addresses.iter().map(|address| normalised(address)).collect();
    let is_own = |url: &String| own.contains(&normalised(url));
    let mut candidates = Vec::new();
    let mut elsewhere = None;
    for application in applications.iter().filter(|it| Some(it.id.as_str()) != except) {
        let mut urls = application.instances.iter().map(|instance| &instance.host_url);
        let named = names.contains(&application.name.as_str());
        if urls.clone().any(is_own) || (named && application.instances.is_empty()) {
            candidates.push(application);
        } else if named {
            candidates.push(application);
            elsewhere = urls.next().map(|url| (application, url));
        }
    }
    match (candidates.as_slice(), elsewhere) {
        ([], _) => Found::Nothing,
        ([one], None) => Found::One(one),
        ([_], Some((application, url))) => {
            let reason = format!(
                "application {} bears this API's name, and its instance {url} is none of its addresses; give it an instance with one of them, or another name",
                shown(application)
            );
            Found::Unclear { candidates, reason }
        }
        (several, _) => {
            let all: Vec<String> = several.iter().map(|application| shown(application)).collect();
            let reason = format!(
                "there are {} applications with the API's addresses or its name: {}; leave one of them, or take the addresses out of the others",
                several.len(),
                all.join(", ")
            );
            Found::Unclear { candidates, reason }
        }
    }
}

/// An application as it is named in a sentence.
pub(super) fn shown(application: &Application) -> String {
    format!("\"{}\" ({})", application.name, application.id)
}

/// An address in the one form in which equal ones are equal: the host in lower case and without a last dot, no port where it is the
/// scheme's own, no slash at the end, no fragment; https where there is no scheme.
pub(super) fn normalised(address: &str) -> String {
    let address = address.trim();
    let has_scheme = address.contains("://");
    let parsed = if has_scheme { Url::parse(address) } else { Url::parse(&format!("https://{address}")) };
    let Ok(mut url) = parsed else { return address.to_owned() };
    url.set_fragment(None);
    if let Some(host) = url.host_str().and_then(|host| host.strip_suffix('.')).map(str::to_owned) {
        // What was a host before is one without its dot.
        let _ = url.set_host(Some(&host));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::wire::Instance;
    use super::*;

    fn application(id: &str, name: &str, urls: &[&str]) -> Application {
        let instances = urls
            .iter()
            .enumerate()
            .map(|(n, url)| Instance { instance_id: format!("{id}-{n}"), host_url: (*url).to_owned() });
        Application { id: id.to_owned(), name: name.to_owned(), instances: instances.collect() }
    }

    fn addresses() -> Vec<String> {
        vec![
            "https://api.example.com/orders".to_owned(),
            "https://abc.execute-api.eu-west-1.amazonaws.com/prod".to_owned(),
        ]
    }

    #[test]
    fn addresses_that_lead_to_one_place_are_equal() {
        for same in [
            "https://api.example.com/orders",
            "https://API.Example.com/orders/",
            "https://api.example.com:443/orders",
            "https://api.example.com./orders//",
            " https://api.example.com/orders#top",
            "api.example.com/orders",
        ] {
            assert_eq!(normalised(same), "https://api.example.com/orders", "{same}");
        }
        assert_eq!(normalised("https://api.example.com/"), "https://api.example.com");
        for other in [
            "http://api.example.com/orders",
            "https://api.example.com/Orders",
            "https://api.example.com:8443/orders",
            "https://api.example.com",
        ] {
            assert_ne!(normalised(other), "https://api.example.com/orders", "{other}");
        }
    }

    #[test]
    fn the_application_with_one_of_the_addresses_is_the_apis_whatever_it_is_called() {
        let all = [
            application("a", "mine", &["https://other.example.com"]),
            application("b", "whatever", &["https://elsewhere.example.com", "https://API.example.com:443/orders/"]),
        ];
        assert_eq!(find(&all, &addresses(), &["mine too"], None), Found::One(&all[1]));
        assert_eq!(find(&all[..1], &addresses(), &["mine too"], None), Found::Nothing);
    }

    #[test]
    fn an_application_without_instances_is_the_apis_if_it_bears_its_name() {
        let all = [application("a", "mine", &[]), application("b", "Mine", &[])];
        assert_eq!(find(&all, &addresses(), &["mine"], None), Found::One(&all[0]));
    }

    #[test]
    fn two_applications_that_may_be_meant_are_both_named() {
        let all = [
            application("a", "one", &["https://api.example.com/orders"]),
            application("b", "two", &["https://abc.execute-api.eu-west-1.amazonaws.com/prod"]),
            application("c", "three", &[]),
        ];
        let Found::Unclear { candidates, reason } = find(&all, &addresses(), &["mine"], None) else { panic!() };
        assert_eq!(candidates, [&all[0], &all[1]]);
        assert!(reason.contains("\"one\" (a), \"two\" (b)"), "{reason}");
        let Found::Unclear { candidates, .. } = find(&all[..], &addresses()[..1], &["three"], None) else { panic!() };
        assert_eq!(candidates, [&all[0], &all[2]], "one by its address, one by its name");
    }

    #[test]
    fn a_name_with_addresses_of_others_is_not_taken_and_not_used_twice() {
        let all = [application("a", "mine", &["https://other.example.com"])];
        let Found::Unclear { reason, .. } = find(&all, &addresses(), &["mine"], None) else { panic!() };
        assert!(reason.contains("https://other.example.com is none of its addresses"), "{reason}");
    }
}
