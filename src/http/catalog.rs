//! `/catalog/NAME.yaml`: the catalog file of a Backstage target, for a Backstage that reads it from here.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};

use super::answer::Problem;
use super::query::Query;
use super::routes::{Kind, Site};

/// `GET /catalog/{name}`, with or without `.yaml` behind the target's name.
pub(super) async fn show(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::of(&uri, &[])?;
    let target = name.strip_suffix(".yaml").unwrap_or(&name).to_owned();
    let file = site.ask(Kind::List, move |backend| backend.catalog(&target)).await??;
    // RFC 9512.
    Ok(([(header::CONTENT_TYPE, "application/yaml")], file).into_response())
}
