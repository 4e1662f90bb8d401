//! Whatever is seen in whatever order, what is committed is what was planned.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use proptest::prelude::*;

use crate::inventory::{Details, Listing, ScopeLook, ScopeState};
use crate::plan::{ApiState, Decision, Known, Plan, Reason, plan};
use crate::registry::Outcome;
use crate::registry::testing::*;

/// One look of one connection.
#[derive(Clone, Debug)]
struct Step {
    connection: &'static str,
    present: Vec<Sight>,
    failed: bool,
    minutes: i64,
    record: bool,
    hold: bool,
}

/// How an API shows itself.
#[derive(Clone, Copy, Debug)]
enum Sight {
    Absent,
    Unpublished,
    OneStage,
    TwoStages,
    Redeployed,
    Unreadable,
}

fn step() -> impl Strategy<Value = Step> {
    let sight = prop_oneof![
        Just(Sight::Absent),
        Just(Sight::Unpublished),
        Just(Sight::OneStage),
        Just(Sight::TwoStages),
        Just(Sight::Redeployed),
        Just(Sight::Unreadable),
    ];
    let connection = prop_oneof![Just("wide"), Just("narrow")];
    let steps = (connection, prop::collection::vec(sight, 4), prop::bool::weighted(0.15), 1..150_i64);
    let policies = (prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    (steps, policies).prop_map(|((connection, present, failed, minutes), (record, hold))| Step {
        connection,
        present,
        failed,
        minutes,
        record,
        hold,
    })
}

fn look(step: &Step) -> ScopeLook {
    let shown = step.present.iter().enumerate().filter_map(|(index, sight)| {
        let name = format!("a{index}");
        let mut api = match sight {
            Sight::Absent => return None,
            Sight::TwoStages => api_with(&name, &["dev", "prod"]),
            _ => api(&name),
        };
        if let (Sight::Unpublished | Sight::Redeployed, Details::Read(stages)) = (sight, &mut api.details) {
            stages[0].deployment_id = matches!(sight, Sight::Redeployed).then(|| "prod-2".to_owned());
        }
        if matches!(sight, Sight::Unreadable) {
            api.details = Details::Unreadable { cause: "denied".to_owned() };
            api.instances.clear();
        }
        Some(api)
    });
    let mut look = whole(shown.collect());
    if step.failed {
        look.listing = Listing::Failed(trouble(ScopeState::AccessDenied));
    }
    look
}

/// Identity, state, chosen, awaiting, registered URLs.
type Row = (String, Option<ApiState>, bool, bool, Vec<String>);

/// What the registry must know after a plan was committed.
fn expected(before: &Known, plan: &Plan) -> Vec<Row> {
    let mut apis: BTreeMap<_, _> = before
        .apis
        .iter()
        .map(|(id, known)| {
            (id, (known.state, known.chosen, known.awaiting, known.instances.keys().cloned().collect::<Vec<_>>()))
        })
        .collect();
    for entry in &plan.entries {
        let urls = entry.instances.keys().cloned().collect();
        apis.insert(&entry.api.id, (entry.after, entry.chosen, entry.awaiting, urls));
    }
    apis.into_iter()
        .map(|(id, (state, chosen, awaiting, urls))| (id.to_string(), state, chosen, awaiting, urls))
        .collect()
}

fn actual(known: &Known) -> Vec<Row> {
    let row = |known: &crate::plan::KnownApi| {
        let urls = known.instances.keys().cloned().collect();
        (known.api.id.to_string(), known.state, known.chosen, known.awaiting, urls)
    };
    known.apis.values().map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_registry_holds_what_was_planned(steps in prop::collection::vec(step(), 1..14)) {
        let mut bench = Bench::new();
        // No power cut is simulated here.
        bench.registry.connection.pragma_update(None, "synchronous", "OFF").unwrap();
        let mut now = hour(0);
        for step in &steps {
            now += TimeDelta::minutes(step.minutes);
            let look = look(step);
            let mut rules = rules_for(if step.connection == "wide" { &["catalog", "specs"] } else { &["catalog"] });
            if step.connection == "narrow" {
                rules.exclude.ids = vec!["a0".to_owned()];
            }
            let before = bench.registry.known(step.connection, &scope()).unwrap();
            let mut planned = plan(&look, &before, &rules, now);
            if step.record {
                planned.record_existing();
            }
            if step.hold {
                planned.hold_new(&before, |_| false);
            }
            let run = bench.begin(step.connection, now);
            let done = bench.commit(step.connection, run, &planned, now);
            bench.registry.finish_run(run, Outcome::Succeeded, &done.counts, None, now).unwrap();
            let after = bench.registry.known(step.connection, &scope()).unwrap();
            prop_assert_eq!(actual(&after), expected(&before, &planned));

            // What waits for approval is offered again; everything else is settled.
            let mut again = plan(&look, &after, &rules, now);
            again.entries.retain(|entry| !after.apis[&entry.api.id].awaiting);
            prop_assert!(again.is_empty(), "{:#?}", again.entries.iter().filter(|entry| entry.acts()).collect::<Vec<_>>());
            for entry in &again.entries {
                let held = matches!(entry.decision, Some((Decision::Held, _)));
                let settled = after.apis[&entry.api.id].last;
                let recorded = matches!(settled, Some((Decision::AlreadyOnboarded, Reason::RecordedAsExisting)));
                prop_assert!(held || recorded || entry.after == after.apis[&entry.api.id].state);
            }
        }
        prop_assert_eq!(bench.registry.check().unwrap(), Vec::<String>::new());
        let keys = bench.number("SELECT count(*) - count(DISTINCT target || ' ' || api || ' ' || revision) FROM deliveries");
        prop_assert_eq!(keys, 0);
    }
}
