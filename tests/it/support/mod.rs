//! What the tests of the whole share.

pub(crate) mod aboard;
pub(crate) mod book;
pub(crate) mod running;
pub(crate) mod server;
pub(crate) mod shop;
pub(crate) mod venv;

pub(crate) use aboard::{CANARY, Home, Said};
pub(crate) use running::{Ended, LONG, Running};
pub(crate) use server::Server;
