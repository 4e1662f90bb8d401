//! Every combination of the truth table, and the rules that stand beside it.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::fixtures::{api, apply, at, failed, id, known, look, onboarded, remembered, rules, url};
use super::*;
use crate::config::{Event, Filter, Pattern, Patterns, PublishedBy};
use crate::inventory::{Listing, Protocol, ScopeLook, ScopeState, Trouble};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Look {
    Seen,
    Unreadable,
    Absent,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum ScopeIs {
    Complete,
    Failed,
    Suspicious,
    NotListed,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Registry {
    NotThere,
    Dropped,
    Excluded,
    OnlySeen,
    OnboardedByThis,
    OnboardedByOtherUntold,
    OnboardedByOtherTold,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Missed {
    Never,
    LessThanAnHourAgo,
    AnHourAgo,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    look: Look,
    scope: ScopeIs,
    registry: Registry,
    verdict: Result<(), Reason>,
    missed: Missed,
}

impl Case {
    fn is_onboarded(self) -> bool {
        use Registry::{OnboardedByOtherTold, OnboardedByOtherUntold, OnboardedByThis};
        matches!(self.registry, OnboardedByThis | OnboardedByOtherTold | OnboardedByOtherUntold)
    }

    fn is_pending(self) -> bool {
        matches!(self.registry, Registry::Excluded | Registry::OnlySeen)
    }

    fn is_unlisted(self) -> bool {
        matches!(self.registry, Registry::NotThere | Registry::Dropped)
    }
}

const OUT: [Reason; 6] = [
    Reason::Unpublished,
    Reason::NoMatchingStage,
    Reason::Ignored,
    Reason::NotIncluded,
    Reason::ExcludedByFilter,
    Reason::PublishedBefore,
];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for look in [Look::Seen, Look::Unreadable, Look::Absent] {
        for scope in [ScopeIs::Complete, ScopeIs::Failed, ScopeIs::Suspicious, ScopeIs::NotListed] {
            for registry in [
                Registry::NotThere,
                Registry::Dropped,
                Registry::Excluded,
                Registry::OnlySeen,
                Registry::OnboardedByThis,
                Registry::OnboardedByOtherUntold,
                Registry::OnboardedByOtherTold,
                Registry::Gone,
            ] {
                for verdict in std::iter::once(Ok(())).chain(OUT.map(Err)) {
                    for missed in [Missed::Never, Missed::LessThanAnHourAgo, Missed::AnHourAgo] {
                        // A row that is not there can carry no ignore.
                        if registry != Registry::NotThere || verdict != Err(Reason::Ignored) {
                            cases.push(Case { look, scope, registry, verdict, missed });
                        }
                    }
                }
            }
        }
    }
    cases
}

/// What a row of the table says happens: the decision, and where the API stands after; `None` = no entry.
type Outcome = Option<(Option<(Decision, Reason)>, Option<ApiState>)>;
type Row = (&'static str, fn(Case) -> bool, fn(Case) -> Outcome);

fn state_of(case: Case) -> Option<ApiState> {
    match case.registry {
        Registry::NotThere | Registry::Dropped => None,
        Registry::Excluded => Some(ApiState::Excluded),
        Registry::OnlySeen => Some(ApiState::Seen),
        Registry::Gone => Some(ApiState::Gone),
        _ => Some(ApiState::Onboarded),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "its twin says that there is no entry")]
fn decided(decision: Decision, reason: Reason, state: ApiState) -> Outcome {
    Some((Some((decision, reason)), Some(state)))
}

const TABLE: [Row; 14] = [
    (
        "seen, not onboarded, chosen",
        |case| case.look == Look::Seen && case.verdict.is_ok() && (case.is_unlisted() || case.is_pending()),
        |_| decided(Decision::Onboard, Reason::New, ApiState::Onboarded),
    ),
    (
        "seen, onboarded by another connection only, a target was never told",
        |case| case.look == Look::Seen && case.verdict.is_ok() && case.registry == Registry::OnboardedByOtherUntold,
        |_| decided(Decision::Onboard, Reason::NewToTarget, ApiState::Onboarded),
    ),
    (
        "seen, onboarded, chosen",
        |case| {
            let told = matches!(case.registry, Registry::OnboardedByThis | Registry::OnboardedByOtherTold);
            case.look == Look::Seen && case.verdict.is_ok() && told
        },
        |_| decided(Decision::AlreadyOnboarded, Reason::AlreadyOnboarded, ApiState::Onboarded),
    ),
    (
        "seen, onboarded, not chosen",
        |case| case.look == Look::Seen && case.verdict.is_err() && case.is_onboarded(),
        |_| decided(Decision::AlreadyOnboarded, Reason::NoLongerMatches, ApiState::Onboarded),
    ),
    (
        "seen, not onboarded, not chosen",
        |case| case.look == Look::Seen && case.verdict.is_err() && (case.is_unlisted() || case.is_pending()),
        |case| decided(Decision::Excluded, case.verdict.unwrap_err(), ApiState::Excluded),
    ),
    (
        "seen, gone, chosen",
        |case| case.look == Look::Seen && case.verdict.is_ok() && case.registry == Registry::Gone,
        |_| decided(Decision::Onboard, Reason::Returned, ApiState::Onboarded),
    ),
    (
        "seen, gone, not chosen",
        |case| case.look == Look::Seen && case.verdict.is_err() && case.registry == Registry::Gone,
        |case| decided(Decision::Excluded, case.verdict.unwrap_err(), ApiState::Excluded),
    ),
    (
        "listed, stages unreadable",
        |case| case.look == Look::Unreadable,
        |case| decided(Decision::Held, Reason::DetailsUnreadable, state_of(case).unwrap_or(ApiState::Seen)),
    ),
    (
        "absent, scope complete, first time or less than an hour after it, onboarded",
        |case| {
            let early = case.missed != Missed::AnHourAgo;
            case.look == Look::Absent && case.scope == ScopeIs::Complete && case.is_onboarded() && early
        },
        |_| decided(Decision::Held, Reason::NotSeenOnce, ApiState::Onboarded),
    ),
    (
        "absent, scope complete, an hour after the first time, onboarded",
        |case| {
            let late = case.missed == Missed::AnHourAgo;
            case.look == Look::Absent && case.scope == ScopeIs::Complete && case.is_onboarded() && late
        },
        |_| decided(Decision::Gone, Reason::NotSeen, ApiState::Gone),
    ),
    (
        "absent, scope complete, excluded or only seen",
        |case| case.look == Look::Absent && case.scope == ScopeIs::Complete && case.is_pending(),
        |_| Some((None, None)),
    ),
    (
        "absent, scope not complete or not listed",
        |case| {
            let open = case.scope != ScopeIs::Complete;
            case.look == Look::Absent && open && (case.is_onboarded() || case.is_pending())
        },
        |case| Some((Some((Decision::Held, Reason::ScopeFailed)), state_of(case))),
    ),
    ("absent, gone already", |case| case.look == Look::Absent && case.registry == Registry::Gone, |_| None),
    ("absent, never there", |case| case.look == Look::Absent && case.is_unlisted(), |_| None),
];

/// The case as the planner meets it.
fn stage(case: Case) -> (ScopeLook, Known, Rules) {
    let mut rules = rules(&["catalog"]);
    let mut subject = api("subject", &["prod"]);
    match case.verdict {
        Err(Reason::Unpublished) => {
            let Details::Read(stages) = &mut subject.details else { unreachable!() };
            stages[0].deployment_id = None;
        }
        Err(Reason::NoMatchingStage) => rules.stages = patterns(&["live-*"]),
        Err(Reason::NotIncluded) => rules.include.names = patterns(&["pay*"]),
        Err(Reason::ExcludedByFilter) => rules.exclude.protocols = vec![Protocol::Rest],
        Err(Reason::PublishedBefore) => rules.published_after = Some(at(0)),
        _ => {}
    }
    let mut memory = match case.registry {
        Registry::NotThere => None,
        Registry::OnboardedByThis => Some(onboarded(subject.clone(), &["catalog"])),
        Registry::OnboardedByOtherTold => Some(onboarded(subject.clone(), &["catalog", "other"])),
        Registry::OnboardedByOtherUntold => Some(onboarded(subject.clone(), &["other"])),
        _ => Some(remembered(subject.clone(), state_of(case))),
    };
    if let Some(memory) = &mut memory {
        memory.chosen = case.registry == Registry::OnboardedByThis;
        memory.absent_since = match case.missed {
            Missed::Never => None,
            Missed::LessThanAnHourAgo => Some(at(10) - TimeDelta::minutes(59)),
            Missed::AnHourAgo => Some(at(9)),
        };
        if case.verdict == Err(Reason::Ignored) {
            memory.ignored = Some(Ignored { reason: "test rig".to_owned(), until: None });
        }
    }
    let crowd = (0..if case.scope == ScopeIs::Suspicious { 12 } else { 0 })
        .map(|n| onboarded(api(&format!("crowd{n}"), &["prod"]), &["catalog"]));
    let known = known(memory.into_iter().chain(crowd));
    if case.look == Look::Unreadable {
        subject.details = Details::Unreadable { cause: "denied".to_owned() };
    }
    let apis = if case.look == Look::Absent { vec![] } else { vec![subject] };
    let look = match case.scope {
        ScopeIs::Failed => failed(apis),
        ScopeIs::NotListed => ScopeLook { listing: Listing::Selected, ..look(apis) },
        ScopeIs::Complete | ScopeIs::Suspicious => look(apis),
    };
    (look, known, rules)
}

fn patterns(globs: &[&str]) -> Patterns {
    Patterns::new(globs.iter().map(|glob| Pattern::new(glob).unwrap()).collect())
}

fn entry_of<'a>(plan: &'a Plan, name: &str) -> Option<&'a Entry> {
    plan.entries.iter().find(|entry| entry.api.id == id(name))
}

#[test]
fn every_combination_has_exactly_one_row_and_the_plan_follows_it() {
    let cases = cases();
    assert_eq!(cases.len(), 3 * 4 * (8 * 7 - 1) * 3);
    let mut used = BTreeSet::new();
    for case in cases {
        let rows: Vec<&Row> = TABLE.iter().filter(|(_, applies, _)| applies(case)).collect();
        let [(name, _, outcome)] = rows[..] else {
            panic!("{case:?} has {} rows", rows.len());
        };
        used.insert(*name);
        let (look, known, rules) = stage(case);
        let plan = plan(&look, &known, &rules, at(10));
        let found = entry_of(&plan, "subject").map(|entry| (entry.decision, entry.after));
        assert_eq!(found, outcome(case), "{name}: {case:?}");
    }
    assert_eq!(used.len(), TABLE.len(), "a row that no combination reaches is no row");
}

#[test]
fn of_several_reasons_for_exclusion_the_first_in_the_fixed_order_is_given() {
    // Each step cures the first reason, so that the next one shows.
    let mut subject = api("subject", &["prod"]);
    let Details::Read(stages) = &mut subject.details else { unreachable!() };
    stages[0].deployment_id = None;
    let mut memory = remembered(subject.clone(), Some(ApiState::Excluded));
    memory.ignored = Some(Ignored { reason: "test rig".to_owned(), until: None });
    let mut rules = rules(&[]);
    rules.stages = patterns(&["live-*"]);
    rules.include = Filter { names: patterns(&["pay*"]), ..Filter::default() };
    rules.exclude = Filter { protocols: vec![Protocol::Rest], ..Filter::default() };
    rules.published_after = Some(at(0));

    let cures: [fn(&mut Api, &mut KnownApi, &mut Rules); 6] = [
        |api, _, _| *api = super::fixtures::api("subject", &["prod"]),
        |_, _, rules| rules.stages = Patterns::default(),
        |_, memory, _| memory.ignored = None,
        |_, _, rules| rules.include = Filter::default(),
        |_, _, rules| rules.exclude = Filter::default(),
        |_, _, rules| rules.published_after = None,
    ];
    for (cure, expected) in cures.into_iter().zip(OUT) {
        let plan = plan(&look(vec![subject.clone()]), &known([memory.clone()]), &rules, at(0));
        assert_eq!(plan.entries[0].decision, Some((Decision::Excluded, expected)));
        cure(&mut subject, &mut memory, &mut rules);
    }
    let plan = plan(&look(vec![subject]), &known([memory]), &rules, at(0));
    assert_eq!(plan.entries[0].decision, Some((Decision::Onboard, Reason::New)));
}

#[test]
fn an_ignore_ends_after_its_last_day() {
    let mut memory = remembered(api("subject", &["prod"]), Some(ApiState::Excluded));
    memory.ignored = Some(Ignored { reason: "migration".to_owned(), until: Some(at(0).date_naive()) });
    let decide = |hour| {
        plan(&look(vec![api("subject", &["prod"])]), &known([memory.clone()]), &rules(&[]), at(hour)).entries[0]
            .decision
    };
    assert_eq!(decide(23), Some((Decision::Excluded, Reason::Ignored)));
    assert_eq!(decide(24), Some((Decision::Onboard, Reason::New)));
}

#[test]
fn the_date_compared_is_the_one_that_was_named_and_a_missing_one_passes_with_a_flag() {
    let mut subject = api("subject", &["prod"]);
    subject.created_at = Some(at(-10));
    let Details::Read(stages) = &mut subject.details else { unreachable!() };
    stages[0].created_at = Some(at(0));
    let mut rules = rules(&[]);
    rules.published_after = Some(at(0));
    let mut decide = |by| {
        rules.published_by = by;
        let entry = plan(&look(vec![subject.clone()]), &Known::default(), &rules, at(1)).entries.remove(0);
        (entry.decision.unwrap().1, entry.date_unknown)
    };
    assert_eq!(decide(PublishedBy::Created), (Reason::PublishedBefore, false));
    assert_eq!(decide(PublishedBy::FirstPublished), (Reason::New, false), "the bound itself is inside");
    assert_eq!(decide(PublishedBy::LastPublished), (Reason::New, true));
}

#[test]
fn a_suspiciously_short_listing_is_believed_when_an_hour_later_agrees() {
    let memory = known((0..12).map(|n| onboarded(api(&format!("api{n:02}"), &["prod"]), &["catalog"])));
    let short = look((0..5).map(|n| api(&format!("api{n:02}"), &["prod"])).collect());
    let rules = rules(&["catalog"]);

    let first = plan(&short, &memory, &rules, at(0));
    assert_eq!(first.settled.state, ScopeState::Suspicious);
    assert_eq!(entry_of(&first, "api11").unwrap().decision, Some((Decision::Held, Reason::ScopeFailed)));
    let memory = apply(&memory, &first);
    let soon = plan(&short, &memory, &rules, at(1) - TimeDelta::seconds(1));
    assert_eq!(soon.settled.state, ScopeState::Suspicious);
    let memory = apply(&memory, &soon);
    let second = plan(&short, &memory, &rules, at(1));
    assert_eq!(second.settled.state, ScopeState::Complete);
    assert_eq!(entry_of(&second, "api11").unwrap().decision, Some((Decision::Held, Reason::NotSeenOnce)));
    let memory = apply(&memory, &second);
    let third = plan(&short, &memory, &rules, at(2));
    assert_eq!(third.settled.state, ScopeState::Complete);
    assert_eq!(entry_of(&third, "api11").unwrap().decision, Some((Decision::Gone, Reason::NotSeen)));
}

#[test]
fn a_listing_of_half_of_the_apis_or_of_few_known_ones_is_not_suspicious() {
    for (known_apis, listed) in [(12, 6), (9, 0), (10, 5)] {
        let memory = known((0..known_apis).map(|n| onboarded(api(&format!("api{n:02}"), &["prod"]), &[])));
        let look = look((0..listed).map(|n| api(&format!("api{n:02}"), &["prod"])).collect());
        assert_eq!(settle(&look, &memory, at(0)).state, ScopeState::Complete, "{listed} of {known_apis}");
    }
}

#[test]
fn an_answer_without_its_list_proves_nothing_where_apis_were_known() {
    let mut empty = look(vec![]);
    empty.listing = Listing::Whole { without_list: true };
    let memory = known([onboarded(api("subject", &["prod"]), &[])]);
    let plan = plan(&empty, &memory, &rules(&[]), at(0));
    assert_eq!(plan.settled.state, ScopeState::Failed);
    assert_eq!(plan.entries[0].decision, Some((Decision::Held, Reason::ScopeFailed)));
    assert_eq!(settle(&empty, &Known::default(), at(0)).state, ScopeState::Complete);
}

#[test]
fn a_closed_account_takes_its_apis_with_it_after_thirty_days() {
    let memory = known([onboarded(api("subject", &["prod"]), &["catalog"])]);
    let cause = "the account's state in the organization is CLOSED".to_owned();
    let closed = Trouble { state: ScopeState::AccountSuspended, cause, hint: None };
    let decide = |days: i64| {
        closed_account(&super::fixtures::scope(), &memory, &rules(&["catalog"]), &closed, at(0), at(24 * days))
    };
    assert_eq!(decide(29).entries[0].decision, Some((Decision::Held, Reason::ScopeFailed)));
    let gone = decide(30);
    assert_eq!(gone.entries[0].decision, Some((Decision::Gone, Reason::AccountGone)));
    assert_eq!(gone.entries[0].messages[0].event, crate::config::Event::Gone);
}

#[test]
fn a_stage_that_a_person_left_out_stays_out_until_it_is_selected() {
    let subject = api("subject", &["dev", "prod"]);
    let mut selecting = rules(&["catalog"]);
    let only = |stage: &str| Selection::from([(id("subject"), StageChoice::Only(BTreeSet::from([stage.to_owned()])))]);
    selecting.selection = Some(only("prod"));
    // Filters and dates do not count for what a person names.
    selecting.exclude.protocols = vec![Protocol::Rest];
    let first = plan(&look(vec![subject.clone()]), &Known::default(), &selecting, at(0));
    assert_eq!(first.entries[0].decision, Some((Decision::Onboard, Reason::Selected)));
    assert_eq!(first.entries[0].instances.keys().collect::<Vec<_>>(), [&url("subject", "prod")]);

    let memory = apply(&Known::default(), &first);
    let scheduled = plan(&look(vec![subject.clone()]), &memory, &rules(&["catalog"]), at(1));
    assert!(scheduled.is_empty(), "{scheduled:?}");
    let later = plan(&look(vec![api("subject", &["dev", "live", "prod"])]), &memory, &rules(&["catalog"]), at(1));
    assert_eq!(later.entries[0].added[0].stage, "live", "a stage that is new follows the rules");

    selecting.selection = Some(only("dev"));
    let second = plan(&look(vec![subject]), &memory, &selecting, at(2));
    assert_eq!(second.entries[0].decision, Some((Decision::AlreadyOnboarded, Reason::AlreadyOnboarded)));
    assert_eq!(second.entries[0].added[0].stage, "dev");
    assert_eq!(second.entries[0].messages[0].event, crate::config::Event::InstanceAdded);
    assert_eq!(second.entries[0].left_out, BTreeSet::new());
}

#[test]
fn an_address_goes_after_two_looks_and_never_while_domains_are_unreadable() {
    let mut with_domain = api("subject", &["prod"]);
    let mut custom = with_domain.instances[0].clone();
    custom.url = "https://api.example.com/subject".to_owned();
    custom.kind = crate::inventory::InstanceKind::CustomDomain;
    with_domain.instances.push(custom.clone());
    let memory = known([onboarded(with_domain, &["catalog", "other"])]);
    let rules = rules(&["catalog"]);

    let blind = ScopeLook { domains_read: false, ..look(vec![api("subject", &["prod"])]) };
    let after = apply(&memory, &plan(&blind, &memory, &rules, at(0)));
    assert_eq!(after.apis[&id("subject")].instances[&custom.url].absent_since, None);

    let without = look(vec![api("subject", &["prod"])]);
    let first = plan(&without, &memory, &rules, at(0));
    assert!(first.is_empty());
    let memory = apply(&memory, &first);
    let second = plan(&without, &memory, &rules, at(1));
    assert_eq!(second.entries[0].removed, [custom]);
    let told: Vec<&str> = second.entries[0].messages.iter().map(|message| message.target.as_str()).collect();
    assert_eq!(told, ["catalog", "other"], "whoever was told hears of it");
}

#[test]
fn gone_and_back_is_told_to_everyone_who_knew_it() {
    let memory = known([onboarded(api("subject", &["prod"]), &["catalog", "other"])]);
    let rules = rules(&["catalog", "specs"]);
    let gone = |memory: &Known, hour| plan(&look(vec![]), memory, &rules, at(hour));
    let memory = apply(&memory, &gone(&memory, 0));
    let left = gone(&memory, 1);
    let events = |plan: &Plan| -> Vec<(String, &'static str)> {
        plan.entries[0].messages.iter().map(|message| (message.target.clone(), message.event.as_str())).collect()
    };
    assert_eq!(events(&left), [("catalog".to_owned(), "api.gone"), ("other".to_owned(), "api.gone")]);
    let memory = apply(&memory, &left);
    let back = plan(&look(vec![api("subject", &["prod"])]), &memory, &rules, at(2));
    assert_eq!(back.entries[0].decision, Some((Decision::Onboard, Reason::Returned)));
    let expected = [("catalog", "api.returned"), ("other", "api.returned"), ("specs", "api.onboarded")];
    assert_eq!(events(&back), expected.map(|(target, event)| (target.to_owned(), event)));
}

#[test]
fn what_the_first_look_finds_is_recorded_and_nobody_is_told() {
    let mut first = plan(&look(vec![api("old", &["prod"])]), &Known::default(), &rules(&["catalog"]), at(0));
    first.record_existing();
    assert_eq!(first.entries[0].decision, Some((Decision::AlreadyOnboarded, Reason::RecordedAsExisting)));
    assert_eq!(first.entries[0].after, Some(ApiState::Onboarded));
    assert!(first.entries[0].messages.is_empty());
    let memory = apply(&Known::default(), &first);
    let second =
        plan(&look(vec![api("old", &["prod"]), api("young", &["prod"])]), &memory, &rules(&["catalog"]), at(1));
    assert_eq!(second.entries[0].decision, Some((Decision::AlreadyOnboarded, Reason::AlreadyOnboarded)));
    assert_eq!(second.entries[1].decision, Some((Decision::Onboard, Reason::New)));
}

#[test]
fn what_is_held_back_waits_and_is_offered_again() {
    let seen = look(vec![api("a", &["prod"]), api("b", &["prod"])]);
    let mut held = plan(&seen, &Known::default(), &rules(&["catalog"]), at(0));
    held.hold_new(&Known::default(), |spared| *spared == id("a"));
    assert!(held.entries[0].onboards());
    assert_eq!(held.entries[1].decision, Some((Decision::Held, Reason::AwaitingApproval)));
    assert_eq!(held.entries[1].after, Some(ApiState::Seen));
    assert!(held.entries[1].messages.is_empty() && held.entries[1].awaiting && !held.entries[1].chosen);
    let memory = apply(&Known::default(), &held);
    let blind = plan(&failed(vec![]), &memory, &rules(&["catalog"]), at(1));
    assert!(entry_of(&blind, "b").unwrap().awaiting, "a failed look does not forget what waits");
    let again = plan(&seen, &memory, &rules(&["catalog"]), at(1));
    assert_eq!(again.entries[1].decision, Some((Decision::Onboard, Reason::New)));
}

#[test]
fn deployment_dates_are_asked_only_for_what_comes_in_or_changed() {
    let mut moved = api("moved", &["prod"]);
    let Details::Read(stages) = &mut moved.details else { unreachable!() };
    stages[0].deployment_id = Some("prod-2".to_owned());
    let memory = known([onboarded(api("same", &["prod"]), &[]), onboarded(api("moved", &["prod"]), &[])]);
    let look = look(vec![moved, api("new", &["dev", "prod"]), api("same", &["prod"])]);
    let plan = plan(&look, &memory, &rules(&[]), at(0));
    let wanted = plan.wanted_deployments();
    let ids: Vec<&str> = wanted.keys().map(|id| id.api_id.as_str()).collect();
    assert_eq!(ids, ["moved", "new"]);
    assert_eq!(wanted[&id("moved")], BTreeSet::from(["prod-2".to_owned()]));
    assert_eq!(wanted[&id("new")].len(), 2);
}

#[test]
fn a_target_added_later_gets_nothing_by_itself() {
    let memory = known([onboarded(api("subject", &["prod"]), &["catalog"])]);
    let plan = plan(&look(vec![api("subject", &["prod"])]), &memory, &rules(&["catalog", "specs"]), at(0));
    assert_eq!(plan.entries[0].decision, Some((Decision::AlreadyOnboarded, Reason::AlreadyOnboarded)));
    assert!(plan.is_empty());
}

/// An API that `other` has, whose stage serves a new deployment and which lost an address an hour ago.
fn onboarded_by_other_and_changed() -> (ScopeLook, Known, Rules) {
    let mut before = api("subject", &["prod"]);
    let mut lost = before.instances[0].clone();
    lost.url = "https://old.example.com/subject".to_owned();
    before.instances.push(lost.clone());
    let mut memory = onboarded(before, &["other"]);
    memory.chosen = false;
    memory.instances.get_mut(&lost.url).unwrap().absent_since = Some(at(0));
    let mut now = api("subject", &["prod"]);
    let Details::Read(stages) = &mut now.details else { unreachable!() };
    stages[0].deployment_id = Some("prod-2".to_owned());
    let mut rules = rules(&["catalog"]);
    rules.events.get_mut("other").unwrap().insert(Event::Changed);
    (look(vec![now]), known([memory]), rules)
}

fn messages(plan: &Plan) -> Vec<(&str, Event)> {
    plan.entries[0].messages.iter().map(|message| (message.target.as_str(), message.event)).collect()
}

#[test]
fn what_happened_to_an_api_is_told_to_whoever_has_it_even_where_a_newcomer_is_held_back_or_recorded() {
    let (look, memory, rules) = onboarded_by_other_and_changed();
    let planned = plan(&look, &memory, &rules, at(1));
    let stay = [("other", Event::InstanceRemoved), ("other", Event::Changed)];
    assert_eq!(messages(&planned), [&stay[..], &[("catalog", Event::Onboarded)]].concat());

    let mut held = planned.clone();
    held.hold_new(&memory, |_| false);
    assert_eq!(messages(&held), stay);
    assert_eq!(held.entries[0].told.keys().collect::<Vec<_>>(), ["other"]);
    assert_eq!(held.entries[0].told["other"].urls, BTreeSet::from([url("subject", "prod")]));
    let again = plan(&look, &apply(&memory, &held), &rules, at(1));
    assert_eq!(messages(&again), [("catalog", Event::Onboarded)], "what was told is not told again");

    let mut recorded = planned;
    recorded.record_existing();
    assert_eq!(messages(&recorded), stay);
    assert!(plan(&look, &apply(&memory, &recorded), &rules, at(1)).is_empty());
}

#[test]
fn what_is_only_remembered_proves_nothing() {
    let (look, mut memory, rules) = onboarded_by_other_and_changed();
    memory.apis.get_mut(&id("subject")).unwrap().absent_since = Some(at(0));
    let remembered = ScopeLook { listing: Listing::Remembered, ..look };
    let entry = plan(&remembered, &memory, &rules, at(9)).entries.remove(0);
    assert_eq!(entry.removed, []);
    assert_eq!(entry.absent_since, Some(at(0)));
    assert_eq!(entry.instances["https://old.example.com/subject"].absent_since, Some(at(0)));
}

#[test]
fn a_newcomer_is_not_told_of_an_address_that_this_look_missed() {
    let (look, memory, rules) = onboarded_by_other_and_changed();
    let planned = plan(&look, &memory, &rules, at(0));
    assert_eq!(planned.entries[0].told["catalog"].urls, BTreeSet::from([url("subject", "prod")]));
}

#[test]
fn naming_a_stage_that_is_not_there_says_nothing_about_the_rules() {
    let memory = known([onboarded(api("subject", &["prod"]), &["catalog"])]);
    let mut rules = rules(&["catalog"]);
    rules.selection = Some(Selection::from([(id("subject"), StageChoice::Only(BTreeSet::from(["nope".to_owned()])))]));
    let selected = ScopeLook { listing: Listing::Selected, ..look(vec![api("subject", &["prod"])]) };
    let planned = plan(&selected, &memory, &rules, at(0));
    assert_eq!(planned.entries[0].decision, Some((Decision::AlreadyOnboarded, Reason::AlreadyOnboarded)));
    let unanswered = ScopeLook { apis: vec![], ..selected };
    assert_eq!(
        plan(&unanswered, &memory, &rules, at(0)).entries,
        [],
        "an API that did not answer is no look at its scope"
    );
}
