//! What an organization costs in calls: nothing is asked twice.

use aboard_simulator::{Fleet, Operation, Simulator, World};

use crate::support::Home;

#[test]
fn accounts_are_listed_once_each_is_entered_once_and_its_regions_are_asked_for_once() {
    let sim = Simulator::start(World::fleet(45, 3, 2, 1, 1));
    let text = super::schedules("", "")
        .replace(super::CENTRAL, &Fleet::central_role_arn())
        .replace(super::KEY, &Fleet::access_key(0));
    let home = Home::new(&sim.url(), &text);
    let report = home.json(&["onboard", "org", "--yes"]);
    assert_eq!(report["outcome"], "succeeded", "{}", report["error"]);
    assert_eq!(report["counts"]["onboard"], 45 * 3 * 3);
    let counts = sim.counts();
    assert_eq!(counts.of(Operation::ListAccounts), 3, "45 accounts in pages of 20");
    assert_eq!(counts.of(Operation::DescribeOrganization), 0);
    assert_eq!(counts.of(Operation::AssumeRole), 1 + 45);
    assert_eq!(counts.of(Operation::ListRegions), 45);
    assert_eq!(counts.of(Operation::GetCallerIdentity), 0);
    let mut asked: Vec<(String, String, String)> = sim
        .log()
        .into_iter()
        .map(|call| (call.account, call.region, format!("{:?}{}", call.operation, call.path)))
        .collect();
    let all = asked.len();
    asked.sort();
    asked.dedup_by(|one, other| one == other && !one.2.contains("AssumeRole") && !one.2.contains("ListAccounts"));
    assert_eq!(asked.len(), all, "nothing was asked twice");
    assert_eq!(counts.unknown, 0);
}
