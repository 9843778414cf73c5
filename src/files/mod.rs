//! Files that are written whole or not at all, and folders that one process uses at a time.

pub mod atomic_file;
pub mod folder_lock;
