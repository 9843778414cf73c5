//! Help beyond what clap writes by itself.

pub mod exit_codes;
#[cfg(test)]
mod flag_table;
pub mod stages;
pub mod usage;
