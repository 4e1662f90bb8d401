//! Reads REST APIs (the `apigateway` service, v1).

use aws_sdk_apigateway::types;

use super::account::Place;
use super::classify::{Ask, Failure, Kind};
use super::listed::{Endpoint, Harvest, Listed, StagesRead, filled, in_order, instant, sorted};
use super::page::{self, Page};
use crate::inventory::{Protocol, Stage};

/// Largest page that AWS gives; its default is 25.
pub(super) const PAGE: i32 = 500;

/// Every REST API of the place.
pub(super) async fn list(place: &Place) -> Harvest {
    let ask = Ask::rest("GetRestApis", "/restapis");
    let pages = page::all(&ask, |position: Option<String>| {
        let ask = &ask;
        async move {
            let answer = place
                .ask(ask, |clients| clients.rest.get_rest_apis().limit(PAGE).set_position(position.clone()).send())
                .await?;
            Ok(Page { items: answer.items, next: answer.position })
        }
    })
    .await;
    let apis = pages.items.into_iter().filter_map(listed).map(|api| (api.api_id.clone(), api));
    Harvest { apis: apis.collect(), without_list: pages.without_list, failure: pages.failure }
}

/// One REST API; `None` where there is no such.
pub(super) async fn get(place: &Place, api_id: &str) -> Result<Option<Listed>, Failure> {
    let ask = Ask::rest("GetRestApi", format!("/restapis/{api_id}"));
    let answer = place.ask(&ask, |clients| clients.rest.get_rest_api().rest_api_id(api_id).send()).await;
    let api = match answer {
        Ok(api) => api,
        Err(failure) if failure.kind == Kind::NotFound => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let api = types::RestApi::builder()
        .set_id(api.id)
        .set_name(api.name)
        .set_description(api.description)
        .set_version(api.version)
        .set_created_date(api.created_date)
        .set_endpoint_configuration(api.endpoint_configuration)
        .set_tags(api.tags)
        .disable_execute_api_endpoint(api.disable_execute_api_endpoint)
        .build();
    Ok(listed(api))
}

/// Every stage of one API; v1 does not page them.
pub(super) async fn stages(place: &Place, api_id: &str) -> StagesRead {
    let ask = Ask::rest("GetStages", format!("/restapis/{api_id}/stages"));
    let answer = place.ask(&ask, |clients| clients.rest.get_stages().rest_api_id(api_id).send()).await;
    match answer {
        Ok(answer) => Some(Ok(in_order(answer.item.unwrap_or_default().into_iter().filter_map(stage).collect()))),
        Err(failure) if failure.kind == Kind::NotFound => None,
        Err(failure) => Some(Err(failure)),
    }
}

fn listed(api: types::RestApi) -> Option<Listed> {
    let (types, vpc_endpoint_ids) = match api.endpoint_configuration {
        Some(endpoint) => (endpoint.types.unwrap_or_default(), endpoint.vpc_endpoint_ids.unwrap_or_default()),
        None => Default::default(),
    };
    Some(Listed {
        api_id: filled(api.id)?,
        protocol: Protocol::Rest,
        name: api.name.unwrap_or_default(),
        description: filled(api.description),
        version: filled(api.version),
        endpoint_type: types.first().map(|kind| kind.as_str().to_owned()),
        tags: sorted(api.tags),
        created_at: instant(api.created_date.as_ref()),
        endpoint: Endpoint {
            disabled: api.disable_execute_api_endpoint,
            private: types.contains(&types::EndpointType::Private),
            vpc_endpoint_ids,
            given: None,
        },
    })
}

/// A canary serves a second deployment; the stage's own is what counts.
fn stage(stage: types::Stage) -> Option<Stage> {
    Some(Stage {
        name: filled(stage.stage_name)?,
        deployment_id: filled(stage.deployment_id),
        auto_deploy: false,
        created_at: instant(stage.created_date.as_ref()),
        deployed_at: None,
    })
}
