//! aboard: watches AWS API Gateway and registers new APIs where teams work.

pub mod config;
pub mod inventory;
pub mod plan;
pub mod registry;
