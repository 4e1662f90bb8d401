//! Runs: what joins discovery, the plan and the registry.

pub mod report;
