//! What changes in a run that trains in the span of its training rows: its inputs, its first weights, and
//! the weights that it saves.

use std::path::Path;

use super::run::{Observer, PROGRAM, Run, scored_in_span};
use super::span::{Role, Roles, Span, SpanClips, SpanPlace};
use super::validation::ValidationFold;
use crate::artifact::checkpoint::Checkpoint;
use crate::artifact::description::{ChosenThresholds, Description};
use crate::artifact::run_dir::Files;
use crate::artifact::weights_file::{json, save_tensors, write};
use crate::config::{Config, ProjectionInputs};
use crate::data::dataset::Split;
use crate::data::fingerprint::InputFile;
use crate::data::standardise::{Scaling, Standardisation};
use crate::error::Result;
use crate::files::atomic_file::Durability;
use crate::model::FusionNet;
use crate::nn::Params;
use crate::nn::safetensors::{OutgoingTensor, outgoing};

/// The clips as the network takes them.
#[derive(Clone, Copy)]
pub(super) struct RunInputs<'a> {
    pub(super) train: &'a Split<'a>,
    /// Where the domain adversary's target rows may come from.
    pub(super) test: Option<&'a Split<'a>>,
    /// The standardisation of the training split that is yet to be done.
    pub(super) scaling: Option<Scaling<'a>>,
    /// That of the test split.
    pub(super) test_scaling: Option<Scaling<'a>>,
}

impl Run<'_> {
    /// The clips as the network takes them: with columns, or with coordinates.
    pub(super) fn inputs(&self) -> RunInputs<'_> {
        match &self.span {
            Some(span) => RunInputs {
                train: &span.train,
                test: span.test.as_ref(),
                scaling: None,
                test_scaling: None,
            },
            None => RunInputs {
                train: &self.dataset.train,
                test: self.dataset.test.as_ref(),
                scaling: self.scaling(),
                test_scaling: self.test_scaling(),
            },
        }
    }

    /// How columns of the training split are standardised.
    fn scaling(&self) -> Option<Scaling<'_>> {
        let standardisation = self.standardisation.as_ref()?;
        Some(standardisation.with(self.actors.as_ref()))
    }

    /// How columns of the test split are standardised, where it is the domain adversary's target.
    fn test_scaling(&self) -> Option<Scaling<'_>> {
        let standardisation = self.standardisation.as_ref()?;
        let known = !standardisation.is_per_actor() || self.test_actors.is_some();
        known.then(|| standardisation.with(self.test_actors.as_ref()))
    }

    fn span_clips(&self) -> SpanClips<'_> {
        let validation = self.validation.as_ref();
        let validation = validation.map_or(&[][..], ValidationFold::clips);
        let target = self.target.as_ref().map(|target| target.from_test);
        let scored = scored_in_span(self.dataset, &self.config, &self.options).is_some();
        let roles = Roles {
            validation: match target {
                Some(false) => Role::Spans,
                _ => Role::OnlyCoordinates,
            },
            test: match target {
                Some(true) => Some(Role::Spans),
                _ => scored.then_some(Role::OnlyCoordinates),
            },
        };
        let scalings = [self.scaling(), self.test_scaling()];
        SpanClips::new(self.dataset, scalings, [&self.train, validation], roles)
    }

    /// Puts coordinates in place of columns, and a network over them in place of the one without
    /// weights; does nothing in a run over columns.
    pub(super) fn enter_span(
        &mut self,
        files: &Files,
        inputs: &[InputFile],
        observer: &mut dyn Observer,
    ) -> Result<()> {
        if self.config.train.inputs != ProjectionInputs::Span {
            return Ok(());
        }
        let (encoders, classes) = (&self.dataset.encoders, self.dataset.classes.len());
        let clips = self.span_clips();
        let place = SpanPlace {
            folder: self.options.shared_spans.as_ref().unwrap_or(&files.span),
            program: PROGRAM,
            inputs,
        };
        let mut progress = |done| observer.span(done, encoders.len());
        let span = Span::open(&clips, place, &self.options.stop, &mut progress)?;
        let mut net = FusionNet::new(&self.config, &span.encoders, classes)?;
        match &self.options.init {
            None => span.rescale_initial(encoders, &mut net.params),
            Some(path) => {
                let mut columns = FusionNet::blank(&self.config, encoders, classes)?;
                Checkpoint::read(path)?.load_into(&mut columns.params)?;
                span.take_from(&clips, &columns.params, &mut net.params)?;
                net.clamp_temperature();
            }
        }
        // The features were read for as long as that took.
        self.dataset.check_unchanged()?;
        self.net = net;
        self.span = Some(span);
        Ok(())
    }

    /// Keeps the weights of the best epoch so far: those over coordinates in a file of their own, from which
    /// [`Run::restore_best`] makes weights over columns.
    pub(super) fn save_best(
        &self,
        files: &Files,
        epoch: usize,
        thresholds: ChosenThresholds,
    ) -> Result<()> {
        let description = self.description(epoch, thresholds);
        if self.span.is_none() {
            return self.save_params(
                files.durability,
                &self.net.params,
                &files.weights,
                &description,
            );
        }
        let description = json(&files.best, &description)?;
        let tensors = outgoing(&self.net.params);
        write(files.durability, &files.best, tensors, description)
    }

    /// Writes the weights of the best epoch over columns, unless they are there or not wanted.
    pub(super) fn restore_best(
        &self,
        files: &Files,
        epoch: usize,
        thresholds: ChosenThresholds,
    ) -> Result<()> {
        let Some(span) = self.span.as_ref().filter(|_| self.forms_weights()) else {
            return Ok(());
        };
        let best = best_over_coordinates(&self.config, span, self.dataset.classes.len(), files)?;
        let description = self.description(epoch, thresholds);
        self.save_params(files.durability, &best.params, &files.weights, &description)
    }

    /// Writes weights over columns, which a network over coordinates forms one encoder at a time.
    pub(super) fn save_params(
        &self,
        durability: Durability,
        params: &Params<f32>,
        path: &Path,
        description: &Description,
    ) -> Result<()> {
        let standardisation = self.standardisation.iter();
        let stats = standardisation.flat_map(Standardisation::training);
        let stats: Vec<_> = stats.map(|stats| (stats.mean(), stats.std())).collect();
        let Some(span) = &self.span else {
            return save_tensors(durability, path, outgoing(params), &stats, description);
        };
        let (clips, columns) = (&self.span_clips(), &self.dataset.encoders);
        let of_projections = params.iter().filter_map(|(_, param)| {
            let encoder = span.encoder_of(&param.name)?;
            let shape = [param.shape[0], columns[encoder].width];
            let values = move || {
                let weights = param.tensor.to_row_major();
                let formed = span.to_columns(clips, encoder, weights);
                formed.map_err(std::io::Error::other)
            };
            Some((param.name.clone(), shape, values))
        });
        let of_projections: Vec<_> = of_projections.collect();
        let formed = of_projections.iter().map(|(name, shape, values)| {
            let shape = *shape;
            (name.clone(), OutgoingTensor::Formed { shape, values })
        });
        let others = outgoing(params).into_iter();
        let others = others.filter(|(name, _)| span.encoder_of(name).is_none());
        let tensors = others.chain(formed).collect();
        save_tensors(durability, path, tensors, &stats, description)?;
        // The features were read once more.
        self.dataset.check_unchanged()
    }
}

/// The best epoch's network over coordinates, for this many classes.
pub(super) fn best_over_coordinates(
    config: &Config,
    span: &Span,
    classes: usize,
    files: &Files,
) -> Result<FusionNet<f32>> {
    let mut best = FusionNet::blank(config, &span.encoders, classes)?;
    Checkpoint::read(&files.best)?.load_into(&mut best.params)?;
    Ok(best)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::StandardiseBy;
    use crate::config::overrides::parse_assignment;
    use crate::data::dataset::Dataset;
    use crate::data::folds::fold;
    use crate::data::standardise::ColumnStats;
    use crate::data::synth::{self, Preset, SynthOptions};
    use crate::predict::{Predictor, Scores};
    use crate::train::run::{Options, SavedWeights};
    use crate::train::validation::Validation;

    fn config() -> Config {
        let settings = [
            "model.projection_dim=16",
            "model.shared_dim=24",
            "model.top_k=4",
            "train.max_epochs=4",
            "train.lr=0.003",
            "train.inputs=span",
        ];
        let settings = settings.map(|text| parse_assignment(text).unwrap());
        Config::from_overrides(&settings).unwrap()
    }

    /// What the weights of a file say of a fold.
    fn validate(file: &Path, dataset: &Dataset, number: usize) -> Validation {
        let (encoders, classes) = (&dataset.encoders, &dataset.classes);
        let file = Checkpoint::read(file).unwrap();
        let config = file.description().unwrap().config;
        let mut net = FusionNet::blank(&config, encoders, classes.len()).unwrap();
        file.load_into(&mut net.params).unwrap();
        let stats = encoders
            .iter()
            .map(|encoder| {
                let (mean, std) = file.standardisation(&encoder.name, encoder.width).unwrap();
                ColumnStats::from_parts(mean, std)
            })
            .collect();
        let standardisation = Standardisation::of_training(&config.data, stats);
        let clips = fold(&dataset.train, number).unwrap().validation;
        let fold = ValidationFold::new(dataset, clips).unwrap();
        let actors = standardisation.actors_of(&dataset.train, fold.clips(), |encoder| encoder);
        let actors = actors.unwrap();
        let scaling = standardisation.with(actors.as_ref());
        fold.validate(&net, &dataset.train, classes, Some(scaling))
            .unwrap()
    }

    /// Weights that lie in the span begin a run as they are: a step of length 0 changes nothing.
    fn check_start(dataset: &Dataset, of: (&Config, usize), init: &Path, out: &Path) {
        let (config, number) = of;
        let mut config = config.clone();
        config.train.lr = 0.0;
        let options = Options {
            fold: Some(number),
            init: Some(init.to_owned()),
            max_steps: Some(1),
            ..Options::default()
        };
        let run = Run::prepare(dataset, &config, options).unwrap();
        run.train(out, &mut ()).unwrap();
        let [before, after] = [init, &out.join("last.safetensors")].map(|file| {
            let file = Checkpoint::read(file).unwrap();
            let encoders = dataset.encoders.iter().map(|encoder| {
                let name = format!("encoders.{}.linear.weight", encoder.name);
                file.tensor(&name, &[16, encoder.width]).unwrap()
            });
            encoders.flatten().collect::<Vec<f32>>()
        });
        let largest = before.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        for (before, after) in before.iter().zip(&after) {
            assert!(
                (before - after).abs() <= 1e-4 * largest,
                "{before} is now {after}; the largest is {largest}"
            );
        }
    }

    /// Scores by coordinates are those of the weights, of clips of both splits, and the same whether or not weights
    /// are formed and whether or not the process that finished the run received them.
    fn check_scores(dataset: &Dataset, of: (&Config, usize), weights: &Path, out: &Path) {
        let (config, number) = of;
        let scores = |saved| {
            let options = Options {
                fold: Some(number),
                resume: true,
                saved,
                scores: true,
                ..Options::default()
            };
            let run = Run::prepare(dataset, config, options).unwrap();
            let scores = run.train(out, &mut ()).unwrap().scores.unwrap();
            (scores.held_out.unwrap(), scores.test)
        };
        let (held_out, test) = scores(SavedWeights::NotFormed);
        let written = out.join("weights.safetensors");
        assert!(!written.exists() && !out.join("span").exists());
        let again = scores(SavedWeights::Best);
        assert!(again == (held_out.clone(), test.clone()));
        assert!(
            fs::read(written).unwrap() == fs::read(weights.join("weights.safetensors")).unwrap()
        );

        let model = Predictor::load(weights).unwrap();
        let close = |found: &Scores, split: &Split, clips: &[usize]| {
            let expected = model.score(split, clips, &[]).unwrap();
            let pairs = [
                (&found.presence, expected.presence),
                (&found.salience, expected.salience),
                (&found.aligned, expected.aligned),
            ];
            for (found, expected) in pairs {
                let differences = found.iter().zip(&expected);
                assert!(differences.clone().all(|(a, b)| (a - b).abs() <= 1e-5));
                assert_eq!(differences.len(), clips.len() * dataset.classes.len());
            }
        };
        let clips = fold(&dataset.train, number).unwrap().validation;
        close(&held_out, &dataset.train, &clips);
        let split = dataset.scored_test(config.data.standardize);
        assert_eq!(test.is_some(), split.is_some());
        if let (Some(test), Some(split)) = (test, split) {
            close(&test, split, &(0..split.len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_written_weights_score_clips_as_the_network_over_coordinates_did() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let options = SynthOptions {
            train_clips: 141,
            test_clips: 22,
            missing: 0.1,
            ..SynthOptions::preset(Preset::Tiny)
        };
        synth::write(&data, &options, &|_| ()).unwrap();
        let dataset = Dataset::open(&data, None).unwrap();
        for (number, uda, by) in [
            (0, false, StandardiseBy::Training),
            (3, true, StandardiseBy::Training),
            (1, false, StandardiseBy::Actor),
        ] {
            let mut config = config();
            config.uda.enabled = uda;
            config.data.standardize = by;
            if by == StandardiseBy::Actor {
                config.data.clip_values = 2.0;
            }
            let options = Options {
                fold: Some(number),
                ..Options::default()
            };
            let out = folder.path().join(format!("run{number}"));
            let run = Run::prepare(&dataset, &config, options).unwrap();
            let outcome = run.train(&out, &mut ()).unwrap();
            let best = outcome.manifest.best.unwrap();
            for (file, record) in [
                ("weights", &best),
                ("last", outcome.history.last().unwrap()),
            ] {
                let file = out.join(format!("{file}.safetensors"));
                let found = validate(&file, &dataset, number);
                let difference = (found.losses.task - record.val_loss.unwrap()).abs();
                assert!(difference <= 1e-5, "{difference}");
                assert_eq!(found.accuracy.presence(), record.acc_presence);
            }
            let best_only = Options {
                fold: Some(number),
                saved: SavedWeights::Best,
                ..Options::default()
            };
            let best = folder.path().join(format!("best{number}"));
            let run = Run::prepare(&dataset, &config, best_only).unwrap();
            run.train(&best, &mut ()).unwrap();
            assert!(!best.join("last.safetensors").exists());
            let [kept, alone] = [&out, &best].map(|run| fs::read(run.join("weights.safetensors")));
            assert!(kept.unwrap() == alone.unwrap());
            check_scores(
                &dataset,
                (&config, number),
                &out,
                &folder.path().join(format!("scored{number}")),
            );
            let init = out.join("weights.safetensors");
            let again = folder.path().join(format!("again{number}"));
            check_start(&dataset, (&config, number), &init, &again);
        }
    }
}
