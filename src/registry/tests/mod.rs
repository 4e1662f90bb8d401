//! What the registry promises, at the level of its public functions.

mod announcing;
mod commits;
#[cfg(debug_assertions)]
mod crashing;
mod delivering;
mod due;
mod figures;
mod looking_up;
mod maintaining;
mod opening;
mod properties;
mod running;
mod specifications;
mod subscriptions;
mod waiting;
