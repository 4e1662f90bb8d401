//! API Gateway v1: REST APIs, stages, deployments, exports.

use serde_json::{Value, json};

use super::{Place, default_specification, epoch, resources, v1_page, without_nulls};
use crate::answer::{Answer, AwsError, Page, Reply};
use crate::operation::{Operation, Service};
use crate::paging::Cursor;
use crate::request::Request;
use crate::world::{Deployment, RestApi, RestStage, derived_id};

pub(super) fn operate(place: &Place<'_>, request: &Request, operation: Operation) -> Result<Reply, AwsError> {
    if operation == Operation::GetRestApis {
        let (apis, next) = Cursor::of(request)?.page_of_map(&place.region.rest);
        return Ok(v1_page(apis.into_iter().map(api_json).collect(), next));
    }
    let api = place.region.rest.get(request.parent()).ok_or_else(|| {
        AwsError::not_found(format!("Invalid API identifier specified {}:{}", place.account, request.parent()))
    })?;
    of_api(api, request, operation)
}

fn of_api(api: &RestApi, request: &Request, operation: Operation) -> Result<Reply, AwsError> {
    match operation {
        Operation::RestGetStages => {
            let wanted = request.parameter("deploymentId");
            let stages = api.stages.iter().filter(|stage| wanted.is_none_or(|id| id == stage.deployment_id));
            // API Gateway API reference: GetStages is the one list of v1 that has no pages.
            Ok(Reply::Page(Page { list: "item", items: stages.map(stage_json).collect(), token: None, next: None }))
        }
        Operation::RestGetDeployments => {
            let (page, next) = Cursor::of(request)?.page_of_slice(&api.deployments, |deployment| &deployment.id);
            Ok(v1_page(page.into_iter().map(deployment_json).collect(), next))
        }
        Operation::RestGetDeployment => {
            let deployment = api.deployments.iter().find(|deployment| deployment.id == request.child());
            let deployment =
                deployment.ok_or_else(|| AwsError::not_found("Invalid Deployment identifier specified"))?;
            Ok(Reply::Document(Answer::json(Service::Rest, &deployment_json(deployment))))
        }
        Operation::GetResources => resources::list(api, request),
        Operation::GetExport => export(api, request.child()).map(Reply::Document),
        _ => Ok(Reply::Document(Answer::json(Service::Rest, &api_json(api)))),
    }
}

fn export(api: &RestApi, stage: &str) -> Result<Answer, AwsError> {
    if !api.stages.iter().any(|known| known.name == stage) {
        return Err(AwsError::not_found("Invalid stage identifier specified"));
    }
    let document = match &api.specification {
        Some(Value::Null) => return Err(AwsError::bad_request("Unable to build exports: the API has no methods")),
        Some(document) => document.clone(),
        None => default_specification(&api.name, api.version.as_deref()),
    };
    let mut answer = Answer::json(Service::Rest, &document);
    answer.disposition = Some(format!("attachment; filename=\"oas30_{}.json\"", api.id));
    Ok(answer)
}

fn api_json(api: &RestApi) -> Value {
    let vpc_endpoints = (!api.vpc_endpoint_ids.is_empty()).then_some(&api.vpc_endpoint_ids);
    without_nulls(json!({
        "id": api.id,
        "name": api.name,
        "description": api.description,
        "version": api.version,
        "createdDate": epoch(api.created),
        "apiKeySource": "HEADER",
        "endpointConfiguration": without_nulls(json!({
            "types": [api.endpoint_type.as_str()],
            "ipAddressType": "ipv4",
            "vpcEndpointIds": vpc_endpoints,
        })),
        "tags": (!api.tags.is_empty()).then_some(&api.tags),
        "disableExecuteApiEndpoint": api.disable_execute_api,
        "rootResourceId": derived_id(10, &[&api.id, "root"]),
    }))
}

fn stage_json(stage: &RestStage) -> Value {
    let canary = stage.canary.as_ref().map(|id| json!({"percentTraffic": 10.0, "deploymentId": id}));
    without_nulls(json!({
        "deploymentId": stage.deployment_id,
        "stageName": stage.name,
        "cacheClusterEnabled": false,
        "cacheClusterStatus": "NOT_AVAILABLE",
        "methodSettings": {},
        "tracingEnabled": false,
        "createdDate": epoch(stage.created),
        "lastUpdatedDate": epoch(stage.updated),
        "canarySettings": canary,
    }))
}

fn deployment_json(deployment: &Deployment) -> Value {
    json!({"id": deployment.id, "createdDate": epoch(Some(deployment.created))})
}
