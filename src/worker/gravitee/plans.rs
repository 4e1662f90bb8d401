//! What can be subscribed to: usage plans as the server has them.
//!
//! The three sentences about limits are those of the server's own test for such plans
//! (`gravitee-apim-rest-api/gravitee-apim-rest-api-service/src/test/java/io/gravitee/apim/core/integration/use_case/IngestFederatedApisUseCaseTest.java`
//! of `gravitee-io/gravitee-api-management`).

use std::sync::Arc;

use crate::discovery::{Quota, UsagePlan};
use crate::gravitee::model::{Plan, PlanSecurityType};

/// The plans of an API some of whose methods need a key.
pub(super) fn plans(usage_plans: &[Arc<UsagePlan>]) -> Vec<Plan> {
    usage_plans.iter().map(|plan| of(plan)).collect()
}

fn of(plan: &UsagePlan) -> Plan {
    Plan {
        id: plan.id.clone(),
        name: plan.name.clone(),
        description: plan.description.clone(),
        plan_security_type: PlanSecurityType::ApiKey,
        characteristics: characteristics(plan),
    }
}

fn characteristics(plan: &UsagePlan) -> Vec<String> {
    let throttle = plan.throttle.as_ref();
    let rate = throttle.filter(|throttle| throttle.rate > 0.0);
    let burst = throttle.filter(|throttle| throttle.burst > 0);
    let quota = plan.quota.as_ref().filter(|quota| quota.limit > 0);
    let sentences = [
        rate.map(|throttle| format!("Rate: {:?} requests per second", throttle.rate)),
        burst.map(|throttle| format!("Burst: {} requests", throttle.burst)),
        quota.map(|Quota { limit, period }| match period {
            Some(period) => format!("Quota: {limit} requests per {}", period.to_lowercase()),
            None => format!("Quota: {limit} requests"),
        }),
    ];
    sentences.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::Throttle;

    #[test]
    fn limits_are_told_in_the_servers_own_words_and_only_where_there_are_any() {
        let plan = |throttle, quota| UsagePlan {
            id: "up1".to_owned(),
            name: "Gold".to_owned(),
            description: Some("for many".to_owned()),
            stages: [("a".to_owned(), "prod".to_owned())].into(),
            throttle,
            quota,
        };
        let quota = |period: Option<&str>| Some(Quota { limit: 1000, period: period.map(str::to_owned) });
        let all = of(&plan(Some(Throttle { rate: 10.0, burst: 10 }), quota(Some("DAY"))));
        assert_eq!((all.id.as_str(), all.name.as_str()), ("up1", "Gold"));
        assert_eq!(all.plan_security_type, PlanSecurityType::ApiKey);
        assert_eq!(
            all.characteristics,
            ["Rate: 10.0 requests per second", "Burst: 10 requests", "Quota: 1000 requests per day"]
        );
        let slow = of(&plan(Some(Throttle { rate: 0.5, burst: 0 }), quota(None)));
        assert_eq!(slow.characteristics, ["Rate: 0.5 requests per second", "Quota: 1000 requests"]);
        assert!(of(&plan(None, None)).characteristics.is_empty());
    }
}
