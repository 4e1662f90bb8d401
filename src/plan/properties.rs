//! Properties that hold for every inventory and every memory.

use proptest::prelude::*;

use super::fixtures::{api, apply, at, failed, look, rules};
use super::*;
use crate::config::{Pattern, Patterns};
use crate::inventory::{ScopeLook, ScopeState};

const STAGES: [&[&str]; 5] = [&[], &["prod"], &["dev"], &["dev", "prod"], &["live", "prod"]];

/// Up to a dozen APIs, each with some stages, sometimes unreadable or undeployed.
fn apis() -> impl Strategy<Value = Vec<Api>> {
    let one = (0..12_usize, 0..STAGES.len(), 0..10_u8).prop_map(|(name, stages, flaw)| {
        let mut api = api(&format!("api{name:02}"), STAGES[stages]);
        match flaw {
            0 => api.details = Details::Unreadable { cause: "denied".to_owned() },
            1 => {
                if let Details::Read(stages) = &mut api.details {
                    for stage in stages {
                        stage.deployment_id = None;
                    }
                }
            }
            2 => api.instances.clear(),
            _ => {}
        }
        api
    });
    proptest::collection::btree_map(any::<u8>(), one, 0..12).prop_map(|apis| {
        let by_id: std::collections::BTreeMap<_, _> = apis.into_values().map(|api| (api.id.clone(), api)).collect();
        by_id.into_values().collect()
    })
}

fn a_look() -> impl Strategy<Value = ScopeLook> {
    (apis(), 0..4_u8, any::<bool>()).prop_map(|(apis, kind, domains_read)| {
        let look = if kind == 0 { failed(apis) } else { look(apis) };
        ScopeLook { domains_read, ..look }
    })
}

fn some_rules() -> impl Strategy<Value = Rules> {
    (0..3_u8, any::<bool>(), 0..4_u8).prop_map(|(stages, dated, targets)| {
        let mut rules = rules([&["catalog"][..], &["specs"], &[], &["catalog", "specs"]][targets as usize]);
        if stages == 1 {
            rules.stages = Patterns::new(vec![Pattern::new("prod").unwrap()]);
        }
        rules.published_after = dated.then(|| at(-150));
        rules
    })
}

/// A memory as a sequence of looks by this connection and another leaves it.
fn history(looks: &[(ScopeLook, bool, i64)], mine: &Rules, other: &Rules) -> (Known, i64) {
    let mut memory = Known::default();
    let mut hour = 0;
    for (look, by_me, gap) in looks {
        hour += gap;
        let chosen: Vec<_> = memory.apis.iter().map(|(id, known)| (id.clone(), known.chosen)).collect();
        if !by_me {
            memory.apis.values_mut().for_each(|known| known.chosen = false);
        }
        let plan = plan(look, &memory, if *by_me { mine } else { other }, at(hour));
        memory = apply(&memory, &plan);
        if !by_me {
            memory.apis.values_mut().for_each(|known| known.chosen = false);
            for (id, chosen) in chosen {
                memory.apis.get_mut(&id).unwrap().chosen = chosen;
            }
        }
    }
    (memory, hour)
}

fn looks() -> impl Strategy<Value = Vec<(ScopeLook, bool, i64)>> {
    proptest::collection::vec((a_look(), any::<bool>(), 0..3_i64), 0..6)
}

proptest! {
    #[test]
    fn planning_an_applied_look_again_plans_nothing(looks in looks(), last in a_look(), mine in some_rules(), other in some_rules()) {
        let (memory, hour) = history(&looks, &mine, &other);
        let first = plan(&last, &memory, &mine, at(hour));
        let second = plan(&last, &apply(&memory, &first), &mine, at(hour));
        prop_assert!(second.is_empty(), "{:?}", second.entries.iter().filter(|entry| entry.acts()).collect::<Vec<_>>());
    }

    #[test]
    fn the_order_of_the_input_never_changes_the_plan(looks in looks(), last in a_look(), mine in some_rules(), other in some_rules()) {
        let (memory, hour) = history(&looks, &mine, &other);
        let mut reversed = last.clone();
        reversed.apis.reverse();
        prop_assert_eq!(plan(&last, &memory, &mine, at(hour)), plan(&reversed, &memory, &mine, at(hour)));
    }

    #[test]
    fn a_look_that_is_not_whole_never_takes_anything_away(looks in looks(), last in a_look(), mine in some_rules(), other in some_rules()) {
        let (memory, hour) = history(&looks, &mine, &other);
        let last = ScopeLook { listing: failed(vec![]).listing, ..last };
        for entry in plan(&last, &memory, &mine, at(hour + 100)).entries {
            prop_assert!(!matches!(entry.decision, Some((Decision::Gone, _))));
            prop_assert!(entry.before.is_none() || entry.after.is_some());
        }
    }

    #[test]
    fn every_api_seen_or_remembered_in_the_lists_has_exactly_one_entry(looks in looks(), last in a_look(), mine in some_rules(), other in some_rules()) {
        let (memory, hour) = history(&looks, &mine, &other);
        let plan = plan(&last, &memory, &mine, at(hour));
        let mut ids: Vec<_> = plan.entries.iter().map(|entry| entry.api.id.clone()).collect();
        let listed = ids.len();
        ids.dedup();
        prop_assert_eq!(ids.len(), listed, "ordered and without doubles");
        for api in &last.apis {
            prop_assert!(ids.binary_search(&api.id).is_ok());
        }
        for (id, known) in &memory.apis {
            let in_lists = !matches!(known.state, None | Some(ApiState::Gone));
            prop_assert!(!in_lists || ids.binary_search(id).is_ok());
        }
    }

    #[test]
    fn an_api_is_told_to_a_target_once_until_it_goes(looks in looks(), mine in some_rules(), other in some_rules()) {
        let mut memory = Known::default();
        let mut open = std::collections::BTreeSet::new();
        let mut hour = 0;
        for (look, _, gap) in &looks {
            hour += gap;
            let rules = if hour % 2 == 0 { &mine } else { &other };
            let plan = plan(look, &memory, rules, at(hour));
            for entry in &plan.entries {
                for message in &entry.messages {
                    let key = (entry.api.id.clone(), message.target.clone());
                    match message.event {
                        Event::Onboarded | Event::Returned => prop_assert!(open.insert(key), "told twice"),
                        Event::Gone => prop_assert!(open.remove(&key), "gone without having been told"),
                        _ => prop_assert!(open.contains(&key), "told of changes without knowing the API"),
                    }
                }
            }
            memory = apply(&memory, &plan);
        }
    }

    #[test]
    fn settling_never_believes_a_listing_that_failed(looks in looks(), last in a_look(), mine in some_rules(), other in some_rules()) {
        let (memory, hour) = history(&looks, &mine, &other);
        let settled = settle(&last, &memory, at(hour));
        prop_assert_eq!(settled.proves_absence, settled.state == ScopeState::Complete);
    }
}
