//! Behaviour of the whole, through the real binary.

mod concurrent;
mod config_files;
mod config_properties;
mod config_schema;
mod crash;
mod interrupt;
mod layering;
mod support;
