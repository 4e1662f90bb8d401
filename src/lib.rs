//! aboard: watches AWS API Gateway and registers new APIs where teams work.

pub mod cli;
pub mod clock;
pub mod config;
pub mod discovery;
pub mod environment;
pub mod inventory;
pub mod plan;
pub mod registry;
pub mod secret;
pub mod worker;
