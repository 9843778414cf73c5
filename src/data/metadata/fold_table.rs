//! The metadata with folds that were made.

use std::path::Path;

use super::Clip;
use crate::error::Result;
use crate::files::atomic_file;
use crate::formats::csv::table::CsvTable;

/// Writes a copy of a metadata table with the folds of its clips in the column `fold`, after `filename` unless
/// the table has that column; all other cells stay as they are. The copy can take the place of the table.
///
/// # Errors
/// [`crate::Error::Read`]; [`crate::Error::Csv`] for a damaged table or one that now has another number of
/// clips; [`crate::Error::Write`].
pub fn write_with_folds(table: &Path, clips: &[Clip], to: &Path) -> Result<()> {
    let table = CsvTable::read(table)?;
    if table.rows().len() != clips.len() {
        let reason = format!(
            "has {} rows; expected {}, as when the folds were made",
            table.rows().len(),
            clips.len()
        );
        return Err(table.fault(None, None, reason));
    }
    let known = table.column("fold");
    let filename = table.column("filename").unwrap_or(0);
    let line = |fold: &str, cell: &dyn Fn(usize) -> String| -> Vec<String> {
        let mut line = Vec::new();
        for column in 0..table.columns().len() {
            line.push(if known == Some(column) {
                fold.to_owned()
            } else {
                cell(column)
            });
            if known.is_none() && column == filename {
                line.push(fold.to_owned());
            }
        }
        line
    };
    atomic_file::write(to, |out| {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(line("fold", &|column| table.columns()[column].clone()))?;
        for (row, clip) in table.rows().iter().zip(clips) {
            let fold = clip.fold.map_or_else(String::new, |fold| fold.to_string());
            csv.write_record(line(&fold, &|column| row.cell(column).to_owned()))?;
        }
        csv.flush()
    })
}
