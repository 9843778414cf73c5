//! The whole network, from packed batches to logits.

use ndarray::Array2;

use super::builder::Builder;
use super::domain::Domain;
use super::fusion::Fusion;
use super::gate::Gate;
use super::heads::Head;
use super::inputs::Inputs;
use super::loss::{Losses, losses};
use super::projection::Projection;
use crate::autograd::{Gradients, Scalar, Tape, Var};
use crate::config::{Config, Heads};
use crate::encoders::Encoder;
use crate::error::{Error, Result};
use crate::nn::params::WeightLayout;
use crate::nn::{Adam, ForwardPass, Init, Mode, Params, RunningUpdate};

/// What a forward pass computed.
#[derive(Clone, Debug)]
pub struct Forward<F> {
    /// h_m, M of `(B, P)`.
    pub projections: Vec<Var>,
    /// g `(B, M)`; none with a uniform gate.
    pub gate_logits: Option<Var>,
    /// a `(B, M)`, before selection.
    pub gate_weights: Array2<F>,
    /// ã `(B, M)`, after selection and renormalisation.
    pub selected_weights: Var,
    /// z `(B, Z)`.
    pub embedding: Var,
    /// o^p `(B, C)`.
    pub presence_logits: Var,
    /// o^s `(B, C)`; the same as o^p with a single head.
    pub salience_logits: Var,
    /// `(B, 2)`, with a domain adversary in training.
    pub domain_logits: Option<Var>,
    /// Batch statistics for [`FusionNet::update_running`].
    pub running_updates: Vec<RunningUpdate<F>>,
}

/// The network with its parameters.
#[derive(Clone, Debug)]
pub struct FusionNet<F> {
    /// Parameters and running statistics.
    pub params: Params<F>,
    config: Config,
    encoders: Vec<Encoder>,
    projections: Vec<Projection>,
    gate: Gate,
    fusion: Fusion,
    presence: Head,
    salience: Option<Head>,
    domain: Option<Domain>,
}

impl<F: Scalar> FusionNet<F> {
    /// A network with initial weights from `config.train.seed`.
    ///
    /// # Errors
    /// [`Error::Config`] if the configuration is out of range,
    /// [`Error::Shape`] without encoders or classes.
    pub fn new(config: &Config, encoders: &[Encoder], classes: usize) -> Result<Self> {
        Self::with_layout(config, encoders, classes, WeightLayout::Packed)
    }

    /// As [`FusionNet::new`], with weights held in `layout`.
    ///
    /// # Errors
    /// As [`FusionNet::new`].
    pub fn with_layout(
        config: &Config,
        encoders: &[Encoder],
        classes: usize,
        layout: WeightLayout,
    ) -> Result<Self> {
        let init = Init::Random {
            seed: config.train.seed,
        };
        let params = Params::with_layout(layout);
        Self::with_params(config, encoders, classes, params, init)
    }

    /// As [`FusionNet::new`], with weight matrices of 0 that a file is going to fill.
    ///
    /// # Errors
    /// As [`FusionNet::new`].
    pub fn blank(config: &Config, encoders: &[Encoder], classes: usize) -> Result<Self> {
        Self::with_params(config, encoders, classes, Params::new(), Init::Zeros)
    }

    /// A network whose weight matrices hold no values, only names and shapes.
    ///
    /// # Errors
    /// As [`FusionNet::new`].
    pub fn without_weights(config: &Config, encoders: &[Encoder], classes: usize) -> Result<Self> {
        Self::with_params(config, encoders, classes, Params::new(), Init::ShapesOnly)
    }

    /// The names and shapes of such a network's parameters, without the weight matrices.
    ///
    /// # Errors
    /// As [`FusionNet::new`].
    pub fn shapes_only(config: &Config, encoders: &[Encoder], classes: usize) -> Result<Params<F>> {
        Ok(Self::without_weights(config, encoders, classes)?.params)
    }

    /// How many trainable numbers such a network has, without making it.
    ///
    /// # Errors
    /// As [`FusionNet::new`].
    pub fn trainable_count(config: &Config, encoders: &[Encoder], classes: usize) -> Result<usize> {
        Ok(Self::shapes_only(config, encoders, classes)?.trainable_count())
    }

    fn with_params(
        config: &Config,
        encoders: &[Encoder],
        classes: usize,
        params: Params<F>,
        init: Init,
    ) -> Result<Self> {
        config.check()?;
        if encoders.is_empty() || classes == 0 {
            let got = format!("{} encoders, {classes} classes", encoders.len());
            return Err(Error::shape(
                "fusion network",
                "at least one encoder and one class",
                got,
            ));
        }
        let mut builder = Builder::new(params, config, init);
        let projections = encoders
            .iter()
            .map(|encoder| builder.projection(encoder))
            .collect();
        let gate = Gate::new(&mut builder.params, &config.model, encoders.len(), init);
        let fusion = builder.fusion(encoders.len());
        let presence = builder.head("presence", classes);
        let dual = config.model.heads == Heads::Dual;
        let salience = dual.then(|| builder.head("salience", classes));
        let domain = config.uda.enabled.then(|| builder.domain());
        Ok(Self {
            params: builder.params,
            config: config.clone(),
            encoders: encoders.to_vec(),
            projections,
            gate,
            fusion,
            presence,
            salience,
            domain,
        })
    }

    /// Runs a batch through the network. A row with no encoder at all gives a meaningless result:
    /// the data layer refuses such clips by name.
    ///
    /// # Errors
    /// [`Error::Shape`] if the batch does not fit the encoders;
    /// [`Error::Engine`] if it holds products of other weights or other features
    /// (see [`FusionNet::step`]).
    pub fn forward(
        &self,
        tape: &mut Tape<F>,
        inputs: &Inputs<F>,
        mode: Mode,
    ) -> Result<Forward<F>> {
        let encoders = self.projections.len();
        let flags = inputs.presence.mask().map_or(encoders, Array2::ncols);
        if let Some(found) = [inputs.features.len(), flags]
            .into_iter()
            .find(|&found| found != encoders)
        {
            return Err(Error::shape(
                "forward",
                format!("{encoders} encoders"),
                found.to_string(),
            ));
        }
        let mut pass = ForwardPass::new(tape, &self.params, mode);
        // Projections are independent: one thread takes the narrow encoders while another is busy with
        // a wide one, and each streams a batch's features once.
        let parts = self.projections.iter().zip(&inputs.features).enumerate();
        let projections = pass.branches(parts.collect(), |pass, (m, (projection, features))| {
            let x = pass.tape.packed_input(features.clone());
            let precomputed = inputs.precomputed().get(m).and_then(Option::as_ref);
            let present = inputs.presence.column(m);
            projection.forward(pass, x, precomputed, present)
        })?;
        let gate = self
            .gate
            .forward(&mut pass, &projections, &inputs.presence)?;
        let embedding = self
            .fusion
            .forward(&mut pass, gate.selected_weights, &projections)?;
        let presence_logits = self.presence.forward(&mut pass, embedding)?;
        let salience_logits = match &self.salience {
            Some(head) => head.forward(&mut pass, embedding)?,
            None => presence_logits,
        };
        let domain_logits = match (&self.domain, mode) {
            (Some(domain), Mode::Train { .. }) => Some(domain.forward(&mut pass, embedding)?),
            _ => None,
        };
        Ok(Forward {
            projections,
            gate_logits: gate.logits,
            gate_weights: gate.gate_weights,
            selected_weights: gate.selected_weights,
            embedding,
            presence_logits,
            salience_logits,
            domain_logits,
            running_updates: pass.into_running_updates(),
        })
    }

    /// The losses of a batch whose first rows have the soft labels `targets (B, C)`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes do not fit.
    pub fn losses(
        &self,
        tape: &mut Tape<F>,
        forward: &Forward<F>,
        targets: &Array2<F>,
    ) -> Result<Losses> {
        let logits = [forward.presence_logits, forward.salience_logits];
        let (loss, uda) = (&self.config.loss, &self.config.uda);
        losses(tape, logits, forward.domain_logits, targets, loss, uda)
    }

    /// The losses of evaluated logits `(B, C)` under the soft labels `targets (B, C)`, without a domain
    /// loss.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes do not fit.
    pub fn losses_of_logits(
        &self,
        tape: &mut Tape<F>,
        [presence, salience]: [Array2<F>; 2],
        targets: &Array2<F>,
    ) -> Result<Losses> {
        let (presence, salience) = (tape.constant(presence), tape.constant(salience));
        let (loss, uda) = (&self.config.loss, &self.config.uda);
        losses(tape, [presence, salience], None, targets, loss, uda)
    }

    /// Lets a training batch's statistics enter the running ones.
    pub fn update_running(&mut self, updates: &[RunningUpdate<F>]) {
        for update in updates {
            update.apply(&mut self.params);
        }
    }

    /// One step of the optimiser, every gradient multiplied by `scale`. The products of the stepped
    /// weights with the batch that comes `next` are formed along the way and put into it. They hold
    /// until the weights change again; [`FusionNet::forward`] refuses them after that.
    pub fn step(
        &mut self,
        adam: &mut Adam<F>,
        gradients: &Gradients<F>,
        scale: f64,
        next: Option<&mut Inputs<F>>,
    ) {
        let wanted: Vec<_> = next
            .iter()
            .flat_map(|next| {
                let weights = self.projections.iter().map(Projection::weight);
                weights.zip(next.features.iter().cloned())
            })
            .collect();
        let products = adam.step_and_multiply(&mut self.params, gradients, scale, &wanted);
        if let Some(next) = next {
            next.set_precomputed(products);
        }
        self.clamp_temperature();
    }

    /// Puts the temperature back into its range; [`FusionNet::step`] does so.
    pub fn clamp_temperature(&mut self) {
        self.gate.clamp_temperature(&mut self.params);
    }

    /// The gate's temperature; none for a uniform gate.
    pub fn temperature(&self) -> Option<f64> {
        self.gate.temperature(&self.params)
    }

    pub(super) fn projections(&self) -> &[Projection] {
        &self.projections
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(super) fn fusion(&self) -> &Fusion {
        &self.fusion
    }

    pub(super) fn presence(&self) -> &Head {
        &self.presence
    }

    pub(super) fn salience(&self) -> Option<&Head> {
        self.salience.as_ref()
    }

    /// The encoders in the order of the inputs.
    pub fn encoders(&self) -> &[Encoder] {
        &self.encoders
    }

    /// The configuration that the network was made from.
    pub fn config(&self) -> &Config {
        &self.config
    }
}
