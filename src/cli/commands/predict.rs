//! `blendfuse predict`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ndarray::Array2;
use serde_json::json;

use crate::artifact::manifest::Manifest;
use crate::artifact::stored_decoding::StoredDecoding;
use crate::cli::clips::{self, Made, NewClips};
use crate::cli::flags::common::{Overwrite, Threads, quoted};
use crate::cli::flags::decoding::ThresholdArgs;
use crate::cli::output::console;
use crate::cli::output::numbers::{beta, counted, threshold};
use crate::data::label::Classes;
use crate::data::metadata::Reading;
use crate::data::part::{self, Needs, ScoredSplit};
use crate::data::provenance::check_alike;
use crate::data::standardise::warning_of_few_clips;
use crate::eval::decoder::Decoder;
use crate::eval::probabilities::ProbabilityTable;
use crate::eval::submission::Predictions;
use crate::files::atomic_file::Unfinished;
use crate::predict::{Predictor, explain};
use crate::{Error, Result};

/// Predict the emotions of clips with a trained model
///
/// Reads the model's encoders from the data folder, in any order; the other split need not exist.
/// Decodes probabilities into emotions by the rules and thresholds that are stored with the model.
///
/// Of new clips, given in place of a data folder, it makes the features that the model was trained on,
/// as `blendfuse extract --like RUN` does, and refuses what it cannot make alike. This needs the
/// Python package: pip install 'blendfuse[extract]'.
#[derive(Args, Debug)]
#[command(after_help = "\
At least one of --out, --probs and --explain is required; CodaBench expects a
.zip.

Examples:
  blendfuse predict runs/fold0 DATA --split test --out predictions.zip
  blendfuse predict runs/fold0 DATA --probs probs.csv --explain why.csv
  blendfuse predict runs/fold0 DATA --split train --held-out --out fold0.json
  blendfuse predict runs/fold0 DATA --drop openface2 --out without_openface.json
  blendfuse predict runs/fold0 CLIPS --out predictions.json
  blendfuse predict runs/fold0 clip.mp4 --explain why.csv -- --device cuda")]
pub struct Predict {
    /// Folder of a run, or a weights file
    run: PathBuf,
    /// Data folder; or new clips, which are a folder of them or a single one
    data: PathBuf,
    /// Split to predict
    #[arg(long, value_enum, default_value = "test")]
    split: SplitArg,
    /// Predict only the held-out clips: the fold that the model was validated on
    #[arg(long)]
    held_out: bool,
    /// Predictions in the challenge's format: .json, or .zip for CodaBench
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Presence p, salience s and aligned score f of every clip and class: .csv or .npz
    #[arg(long, value_name = "FILE")]
    probs: Option<PathBuf>,
    /// Explanations: for every clip and encoder its importance, its weight after selection, and
    /// whether it was kept or is missing; the scores, and the decoding steps in words; .csv
    #[arg(long, value_name = "FILE.csv")]
    explain: Option<PathBuf>,
    /// Drop an encoder, as if it were missing for every clip; repeatable
    #[arg(long, value_name = "NAME")]
    drop: Vec<String>,
    /// Keep the features of new clips, as this data folder
    #[arg(long, value_name = "DIR")]
    keep_features: Option<PathBuf>,
    /// With new clips: flags of `blendfuse extract`, such as --device cuda
    #[arg(last = true, value_name = "FLAGS")]
    extract: Vec<OsString>,
    #[command(flatten)]
    thresholds: ThresholdArgs,
    #[command(flatten)]
    overwrite: Overwrite,
    #[command(flatten)]
    threads: Threads,
    /// Print what was done as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// A split of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SplitArg {
    /// train_metadata.csv and features/train
    Train,
    /// test_metadata.csv and features/test
    Test,
}

impl SplitArg {
    /// As files name it.
    pub fn name(self) -> &'static str {
        match self {
            SplitArg::Train => "train",
            SplitArg::Test => "test",
        }
    }
}

impl Predict {
    /// Predicts.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        let outputs = self.outputs()?;
        let model = Predictor::load(&self.run)?;
        model.dropped(&self.drop)?;
        let made = self.features_of_clips(&model, &outputs)?;
        let (name, part) = self.open(&model, made.as_ref())?;
        let clips = self.clips(&model, &part)?;
        let decoder = self.write(&model, &part, &clips)?;
        drop(part);
        made.map_or(Ok(()), Made::finish)?;
        let thresholds = decoder.thresholds;

        let description = model.description();
        let stored = description.thresholds;
        if self.json {
            return console::print_json(&json!({
                "run": self.run,
                "data": self.data,
                "split": name,
                "clips": clips.len(),
                "encoders": description.encoders.len() - self.drop.len(),
                "presence_threshold": thresholds.presence,
                "salience_threshold": thresholds.salience,
                "alpha": stored.alpha,
                "beta": stored.beta,
                "written": outputs,
            }));
        }
        let mut text = format!(
            "{} of {name} predicted; thresholds: presence {}, salience {}, alpha {}{}\n",
            counted(clips.len(), "clip"),
            threshold(thresholds.presence),
            threshold(thresholds.salience),
            threshold(stored.alpha),
            beta(stored.beta)
        );
        for path in &outputs {
            text += &format!("wrote {}\n", quoted(path));
        }
        console::print(&text)
    }

    /// Scores the clips in batches and writes the requested files; returns the decoder that was
    /// used. Only what cannot be streamed is kept in memory for all clips: emotions for --out, and
    /// probabilities for an .npz, which stores them array by array.
    fn write(&self, model: &Predictor, part: &ScoredSplit, clips: &[usize]) -> Result<Decoder> {
        let description = model.description();
        let classes = model.classes();
        let stored = description.thresholds;
        let decoder = Decoder {
            thresholds: self.thresholds.or(stored.presence, stored.salience),
            ..description.decoder()
        };

        let mut predictions = Predictions::default();
        let mut table = None;
        let npz = self.probs.as_ref().filter(|path| ends_in(path, "npz"));
        let csv = self.probs.as_ref().filter(|path| !ends_in(path, "npz"));
        let begun = |path: &PathBuf| Unfinished::create(path);
        let mut csv = csv.map(begun).transpose()?;
        let mut explained = self.explain.as_ref().map(begun).transpose()?;
        if let Some(file) = &mut explained {
            file.write(|out| explain::write_header(out, &classes))?;
        }
        let mut first = true;
        model.score_in_batches(&part.split, clips, &self.drop, |clips, scores| {
            let decisions = decoder.decode(scores.aligned.view(), &classes)?;
            if let Some(file) = &mut explained {
                let rows = (clips, &scores, &decisions[..]);
                let (split, drop) = (&part.split, &self.drop[..]);
                file.write(|out| explain::write_rows(out, model, split, rows, drop, &decoder))?;
            }
            let names = || {
                let name = |&clip: &usize| part.split.clips[clip].filename.clone();
                clips.iter().map(name)
            };
            if self.out.is_some() {
                predictions.clips.extend(names().zip(decisions));
            }
            if let Some(file) = &mut csv {
                let rows = ProbabilityTable {
                    filenames: names().collect(),
                    classes: classes.clone(),
                    presence: Some(scores.presence),
                    salience: Some(scores.salience),
                    aligned: scores.aligned,
                };
                file.write(|out| {
                    if first {
                        rows.write_csv_header(out)?;
                    }
                    rows.write_csv_rows(out)
                })?;
            } else if npz.is_some() {
                let heads = [&scores.presence, &scores.salience, &scores.aligned];
                let columns = table.get_or_insert_with(|| Columns::new(&classes));
                columns.add(names(), heads);
            }
            first = false;
            Ok(())
        })?;
        if let Some(path) = &self.out {
            predictions.write(path, &classes)?;
        }
        if let (Some(path), Some(columns)) = (npz, table) {
            let decoding = StoredDecoding::of(description).with_thresholds(decoder.thresholds);
            let decoding = serde_json::to_string(&decoding).map_err(|error| Error::Write {
                path: path.clone(),
                source: error.into(),
            })?;
            let table = columns.table(classes)?;
            table.write_npz_with(path, Some(&decoding))?;
        }
        [csv, explained]
            .into_iter()
            .flatten()
            .try_for_each(Unfinished::finish)?;
        Ok(decoder)
    }

    /// The requested files, checked before any work.
    fn outputs(&self) -> Result<Vec<&PathBuf>> {
        let flags: [(&str, &Option<PathBuf>, &[&str]); 3] = [
            ("--out", &self.out, &["json", "zip"]),
            ("--probs", &self.probs, &["csv", "npz"]),
            ("--explain", &self.explain, &["csv"]),
        ];
        let mut outputs = Vec::new();
        for (flag, path, endings) in flags {
            let Some(path) = path else { continue };
            self.overwrite.check(flag, path, endings)?;
            if outputs.contains(&path) {
                return Err(Error::Data(format!(
                    "{flag} {}: another output has the same name",
                    path.display()
                )));
            }
            outputs.push(path);
        }
        if outputs.is_empty() {
            return Err(Error::Data(
                "nothing to write: give at least one of --out, --probs and --explain".into(),
            ));
        }
        Ok(outputs)
    }

    /// The features of new clips, if clips and no data folder were given.
    fn features_of_clips(&self, model: &Predictor, outputs: &[&PathBuf]) -> Result<Option<Made>> {
        let flag = match (&self.keep_features, &self.extract[..]) {
            (Some(_), _) => Some("--keep-features"),
            (None, [_, ..]) => Some("flags after --"),
            (None, []) => None,
        };
        match flag {
            Some(flag) if clips::has_features(&self.data) => {
                return Err(Error::Data(format!(
                    "{flag}: only with clips, of which features are made; {} has features",
                    self.data.display()
                )));
            }
            None if !clips::are_at(&self.data) => return Ok(None),
            _ => (),
        }
        if self.held_out || self.split == SplitArg::Train {
            return Err(Error::Data(format!(
                "{}: new clips are predicted as test clips; leave --split and --held-out out",
                self.data.display()
            )));
        }
        let encoders = model.description().encoders.iter();
        let names = encoders.map(|encoder| encoder.name.as_str());
        let dropped = |name: &str| self.drop.iter().any(|drop| drop == name);
        let new = NewClips {
            run: &self.run,
            clips: &self.data,
            encoders: names.filter(|name| !dropped(name)).collect(),
            flags: &self.extract,
        };
        let beside = outputs.first().map(|output| clips::folder_beside(output));
        match (&self.keep_features, beside) {
            (Some(folder), _) => new.make(folder, true).map(Some),
            (None, Some(folder)) => new.make(&folder, false).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn open(&self, model: &Predictor, made: Option<&Made>) -> Result<(&'static str, ScoredSplit)> {
        let name = self.split.name();
        let (data, absent) = made.map_or((&self.data, &[][..]), |made| (&made.data, &made.absent));
        let needs = Needs {
            encoders: &model.description().encoders,
            dropped: &[&self.drop, absent].concat(),
            classes: &model.classes(),
        };
        let reading = Reading::of(&model.description().config.data)?;
        let part = part::open_with(data, name, needs, &reading)?;
        for warning in part.split.warnings() {
            console::warning(warning);
        }
        if model.is_per_actor()
            && let Some(warning) = warning_of_few_clips(&part.split)
        {
            console::warning(&warning);
        }
        let trained = Manifest::provenance_of(&self.run)?;
        let names = model.description().encoders.iter();
        let files = names.zip(part.split.files()).map(|(encoder, features)| {
            let name = encoder.name.as_str();
            (name, features.path(), features.provenance())
        });
        check_alike(&trained, files)?;
        if !part.unknown.is_empty() {
            console::note(&format!(
                "encoders that the model does not have are ignored: {}",
                part.unknown.join(", ")
            ));
        }
        Ok((name, part))
    }

    /// The clips to predict, with a note where the scores could mislead.
    fn clips(&self, model: &Predictor, part: &ScoredSplit) -> Result<Vec<usize>> {
        let description = model.description();
        let configured = &description.config.decode;
        let given =
            self.thresholds.presence_threshold.is_some() || configured.presence_threshold.is_some();
        if !description.thresholds.searched && !given {
            console::note(
                "the model was trained without a validation fold: its thresholds are the untuned defaults",
            );
        }
        let all = 0..part.split.len();
        let held_out = |clip: &usize| {
            self.split == SplitArg::Train
                && description.fold.is_some()
                && part.split.clips[*clip].fold == description.fold
        };
        if self.held_out {
            let clips: Vec<usize> = all.filter(held_out).collect();
            if clips.is_empty() {
                let why = match (self.split, description.fold) {
                    (SplitArg::Test, _) => "use it with --split train".to_owned(),
                    (_, None) => "the model trained on all clips".to_owned(),
                    (_, Some(fold)) => format!("no clip of the metadata is in fold {fold}"),
                };
                return Err(Error::Data(format!("--held-out: no clips left: {why}")));
            }
            return Ok(clips);
        }
        if self.split == SplitArg::Train {
            console::note(match description.fold {
                Some(_) => {
                    "the model was trained on most of these clips, so their scores are optimistically biased; --held-out predicts only the others"
                }
                None => {
                    "the model was trained on these clips, so their scores are optimistically biased"
                }
            });
        }
        Ok(all.collect())
    }
}

/// Probabilities of all clips, collected for an `.npz`.
struct Columns {
    filenames: Vec<String>,
    classes: usize,
    heads: [Vec<f64>; 3],
}

impl Columns {
    fn new(classes: &Classes) -> Self {
        Self {
            filenames: Vec::new(),
            classes: classes.len(),
            heads: [const { Vec::new() }; 3],
        }
    }

    fn add(&mut self, names: impl Iterator<Item = String>, heads: [&Array2<f64>; 3]) {
        self.filenames.extend(names);
        for (whole, part) in self.heads.iter_mut().zip(heads) {
            whole.extend(part);
        }
    }

    fn table(self, classes: Classes) -> Result<ProbabilityTable> {
        let shape = (self.filenames.len(), self.classes);
        let matrix = |values| {
            Array2::from_shape_vec(shape, values).map_err(|error| Error::Data(error.to_string()))
        };
        let [presence, salience, aligned] = self.heads;
        Ok(ProbabilityTable {
            presence: Some(matrix(presence)?),
            salience: Some(matrix(salience)?),
            aligned: matrix(aligned)?,
            filenames: self.filenames,
            classes,
        })
    }
}

fn ends_in(path: &Path, ending: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(ending))
}
