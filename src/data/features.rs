//! One encoder's feature file: a matrix in the precision of the file, and which row is which clip.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use half::f16;

use super::filename::clip_key;
use super::npy::Values;
use super::npz::Npz;
use crate::kernels::pack::{RowSource, RowValues};
use crate::{Error, Result};

/// The array with one row of features per clip.
const FEATURES: &str = "X";
/// The array with the clips' names.
const NAMES: &str = "filenames";

/// Features of one encoder for one split, `(N, D)` row-major.
///
/// Everything that reads values goes through [`Features::source`], which borrows: the values may
/// come to lie in a memory map instead of a vector without a change elsewhere.
#[derive(Debug)]
pub struct Features {
    path: PathBuf,
    values: Values,
    cols: usize,
    names: Vec<String>,
    rows: HashMap<String, u32>,
}

impl Features {
    /// Reads the arrays `X (N, D)` and `filenames (N)` of an `.npz`; other arrays are ignored.
    ///
    /// Values are not looked at: see [`Features::check_finite`].
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Npz`] if the file is unreadable, an array is missing, of another
    /// type or rank, empty, if the lengths differ, or if two rows name the same clip.
    pub fn open(path: &Path) -> Result<Features> {
        let mut npz = Npz::open(path)?;
        // Both headers before any element: a file refused here costs nothing.
        let (x, names) = (npz.header(FEATURES)?, npz.header(NAMES)?);
        let (&[rows, cols], &[count]) = (&x.shape[..], &names.shape[..]) else {
            let (array, expected, shape) = if x.shape.len() == 2 {
                (NAMES, "one axis [clips]", names.shape)
            } else {
                (FEATURES, "two axes [clips, features]", x.shape)
            };
            let reason = format!("expected {expected}, found shape {shape:?}");
            return Err(npz.fault(Some(array), reason));
        };
        if rows != count {
            let reason = format!(
                "X has {rows} rows but filenames has {count} names; expected one name per row"
            );
            return Err(npz.fault(None, reason));
        }
        if rows == 0 || cols == 0 || rows > u32::MAX as usize {
            let reason =
                format!("expected at least one clip and one feature, found shape [{rows}, {cols}]");
            return Err(npz.fault(Some(FEATURES), reason));
        }
        let names = npz.names(NAMES)?;
        let rows = index(&names).map_err(|reason| npz.fault(Some(NAMES), reason))?;
        let values = npz.numbers(FEATURES)?.values;
        Ok(Features {
            path: path.to_path_buf(),
            values,
            cols,
            names,
            rows,
        })
    }

    /// An encoder without any row, for a file that is not there and not needed.
    pub(super) fn absent(path: &Path, cols: usize) -> Features {
        Features {
            path: path.to_path_buf(),
            values: Values::F32(Vec::new()),
            cols,
            names: Vec::new(),
            rows: HashMap::new(),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Rows N.
    pub fn rows(&self) -> usize {
        self.names.len()
    }

    /// Features D of one row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The clips' names as the file has them, in row order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The precision of the values as numpy spells it: `f2`, `f4` or `f8`.
    pub fn type_name(&self) -> &'static str {
        self.values.type_name()
    }

    /// The row of a clip, with or without a media extension on either side.
    pub fn row(&self, clip: &str) -> Option<u32> {
        self.rows.get(clip_key(clip)).copied()
    }

    /// The matrix as the kernels take it.
    pub fn source(&self) -> RowSource<'_> {
        RowSource {
            values: self.values.as_rows(),
            cols: self.cols,
        }
    }

    /// Looks for NaN and infinite values in the given rows, in the precision that training uses:
    /// an `f64` beyond the range of `f32` counts as infinite.
    ///
    /// # Errors
    /// [`Error::Npz`] with the first bad value's row, clip and column (counted from 0) and how many
    /// there are.
    ///
    /// # Panics
    /// If a row does not exist.
    pub fn check_finite(&self, rows: impl IntoIterator<Item = u32>) -> Result<()> {
        let Some(found) = self.non_finite(rows) else {
            return Ok(());
        };
        let NonFinite {
            row,
            column,
            value,
            values,
            rows,
        } = found;
        let kind = if value.is_nan() { "NaN" } else { "infinite" };
        Err(Error::Npz {
            path: self.path.clone(),
            array: Some(FEATURES.into()),
            reason: format!(
                "row {row} ({}), column {column} (both from 0) is {kind}; {values} such values in \
                 {rows} of the rows used: repair these rows, or leave them out so that the encoder counts as \
                 missing there",
                self.names[row as usize]
            ),
        })
    }

    /// NaN and infinite values in the given rows, as [`Features::check_finite`] sees them; `None`
    /// if there are none.
    ///
    /// # Panics
    /// If a row does not exist.
    pub fn non_finite(&self, rows: impl IntoIterator<Item = u32>) -> Option<NonFinite> {
        let mut found: Option<NonFinite> = None;
        for row in rows {
            let at = row as usize * self.cols;
            let bad = match self.values.as_rows() {
                RowValues::F16(x) => bad(&x[at..at + self.cols], |x| x.is_finite(), f16::to_f32),
                RowValues::F32(x) => bad(&x[at..at + self.cols], f32::is_finite, |x| x),
                RowValues::F64(x) => bad(
                    &x[at..at + self.cols],
                    |x| (x as f32).is_finite(),
                    |x| x as f32,
                ),
            };
            if let Some((column, value, count)) = bad {
                let found = found.get_or_insert(NonFinite {
                    row,
                    column,
                    value,
                    values: 0,
                    rows: 0,
                });
                found.values += count;
                found.rows += 1;
            }
        }
        found
    }
}

/// Values that are not finite: the first, and how many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NonFinite {
    /// Row of the first, counted from 0.
    pub row: u32,
    /// Column of the first, counted from 0.
    pub column: usize,
    /// The first: NaN or an infinity.
    pub value: f32,
    /// How many values.
    pub values: usize,
    /// In how many rows.
    pub rows: usize,
}

/// First bad column, its value, and how many there are.
fn bad<T: Copy>(
    row: &[T],
    finite: impl Fn(T) -> bool,
    to_f32: impl Fn(T) -> f32,
) -> Option<(usize, f32, usize)> {
    // Counts without branches: nearly every row has none.
    let count: usize = row.iter().map(|&x| usize::from(!finite(x))).sum();
    let column = (count > 0).then(|| row.iter().position(|&x| !finite(x)))??;
    Some((column, to_f32(row[column]), count))
}

/// Row of each clip; two rows of one clip would leave open which one counts.
fn index(names: &[String]) -> Result<HashMap<String, u32>, String> {
    let mut rows = HashMap::with_capacity(names.len());
    for (row, name) in names.iter().enumerate() {
        let key = clip_key(name);
        if key.is_empty() {
            return Err(format!("row {row} has an empty name"));
        }
        if let Some(first) = rows.insert(key.to_string(), row as u32) {
            return Err(format!(
                "rows {first} and {row} both name the clip {key:?} ({:?}, {name:?}); expected one \
                 row per clip",
                names[first as usize]
            ));
        }
    }
    Ok(rows)
}
