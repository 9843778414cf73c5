//! Metadata tables: the clips with their folds, actors and labels.

pub mod actors;
mod classes;
mod fold_table;
mod folds;
mod hints;
mod labels;
mod reading;
mod table_warnings;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::filename::clip_key;
use super::label::{Blend, CHALLENGE_CLASSES, Classes};
use crate::Result;
use crate::formats::csv::table::{CsvRow, CsvTable};
use actors::{ActorFinder, ActorSource};
pub use fold_table::write_with_folds;
pub use folds::{NewFolds, by_clip};
use labels::Form;
pub use reading::Reading;
pub use table_warnings::of_neutral;

/// One clip of a metadata table.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// Its name as in the table.
    pub filename: String,
    /// Its cross-validation fold; `None` if the cell is empty or there is no such column.
    pub fold: Option<usize>,
    /// The person shown: as the pattern of the [`Reading`] finds them, else the `actor` cell, else the name
    /// up to its first `_`, else unknown.
    pub actor: Option<String>,
    /// The true emotions, with saliences in percent; `None` if the table has no label.
    pub truth: Option<Blend>,
    /// The soft label `(classes)`, summing to 1; present exactly where `truth` is.
    pub target: Option<Vec<f64>>,
    /// Its line in the table, the header being line 1.
    pub line: u64,
}

/// A metadata table.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// The file.
    pub path: PathBuf,
    /// Clips in the order of the file.
    pub clips: Vec<Clip>,
    /// The classes that every target is indexed by.
    pub classes: Classes,
    /// Where the actors come from.
    pub actors: ActorSource,
    /// Class columns that were left out, because no clip shows them.
    pub empty_classes: Vec<String>,
    /// What to know of a training table, one line each.
    pub warnings: Vec<String>,
}

impl Metadata {
    /// Reads a table in which every clip must have a label.
    ///
    /// With `classes`, labels must be among these, in this order (and if there is one column per
    /// class, other columns are ignored). Without, the classes are those in the table: in the
    /// challenge's order if all of them are the challenge's, else in the order of the columns
    /// if there is one per class, else alphabetical.
    ///
    /// # Errors
    /// [`crate::Error::Read`] if the file cannot be opened; [`crate::Error::Csv`] with line and column for a
    /// malformed table, a missing or impossible label (saliences that do not sum to 100,
    /// proportions that do not sum to 1 within 1e-3), or a clip that is listed twice.
    pub fn read(path: &Path, classes: Option<&[String]>) -> Result<Metadata> {
        let reading = Reading {
            classes,
            ..Reading::default()
        };
        Self::read_with(path, &reading)
    }

    /// As [`Metadata::read`], with all choices. Class columns that are 0 throughout are left out unless
    /// the reading names the classes or keeps them. Folds are made where the reading says so.
    ///
    /// # Errors
    /// As [`Metadata::read`]; [`crate::Error::Csv`] also for classes that differ only in case or blanks, a
    /// clip that the pattern of the actors does not match, and folds that cannot be made.
    pub fn read_with(path: &Path, reading: &Reading<'_>) -> Result<Metadata> {
        let classes = reading.classes;
        let table = CsvTable::read(path)?;
        let form = Form::detect(&table, classes)?.ok_or_else(|| {
            let class_columns = "one column per class with proportions";
            table.fault(
                None,
                None,
                format!("has no labels; expected the columns mix, emotion_1, emotion_2, emotion_1_salience, emotion_2_salience, or {class_columns}"),
            )
        })?;
        let (form, empty_classes) = match classes {
            None if !reading.keep_empty_classes => form.without_empty(&table),
            _ => (form, Vec::new()),
        };
        let classes = match (classes, &form) {
            (Some(names), _) => Classes::new(names.iter().cloned()),
            (None, Form::Proportions(columns)) => {
                let names = columns.iter().map(|&c| table.columns()[c].clone());
                order(names.collect(), false)
            }
            (None, Form::Emotions(columns)) => order(labels::names(&table, columns)?, true),
        };
        let mut warnings = Vec::from_iter(table_warnings::of_split(&table));
        if reading.classes.is_none() {
            classes::check_different(&table, &form, &classes)?;
            warnings.extend(classes::warnings(&classes));
        }
        if classes.is_empty() {
            return Err(table.fault(
                None,
                None,
                "has no labelled clips; expected at least one".into(),
            ));
        }
        let (mut clips, actors) = clips(&table, Some(&form), &classes, true, reading)?;
        if let Some(folds) = reading.folds {
            folds.assign(&table, &mut clips, &classes, &actors)?;
        }
        Ok(Metadata {
            path: path.to_path_buf(),
            clips,
            classes,
            actors,
            empty_classes,
            warnings,
        })
    }

    /// Reads a table with known classes (those of the training split); labels are optional, in
    /// either form, for all clips or for some.
    ///
    /// # Errors
    /// As [`Metadata::read`]; a label outside `classes` is refused.
    pub fn read_against(path: &Path, classes: &Classes) -> Result<Metadata> {
        Self::read_against_with(path, classes, &Reading::default())
    }

    /// As [`Metadata::read_against`], with the choices of a reading except its classes. Clips that its
    /// pattern does not match have no actor.
    ///
    /// # Errors
    /// As [`Metadata::read_against`]; as [`Metadata::read_with`] for folds.
    pub fn read_against_with(
        path: &Path,
        classes: &Classes,
        reading: &Reading<'_>,
    ) -> Result<Metadata> {
        let table = CsvTable::read(path)?;
        let form = Form::detect_optional(&table, classes)?;
        let (mut clips, actors) = clips(&table, form.as_ref(), classes, false, reading)?;
        if let Some(folds) = reading.folds {
            folds.assign(&table, &mut clips, classes, &actors)?;
        }
        Ok(Metadata {
            path: path.to_path_buf(),
            clips,
            classes: classes.clone(),
            actors,
            empty_classes: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// Reads only the clips' names and actors, for the unlabelled target split: no cell outside the columns
    /// `filename` and `actor` is read, so labels in the table have no effect.
    ///
    /// # Errors
    /// [`crate::Error::Read`] if the file cannot be opened; [`crate::Error::Csv`] for a malformed table, or a clip
    /// that has no name or is listed twice.
    pub fn read_names(path: &Path, classes: &Classes, reading: &Reading<'_>) -> Result<Metadata> {
        let table = CsvTable::read(path)?.select(&["filename", "actor"]);
        let (clips, actors) = clips(&table, None, classes, false, reading)?;
        Ok(Metadata {
            path: path.to_path_buf(),
            clips,
            classes: classes.clone(),
            actors,
            empty_classes: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// Moves the clips of a fold into a table of their own, without their labels: see `data.test_fold`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if there is no such fold, or nothing outside it.
    pub(crate) fn take_fold(&mut self, fold: usize) -> Result<Metadata> {
        let fault = |reason: String| {
            Err(crate::Error::Config {
                field: "data.test_fold".into(),
                reason,
            })
        };
        let known: BTreeSet<usize> = self.clips.iter().filter_map(|clip| clip.fold).collect();
        if known.is_empty() {
            return fault(format!(
                "{} has no folds: data.folds=K makes them",
                self.path.display()
            ));
        }
        if !known.contains(&fold) {
            let known: Vec<String> = known.iter().map(usize::to_string).collect();
            return fault(format!("no such fold: {fold}; found: {}", known.join(", ")));
        }
        let (taken, left): (Vec<Clip>, Vec<Clip>) = std::mem::take(&mut self.clips)
            .into_iter()
            .partition(|clip| clip.fold == Some(fold));
        if left.is_empty() {
            return fault(format!(
                "all clips are in fold {fold}; nothing is left to train on"
            ));
        }
        self.clips = left;
        let unlabelled = |clip: Clip| Clip {
            truth: None,
            target: None,
            ..clip
        };
        Ok(Metadata {
            path: self.path.clone(),
            clips: taken.into_iter().map(unlabelled).collect(),
            classes: self.classes.clone(),
            actors: self.actors.clone(),
            empty_classes: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// The clips' true emotions by `clip_key`; clips without a label are left out.
    pub fn truths(&self) -> HashMap<&str, &Blend> {
        let labelled = |clip: &'_ Clip| clip.truth.is_some();
        self.clips
            .iter()
            .filter(|clip| labelled(clip))
            .filter_map(|clip| Some((clip_key(&clip.filename), clip.truth.as_ref()?)))
            .collect()
    }
}

/// DESIGN's class order.
fn order(mut names: Vec<String>, alphabetical: bool) -> Classes {
    let place = |name: &String| CHALLENGE_CLASSES.iter().position(|known| known == name);
    if names.iter().all(|name| place(name).is_some()) {
        names.sort_by_key(place);
    } else if alphabetical {
        names.sort();
    }
    Classes::new(names)
}

fn clips(
    table: &CsvTable,
    form: Option<&Form>,
    classes: &Classes,
    required: bool,
    reading: &Reading<'_>,
) -> Result<(Vec<Clip>, ActorSource)> {
    let filename = table
        .column("filename")
        .ok_or_else(|| table.fault(Some(1), None, hints::no_filename(table)))?;
    let fold = table.column("fold");
    let actors = ActorFinder {
        pattern: reading.actor_pattern.as_ref(),
        column: table.column("actor"),
    };
    let mut lines: HashMap<&str, u64> = HashMap::new();
    let mut clips = Vec::with_capacity(table.rows().len());
    for row in table.rows() {
        let name = row.cell(filename);
        let key = clip_key(name);
        let fault = |reason| table.fault(Some(row.line), Some("filename"), reason);
        if key.is_empty() {
            return Err(fault("is empty; expected the name of a clip".into()));
        }
        if let Some(first) = lines.insert(key, row.line) {
            return Err(fault(format!(
                "{name:?} is already on line {first}; expected one line per clip"
            )));
        }
        let target = match form {
            Some(form) => form.label(table, row, classes, reading.normalise_labels)?,
            None => None,
        };
        if target.is_none() && required {
            return Err(table.fault(
                Some(row.line),
                form.map(|form| form.first_column(table)),
                format!("{name:?} has no label; expected one for every clip of this table"),
            ));
        }
        let actor = actors.of(row, key);
        if actor.is_none() && required {
            actors.check_matched(name).map_err(fault)?;
        }
        clips.push(Clip {
            filename: name.to_string(),
            fold: fold.map_or(Ok(None), |column| parse_fold(table, row, column))?,
            actor,
            truth: target.as_deref().map(Blend::from_distribution),
            target,
            line: row.line,
        });
    }
    let source = actors.source(table, &clips);
    Ok((clips, source))
}

/// An integer; pandas writes `2.0` if some cells of a column are empty.
fn parse_fold(table: &CsvTable, row: &CsvRow, column: usize) -> Result<Option<usize>> {
    let cell = row.cell(column);
    let digits = cell.strip_suffix(".0").unwrap_or(cell);
    if digits.is_empty() {
        return Ok(None);
    }
    digits.parse().map(Some).map_err(|_| {
        table.fault(
            Some(row.line),
            Some("fold"),
            format!("{cell:?} is not a fold; expected a whole number, or an empty cell"),
        )
    })
}

/// Clips that are labelled with at least two emotions.
pub fn blends(clips: &[Clip]) -> usize {
    let truths = clips.iter().filter_map(|clip| clip.truth.as_ref());
    truths.filter(|truth| truth.parts().len() > 1).count()
}

#[cfg(test)]
mod tests;
