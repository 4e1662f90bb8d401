//! Behaviour of the whole, through the real binary.

mod approval;
mod bad_input;
mod commands;
mod config_files;
mod config_properties;
mod config_schema;
mod contract;
mod layering;
mod looks;
mod registry_files;
mod scale;
mod secrets;
mod selection;
mod support;
