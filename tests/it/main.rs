//! Behaviour of the whole, through the real binary.

mod approval;
// mod bad_input;
// mod commands;
mod concurrent;
mod config_files;
mod config_properties;
mod config_schema;
// mod contract;
mod crash;
mod interrupt;
mod layering;
// mod looks;
mod scale;
// mod secrets;
// mod selection;
mod ministack;
mod ministack_listing;
mod moto;
mod network;
mod support;
