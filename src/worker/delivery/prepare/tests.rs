use super::*;
use crate::config::Event;
use crate::document::ApiDocument;
use crate::inventory::{Api, ApiId, Details, InstanceKind, Protocol};

fn instance(stage: &str, url: &str, kind: InstanceKind) -> Instance {
    let callable = !url.contains("shut");
    Instance { stage: stage.to_owned(), url: url.to_owned(), kind, callable, created_at: None, deployed_at: None }
}

fn invoke(stage: &str) -> Instance {
    instance(stage, &format!("https://a1.execute-api/{stage}"), InstanceKind::ExecuteApi)
}

fn domain(stage: &str) -> Instance {
    instance(stage, &format!("https://pay.example.com/{stage}"), InstanceKind::CustomDomain)
}

fn notice(event: Event, of_api: &[Instance], concerned: &[Instance]) -> Notice {
    let id = |part: &str| part.to_owned();
    let api = Api {
        id: ApiId { partition: id("aws"), account_id: id("111122223333"), region: id("eu-west-1"), api_id: id("a1") },
        protocol: Protocol::Rest,
        name: "pay".to_owned(),
        description: None,
        version: None,
        endpoint_type: None,
        tags: BTreeMap::new(),
        created_at: None,
        details: Details::Read(Vec::new()),
        instances: of_api.to_vec(),
    };
    Notice {
        event: event.as_str().to_owned(),
        occurred_at: chrono::DateTime::UNIX_EPOCH,
        target: "catalog".to_owned(),
        connection: "payments".to_owned(),
        run_id: Some(1),
        revision: 1,
        api: Some(ApiDocument::of_api(&api)),
        instances: concerned.to_vec(),
        run: None,
    }
}

/// The addresses that a target which prefers is told of, and those of the API as it sees them then.
fn preferring(event: Event, of_api: &[Instance], concerned: &[Instance]) -> Option<(Vec<String>, Vec<String>)> {
    let none = BTreeMap::new();
    let told = prepare(notice(event, of_api, concerned), InstanceChoice::Preferred, &BTreeMap::new(), &none)?;
    let urls = |instances: &[Instance]| instances.iter().map(|instance| instance.url.clone()).collect();
    Some((urls(&told.instances), urls(&told.api.unwrap().instances)))
}

fn urls(instances: &[Instance]) -> Vec<String> {
    instances.iter().map(|instance| instance.url.clone()).collect()
}

#[test]
fn who_takes_every_address_is_told_exactly_what_was_queued() {
    let queued = notice(Event::InstanceAdded, &[invoke("prod"), domain("prod")], &[domain("prod")]);
    let none = BTreeMap::new();
    assert_eq!(prepare(queued.clone(), InstanceChoice::All, &BTreeMap::new(), &none), Some(queued));
}

#[test]
fn who_prefers_gets_one_callable_address_a_stage_custom_domains_first() {
    let endpoint = instance("prod", "https://vpce", InstanceKind::VpcEndpoint);
    let shut = instance("test", "https://shut.example.com/test", InstanceKind::CustomDomain);
    let all = [invoke("prod"), endpoint, domain("prod"), shut, invoke("test")];
    let expected = urls(&[domain("prod"), invoke("test")]);
    assert_eq!(preferring(Event::Onboarded, &all, &all), Some((expected.clone(), expected)));
}

#[test]
fn an_address_that_is_not_preferred_is_no_news() {
    let all = [domain("prod"), invoke("prod")];
    assert_eq!(preferring(Event::InstanceAdded, &all, &[invoke("prod")]), None);
    assert_eq!(preferring(Event::InstanceRemoved, &[domain("prod")], &[invoke("prod")]), None);
}

#[test]
fn an_address_that_becomes_preferred_is_told_and_so_is_one_that_was() {
    let all = [domain("prod"), invoke("prod")];
    let preferred = urls(&[domain("prod")]);
    assert_eq!(preferring(Event::InstanceAdded, &all, &[domain("prod")]), Some((preferred.clone(), preferred.clone())));
    let left = urls(&[invoke("prod")]);
    assert_eq!(preferring(Event::InstanceRemoved, &[invoke("prod")], &[domain("prod")]), Some((preferred, left)));
}

#[test]
fn a_change_is_news_unless_every_stage_it_is_about_has_the_specification_that_was_delivered_last() {
    let changed = notice(Event::Changed, &[invoke("prod"), invoke("test")], &[invoke("prod")]);
    let with = |prod: &str| BTreeMap::from([("prod".to_owned(), Pinned::Digest(prod.to_owned()))]);
    let told = BTreeMap::from([("prod".to_owned(), "a".to_owned()), ("test".to_owned(), "x".to_owned())]);
    let is_news = |pinned: &BTreeMap<String, Pinned>, told: &BTreeMap<String, String>| {
        prepare(changed.clone(), InstanceChoice::All, pinned, told).is_some()
    };
    assert!(!is_news(&with("a"), &told));
    assert!(is_news(&with("b"), &told));
    assert!(is_news(&with("a"), &BTreeMap::new()), "it was never delivered one");
    assert!(is_news(&BTreeMap::new(), &told), "nobody knows what it is now");
    assert!(is_news(&BTreeMap::from([("prod".to_owned(), Pinned::Cause("denied".to_owned()))]), &told));
}

#[test]
fn a_registration_is_told_whatever_specification_was_delivered_before() {
    let returned = notice(Event::Returned, &[invoke("prod")], &[invoke("prod")]);
    let pinned = BTreeMap::from([("prod".to_owned(), Pinned::Digest("a".to_owned()))]);
    let told = BTreeMap::from([("prod".to_owned(), "a".to_owned())]);
    assert!(prepare(returned, InstanceChoice::All, &pinned, &told).is_some());
}
