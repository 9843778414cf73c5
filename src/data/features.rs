//! The features of one encoder: a matrix in the precision of its file, or of a caller's array, and the clip
//! of each row.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::feature_arrays::{ColumnLabels, FEATURES, FeatureArrays, wrong_shape};
use super::filename::clip_key;
use super::fingerprint::Fingerprint;
use super::provenance::{self, Provenance};
use super::scan::{BadRow, scan_file, scan_rows};
use crate::formats::npy::Values;
use crate::formats::npz::Npz;
use crate::formats::npz::stored::Stored;
use crate::kernels::pack::{RowSource, StoredRows};
use crate::{Error, Result};

/// Features of one encoder for one split, `(N, D)` row-major: of a file, or borrowed for `'m` from a caller's
/// memory.
///
/// Uncompressed little-endian floats in C order are memory-mapped, at any alignment; all others are read
/// into memory. All access to the values is through [`Features::source`], which borrows any of these.
#[derive(Debug)]
pub struct Features<'m> {
    path: PathBuf,
    matrix: Matrix<'m>,
    count: usize,
    cols: usize,
    names: Vec<String>,
    rows: HashMap<String, u32>,
    bad_rows: Vec<BadRow>,
    zero_rows: Vec<u32>,
    labels: ColumnLabels,
    fingerprint: Option<Fingerprint>,
    provenance: Option<Provenance>,
}

/// Where the values are.
#[derive(Debug)]
enum Matrix<'m> {
    /// In a file, or read from one.
    File(Stored),
    /// In a caller's memory.
    Caller(RowSource<'m>),
}

impl Features<'static> {
    /// Reads the arrays `X (N, D)` or `(N, 1, D)` and `filenames (N)` of an `.npz`; other arrays are ignored.
    /// If it has neither, and only `arr_0` and `arr_1`, which `np.savez(file, X, names)` writes, the one with
    /// text is the names.
    ///
    /// The checksum of `X` is verified and non-finite values are recorded, for
    /// [`Features::check_finite`] once it is known which rows are used.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Npz`] if the file is unreadable or damaged, an array is missing, of
    /// another type or rank, empty, if the lengths differ, or if two rows name the same clip.
    pub fn open(path: &Path) -> Result<Self> {
        Features::open_with(path, false)
    }

    /// As [`Features::open`]; with `hash`, the file's hash is computed in the same pass.
    ///
    /// # Errors
    /// As [`Features::open`].
    pub fn open_with(path: &Path, hash: bool) -> Result<Self> {
        let mut npz = Npz::open(path)?;
        // Both headers before any element: a file refused here costs nothing.
        let FeatureArrays { features, names } = FeatureArrays::of(&mut npz)?;
        let (x, named) = (npz.header(&features)?, npz.header(&names)?);
        let numbers = x.require_numbers();
        numbers.map_err(|reason| npz.fault(Some(&features), reason))?;
        // A single window of each clip is its vector.
        let (&[rows, cols] | &[rows, 1, cols], &[count]) = (&x.shape[..], &named.shape[..]) else {
            let (array, reason) = wrong_shape([&features, &names], &x.shape, &named.shape);
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
            return Err(npz.fault(Some(&features), reason));
        }
        let array = names;
        let names = npz.names(&array)?;
        let index = index(&names).map_err(|reason| npz.fault(Some(&array), reason))?;
        let provenance = read_provenance(&mut npz)?;
        let labels = ColumnLabels::of(&mut npz);
        let stored = Stored::open(&mut npz, &features)?;
        let scan = scan_file(path, &stored, [rows, cols], hash)?
            .map_err(|reason| npz.fault(Some(&features), reason))?;
        Ok(Features {
            path: path.to_path_buf(),
            matrix: Matrix::File(stored),
            count: rows,
            cols,
            names,
            rows: index,
            bad_rows: scan.bad_rows,
            zero_rows: scan.zero_rows,
            labels,
            fingerprint: scan.fingerprint,
            provenance,
        })
    }

    /// An encoder without any row, for a missing file that is not needed.
    pub(super) fn absent(path: &Path, cols: usize) -> Self {
        Features {
            path: path.to_path_buf(),
            matrix: Matrix::File(Stored::Memory(Values::F32(Vec::new()))),
            count: 0,
            cols,
            names: Vec::new(),
            rows: HashMap::new(),
            bad_rows: Vec::new(),
            zero_rows: Vec::new(),
            labels: ColumnLabels::default(),
            fingerprint: None,
            provenance: None,
        }
    }

    /// The same without the clips' names, which are no longer needed when every clip has its row: with
    /// many encoders and clips they would take most of the memory of a data set.
    pub(super) fn without_names(self) -> Self {
        Features {
            names: Vec::new(),
            rows: HashMap::new(),
            ..self
        }
    }
}

impl<'m> Features<'m> {
    /// Those of an array, which has no names and of which nothing is copied; `label` is what messages call
    /// it. There is at least one column.
    pub(super) fn in_memory(label: &str, rows: RowSource<'m>) -> Self {
        let count = rows.values.len() / rows.cols;
        let scan = scan_rows(rows.into(), count);
        Features {
            path: PathBuf::from(label),
            matrix: Matrix::Caller(rows),
            count,
            cols: rows.cols,
            names: Vec::new(),
            rows: HashMap::new(),
            bad_rows: scan.bad_rows,
            zero_rows: scan.zero_rows,
            labels: ColumnLabels::default(),
            fingerprint: None,
            provenance: None,
        }
    }

    /// How the features were made, if the file says so.
    pub fn provenance(&self) -> Option<&Provenance> {
        self.provenance.as_ref()
    }

    /// Releases mapped pages until they are read again.
    pub(super) fn release(&self) {
        if let Matrix::File(stored) = &self.matrix {
            stored.release();
        }
    }

    /// The file, or what messages call an array in memory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Rows N.
    pub fn rows(&self) -> usize {
        self.count
    }

    /// Features D of one row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The clips' names as in the file, in row order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The precision of the values in NumPy's notation: `f2`, `f4` or `f8`.
    pub fn type_name(&self) -> &'static str {
        match &self.matrix {
            Matrix::File(stored) => stored.type_name(),
            Matrix::Caller(rows) => rows.values.type_name(),
        }
    }

    /// The row of a clip, with or without a media extension on either side.
    pub fn row(&self, clip: &str) -> Option<u32> {
        self.rows.get(clip_key(clip)).copied()
    }

    /// The matrix as the kernels take it.
    pub fn source(&self) -> StoredRows<'_> {
        match &self.matrix {
            Matrix::File(stored) => StoredRows {
                values: stored.values(),
                cols: self.cols,
            },
            Matrix::Caller(rows) => (*rows).into(),
        }
    }

    /// Whether the values are memory-mapped.
    pub fn is_mapped(&self) -> bool {
        matches!(self.matrix, Matrix::File(Stored::Mapped(_)))
    }

    /// Size and hash of the file: those computed when it was opened, or computed now.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn fingerprint(&self) -> Result<Fingerprint> {
        match &self.fingerprint {
            Some(fingerprint) => Ok(fingerprint.clone()),
            None => Fingerprint::of_file(&self.path),
        }
    }

    /// Refuses values that another program changed since they were mapped: results would come from
    /// neither the old file nor the new one.
    ///
    /// # Errors
    /// [`Error::Npz`] if the file was written or truncated, [`Error::Read`] if its metadata cannot be
    /// read.
    pub fn check_unchanged(&self) -> Result<()> {
        let Matrix::File(Stored::Mapped(mapped)) = &self.matrix else {
            return Ok(());
        };
        match mapped.map.is_unchanged() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Npz {
                path: self.path.clone(),
                array: None,
                reason: "was changed by another program while it was in use; start again (to replace a file that is in use, write a new one and rename it)".into(),
            }),
            Err(source) => Err(Error::Read {
                path: self.path.clone(),
                source,
            }),
        }
    }

    /// Looks for NaN and infinite values in the given rows, in the precision that training uses:
    /// an `f64` beyond the range of `f32` counts as infinite.
    ///
    /// # Errors
    /// [`Error::Npz`] with the first bad value's row, clip and column (counted from 0) and how many
    /// there are.
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

    /// How the columns of another file of this encoder differ, if both files say what theirs are; `self` is
    /// that of the training split.
    pub fn differing_column(&self, other: &Features<'_>) -> Option<String> {
        self.labels.difference(&other.labels, self.path())
    }

    /// The name of a column, if the file has names.
    pub fn column_name(&self, column: usize) -> Option<&str> {
        self.labels.column(column)
    }

    /// Whether a row contains only zeros, which tools write where they found no face or voice. In a single
    /// column 0 is a value like any other.
    pub fn is_zero(&self, row: u32) -> bool {
        self.cols > 1 && self.zero_rows.binary_search(&row).is_ok()
    }

    /// NaN and infinite values in the given rows, as [`Features::check_finite`] sees them; `None`
    /// if there are none.
    pub fn non_finite(&self, rows: impl IntoIterator<Item = u32>) -> Option<NonFinite> {
        let mut found: Option<NonFinite> = None;
        if self.bad_rows.is_empty() {
            return None;
        }
        for row in rows {
            let Ok(at) = self.bad_rows.binary_search_by_key(&row, |bad| bad.row) else {
                continue;
            };
            let bad = &self.bad_rows[at];
            let found = found.get_or_insert(NonFinite {
                row,
                column: bad.column,
                value: bad.value,
                values: 0,
                rows: 0,
            });
            found.values += bad.values;
            found.rows += 1;
        }
        found
    }
}

/// The first non-finite value, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NonFinite {
    /// Row of the first, counted from 0.
    pub row: u32,
    /// Column of the first, counted from 0.
    pub column: usize,
    /// The first: NaN or an infinity.
    pub value: f32,
    /// Number of values.
    pub values: usize,
    /// Number of rows with such values.
    pub rows: usize,
}

/// How the features were made, if the file says so.
fn read_provenance(npz: &mut Npz) -> Result<Option<Provenance>> {
    if !npz.arrays().iter().any(|array| array == provenance::ARRAY) {
        return Ok(None);
    }
    let texts = npz.names(provenance::ARRAY)?;
    let parsed = match &texts[..] {
        [text] => Provenance::parse(text),
        _ => Err(format!("has {} texts; expected one", texts.len())),
    };
    parsed
        .map(Some)
        .map_err(|reason| npz.fault(Some(provenance::ARRAY), reason))
}

/// Row of each clip; two rows with the same clip are refused as ambiguous.
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Seek, Write};

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;
    use crate::formats::npz::write::{Precision, write};

    /// An archive of `X` (3 × 2) and `filenames` whose first member begins at an odd place.
    fn archive(path: &Path, descr: &str, x: &[u8], method: CompressionMethod) {
        let mut zip = ZipWriter::new(File::create(path).unwrap());
        let options = SimpleFileOptions::default().compression_method(method);
        let mut member = |name: &str, descr: &str, shape: &str, data: &[u8]| {
            zip.start_file(name, options).unwrap();
            let text =
                format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}\n");
            zip.write_all(b"\x93NUMPY\x01\x00").unwrap();
            zip.write_all(&(text.len() as u16).to_le_bytes()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
            zip.write_all(data).unwrap();
        };
        member("X.npy", descr, "(3, 2)", x);
        member("filenames.npy", "|S1", "(3,)", b"abc");
        zip.finish().unwrap().rewind().unwrap();
    }

    fn rows(features: &Features<'_>) -> Vec<f32> {
        let mut all = vec![0.0; 6];
        for (row, out) in all.chunks_mut(2).enumerate() {
            features.source().read(row, 0, out);
        }
        all
    }

    #[test]
    fn mapped_at_any_address_or_read_the_values_and_the_hash_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let values = [1.5f32, -2.0, 0.25, 1024.0, 0.0, -0.5];
        let bytes = |encode: fn(f32) -> Vec<u8>| values.iter().flat_map(|&x| encode(x)).collect();
        let forms: [(&str, Vec<u8>, bool); 4] = [
            (
                "<f2",
                bytes(|x| half::f16::from_f32(x).to_le_bytes().into()),
                true,
            ),
            ("<f4", bytes(|x| x.to_le_bytes().into()), true),
            ("<f8", bytes(|x| f64::from(x).to_le_bytes().into()), true),
            (">f4", bytes(|x| x.to_be_bytes().into()), false),
        ];
        for (descr, x, maps) in forms {
            for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
                archive(&path, descr, &x, method);
                let features = Features::open_with(&path, true).unwrap();
                let stored = method == CompressionMethod::Stored;
                assert_eq!(features.is_mapped(), maps && stored, "{descr} {method}");
                assert_eq!(rows(&features), values, "{descr} {method}");
                assert_eq!(features.type_name(), &descr[1..]);
                let whole = Fingerprint::of_file(&path).unwrap().sha256();
                assert_eq!(features.fingerprint().unwrap().sha256(), whole);
            }
        }
    }

    #[test]
    fn rows_are_found_by_name_with_or_without_a_media_extension() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let names = ["ß_1", "b", "字"].map(String::from);
        write(&path, |npz| {
            npz.rows("X", Precision::F32, [3, 2], |row, out| out.fill(row as f64))?;
            npz.names("filenames", &names)
        })
        .unwrap();
        let features = Features::open(&path).unwrap();
        assert_eq!(features.names(), &names[..]);
        assert_eq!([features.rows(), features.cols()], [3, 2]);
        for (row, name) in names.iter().enumerate() {
            assert_eq!(features.row(name), Some(row as u32));
            assert_eq!(features.row(&format!("{name}.mov")), Some(row as u32));
        }
    }

    #[test]
    fn a_mapped_value_that_was_damaged_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let x: Vec<u8> = (0..24).collect();
        archive(&path, "<f4", &x, CompressionMethod::Stored);
        assert!(Features::open(&path).unwrap().is_mapped());
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(24).position(|window| window == x).unwrap();
        bytes[at + 7] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let message = Features::open(&path).unwrap_err().to_string();
        assert!(
            message.contains("array X: is damaged (Invalid checksum)"),
            "{message}"
        );
    }
}
