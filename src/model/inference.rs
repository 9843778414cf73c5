//! The network in evaluation without a tape: the same layers and kernels, nothing stored but the
//! outputs. Features are taken where they are stored, and a clip gets the same bits whatever batch it
//! comes in.

use blendfuse_kernels::inference::{BatchRows, project, scale_blocks};
use blendfuse_kernels::layout::PackedRows;
use ndarray::Array2;

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

/// A network made ready for evaluation. Weights are shared with the network, not copied; buffers are
/// made once and serve all batches of one size.
#[derive(Debug)]
pub struct Inference<'a> {
    params: &'a Params<f32>,
    gate: &'a Gate,
    projections: Vec<Folded>,
    gate_layers: Option<[Folded; 2]>,
    fusion: Folded,
    presence: [Folded; 2],
    salience: Option<[Folded; 2]>,
    // H, then U in its place.
    joined: PackedRows<f32>,
    hidden: PackedRows<f32>,
    output: PackedRows<f32>,
    embedding: PackedRows<f32>,
}

impl FusionNet<f32> {
    /// Makes the network ready for evaluation.
    pub fn inference(&self) -> Inference<'_> {
        let params = &self.params;
        let nothing = || PackedRows::zeros(0, 0);
        Inference {
            params,
            gate: self.gate(),
            projections: self
                .projections()
                .iter()
                .map(|layer| layer.folded(params))
                .collect(),
            gate_layers: self.gate().folded(params),
            fusion: self.fusion().folded(params),
            presence: self.presence().folded(params),
            salience: self.salience().map(|head| head.folded(params)),
            joined: nothing(),
            hidden: nothing(),
            output: nothing(),
            embedding: nothing(),
        }
    }
}

impl Inference<'_> {
    /// The projection of each encoder, over standardised features.
    pub fn projections(&self) -> &[Folded] {
        &self.projections
    }

    /// The layers that give the gate's logits; none for a uniform gate.
    pub fn gate_layers(&self) -> Option<&[Folded; 2]> {
        self.gate_layers.as_ref()
    }

    /// The layer that gives z.
    pub fn fusion(&self) -> &Folded {
        &self.fusion
    }

    /// The layers that give o^p.
    pub fn presence(&self) -> &[Folded; 2] {
        &self.presence
    }

    /// The layers that give o^s; none with a single head.
    pub fn salience(&self) -> Option<&[Folded; 2]> {
        self.salience.as_ref()
    }

    /// The projected embeddings H = [h₁, …, h_M] of a batch `(B, M P)`: for each encoder where its
    /// features lie and which rows to take; an encoder that a row lacks has zeros there.
    ///
    /// # Errors
    /// [`Error::Shape`] if the features do not fit the encoders.
    pub fn project(&mut self, inputs: &[BatchRows<'_>]) -> Result<&PackedRows<f32>> {
        let encoders = self.projections.len();
        if inputs.len() != encoders {
            return Err(Error::shape(
                "inference",
                format!("{encoders} encoders"),
                inputs.len().to_string(),
            ));
        }
        let rows = inputs[0].rows.len();
        for (input, layer) in inputs.iter().zip(&self.projections) {
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
        let layers = self.projections.iter().zip(inputs);
        let layers: Vec<_> = layers
            .map(|(layer, input)| layer.projection(*input))
            .collect();
        let width = self.projections[0].outputs();
        resize(&mut self.joined, rows, encoders * width);
        project(&layers, &mut self.joined);
        Ok(&self.joined)
    }

    /// Runs a batch, given as to [`Inference::project`]. A row with no encoder at all gives a
    /// meaningless result: the data layer refuses such clips by name.
    ///
    /// # Errors
    /// [`Error::Shape`] if the features do not fit the encoders.
    pub fn run(&mut self, inputs: &[BatchRows<'_>]) -> Result<Evaluation> {
        self.project(inputs)?;
        let (rows, encoders) = (self.joined.rows(), self.projections.len());
        let width = self.projections[0].outputs();
        let columns = inputs.iter().map(|input| input.rows.iter());
        let presence = Presence::from_columns(columns.map(|rows| rows.map(Option::is_some)));
        // g, a and ã
        let logits = self
            .gate_layers
            .as_ref()
            .map(|layers| two_layers(layers, &self.joined, &mut self.hidden, &mut self.output));
        let shape = [rows, encoders];
        let (gate_weights, selected_weights) =
            self.gate.select(self.params, logits, shape, &presence)?;
        // z = ReLU(BatchNorm(F [u₁, …, u_M] + f))
        scale_blocks(&mut self.joined, width, mat_ref(&selected_weights.view()));
        self.fusion.forward(&self.joined, &mut self.embedding);
        let mut head = |layers: &[Folded; 2]| {
            two_layers(layers, &self.embedding, &mut self.hidden, &mut self.output)
        };
        let presence_logits = head(&self.presence);
        let salience_logits = match &self.salience {
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
