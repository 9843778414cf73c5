//! The module `blendfuse._native`: training and prediction on arrays in memory, data folders as arrays, and the
//! command. `blendfuse/_native.pyi` beside this crate describes it for Python, which checks what users give.

mod arrays;
mod command;
mod faults;
mod folder;
mod model;
mod threads;
mod training;

/// The engine of blendfuse.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use super::arrays::check_missing;
    #[pymodule_export]
    use super::command::run_command;
    #[pymodule_export]
    use super::folder::read_folder;
    #[pymodule_export]
    use super::model::Model;
    #[pymodule_export]
    use super::training::{default_settings, train};
}
