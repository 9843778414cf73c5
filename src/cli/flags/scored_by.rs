//! The run that a file of probabilities is from.

use std::path::{Path, PathBuf};

use clap::Args;

use super::decoding::{RulesArgs, ThresholdArgs};
use crate::Result;
use crate::analysis::run_decoding::RunDecoding;
use crate::cli::flags::common::quoted;
use crate::cli::output::numbers::threshold;
use crate::data::label::{Blend, Classes};
use crate::eval::decode::Decoding;
use crate::eval::probabilities::ProbabilityTable;
use crate::eval::rules::Thresholds;

/// Which run scored the clips.
#[derive(Args, Debug)]
pub struct ScoredBy {
    /// Decode with the rules and thresholds of this run, and read labels as it did: the folder of a
    /// model or of cv, or a weights file [default: what an .npz of predict says, or the run whose
    /// folder the file is in]
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
}

impl ScoredBy {
    /// The decoding of the run that is named, if one is.
    ///
    /// # Errors
    /// As [`RunDecoding::of_run`].
    pub fn named(&self, file: &Path) -> Result<Option<RunDecoding>> {
        let run = self.run.as_deref();
        run.map(|run| RunDecoding::of_run(run, file)).transpose()
    }

    /// The same, or else that of the run that the file is from, if it tells.
    ///
    /// # Errors
    /// As [`RunDecoding::of_run`], [`RunDecoding::of_file`] and [`RunDecoding::check`].
    pub fn find(&self, file: &Path, table: &ProbabilityTable) -> Result<Option<RunDecoding>> {
        let Some(named) = self.named(file)? else {
            return RunDecoding::of_file(file, table);
        };
        named.check(table)?;
        Ok(Some(named))
    }
}

/// Scores with what decodes them: flags first, then the run, then the challenge's defaults.
pub struct Decoded {
    /// The classes, and which one is neutral.
    pub classes: Classes,
    /// The emotions of each clip.
    pub emotions: Vec<Blend>,
    /// The thresholds, where they are the same for all clips.
    pub thresholds: Option<Thresholds>,
    /// What it was decoded with, for a note.
    pub how: String,
}

/// The classes of a table with the neutral one of the flags, or else of the run.
///
/// # Errors
/// As [`RulesArgs::classes`].
pub fn classes(
    table: &ProbabilityTable,
    rules: &RulesArgs,
    run: Option<&RunDecoding>,
) -> Result<Classes> {
    let classes = match run {
        Some(run) => run.classes(&table.classes),
        None => table.classes.clone(),
    };
    rules.classes(&classes)
}

/// Decodes a table.
///
/// # Errors
/// As [`RulesArgs::classes`] and [`Decoding::decode_rows`].
pub fn decode(
    table: &ProbabilityTable,
    rules: &RulesArgs,
    given: &ThresholdArgs,
    run: Option<&RunDecoding>,
) -> Result<Decoded> {
    let classes = classes(table, rules, run)?;
    let decoding = Decoding::of(&rules.config(run.map(|run| &run.rules)));
    let Some(run) = run else {
        let thresholds = given.or(0.1, 0.1);
        let untuned = given.presence_threshold.is_none() || given.salience_threshold.is_none();
        let untuned = match untuned {
            true => " (default 0.1; --run RUN takes those of a run, decode --search chooses them)",
            false => "",
        };
        return Ok(Decoded {
            emotions: decoding.decode_rows(table.aligned.view(), &classes, thresholds)?,
            classes,
            thresholds: Some(thresholds),
            how: format!("{}{untuned}", in_words(thresholds)),
        });
    };
    let or_run = |of_run: Thresholds| given.or(of_run.presence, of_run.salience);
    let thresholds = run.thresholds().map(or_run);
    let how = match thresholds {
        Some(thresholds) => in_words(thresholds),
        None => format!(
            "the thresholds of each clip's own fold, {} folds",
            run.folds()
        ),
    };
    Ok(Decoded {
        emotions: run.decode(table, &classes, &decoding, or_run)?,
        classes,
        thresholds,
        how: format!("{how}, as {} says", quoted(run.source())),
    })
}

fn in_words(thresholds: Thresholds) -> String {
    format!(
        "presence threshold {} and salience threshold {}",
        threshold(thresholds.presence),
        threshold(thresholds.salience)
    )
}
