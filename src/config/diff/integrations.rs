//! What differs between two integrations of one name.

use super::Keys;
use crate::config::model::{
    GraviteeConfig, GraviteeLimits, Integration, IntegrationKind, ManagementConfig, ProxyConfig,
};

pub(super) fn integration(old: &Integration, new: &Integration) -> Vec<String> {
    let Integration { name: _, kind } = old;
    let mut keys = Keys::below("");
    let (IntegrationKind::Gravitee(old), IntegrationKind::Gravitee(new)) = (kind, &new.kind);
    keys.within("gravitee", |keys| gravitee(keys, old, new));
    keys.differ
}

fn gravitee(keys: &mut Keys, old: &GraviteeConfig, new: &GraviteeConfig) {
    let GraviteeConfig {
        endpoints,
        authorization,
        integration_id,
        connections,
        stages,
        accept_api_without_usage_plan,
        subscriptions,
        headers,
        authorities,
        proxy: through,
        identity,
        read_api_keys,
        limits: times,
        management: ingest,
    } = old;
    keys.compare("endpoints", endpoints, &new.endpoints);
    keys.compare("token", authorization, &new.authorization);
    keys.compare("integration_id", integration_id, &new.integration_id);
    // Where the file names none these are all its connections, in its order.
    keys.compare_sets("connections", connections, &new.connections);
    keys.compare_patterns("stages", stages, &new.stages);
    keys.compare("accept_api_without_usage_plan", accept_api_without_usage_plan, &new.accept_api_without_usage_plan);
    keys.compare("subscriptions", subscriptions, &new.subscriptions);
    keys.compare("headers", headers, &new.headers);
    keys.compare("ca_file", authorities, &new.authorities);
    match (through, &new.proxy) {
        (Some(old), Some(new)) => keys.within("proxy", |keys| proxy(keys, old, new)),
        (old, new) => keys.compare("proxy", old, new),
    }
    keys.compare("identity", identity, &new.identity);
    keys.compare("read_api_keys", read_api_keys, &new.read_api_keys);
    keys.within("limits", |keys| limits(keys, times, &new.limits));
    match (ingest, &new.management) {
        (Some(old), Some(new)) => keys.within("management", |keys| management(keys, old, new)),
        (old, new) => keys.compare("management", old, new),
    }
}

fn proxy(keys: &mut Keys, old: &ProxyConfig, new: &ProxyConfig) {
    let ProxyConfig { url, login } = old;
    keys.compare("url", url, &new.url);
    let (old, new) = (login.as_ref(), new.login.as_ref());
    keys.compare("username", &old.map(|login| &login.username), &new.map(|login| &login.username));
    keys.compare("password", &old.map(|login| &login.password), &new.map(|login| &login.password));
}

fn limits(keys: &mut Keys, old: &GraviteeLimits, new: &GraviteeLimits) {
    let GraviteeLimits {
        connect,
        reply,
        ping,
        silence,
        first_retry,
        longest_retry,
        refused_retry,
        stable,
        discover,
        subscribe,
        ingest_delay,
        drain,
        close,
    } = old;
    keys.compare("connect", connect, &new.connect);
    keys.compare("reply", reply, &new.reply);
    keys.compare("ping", ping, &new.ping);
    keys.compare("silence", silence, &new.silence);
    keys.compare("first_retry", first_retry, &new.first_retry);
    keys.compare("longest_retry", longest_retry, &new.longest_retry);
    keys.compare("refused_retry", refused_retry, &new.refused_retry);
    keys.compare("stable", stable, &new.stable);
    keys.compare("discover", discover, &new.discover);
    keys.compare("subscribe", subscribe, &new.subscribe);
    keys.compare("ingest_delay", ingest_delay, &new.ingest_delay);
    keys.compare("drain", drain, &new.drain);
    keys.compare("close", close, &new.close);
}

fn management(keys: &mut Keys, old: &ManagementConfig, new: &ManagementConfig) {
    let ManagementConfig { url, organization, environment, token, timeout, events, retry } = old;
    keys.compare("url", url, &new.url);
    keys.compare("organization", organization, &new.organization);
    keys.compare("environment", environment, &new.environment);
    keys.compare("token", token, &new.token);
    keys.compare("timeout", timeout, &new.timeout);
    keys.compare_sets("events", events, &new.events);
    keys.compare("retry.first", &retry.first, &new.retry.first);
    keys.compare("retry.max", &retry.max, &new.retry.max);
    keys.compare("retry.give_up", &retry.give_up, &new.retry.give_up);
}
