//! Which exports are wanted, and what goes with events.

use std::collections::BTreeSet;

use crate::inventory::Details;
use crate::registry::testing::*;
use crate::registry::*;

/// The API with its stages at another deployment.
fn deployed(id: &str, deployment: &str) -> crate::inventory::Api {
    let mut api = api(id);
    if let Details::Read(stages) = &mut api.details {
        for stage in stages {
            stage.deployment_id = Some(deployment.to_owned());
        }
    }
    api
}

/// The API `a1`, which answers elsewhere too.
fn with_another_address(deployment: &str) -> crate::inventory::Api {
    let mut api = deployed("a1", deployment);
    let first = api.instances[0].clone();
    api.instances.push(crate::inventory::Instance { url: "https://a.example.com".to_owned(), ..first });
    api
}

fn exported(deployment: &str, document: Result<&str, (&str, bool)>) -> Exported {
    let document = document
        .map(|text| ExportedDocument { format: "openapi", text: text.to_owned() })
        .map_err(|(cause, passing)| FailedExport { cause: cause.to_owned(), passing });
    Exported { stage: "prod".to_owned(), deployment_id: Some(deployment.to_owned()), document }
}

fn wanted(bench: &Bench) -> Vec<Vec<String>> {
    let wanted = bench.registry.wanted_exports("payments").unwrap();
    wanted.into_iter().map(|wanted| wanted.stages.into_keys().collect()).collect()
}

/// What goes with the newest event of each target.
fn pinned(bench: &Bench) -> BTreeSet<String> {
    let sql = "SELECT specifications FROM deliveries WHERE revision = (SELECT max(revision) FROM deliveries)";
    let connection = rusqlite::Connection::open(bench.directory.path().join("aboard.db")).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_stage_is_exported_once_for_each_deployment() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![deployed("a1", "d1")]), &rules(), hour(0));
    assert_eq!(wanted(&bench), [["prod"]]);
    assert_eq!(bench.registry.exporting_accounts("payments").unwrap(), BTreeSet::from([ACCOUNT.to_owned()]));
    bench.registry.store_export(&id("a1"), &[exported("d1", Ok("{}"))], hour(0)).unwrap();
    assert!(wanted(&bench).is_empty() && bench.registry.exporting_accounts("payments").unwrap().is_empty());

    bench.look("payments", &whole(vec![deployed("a1", "d2")]), &rules(), hour(1));
    assert_eq!(wanted(&bench), [["prod"]]);
    bench.registry.store_export(&id("a1"), &[exported("d2", Ok("{}"))], hour(1)).unwrap();
    assert_eq!(bench.number("SELECT count(*) FROM documents"), 1, "a text is stored once");
    bench.look("payments", &whole(vec![with_another_address("d2")]), &rules(), hour(2));
    let [again] = &bench.registry.wanted_exports("payments").unwrap()[..] else { panic!("one API") };
    assert!(again.stages.is_empty() && again.exported.contains_key("prod"), "{again:?}");
    assert_eq!(again.subject.instances.len(), 2);
    assert!(bench.registry.exporting_accounts("billing").unwrap().is_empty());
}

#[test]
fn a_change_that_could_not_be_exported_is_never_taken_for_none() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![deployed("a1", "d1")]), &rules(), hour(0));
    bench.registry.store_export(&id("a1"), &[exported("d1", Ok("{}"))], hour(0)).unwrap();
    bench.look("payments", &whole(vec![deployed("a1", "d2")]), &rules(), hour(1));
    bench.registry.store_export(&id("a1"), &[exported("d2", Err(("busy", true)))], hour(1)).unwrap();
    assert_eq!(pinned(&bench), BTreeSet::from([r#"{"prod":{"cause":"busy"}}"#.to_owned()]));
    let [row] = &bench.registry.specifications(&id("a1")).unwrap()[..] else { panic!("one stage") };
    assert!(row.digest.is_some() && row.passing, "what was exported before is kept");
}

#[test]
fn what_failed_for_good_is_wanted_again_with_the_next_deployment_only() {
    for (passing, expected) in [(false, 0), (true, 1)] {
        let mut bench = Bench::new();
        bench.look("payments", &whole(vec![deployed("a1", "d1")]), &rules(), hour(0));
        bench.registry.store_export(&id("a1"), &[exported("d1", Err(("no", passing)))], hour(0)).unwrap();
        bench.look("payments", &whole(vec![with_another_address("d1")]), &rules(), hour(1));
        assert_eq!(wanted(&bench).concat().len(), expected, "stages to be exported");
        assert_eq!(wanted(&bench).len(), 1, "the event of the new address waits all the same");
        bench.registry.store_export(&id("a1"), &[], hour(1)).unwrap();
        assert_eq!(pinned(&bench), BTreeSet::from([r#"{"prod":{"cause":"no"}}"#.to_owned()]));
        bench.look("payments", &whole(vec![deployed("a1", "d2")]), &rules(), hour(2));
        assert_eq!(wanted(&bench), [["prod"]]);
    }
}

#[test]
fn texts_that_nothing_needs_any_more_are_forgotten_with_old_attempts_once_a_day() {
    let mut bench = Bench::new();
    let keep = chrono::TimeDelta::days(10);
    let texts = |bench: &Bench| bench.number("SELECT count(*) FROM documents");
    for (day, text) in [(0, "{}"), (1, "{ }"), (2, "{  }")] {
        bench.look("payments", &whole(vec![deployed("a1", text)]), &rules(), hour(24 * day));
        bench.registry.store_export(&id("a1"), &[exported(text, Ok(text))], hour(24 * day)).unwrap();
    }
    bench.registry.prune(keep, hour(72)).unwrap();
    assert_eq!(texts(&bench), 3, "each goes with an event that waits");

    for target in ["catalog", "specs"] {
        loop {
            let leased = bench.registry.lease(target, 10, false, hour(73), hour(73)).unwrap();
            let over = |leased: &Leased| Attempted {
                delivery_id: leased.delivery_id,
                attempt_id: leased.attempt_id,
                finished_at: hour(73),
                status: None,
                outcome: Outgoing::Delivered { note: None },
            };
            bench.registry.record_attempts(target, &leased.iter().map(over).collect::<Vec<_>>()).unwrap();
            if leased.is_empty() {
                break;
            }
        }
    }
    let attempts = bench.number("SELECT count(*) FROM attempts");
    assert!(attempts > 2, "{attempts}");
    assert_eq!(bench.registry.prune(keep, hour(80)).unwrap().documents, 0, "it is looked at once a day");
    let pruned = bench.registry.prune(keep, hour(97)).unwrap();
    assert_eq!((pruned.documents, pruned.attempts, texts(&bench)), (2, 0, 1), "the newest of a stage stays");
    bench.registry.prune(keep, hour(72 + 24 * 11)).unwrap();
    assert_eq!((texts(&bench), bench.number("SELECT count(*) FROM attempts")), (1, 0));
}
