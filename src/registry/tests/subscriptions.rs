//! Keys that are being made.

use crate::registry::testing::*;
use crate::registry::*;

#[test]
fn a_key_is_written_down_before_it_is_made_and_forgotten_when_somebody_has_it() {
    let mut bench = Bench::new();
    let intent = |subscription: &str| Intent {
        integration: "apim".to_owned(),
        subscription: subscription.to_owned(),
        key_name: format!("aboard-{subscription}"),
        partition: "aws".to_owned(),
        account_id: ACCOUNT.to_owned(),
        region: "eu-west-1".to_owned(),
        usage_plan: "up1".to_owned(),
    };
    let first = bench.registry.begin_subscription(&intent("s1"), None, hour(1)).unwrap();
    let second = bench.registry.begin_subscription(&intent("s2"), Some("k2"), hour(2)).unwrap();
    let open = |id, name: &str, key_id: Option<&str>, at| OpenIntent {
        id,
        intent: intent(name),
        key_id: key_id.map(str::to_owned),
        begun_at: hour(at),
    };
    let expected = [open(first, "s1", None, 1), open(second, "s2", Some("k2"), 2)];
    assert_eq!(bench.registry.open_subscriptions().unwrap(), expected);
    bench.registry.note_key(first, "k1").unwrap();
    bench.registry.close_subscription(second).unwrap();
    assert_eq!(bench.registry.open_subscriptions().unwrap(), [open(first, "s1", Some("k1"), 1)]);
    bench.registry.close_subscription(first).unwrap();
    assert_eq!(bench.registry.open_subscriptions().unwrap(), []);
}
