//! Exports: the specification of a stage as AWS gives it.
//!
//! AWS is asked for no extensions. WebSocket APIs cannot be exported (AWS API Gateway Developer Guide, "Export an HTTP API"): their
//! routes are read instead, once for all stages, because AWS keeps them by API and not by deployment.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::account::{Account, Place};
use super::aws::Aws;
use super::classify::{Ask, Failure, Kind};
use super::http::Count;
use super::http_family;
use super::listed::filled;
use super::page::{self, Page};
use super::progress::Progress;
use crate::inventory::{ApiId, Family, Protocol};
use crate::specification::{AwsExport, Route, Routes};

/// Exports from one region of an account, and counts what that takes.
#[derive(Debug)]
pub struct Exporter {
    place: Arc<Place>,
    before: Count,
}

/// Why a stage could not be exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportFailure {
    /// One sentence, with the remedy where there is one.
    pub cause: String,
    /// Whether it may go better while the stage stays as it is: AWS was busy or out of reach, or does not allow it yet.
    pub passing: bool,
}

impl Exporter {
    /// Of one region; nothing is asked yet. Calls that others make there until it is done count as its own.
    #[must_use]
    pub fn new(aws: &Aws, account: &Account, region: &str, progress: &Progress) -> Self {
        let place = account.place(aws, region, progress);
        let before = read(&place);
        Self { place, before }
    }

    /// How many APIs may be exported side by side; more would only wait.
    #[must_use]
    pub fn width(&self) -> usize {
        self.place.width()
    }

    /// Requests sent so far, retries included, and answers with status 429 among them.
    #[must_use]
    pub fn spent(&self) -> (u64, u64) {
        let count = read(&self.place) - self.before;
        (count.calls, count.throttled)
    }

    /// Exports stages of an API, one after the other.
    pub async fn export(
        &self,
        api: &ApiId,
        protocol: Protocol,
        stages: impl IntoIterator<Item = &String>,
    ) -> BTreeMap<String, Result<AwsExport, ExportFailure>> {
        let id = &api.api_id;
        let mut exports = BTreeMap::new();
        let mut routes = None;
        for stage in stages {
            let export = match protocol {
                Protocol::Rest => self.rest(id, stage).await.map(AwsExport::OpenApi),
                Protocol::Http => self.http(id, stage).await.map(AwsExport::OpenApi),
                Protocol::WebSocket => {
                    if routes.is_none() {
                        routes = Some(self.routes(id).await);
                    }
                    routes.clone().unwrap_or_else(|| Ok(Routes::default())).map(AwsExport::Routes)
                }
            };
            exports.insert(stage.clone(), export.map_err(|failure| told(&failure)));
        }
        exports
    }

    async fn rest(&self, api_id: &str, stage: &str) -> Result<Vec<u8>, Failure> {
        let ask = Ask::rest("GetExport", format!("/restapis/{api_id}/stages/{stage}/exports/oas30"));
        let send = |clients: &super::account::Clients| {
            let request = clients.rest.get_export().rest_api_id(api_id).stage_name(stage);
            request.export_type("oas30").accepts("application/json").send()
        };
        let answer = self.place.ask(&ask, send).await?;
        Ok(answer.body.map(aws_sdk_apigateway::primitives::Blob::into_inner).unwrap_or_default())
    }

    async fn http(&self, api_id: &str, stage: &str) -> Result<Vec<u8>, Failure> {
        let ask = Ask::http("ExportApi", format!("/apis/{api_id}/exports/OAS30"));
        let send = |clients: &super::account::Clients| {
            let request = clients.http.export_api().api_id(api_id).stage_name(stage).specification("OAS30");
            request.output_type("JSON").include_extensions(false).send()
        };
        let answer = self.place.ask(&ask, send).await?;
        Ok(answer.body.map(aws_sdk_apigatewayv2::primitives::Blob::into_inner).unwrap_or_default())
    }

    /// The API itself says how a route is selected.
    async fn routes(&self, api_id: &str) -> Result<Routes, Failure> {
        let ask = Ask::http("GetApi", format!("/apis/{api_id}"));
        let api = self.place.ask(&ask, |clients| clients.http.get_api().api_id(api_id).send()).await?;
        let ask = Ask::http("GetRoutes", format!("/apis/{api_id}/routes"));
        let pages = page::all(&ask, |token: Option<String>| {
            let ask = &ask;
            async move {
                let answer = self
                    .place
                    .ask(ask, |clients| {
                        let request = clients.http.get_routes().api_id(api_id).max_results(http_family::PAGE);
                        request.set_next_token(token.clone()).send()
                    })
                    .await?;
                Ok(Page { items: answer.items, next: answer.next_token })
            }
        })
        .await;
        match pages.failure {
            Some(failure) => Err(failure),
            None => Ok(Routes {
                selection: filled(api.route_selection_expression),
                routes: pages.items.into_iter().filter_map(route).collect(),
            }),
        }
    }
}

fn read(place: &Place) -> Count {
    Family::ALL.into_iter().map(|family| place.meter(family).read()).fold(Count::default(), |sum, one| sum + one)
}

fn route(route: aws_sdk_apigatewayv2::types::Route) -> Option<Route> {
    Some(Route {
        key: filled(route.route_key)?,
        operation: filled(route.operation_name),
        authorization: route.authorization_type.map(|kind| kind.as_str().to_owned()),
        api_key: route.api_key_required.unwrap_or_default(),
    })
}

/// What AWS says of the API itself stands until the API changes; all else may pass.
fn told(failure: &Failure) -> ExportFailure {
    let trouble = failure.trouble();
    let of_the_api = match failure.kind {
        Kind::NotFound | Kind::Unsupported => true,
        // A conflict is a change that is under way; a remedy is known where it may not have been AWS that answered.
        Kind::Other => trouble.hint.is_none() && failure.status.is_some_and(|it| (400..500).contains(&it) && it != 409),
        _ => false,
    };
    let hint = trouble.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
    ExportFailure { cause: format!("{}{hint}", trouble.cause), passing: !of_the_api }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::testing::{ACCOUNT, Asked, Log, REGION, Reply, account, aws};

    async fn exports(
        protocol: Protocol,
        stages: &[&str],
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> (Vec<Result<AwsExport, ExportFailure>>, (u64, u64), Log) {
        let (aws, log) = aws(answer).await;
        let account = account("aws", REGION);
        let exporter = Exporter::new(&aws, &account, REGION, &Progress::default());
        let api = ApiId {
            partition: "aws".to_owned(),
            account_id: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            api_id: "a1b2c3d4e5".to_owned(),
        };
        let stages: Vec<String> = stages.iter().map(|&stage| stage.to_owned()).collect();
        let exports = exporter.export(&api, protocol, &stages).await;
        assert_eq!(exports.keys().collect::<Vec<_>>(), stages.iter().collect::<Vec<_>>());
        (exports.into_values().collect(), exporter.spent(), log)
    }

    const DOCUMENT: &str = r#"{"openapi":"3.0.1"}"#;

    #[tokio::test]
    async fn each_stage_of_a_rest_api_is_exported_without_extensions() {
        let (exports, spent, log) = exports(Protocol::Rest, &["live", "test"], |_| Reply::json(DOCUMENT)).await;
        assert_eq!(exports, vec![Ok(AwsExport::OpenApi(DOCUMENT.into())); 2]);
        assert_eq!(
            log.paths(),
            ["/restapis/a1b2c3d4e5/stages/live/exports/oas30", "/restapis/a1b2c3d4e5/stages/test/exports/oas30"]
        );
        assert!(log.all().iter().all(|asked| asked.query.is_empty()), "no extension is asked for");
        assert_eq!(spent, (2, 0));
    }

    #[tokio::test]
    async fn a_stage_of_an_http_api_is_exported_and_not_its_draft() {
        let (exports, _, log) = exports(Protocol::Http, &["$default"], |_| Reply::json(DOCUMENT)).await;
        assert_eq!(exports, [Ok(AwsExport::OpenApi(DOCUMENT.into()))]);
        let asked = &log.all()[0];
        assert_eq!(asked.path, "/v2/apis/a1b2c3d4e5/exports/OAS30");
        let of = |name| asked.parameter(name);
        assert_eq!(
            (of("stageName"), of("outputType"), of("includeExtensions")),
            (Some("$default"), Some("JSON"), Some("false"))
        );
    }

    #[tokio::test]
    async fn routes_of_a_web_socket_api_are_read_to_the_last_page_and_once_for_all_stages() {
        let (exports, spent, log) = exports(Protocol::WebSocket, &["live", "test"], |asked| {
            match (asked.path.as_str(), asked.parameter("nextToken")) {
                ("/v2/apis/a1b2c3d4e5", _) => {
                    Reply::json(r#"{"apiId":"a1b2c3d4e5","routeSelectionExpression":"$request.body.action"}"#)
                }
                (_, None) => Reply::json(
                    r#"{"items":[{"routeKey":"$connect","authorizationType":"AWS_IAM","apiKeyRequired":true}],"nextToken":"p"}"#,
                ),
                _ => Reply::json(r#"{"items":[{"routeKey":"send","operationName":"SendMessage"}]}"#),
            }
        })
        .await;
        let connect = Route {
            key: "$connect".to_owned(),
            authorization: Some("AWS_IAM".to_owned()),
            api_key: true,
            ..Route::default()
        };
        let send = Route { key: "send".to_owned(), operation: Some("SendMessage".to_owned()), ..Route::default() };
        let expected = Routes { selection: Some("$request.body.action".to_owned()), routes: vec![connect, send] };
        assert_eq!(exports, vec![Ok(AwsExport::Routes(expected)); 2]);
        assert_eq!((log.all().len(), spent), (3, (3, 0)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_aws_says_of_the_api_stands_and_everything_else_may_pass() {
        for (reply, passing, said) in [
            (Reply::error(400, "BadRequestException", "no methods"), false, "GetExport: no methods ("),
            (Reply::error(409, "ConflictException", "being changed"), true, "being changed"),
            (Reply::json("<html>").status(404), true, "perhaps from a proxy"),
            (Reply::not_found(), false, "Invalid API identifier"),
            (Reply::error(403, "AccessDeniedException", "no"), true, "; allow apigateway:GET on arn:aws:apigateway:"),
            (Reply::error(500, "InternalFailure", "broken"), true, "broken"),
            (Reply::no_connection(), true, "connection refused"),
        ] {
            let (exports, ..) = exports(Protocol::Rest, &["live"], move |_| reply.clone()).await;
            let Err(failure) = &exports[0] else { panic!("{exports:?}") };
            assert_eq!(failure.passing, passing, "{}", failure.cause);
            assert!(failure.cause.contains(said), "{}", failure.cause);
        }
    }
}
