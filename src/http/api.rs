//! `/api/v1`: the documents of the commands, and the few things that can be changed.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::access::ACTOR;
use super::answer::{self, Problem};
use super::backend::PauseRequest;
use super::query::{self, Query};
use super::routes::{Kind, Site};
use super::server::HEAD_TIMEOUT;

/// What a request may carry; ours are a few members of JSON.
const BODY: usize = 16 * 1024;

/// `GET /api/v1/connections`.
pub(super) async fn connections(State(site): State<Arc<Site>>, uri: Uri) -> Result<Response, Problem> {
    let paging = Query::of(&uri, &query::OF_CONNECTIONS)?.paging()?;
    Ok(answer::listing(site.ask(Kind::List, move |backend| backend.connections(&paging)).await??, &uri))
}

/// `GET /api/v1/integrations`.
pub(super) async fn integrations(State(site): State<Arc<Site>>, uri: Uri) -> Result<Response, Problem> {
    let paging = Query::of(&uri, &query::OF_INTEGRATIONS)?.paging()?;
    Ok(answer::listing(site.ask(Kind::List, move |backend| backend.integrations(&paging)).await??, &uri))
}

/// `GET /api/v1/apis`.
pub(super) async fn apis(State(site): State<Arc<Site>>, uri: Uri) -> Result<Response, Problem> {
    let wanted = Query::of(&uri, &query::OF_APIS)?.apis()?;
    Ok(answer::listing(site.ask(Kind::List, move |backend| backend.apis(&wanted)).await??, &uri))
}

/// `GET /api/v1/runs`.
pub(super) async fn runs(State(site): State<Arc<Site>>, uri: Uri) -> Result<Response, Problem> {
    let wanted = Query::of(&uri, &query::OF_RUNS)?.runs()?;
    Ok(answer::listing(site.ask(Kind::List, move |backend| backend.runs(&wanted)).await??, &uri))
}

/// `GET /api/v1/deliveries`.
pub(super) async fn deliveries(State(site): State<Arc<Site>>, uri: Uri) -> Result<Response, Problem> {
    let wanted = Query::of(&uri, &query::OF_DELIVERIES)?.deliveries()?;
    Ok(answer::listing(site.ask(Kind::List, move |backend| backend.deliveries(&wanted)).await??, &uri))
}

/// `GET /api/v1/coverage`.
pub(super) async fn coverage(State(site): State<Arc<Site>>, uri: Uri) -> Result<Response, Problem> {
    let wanted = Query::of(&uri, &query::OF_COVERAGE)?.coverage()?;
    Ok(answer::listing(site.ask(Kind::List, move |backend| backend.coverage(&wanted)).await??, &uri))
}

/// `GET /api/v1/runs/{id}`.
pub(super) async fn run(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    Query::of(&uri, &[])?;
    let id = id.parse().map_err(|_none| Problem::bad_request(format!("{id} is no number of a run")))?;
    Ok(Json(site.ask(Kind::List, move |backend| backend.run(id)).await??))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Reload {
    accept: bool,
}

/// `POST /api/v1/reload`.
pub(super) async fn reload(State(site): State<Arc<Site>>, uri: Uri, body: Body) -> Result<Json<Value>, Problem> {
    Query::of(&uri, &[])?;
    let Reload { accept } = asked(body).await?;
    Ok(Json(site.backend.reload(accept, ACTOR.to_owned()).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Pause {
    until: Option<DateTime<Utc>>,
    note: Option<String>,
}

/// `POST /api/v1/connections/{name}/pause`.
pub(super) async fn pause(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    uri: Uri,
    body: Body,
) -> Result<Json<Value>, Problem> {
    Query::of(&uri, &[])?;
    let Pause { until, note } = asked(body).await?;
    let pause = PauseRequest { until, note };
    Ok(Json(site.ask(Kind::Change, move |backend| backend.pause(&name, &pause, ACTOR)).await??))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Nothing {}

/// `POST /api/v1/connections/{name}/resume`.
pub(super) async fn resume(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    uri: Uri,
    body: Body,
) -> Result<Json<Value>, Problem> {
    Query::of(&uri, &[])?;
    let Nothing {} = asked(body).await?;
    Ok(Json(site.ask(Kind::Change, move |backend| backend.resume(&name, ACTOR)).await??))
}

/// The JSON object that a request carries; none at all stands for an empty one.
async fn asked<T: DeserializeOwned + Default>(body: Body) -> Result<T, Problem> {
    let too_large = || Problem::new("too_large", format!("the request broke off or carries more than {BODY} bytes"));
    // What says that it is too long is not waited for.
    if usize::try_from(body.size_hint().lower()).map_or(true, |length| length > BODY) {
        return Err(too_large());
    }
    let late = |_elapsed| Problem::new("timed_out", "the request did not come to its end in time");
    let bytes = timeout(HEAD_TIMEOUT, axum::body::to_bytes(body, BODY)).await.map_err(late)?;
    let bytes: Bytes = bytes.map_err(|_cut| too_large())?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    // By way of an object, for a list would do for its members.
    let object = serde_json::from_slice(&bytes).and_then(|object| serde_json::from_value(Value::Object(object)));
    object.map_err(|error| Problem::bad_request(format!("the body is not as it must be: {error}")))
}
