//! What goes back: JSON, errors with a kind, and the headers that every answer carries.

use axum::Json;
use axum::extract::Request;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::backend::{Listing, Refusal, RefusalKind};
use super::routes;

/// An answer that is no success: `{error: {kind, message, hint}}`.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    kind: &'static str,
    message: String,
    hint: Option<String>,
}

/// Every kind of problem with its status, for the document that describes the API.
pub(super) const KINDS: [(&str, u16); 13] = [
    ("bad_request", 400),
    ("unauthorized", 401),
    ("forbidden", 403),
    ("not_found", 404),
    ("method_not_allowed", 405),
    ("timed_out", 408),
    ("conflict", 409),
    ("too_large", 413),
    ("misdirected", 421),
    ("file_rejected", 422),
    ("failed", 500),
    ("unavailable", 503),
    ("token_unreadable", 503),
];

impl Problem {
    /// Of one of [`KINDS`].
    pub(super) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        let status =
            KINDS.iter().find(|(name, _)| *name == kind).and_then(|(_, status)| StatusCode::from_u16(*status).ok());
        Self { status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), kind, message: message.into(), hint: None }
    }

    /// With what to do about it.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new("bad_request", message)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal.kind {
            RefusalKind::BadRequest => "bad_request",
            RefusalKind::NotFound => "not_found",
            RefusalKind::Conflict => "conflict",
            RefusalKind::FileRejected => "file_rejected",
            RefusalKind::Unavailable => "unavailable",
            RefusalKind::Failed => "failed",
        };
        Self { hint: refusal.hint, ..Self::new(kind, refusal.message) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "kind": self.kind, "message": self.message, "hint": self.hint } });
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"aboard\""));
        }
        response
    }
}

/// One part of a list; where there is more, a `Link` header leads to it with everything else that was asked.
pub(super) fn listing(listing: Listing, uri: &Uri) -> Response {
    let next = listing.next.as_deref().map(|cursor| link(uri, cursor));
    let mut response = Json(Value::Array(listing.items)).into_response();
    // A cursor and an encoded query hold visible ASCII only.
    if let Some(Ok(next)) = next.map(HeaderValue::try_from) {
        response.headers_mut().insert(header::LINK, next);
    }
    response
}

fn link(uri: &Uri, cursor: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let asked = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    query.extend_pairs(asked.filter(|(name, _)| name != "cursor")).append_pair("cursor", cursor);
    format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish())
}

/// What a browser may do with our answers: nothing but show them.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What a refusal that is not in our form may say.
const SENTENCE: usize = 1024;

/// Adds those headers, and our form to what router and extractors refuse by themselves.
pub(super) async fn finish(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    let status = response.status();
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response = method_not_allowed(&method, &path);
    } else if (status.is_client_error() || status.is_server_error()) && !is_json(&response) {
        response = in_our_form(response).await;
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn is_json(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json")
}

/// The same refusal with its sentence, of the kind that its status stands for.
async fn in_our_form(response: Response) -> Response {
    let (head, body) = response.into_parts();
    let kind = KINDS.iter().find(|(_, status)| head.status == *status).map_or("failed", |(kind, _)| *kind);
    let said = axum::body::to_bytes(body, SENTENCE).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let message = if said.trim().is_empty() { head.status.to_string() } else { said.trim().to_owned() };
    Problem::new(kind, message).into_response()
}

fn method_not_allowed(method: &Method, path: &str) -> Response {
    // The router adds the header `Allow` outside of us.
    let problem = Problem::new("method_not_allowed", format!("{method} does nothing at {path}"));
    problem.hint(format!("what does: {}", routes::methods(path).join(", "))).into_response()
}
