//! What differs between two schedule files, by name and key.
//!
//! Compared are checked values, so comments, order and spelling do not count; named are keys and never what they hold. Whether a
//! difference may be taken over is not decided here.

mod integrations;
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::model::{
    ApisecConfig, AssumeRole, AutoOnboard, AwsUser, CentralRole, CommandTarget, Config, Connection, Credentials,
    DefaultChain, EntryRules, HttpConfig, Integration, Limits, MonthDay, NetworkConfig, Recurrence, Regions,
    RegistryConfig, Retry, Source, Target, TargetKind, WebhookTarget,
};
use super::pattern::{Filter, Patterns};

/// How many names a sentence holds before it only counts the rest.
const NAMED_AT_MOST: usize = 20;

/// Below this many connections, removing most of them is an ordinary edit.
const MOST_OF_MORE_THAN: usize = 3;

/// What differs between two schedule files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// Connections that only the new file has.
    pub added: Vec<String>,
    /// Connections that only the old file has.
    pub removed: Vec<String>,
    /// Connections that both have and that say something else.
    pub changed: Vec<Changed>,
    /// How many connections both have and that say the same.
    pub unchanged: usize,
    /// The same for targets.
    pub targets: TargetDiff,
    /// The same for integrations.
    #[serde(default)]
    pub integrations: TargetDiff,
    /// Settings of the whole file that apply at once, as dotted keys.
    pub settings: Vec<String>,
    /// Settings whose new value applies after a restart only, as dotted keys.
    pub restart_only: Vec<String>,
}

/// What differs between the targets, or the integrations, of two schedule files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetDiff {
    /// Only in the new file.
    pub added: Vec<String>,
    /// Only in the old file.
    pub removed: Vec<String>,
    /// In both, and different.
    pub changed: Vec<Changed>,
    /// How many are in both and the same.
    pub unchanged: usize,
}

/// A connection, target or integration that says something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Its name.
    pub name: String,
    /// The keys that differ, below its own table: `auto_onboard.time`. A table that only one file has is named as a whole.
    pub fields: Vec<String>,
}

impl Diff {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { added, removed, changed, unchanged: _, targets, integrations, settings, restart_only } = self;
        added.is_empty()
            && removed.is_empty()
            && changed.is_empty()
            && targets.is_empty()
            && integrations.is_empty()
            && settings.is_empty()
            && restart_only.is_empty()
    }

    /// Whether more than half of more than three connections are removed, which is more likely an accident than meant.
    #[must_use]
    pub fn removes_most(&self) -> bool {
        let before = self.removed.len() + self.changed.len() + self.unchanged;
        before > MOST_OF_MORE_THAN && self.removed.len() * 2 > before
    }

    /// What differs, by name, as one clause: `added billing; changed payments (auto_onboard.time)`. Empty where nothing does.
    #[must_use]
    pub fn details(&self) -> String {
        let changed = |changed: &[Changed]| -> Vec<String> {
            changed.iter().map(|Changed { name, fields }| format!("{name} ({})", fields.join(", "))).collect()
        };
        let clauses = [
            ("added", self.added.clone()),
            ("changed", changed(&self.changed)),
            ("removed", self.removed.clone()),
            ("added targets", self.targets.added.clone()),
            ("changed targets", changed(&self.targets.changed)),
            ("removed targets", self.targets.removed.clone()),
            ("added integrations", self.integrations.added.clone()),
            ("changed integrations", changed(&self.integrations.changed)),
            ("removed integrations", self.integrations.removed.clone()),
            ("settings", self.settings.clone()),
            ("after a restart", self.restart_only.clone()),
        ];
        let clauses: Vec<String> = clauses.iter().filter_map(|(word, names)| clause(word, names)).collect();
        clauses.join("; ")
    }
}

impl fmt::Display for Diff {
    /// The connections counted, `+1 ~2 -0 =14`, and the targets and integrations too where any of them differ.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, removed, changed, unchanged, targets, integrations, settings: _, restart_only: _ } = self;
        write!(f, "+{} ~{} -{} ={unchanged}", added.len(), changed.len(), removed.len())?;
        for (what, diff) in [("targets", targets), ("integrations", integrations)] {
            if !diff.is_empty() {
                let TargetDiff { added, removed, changed, unchanged } = diff;
                write!(f, ", {what} +{} ~{} -{} ={unchanged}", added.len(), changed.len(), removed.len())?;
            }
        }
        Ok(())
    }
}

impl TargetDiff {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

fn clause(word: &str, names: &[String]) -> Option<String> {
    let shown = names.get(..NAMED_AT_MOST).unwrap_or(names).join(", ");
    match names.len().saturating_sub(NAMED_AT_MOST) {
        _ if names.is_empty() => None,
        0 => Some(format!("{word} {shown}")),
        more => Some(format!("{word} {shown} and {more} more")),
    }
}

/// What `new` says otherwise than `old`.
#[must_use]
pub fn diff(old: &Config, new: &Config) -> Diff {
    let Config { registry, http, network, limits, targets, connections, integrations, node } = old;
    let (added, removed, changed, unchanged) = by_name(connections, &new.connections, |before, after| {
        connection(before, after, (integrations, &new.integrations))
    });
    let targets = targets_of(by_name(&written_down(targets), &written_down(&new.targets), target));
    let integrations = targets_of(by_name(integrations, &new.integrations, integrations::integration));
    let RegistryConfig { path, keep_runs } = registry;
    let NetworkConfig { ca_file } = network;
    let Limits { requests_per_second, burst, per, accounts_in_flight, parallel_runs } = limits;

    let mut settings = Keys::below("");
    settings.compare("registry.keep_runs", keep_runs, &new.registry.keep_runs);
    settings.compare("limits.parallel_runs", parallel_runs, &new.limits.parallel_runs);

    let mut restart_only = Keys::below("");
    restart_only.compare("registry.path", path, &new.registry.path);
    match (http, &new.http) {
        (Some(HttpConfig { listen, token }), Some(new)) => {
            restart_only.compare("http.listen", listen, &new.listen);
            restart_only.compare("http.token", token, &new.token);
        }
        (old, new) => restart_only.compare("http", old, new),
    }
    restart_only.compare("services.core.http", node, &new.node);
    restart_only.compare("network.ca_file", ca_file, &new.network.ca_file);
    restart_only.compare("limits.requests_per_second", requests_per_second, &new.limits.requests_per_second);
    restart_only.compare("limits.burst", burst, &new.limits.burst);
    restart_only.compare("limits.per", per, &new.limits.per);
    restart_only.compare("limits.accounts_in_flight", accounts_in_flight, &new.limits.accounts_in_flight);

    Diff {
        added,
        removed,
        changed,
        unchanged,
        targets,
        integrations,
        settings: settings.differ,
        restart_only: restart_only.differ,
    }
}

/// What a process that was started with `running` does when it takes `new` over: everything that `new` says, but for the settings
/// that need a restart. What differs between the two files' settings is always what differs from the start.
#[must_use]
pub fn in_force(running: &Config, new: Config) -> Config {
    let limits = Limits { parallel_runs: new.limits.parallel_runs, ..running.limits.clone() };
    Config {
        registry: RegistryConfig { path: running.registry.path.clone(), keep_runs: new.registry.keep_runs },
        http: running.http.clone(),
        network: running.network.clone(),
        limits,
        targets: new.targets,
        connections: new.connections,
        integrations: new.integrations,
        node: running.node.clone(),
    }
}

type ByName = (Vec<String>, Vec<String>, Vec<Changed>, usize);

/// Without those that integrations make: what differs there is said of the integration.
fn written_down(targets: &BTreeMap<String, Target>) -> BTreeMap<String, Target> {
    let written = targets.iter().filter(|(_, target)| !matches!(target.kind, TargetKind::Ingest(_)));
    written.map(|(name, target)| (name.clone(), target.clone())).collect()
}

fn targets_of((added, removed, changed, unchanged): ByName) -> TargetDiff {
    TargetDiff { added, removed, changed, unchanged }
}

fn by_name<T: PartialEq>(
    old: &BTreeMap<String, T>,
    new: &BTreeMap<String, T>,
    fields: impl Fn(&T, &T) -> Vec<String>,
) -> ByName {
    let added = new.keys().filter(|name| !old.contains_key(*name)).cloned().collect();
    let removed = old.keys().filter(|name| !new.contains_key(*name)).cloned().collect();
    let both = || old.iter().filter_map(|(name, old)| new.get(name).map(|new| (name, old, new)));
    let changed: Vec<Changed> = both()
        .filter(|(_, old, new)| old != new)
        .map(|(name, old, new)| Changed { name: name.clone(), fields: fields(old, new) })
        // A list in another order says the same.
        .filter(|changed| !changed.fields.is_empty())
        .collect();
    let unchanged = both().count() - changed.len();
    (added, removed, changed, unchanged)
}

/// Keys whose values differ, in the order of the grammar.
struct Keys {
    prefix: String,
    differ: Vec<String>,
}

impl Keys {
    fn below(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), differ: Vec::new() }
    }

    fn compare<T: PartialEq>(&mut self, key: &str, old: &T, new: &T) {
        if old != new {
            self.push(key);
        }
    }

    /// Lists in which order means nothing.
    fn compare_sets<'a, T: Ord + 'a>(
        &mut self,
        key: &str,
        old: impl IntoIterator<Item = &'a T>,
        new: impl IntoIterator<Item = &'a T>,
    ) {
        let set = |items: &mut dyn Iterator<Item = &'a T>| items.collect::<BTreeSet<_>>();
        if set(&mut old.into_iter()) != set(&mut new.into_iter()) {
            self.push(key);
        }
    }

    fn compare_patterns(&mut self, key: &str, old: &Patterns, new: &Patterns) {
        if globs(old) != globs(new) {
            self.push(key);
        }
    }

    fn push(&mut self, key: &str) {
        self.differ.push(format!("{}{key}", self.prefix));
    }

    /// Compares below one more table.
    fn within(&mut self, table: &str, compare: impl FnOnce(&mut Self)) {
        let length = self.prefix.len();
        self.prefix.push_str(table);
        self.prefix.push('.');
        compare(self);
        self.prefix.truncate(length);
    }
}

fn globs(patterns: &Patterns) -> BTreeSet<&str> {
    patterns.texts().collect()
}

type Integrations<'a> = &'a BTreeMap<String, Integration>;

fn connection(old: &Connection, new: &Connection, integrations: (Integrations<'_>, Integrations<'_>)) -> Vec<String> {
    let Connection {
        name: _,
        credentials: entered,
        regions,
        stages,
        include,
        exclude,
        targets,
        entry: rules,
        auto_onboard,
        expected,
    } = old;
    let mut keys = Keys::below("");
    credentials(&mut keys, entered, &new.credentials);
    match (regions, &new.regions) {
        (Regions::Named(old), Regions::Named(new)) => keys.compare_sets("regions", old, new),
        (Regions::All { except: old }, Regions::All { except: new }) => keys.compare_patterns("regions", old, new),
        _ => keys.push("regions"),
    }
    keys.compare_patterns("stages", stages, &new.stages);
    keys.within("include", |keys| filter(keys, include, &new.include));
    keys.within("exclude", |keys| filter(keys, exclude, &new.exclude));
    // Where the file names none these are all its targets, in its order.
    let (before, after) = integrations;
    let written = |name: &&String, integrations: Integrations<'_>| !integrations.contains_key(*name);
    keys.compare_sets(
        "targets",
        targets.iter().filter(|name| written(name, before)),
        new.targets.iter().filter(|name| written(name, after)),
    );
    match (auto_onboard, &new.auto_onboard) {
        (None, Some(_)) | (Some(_), None) => keys.push("auto_onboard"),
        (old_schedule, new_schedule) => keys.within("auto_onboard", |keys| {
            if let (Some(old), Some(new)) = (old_schedule, new_schedule) {
                schedule(keys, old, new);
            }
            entry(keys, rules, &new.entry);
        }),
    }
    keys.compare("expected", expected, &new.expected);
    keys.differ
}

fn filter(keys: &mut Keys, old: &Filter, new: &Filter) {
    let Filter { names, tags, ids, protocols, endpoint_types } = old;
    let tagged = |tags: &BTreeMap<String, Patterns>| {
        tags.iter().all(|(tag, old)| new.tags.get(tag).map(globs) == Some(globs(old)))
    };
    keys.compare_patterns("names", names, &new.names);
    keys.compare("tags", &(tags.len(), true), &(new.tags.len(), tagged(tags)));
    keys.compare_sets("ids", ids, &new.ids);
    keys.compare_sets("protocols", protocols, &new.protocols);
    keys.compare_sets("endpoint_types", endpoint_types, &new.endpoint_types);
}

fn schedule(keys: &mut Keys, old: &AutoOnboard, new: &AutoOnboard) {
    let AutoOnboard { enabled, recurrence, timezone, catch_up, misfire_grace, jitter, timeout, retry_failed } = old;
    keys.compare("enabled", enabled, &new.enabled);
    let (old_times, new_times) = (written(recurrence), written(&new.recurrence));
    for (key, at) in [("frequency", 0), ("day", 1), ("time", 2), ("cron", 3)] {
        keys.compare(key, &old_times[at], &new_times[at]);
    }
    keys.compare("timezone", timezone, &new.timezone);
    keys.compare("catch_up", catch_up, &new.catch_up);
    keys.compare("misfire_grace", misfire_grace, &new.misfire_grace);
    keys.compare("jitter", jitter, &new.jitter);
    keys.compare("timeout", timeout, &new.timeout);
    keys.compare("retry_failed", retry_failed, &new.retry_failed);
}

/// A recurrence as the keys that make it: frequency, day, time, cron.
fn written(recurrence: &Recurrence) -> [Option<String>; 4] {
    let frequency = |word: &str| Some(word.to_owned());
    match recurrence {
        Recurrence::Daily { time } => [frequency("daily"), None, Some(time.to_string()), None],
        Recurrence::Weekly { day, time } => [frequency("weekly"), Some(day.to_string()), Some(time.to_string()), None],
        Recurrence::Monthly { day, time } => {
            let day = match day {
                MonthDay::Day(day) => day.to_string(),
                MonthDay::Last => "last".to_owned(),
            };
            [frequency("monthly"), Some(day), Some(time.to_string()), None]
        }
        Recurrence::Cron { expression } => [None, None, None, Some(expression.clone())],
    }
}

fn entry(keys: &mut Keys, old: &EntryRules, new: &EntryRules) {
    let EntryRules { published_after, published_by, existing, max_new } = old;
    keys.compare("published_after", published_after, &new.published_after);
    keys.compare("published_by", published_by, &new.published_by);
    keys.compare("existing", existing, &new.existing);
    keys.compare("max_new", max_new, &new.max_new);
}

fn credentials(keys: &mut Keys, old: &Credentials, new: &Credentials) {
    keys.within("credentials", |keys| match (old, new) {
        (Credentials::AwsUser(old), Credentials::AwsUser(new)) => keys.within("aws_user", |keys| user(keys, old, new)),
        (Credentials::AssumeRole(old), Credentials::AssumeRole(new)) => {
            keys.within("assume_role", |keys| assume_role(keys, old, new));
        }
        (Credentials::CentralRole(old), Credentials::CentralRole(new)) => {
            keys.within("central_role", |keys| central_role(keys, old, new));
        }
        (Credentials::DefaultChain(old), Credentials::DefaultChain(new)) => {
            keys.within("default_chain", |keys| chain(keys, old, new));
        }
        _ => keys.differ.push("credentials".to_owned()),
    });
}

fn user(keys: &mut Keys, old: &AwsUser, new: &AwsUser) {
    let AwsUser { access_key_id, secret_access_key, session_token } = old;
    keys.compare("access_key_id", access_key_id, &new.access_key_id);
    keys.compare("secret_access_key", secret_access_key, &new.secret_access_key);
    keys.compare("session_token", session_token, &new.session_token);
}

fn chain(keys: &mut Keys, old: &DefaultChain, new: &DefaultChain) {
    let DefaultChain { profile } = old;
    keys.compare("profile", profile, &new.profile);
}

fn assume_role(keys: &mut Keys, old: &AssumeRole, new: &AssumeRole) {
    let AssumeRole { role_arn, session_name, external_id, source } = old;
    keys.compare("role_arn", role_arn, &new.role_arn);
    keys.compare("session_name", session_name, &new.session_name);
    keys.compare("external_id", external_id, &new.external_id);
    assumed_by(keys, source, &new.source);
}

fn central_role(keys: &mut Keys, old: &CentralRole, new: &CentralRole) {
    let CentralRole {
        role_arn,
        child_role_name,
        session_name,
        external_id,
        child_external_id,
        source,
        include_accounts,
        exclude_accounts,
        organizational_units,
        management_account,
    } = old;
    keys.compare("role_arn", role_arn, &new.role_arn);
    keys.compare("child_role_name", child_role_name, &new.child_role_name);
    keys.compare("session_name", session_name, &new.session_name);
    keys.compare("external_id", external_id, &new.external_id);
    keys.compare("child_external_id", child_external_id, &new.child_external_id);
    assumed_by(keys, source, &new.source);
    keys.compare_patterns("accounts.include", include_accounts, &new.include_accounts);
    keys.compare_patterns("accounts.exclude", exclude_accounts, &new.exclude_accounts);
    keys.compare_sets("accounts.organizational_units", organizational_units, &new.organizational_units);
    keys.compare("management_account", management_account, &new.management_account);
}

fn assumed_by(keys: &mut Keys, old: &Source, new: &Source) {
    match (old, new) {
        (Source::AwsUser(old), Source::AwsUser(new)) => keys.within("source.aws_user", |keys| user(keys, old, new)),
        (Source::DefaultChain(old), Source::DefaultChain(new)) => {
            keys.within("source.default_chain", |keys| chain(keys, old, new));
        }
        _ => keys.push("source"),
    }
}

fn webhook(keys: &mut Keys, old: &WebhookTarget, new: &WebhookTarget) {
    let WebhookTarget { url, secrets, headers, timeout, in_flight } = old;
    keys.compare("url", url, &new.url);
    keys.compare("secret", secrets, &new.secrets);
    keys.compare("headers", headers, &new.headers);
    keys.compare("timeout", timeout, &new.timeout);
    keys.compare("in_flight", in_flight, &new.in_flight);
}

fn command(keys: &mut Keys, old: &CommandTarget, new: &CommandTarget) {
    let CommandTarget { program, arguments, folder: _, environment, timeout, in_flight } = old;
    keys.compare("command", &(program, arguments), &(&new.program, &new.arguments));
    keys.compare("environment", environment, &new.environment);
    keys.compare("timeout", timeout, &new.timeout);
    keys.compare("in_flight", in_flight, &new.in_flight);
}

fn target(old: &Target, new: &Target) -> Vec<String> {
    let Target { name: _, events, retry, instances, digest, renamed_from, kind } = old;
    let table = match kind {
        TargetKind::Webhook(_) => "webhook",
        TargetKind::Apisec(_) => "apisec",
        TargetKind::Command(_) => "command",
        TargetKind::Directory(_) => "directory",
        TargetKind::Backstage(_) => "backstage",
        // Never met: what differs of them is said of their integrations.
        TargetKind::Ingest(_) => "gravitee",
    };
    let mut keys = Keys::below("");
    keys.within(table, |keys| {
        match (kind, &new.kind) {
            (TargetKind::Webhook(old), TargetKind::Webhook(new)) => webhook(keys, old, new),
            (TargetKind::Apisec(old), TargetKind::Apisec(new)) => apisec(keys, old, new),
            (TargetKind::Command(old), TargetKind::Command(new)) => command(keys, old, new),
            (TargetKind::Directory(old), TargetKind::Directory(new)) => targets::directory(keys, old, new),
            (TargetKind::Backstage(old), TargetKind::Backstage(new)) => targets::backstage(keys, old, new),
            // Another kind of target under an old name: its table as a whole is new.
            _ => {
                keys.differ.push("kind".to_owned());
                return;
            }
        }
        let Retry { first, max, give_up } = retry;
        keys.compare_sets("events", events, &new.events);
        keys.compare("retry.first", first, &new.retry.first);
        keys.compare("retry.max", max, &new.retry.max);
        keys.compare("retry.give_up", give_up, &new.retry.give_up);
        keys.compare("instances", instances, &new.instances);
        keys.compare("digest", digest, &new.digest);
        keys.compare("renamed_from", renamed_from, &new.renamed_from);
    });
    keys.differ
}

fn apisec(keys: &mut Keys, old: &ApisecConfig, new: &ApisecConfig) {
    let ApisecConfig { url, token, name, origin, prune, timeout, in_flight } = old;
    keys.compare("url", url, &new.url);
    keys.compare("token", token, &new.token);
    keys.compare("name", name, &new.name);
    keys.compare("origin", origin, &new.origin);
    keys.compare("prune", prune, &new.prune);
    keys.compare("timeout", timeout, &new.timeout);
    keys.compare("in_flight", in_flight, &new.in_flight);
}

#[cfg(test)]
mod tests;
