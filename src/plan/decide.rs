//! The decision for each API: the code of the table in the parent's page.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::addresses::{Addresses, compare};
use super::rules::Verdict;
use super::settle::{SECOND_LOOK_AFTER, Settled, settle};
use super::{ApiState, Decision, Entry, Known, KnownApi, Message, Plan, Reason, Rules, Told};
use crate::config::Event;
use crate::inventory::{Api, Details, Listing, Scope, ScopeLook, Trouble};

/// An account that is closed takes its APIs with it after this long.
const CLOSED_ACCOUNT_GONE_AFTER: TimeDelta = TimeDelta::days(30);

/// Decides upon every API of one scope.
#[must_use]
pub fn plan(look: &ScopeLook, known: &Known, rules: &Rules, now: DateTime<Utc>) -> Plan {
    let settled = settle(look, known, now);
    let mut entries = BTreeMap::new();
    for api in &look.apis {
        let known = known.apis.get(&api.id);
        entries.insert(api.id.clone(), seen(api, known, rules, look, now));
    }
    for (id, known) in &known.apis {
        // Whoever names APIs asks about nothing else; that one of them did not answer is for the caller to say.
        let failed = matches!(look.listing, Listing::Failed(_));
        let asked = rules.selection.as_ref().is_none_or(|selection| failed && selection.contains_key(id));
        if asked
            && !entries.contains_key(id)
            && let Some(entry) = absent(known, &settled, rules, now)
        {
            entries.insert(id.clone(), entry);
        }
    }
    Plan { scope: look.scope.clone(), settled, entries: entries.into_values().collect() }
}

/// Decides upon the APIs of a scope whose account is closed, or has been missing from the organization, since `since`.
#[must_use]
pub fn closed_account(
    scope: &Scope,
    known: &Known,
    rules: &Rules,
    trouble: &Trouble,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Plan {
    let settled = Settled {
        state: trouble.state,
        cause: Some(format!("{}, first seen so on {}", trouble.cause, since.date_naive())),
        hint: trouble.hint.clone(),
        proves_absence: false,
        suspicious_since: known.scope.suspicious_since,
    };
    let gone = now - since >= CLOSED_ACCOUNT_GONE_AFTER;
    let entry = |known: &KnownApi| {
        if gone && known.state == Some(ApiState::Onboarded) {
            Some(leave(known, Reason::AccountGone, rules))
        } else {
            absent(known, &settled, rules, now)
        }
    };
    let entries = known.apis.values().filter_map(entry).collect();
    Plan { scope: scope.clone(), settled, entries }
}

fn seen(api: &Api, known: Option<&KnownApi>, rules: &Rules, look: &ScopeLook, now: DateTime<Utc>) -> Entry {
    let before = known.and_then(|known| known.state);
    let mut entry = blank(api.clone(), known);
    entry.seen = true;
    if look.listing == Listing::Remembered {
        entry.absent_since = known.and_then(|known| known.absent_since);
    }
    if let Details::Unreadable { .. } = api.details {
        entry.decision = Some((Decision::Held, Reason::DetailsUnreadable));
        entry.after = before.or(Some(ApiState::Seen));
        return entry;
    }
    let verdict = rules.verdict(api, known, now);
    let onboarded = known.filter(|known| known.state == Some(ApiState::Onboarded));
    entry.awaiting = false;
    match (verdict, onboarded) {
        (Verdict::Out(reason), None) => {
            entry.decision = Some((Decision::Excluded, reason));
            entry.after = Some(ApiState::Excluded);
            entry.instances.clear();
        }
        (Verdict::Out(_), Some(known)) => {
            // A person who names a stage that is not there says nothing about the rules.
            let named = rules.selection.as_ref().is_some_and(|selection| selection.contains_key(&api.id));
            let reason = if named { Reason::AlreadyOnboarded } else { Reason::NoLongerMatches };
            entry.decision = Some((Decision::AlreadyOnboarded, reason));
            stay(&mut entry, known, compare(api, Some(known), |_| false, look, now), rules);
        }
        (Verdict::In { date_unknown, selected }, None) => {
            let reason = match before {
                Some(ApiState::Gone) => Reason::Returned,
                _ if selected => Reason::Selected,
                _ => Reason::New,
            };
            entry.left_out = rules.left_out(api, known);
            let wants = |stage: &str| rules.wants(&api.id, &entry.left_out, stage);
            let addresses = compare(api, None, wants, look, now);
            entry.decision = Some((Decision::Onboard, reason));
            entry.after = Some(ApiState::Onboarded);
            entry.chosen = true;
            entry.date_unknown = date_unknown;
            entry.instances = addresses.registered;
            enter(&mut entry, known, rules);
        }
        (Verdict::In { date_unknown, .. }, Some(known)) => {
            entry.left_out = rules.left_out(api, Some(known));
            let wants = |stage: &str| rules.wants(&api.id, &entry.left_out, stage);
            let addresses = compare(api, Some(known), wants, look, now);
            let untold = !known.chosen && rules.targets.iter().any(|target| !known.told.contains_key(target));
            entry.decision = Some(if untold {
                (Decision::Onboard, Reason::NewToTarget)
            } else {
                (Decision::AlreadyOnboarded, Reason::AlreadyOnboarded)
            });
            entry.chosen = true;
            entry.date_unknown = date_unknown;
            let wanted: BTreeSet<String> = addresses
                .registered
                .values()
                .filter(|known| known.absent_since.is_none() && wants(&known.instance.stage))
                .map(|known| known.instance.url.clone())
                .collect();
            stay(&mut entry, known, addresses, rules);
            if untold {
                introduce(&mut entry, known, &wanted, rules);
            }
            extend(&mut entry, known, &wanted, rules);
        }
    }
    entry
}

fn absent(known: &KnownApi, settled: &Settled, rules: &Rules, now: DateTime<Utc>) -> Option<Entry> {
    let mut entry = blank(known.api.clone(), Some(known));
    entry.absent_since = known.absent_since;
    match (known.state, settled.proves_absence) {
        (None | Some(ApiState::Gone), _) => return None,
        (Some(ApiState::Excluded | ApiState::Seen), true) => {
            entry.decision = None;
            entry.after = None;
            entry.awaiting = false;
            entry.absent_since = None;
        }
        (Some(ApiState::Onboarded), true) => match known.absent_since {
            Some(since) if now - since >= SECOND_LOOK_AFTER => return Some(leave(known, Reason::NotSeen, rules)),
            since => {
                entry.decision = Some((Decision::Held, Reason::NotSeenOnce));
                entry.absent_since = since.or(Some(now));
            }
        },
        (Some(_), false) => entry.decision = Some((Decision::Held, Reason::ScopeFailed)),
    }
    Some(entry)
}

/// An entry that changes nothing yet.
fn blank(api: Api, known: Option<&KnownApi>) -> Entry {
    let before = known.and_then(|known| known.state);
    Entry {
        api,
        decision: None,
        before,
        after: before,
        seen: false,
        chosen: known.is_some_and(|known| known.chosen),
        awaiting: known.is_some_and(|known| known.awaiting),
        date_unknown: false,
        absent_since: None,
        onboarded_at: known.and_then(|known| known.onboarded_at),
        left_out: known.map(|known| known.left_out.clone()).unwrap_or_default(),
        instances: known.map(|known| known.instances.clone()).unwrap_or_default(),
        added: Vec::new(),
        removed: Vec::new(),
        redeployed: Vec::new(),
        told: BTreeMap::new(),
        messages: Vec::new(),
    }
}

/// An API comes in, for the first time or again.
///
/// Each target hears what fits what it knows. After a return those that were told that the API is gone hear it too,
/// even if they belong to other connections.
fn enter(entry: &mut Entry, known: Option<&KnownApi>, rules: &Rules) {
    let urls: BTreeSet<String> = entry.instances.keys().cloned().collect();
    let told = known.map(|known| &known.told);
    let told_gone = told.into_iter().flatten().filter(|(_, told)| told.gone).map(|(target, _)| target);
    let audience: BTreeSet<&String> = rules.targets.iter().chain(told_gone).collect();
    for target in audience {
        let event = match told.and_then(|told| told.get(target)) {
            Some(_) => Event::Returned,
            None => Event::Onboarded,
        };
        entry.told.insert(target.clone(), Told { urls: urls.clone(), gone: false });
        tell(&mut entry.messages, rules, target, event, urls.clone());
    }
}

/// An API that another connection onboarded is introduced to the targets that never heard of it.
fn introduce(entry: &mut Entry, known: &KnownApi, wanted: &BTreeSet<String>, rules: &Rules) {
    for target in rules.targets.iter().filter(|target| !known.told.contains_key(*target)) {
        entry.told.insert(target.clone(), Told { urls: wanted.clone(), gone: false });
        tell(&mut entry.messages, rules, target, Event::Onboarded, wanted.clone());
    }
}

/// An API stays: what went away is taken from every target that has it, and who asked for changes hears of new deployments.
fn stay(entry: &mut Entry, known: &KnownApi, addresses: Addresses, rules: &Rules) {
    let redeployed = entry.api.stages().iter().filter(|stage| {
        let before = known.api.stages().iter().find(|before| before.name == stage.name);
        let before = before.and_then(|before| before.deployment_id.as_deref());
        before.is_some() && stage.deployment_id.is_some() && before != stage.deployment_id.as_deref()
    });
    entry.redeployed = redeployed.map(|stage| stage.name.clone()).collect();
    let removed: BTreeSet<String> = addresses.removed.iter().map(|instance| instance.url.clone()).collect();
    let changed = addresses.registered.values().filter(|known| entry.redeployed.contains(&known.instance.stage));
    let changed: BTreeSet<String> = changed.map(|known| known.instance.url.clone()).collect();
    for (target, told) in known.told.iter().filter(|(_, told)| !told.gone) {
        let lost: BTreeSet<String> = told.urls.intersection(&removed).cloned().collect();
        if !lost.is_empty() {
            entry
                .told
                .insert(target.clone(), Told { urls: told.urls.difference(&lost).cloned().collect(), gone: false });
            tell(&mut entry.messages, rules, target, Event::InstanceRemoved, lost);
        }
        let changed: BTreeSet<String> = told.urls.intersection(&changed).cloned().collect();
        if !changed.is_empty() {
            tell(&mut entry.messages, rules, target, Event::Changed, changed);
        }
    }
    entry.instances = addresses.registered;
    entry.added = addresses.added;
    entry.removed = addresses.removed;
}

/// This connection's targets that know the API hear of the addresses that they do not have yet.
fn extend(entry: &mut Entry, known: &KnownApi, wanted: &BTreeSet<String>, rules: &Rules) {
    for target in &rules.targets {
        let Some(told) = known.told.get(target).filter(|told| !told.gone) else { continue };
        let fresh: BTreeSet<String> = wanted.difference(&told.urls).cloned().collect();
        if !fresh.is_empty() {
            let now_told = entry.told.entry(target.clone()).or_insert_with(|| told.clone());
            now_told.urls.extend(fresh.iter().cloned());
            tell(&mut entry.messages, rules, target, Event::InstanceAdded, fresh);
        }
    }
}

/// An API goes: every target that has it hears so.
fn leave(known: &KnownApi, reason: Reason, rules: &Rules) -> Entry {
    let mut entry = blank(known.api.clone(), Some(known));
    entry.decision = Some((Decision::Gone, reason));
    entry.after = Some(ApiState::Gone);
    entry.absent_since = known.absent_since;
    for (target, told) in known.told.iter().filter(|(_, told)| !told.gone) {
        entry.told.insert(target.clone(), Told { urls: told.urls.clone(), gone: true });
        tell(&mut entry.messages, rules, target, Event::Gone, told.urls.clone());
    }
    entry
}

/// Adds a message where the target is still configured and wants such events.
fn tell(messages: &mut Vec<Message>, rules: &Rules, target: &str, event: Event, urls: BTreeSet<String>) {
    if rules.events.get(target).is_some_and(|events| events.contains(&event)) {
        messages.push(Message { target: target.to_owned(), event, urls });
    }
}
