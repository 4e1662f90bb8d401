//! Much at once, and how much memory that takes.

use std::fmt::Write;
use std::fs;

use aboard_simulator::{Failure, Fault, Operation, UsagePlan};

use super::{Site, keyed};
use crate::gravitee::record::{Ingested, Seen};
use crate::support::shop::{ACCOUNT, REGION, world};

/// What a debug build may have resident at most; of which a release needs half.
const MOST_RESIDENT: u64 = 120 * 1024 * 1024;

/// An export of about a megabyte: many paths, as large APIs have them.
fn document() -> String {
    let mut paths = String::new();
    for number in 0..3750 {
        let comma = if number == 0 { "" } else { "," };
        write!(
            paths,
            r#"{comma}"/orders/{number}/{{id}}":{{"get":{{"summary":"Reads part {number} of an order;; all of it","parameters":[{{"name":"id","in":"path","required":true,"schema":{{"type":"string"}}}}],"responses":{{"200":{{"description":"It is there","content":{{"application/json":{{"schema":{{"type":"object"}}}}}}}}}}}}}}"#
        )
        .unwrap();
    }
    format!(r#"{{"openapi":"3.0.1","info":{{"title":"large","version":"1"}},"paths":{{{paths}}}}}"#)
}

/// A number of bytes from the kernel's account of a process.
fn bytes(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

#[expect(clippy::print_stdout, reason = "a measurement, for whoever asks with --nocapture")]
fn ingests(apis: usize) {
    let mut plan = UsagePlan::new("up1", "Gold");
    let mut world = world();
    for number in 0..apis {
        let id = format!("api{number:07}");
        plan = plan.stage(&id, "prod");
        world = world.rest(ACCOUNT, REGION, keyed(&format!("api {number}"), &id));
    }
    let site = Site::open(world.usage_plan(ACCOUNT, REGION, plan), "");
    let body = document();
    let length = body.len();
    assert!((900_000..1_300_000).contains(&length), "{length}");
    let export = Failure::Raw { status: 200, content_type: "application/json", body };
    site.sim.fault(Fault::new(export).on(Operation::GetExport));
    let pid = site.worker.pid();
    let idle = bytes(pid, "VmRSS:");
    assert_eq!(site.start_ingest("job-1", &[]), apis as u64);
    let is_last = |seen: &Seen| matches!(seen, Seen::Ingest(chunk) if chunk.done);
    site.controller.record().wait_for("the last chunk", 1, is_last);
    let (peak, after) = (bytes(pid, "VmHWM:"), bytes(pid, "VmRSS:"));
    let chunks = site.controller.record().ingested();
    assert_eq!(site.controller.stored(), apis);
    assert!(chunks.iter().all(|Ingested { bytes, ids, .. }| *bytes < 13_107_200 && ids.len() <= 50));
    let largest = chunks.iter().map(|chunk| chunk.bytes).max().unwrap();
    println!(
        "{apis} APIs of {length} bytes in {} chunks of at most {largest} bytes; resident: idle {idle}, peak {peak}, after {after}",
        chunks.len()
    );
    assert!(peak < MOST_RESIDENT, "{peak}");
    site.stop();
}

#[test]
fn an_ingest_of_large_documents_has_a_few_of_them_in_memory() {
    ingests(20);
}

#[test]
#[ignore = "takes minutes in a debug build"]
fn an_ingest_of_1500_large_documents_has_a_few_of_them_in_memory() {
    ingests(1500);
}
