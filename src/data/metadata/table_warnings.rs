//! What to know of a training table before it is trained on.

use super::Clip;
use crate::data::label::Classes;
use crate::formats::csv::table::CsvTable;

/// Columns that tell parts of a corpus apart, in lower case.
const SPLIT_COLUMNS: [&str; 5] = ["split", "split_set", "partition", "subset", "set"];

/// Of clips that another column says are not for training, although all clips of the table are used.
pub(super) fn of_split(table: &CsvTable) -> Option<String> {
    let (column, name) = table.columns().iter().enumerate().find(|(_, name)| {
        let name = name.trim().to_lowercase();
        SPLIT_COLUMNS.contains(&name.as_str())
    })?;
    let held_out = |word: &str| {
        let word = word.trim().to_lowercase();
        ["test", "dev", "val"]
            .iter()
            .any(|part| word.starts_with(part))
    };
    let rows = table.rows().iter().filter(|row| held_out(row.cell(column)));
    let words: Vec<&str> = rows.map(|row| row.cell(column)).collect();
    let first = words.first()?;
    Some(format!(
        "column {name} says {first:?} for {} of {} clips, but it is not read and all clips are trained on: move test clips to test_metadata.csv, and give validation clips a fold",
        words.iter().filter(|word| *word == first).count(),
        table.rows().len()
    ))
}

/// Of a neutral class that is not treated as neutral, where there are blends.
pub fn of_neutral(classes: &Classes, clips: &[Clip]) -> Option<String> {
    let neutral = |name: &&String| name.trim().eq_ignore_ascii_case("neutral");
    let name = classes.names().iter().find(neutral)?;
    let blends = clips.iter().filter_map(|clip| clip.truth.as_ref());
    let blends = blends.filter(|truth| truth.parts().len() > 1).count();
    (classes.neutral().is_none() && blends > 0).then(|| {
        format!("class {name} is not treated as neutral, so it may be predicted in blends: data.neutral={name} changes that")
    })
}
