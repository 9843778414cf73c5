//! Vectors in the files of a folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use rayon::prelude::*;

use super::{VectorOptions, Vectors, table};
use crate::formats::npy::header::Header;
use crate::formats::npy::read_numbers;
use crate::ingest::aggregate::BadClip;
use crate::ingest::clip_files::{ClipFile, ClipFiles, holds, list};
use crate::ingest::encoder_file::EncoderRows;
use crate::{Error, Result};

/// Longest vector; the paper's longest has 57,344 values.
const MAX_LENGTH: usize = 1 << 24;

/// A vector, and the names of its values if the file has them.
type Named = (Vec<f32>, Option<Vec<String>>);

/// Appends names that are not in the list yet.
fn add_new(names: &mut Vec<String>, more: Vec<String>) {
    for name in more {
        if !names.contains(&name) {
            names.push(name);
        }
    }
}

/// Reads a folder of `.npy` files, or else of `.csv` files.
pub(super) fn read(
    folder: &Path,
    files: &ClipFiles<'_>,
    options: &VectorOptions,
) -> Result<Vectors> {
    let (npy, csv) = (holds(folder, "npy", files)?, holds(folder, "csv", files)?);
    if npy && csv {
        return Err(Error::Data(format!(
            "{}: has .npy and .csv files; expected only one kind, one file per clip",
            folder.display()
        )));
    }
    let files = list(folder, if csv { "csv" } else { "npy" }, files)?;
    let read: Vec<Result<(Named, Vec<String>)>> = files
        .par_iter()
        .map(|file| {
            if csv {
                let row = table::read_one(&file.path, options)?;
                Ok(((row.values, Some(row.columns)), row.left_out))
            } else {
                Ok(((read_npy(&file.path)?, None), Vec::new()))
            }
        })
        .collect();
    let mut left_out = Vec::new();
    let read: Vec<Result<Named>> = read
        .into_iter()
        .map(|read| {
            let (named, more) = read?;
            add_new(&mut left_out, more);
            Ok(named)
        })
        .collect();
    let mut kinds: BTreeMap<(usize, Option<&Vec<String>>), usize> = BTreeMap::new();
    for (row, names) in read.iter().flatten() {
        *kinds.entry((row.len(), names.as_ref())).or_default() += 1;
    }
    let most = kinds.iter().max_by_key(|(_, count)| **count);
    let (length, columns) =
        most.map_or((0, None), |(&(length, names), _)| (length, names.cloned()));
    let mut vectors = Vectors {
        rows: EncoderRows::new(length),
        columns,
        left_out,
        bad: Vec::new(),
    };
    for (ClipFile { clip, path }, read) in files.into_iter().zip(read) {
        let shown = path.display();
        let reason = match read {
            Err(error) => error.to_string(),
            Ok((row, _)) if row.len() != length => {
                format!(
                    "{shown}: has {} values; most files have {length}",
                    row.len()
                )
            }
            Ok((_, names)) if names != vectors.columns => format!(
                "{shown}: the names or order of its columns differ from those of most files"
            ),
            Ok((row, _)) => {
                vectors.rows.push(clip, &row);
                continue;
            }
        };
        let file = shown.to_string();
        vectors.bad.push(BadClip { clip, file, reason });
    }
    Ok(vectors)
}

/// A vector `(D)` or `(1, D)` of finite numbers.
fn read_npy(path: &Path) -> Result<Vec<f32>> {
    let failed = |source| Error::Read {
        path: path.to_path_buf(),
        source,
    };
    let fault = |reason: String| Error::Npz {
        path: path.to_path_buf(),
        array: None,
        reason,
    };
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let mut reader = BufReader::new(file);
    let header = Header::read(&mut reader, bytes).map_err(fault)?;
    header.require_numbers().map_err(fault)?;
    let length = match header.shape[..] {
        [length] | [1, length] => length,
        _ => {
            return Err(fault(format!(
                "expected one vector, [D] or [1, D], found shape {:?}; for frames use aggregate",
                header.shape
            )));
        }
    };
    if !(1..=MAX_LENGTH).contains(&length) {
        return Err(fault(format!(
            "expected 1 to {MAX_LENGTH} values, found {length}"
        )));
    }
    let values = read_numbers(&mut reader, &header).map_err(fault)?;
    let row: Vec<f32> = values.to_f64().into_iter().map(|x| x as f32).collect();
    match row.iter().position(|x| !x.is_finite()) {
        Some(_) if length > 1 && row.iter().all(|x| x.is_nan()) => Err(fault(format!(
            "all {length} values are NaN, as openSMILE gives for a clip that is too short; leave the clip out"
        ))),
        Some(at) => Err(fault(format!("value {at} (from 0) is NaN or infinite"))),
        None => Ok(row),
    }
}
