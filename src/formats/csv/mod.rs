//! CSV files, whole or row by row; every error names its line and column.

pub(crate) mod reader;
pub(crate) mod table;
