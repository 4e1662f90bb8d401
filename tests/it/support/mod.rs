//! What the tests of the whole share.

pub(crate) mod aboard;
pub(crate) mod server;
pub(crate) mod venv;

pub(crate) use aboard::{CANARY, Home, Said};
pub(crate) use server::Server;
