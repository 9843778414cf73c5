//! Training: the loop, its schedules, its files.

pub mod checkpoint;
pub mod early_stopping;
pub mod history;
pub mod manifest;
pub mod state;
