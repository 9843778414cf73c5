//! One pass over a feature file: is it intact, which values are not finite, what is its hash. Each
//! row is looked at for all three while it is in the cache.

use std::path::Path;

use super::fingerprint::Fingerprint;
use crate::Result;
use crate::formats::npz::stored::{Mapped, Stored};
use crate::kernels::pack::StoredRows;

/// Columns looked at together.
const COLUMNS: usize = 1024;

/// Mapped bytes after which those looked at are given back: a file larger than memory passes through.
const HELD: usize = 16 << 20;

/// What was found.
#[derive(Debug)]
pub(super) struct Scan {
    /// Rows with values that are not finite, ascending.
    pub(super) bad_rows: Vec<BadRow>,
    /// Of the whole file, where wanted.
    pub(super) fingerprint: Option<Fingerprint>,
}

/// A row with values that are not finite, in the precision that training uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BadRow {
    pub(super) row: u32,
    /// The first such value and its column.
    pub(super) column: usize,
    pub(super) value: f32,
    /// How many.
    pub(super) values: usize,
}

/// Looks through the `rows` × `cols` values of a file, and through all of its bytes where the hash
/// is wanted or its values are mapped.
///
/// # Errors
/// [`crate::Error::Read`]; the reason, in the inner result, where a mapped member is damaged.
pub(super) fn scan(
    path: &Path,
    stored: &Stored,
    [rows, cols]: [usize; 2],
    hash: bool,
) -> Result<Result<Scan, String>> {
    let source = StoredRows {
        values: stored.values(),
        cols,
    };
    let mut bad_rows = Vec::new();
    let mut look = |row: usize| bad_rows.extend(bad_row(source, row));
    let fingerprint = match stored {
        Stored::Mapped(mapped) => match walk(mapped, rows, hash, &mut look) {
            Ok(fingerprint) => fingerprint,
            Err(reason) => return Ok(Err(reason)),
        },
        Stored::Memory(_) => {
            (0..rows).for_each(look);
            hash.then(|| Fingerprint::of_file(path)).transpose()?
        }
    };
    Ok(Ok(Scan {
        bad_rows,
        fingerprint,
    }))
}

/// Goes over a mapped file from its first byte to its last, row by row where the values stand.
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

fn bad_row(source: StoredRows<'_>, row: usize) -> Option<BadRow> {
    let mut found: Option<BadRow> = None;
    let mut part = [0.0; COLUMNS];
    for start in (0..source.cols).step_by(COLUMNS) {
        let part = &mut part[..COLUMNS.min(source.cols - start)];
        source.read(row, start, part);
        // Counts without branches: nearly every row has none.
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
    found
}
