//! Behaviour of the whole, through the real binary.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where something is not as it must be")]

mod agent_settings;
mod apisec;
mod approval;
mod backstage;
mod bad_input;
mod changed_file;
mod commands;
mod concurrent;
mod config_files;
mod config_properties;
mod config_schema;
mod contract;
mod control;
mod coverage;
mod crash;
mod delivery;
mod directory;
mod due;
mod edit_properties;
mod editing;
mod gravitee;
mod http;
mod iam;
mod ingest;
mod interrupt;
mod layering;
mod logging;
mod looks;
mod ministack;
mod ministack_listing;
mod moto;
mod network;
mod organization;
mod packaging;
mod registry_files;
mod reload;
mod scale;
mod secrets;
mod selection;
mod specifications;
mod support;
mod targets;
mod time;
