//! The Gravitee federation agent: the wire side.
//!
//! An agent is a WebSocket client of a Gravitee API Management server ("controller"). It says hello for one integration, then answers the
//! server's commands and, during an ingest, sends commands of its own. What the commands mean for AWS is behind [`channel::Handler`];
//! nothing here knows of API Gateway.
//!
//! | module | what |
//! |---|---|
//! | [`frame`] | one message: `t:…;;et:…;;e:{json}` |
//! | [`command`] | commands and replies, as JSON |
//! | [`model`] | what is in them: APIs, plans, subscriptions |
//! | [`channel`] | one connection: endpoints, hello, replies, pings, back-off |
//! | [`ingest`] | APIs in chunks that a message can hold, sent one after the other |
//!
//! The protocol has no public description. What is stated here was read in both ends' libraries: `gravitee-io/gravitee-exchange` (after
//! 3.0.0) for the wire, `gravitee-io/gravitee-integration-api` (6.0.1) for the commands, `gravitee-io/gravitee-api-management` (August
//! 2026) for what the server does with them. Paths in the modules are from those repositories' roots. It is protocol `v1`, which
//! servers speak from APIM 4.5 on.

pub mod channel;
pub mod command;
pub mod frame;
pub mod ingest;
pub mod model;
