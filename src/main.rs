//! The `blendfuse` command.

fn main() {}
