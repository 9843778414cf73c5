//! Executes the trials of a plan.

mod attempt;
mod execute;
pub mod executor;
pub(crate) mod memory;
mod queue;
pub mod schedule;
pub mod work;
