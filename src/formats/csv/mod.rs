//! CSV tables, with positions in every error.

pub(crate) mod rows;
pub(crate) mod table;
