//! An API as an entity of Backstage's software catalog (kind `API`, `backstage.io/v1alpha1`).

use serde_json::{Map, Value, json};

use super::words;
use crate::config::{BackstageTarget, Definition};
use crate::document::ApiDocument;
use crate::inventory::{ApiId, Protocol};
use crate::targets::{Delivery, Document, Specification, SpecificationFormat, names};

/// Annotations of ours; those of `amazonaws.com` are Backstage's own for AWS (plugin-catalog-backend-module-aws).
pub(super) const API: &str = "aboard/api";
pub(super) const REVISION: &str = "aboard/revision";
pub(super) const OCCURRED_AT: &str = "aboard/occurred-at";
pub(super) const ARN: &str = "amazonaws.com/arn";
/// SHA-256 of the specification that stands there; absent where there is none.
const DIGEST: &str = "aboard/definition-digest";

/// What `settings` make of an API after an event. What was there `before` keeps its name, and its specification where none came.
///
/// # Errors
/// One sentence, where the API's identity cannot become the name of a file to point to.
pub(super) fn entity(
    settings: &BackstageTarget,
    before: Option<&Value>,
    api: &ApiDocument,
    delivery: &Delivery,
) -> Result<Value, String> {
    let chosen = choose(&delivery.specifications);
    let mut annotations = annotations(api, delivery);
    let definition = match chosen {
        Some((stage, format, document)) => {
            annotations.insert(DIGEST.to_owned(), json!(document.digest));
            annotations.insert("aboard/definition-stage".to_owned(), json!(stage));
            definition(settings, api, stage, format, document)?
        }
        None => match before.filter(|before| before["metadata"]["annotations"][DIGEST].is_string()) {
            Some(before) => {
                for key in [DIGEST, "aboard/definition-stage"] {
                    annotations.insert(key.to_owned(), before["metadata"]["annotations"][key].clone());
                }
                before["spec"]["definition"].clone()
            }
            None => json!(minimal(api, &why_none(&delivery.specifications))),
        },
    };
    let named = before.and_then(|before| before["metadata"]["name"].as_str()).map(str::to_owned);
    let mut metadata = Map::from_iter([
        ("name".to_owned(), json!(named.unwrap_or_else(|| words::name(&api.name, &api.id())))),
        ("namespace".to_owned(), json!(settings.namespace)),
        ("annotations".to_owned(), Value::Object(annotations)),
        ("labels".to_owned(), labels(api)),
        ("tags".to_owned(), json!(words::tags(api.tags.iter()))),
        ("links".to_owned(), links(api)),
    ]);
    if !api.name.trim().is_empty() {
        metadata.insert("title".to_owned(), json!(api.name));
    }
    let without = !metadata["annotations"].as_object().is_some_and(|all| all.contains_key(DIGEST));
    let note = without.then(|| format!("No specification: {}.", why_none(&delivery.specifications)));
    let description: Vec<&str> = [api.description.as_deref(), note.as_deref()].into_iter().flatten().collect();
    if !description.is_empty() {
        metadata.insert("description".to_owned(), json!(description.join("\n\n")));
    }
    let tagged =
        |tag: &Option<String>| tag.as_ref().and_then(|tag| api.tags.get(tag)).and_then(|it| words::reference(it));
    let format =
        if api.protocol == Protocol::WebSocket { SpecificationFormat::AsyncApi } else { SpecificationFormat::OpenApi };
    let mut spec = Map::from_iter([
        ("type".to_owned(), json!(chosen.map_or(format, |(_, format, _)| format).as_str())),
        ("lifecycle".to_owned(), json!(settings.lifecycle)),
        ("owner".to_owned(), json!(tagged(&settings.owner_tag).unwrap_or_else(|| settings.owner.clone()))),
        ("definition".to_owned(), definition),
    ]);
    if let Some(system) = tagged(&settings.system_tag) {
        spec.insert("system".to_owned(), json!(system));
    }
    Ok(json!({ "apiVersion": "backstage.io/v1alpha1", "kind": "API", "metadata": metadata, "spec": spec }))
}

/// The ARN of an API, which names neither its account nor a stage (Service Authorization Reference, API Gateway management).
pub(super) fn arn(api: &ApiId, protocol: Protocol) -> String {
    let collection = if protocol == Protocol::Rest { "restapis" } else { "apis" };
    format!("arn:{}:apigateway:{}::/{collection}/{}", api.partition, api.region, api.api_id)
}

fn annotations(api: &ApiDocument, delivery: &Delivery) -> Map<String, Value> {
    let notice = &delivery.notice;
    let mut stages: Vec<&str> = api.instances.iter().map(|instance| &*instance.stage).collect();
    stages.dedup();
    let mut annotations = Map::from_iter([
        (ARN.to_owned(), json!(arn(&api.id(), api.protocol))),
        ("amazonaws.com/account-id".to_owned(), json!(api.account_id)),
        (API.to_owned(), json!(api.id().to_string())),
        ("aboard/connection".to_owned(), json!(notice.connection)),
        ("aboard/stages".to_owned(), json!(stages.join(","))),
        (REVISION.to_owned(), json!(notice.revision.to_string())),
        (OCCURRED_AT.to_owned(), json!(notice.occurred_at)),
    ]);
    for (key, value) in [("aboard/endpoint-type", &api.endpoint_type), ("aboard/account-name", &api.account_name)] {
        if let Some(value) = value {
            annotations.insert(key.to_owned(), json!(value));
        }
    }
    annotations
}

fn labels(api: &ApiDocument) -> Value {
    let given = [
        ("aboard/account-id", api.account_id.as_str()),
        ("aboard/region", &api.region),
        ("aboard/protocol", api.protocol.as_str()),
    ];
    let right = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(words::word(value)?))));
    Value::Object(right.collect())
}

fn links(api: &ApiDocument) -> Value {
    let callable = api.instances.iter().filter(|instance| instance.callable);
    let link = |instance: &crate::inventory::Instance| json!({ "url": instance.url, "title": format!("{} ({})", instance.stage, instance.kind.as_str()) });
    callable.map(link).collect()
}

/// The one specification that an entity has room for: that of the stage that is most likely the productive one, else the first.
fn choose(specifications: &[Specification]) -> Option<(&str, SpecificationFormat, &Document)> {
    const FIRST: [&str; 4] = ["$default", "prod", "production", "live"];
    let there = specifications.iter().filter_map(|one| Some((&*one.stage, one.format, one.document.as_ref().ok()?)));
    there.min_by_key(|(stage, _, _)| {
        let known = FIRST.iter().position(|first| first.eq_ignore_ascii_case(stage));
        (known.unwrap_or(FIRST.len()), *stage)
    })
}

fn why_none(specifications: &[Specification]) -> String {
    let cause = specifications.iter().find_map(|one| one.document.as_ref().err());
    cause.map_or_else(|| "it was not exported".to_owned(), |cause| cause.trim_end_matches('.').to_owned())
}

fn definition(
    settings: &BackstageTarget,
    api: &ApiDocument,
    stage: &str,
    format: SpecificationFormat,
    document: &Document,
) -> Result<Value, String> {
    match &settings.definition {
        Definition::Embed => {
            let text = document.text.as_deref().filter(|text| !text.is_empty());
            text.map(|text| json!(text))
                .ok_or_else(|| format!("the specification of stage {stage} came without its text"))
        }
        Definition::Text { base } => {
            let between = if base.ends_with('/') { "" } else { "/" };
            let file = format!("{}/{}", names::folder_of(&api.id())?, names::file_of(stage, format));
            Ok(json!({ "$text": format!("{base}{between}{file}") }))
        }
    }
}

/// A valid document that says no more than that there is none: Backstage takes no empty one.
fn minimal(api: &ApiDocument, why: &str) -> String {
    let info = json!({
        "title": if api.name.is_empty() { "API" } else { &api.name },
        "version": api.version.as_deref().unwrap_or("0"),
        "description": format!("There is no specification: {why}."),
    });
    let document = if api.protocol == Protocol::WebSocket {
        json!({ "asyncapi": "3.0.0", "info": info })
    } else {
        let callable = api.instances.iter().filter(|instance| instance.callable);
        let servers: Vec<Value> = callable.map(|instance| json!({ "url": instance.url })).collect();
        json!({ "openapi": "3.0.1", "info": info, "paths": {}, "servers": servers })
    };
    document.to_string()
}
