//! Whether an API needs keys: its methods, and nothing else of its resources.

use aws_sdk_apigateway::types::Resource;

use super::classify::{Ask, Failure, Kind};
use super::gateway::Gateway;
use super::page::{self, Page};
use super::rest::PAGE;
use crate::inventory::Trouble;

impl Gateway {
    /// Whether any method of a REST API asks for an API key; `None` where the API has gone. Its resources are read until the first one
    /// that does, at a pace of two calls a second.
    ///
    /// Consumers lose their keys over an API that needs none, so only a listing that was read to its end says that: with a resource in
    /// it, for the root is always there and cannot be deleted (AWS API Gateway API Reference, `DeleteResource`).
    ///
    /// # Errors
    /// They could not be read.
    pub async fn needs_api_key(&self, api_id: &str) -> Result<Option<bool>, Trouble> {
        let ask = Ask::rest("GetResources", format!("/restapis/{api_id}/resources"));
        let pages = page::all(&ask, |position: Option<String>| {
            let ask = &ask;
            async move {
                self.place.turn_of_resources().await;
                let send = |clients: &super::account::Clients| {
                    let request = clients.rest.get_resources().rest_api_id(api_id).embed("methods").limit(PAGE);
                    request.set_position(position.clone()).send()
                };
                let answer = self.place.ask(ask, send).await?;
                let is_known = answer.items().iter().any(asks_for_key);
                Ok(Page { items: answer.items, next: answer.position.filter(|_| !is_known) })
            }
        })
        .await;
        match pages.failure {
            Some(failure) if failure.kind == Kind::NotFound => Ok(None),
            Some(failure) => Err(self.place.trouble(&failure).await),
            None if pages.items.iter().any(asks_for_key) => Ok(Some(true)),
            None if pages.without_list || pages.items.is_empty() => {
                let why = "the answer has no resources, and an API always has one, so that no method needs a key is not known";
                Err(Failure::other(&ask, why).trouble())
            }
            None => Ok(Some(false)),
        }
    }
}

fn asks_for_key(resource: &Resource) -> bool {
    let mut methods = resource.resource_methods().into_iter().flatten();
    methods.any(|(_, method)| method.api_key_required == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::testing::{Asked, Log, REGION, Reply, account, aws};

    async fn needs(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Result<Option<bool>, Trouble>, Log) {
        let (aws, log) = aws(answer).await;
        let account = account("aws", REGION);
        (Gateway::new(&aws, &account, REGION).needs_api_key("a").await, log)
    }

    #[tokio::test]
    async fn one_method_with_a_key_is_enough_and_the_rest_is_not_read() {
        let (needed, log) = needs(|asked| match asked.parameter("position") {
            None => Reply::json(
                r#"{"item":[{"id":"1","path":"/"},{"id":"2","resourceMethods":{"GET":{"apiKeyRequired":false}}}],"position":"p"}"#,
            ),
            Some("p") => Reply::json(
                r#"{"item":[{"id":"3","resourceMethods":{"GET":{"apiKeyRequired":false},"PUT":{"apiKeyRequired":true}}}],"position":"q"}"#,
            ),
            other => panic!("nobody should ask for {other:?}"),
        })
        .await;
        assert_eq!(needed.unwrap(), Some(true));
        let first = &log.all()[0];
        assert_eq!((first.path.as_str(), first.parameter("embed")), ("/restapis/a/resources", Some("methods")));
    }

    #[tokio::test]
    async fn without_such_a_method_none_is_needed_and_an_api_that_went_is_none() {
        let (needed, _) =
            needs(|_| Reply::json(r#"{"item":[{"id":"2","resourceMethods":{"GET":{"apiKeyRequired":false}}}]}"#)).await;
        assert_eq!(needed.unwrap(), Some(false));
        assert_eq!(needs(|_| Reply::not_found()).await.0.unwrap(), None);
        let denied = needs(|_| Reply::error(403, "AccessDeniedException", "no")).await.0.unwrap_err();
        assert!(denied.cause.starts_with("GetResources: no"), "{denied:?}");
    }

    #[tokio::test]
    async fn only_a_listing_that_was_read_to_its_end_says_that_none_is_needed() {
        let endless = r#"{"item":[{"id":"1","path":"/"}],"position":"p"}"#;
        for answer in ["{}", r#"{"item":[]}"#, endless] {
            let (needed, _) = needs(move |_| Reply::json(answer)).await;
            let trouble = needed.expect_err(answer);
            assert!(trouble.cause.starts_with("GetResources: the "), "{trouble:?}");
        }
        let (needed, _) = needs(|asked| match asked.parameter("position") {
            None => Reply::json(r#"{"item":[{"id":"1","path":"/"}],"position":"p"}"#),
            Some(_) => Reply::json("{}"),
        })
        .await;
        assert!(needed.is_err(), "a page without its list may be one with a method that needs a key");
    }
}
