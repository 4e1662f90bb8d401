//! API Gateway v2: HTTP and WebSocket APIs, stages, deployments, routes, exports.

use serde_json::{Value, json};

use super::{Place, default_specification, dns_suffix, iso, v2_page, without_nulls};
use crate::answer::{Answer, AwsError, Reply};
use crate::operation::{Operation, Service};
use crate::paging::Cursor;
use crate::request::Request;
use crate::world::{Deployment, HttpApi, HttpStage, Protocol, derived_id};

pub(super) fn operate(place: &Place<'_>, request: &Request, operation: Operation) -> Result<Reply, AwsError> {
    if operation == Operation::GetApis {
        let (apis, next) = Cursor::of(request)?.page_of_map(&place.region.http);
        return Ok(v2_page(apis.into_iter().map(|api| api_json(place, api)).collect(), next));
    }
    let api = place.region.http.get(request.parent()).ok_or_else(|| {
        AwsError::not_found(format!("Invalid API identifier specified {}:{}", place.account, request.parent()))
    })?;
    match operation {
        Operation::HttpGetStages => {
            let (page, next) = Cursor::of(request)?.page_of_slice(&api.stages, |stage| &stage.name);
            Ok(v2_page(page.into_iter().map(stage_json).collect(), next))
        }
        Operation::HttpGetDeployments => {
            let (page, next) = Cursor::of(request)?.page_of_slice(&api.deployments, |deployment| &deployment.id);
            Ok(v2_page(page.into_iter().map(deployment_json).collect(), next))
        }
        Operation::HttpGetDeployment => {
            let deployment = api.deployments.iter().find(|deployment| deployment.id == request.child());
            let deployment =
                deployment.ok_or_else(|| AwsError::not_found("Invalid Deployment identifier specified"))?;
            Ok(Reply::Document(Answer::json(Service::Http, &deployment_json(deployment))))
        }
        Operation::GetRoutes => routes(api, request),
        Operation::ExportApi => export(api, request).map(Reply::Document),
        _ => Ok(Reply::Document(Answer::json(Service::Http, &api_json(place, api)))),
    }
}

fn routes(api: &HttpApi, request: &Request) -> Result<Reply, AwsError> {
    let mut routes: Vec<(String, &String)> =
        api.routes.iter().map(|key| (derived_id(7, &[&api.id, key]), key)).collect();
    routes.sort();
    let (page, next) = Cursor::of(request)?.page_of_slice(&routes, |(id, _)| id);
    let route_json = |(id, key): &(String, &String)| json!({"apiKeyRequired": false, "authorizationType": "NONE", "routeId": id, "routeKey": key});
    Ok(v2_page(page.into_iter().map(route_json).collect(), next))
}

fn export(api: &HttpApi, request: &Request) -> Result<Answer, AwsError> {
    if api.protocol == Protocol::WebSocket {
        return Err(AwsError::bad_request("ExportApi is only supported for HTTP APIs"));
    }
    if !matches!(request.parameter("outputType"), Some("JSON" | "YAML")) {
        return Err(AwsError::bad_request("Invalid value for outputType"));
    }
    if let Some(stage) = request.parameter("stageName")
        && !api.stages.iter().any(|known| known.name == stage)
    {
        return Err(AwsError::not_found("Invalid stage identifier specified"));
    }
    let document = match &api.specification {
        Some(Value::Null) => return Err(AwsError::bad_request("Unable to export the API: the schema is empty")),
        Some(document) => document.clone(),
        None => default_specification(&api.name, api.version.as_deref()),
    };
    // JSON is YAML too: good enough for a client that asked for it.
    Ok(Answer::json(Service::Http, &document))
}

fn api_json(place: &Place<'_>, api: &HttpApi) -> Value {
    let scheme = if api.protocol == Protocol::WebSocket { "wss" } else { "https" };
    let endpoint = api
        .endpoint
        .clone()
        .unwrap_or_else(|| format!("{scheme}://{}.execute-api.{}.{}", api.id, place.name, dns_suffix(place.name)));
    let selection =
        if api.protocol == Protocol::WebSocket { "$request.body.action" } else { "$request.method $request.path" };
    without_nulls(json!({
        "apiEndpoint": endpoint,
        "apiId": api.id,
        "apiKeySelectionExpression": "$request.header.x-api-key",
        "createdDate": iso(api.created),
        "description": api.description,
        "disableExecuteApiEndpoint": api.disable_execute_api,
        "ipAddressType": "ipv4",
        "name": api.name,
        "protocolType": api.protocol.as_str(),
        "routeSelectionExpression": selection,
        "tags": api.tags,
        "version": api.version,
    }))
}

fn stage_json(stage: &HttpStage) -> Value {
    without_nulls(json!({
        "autoDeploy": stage.auto_deploy,
        "createdDate": iso(stage.created),
        "defaultRouteSettings": {"detailedMetricsEnabled": false},
        "deploymentId": stage.deployment_id,
        "lastUpdatedDate": iso(stage.updated),
        "routeSettings": {},
        "stageName": stage.name,
        "stageVariables": {},
        "tags": {},
    }))
}

fn deployment_json(deployment: &Deployment) -> Value {
    json!({
        "autoDeployed": deployment.auto_deployed,
        "createdDate": iso(Some(deployment.created)),
        "deploymentId": deployment.id,
        "deploymentStatus": deployment.status.as_str(),
    })
}
