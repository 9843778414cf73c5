//! A trained model, loaded from its file.

use std::path::Path;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2};

use super::memory_rows::MemoryRows;
use super::score::{Scores, Scoring, Source, embed};
use crate::artifact::checkpoint::Checkpoint;
use crate::artifact::description::Description;
use crate::artifact::weights_file;
use crate::config::StandardiseBy;
use crate::data::dataset::Split;
use crate::data::label::{Blend, Classes};
use crate::data::standardise::{
    ActorClips, ActorStats, ColumnStats, EncoderRows, Scaling, Standardisation,
};
use crate::encoders::Presence;
use crate::error::{Artifact, Error, Result};
use crate::model::{FoldedLayers, FusionNet};
use crate::nn::safetensors::outgoing;
use crate::suggest::path_instead;

/// A trained model, loaded once. It scores clips of a data folder ([`Predictor::score`],
/// [`Predictor::score_in_batches`]) or rows in memory ([`Predictor::score_rows`]), from any number of
/// threads at once; `examples/predict.rs` serves one.
#[derive(Debug)]
pub struct Predictor {
    net: FusionNet<f32>,
    layers: Arc<FoldedLayers>,
    standardisation: Option<Standardisation>,
    description: Description,
}

impl Predictor {
    /// Loads a run's folder (its `weights.safetensors`) or a weights file.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Unrecognised`] if the folder or file is not one that this program
    /// wrote; [`Error::Read`]; [`Error::File`] if the file is damaged.
    pub fn load(run: &Path) -> Result<Self> {
        if !run.exists() {
            return Err(Error::Missing {
                path: run.to_owned(),
                expected: "the folder of a trained model, or its weights file".into(),
                found: format!("neither exists{}", path_instead(run)),
            });
        }
        let path = if run.is_dir() {
            run.join("weights.safetensors")
        } else {
            run.to_owned()
        };
        if !path.exists() {
            return Err(Error::Unrecognised {
                path: run.to_owned(),
                expected: Artifact::Model,
                found: "contains no weights.safetensors".into(),
            });
        }
        Self::of(&Checkpoint::read(&path)?)
    }

    /// Loads a model from the contents of its weights file.
    ///
    /// # Errors
    /// [`Error::Unrecognised`], [`Error::File`] as [`Predictor::load`].
    pub fn from_bytes(weights: Arc<Vec<u8>>) -> Result<Self> {
        Self::of(&Checkpoint::of_bytes(Path::new("weights"), weights)?)
    }

    fn of(file: &Checkpoint) -> Result<Self> {
        let description = file.description()?;
        let (encoders, classes) = (&description.encoders, description.classes.len());
        let shapes_only = FusionNet::shapes_only(&description.config, encoders, classes)?;
        file.check_fits(&shapes_only)?;
        let mut net = FusionNet::blank(&description.config, encoders, classes)?;
        file.load_into(&mut net.params)?;
        let data = &description.config.data;
        let standardisation = if data.standardize == StandardiseBy::Nothing {
            None
        } else {
            let stats = encoders.iter().map(|encoder| {
                let (mean, std) = file.standardisation(&encoder.name, encoder.width)?;
                Ok(ColumnStats::from_parts(mean, std))
            });
            let stats = stats.collect::<Result<_>>()?;
            Some(Standardisation::of_training(data, stats))
        };
        Ok(Self {
            layers: Arc::new(net.folded()),
            net,
            standardisation,
            description,
        })
    }

    /// The model of a network that has been trained in this process.
    pub(crate) fn of_trained(
        net: FusionNet<f32>,
        standardisation: Option<Standardisation>,
        description: Description,
    ) -> Self {
        Self {
            layers: Arc::new(net.folded()),
            net,
            standardisation,
            description,
        }
    }

    /// The contents of the model's weights file.
    ///
    /// # Errors
    /// [`Error::Write`] if the description cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let standardisation = self.standardisation.iter();
        let stats = standardisation.flat_map(Standardisation::training);
        let stats: Vec<_> = stats.map(|stats| (stats.mean(), stats.std())).collect();
        weights_file::bytes(outgoing(&self.net.params), &stats, &self.description)
    }

    /// The model's description.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The network.
    pub fn net(&self) -> &FusionNet<f32> {
        &self.net
    }

    /// Its layers as evaluation takes them.
    pub(crate) fn layers(&self) -> &FoldedLayers {
        &self.layers
    }

    /// How features are standardised; `None` if the model takes them as they are.
    pub fn standardisation(&self) -> Option<&Standardisation> {
        self.standardisation.as_ref()
    }

    /// Whether the model standardises features per actor, so that what it says of a clip depends on the other
    /// clips of the same person.
    pub fn is_per_actor(&self) -> bool {
        self.standardisation()
            .is_some_and(Standardisation::is_per_actor)
    }

    /// For each encoder of the model, whether it is among these names.
    ///
    /// # Errors
    /// [`Error::UnknownEncoder`].
    pub fn dropped(&self, drop: &[String]) -> Result<Vec<bool>> {
        let encoders = &self.description.encoders;
        let mut dropped = vec![false; encoders.len()];
        for name in drop {
            let known = encoders
                .iter()
                .position(|encoder| encoder.name == *name)
                .ok_or_else(|| {
                    let names = encoders.iter().map(|encoder| encoder.name.clone());
                    Error::UnknownEncoder {
                        owner: "the model".into(),
                        name: name.clone(),
                        known: names.collect(),
                    }
                })?;
            dropped[known] = true;
        }
        Ok(dropped)
    }

    /// The model's classes with their neutral one.
    pub fn classes(&self) -> Classes {
        let classes = Classes::new(self.description.classes.iter().cloned());
        let neutral = self.description.neutral.as_deref();
        let neutral = neutral.and_then(|name| classes.index(name));
        classes.with_neutral(neutral)
    }

    /// Scores clips of a split whose encoders are the model's, in its order, without the encoders
    /// named in `drop`.
    ///
    /// # Errors
    /// [`Error::Data`] for an unknown name in `drop`, for a split with other encoders, or for a clip
    /// that is left without any; [`Error::Npz`] if another program changed a feature file meanwhile.
    pub fn score(&self, split: &Split, clips: &[usize], drop: &[String]) -> Result<Scores> {
        let dropped = self.dropped(drop)?;
        self.check_fit(split)?;
        let actors = self.actors_of(split, clips)?;
        let scores = self.scoring(&dropped, actors.as_ref()).all(split, clips)?;
        split.check_unchanged()?;
        Ok(scores)
    }

    /// As [`Predictor::score`], a batch at a time: `visit` gets some clips and their scores. Memory
    /// holds one batch of scores and of features, however many clips there are.
    ///
    /// # Errors
    /// As [`Predictor::score`]; errors of `visit`.
    pub fn score_in_batches(
        &self,
        split: &Split,
        clips: &[usize],
        drop: &[String],
        mut visit: impl FnMut(&[usize], Scores) -> Result<()>,
    ) -> Result<()> {
        let dropped = self.dropped(drop)?;
        self.check_fit(split)?;
        let actors = self.actors_of(split, clips)?;
        let scoring = self.scoring(&dropped, actors.as_ref());
        scoring.in_batches(split, clips, |clips, scores, _| {
            // Before they are used.
            split.check_unchanged()?;
            split.release();
            visit(clips, scores)
        })
    }

    /// The mean weight of each encoder before selection (paper eq. 3) over clips of a split, (M): the same
    /// numbers as from the scores of [`Predictor::score_in_batches`], in less time.
    ///
    /// # Errors
    /// As [`Predictor::score`]; [`Error::Data`] without clips.
    pub fn importances(&self, split: &Split, clips: &[usize]) -> Result<Array1<f64>> {
        if clips.is_empty() {
            return Err(Error::Data("no clips to weigh encoders on".into()));
        }
        self.check_fit(split)?;
        let actors = self.actors_of(split, clips)?;
        let scoring = self.scoring(&[], actors.as_ref());
        let sum = scoring.sum_of_gate_weights(split, clips)?;
        split.check_unchanged()?;
        Ok(sum / clips.len() as f64)
    }

    /// Scores clips whose features are in memory: for each encoder by name its rows `(N, D)`, as its
    /// feature file would contain them (not standardised); row i of each is clip i. An encoder that is not
    /// named, or whose row contains NaN, is missing there, just as it may be for a clip of a data folder.
    /// A clip gets the same bits alone and among others.
    ///
    /// ```no_run
    /// use blendfuse::predict::Predictor;
    /// use ndarray::{Array1, Array2, ArrayView2};
    ///
    /// # fn main() -> blendfuse::Result<()> {
    /// let model = Predictor::load("runs/fold0".as_ref())?;
    /// let faces = Array2::<f32>::zeros((2, 700)); // (clips, columns of the encoder's file)
    /// let voices = Array2::<f32>::zeros((2, 7168));
    /// let scores = model.score_rows(&[("openface2", faces.view()), ("wavlm_large", voices.view())])?;
    /// for (clip, shown) in model.emotions(&scores)?.iter().enumerate() {
    ///     for part in shown.parts() {
    ///         println!("{clip}: {} {}", model.description().classes[part.class], part.salience);
    ///     }
    ///     println!("presence {}, importance {}", scores.presence.row(clip), scores.gate_weights.row(clip));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Data`] for an encoder that the model does not know or that is named twice, for another
    /// width or other numbers of rows, no rows, an infinite value, or a clip without any encoder; and for a
    /// model that standardises per actor, which [`Predictor::score_rows_of`] tells whom clips show.
    pub fn score_rows(&self, features: &[(&str, ArrayView2<'_, f32>)]) -> Result<Scores> {
        self.score_rows_of(features, None)
    }

    /// As [`Predictor::score_rows`], with the person that each clip shows, of whom statistics are taken over
    /// the given rows alone; an empty name: unknown. Only a model that standardises per actor reads them.
    ///
    /// # Errors
    /// As [`Predictor::score_rows`]; [`Error::Data`] for another number of names than clips.
    pub fn score_rows_of(
        &self,
        features: &[(&str, ArrayView2<'_, f32>)],
        actors: Option<&[String]>,
    ) -> Result<Scores> {
        let rows = MemoryRows::new(&self.description.encoders, features)?;
        let clips: Vec<usize> = (0..rows.clips()).collect();
        let actors = self.actors_of_rows(&rows, &clips, actors)?;
        self.scoring(&[], actors.as_ref()).all(&rows, &clips)
    }

    fn actors_of(&self, split: &Split, clips: &[usize]) -> Result<Option<ActorStats>> {
        match self.standardisation() {
            Some(rule) => rule.actors_of(split, clips, |encoder| encoder),
            None => Ok(None),
        }
    }

    fn actors_of_rows(
        &self,
        rows: &MemoryRows<'_>,
        clips: &[usize],
        actors: Option<&[String]>,
    ) -> Result<Option<ActorStats>> {
        let Some(actors) = actors else {
            return match self.is_per_actor() {
                false => Ok(None),
                true => Err(Error::Data(
                    "the model standardises features per actor (data.standardize=\"actor\"), and nothing says whom each clip shows; give the actors of the clips".into(),
                )),
            };
        };
        if actors.len() != clips.len() {
            return Err(Error::Data(format!(
                "found the actors of {} clips, expected {}, one per clip",
                actors.len(),
                clips.len()
            )));
        }
        fn named(actor: &str) -> Option<&str> {
            (!actor.is_empty()).then_some(actor)
        }
        let actors: Vec<Option<&str>> = actors.iter().map(|actor| named(actor)).collect();
        let wanted = ActorClips {
            actors: &actors,
            wanted: clips,
        };
        let of_encoder = |encoder: usize| {
            let row = |&clip: &usize| rows.row(encoder, clip).map(|row| row as u32);
            EncoderRows {
                source: rows.matrix(encoder),
                rows: clips.iter().map(row).collect(),
            }
        };
        let standardisation = self.standardisation();
        Ok(standardisation.and_then(|rule| rule.actors(wanted, of_encoder)))
    }

    /// The emotions of clips, decoded from their scores with the rules and thresholds that are stored with
    /// the model.
    ///
    /// # Errors
    /// As [`Rules::decode_rows`](crate::eval::rules::Rules::decode_rows).
    pub fn emotions(&self, scores: &Scores) -> Result<Vec<Blend>> {
        let decoder = self.description.decoder();
        decoder.decode(scores.aligned.view(), &self.classes())
    }

    fn scaling<'a>(&'a self, actors: Option<&'a ActorStats>) -> Option<Scaling<'a>> {
        self.standardisation().map(|rule| rule.with(actors))
    }

    fn scoring<'a>(&'a self, dropped: &'a [bool], actors: Option<&'a ActorStats>) -> Scoring<'a> {
        Scoring {
            net: &self.net,
            layers: Arc::clone(&self.layers),
            scaling: self.scaling(actors),
            dropped,
            alignment: self.description.thresholds.alignment(),
        }
    }

    /// The projected embeddings h_m (paper eq. 1) of clips: for each encoder `(N, P)`; the rows of
    /// clips that it lacks are 0.
    ///
    /// # Errors
    /// [`Error::Data`] for a split with other encoders; [`Error::Npz`] if another program changed a
    /// feature file meanwhile.
    pub fn embeddings(&self, split: &Split, clips: &[usize]) -> Result<Vec<Array2<f32>>> {
        self.check_fit(split)?;
        let actors = self.actors_of(split, clips)?;
        let embeddings = embed(&self.net, split, clips, self.scaling(actors.as_ref()))?;
        split.check_unchanged()?;
        Ok(embeddings)
    }

    /// As [`Predictor::embeddings`], of clips whose features are in memory as [`Predictor::score_rows`] takes
    /// them; and which encoders each clip has.
    ///
    /// # Errors
    /// As [`Predictor::score_rows_of`].
    pub fn embed_rows(
        &self,
        features: &[(&str, ArrayView2<'_, f32>)],
        actors: Option<&[String]>,
    ) -> Result<(Vec<Array2<f32>>, Presence)> {
        let rows = MemoryRows::new(&self.description.encoders, features)?;
        let clips: Vec<usize> = (0..rows.clips()).collect();
        let actors = self.actors_of_rows(&rows, &clips, actors)?;
        let embeddings = embed(&self.net, &rows, &clips, self.scaling(actors.as_ref()))?;
        Ok((embeddings, rows.presence()))
    }

    fn check_fit(&self, split: &Split) -> Result<()> {
        for (m, encoder) in self.description.encoders.iter().enumerate() {
            let found = (m < split.encoders()).then(|| split.source(m).cols);
            if found != Some(encoder.width) {
                let found = found.map_or("no such encoder".to_owned(), |cols| {
                    format!("{cols} columns")
                });
                return Err(Error::Data(format!(
                    "encoder {}: the model was trained on {} columns, the data have {found}",
                    encoder.name, encoder.width
                )));
            }
        }
        Ok(())
    }
}
