//! The Gravitee agent's connection, against a controller written from the protocol alone.

mod agent;
mod breaking;
mod connecting;
pub(crate) mod controller;
mod drop_in;
mod exchange;
mod ingesting;
mod network;
mod record;
mod strictness;
mod subscribing;
mod whole;
