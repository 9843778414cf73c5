//! Features of Python's arrays, borrowed.

use blendfuse::data::dataset::EncoderRows;
use blendfuse::kernels::pack::{RowSource, RowValues};
use half::f16;
use numpy::{PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rayon::prelude::*;

/// Features of one encoder `(N, D)`, in C order; nobody writes to them while this is held.
#[derive(FromPyObject)]
pub enum Features<'py> {
    Single(PyReadonlyArray2<'py, f32>),
    Half(PyReadonlyArray2<'py, f16>),
    Double(PyReadonlyArray2<'py, f64>),
}

/// Features by the name of their encoder.
pub type Named<'py> = (String, Features<'py>);

impl Features<'_> {
    fn rows(&self) -> PyResult<RowSource<'_>> {
        let (values, cols) = match self {
            Features::Half(x) => (
                x.as_slice().map(RowValues::F16).map_err(not_in_c_order)?,
                x.shape()[1],
            ),
            Features::Single(x) => (
                x.as_slice().map(RowValues::F32).map_err(not_in_c_order)?,
                x.shape()[1],
            ),
            Features::Double(x) => (
                x.as_slice().map(RowValues::F64).map_err(not_in_c_order)?,
                x.shape()[1],
            ),
        };
        Ok(RowSource { values, cols })
    }
}

/// Features in single precision as the library takes them.
pub fn single<'m>(name: &'m str, x: &'m PyReadonlyArray2<'_, f32>) -> PyResult<EncoderRows<'m>> {
    let rows = RowSource {
        values: x.as_slice().map(RowValues::F32).map_err(not_in_c_order)?,
        cols: x.shape()[1],
    };
    Ok(EncoderRows { name, rows })
}

fn not_in_c_order<E>(_: E) -> PyErr {
    PyValueError::new_err("features are not in C order")
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

/// Refuses rows that are NaN in part, which are neither features nor missing.
#[pyfunction]
pub fn check_missing(features: Vec<Named<'_>>) -> PyResult<()> {
    refuse_partial(&borrowed(&features)?)
}

/// Fewer values are looked at before another thread has woken.
const SERIAL: usize = 1 << 18;

/// As [`check_missing`], of features that are borrowed; on the current pool of threads.
pub fn refuse_partial(features: &[EncoderRows<'_>]) -> PyResult<()> {
    let told = |EncoderRows { name, rows }: &EncoderRows<'_>| {
        let found = match rows.values {
            RowValues::F16(values) => partial(values, rows.cols, |x| x.is_nan()),
            RowValues::F32(values) => partial(values, rows.cols, |x| x.is_nan()),
            RowValues::F64(values) => partial(values, rows.cols, |x| x.is_nan()),
        };
        let (row, column) = found?;
        Some(format!(
            "X: encoder '{name}': row {row}, column {column} is NaN; expected finite numbers, or NaN in the whole row where the encoder is missing"
        ))
    };
    let values: usize = features.iter().map(|given| given.rows.values.len()).sum();
    let first = match values < SERIAL {
        true => features.iter().find_map(told),
        false => features.par_iter().find_map_first(told),
    };
    first.map_or(Ok(()), |text| Err(PyValueError::new_err(text)))
}

/// The first row that is NaN in part, and the column of the first NaN in it.
fn partial<T: Copy>(
    values: &[T],
    cols: usize,
    is_nan: impl Fn(T) -> bool,
) -> Option<(usize, usize)> {
    for (row, x) in values.chunks_exact(cols.max(1)).enumerate() {
        // All are looked at, which is quicker than to stop at the first.
        let some = x.iter().fold(false, |found, x| found | is_nan(*x));
        if some && !x.iter().all(|x| is_nan(*x)) {
            let column = x.iter().position(|x| is_nan(*x));
            return column.map(|column| (row, column));
        }
    }
    None
}
