//! The two forms of labels in a metadata table.

use super::hints;
use super::hints::NORMALISE;
use crate::Result;
use crate::data::label::{Classes, PROPORTION_SLACK, settle_shares};
use crate::formats::csv::table::{CsvRow, CsvTable};
use crate::suggest::meant;

/// Columns that are never classes.
const RESERVED: [&str; 4] = ["filename", "fold", "actor", "split"];

/// Columns with the one emotion of each clip, where there is no `emotion_1`.
const ONE_EMOTION: [&str; 2] = ["emotion", "label"];

/// Slack of saliences that should sum to 100: rounding to two digits, as in 33.33 and 66.66.
const SALIENCE_SLACK: f64 = 0.011;

/// The label columns of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// The challenge's: `emotion_1` alone, or a blend of two with saliences in percent.
    Emotions(EmotionColumns),
    /// One column of proportions per class.
    Proportions(Vec<usize>),
}

/// Indices of the challenge's columns.
#[derive(Clone, Debug, PartialEq)]
pub struct EmotionColumns {
    mix: Option<usize>,
    emotions: [Option<usize>; 2],
    saliences: [Option<usize>; 2],
}

impl Form {
    /// The form of a table whose classes are not known yet, or given by the user; `None` without any
    /// label column.
    ///
    /// # Errors
    /// [`crate::Error::Csv`] if some of the label columns are missing.
    pub fn detect(table: &CsvTable, classes: Option<&[String]>) -> Result<Option<Form>> {
        if let Some(form) = emotions(table)? {
            return Ok(Some(form));
        }
        // Words: no numbers, which may be shares, and no lists.
        let word =
            |cell: &str| cell.starts_with(char::is_alphabetic) && cell.parse::<f64>().is_err();
        if let Some(form) = one_emotion(table, word) {
            return Ok(Some(form));
        }
        if let Some(classes) = classes {
            return proportions(table, classes);
        }
        let class_columns: Vec<usize> = (0..table.columns().len())
            .filter(|&column| {
                let name = table.columns()[column].as_str();
                !name.is_empty() && !RESERVED.contains(&name)
            })
            .collect();
        Ok((!class_columns.is_empty()).then_some(Form::Proportions(class_columns)))
    }

    /// The form of a table whose labels are optional and whose classes are known.
    ///
    /// # Errors
    /// As [`Form::detect`].
    pub fn detect_optional(table: &CsvTable, classes: &Classes) -> Result<Option<Form>> {
        let known = |cell: &str| classes.names().iter().any(|name| name == cell);
        match emotions(table)?.or_else(|| one_emotion(table, known)) {
            Some(form) => Ok(Some(form)),
            None => proportions(table, classes.names()),
        }
    }

    /// The name of the first label column, for messages.
    pub fn first_column<'a>(&self, table: &'a CsvTable) -> &'a str {
        let column = match self {
            Form::Emotions(columns) => columns.emotions[0],
            Form::Proportions(columns) => columns.first().copied(),
        };
        column.map_or("", |column| &table.columns()[column])
    }

    /// Without the columns of classes that are 0 throughout, and the names of those. Unchanged if that
    /// leaves none.
    pub fn without_empty(self, table: &CsvTable) -> (Form, Vec<String>) {
        let Form::Proportions(columns) = &self else {
            return (self, Vec::new());
        };
        let is_empty = |&column: &usize| {
            let mut cells = table.rows().iter().map(|row| row.cell(column));
            cells.all(|cell| cell.is_empty() || number(cell) == Some(0.0))
        };
        let (empty, kept): (Vec<usize>, Vec<usize>) = columns.iter().partition(|c| is_empty(c));
        if empty.is_empty() || kept.is_empty() {
            return (self, Vec::new());
        }
        let name = |&column: &usize| table.columns()[column].clone();
        (Form::Proportions(kept), empty.iter().map(name).collect())
    }

    /// The soft label of a row, `(classes)`, summing to 1; `None` if all its label cells are empty.
    ///
    /// Proportions are not changed, unless their sum is off by more than rounding of `f64` (and at most
    /// 1e-3); then they are divided by it. With `normalise`, cells are counts of any size, and always
    /// divided by their sum.
    ///
    /// # Errors
    /// [`crate::Error::Csv`] with line and column.
    pub fn label(
        &self,
        table: &CsvTable,
        row: &CsvRow,
        classes: &Classes,
        normalise: bool,
    ) -> Result<Option<Vec<f64>>> {
        match self {
            Form::Emotions(columns) => columns.label(table, row, classes),
            Form::Proportions(columns) if normalise => counts_of(table, row, columns, classes),
            Form::Proportions(columns) => proportions_of(table, row, columns, classes),
        }
    }
}

fn emotions(table: &CsvTable) -> Result<Option<Form>> {
    let columns = EmotionColumns {
        mix: table.column("mix"),
        emotions: [table.column("emotion_1"), table.column("emotion_2")],
        saliences: [
            table.column("emotion_1_salience"),
            table.column("emotion_2_salience"),
        ],
    };
    if columns.emotions[0].is_none() {
        if columns.mix.is_some() || columns.emotions[1].is_some() {
            let reason = "the column emotion_1 is missing; expected mix, emotion_1, emotion_2, emotion_1_salience, emotion_2_salience";
            return Err(table.fault(Some(1), None, reason.into()));
        }
        return Ok(None);
    }
    Ok(Some(Form::Emotions(columns)))
}

/// The only column named as one of [`ONE_EMOTION`], if each of its cells is empty or a `class`.
fn one_emotion(table: &CsvTable, class: impl Fn(&str) -> bool) -> Option<Form> {
    let mut columns = ONE_EMOTION.iter().filter_map(|name| table.column(name));
    let column = columns.next()?;
    let cells = || table.rows().iter().map(|row| row.cell(column));
    let holds =
        cells().any(|cell| !cell.is_empty()) && cells().all(|cell| cell.is_empty() || class(cell));
    (holds && columns.next().is_none()).then_some(Form::Emotions(EmotionColumns {
        mix: None,
        emotions: [Some(column), None],
        saliences: [None, None],
    }))
}

fn proportions(table: &CsvTable, classes: &[String]) -> Result<Option<Form>> {
    let columns: Vec<Option<usize>> = classes.iter().map(|class| table.column(class)).collect();
    if columns.iter().all(Option::is_none) {
        return Ok(None);
    }
    if let Some(missing) = columns.iter().position(Option::is_none) {
        let reason = format!(
            "the class {:?} has no column; expected one for each of {}",
            classes[missing],
            classes.join(", ")
        );
        return Err(table.fault(Some(1), None, reason));
    }
    Ok(Some(Form::Proportions(
        columns.into_iter().flatten().collect(),
    )))
}

/// The emotions in a table, each once, in order of appearance.
///
/// # Errors
/// As [`Form::label`], for the cells that say whether a row is a blend.
pub fn names(table: &CsvTable, columns: &EmotionColumns) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for row in table.rows() {
        let count = if columns.is_blend(table, row)? { 2 } else { 1 };
        for &column in columns.emotions[..count].iter().flatten() {
            let name = row.cell(column);
            if !name.is_empty() && !names.iter().any(|known| known == name) {
                names.push(name.to_string());
            }
        }
    }
    Ok(names)
}

impl EmotionColumns {
    /// The line on which a class first appears.
    pub fn first_line(&self, table: &CsvTable, name: &str) -> Option<u64> {
        let columns = || self.emotions.iter().flatten();
        let mut rows = table.rows().iter();
        let row = rows.find(|row| columns().any(|&column| row.cell(column) == name));
        row.map(|row| row.line)
    }

    fn is_blend(&self, table: &CsvTable, row: &CsvRow) -> Result<bool> {
        let cell = self.mix.map_or("", |column| row.cell(column));
        match cell.to_ascii_lowercase().as_str() {
            "0" | "0.0" | "false" | "no" => Ok(false),
            "1" | "1.0" | "true" | "yes" => Ok(true),
            // Unspecified: a row with a second emotion is a blend.
            "" => Ok(self.emotions[1].is_some_and(|column| !row.cell(column).is_empty())),
            _ => Err(table.fault(
                Some(row.line),
                Some("mix"),
                format!("{cell:?} is unknown; expected 0 (one emotion) or 1 (a blend of two)"),
            )),
        }
    }

    fn label(&self, table: &CsvTable, row: &CsvRow, classes: &Classes) -> Result<Option<Vec<f64>>> {
        let cell = |column: Option<usize>| column.map_or("", |column| row.cell(column));
        if self.emotions.iter().all(|&column| cell(column).is_empty()) {
            return Ok(None);
        }
        let class = |which: usize| {
            let name = cell(self.emotions[which]);
            classes.index(name).ok_or_else(|| {
                let reason = if name.is_empty() {
                    "is empty; expected an emotion".to_string()
                } else {
                    format!(
                        "{name:?} is unknown; expected one of {}{}",
                        classes.names().join(", "),
                        meant(name, classes.names().iter().map(String::as_str))
                    )
                };
                table.fault(Some(row.line), Some(EMOTION_NAMES[which]), reason)
            })
        };
        let mut target = vec![0.0; classes.len()];
        if !self.is_blend(table, row)? {
            target[class(0)?] = 1.0;
            return Ok(Some(target));
        }
        let (first, second) = (class(0)?, class(1)?);
        let fault = |column: &str, reason| table.fault(Some(row.line), Some(column), reason);
        if first == second {
            let reason = format!(
                "{:?} is also emotion_1; a blend has two different emotions",
                classes.name(first)
            );
            return Err(fault(EMOTION_NAMES[1], reason));
        }
        let mut saliences = [0.0; 2];
        for which in 0..2 {
            let text = cell(self.saliences[which]);
            saliences[which] = number(text)
                .filter(|percent| *percent > 0.0 && *percent < 100.0)
                .ok_or_else(|| {
                    let why = match cell(self.mix) {
                        "" => format!("; the clip counts as a blend because emotion_2 is {:?}: leave that cell empty for a single emotion", cell(self.emotions[1])),
                        _ => String::new(),
                    };
                    let reason = format!("{text:?} is not a salience of a blend; expected a percentage, above 0 and below 100{why}");
                    fault(SALIENCE_NAMES[which], reason)
                })?;
        }
        let sum = saliences[0] + saliences[1];
        let off = (sum - 100.0).abs();
        if off.is_nan() || off > SALIENCE_SLACK {
            let reason = format!(
                "saliences {} and {} sum to {sum}; expected 100 (percent)",
                saliences[0], saliences[1]
            );
            return Err(fault(SALIENCE_NAMES[1], reason));
        }
        target[first] = saliences[0] / sum;
        target[second] = saliences[1] / sum;
        Ok(Some(target))
    }
}

const EMOTION_NAMES: [&str; 2] = ["emotion_1", "emotion_2"];
const SALIENCE_NAMES: [&str; 2] = ["emotion_1_salience", "emotion_2_salience"];

/// Counts of votes, 0/1 flags or percentages, divided by their sum.
fn counts_of(
    table: &CsvTable,
    row: &CsvRow,
    columns: &[usize],
    classes: &Classes,
) -> Result<Option<Vec<f64>>> {
    if columns.iter().all(|&column| row.cell(column).is_empty()) {
        return Ok(None);
    }
    let mut target = vec![0.0; classes.len()];
    for &column in columns {
        let (name, cell) = (&table.columns()[column], row.cell(column));
        let count = match cell {
            "" => Some(0.0),
            cell => number(cell).filter(|count| *count >= 0.0),
        };
        let (Some(class), Some(count)) = (classes.index(name), count) else {
            let reason = format!(
                "{cell:?} is not a count; expected a number of 0 or more (every column other than {} is a \
                 class)",
                RESERVED.join(", ")
            );
            return Err(table.fault(Some(row.line), Some(name), reason));
        };
        target[class] = count;
    }
    let sum: f64 = target.iter().sum();
    if !(sum.is_finite() && sum > 0.0) {
        let reason = format!(
            "the counts of the classes sum to {sum}; expected at least one class above 0: remove the clip, or add a class for clips that show none of the others"
        );
        return Err(table.fault(Some(row.line), None, reason));
    }
    target.iter_mut().for_each(|share| *share /= sum);
    Ok(Some(target))
}

fn proportions_of(
    table: &CsvTable,
    row: &CsvRow,
    columns: &[usize],
    classes: &Classes,
) -> Result<Option<Vec<f64>>> {
    if columns.iter().all(|&column| row.cell(column).is_empty()) {
        return Ok(None);
    }
    let mut target = vec![0.0; classes.len()];
    for &column in columns {
        let (name, cell) = (&table.columns()[column], row.cell(column));
        let share = number(cell).filter(|share| (0.0..=1.0 + PROPORTION_SLACK).contains(share));
        let (Some(class), Some(share)) = (classes.index(name), share) else {
            let reason = format!(
                "{cell:?} is not a proportion; expected a number from 0 to 1 (every column other than \
                 {} is a class){}",
                RESERVED.join(", "),
                hints::no_proportion(table, column, cell)
            );
            return Err(table.fault(Some(row.line), Some(name), reason));
        };
        target[class] = share;
    }
    match settle_shares(&mut target) {
        Ok(()) => Ok(Some(target)),
        Err(sum) => {
            let reason = format!(
                "the proportions of the classes sum to {sum}; expected 1 (within 1e-3){NORMALISE}{}",
                hints::suspect(table, columns)
            );
            Err(table.fault(Some(row.line), None, reason))
        }
    }
}

/// A finite number; `None` for an empty cell.
fn number(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|value: &f64| value.is_finite())
}
