//! Tables and files of what the experiments return. Layer: uses everything but the command line.

pub mod cross_validation;
pub mod table;

pub use table::{Cell, Table};
