//! Tables and files of what the experiments return. Layer: uses everything but the command line.

pub mod certainty;
pub mod comparison;
pub mod cross_validation;
pub mod final_model;
pub mod reproduction;
pub mod sweep;
pub mod table;

pub use table::{Cell, Table};
