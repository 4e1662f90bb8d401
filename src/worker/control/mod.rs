//! The control socket: how a command reaches the worker that is running.
//!
//! ```text
//! client ── one request ──► server ── Host ──► whoever carries it out
//!        ◄── answers, the last one is the exit code ──
//! ```
//!
//! One JSON object a line, over a Unix stream socket that only the worker's own user and root may use. This is the transport: what
//! the requests do, [`Host`] knows.

mod protocol;
mod server;
mod socket;

pub use protocol::{Answer, Ask, Call, Counters, MOST_LINE, Opening, Reply, VERSION, line, next_line};
pub use server::{Client, Host, Server};
pub use socket::{FileId, connect, in_runtime, place};
