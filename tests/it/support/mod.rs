//! What the tests of the whole share.

pub(crate) mod aboard;
pub(crate) mod book;
pub(crate) mod clock;
pub(crate) mod mounts;
pub(crate) mod network;
pub(crate) mod running;
pub(crate) mod schedules;
pub(crate) mod server;
pub(crate) mod shop;
mod terminal;
pub(crate) mod venv;

pub(crate) use aboard::{CANARY, Home, Said};
pub(crate) use network::{Proxy, Tls};
pub(crate) use running::{Ended, LONG, Running};
pub(crate) use schedules::{add_connection, assert_same_facts, schedules};
pub(crate) use server::Server;
