//! CSV files, whole or row by row; every error names its line and column.

mod arff;
pub(crate) mod reader;
pub(crate) mod table;
