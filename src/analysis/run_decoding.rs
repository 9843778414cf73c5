//! How the scores of a run become emotions, for files of scores that came from it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::artifact::checkpoint::Checkpoint;
use crate::artifact::stored_decoding::StoredDecoding;
use crate::config::{DataConfig, DecodeConfig};
use crate::data::filename::clip_key;
use crate::data::label::{Blend, Classes};
use crate::error::{Error, Result};
use crate::eval::decode::Decoding;
use crate::eval::probabilities::{ProbabilityTable, decoding_in};
use crate::eval::rules::Thresholds;
use crate::experiments::{CrossValidate, Study};
use crate::plan::result::TrialResult;
use crate::plan::store::description::{DESCRIPTION, PlanDescription};
use crate::plan::store::list::listed;
use crate::plan::store::trial_files::TrialFiles;

/// How many folders above a file are looked at for a run: `RUN/final/ensemble/FILE`.
const ABOVE: usize = 3;

/// The decoding of a run: of one model, or of a cross-validation, where every clip is decoded by the model
/// that did not train on it.
#[derive(Clone, Debug)]
pub struct RunDecoding {
    /// The folder, or the file that names the decoding itself.
    source: PathBuf,
    /// The name of the neutral class.
    neutral: Option<String>,
    /// How the metadata were read.
    pub data: DataConfig,
    /// The rules, and the sets that they give.
    pub rules: DecodeConfig,
    thresholds: Vec<Thresholds>,
    /// In a cross-validation the index of the thresholds of each held-out clip; empty for one model.
    of_clip: HashMap<String, usize>,
}

impl RunDecoding {
    /// The decoding of a run: the folder of `train` or a final model, a weights file, or the folder of
    /// `cv`, of which the seed in the name of `file` counts, or else the first.
    ///
    /// # Errors
    /// [`Error::Missing`] for another folder; as [`Checkpoint::read`] and [`TrialResult::read`].
    pub fn of_run(run: &Path, file: &Path) -> Result<Self> {
        if run.join(DESCRIPTION).is_file() {
            return Self::of_plan(run, seed_of(file));
        }
        let weights = run.join("weights.safetensors");
        let weights = match run.is_dir() {
            true if weights.is_file() => weights,
            true => return Err(super::run::no_run(run)),
            false => run.to_owned(),
        };
        let model = Checkpoint::read(&weights)?.description()?;
        Ok(Self::of_stored(run, StoredDecoding::of(&model)))
    }

    /// The decoding that belongs to a file of scores: the one that it carries, or that of the run in whose
    /// folder it is. `None` if there is neither, or if the run's clips are others.
    ///
    /// # Errors
    /// As [`RunDecoding::of_run`]; [`Error::Npz`] for a file whose decoding is none.
    pub fn of_file(file: &Path, table: &ProbabilityTable) -> Result<Option<Self>> {
        let is_npz = |path: &Path| {
            path.extension()
                .is_some_and(|e| e.eq_ignore_ascii_case("npz"))
        };
        if is_npz(file)
            && let Some(text) = decoding_in(file)?
        {
            let stored = serde_json::from_str(&text).map_err(|error| Error::Npz {
                path: file.to_owned(),
                array: Some("decoding".into()),
                reason: format!("is not how this program decodes ({error}); remove the array"),
            })?;
            return Ok(Some(Self::of_stored(file, stored)));
        }
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let here = std::env::current_dir().unwrap_or_default();
        for folder in absolute.ancestors().skip(1).take(ABOVE) {
            let folder = match folder.strip_prefix(&here) {
                Ok(inside) if inside == Path::new("") => Path::new("."),
                Ok(inside) => inside,
                Err(_) => folder,
            };
            let plan = folder.join(DESCRIPTION).is_file();
            if plan && PlanDescription::read(folder)?.command != CrossValidate::NAME {
                return Ok(None);
            }
            if plan || folder.join("weights.safetensors").is_file() {
                let found = Self::of_run(folder, file)?;
                return Ok(Some(found).filter(|found| found.check(table).is_ok()));
            }
        }
        Ok(None)
    }

    fn of_stored(source: &Path, stored: StoredDecoding) -> Self {
        let decoder = stored.thresholds.decoder(&stored.decode);
        Self {
            source: source.to_owned(),
            neutral: stored.neutral,
            data: stored.data,
            rules: stored.decode,
            thresholds: vec![decoder.thresholds],
            of_clip: HashMap::new(),
        }
    }

    fn of_plan(folder: &Path, seed: Option<u64>) -> Result<Self> {
        let plan = PlanDescription::read(folder)?;
        let missing = |expected: &str, found: String| Error::Missing {
            path: folder.to_owned(),
            expected: expected.to_owned(),
            found,
        };
        if plan.command != CrossValidate::NAME {
            return Err(missing(
                "the folder of a model or of cv, which decode in one way",
                format!("it is of `{}`, whose configurations differ", plan.command),
            ));
        }
        let trials = listed(folder)?;
        let files = TrialFiles::of(folder);
        let of_folds = || trials.iter().filter(|trial| trial.fold.is_some());
        let seed = seed.or_else(|| of_folds().next().map(|trial| trial.seed));
        let (mut thresholds, mut of_clip) = (Vec::new(), HashMap::new());
        let mut rules = None;
        for trial in of_folds().filter(|trial| Some(trial.seed) == seed) {
            let path = files.result(&trial.id);
            let result = TrialResult::read(&path, &trial.id)?
                .ok_or_else(|| missing("the results of all folds", format!("{trial} has none")))?;
            let clips = result.held_out.iter().flat_map(|scores| &scores.clips);
            of_clip.extend(clips.map(|clip| (clip_key(clip).to_owned(), thresholds.len())));
            thresholds.push(result.decoder().thresholds);
            rules.get_or_insert_with(|| result.trial.kind.decode());
        }
        let Some(rules) = rules else {
            let seed = seed.map_or_else(String::new, |seed| format!(" of seed {seed}"));
            return Err(missing(
                "the results of all folds",
                format!("it has none{seed}"),
            ));
        };
        let data = plan.settings.config.data;
        Ok(Self {
            source: folder.to_owned(),
            neutral: data.neutral.clone(),
            data,
            rules,
            thresholds,
            of_clip,
        })
    }

    /// Where it is from.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// The thresholds, where they are the same for all clips.
    pub fn thresholds(&self) -> Option<Thresholds> {
        match self.thresholds[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The number of folds, each with its own thresholds; 1 for one model.
    pub fn folds(&self) -> usize {
        self.thresholds.len()
    }

    /// The thresholds of a clip; `None` for a clip that the run did not hold out.
    fn of(&self, clip: &str) -> Option<Thresholds> {
        match self.of_clip.is_empty() {
            true => self.thresholds.first().copied(),
            false => self
                .of_clip
                .get(clip_key(clip))
                .map(|&at| self.thresholds[at]),
        }
    }

    /// A table's classes with the run's neutral one.
    pub fn classes(&self, classes: &Classes) -> Classes {
        let named = self.neutral.as_deref();
        let named = named.and_then(|name| classes.clone().with_neutral_named(name));
        named.unwrap_or_else(|| classes.clone())
    }

    /// Refuses scores of clips that the run did not hold out.
    ///
    /// # Errors
    /// [`Error::Data`] with their number and the first.
    pub fn check(&self, table: &ProbabilityTable) -> Result<()> {
        let mut others = table
            .filenames
            .iter()
            .filter(|clip| self.of(clip).is_none());
        let Some(first) = others.next() else {
            return Ok(());
        };
        Err(Error::Data(format!(
            "{}: {} of {} clips, such as `{first}`, are none of its held-out clips; name the model that scored them, such as {}",
            self.source.display(),
            1 + others.count(),
            table.filenames.len(),
            self.source.join("final").display()
        )))
    }

    /// The emotions of each clip of a table by these rules; `given` changes the run's thresholds.
    ///
    /// # Errors
    /// As [`RunDecoding::check`]; as [`Thresholds::check`].
    pub fn decode(
        &self,
        table: &ProbabilityTable,
        classes: &Classes,
        decoding: &Decoding,
        given: impl Fn(Thresholds) -> Thresholds,
    ) -> Result<Vec<Blend>> {
        self.check(table)?;
        let rows = table.filenames.iter().zip(table.aligned.rows());
        let decided = rows.filter_map(|(clip, row)| {
            let thresholds = given(self.of(clip)?);
            Some(decoding.decode(&row.to_vec(), classes, thresholds))
        });
        Ok(decided.collect())
    }
}

/// The seed in the name of a cross-validation's file: `out_of_fold_seed3.csv`.
fn seed_of(file: &Path) -> Option<u64> {
    let stem = file.file_stem()?.to_str()?;
    stem.rsplit_once("_seed")?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_read_from_the_name() {
        let seed = |name: &str| seed_of(Path::new(name));
        assert_eq!(seed("cv/out_of_fold_seed12.npz"), Some(12));
        assert_eq!(seed("cv/out_of_fold.csv"), None);
        assert_eq!(seed("a_seedling.csv"), None);
    }
}
