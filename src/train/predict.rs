//! Scores clips with a trained network, batch by batch.

use std::path::Path;

use ndarray::{Array2, Axis, Slice};

use super::checkpoint::{Checkpoint, Description};
use crate::autograd::Tape;
use crate::data::batch::{Batch, Rows};
use crate::data::dataset::Split;
use crate::data::label::Classes;
use crate::data::standardise::ColumnStats;
use crate::error::{Error, Result};
use crate::eval::align::align;
use crate::model::heads::{presence_probabilities, salience_probabilities};
use crate::model::{EncoderShape, Forward, FusionNet, Inputs};
use crate::nn::Mode;

/// Clips that go through the network at once.
pub const BATCH: usize = 256;

/// What the network says of N clips.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// p `(N, C)`, in [0, 1].
    pub presence: Array2<f64>,
    /// s `(N, C)`, each row summing to 1.
    pub salience: Array2<f64>,
    /// f `(N, C)`, aligned (paper eq. 14), each row summing to 1.
    pub aligned: Array2<f64>,
    /// a `(N, M)`: importance of each encoder before selection.
    pub weights: Array2<f64>,
    /// ã `(N, M)`: weight of each encoder after selection.
    pub kept: Array2<f64>,
}

/// Mean losses over clips, in nats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeanLosses {
    /// L_task (paper eq. 10).
    pub task: f64,
    /// L_p.
    pub presence: f64,
    /// L_s.
    pub salience: f64,
}

/// Runs clips of a split through a network in evaluation mode, their heads aligned with `alpha`
/// (eq. 14). Gives their losses as well where
/// all have labels and `with_losses` is set. `dropped[m]` leaves encoder m out of every clip.
///
/// # Errors
/// [`Error::Shape`] if the network does not fit the split, [`Error::Data`] naming a clip that is left
/// without any encoder.
pub fn score(
    net: &FusionNet<f32>,
    split: &Split,
    clips: &[usize],
    stats: Option<&[ColumnStats]>,
    dropped: &[bool],
    alpha: f64,
    with_losses: bool,
) -> Result<(Scores, Option<MeanLosses>)> {
    let mut parts: Option<Scores> = None;
    let mut sums = MeanLosses::default();
    let mut batch = Batch::<f32>::new();
    for (i, chunk) in clips.chunks(BATCH).enumerate() {
        batch.gather(
            Rows {
                split,
                clips: chunk,
            },
            None,
            stats,
        );
        let inputs = inputs(&batch, dropped);
        check_any_encoder(&inputs, split, chunk)?;
        let mut tape = Tape::new();
        let forward = net.forward(&mut tape, &inputs, Mode::Eval)?;
        if with_losses && let Some(targets) = &batch.targets {
            let losses = net.losses(&mut tape, &forward, targets)?;
            let rows = chunk.len() as f64;
            sums.task += rows * f64::from(tape.scalar(losses.total));
            sums.presence += rows * f64::from(tape.scalar(losses.presence));
            sums.salience += rows * f64::from(tape.scalar(losses.salience));
        }
        check_finite(&tape, &forward, split, chunk)?;
        let presence = presence_probabilities(tape.value(forward.presence_logits)).mapv(f64::from);
        let salience = salience_probabilities(tape.value(forward.salience_logits)).mapv(f64::from);
        let scores = Scores {
            aligned: align(presence.view(), salience.view(), alpha)?,
            presence,
            salience,
            weights: forward.weights.mapv(f64::from),
            kept: tape.value(forward.kept).mapv(f64::from),
        };
        let whole = parts.get_or_insert_with(|| Scores::zeros(clips.len(), &scores));
        whole.place(i * BATCH, &scores);
    }
    let scores = parts.ok_or_else(|| Error::Data("no clips to score".into()))?;
    let count = clips.len() as f64;
    let labelled = clips.iter().all(|&clip| split.clips[clip].target.is_some());
    let losses = (with_losses && labelled).then(|| MeanLosses {
        task: sums.task / count,
        presence: sums.presence / count,
        salience: sums.salience / count,
    });
    Ok((scores, losses))
}

impl Scores {
    fn zeros(clips: usize, like: &Scores) -> Self {
        let zeros = |like: &Array2<f64>| Array2::zeros((clips, like.ncols()));
        Self {
            presence: zeros(&like.presence),
            salience: zeros(&like.salience),
            aligned: zeros(&like.aligned),
            weights: zeros(&like.weights),
            kept: zeros(&like.kept),
        }
    }

    fn place(&mut self, start: usize, part: &Scores) {
        let rows = Slice::from(start..start + part.presence.nrows());
        for (whole, part) in [
            (&mut self.presence, &part.presence),
            (&mut self.salience, &part.salience),
            (&mut self.aligned, &part.aligned),
            (&mut self.weights, &part.weights),
            (&mut self.kept, &part.kept),
        ] {
            whole.slice_axis_mut(Axis(0), rows).assign(part);
        }
    }
}

/// A gathered batch as the network takes it, without the dropped encoders.
pub(super) fn inputs(batch: &Batch<f32>, dropped: &[bool]) -> Inputs<f32> {
    let complete = batch.present.iter().all(Option::is_none) && !dropped.contains(&true);
    let present = (!complete).then(|| {
        Array2::from_shape_fn((batch.rows, batch.inputs.len()), |(r, m)| {
            let here = batch.present[m].as_ref().is_none_or(|present| present[r]);
            here && !dropped.get(m).copied().unwrap_or(false)
        })
    });
    Inputs {
        rows: batch.inputs.clone(),
        present,
    }
}

/// Refuses logits that are no numbers, naming the clip.
fn check_finite(
    tape: &Tape<f32>,
    forward: &Forward<f32>,
    split: &Split,
    clips: &[usize],
) -> Result<()> {
    for logits in [forward.presence_logits, forward.salience_logits] {
        for (row, &clip) in tape.value(logits).rows().into_iter().zip(clips) {
            if !row.iter().all(|x| x.is_finite()) {
                let name = &split.clips[clip].filename;
                return Err(Error::NonFinite {
                    what: format!("the model's score of clip {name}"),
                    epoch: None,
                    batch: None,
                    advice: "; its weights are out of range".into(),
                });
            }
        }
    }
    Ok(())
}

fn check_any_encoder(inputs: &Inputs<f32>, split: &Split, clips: &[usize]) -> Result<()> {
    let Some(present) = &inputs.present else {
        return Ok(());
    };
    for (row, &clip) in present.rows().into_iter().zip(clips) {
        if !row.iter().any(|here| *here) {
            let name = &split.clips[clip].filename;
            return Err(Error::Data(format!(
                "clip {name} has features of none of the encoders that are left"
            )));
        }
    }
    Ok(())
}

/// A trained model, loaded once.
#[derive(Debug)]
pub struct Predictor {
    net: FusionNet<f32>,
    stats: Option<Vec<ColumnStats>>,
    description: Description,
}

impl Predictor {
    /// Loads a run's folder (its `weights.safetensors`) or a weights file.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::File`] if the file is not one that this program trained.
    pub fn load(run: &Path) -> Result<Self> {
        let path = if run.is_dir() {
            run.join("weights.safetensors")
        } else {
            run.to_owned()
        };
        let file = Checkpoint::read(&path)?;
        let description = file.description()?;
        let shapes: Vec<EncoderShape> = description
            .encoders
            .iter()
            .map(|encoder| EncoderShape {
                name: encoder.name.clone(),
                width: encoder.width,
            })
            .collect();
        let mut net = FusionNet::new(&description.config, &shapes, description.classes.len())?;
        file.load_into(&mut net.params)?;
        let stats = if description.config.data.standardize {
            let stats = shapes.iter().map(|encoder| {
                let (mean, std) = file.standardisation(&encoder.name, encoder.width)?;
                Ok(ColumnStats::from_parts(mean, std))
            });
            Some(stats.collect::<Result<_>>()?)
        } else {
            None
        };
        Ok(Self {
            net,
            stats,
            description,
        })
    }

    /// What the model is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The network.
    pub fn net(&self) -> &FusionNet<f32> {
        &self.net
    }

    /// For each encoder of the model whether it stands among these names.
    ///
    /// # Errors
    /// [`Error::Data`] for a name that the model does not know.
    pub fn dropped(&self, drop: &[String]) -> Result<Vec<bool>> {
        let encoders = &self.description.encoders;
        let mut dropped = vec![false; encoders.len()];
        for name in drop {
            let known = encoders
                .iter()
                .position(|encoder| encoder.name == *name)
                .ok_or_else(|| {
                    let names: Vec<_> = encoders
                        .iter()
                        .map(|encoder| encoder.name.as_str())
                        .collect();
                    Error::Data(format!(
                        "the model has no encoder {name} to drop; it has: {}",
                        names.join(", ")
                    ))
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
        let encoders = &self.description.encoders;
        let dropped = self.dropped(drop)?;
        for (m, encoder) in encoders.iter().enumerate() {
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
        let stats = self.stats.as_deref();
        let alpha = self.description.thresholds.alpha;
        let (scores, _) = score(&self.net, split, clips, stats, &dropped, alpha, false)?;
        split.check_unchanged()?;
        Ok(scores)
    }
}
