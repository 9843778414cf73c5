//! One pass over features: non-finite values and, of a file, checksum and hash. All three are computed for each
//! row while it is in the cache.

use std::path::Path;

use super::fingerprint::Fingerprint;
use crate::Result;
use crate::formats::npz::stored::{Mapped, Stored};
use crate::kernels::pack::StoredRows;

/// Columns per block.
const COLUMNS: usize = 1024;

/// Mapped bytes after which processed pages are released, so that files may be larger than memory.
const HELD: usize = 16 << 20;

/// The result of a scan.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Rows with non-finite values, ascending.
    pub(super) bad_rows: Vec<BadRow>,
    /// Rows that contain only zeros, ascending.
    pub(super) zero_rows: Vec<u32>,
    /// The hash of the whole file, if requested.
    pub(super) fingerprint: Option<Fingerprint>,
}

/// A row with non-finite values, in the precision that training uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BadRow {
    pub(super) row: u32,
    /// The first such value and its column.
    pub(super) column: usize,
    pub(super) value: f32,
    /// How many.
    pub(super) values: usize,
}

/// Scans the `rows` × `cols` values of a file, and all of its bytes if the hash is requested or the
/// values are mapped.
///
/// # Errors
/// [`crate::Error::Read`]; the inner result is the reason if a mapped member is damaged.
pub(super) fn scan_file(
    path: &Path,
    stored: &Stored,
    [rows, cols]: [usize; 2],
    hash: bool,
) -> Result<Result<Scan, String>> {
    let source = StoredRows {
        values: stored.values(),
        cols,
    };
    let mut scan = Scan::default();
    let mut look = |row: usize| scan.look(source, row);
    let fingerprint = match stored {
        Stored::Mapped(mapped) => match walk(mapped, rows, hash, &mut look) {
            Ok(fingerprint) => fingerprint,
            Err(reason) => return Ok(Err(reason)),
        },
        Stored::Memory(_) => {
            (0..rows).for_each(&mut look);
            hash.then(|| Fingerprint::of_file(path)).transpose()?
        }
    };
    Ok(Ok(Scan {
        fingerprint,
        ..scan
    }))
}

/// Scans the first rows of a matrix in memory.
pub(super) fn scan_rows(source: StoredRows<'_>, rows: usize) -> Scan {
    let mut scan = Scan::default();
    (0..rows).for_each(|row| scan.look(source, row));
    scan
}

impl Scan {
    fn look(&mut self, source: StoredRows<'_>, row: usize) {
        match classify(source, row) {
            RowKind::Zero => self.zero_rows.push(row as u32),
            RowKind::Bad(bad) => self.bad_rows.push(bad),
            RowKind::Sound => {}
        }
    }
}

/// Processes a mapped file from first to last byte, the values row by row.
fn walk(
    mapped: &Mapped,
    rows: usize,
    hash: bool,
    look: &mut impl FnMut(usize),
) -> Result<Option<Fingerprint>, String> {
    let (map, elements) = (&mapped.map, mapped.elements.clone());
    let mut fingerprint = hash.then(Fingerprint::default);
    let mut update = |bytes: &[u8]| {
        if let Some(fingerprint) = &mut fingerprint {
            fingerprint.update(bytes);
        }
    };
    update(&map[..elements.start]);
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&map[mapped.member.start..elements.start]);
    let row_bytes = (elements.len() / rows.max(1)).max(1);
    let mut held = elements.start;
    for (row, bytes) in map[elements.clone()].chunks(row_bytes).enumerate() {
        update(bytes);
        checksum.update(bytes);
        look(row);
        let end = elements.start + row * row_bytes + bytes.len();
        if end - held >= HELD {
            map.release(held..end);
            held = end;
        }
    }
    map.release(held..elements.end);
    update(&map[elements.end..]);
    if checksum.finalize() == mapped.checksum {
        Ok(fingerprint)
    } else {
        Err("is damaged (Invalid checksum); write the file again".into())
    }
}

/// What a row's values are like.
enum RowKind {
    Sound,
    Zero,
    Bad(BadRow),
}

fn classify(source: StoredRows<'_>, row: usize) -> RowKind {
    let mut found: Option<BadRow> = None;
    let mut zero = true;
    let mut part = [0.0; COLUMNS];
    for start in (0..source.cols).step_by(COLUMNS) {
        let part = &mut part[..COLUMNS.min(source.cols - start)];
        source.read(row, start, part);
        // Ends at the first value of almost all rows.
        zero = zero && part.iter().all(|&x| x == 0.0);
        // Counts without branches: almost all rows have none.
        let values: usize = part.iter().map(|x| usize::from(!x.is_finite())).sum();
        if values == 0 {
            continue;
        }
        if let Some(found) = &mut found {
            found.values += values;
        } else if let Some(at) = part.iter().position(|x| !x.is_finite()) {
            found = Some(BadRow {
                row: row as u32,
                column: start + at,
                value: part[at],
                values,
            });
        }
    }
    match found {
        Some(bad) => RowKind::Bad(bad),
        None if zero => RowKind::Zero,
        None => RowKind::Sound,
    }
}
