//! Encoder weights: a small network over all projections, a softmax with temperature, and the
//! selection of the n largest (paper eqs. 3 and 4); or the same weight for all.

use ndarray::Array2;

use crate::autograd::ops::top_k_softmax::select;
use crate::autograd::{Scalar, Var};
use crate::config::{Gate as Kind, ModelConfig};
use crate::encoders::Presence;
use crate::error::Result;
use crate::nn::{Folded, ForwardPass, Init, Linear, ParamId, Params};

/// `gate.0`, `gate.2` and `gate.temperature`; a uniform gate has no parameters.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    attention: Option<Attention>,
    top_k: usize,
}

#[derive(Clone, Copy, Debug)]
struct Attention {
    hidden: Linear,
    output: Linear,
    temperature: ParamId,
    range: (f64, f64),
}

/// What the gate decided.
#[derive(Clone, Debug)]
pub struct GateOutput<F> {
    /// g `(B, M)`; none for a uniform gate.
    pub logits: Option<Var>,
    /// a `(B, M)`: the softmax before selection, each row summing to 1 over present encoders.
    pub gate_weights: Array2<F>,
    /// ã `(B, M)`: after selection and renormalisation.
    pub selected_weights: Var,
}

impl Gate {
    /// Adds the gate over `encoders` projections.
    pub fn new<F: Scalar>(
        params: &mut Params<F>,
        config: &ModelConfig,
        encoders: usize,
        init: Init,
    ) -> Self {
        let attention = (config.gate == Kind::Attention).then(|| Attention {
            hidden: Linear::new(
                params,
                "gate.0",
                encoders * config.projection_dim,
                config.gate_hidden,
                init,
            ),
            output: Linear::new(params, "gate.2", config.gate_hidden, encoders, init),
            temperature: params.add_vector(
                "gate.temperature",
                vec![F::of(config.temperature)],
                config.temperature_learned,
            ),
            range: (config.temperature_min, config.temperature_max),
        });
        Self {
            attention,
            top_k: config.top_k,
        }
    }

    /// Weighs the projections `h`, M of `(B, P)`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if their number or shapes do not fit.
    pub fn forward<F: Scalar>(
        &self,
        pass: &mut ForwardPass<'_, F>,
        h: &[Var],
        presence: &Presence,
    ) -> Result<GateOutput<F>> {
        let Some(attention) = self.attention else {
            let rows = pass.tape.shape(h[0]).0;
            let weights = uniform_weights(rows, h.len(), presence);
            return Ok(GateOutput {
                logits: None,
                selected_weights: pass.tape.constant(weights.clone()),
                gate_weights: weights,
            });
        };
        let joined = pass.tape.concat(h)?;
        let hidden = attention.hidden.forward(pass, joined)?;
        let hidden = pass.tape.relu(hidden);
        let logits = attention.output.forward(pass, hidden)?;
        let temperature = pass.leaf(attention.temperature);
        let (selected_weights, gate_weights) =
            pass.tape
                .top_k_softmax(logits, temperature, presence.mask(), self.top_k)?;
        Ok(GateOutput {
            logits: Some(logits),
            gate_weights,
            selected_weights,
        })
    }

    /// The layers that give the logits in evaluation; none for a uniform gate.
    pub fn folded(&self, params: &Params<f32>) -> Option<[Folded; 2]> {
        self.attention.map(|attention| {
            [
                Folded::linear(params, attention.hidden, true),
                Folded::linear(params, attention.output, false),
            ]
        })
    }

    /// a and ã `(B, M)` from the logits; from `rows` alone for a uniform gate.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the mask has another shape.
    pub fn select(
        &self,
        params: &Params<f32>,
        logits: Option<Array2<f32>>,
        [rows, encoders]: [usize; 2],
        presence: &Presence,
    ) -> Result<(Array2<f32>, Array2<f32>)> {
        match (logits, self.attention) {
            (Some(logits), Some(attention)) => {
                let temperature = params.vector(attention.temperature)[0];
                Ok(select(logits, temperature, presence.mask(), self.top_k)?)
            }
            _ => {
                let weights = uniform_weights(rows, encoders, presence);
                Ok((weights.clone(), weights))
            }
        }
    }

    /// Puts the temperature back into its range; to be called after each optimiser step.
    pub fn clamp_temperature<F: Scalar>(&self, params: &mut Params<F>) {
        if let Some(attention) = self.attention {
            let (low, high) = attention.range;
            for tau in params.vector_mut(attention.temperature) {
                // NaN stays: the trainer reports it.
                *tau = if tau.is_nan() {
                    *tau
                } else {
                    tau.max(F::of(low)).min(F::of(high))
                };
            }
        }
    }

    /// τ now; none for a uniform gate.
    pub fn temperature<F: Scalar>(&self, params: &Params<F>) -> Option<f64> {
        self.attention
            .map(|attention| params.vector(attention.temperature)[0].as_f64())
    }
}

fn uniform_weights<F: Scalar>(rows: usize, encoders: usize, presence: &Presence) -> Array2<F> {
    let mut weights = Array2::zeros((rows, encoders));
    for r in 0..rows {
        let count = (0..encoders).filter(|&m| presence.has(r, m)).count();
        for m in (0..encoders).filter(|&m| presence.has(r, m)) {
            weights[(r, m)] = F::one() / F::of(count as f64);
        }
    }
    weights
}
