//! The library's errors as Python's exceptions.

use blendfuse::Error;
use pyo3::PyErr;
use pyo3::exceptions::{PyFileNotFoundError, PyOSError, PyRuntimeError, PyValueError};

/// The exception that Python's users expect: of the system for files, ValueError for what they gave.
pub fn exception(error: Error) -> PyErr {
    let text = error.to_string();
    match &error {
        Error::Missing { .. } => PyFileNotFoundError::new_err(text),
        Error::Read { .. } | Error::Write { .. } => PyOSError::new_err(text),
        error if error.is_input() => PyValueError::new_err(text),
        _ => PyRuntimeError::new_err(text),
    }
}
