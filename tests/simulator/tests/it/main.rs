//! The simulator's behaviour, seen through a raw HTTP client.

mod client;
mod control;
mod domains;
mod faults;
mod gateway;
mod identity;
mod paging;
mod standalone;
mod usage_plans;
