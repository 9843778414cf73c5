//! Times training steps, predictions and aggregation on this machine.

pub mod aggregate;
pub mod predict;
pub mod train_step;
