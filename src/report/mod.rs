//! Tables and files of what the experiments return. Layer: uses everything but the command line.

pub mod analysis;
pub mod comparison;
pub mod cross_validation;
#[cfg(feature = "cli")]
pub mod event_file;
pub mod figure;
pub mod final_model;
#[cfg(feature = "cli")]
pub mod inspection_figure;
#[cfg(feature = "cli")]
pub mod page;
#[cfg(feature = "cli")]
pub mod raster;
pub mod reproduction;
pub mod significance;
pub mod study;
pub mod sweep;
pub mod table;
#[cfg(feature = "cli")]
pub mod terminal;

pub use study::{StudyReport, StudyTables};
pub use table::{Cell, Table};
