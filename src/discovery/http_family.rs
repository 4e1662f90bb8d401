//! Reads HTTP and WebSocket APIs (the `apigatewayv2` service).

use aws_sdk_apigatewayv2::types;

use super::account::Place;
use super::classify::{Ask, Failure, Kind};
use super::listed::{Endpoint, Harvest, Listed, StagesRead, filled, in_order, instant, sorted};
use super::page::{self, Page};
use crate::inventory::{Protocol, Stage};

/// Largest page that is asked for; the service takes it as text.
pub(super) const PAGE: &str = "500";

/// Every HTTP and WebSocket API of the place.
pub(super) async fn list(place: &Place) -> Harvest {
    let ask = Ask::http("GetApis", "/apis");
    let pages = page::all(&ask, |token: Option<String>| {
        let ask = &ask;
        async move {
            let answer = place
                .ask(ask, |clients| clients.http.get_apis().max_results(PAGE).set_next_token(token.clone()).send())
                .await?;
            Ok(Page { items: answer.items, next: answer.next_token })
        }
    })
    .await;
    let apis = pages.items.into_iter().filter_map(listed).map(|api| (api.api_id.clone(), api));
    Harvest { apis: apis.collect(), without_list: pages.without_list, failure: pages.failure }
}

/// One API; `None` where there is no such.
pub(super) async fn get(place: &Place, api_id: &str) -> Result<Option<Listed>, Failure> {
    let ask = Ask::http("GetApi", format!("/apis/{api_id}"));
    let answer = place.ask(&ask, |clients| clients.http.get_api().api_id(api_id).send()).await;
    let api = match answer {
        Ok(api) => api,
        Err(failure) if failure.kind == Kind::NotFound => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let api = types::Api::builder()
        .set_api_id(api.api_id)
        .set_api_endpoint(api.api_endpoint)
        .set_name(api.name)
        .set_description(api.description)
        .set_version(api.version)
        .set_created_date(api.created_date)
        .set_protocol_type(api.protocol_type)
        .set_tags(api.tags)
        .set_disable_execute_api_endpoint(api.disable_execute_api_endpoint)
        .build();
    Ok(listed(api))
}

/// Every stage of one API.
pub(super) async fn stages(place: &Place, api_id: &str) -> StagesRead {
    let ask = Ask::http("GetStages", format!("/apis/{api_id}/stages"));
    let pages = page::all(&ask, |token: Option<String>| {
        let ask = &ask;
        async move {
            let answer = place
                .ask(ask, |clients| {
                    let request = clients.http.get_stages().api_id(api_id).max_results(PAGE);
                    request.set_next_token(token.clone()).send()
                })
                .await?;
            Ok(Page { items: answer.items, next: answer.next_token })
        }
    })
    .await;
    match pages.failure {
        None => Some(Ok(in_order(pages.items.into_iter().filter_map(stage).collect()))),
        Some(failure) if failure.kind == Kind::NotFound => None,
        Some(failure) => Some(Err(failure)),
    }
}

fn listed(api: types::Api) -> Option<Listed> {
    let web_socket = api.protocol_type == Some(types::ProtocolType::Websocket);
    Some(Listed {
        api_id: filled(api.api_id)?,
        protocol: if web_socket { Protocol::WebSocket } else { Protocol::Http },
        name: api.name.unwrap_or_default(),
        description: filled(api.description),
        version: filled(api.version),
        // The family knows no other and so does not say.
        endpoint_type: Some("REGIONAL".to_owned()),
        tags: sorted(api.tags),
        created_at: instant(api.created_date.as_ref()),
        endpoint: Endpoint {
            disabled: api.disable_execute_api_endpoint.unwrap_or_default(),
            private: false,
            vpc_endpoint_ids: Vec::new(),
            given: filled(api.api_endpoint),
        },
    })
}

fn stage(stage: types::Stage) -> Option<Stage> {
    Some(Stage {
        name: filled(stage.stage_name)?,
        deployment_id: filled(stage.deployment_id),
        auto_deploy: stage.auto_deploy.unwrap_or_default(),
        created_at: instant(stage.created_date.as_ref()),
        deployed_at: None,
    })
}
