//! What commands print, and the progress they show.

pub mod console;
pub mod evaluation;
pub mod event_log;
pub mod inspection;
pub mod new_folds;
pub mod numbers;
pub mod plan_progress;
pub mod progress;
pub mod remedy;
pub mod score;
