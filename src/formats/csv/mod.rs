//! CSV tables, with the position of every fault.

pub(crate) mod rows;
pub(crate) mod table;
