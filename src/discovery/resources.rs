//! Whether an API needs keys: its methods, and nothing else of its resources.

use super::classify::{Ask, Kind};
use super::gateway::Gateway;
use super::rest::PAGE;
use crate::inventory::Trouble;

/// More pages than an API can have: it has 300 resources, or 600 where AWS was asked for more (AWS API Gateway quotas page).
const MOST_PAGES: usize = 100;

impl Gateway {
    /// Whether any method of a REST API asks for an API key; `None` where the API has gone. Its resources are read until the first one
    /// that does, at a pace of two calls a second.
    ///
    /// # Errors
    /// They could not be read.
    pub async fn needs_api_key(&self, api_id: &str) -> Result<Option<bool>, Trouble> {
        let ask = Ask::rest("GetResources", format!("/restapis/{api_id}/resources"));
        let mut position: Option<String> = None;
        for _ in 0..MOST_PAGES {
            self.place.turn_of_resources().await;
            let send = |clients: &super::account::Clients| {
                let request = clients.rest.get_resources().rest_api_id(api_id).embed("methods").limit(PAGE);
                request.set_position(position.clone()).send()
            };
            let page = match self.place.ask(&ask, send).await {
                Ok(page) => page,
                Err(failure) if failure.kind == Kind::NotFound => return Ok(None),
                Err(failure) => return Err(self.place.trouble(&failure).await),
            };
            let mut methods = page.items().iter().filter_map(|resource| resource.resource_methods()).flatten();
            if methods.any(|(_, method)| method.api_key_required == Some(true)) {
                return Ok(Some(true));
            }
            match page.position.filter(|next| !next.is_empty() && position.as_ref() != Some(next)) {
                Some(next) => position = Some(next),
                None => return Ok(Some(false)),
            }
        }
        Ok(Some(false))
    }
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
}
