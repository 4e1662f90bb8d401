//! `integration.providers`: which integrations there are, and of each what it looks at. Every region is looked at with every role, as
//! Gravitee's agent does; there is no way to say otherwise in its settings.

use std::collections::{BTreeMap, BTreeSet};

use super::connector::Connector;
use super::properties::{Properties, Property};
use crate::config::format::aws::{access_key_id, region, role_arn};
use crate::config::{
    AssumeRole, AwsUser, Connection, Credentials, DefaultChain, EntryRules, Filter, GraviteeConfig, GraviteeLimits,
    IdentityTemplate, Integration, IntegrationKind, Pattern, Patterns, Regions, RoleArn, Source, Value, regions,
};

/// What the console copies out for this kind of integration.
const KIND: &str = "aws-api-gateway";

/// Further than anybody counts; a gap among stages is no end, since templates set those that are unused to nothing.
const STAGES_AT_MOST: usize = 100;

/// What the providers make.
#[derive(Debug, Default)]
pub(super) struct Provided {
    pub(super) integrations: BTreeMap<String, Integration>,
    pub(super) connections: BTreeMap<String, Connection>,
}

pub(super) fn providers(from: &mut Properties<'_>, connector: &Connector) -> Provided {
    let mut provided = Provided::default();
    let mut ids = BTreeSet::new();
    for index in 0.. {
        let at = format!("integration.providers[{index}]");
        let (kind, id) = (from.get(&format!("{at}.type")), from.get(&format!("{at}.integrationId")));
        if kind.is_none() && id.is_none() {
            if index == 0 {
                from.missing(&format!("{at}.type"));
                from.missing(&format!("{at}.integrationId"));
            }
            break;
        }
        match &kind {
            None => from.missing(&format!("{at}.type")),
            Some(kind) if kind.text.trim() != KIND => {
                from.wrong(kind, &format!("aboard is an agent for {KIND} and for no other kind of provider"));
            }
            Some(_) => {}
        }
        let Some(id) = id else {
            from.missing(&format!("{at}.integrationId"));
            continue;
        };
        if !ids.insert(id.text.trim().to_owned()) {
            from.wrong(&id, "another provider has this id too; the server would not tell the two apart");
        }
        provider(from, connector, &mut provided, index, &id);
    }
    provided
}

fn provider(from: &mut Properties<'_>, connector: &Connector, provided: &mut Provided, index: usize, id: &Property) {
    let at = format!("integration.providers[{index}].configuration");
    let regions = named_regions(from, &at);
    let roles = roles(from, &at, &regions);
    let source = source(from, &at);
    let accept = from.boolean(&format!("{at}.acceptApiWithoutUsagePlan")).unwrap_or(false);
    let subscriptions = from.boolean(&format!("{at}.subscriptions")).unwrap_or(true);
    let identity = identity(from, &at);
    let stages = stages(from, &at);
    let name = format!("provider-{index}");
    let mut connections = Vec::new();
    let mut add = |name: String, credentials: Credentials| {
        connections.push(name.clone());
        let regions = Regions::Named(regions.clone());
        provided.connections.insert(name.clone(), connection(name, credentials, regions));
    };
    if roles.is_empty() {
        let credentials = match source {
            Source::AwsUser(user) => Credentials::AwsUser(user),
            Source::DefaultChain(chain) => Credentials::DefaultChain(chain),
        };
        add(name.clone(), credentials);
    } else {
        let mut accounts: BTreeMap<String, usize> = BTreeMap::new();
        for role_arn in roles {
            let nth = accounts.entry(role_arn.account_id.clone()).or_default();
            *nth += 1;
            let more = if *nth == 1 { String::new() } else { format!("-{nth}") };
            let name = format!("{name}-{}{more}", role_arn.account_id);
            let role =
                AssumeRole { role_arn, session_name: "aboard".to_owned(), external_id: None, source: source.clone() };
            add(name, Credentials::AssumeRole(role));
        }
    }
    let Some(authorization) = connector.authorization.clone() else { return };
    let config = GraviteeConfig {
        endpoints: connector.endpoints.clone(),
        authorization,
        integration_id: id.text.trim().to_owned(),
        connections,
        stages,
        accept_api_without_usage_plan: accept,
        subscriptions,
        headers: connector.headers.clone(),
        authorities: connector.authorities.clone(),
        proxy: connector.proxy.clone(),
        identity,
        read_api_keys: false,
        limits: GraviteeLimits::default(),
        management: None,
    };
    let kind = IntegrationKind::Gravitee(Box::new(config));
    provided.integrations.insert(name.clone(), Integration { name, kind });
}

fn connection(name: String, credentials: Credentials, regions: Regions) -> Connection {
    Connection {
        name,
        credentials,
        regions,
        stages: Patterns::default(),
        include: Filter::default(),
        exclude: Filter::default(),
        targets: Vec::new(),
        entry: EntryRules::default(),
        auto_onboard: None,
        expected: Vec::new(),
    }
}

/// The parts of a list with commas, each once.
fn listed(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        if !parts.iter().any(|known| known == part) {
            parts.push(part.to_owned());
        }
    }
    parts
}

fn named_regions(from: &mut Properties<'_>, at: &str) -> Vec<String> {
    let key = format!("{at}.region");
    let Some(found) = from.get(&key) else {
        from.missing(&key);
        return Vec::new();
    };
    let named = listed(&found.text);
    if named.is_empty() {
        from.missing(&key);
    }
    let mut first: Option<(&str, &str)> = None;
    for name in &named {
        if let Err(complaint) = region(name) {
            let hint = complaint.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            from.wrong(&found, &format!("{}{hint}", complaint.message));
            continue;
        }
        if !regions::is_known(name) {
            let meant = regions::nearest(name).map(|name| format!("; did you mean \"{name}\"?")).unwrap_or_default();
            let place = found.place();
            from.notes.push(format!("{place}: \"{name}\" is not a region that is known here; it will be tried{meant}"));
        }
        match (first, regions::partition_of(name)) {
            (Some((other, wanted)), Some(of)) if wanted != of => {
                let what =
                    format!("\"{name}\" is in the partition {of}, {other} in {wanted}: one provider stays in one");
                from.wrong(&found, &what);
            }
            (None, Some(of)) => first = Some((name, of)),
            _ => {}
        }
    }
    named
}

fn roles(from: &mut Properties<'_>, at: &str, regions: &[String]) -> Vec<RoleArn> {
    let Some(found) = from.get(&format!("{at}.roleArn")) else { return Vec::new() };
    let partition = regions.iter().find_map(|region| regions::partition_of(region));
    let mut roles = Vec::new();
    for arn in listed(&found.text) {
        match role_arn(&arn) {
            Ok(role) if partition.is_some_and(|partition| partition != role.partition) => {
                let what = format!("{arn} is in another partition than the regions, {}", partition.unwrap_or_default());
                from.wrong(&found, &what);
            }
            Ok(role) => roles.push(role),
            Err(complaint) => from.wrong(&found, &complaint.message),
        }
    }
    roles
}

/// Keys where both are given, else whatever the process is given.
fn source(from: &mut Properties<'_>, at: &str) -> Source {
    let keys = ["accessKeyId", "secretAccessKey", "sessionToken"].map(|key| format!("{at}.{key}"));
    let [id, secret, token] = [from.get(&keys[0]), from.get(&keys[1]), from.get(&keys[2])];
    let chain = Source::DefaultChain(DefaultChain::default());
    match (id, secret) {
        (Some(id), Some(secret)) => {
            if let Err(complaint) = access_key_id(id.text.trim()) {
                from.wrong(&id, &complaint.message);
            }
            for found in [&id, &secret].into_iter().chain(&token) {
                // One line end is cut off where the value is used, and nothing else.
                let line = found.text.strip_suffix('\n').unwrap_or(&found.text);
                if line.trim_end_matches('\r') != found.text.trim() {
                    from.wrong(found, "begins or ends with a blank, which AWS would take for a part of it");
                }
            }
            // Ids of temporary keys begin so (IAM identifiers page); without the token AWS takes none of their calls.
            if id.text.trim().starts_with("ASIA") && token.is_none() {
                from.wrong(
                    &id,
                    "this is a temporary key, and its session token is missing (…_configuration_sessionToken)",
                );
            }
            let session_token = token.map(|token| token.at);
            Source::AwsUser(AwsUser { access_key_id: Value::Ref(id.at), secret_access_key: secret.at, session_token })
        }
        (None, None) => chain,
        (Some(_), None) => {
            from.missing(&keys[1]);
            chain
        }
        (None, Some(_)) => {
            from.missing(&keys[0]);
            chain
        }
    }
}

fn identity(from: &mut Properties<'_>, at: &str) -> IdentityTemplate {
    let Some(found) = from.get(&format!("{at}.identity")) else { return IdentityTemplate::default() };
    IdentityTemplate::parse(found.text.trim()).unwrap_or_else(|complaint| {
        from.wrong(&found, &complaint.message);
        IdentityTemplate::default()
    })
}

fn stages(from: &mut Properties<'_>, at: &str) -> Patterns {
    let mut patterns = Vec::new();
    for index in 0..STAGES_AT_MOST {
        let keys = [format!("{at}.{index}.stage"), format!("{at}[{index}].stage")];
        let Some(found) = keys.iter().find_map(|key| from.get(key)) else { continue };
        let name = found.text.trim();
        match Pattern::new(name) {
            Ok(_) if name.contains([',', ' ']) => {
                from.wrong(
                    &found,
                    "is not the name of one stage; each has an index of its own, 0_stage, 1_stage and so on",
                );
            }
            Ok(pattern) => patterns.push(pattern),
            Err(_) => from.wrong(&found, "is not the name of a stage"),
        }
    }
    Patterns::new(patterns)
}
