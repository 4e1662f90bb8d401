//! What the registry promises, at the level of its public functions.

mod commits;
