//! Behaviour of the whole, through the real binary.

mod config_files;
mod config_properties;
mod config_schema;
mod layering;
mod ministack;
mod ministack_listing;
mod moto;
mod network;
mod support;
