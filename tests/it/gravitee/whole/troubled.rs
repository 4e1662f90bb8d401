//! Trouble between the worker and its server: refusals, links that break or only seem to stand, old servers.

use std::time::Duration;

use aboard_simulator::UsagePlan;
use serde_json::{Value, json};

use super::{Site, connection, identity, keyed, planned};
use crate::gravitee::controller::{Ingesting, Order, Rules};
use crate::gravitee::record::Seen;
use crate::support::shop::{ACCOUNT, REGION, world};

/// Text that servers before the fix for `;;` would split at.
const SPLITS: &str = "reads;;all;;;of;;it";

/// A shop with one API whose document has such texts, and is so long.
fn wordy(times: usize) -> aboard_simulator::World {
    let operation = json!({ "summary": SPLITS.repeat(times), "responses": {} });
    let document = json!({ "openapi": "3.0.1", "info": { "title": "orders", "version": "1" },
                           "paths": { "/": { "get": operation } } });
    let plan = UsagePlan::new("up1", "Gold;;").stage("ordersapi1", "prod");
    world()
        .rest(ACCOUNT, REGION, keyed("orders;;", "ordersapi1").specification(document))
        .usage_plan(ACCOUNT, REGION, plan)
}

fn summary(api: &Value) -> String {
    let document: Value = serde_json::from_str(api["pages"][0]["content"].as_str().unwrap()).unwrap();
    document["paths"]["/"]["get"]["summary"].as_str().unwrap().to_owned()
}

#[test]
fn a_server_that_refuses_the_upgrade_is_asked_again_and_each_cause_is_said() {
    let rules = Rules { answers: [401, 404, 410].into(), ..Rules::default() };
    let mut site = Site::with(planned(), rules, &connection(""), "");
    for said in
        ["status 401: it does not know the token", "404: nothing listens", "410: it is starting", "connected to"]
    {
        site.worker.wait_until_said(said);
    }
    let upgrades = site.controller.upgrades();
    assert_eq!(upgrades.iter().map(|(_, status)| *status).collect::<Vec<_>>(), [401, 404, 410, 101]);
    assert_eq!(site.discovered().len(), 2);
    site.stop();
}

#[test]
fn a_link_that_breaks_in_a_frame_and_one_that_only_seems_to_stand_are_made_anew() {
    let mut site = Site::open(planned(), "---silence = \"1s\"");
    site.controller.order(Order::ResetInFrame);
    site.controller.wait_for_agent(2);
    site.controller.order(Order::Freeze);
    site.worker.wait_until_said("nothing was heard from the server for 1 s");
    site.controller.wait_for_agent(3);
    assert_eq!(site.discovered().len(), 2);
    site.worker.stop();
}

#[test]
fn an_api_of_which_half_had_gone_out_is_sent_whole_over_the_next_connection() {
    let mut site = Site::open(wordy(40_000), "");
    site.controller.rules(|rules| rules.cut_after = Some(400_000));
    assert_eq!(site.start_ingest("job-1", &[]), 1);
    site.controller.record().wait_for("the break", 1, |seen| matches!(seen, Seen::Gone));
    site.controller.rules(|rules| rules.cut_after = None);
    site.worker.wait_until_said("ingest job-1: 1 of 1 APIs were sent and taken");
    let sizes: Vec<usize> = site.controller.record().ingested().iter().map(|chunk| chunk.bytes).collect();
    assert!(matches!(sizes[..], [whole] if whole > SPLITS.len() * 40_000), "{sizes:?}");
    assert_eq!((site.controller.stored(), site.controller.upgrades().len()), (1, 2));
    site.worker.stop();
}

#[test]
fn a_reply_that_comes_too_late_ends_no_ingest() {
    let limits = "---reply = \"2s\"\ndiscover = \"2s\"\nsubscribe = \"2s\"";
    let rules = Rules { ingests: [Ingesting::Late(Duration::from_secs(3))].into(), ..Rules::default() };
    let site = Site::with(planned(), rules, &connection(""), limits);
    site.start_ingest("job-1", &[]);
    let is_last = |seen: &Seen| matches!(seen, Seen::Ingest(chunk) if chunk.done);
    site.controller.record().wait_for("the last chunk, again", 2, is_last);
    assert_eq!(site.controller.stored(), 2);
    site.worker.stop();
}

#[test]
fn a_server_from_before_the_fix_reads_every_text_as_it_is() {
    for old in [true, false] {
        let mut site = Site::with(wordy(1), Rules { old, ..Rules::default() }, &connection(""), "");
        assert_eq!(site.discovered().into_iter().collect::<Vec<_>>(), ["orders;;"]);
        assert_eq!(site.start_ingest("job;;1", &[]), 1);
        site.worker.wait_until_said("ingest job;;1: 1 of 1 APIs were sent and taken");
        let api = &site.controller.apis()[&identity("ordersapi1")];
        assert_eq!((summary(api), &api["plans"][0]["name"]), (SPLITS.to_owned(), &json!("Gold;;")), "old: {old}");
        site.stop();
    }
}
