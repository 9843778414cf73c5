//! The network in evaluation without a tape: the same layers and kernels, nothing stored but the
//! outputs. Features are taken where they are stored, and a clip gets the same bits whatever batch it
//! comes in.

use std::sync::Arc;

use blendfuse_kernels::inference::{BatchRows, Projection, project, project_row, scale_blocks};
use blendfuse_kernels::layout::PackedRows;
use ndarray::{Array1, Array2, Axis};

use super::gate::Gate;
use super::network::FusionNet;
use crate::autograd::value::mat_ref;
use crate::encoders::Presence;
use crate::error::{Error, Result};
use crate::nn::folded::resize;
use crate::nn::{Folded, Params};

/// What the network says of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// a `(B, M)`, before selection.
    pub gate_weights: Array2<f32>,
    /// ã `(B, M)`, after selection and renormalisation.
    pub selected_weights: Array2<f32>,
    /// o^p `(B, C)`.
    pub presence_logits: Array2<f32>,
    /// o^s `(B, C)`; the same as o^p with a single head.
    pub salience_logits: Array2<f32>,
}

/// The layers of a network as evaluation takes them; weights are shared with the network, not copied.
#[derive(Clone, Debug)]
pub struct FoldedLayers {
    /// The projection of each encoder, over standardised features.
    pub projections: Vec<Folded>,
    /// The layers that give the gate's logits; none for a uniform gate.
    pub gate: Option<[Folded; 2]>,
    /// The layer that gives z.
    pub fusion: Folded,
    /// The layers that give o^p.
    pub presence: [Folded; 2],
    /// The layers that give o^s; none with a single head.
    pub salience: Option<[Folded; 2]>,
}

/// A network made ready for evaluation. Buffers are made once and serve all batches of one size.
#[derive(Debug)]
pub struct Inference<'a> {
    params: &'a Params<f32>,
    gate: &'a Gate,
    layers: Arc<FoldedLayers>,
    // H, then U in its place.
    joined: PackedRows<f32>,
    hidden: PackedRows<f32>,
    output: PackedRows<f32>,
    embedding: PackedRows<f32>,
}

impl FusionNet<f32> {
    /// The layers as evaluation takes them, with the weights of now.
    pub fn folded(&self) -> FoldedLayers {
        let params = &self.params;
        FoldedLayers {
            projections: self
                .projections()
                .iter()
                .map(|layer| layer.folded(params))
                .collect(),
            gate: self.gate().folded(params),
            fusion: self.fusion().folded(params),
            presence: self.presence().folded(params),
            salience: self.salience().map(|head| head.folded(params)),
        }
    }

    /// Makes the network ready for evaluation.
    pub fn inference(&self) -> Inference<'_> {
        self.inference_of(Arc::new(self.folded()))
    }

    /// As [`FusionNet::inference`], with this network's layers, which one that does not change needs to fold
    /// but once.
    pub fn inference_of(&self, layers: Arc<FoldedLayers>) -> Inference<'_> {
        let nothing = || PackedRows::zeros(0, 0);
        Inference {
            params: &self.params,
            gate: self.gate(),
            layers,
            joined: nothing(),
            hidden: nothing(),
            output: nothing(),
            embedding: nothing(),
        }
    }
}

impl Inference<'_> {
    /// The number of rows of a batch that fits the encoders.
    fn rows(&self, inputs: &[BatchRows<'_>]) -> Result<usize> {
        let projections = &self.layers.projections;
        if inputs.len() != projections.len() {
            return Err(Error::shape(
                "inference",
                format!("{} encoders", projections.len()),
                inputs.len().to_string(),
            ));
        }
        let rows = inputs[0].rows.len();
        for (input, layer) in inputs.iter().zip(projections) {
            let (found, expected) = (
                [input.rows.len(), input.features.cols],
                [rows, layer.inputs()],
            );
            if found != expected {
                return Err(Error::shape(
                    "inference",
                    format!("{} × {} features", expected[0], expected[1]),
                    format!("{} × {}", found[0], found[1]),
                ));
            }
        }
        Ok(rows)
    }

    /// The projected embeddings H = [h₁, …, h_M] of a batch `(B, M P)`: for each encoder where its
    /// features lie and which rows to take; an encoder that a row lacks has zeros there.
    ///
    /// # Errors
    /// [`Error::Shape`] if the features do not fit the encoders.
    pub fn project(&mut self, inputs: &[BatchRows<'_>]) -> Result<&PackedRows<f32>> {
        let rows = self.rows(inputs)?;
        let layers = projections(&self.layers, inputs);
        let width = self.layers.projections[0].outputs();
        resize(&mut self.joined, rows, inputs.len() * width);
        project(&layers, &mut self.joined);
        Ok(&self.joined)
    }

    /// a and ã `(B, M)`, before and after selection, of a batch given as to [`Inference::project`].
    ///
    /// # Errors
    /// [`Error::Shape`] if the features do not fit the encoders.
    pub fn weigh(&mut self, inputs: &[BatchRows<'_>]) -> Result<[Array2<f32>; 2]> {
        self.project(inputs)?;
        let shape = [self.joined.rows(), inputs.len()];
        let logits = self
            .layers
            .gate
            .as_ref()
            .map(|layers| two_layers(layers, &self.joined, &mut self.hidden, &mut self.output));
        let presence = presence(inputs);
        let (weights, selected) = self.gate.select(self.params, logits, shape, &presence)?;
        Ok([weights, selected])
    }

    /// Runs a batch, given as to [`Inference::project`]. A row with no encoder at all gives a
    /// meaningless result: the data layer refuses such clips by name.
    ///
    /// # Errors
    /// [`Error::Shape`] if the features do not fit the encoders.
    pub fn run(&mut self, inputs: &[BatchRows<'_>]) -> Result<Evaluation> {
        if self.rows(inputs)? == 1 {
            return self.run_row(inputs);
        }
        let [gate_weights, selected_weights] = self.weigh(inputs)?;
        let layers = &self.layers;
        // z = ReLU(BatchNorm(F [u₁, …, u_M] + f))
        let width = layers.projections[0].outputs();
        scale_blocks(&mut self.joined, width, mat_ref(&selected_weights.view()));
        layers.fusion.forward(&self.joined, &mut self.embedding);
        let mut head = |layers: &[Folded; 2]| {
            two_layers(layers, &self.embedding, &mut self.hidden, &mut self.output)
        };
        let presence_logits = head(&layers.presence);
        let salience_logits = match &layers.salience {
            Some(layers) => head(layers),
            None => presence_logits.clone(),
        };
        Ok(Evaluation {
            gate_weights,
            selected_weights,
            presence_logits,
            salience_logits,
        })
    }

    /// As [`Inference::run`], of one row alone: the same steps on vectors, since a batch has room for eight.
    fn run_row(&self, inputs: &[BatchRows<'_>]) -> Result<Evaluation> {
        let layers = &self.layers;
        let (encoders, width) = (inputs.len(), layers.projections[0].outputs());
        let mut joined = vec![0.0; encoders * width];
        project_row(&projections(layers, inputs), &mut joined);
        let logits = layers
            .gate
            .as_ref()
            .map(|layers| two_of_row(layers, &joined));
        let (gate_weights, selected_weights) =
            self.gate
                .select(self.params, logits, [1, encoders], &presence(inputs))?;
        for (part, factor) in joined.chunks_mut(width).zip(&selected_weights) {
            // What an encoder that is not selected holds does not count.
            let scaled = |x: &f32| if *factor == 0.0 { 0.0 } else { *x * factor };
            part.iter_mut().for_each(|x| *x = scaled(x));
        }
        let embedding = layers.fusion.forward_row(&joined);
        let presence_logits = two_of_row(&layers.presence, &embedding);
        let salience_logits = match &layers.salience {
            Some(layers) => two_of_row(layers, &embedding),
            None => presence_logits.clone(),
        };
        Ok(Evaluation {
            gate_weights,
            selected_weights,
            presence_logits,
            salience_logits,
        })
    }
}

fn projections<'a>(layers: &'a FoldedLayers, inputs: &[BatchRows<'a>]) -> Vec<Projection<'a>> {
    let layers = layers.projections.iter().zip(inputs);
    layers
        .map(|(layer, input)| layer.projection(*input))
        .collect()
}

fn presence(inputs: &[BatchRows<'_>]) -> Presence {
    let columns = inputs.iter().map(|input| input.rows.iter());
    Presence::from_columns(columns.map(|rows| rows.map(Option::is_some)))
}

/// Both layers, the result row-major.
fn two_layers(
    [first, second]: &[Folded; 2],
    x: &PackedRows<f32>,
    hidden: &mut PackedRows<f32>,
    output: &mut PackedRows<f32>,
) -> Array2<f32> {
    first.forward(x, hidden);
    second.forward(hidden, output);
    Array2::from_shape_fn((output.rows(), output.cols()), |(r, c)| output.get(r, c))
}

/// Both layers of one row, `(1, outputs)`.
fn two_of_row([first, second]: &[Folded; 2], x: &[f32]) -> Array2<f32> {
    let output = second.forward_row(&first.forward_row(x));
    Array1::from_vec(output).insert_axis(Axis(0))
}
