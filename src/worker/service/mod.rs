//! The running worker.

pub mod notify;
