//! What an integration offers of an API, and by which ids: one rule for who offers it and for who asks that it be taken.

use std::collections::BTreeSet;

use super::model::GraviteeConfig;
use super::pattern::Patterns;
use super::template::IdentityTemplate;
use crate::inventory::{ApiId, Protocol};

/// The part of an integration's settings that says what it offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Offering {
    /// Which stages; empty = every one that the connection looks at.
    pub stages: Patterns,
    /// Whether APIs are offered too of which no stage is in a usage plan.
    pub without_usage_plan: bool,
    /// What they are called by.
    pub identity: IdentityTemplate,
}

impl Offering {
    /// Why APIs of this protocol are never offered, as the end of a sentence; `None` where they may be.
    ///
    /// The agent finds usage plans where REST APIs are, so others come in only where none is asked for.
    #[must_use]
    pub fn never(&self, protocol: Protocol) -> Option<&'static str> {
        match protocol {
            Protocol::Http | Protocol::WebSocket if !self.without_usage_plan => {
                Some("only REST APIs are, while accept_api_without_usage_plan is off")
            }
            Protocol::Rest | Protocol::Http | Protocol::WebSocket => None,
        }
    }

    /// The ids under which an API with these stages is offered: one a stage that is offered, or one in all where the identity does not tell
    /// stages apart. Whether its stages are in a usage plan is not known here.
    #[must_use]
    pub fn ids<'a>(&self, api: &ApiId, stages: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
        let offered = stages.into_iter().filter(|stage| self.stages.none_or_any(stage));
        offered.map(|stage| self.identity.of(api, stage)).collect()
    }
}

impl GraviteeConfig {
    /// What it offers.
    #[must_use]
    pub fn offering(&self) -> Offering {
        Offering {
            stages: self.stages.clone(),
            without_usage_plan: self.accept_api_without_usage_plan,
            identity: self.identity.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Pattern;

    fn offering(identity: &str, stages: &[&str]) -> Offering {
        Offering {
            stages: Patterns::new(stages.iter().map(|text| Pattern::new(text).unwrap()).collect()),
            without_usage_plan: false,
            identity: IdentityTemplate::parse(identity).unwrap(),
        }
    }

    fn ids(offering: &Offering) -> Vec<String> {
        let orders = ApiId {
            partition: "aws".to_owned(),
            account_id: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            api_id: "ordersapi1".to_owned(),
        };
        offering.ids(&orders, ["prod", "live-2", "test", "prod"]).into_iter().collect()
    }

    #[test]
    fn an_api_is_offered_once_for_each_stage_that_passes_or_once_where_stages_are_not_told_apart() {
        let by_stage = "{account_id}:{region}:{api_id}:{stage}";
        let whole = |stage: &str| format!("111122223333:eu-west-1:ordersapi1:{stage}");
        assert_eq!(ids(&offering(by_stage, &["prod", "live-*"])), [whole("live-2"), whole("prod")]);
        assert_eq!(ids(&offering(by_stage, &[])), [whole("live-2"), whole("prod"), whole("test")]);
        assert_eq!(ids(&offering("{partition}/{api_id}", &["prod", "live-*"])), ["aws/ordersapi1"]);
        assert!(ids(&offering("{api_id}", &["other"])).is_empty());
    }

    #[test]
    fn only_rest_apis_are_offered_where_a_usage_plan_is_asked_for() {
        let strict = offering("{api_id}", &[]);
        let lenient = Offering { without_usage_plan: true, ..strict.clone() };
        let may = |offering: &Offering| {
            [Protocol::Rest, Protocol::Http, Protocol::WebSocket].map(|it| offering.never(it).is_none())
        };
        assert_eq!((may(&strict), may(&lenient)), ([true, false, false], [true, true, true]));
    }
}
