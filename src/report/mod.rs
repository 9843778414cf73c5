//! Tables, figures and files of the results of experiments. Layer: uses everything except the command
//! line.

pub mod analysis;
mod cells;
mod clip_cells;
pub mod compare;
pub mod comparison;
#[cfg(feature = "cli")]
pub mod configuration;
pub mod cross_validation;
#[cfg(feature = "cli")]
pub mod event_file;
pub mod figure;
pub mod final_model;
#[cfg(feature = "cli")]
pub mod inspection_figure;
mod key_importance;
mod lists;
mod main_measure;
pub mod measures;
mod nested;
#[cfg(feature = "cli")]
pub mod page;
#[cfg(feature = "cli")]
pub mod raster;
mod reading;
pub mod reproduction;
pub mod significance;
pub mod study;
pub mod sweep;
pub mod table;
#[cfg(feature = "cli")]
pub mod terminal;

pub use study::StudyReport;
pub use table::Table;
