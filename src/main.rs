//! The `blendfuse` command.
#![forbid(unsafe_code)]

fn main() {}
