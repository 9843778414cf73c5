//! What to do with tables that other tools write: the fix for a column or a cell that is not understood.

use std::collections::HashSet;

use crate::formats::csv::table::CsvTable;
use crate::suggest::{instead, nearest};

/// What to do where the numbers of a row are no proportions.
pub(super) const NORMALISE: &str = "; if the cells are votes, percentages or 0/1 flags, data.normalise_labels=true divides \
                         each row by its sum";

/// Columns that name clips in the tables of other tools, in lower case.
const CLIP_COLUMNS: [&str; 12] = [
    "file",
    "clip",
    "name",
    "video",
    "audio",
    "path",
    "file_name",
    "video_id",
    "clip_id",
    "utterance_id",
    "utt_id",
    "id",
];

/// Columns that are often beside labels and are no classes, in lower case.
const NO_CLASSES: [&str; 14] = [
    "index",
    "id",
    "age",
    "gender",
    "sex",
    "speaker",
    "speaker_id",
    "subject",
    "actor_id",
    "valence",
    "arousal",
    "dominance",
    "intensity",
    "duration",
];

/// Of a table without a column `filename`.
pub(super) fn no_filename(table: &CsvTable) -> String {
    let columns = || table.columns().iter().map(String::as_str);
    let is = |column: &&str, name: &str| column.trim().eq_ignore_ascii_case(name);
    let clips = CLIP_COLUMNS
        .iter()
        .find_map(|name| columns().find(|column| is(column, name)));
    let rename = match (nearest("filename", columns()), clips) {
        (None, Some(column)) => format!("; rename the column {column} to filename"),
        _ => String::new(),
    };
    format!(
        "has no column filename{rename}{}",
        instead("filename", columns())
    )
}

/// Of a cell that is no proportion, in a column that counts as a class. Begins with `; ` if there is one.
pub(super) fn no_proportion(table: &CsvTable, column: usize, cell: &str) -> String {
    let number = |cell: &str| cell.parse::<f64>().ok();
    if number(cell).is_some_and(|count| count > 1.0) {
        return NORMALISE.to_owned() + &suspect(table, &[column]);
    }
    if number(&cell.replace(',', ".")).is_some() && cell.contains(',') {
        return "; write numbers with a decimal point".into();
    }
    if cell.starts_with('[') {
        return "; write one column per class, with a single number in each cell".into();
    }
    let cells = || table.rows().iter().map(|row| row.cell(column));
    if cell.is_empty() || cells().any(|cell| number(cell).is_some()) {
        return String::new();
    }
    let name = &table.columns()[column];
    let words: HashSet<&str> = cells().collect();
    // A class comes again and again, a sentence does not.
    if table.rows().len() > 1 && words.len() == table.rows().len() {
        return format!("; the column {name} is no class: remove it");
    }
    format!(
        "; if {name} is the label of each clip, call the column emotion_1; if it is no class, remove it"
    )
}

/// Of proportions that do not sum to 1: class columns that probably are none. Begins with `; ` if there is
/// one.
pub(super) fn suspect(table: &CsvTable, columns: &[usize]) -> String {
    let names = columns
        .iter()
        .map(|&column| table.columns()[column].as_str());
    let is_none = |name: &&str| {
        let name = name.trim().to_ascii_lowercase();
        name.starts_with("unnamed:") || NO_CLASSES.contains(&name.as_str())
    };
    let names: Vec<&str> = names.filter(is_none).collect();
    match names[..] {
        [] => String::new(),
        _ => format!("; remove what is no class: {}", names.join(", ")),
    }
}
