//! The file formats: numpy's `.npy` and `.npz`, and CSV tables.

pub mod csv;
pub mod npy;
pub mod npz;
