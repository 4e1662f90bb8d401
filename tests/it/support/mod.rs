//! What the tests of the whole share.

pub(crate) mod aboard;
pub(crate) mod apisec;
pub(crate) mod book;
pub(crate) mod clock;
pub(crate) mod compose;
pub(crate) mod management;
pub(crate) mod manager;
pub(crate) mod mounts;
pub(crate) mod network;
pub(crate) mod npm;
pub(crate) mod promtool;
pub(crate) mod receiver;
pub(crate) mod running;
pub(crate) mod schedules;
pub(crate) mod server;
pub(crate) mod shop;
pub(crate) mod terminal;
pub(crate) mod tools;
pub(crate) mod venv;
pub(crate) mod web;

pub(crate) use aboard::{CANARY, Home, Said};
pub(crate) use manager::Manager;
pub(crate) use network::{Proxy, Tls};
pub(crate) use running::{Ended, LONG, Running};
pub(crate) use schedules::{add_connection, assert_same_facts, schedules};
pub(crate) use server::Server;
pub(crate) use terminal::on_a_terminal;
