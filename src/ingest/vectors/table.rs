//! Vectors in the rows of a CSV file.

use std::collections::HashMap;
use std::path::Path;

use super::columns::FeatureColumns;
use super::{NAME_COLUMNS, VectorOptions, Vectors, clip_name};
use crate::formats::csv::reader::CsvReader;
use crate::ingest::aggregate::BadClip;
use crate::ingest::encoder_file::EncoderRows;
use crate::suggest::meant;
use crate::{Error, Result};

/// What to do with several rows of a clip.
const FRAMES: &str = "; for frames save the rows of each clip as .npy, [T, d], and use aggregate";

/// Reads a table with one row per clip.
pub(super) fn read(path: &Path, options: &VectorOptions) -> Result<Vectors> {
    let mut table = open(path)?;
    let name = match &options.name_column {
        Some(name) => table.column(name).ok_or_else(|| no_column(&table, name))?,
        None => NAME_COLUMNS
            .iter()
            .find_map(|name| table.column(name))
            .or(named_index(&table, path)?)
            .ok_or_else(|| Error::NoNameColumn {
                path: path.to_owned(),
                tried: NAME_COLUMNS.map(str::to_owned).to_vec(),
            })?,
    };
    let FeatureColumns { features, left_out } = FeatureColumns::of(&table, options, Some(name))?;
    let mut rows = EncoderRows::new(features.len());
    let mut bad = Vec::new();
    let mut lines: HashMap<String, u64> = HashMap::new();
    let mut row = vec![0.0; features.len()];
    while table.advance()? {
        let cell = table.cell(name)?;
        let has_folder = cell.contains(['/', '\\']);
        let clip = clip_name(cell).to_owned();
        if clip.is_empty() {
            return Err(table.cell_fault(name, "is empty; expected the name of a clip".into()));
        }
        if let Some(first) = lines.insert(clip.clone(), table.line()) {
            let folders = match has_folder {
                true => " (folders are not part of names: put them into the names)",
                false => "",
            };
            let reason = format!(
                "names the clip {clip:?}, as line {first} does{folders}; expected one row per clip{FRAMES}"
            );
            return Err(table.cell_fault(name, reason));
        }
        match fill(&table, &features, Some(&clip), &mut row) {
            Ok(()) => rows.push(clip, &row),
            Err(error) => bad.push(BadClip {
                clip,
                file: path.display().to_string(),
                reason: error.to_string(),
            }),
        }
    }
    Ok(Vectors {
        rows,
        columns: Some(names(&table, &features)),
        left_out,
        bad,
    })
}

/// Opens a table, and refuses one whose first line is a row.
fn open(path: &Path) -> Result<CsvReader> {
    let table = CsvReader::open(path)?;
    let titles = table.columns();
    let numbers = titles.iter().filter(|title| title.parse::<f64>().is_ok());
    // Whole numbers are what pandas calls columns without names.
    let whole = titles.iter().filter(|title| title.parse::<i64>().is_ok());
    let numbers = numbers.count();
    if numbers > whole.count() && numbers + 1 >= titles.len() {
        let reason =
            "consists of numbers, so the line with the names of the columns is missing; add it";
        return Err(table.fault(Some(1), None, reason.into()));
    }
    Ok(table)
}

/// The first column if it has no name and holds text: pandas writes the index of a table so.
fn named_index(table: &CsvReader, path: &Path) -> Result<Option<usize>> {
    if table
        .columns()
        .first()
        .is_none_or(|title| !title.is_empty())
    {
        return Ok(None);
    }
    let mut rows = CsvReader::open(path)?;
    if !rows.advance()? {
        return Ok(None);
    }
    let cell = rows.cell(0)?;
    Ok((!cell.is_empty() && cell.parse::<f64>().is_err()).then_some(0))
}

/// The row of a file with one clip.
pub(super) struct OneRow {
    pub values: Vec<f32>,
    pub columns: Vec<String>,
    pub left_out: Vec<String>,
}

/// Reads a file with the one row of its clip, and the names of its columns.
pub(super) fn read_one(path: &Path, options: &VectorOptions) -> Result<OneRow> {
    let mut table = open(path)?;
    let named = options
        .name_column
        .as_deref()
        .and_then(|name| table.column(name));
    let FeatureColumns { features, left_out } = FeatureColumns::of(&table, options, named)?;
    let mut row = vec![0.0; features.len()];
    if !table.advance()? {
        return Err(table.fault(None, None, "has no rows after its header".into()));
    }
    fill(&table, &features, None, &mut row)?;
    if table.advance()? {
        let reason = format!("has a second row; expected one per file{FRAMES}");
        return Err(table.fault(Some(table.line()), None, reason));
    }
    Ok(OneRow {
        values: row,
        columns: names(&table, &features),
        left_out,
    })
}

/// The error for a requested column that does not exist.
fn no_column(table: &CsvReader, name: &str) -> Error {
    let meant = meant(name, table.columns().iter().map(String::as_str));
    table.fault(Some(1), None, format!("has no column {name}{meant}"))
}

fn names(table: &CsvReader, features: &[usize]) -> Vec<String> {
    let title = |&column: &usize| table.columns()[column].clone();
    features.iter().map(title).collect()
}

/// Reads the features of a row, in the precision of the output file.
fn fill(table: &CsvReader, features: &[usize], clip: Option<&str>, row: &mut [f32]) -> Result<()> {
    let mut fault = None;
    let mut none = true;
    for (out, &column) in row.iter_mut().zip(features) {
        let value = table.number(column)?;
        none &= value.is_none_or(f64::is_nan);
        let reason = match value.map(|value| value as f32) {
            Some(value) if value.is_finite() => {
                *out = value;
                continue;
            }
            Some(value) => format!("expected a finite number, found {value}"),
            None => "expected a finite number, found an empty cell".to_owned(),
        };
        fault.get_or_insert((column, reason));
    }
    let Some((column, reason)) = fault else {
        return Ok(());
    };
    if none && features.len() > 1 {
        let clip = clip.map_or(String::new(), |clip| format!("clip {clip:?}: "));
        let reason = format!(
            "{clip}all {} features are NaN or empty, as openSMILE writes for a clip that is too short; leave the clip out",
            features.len()
        );
        return Err(table.fault(Some(table.line()), None, reason));
    }
    Err(table.cell_fault(
        column,
        format!("{reason}; fix the row, or leave the column out"),
    ))
}
