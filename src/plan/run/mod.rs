//! Executes the trials of a plan.

mod attempt;
mod execute;
pub mod live_plan;
pub(crate) mod memory;
pub mod observer;
mod queue;
pub mod work;
pub mod workers;
