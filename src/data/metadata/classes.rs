//! Classes that are probably one.

use super::labels::Form;
use crate::Result;
use crate::data::label::Classes;
use crate::formats::csv::table::CsvTable;

/// Refuses classes whose names differ only in case or blanks (`Ang`, `ang`): more likely a slip than
/// two emotions.
///
/// # Errors
/// [`crate::Error::Csv`] naming all such pairs, with what to do.
pub(super) fn check_different(table: &CsvTable, form: &Form, classes: &Classes) -> Result<()> {
    let names = classes.names();
    let mut pairs = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let first = names[..place].iter().find(|other| alike(other, name));
        pairs.extend(first.map(|first| (first, name)));
    }
    let Some((_, second)) = pairs.first() else {
        return Ok(());
    };
    let listed: Vec<String> = pairs
        .iter()
        .map(|(a, b)| format!("{a:?} and {b:?}"))
        .collect();
    let reason = format!(
        "classes differ only in case or blanks: {}; write each emotion in one way, or, if they are \
         different emotions, list all classes in data.classes",
        listed.join(", ")
    );
    let line = match form {
        Form::Emotions(columns) => columns.first_line(table, second),
        Form::Proportions(_) => Some(1),
    };
    Err(table.fault(line, None, reason))
}

fn alike(a: &str, b: &str) -> bool {
    let bare = |name: &str| -> String {
        let letters = name.chars().filter(|c| !c.is_whitespace());
        letters.flat_map(char::to_lowercase).collect()
    };
    bare(a) == bare(b)
}
