//! Usage plans: which stages they hold, and what they allow (AWS API Gateway API Reference, `GetUsagePlans`).

use std::collections::BTreeSet;

use aws_sdk_apigateway::types;

use super::classify::{Ask, Failure};
use super::gateway::Gateway;
use super::listed::filled;
use super::page::{self, Page};
use super::rest::PAGE;
use crate::inventory::Trouble;

/// A usage plan.
#[derive(Clone, Debug, PartialEq)]
pub struct UsagePlan {
    /// The id that API Gateway gave.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The stages that it holds: API id and stage name.
    pub stages: BTreeSet<(String, String)>,
    /// How fast a key may ask.
    pub throttle: Option<Throttle>,
    /// How often a key may ask.
    pub quota: Option<Quota>,
}

/// How fast a key may ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttle {
    /// Requests per second; not above 0 where nothing was set.
    pub rate: f64,
    /// How many at once; not above 0 where nothing was set.
    pub burst: i32,
}

/// How often a key may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// So many requests …
    pub limit: i32,
    /// … in a `DAY`, a `WEEK` or a `MONTH`; absent where AWS does not say.
    pub period: Option<String>,
}

impl UsagePlan {
    /// Whether it holds a stage of an API.
    #[must_use]
    pub fn holds(&self, api_id: &str, stage: &str) -> bool {
        self.stages.contains(&(api_id.to_owned(), stage.to_owned()))
    }
}

impl Gateway {
    /// Every usage plan of the region, by id: one call for 500.
    ///
    /// Consumers lose their keys over a plan that is missing, so an answer without its list counts as none only where the APIs are
    /// listed properly at the same time.
    ///
    /// # Errors
    /// Not all could be listed.
    pub async fn usage_plans(&self) -> Result<Vec<UsagePlan>, Trouble> {
        match self.list_usage_plans().await {
            Ok(plans) => Ok(plans),
            Err(failure) => Err(self.place.trouble(&failure).await),
        }
    }

    async fn list_usage_plans(&self) -> Result<Vec<UsagePlan>, Failure> {
        let ask = Ask::rest("GetUsagePlans", "/usageplans");
        let pages = page::all(&ask, |position: Option<String>| {
            let ask = &ask;
            async move {
                let send = |clients: &super::account::Clients| {
                    clients.rest.get_usage_plans().limit(PAGE).set_position(position.clone()).send()
                };
                let answer = self.place.ask(ask, send).await?;
                Ok(Page { items: answer.items, next: answer.position })
            }
        })
        .await;
        if let Some(failure) = pages.failure {
            return Err(failure);
        }
        if pages.without_list && !self.lists_apis().await? {
            return Err(Failure::other(&ask, "the answer has no list, so a plan that is missing proves nothing"));
        }
        let mut plans: Vec<UsagePlan> = pages.items.into_iter().filter_map(plan).collect();
        plans.sort_by(|one, other| one.id.cmp(&other.id));
        plans.dedup_by(|one, other| one.id == other.id);
        Ok(plans)
    }

    async fn lists_apis(&self) -> Result<bool, Failure> {
        let ask = Ask::rest("GetRestApis", "/restapis");
        let answer = self.place.ask(&ask, |clients| clients.rest.get_rest_apis().limit(1).send()).await?;
        Ok(answer.items.is_some())
    }
}

fn plan(plan: types::UsagePlan) -> Option<UsagePlan> {
    let id = filled(plan.id)?;
    let stage = |stage: types::ApiStage| Some((filled(stage.api_id)?, filled(stage.stage)?));
    Some(UsagePlan {
        name: filled(plan.name).unwrap_or_else(|| id.clone()),
        description: filled(plan.description),
        stages: plan.api_stages.unwrap_or_default().into_iter().filter_map(stage).collect(),
        throttle: plan.throttle.map(|throttle| Throttle { rate: throttle.rate_limit, burst: throttle.burst_limit }),
        quota: plan
            .quota
            .map(|quota| Quota { limit: quota.limit, period: quota.period.map(|period| period.as_str().to_owned()) }),
        id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::testing::{Asked, Log, REGION, Reply, account, aws};

    async fn plans(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Result<Vec<UsagePlan>, Trouble>, Log) {
        let (aws, log) = aws(answer).await;
        let account = account("aws", REGION);
        (Gateway::new(&aws, &account, REGION).usage_plans().await, log)
    }

    #[tokio::test]
    async fn every_page_is_read_with_stages_throttle_and_quota() {
        let (plans, log) = plans(|asked| match asked.parameter("position") {
            None => Reply::json(
                r#"{"item":[{"id":"up2","name":"Gold","description":"for many","apiStages":[{"apiId":"a","stage":"prod"}],
                    "throttle":{"rateLimit":10.0,"burstLimit":20},"quota":{"limit":1000,"offset":0,"period":"DAY"}}],"position":"p"}"#,
            ),
            _ => Reply::json(r#"{"item":[{"id":"up1","apiStages":[{"apiId":"b"}]}]}"#),
        })
        .await;
        let bare = UsagePlan {
            id: "up1".to_owned(),
            name: "up1".to_owned(),
            description: None,
            stages: BTreeSet::new(),
            throttle: None,
            quota: None,
        };
        let gold = UsagePlan {
            id: "up2".to_owned(),
            name: "Gold".to_owned(),
            description: Some("for many".to_owned()),
            stages: BTreeSet::from([("a".to_owned(), "prod".to_owned())]),
            throttle: Some(Throttle { rate: 10.0, burst: 20 }),
            quota: Some(Quota { limit: 1000, period: Some("DAY".to_owned()) }),
        };
        assert!(gold.holds("a", "prod") && !gold.holds("a", "test"));
        assert_eq!(plans.unwrap(), [bare, gold]);
        assert_eq!(log.all()[0].parameter("limit"), Some("500"));
    }

    #[tokio::test]
    async fn a_page_that_fails_fails_the_whole_listing() {
        let (plans, _) = plans(|asked| match asked.parameter("position") {
            None => Reply::json(r#"{"item":[{"id":"up1"}],"position":"p"}"#),
            _ => Reply::error(403, "AccessDeniedException", "no"),
        })
        .await;
        let trouble = plans.unwrap_err();
        assert!(trouble.cause.starts_with("GetUsagePlans: no"), "{trouble:?}");
        assert!(trouble.hint.unwrap().contains("apigateway:GET on arn:aws:apigateway:eu-west-1::/usageplans"));
    }

    #[tokio::test]
    async fn an_answer_without_its_list_means_no_plans_only_where_apis_are_listed() {
        for (apis, none) in [(r#"{"item":[]}"#, true), ("{}", false)] {
            let (plans, log) =
                plans(move |asked| Reply::json(if asked.path == "/usageplans" { "{}" } else { apis })).await;
            assert_eq!(plans.is_ok_and(|plans| plans.is_empty()), none, "{apis}");
            assert_eq!(log.paths(), ["/usageplans", "/restapis"]);
        }
    }
}
