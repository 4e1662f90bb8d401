//! What commands and replies carry, with the field names that Gravitee has for them.
//!
//! Members without a value are left out, unknown ones are ignored, and a list that is `null` is read as empty. Source:
//! `src/main/java/io/gravitee/integration/api/model/` and `…/command/` of `gravitee-io/gravitee-integration-api`.

mod api;
mod lenient;
mod payload;
mod subscription;

pub use api::{Api, ApiType, Metadata, MetadataFormat, Page, PageType, Plan, PlanSecurityType};
pub use payload::{
    Discovered, GoodBye, Hello, Ingest, IngestStarted, Primary, StartIngest, Subscribe, Subscribed, Unsubscribe,
};
pub use subscription::{ApiKey, CONSUMER_KEY, PLAN_ID, Subscription, SubscriptionResult, SubscriptionType};
