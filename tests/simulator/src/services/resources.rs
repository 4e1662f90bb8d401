//! API Gateway v1: the resources of a REST API and their methods.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::v1_page;
use crate::answer::{AwsError, Reply};
use crate::paging::Cursor;
use crate::request::Request;
use crate::world::{RestApi, derived_id};

/// `GetResources`: without `embed=methods` it names the methods and says nothing of them (API Gateway API reference).
pub(super) fn list(api: &RestApi, request: &Request) -> Result<Reply, AwsError> {
    let embedded = request.parameter("embed") == Some("methods");
    let mut resources: Vec<(String, Value)> = by_path(api)
        .into_iter()
        .map(|(path, methods)| (id_of(api, &path), resource_json(api, &path, &methods, embedded)))
        .collect();
    resources.sort_by(|a, b| a.0.cmp(&b.0));
    let (page, next) = Cursor::of(request)?.page_of_slice(&resources, |(id, _)| id);
    Ok(v1_page(page.into_iter().map(|(_, resource)| resource.clone()).collect(), next))
}

/// Every path with its methods and whether they need a key; paths that only lead to others have none.
fn by_path(api: &RestApi) -> BTreeMap<String, BTreeMap<String, bool>> {
    let default = [(format!("/{}", api.name), "GET".to_owned(), false)];
    let methods = if api.methods.is_empty() { &default[..] } else { &api.methods };
    let mut paths = BTreeMap::from([("/".to_owned(), BTreeMap::new())]);
    for (path, method, needs_key) in methods {
        for (at, _) in path.match_indices('/').skip(1) {
            paths.entry(path[..at].to_owned()).or_default();
        }
        paths.entry(path.clone()).or_default().insert(method.clone(), *needs_key || api.every_method_needs_key);
    }
    paths
}

fn id_of(api: &RestApi, path: &str) -> String {
    if path == "/" { derived_id(10, &[&api.id, "root"]) } else { derived_id(6, &[&api.id, "resource", path]) }
}

fn resource_json(api: &RestApi, path: &str, methods: &BTreeMap<String, bool>, embedded: bool) -> Value {
    let mut resource = Map::from_iter([("id".to_owned(), json!(id_of(api, path))), ("path".to_owned(), json!(path))]);
    if let Some((parent, part)) = path.rsplit_once('/').filter(|_| path != "/") {
        let parent = if parent.is_empty() { "/" } else { parent };
        resource.insert("parentId".to_owned(), json!(id_of(api, parent)));
        resource.insert("pathPart".to_owned(), json!(part));
    }
    if !methods.is_empty() {
        let method = |(name, needs_key): (&String, &bool)| {
            let whole = json!({"httpMethod": name, "authorizationType": "NONE", "apiKeyRequired": needs_key});
            (name.clone(), if embedded { whole } else { json!({}) })
        };
        resource.insert("resourceMethods".to_owned(), methods.iter().map(method).collect::<Map<_, _>>().into());
    }
    Value::Object(resource)
}
