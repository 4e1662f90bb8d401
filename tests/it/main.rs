//! Behaviour of the whole, through the real binary.

mod approval;
// mod bad_input;
// mod commands;
mod config_files;
mod config_properties;
mod config_schema;
mod crash;
// mod contract;
mod layering;
// mod looks;
mod scale;
// mod secrets;
// mod selection;
mod support;
