//! The `aboard` command.

fn main() {}
