//! The steps of Test Connection for integrations: usage plans, methods and API keys. Nothing is written to find out whether it may be.

use super::super::account::Place;
use super::super::classify::Ask;
use super::permissions::{First, LISTING_FAILED, outcome, seen, step};
use super::{Outcome, Step};
use crate::config::Wants;

/// What the integrations that offer the connection's APIs need; nothing where there is none.
pub(super) async fn steps(place: &Place, first_rest_api: &First<String>, wants: Wants) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut tell = |name, outcome| steps.push(step(place, name, outcome));
    if wants.plans {
        tell("read methods of REST APIs", methods(place, first_rest_api).await);
        tell("list usage plans", usage_plans(place).await);
    }
    if wants.key_list {
        tell("list API keys", api_keys(place).await);
    }
    if wants.subscriptions {
        let on = |path: &str| format!("arn:{}:apigateway:{}::{path}", place.partition, place.region);
        let why = format!(
            "it would change something; subscriptions need apigateway:POST on {} and {}, and apigateway:DELETE on {}",
            on("/apikeys"),
            on("/usageplans/*/keys"),
            on("/apikeys/*")
        );
        tell("make and delete API keys", Outcome::NotTried(why));
    }
    steps
}

async fn methods(place: &Place, first: &First<String>) -> Outcome {
    let id = match first {
        Ok(Some(id)) => id,
        Ok(None) => return Outcome::NotTried("there is no REST API to try it on".to_owned()),
        Err(_) => return Outcome::NotTried(LISTING_FAILED.to_owned()),
    };
    let ask = Ask::rest("GetResources", format!("/restapis/{id}/resources"));
    let answer =
        place.ask(&ask, |clients| clients.rest.get_resources().rest_api_id(id).embed("methods").limit(1).send());
    outcome(place, &answer.await.map(|_| ()), |()| format!("tried on {id}")).await
}

async fn usage_plans(place: &Place) -> Outcome {
    let ask = Ask::rest("GetUsagePlans", "/usageplans");
    let answer = place.ask(&ask, |clients| clients.rest.get_usage_plans().limit(1).send()).await;
    let first = answer.map(|answer| answer.items.unwrap_or_default().into_iter().find_map(|plan| plan.id));
    outcome(place, &first, |first| seen(first.as_deref())).await
}

async fn api_keys(place: &Place) -> Outcome {
    let ask = Ask::rest("GetApiKeys", "/apikeys");
    let answer = place.ask(&ask, |clients| clients.rest.get_api_keys().include_values(false).limit(1).send()).await;
    let first = answer.map(|answer| answer.items.unwrap_or_default().into_iter().find_map(|key| key.id));
    outcome(place, &first, |first| seen(first.as_deref())).await
}
