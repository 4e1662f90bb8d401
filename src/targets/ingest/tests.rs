use super::*;
use crate::config::{Place, TargetKind, parse};
use crate::inventory::Protocol;
use crate::targets::fixtures::{api, event, instance};

fn ingest() -> Ingest {
    let text = "[integrations.apim.gravitee]\nendpoints = [\"https://apim\"]\ntoken = \"env:A\"\nintegration_id = \"1\"\n\
                identity = \"{api_id}/{stage}\"\nmanagement = { url = \"https://apim\", token = \"env:B\" }\n";
    let config = parse(text, &Place::new(std::path::Path::new("schedules.toml"))).unwrap().config;
    let TargetKind::Ingest(config) = &config.targets["apim"].kind else { panic!("no ingest") };
    Ingest::new(config, &NetworkConfig::default())
}

fn ids(ids: &[&str]) -> Wanted {
    Wanted::Ids(ids.iter().map(|id| (*id).to_owned()).collect())
}

#[test]
fn a_whole_api_is_asked_for_where_it_comes_in_and_else_the_stages_that_an_event_is_about() {
    let ingest = ingest();
    for (name, wanted) in [
        ("api.onboarded", ids(&["orders/live", "orders/prod"])),
        ("api.returned", ids(&["orders/live", "orders/prod"])),
        ("api.instance_added", ids(&["orders/live"])),
        ("api.changed", ids(&["orders/live"])),
        ("run.summary", Wanted::Unchanged),
        ("run.finished", Wanted::Unchanged),
        ("aboard.test", Wanted::Unchanged),
    ] {
        let mut delivery = event(name, 1, api("orders", "orders", &["prod", "live"]), Vec::new());
        delivery.notice.instances = vec![instance("orders", "live")];
        assert_eq!(ingest.wanted(&delivery.notice), wanted, "{name}");
    }
}

#[test]
fn what_is_gone_or_never_offered_is_told_of_and_not_asked_for() {
    let ingest = ingest();
    for name in ["api.gone", "api.instance_removed"] {
        let delivery = event(name, 1, api("orders", "orders", &["prod"]), Vec::new());
        assert!(matches!(ingest.wanted(&delivery.notice), Wanted::Nothing(_)), "{name}");
    }
    let mut delivery = event("api.onboarded", 1, api("prices", "prices", &["prod"]), Vec::new());
    delivery.notice.api.as_mut().unwrap().protocol = Protocol::WebSocket;
    assert!(matches!(ingest.wanted(&delivery.notice), Wanted::Nothing(_)));
    let unstaged = event("api.onboarded", 1, api("orders", "orders", &[]), Vec::new());
    assert!(matches!(ingest.wanted(&unstaged.notice), Wanted::Nothing(_)), "no ids would mean all");
}

#[tokio::test]
async fn nobody_is_asked_where_there_is_nothing_to_ask_for() {
    // The token's variable does not exist, so that asking would fail.
    let gone = event("api.gone", 1, api("orders", "orders", &["prod"]), Vec::new());
    let come = event("api.onboarded", 2, api("orders", "orders", &["prod"]), Vec::new());
    let verdicts = ingest().deliver_all(std::slice::from_ref(&gone)).await;
    assert!(matches!(verdicts[..], [Verdict::Delivered(Some(_))]), "{verdicts:?}");
    let verdicts = ingest().deliver_all(&[gone, come]).await;
    let [Verdict::Delivered(_), Verdict::Failed(failure)] = &verdicts[..] else { panic!("{verdicts:?}") };
    assert_eq!(failure.effect, Effect::Pause, "everything waits together");
}
