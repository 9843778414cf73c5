//! Scores clips with a network, batch by batch.

use std::sync::Arc;

use ndarray::{Array1, Array2, Axis, Slice};
use serde::{Deserialize, Serialize};

use crate::autograd::Tape;
use crate::data::batch::{Rows, soft_labels};
use crate::data::dataset::Split;
use crate::data::standardise::Scaling;
use crate::error::{Error, Result};
use crate::eval::align::{Alignment, align};
use crate::kernels::inference::BatchRows;
use crate::kernels::pack::{RowScaling, Standardise, StoredRows};
use crate::model::heads::{presence_probabilities, salience_probabilities};
use crate::model::{Evaluation, FoldedLayers, FusionNet};

/// Clips per batch: four bands of rows, so that there is work for several threads in every layer; more
/// would not fit into the cache between layers.
pub(crate) const BATCH: usize = 1024;

/// The scores of N clips.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// p `(N, C)`, in [0, 1].
    pub presence: Array2<f64>,
    /// s `(N, C)`, each row summing to 1.
    pub salience: Array2<f64>,
    /// f `(N, C)`, aligned (paper eq. 14), each row summing to 1.
    pub aligned: Array2<f64>,
    /// a `(N, M)`: importance of each encoder before selection.
    pub gate_weights: Array2<f64>,
    /// ã `(N, M)`: weight of each encoder after selection.
    pub selected_weights: Array2<f64>,
}

/// Mean losses over clips, in nats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanLosses {
    /// L_task (paper eq. 10).
    pub task: f64,
    /// L_p.
    pub presence: f64,
    /// L_s.
    pub salience: f64,
}

/// A source of the features of clips.
pub(crate) trait Source {
    /// An encoder's matrix.
    fn matrix(&self, encoder: usize) -> StoredRows<'_>;
    /// The row of a clip in an encoder's matrix; `None` if the encoder lacks it.
    fn row(&self, encoder: usize, clip: usize) -> Option<usize>;
    /// The name of a clip for messages.
    fn name(&self, clip: usize) -> String;
}

impl Source for Split<'_> {
    fn matrix(&self, encoder: usize) -> StoredRows<'_> {
        self.source(encoder)
    }

    fn row(&self, encoder: usize, clip: usize) -> Option<usize> {
        self.rows(encoder)[clip].map(|row| row as usize)
    }

    fn name(&self, clip: usize) -> String {
        format!("clip {}", self.clips[clip].filename)
    }
}

/// The settings of scoring.
pub(crate) struct Scoring<'a> {
    pub(crate) net: &'a FusionNet<f32>,
    /// Those of the network.
    pub(crate) layers: Arc<FoldedLayers>,
    /// How features are standardised, if they are.
    pub(crate) scaling: Option<Scaling<'a>>,
    /// Which encoders are left out of every clip; encoders beyond the end are not.
    pub(crate) dropped: &'a [bool],
    /// α and β of eq. 14.
    pub(crate) alignment: Alignment,
}

impl Scoring<'_> {
    /// Scores clips a batch at a time and passes each batch's scores and the network's output to `visit`,
    /// so that memory does not grow with the number of clips.
    ///
    /// # Errors
    /// [`Error::Shape`] if the network does not fit the source, [`Error::Data`] naming a clip that is
    /// left without any encoder, [`Error::NonFinite`], and those of `visit`.
    pub(crate) fn in_batches(
        &self,
        source: &impl Source,
        clips: &[usize],
        mut visit: impl FnMut(&[usize], Scores, &Evaluation) -> Result<()>,
    ) -> Result<()> {
        if clips.is_empty() {
            return Err(Error::Data("no clips to score".into()));
        }
        let encoders = self.net.encoders().len();
        let mut inference = self.net.inference_of(Arc::clone(&self.layers));
        for chunk in clips.chunks(BATCH) {
            let rows = stored_rows(source, encoders, chunk, self.dropped);
            check_any_encoder(&rows, source, chunk)?;
            let each = standardised_rows(self.scaling, encoders, chunk);
            let found = inference.run(&batch_rows(source, &rows, self.scaling, &each))?;
            check_finite(&found, source, chunk)?;
            let presence = presence_probabilities(found.presence_logits.view()).mapv(f64::from);
            let salience = salience_probabilities(found.salience_logits.view()).mapv(f64::from);
            let scores = Scores {
                aligned: align(presence.view(), salience.view(), self.alignment)?,
                presence,
                salience,
                gate_weights: found.gate_weights.mapv(f64::from),
                selected_weights: found.selected_weights.mapv(f64::from),
            };
            visit(chunk, scores, &found)?;
        }
        Ok(())
    }

    /// The sum over clips of each encoder's weight before selection, (M), without what follows in the network.
    ///
    /// # Errors
    /// As [`Scoring::in_batches`].
    pub(crate) fn sum_of_gate_weights(
        &self,
        source: &impl Source,
        clips: &[usize],
    ) -> Result<Array1<f64>> {
        let encoders = self.net.encoders().len();
        let mut inference = self.net.inference_of(Arc::clone(&self.layers));
        let mut sum = Array1::zeros(encoders);
        for chunk in clips.chunks(BATCH) {
            let rows = stored_rows(source, encoders, chunk, self.dropped);
            check_any_encoder(&rows, source, chunk)?;
            let each = standardised_rows(self.scaling, encoders, chunk);
            let [weights, _] = inference.weigh(&batch_rows(source, &rows, self.scaling, &each))?;
            sum += &weights.mapv(f64::from).sum_axis(Axis(0));
        }
        Ok(sum)
    }

    /// All scores together.
    ///
    /// # Errors
    /// As [`Scoring::in_batches`].
    pub(crate) fn all(self, source: &impl Source, clips: &[usize]) -> Result<Scores> {
        let mut whole = Collected::of(clips.len());
        self.in_batches(source, clips, |_, scores, _| {
            whole.add(&scores);
            Ok(())
        })?;
        whole.scores()
    }

    /// All scores of clips of a split together, and their losses where all have labels.
    ///
    /// # Errors
    /// As [`Scoring::in_batches`].
    pub(crate) fn with_losses(
        self,
        split: &Split,
        clips: &[usize],
    ) -> Result<(Scores, Option<MeanLosses>)> {
        let mut whole = Collected::of(clips.len());
        let mut sums = MeanLosses::default();
        self.in_batches(split, clips, |chunk, scores, found| {
            whole.add(&scores);
            let batch = Rows {
                split,
                clips: chunk,
                scaling: None,
            };
            if let Some(targets) = soft_labels(batch) {
                let mut tape = Tape::new();
                let logits = [&found.presence_logits, &found.salience_logits].map(Array2::clone);
                let losses = self.net.losses_of_logits(&mut tape, logits, &targets)?;
                let rows = chunk.len() as f64;
                sums.task += rows * f64::from(tape.scalar(losses.total));
                sums.presence += rows * f64::from(tape.scalar(losses.presence));
                sums.salience += rows * f64::from(tape.scalar(losses.salience));
            }
            Ok(())
        })?;
        let count = clips.len() as f64;
        let labelled = clips.iter().all(|&clip| split.clips[clip].target.is_some());
        let losses = labelled.then(|| MeanLosses {
            task: sums.task / count,
            presence: sums.presence / count,
            salience: sums.salience / count,
        });
        Ok((whole.scores()?, losses))
    }
}

/// The projected embeddings h_m of clips in evaluation mode: for each encoder `(N, P)`; the
/// rows of clips that it lacks are 0.
///
/// # Errors
/// [`Error::Shape`] if the network does not fit the source.
pub(crate) fn embed(
    net: &FusionNet<f32>,
    source: &impl Source,
    clips: &[usize],
    scaling: Option<Scaling<'_>>,
) -> Result<Vec<Array2<f32>>> {
    let encoders = net.encoders().len();
    let width = net.config().model.projection_dim;
    let mut embeddings = vec![Array2::zeros((clips.len(), width)); encoders];
    let mut inference = net.inference();
    for (i, chunk) in clips.chunks(BATCH).enumerate() {
        let rows = stored_rows(source, encoders, chunk, &[]);
        let each = standardised_rows(scaling, encoders, chunk);
        let joined = inference.project(&batch_rows(source, &rows, scaling, &each))?;
        for (m, embedding) in embeddings.iter_mut().enumerate() {
            for r in 0..chunk.len() {
                let mut row = embedding.row_mut(i * BATCH + r);
                for (c, x) in row.iter_mut().enumerate() {
                    *x = joined.get(r, m * width + c);
                }
            }
        }
    }
    Ok(embeddings)
}

/// For each encoder how each clip is standardised; nothing where they are alike.
fn standardised_rows<'a>(
    scaling: Option<Scaling<'a>>,
    encoders: usize,
    clips: &[usize],
) -> Vec<Vec<Standardise<'a>>> {
    let each = |encoder: usize| match scaling {
        Some(scaling) if scaling.common(encoder).is_none() => clips
            .iter()
            .map(|&clip| scaling.of(encoder, clip))
            .collect(),
        _ => Vec::new(),
    };
    (0..encoders).map(each).collect()
}

/// A batch in the network's input format; `each` as [`standardised_rows`] gives it.
fn batch_rows<'a>(
    source: &'a impl Source,
    rows: &'a [Vec<Option<usize>>],
    scaling: Option<Scaling<'a>>,
    each: &'a [Vec<Standardise<'a>>],
) -> Vec<BatchRows<'a>> {
    let of_encoder = |(encoder, rows): (usize, &'a Vec<Option<usize>>)| BatchRows {
        features: source.matrix(encoder),
        rows,
        scaling: match scaling.map(|scaling| scaling.common(encoder)) {
            None => RowScaling::None,
            Some(Some(common)) => RowScaling::Same(common),
            Some(None) => RowScaling::Each(&each[encoder]),
        },
    };
    rows.iter().enumerate().map(of_encoder).collect()
}

/// The scores of all batches so far.
struct Collected {
    clips: usize,
    done: usize,
    whole: Option<Scores>,
}

impl Collected {
    fn of(clips: usize) -> Self {
        Self {
            clips,
            done: 0,
            whole: None,
        }
    }

    fn add(&mut self, part: &Scores) {
        let whole = self
            .whole
            .get_or_insert_with(|| Scores::zeros(self.clips, part));
        whole.place(self.done, part);
        self.done += part.presence.nrows();
    }

    fn scores(self) -> Result<Scores> {
        self.whole
            .ok_or_else(|| Error::Data("no clips to score".into()))
    }
}

impl Scores {
    fn zeros(clips: usize, like: &Scores) -> Self {
        let zeros = |like: &Array2<f64>| Array2::zeros((clips, like.ncols()));
        Self {
            presence: zeros(&like.presence),
            salience: zeros(&like.salience),
            aligned: zeros(&like.aligned),
            gate_weights: zeros(&like.gate_weights),
            selected_weights: zeros(&like.selected_weights),
        }
    }

    fn place(&mut self, start: usize, part: &Scores) {
        let rows = Slice::from(start..start + part.presence.nrows());
        for (whole, part) in [
            (&mut self.presence, &part.presence),
            (&mut self.salience, &part.salience),
            (&mut self.aligned, &part.aligned),
            (&mut self.gate_weights, &part.gate_weights),
            (&mut self.selected_weights, &part.selected_weights),
        ] {
            whole.slice_axis_mut(Axis(0), rows).assign(part);
        }
    }
}

/// For each encoder the stored row of each clip; `None` where the encoder lacks it or is dropped.
fn stored_rows(
    source: &impl Source,
    encoders: usize,
    clips: &[usize],
    dropped: &[bool],
) -> Vec<Vec<Option<usize>>> {
    let rows_of = |encoder: usize| {
        let dropped = dropped.get(encoder).copied().unwrap_or(false);
        let stored = |&clip: &usize| source.row(encoder, clip).filter(|_| !dropped);
        clips.iter().map(stored).collect()
    };
    (0..encoders).map(rows_of).collect()
}

/// Refuses logits that are not finite, naming the clip.
fn check_finite(found: &Evaluation, source: &impl Source, clips: &[usize]) -> Result<()> {
    for logits in [&found.presence_logits, &found.salience_logits] {
        for (row, &clip) in logits.rows().into_iter().zip(clips) {
            if !row.iter().all(|x| x.is_finite()) {
                return Err(Error::NonFinite {
                    what: format!("the model's scores for {}", source.name(clip)),
                    epoch: None,
                    batch: None,
                    advice: "; its weights are out of range".into(),
                    traceable: false,
                });
            }
        }
    }
    Ok(())
}

fn check_any_encoder(
    rows: &[Vec<Option<usize>>],
    source: &impl Source,
    clips: &[usize],
) -> Result<()> {
    for (r, &clip) in clips.iter().enumerate() {
        if rows.iter().all(|rows| rows[r].is_none()) {
            return Err(Error::Data(format!(
                "{} has features of none of the remaining encoders",
                source.name(clip)
            )));
        }
    }
    Ok(())
}
