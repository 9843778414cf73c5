//! Features of Python's arrays, borrowed.

use blendfuse::data::dataset::EncoderRows;
use blendfuse::kernels::pack::{RowSource, RowValues};
use half::f16;
use numpy::{PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Features of one encoder `(N, D)`, in C order; nobody writes to them while this is held.
#[derive(FromPyObject)]
pub enum Features<'py> {
    Half(PyReadonlyArray2<'py, f16>),
    Single(PyReadonlyArray2<'py, f32>),
    Double(PyReadonlyArray2<'py, f64>),
}

/// Features by the name of their encoder.
pub type Named<'py> = (String, Features<'py>);

impl Features<'_> {
    fn rows(&self) -> PyResult<RowSource<'_>> {
        let contiguous = |_| PyValueError::new_err("features are not in C order");
        let (values, cols) = match self {
            Features::Half(x) => (
                x.as_slice().map(RowValues::F16).map_err(contiguous)?,
                x.shape()[1],
            ),
            Features::Single(x) => (
                x.as_slice().map(RowValues::F32).map_err(contiguous)?,
                x.shape()[1],
            ),
            Features::Double(x) => (
                x.as_slice().map(RowValues::F64).map_err(contiguous)?,
                x.shape()[1],
            ),
        };
        Ok(RowSource { values, cols })
    }
}

/// The features of all encoders as the library takes them; nothing is copied.
pub fn borrowed<'m>(features: &'m [Named<'_>]) -> PyResult<Vec<EncoderRows<'m>>> {
    let rows = |(name, features): &'m Named<'_>| {
        Ok(EncoderRows {
            name,
            rows: features.rows()?,
        })
    };
    features.iter().map(rows).collect()
}
