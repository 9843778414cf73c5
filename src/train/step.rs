//! One optimiser step: forward, losses, backward, Adam; and the origin of a value that is not finite.

use std::time::{Duration, Instant};

use ndarray::Array2;

use crate::autograd::anomaly::{Anomaly, Pass};
use crate::autograd::{Gradients, Tape};
use crate::error::Result;
use crate::model::loss::Losses;
use crate::model::{Forward, FusionNet, Inputs};
use crate::nn::{Adam, Mode};

/// The losses of one step, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepLosses {
    /// L.
    pub total: f64,
    /// L_p.
    pub presence: f64,
    /// L_s.
    pub salience: f64,
    /// L_dom, with a domain adversary.
    pub domain: Option<f64>,
}

/// The durations of the parts of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepTimes {
    /// Forward pass and losses.
    pub forward: Duration,
    /// Backward pass and Adam, which are fused for weight matrices.
    pub backward: Duration,
}

/// How a step is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepOptions {
    /// Above 0: the gradient is scaled down to this norm.
    pub clip_norm: f64,
    /// Look at every value, gradient and weight, to name the operation where one stops being finite;
    /// changes no result.
    pub detect_anomaly: bool,
}

impl StepLosses {
    fn of(tape: &Tape<f32>, losses: &Losses) -> Self {
        let scalar = |var| f64::from(tape.scalar(var));
        Self {
            total: scalar(losses.total),
            presence: scalar(losses.presence),
            salience: scalar(losses.salience),
            domain: losses.domain.map(scalar),
        }
    }
}

impl StepOptions {
    /// The factor that clips the gradient.
    fn scale(self, gradients: &Gradients<f32>) -> f64 {
        if self.clip_norm > 0.0 {
            (self.clip_norm / (gradients.norm() + 1e-6)).min(1.0)
        } else {
            1.0
        }
    }
}

/// The outcome of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Stepped {
    /// The weights were updated.
    Done(StepLosses, StepTimes),
    /// A value was not finite; the weights are unchanged, unless one of them is that value.
    NotFinite {
        /// The quantity ("loss", "gradient", "value", "weight").
        what: &'static str,
        /// The part of the network where it was seen first.
        began: String,
    },
}

/// The inputs of a step and its targets.
#[derive(Clone, Debug)]
pub struct StepBatch {
    /// Input of the network.
    pub inputs: Inputs<f32>,
    /// Soft labels `(B, C)` of its first rows.
    pub targets: Array2<f32>,
}

/// Takes one step on a batch. The products of the updated weights with the `next` batch are computed
/// along with the step and stored in it, which saves reading the weights once more; its own step must
/// then be the next one.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if the batch does not fit the network.
pub fn train_step(
    net: &mut FusionNet<f32>,
    adam: &mut Adam<f32>,
    batch: &StepBatch,
    mode: Mode,
    options: StepOptions,
    next: Option<&mut StepBatch>,
) -> Result<Stepped> {
    // In the pool, so that its operations need not each wait for a thread to wake.
    rayon::scope(|_| step_in_pool(net, adam, batch, mode, options, next))
}

fn step_in_pool(
    net: &mut FusionNet<f32>,
    adam: &mut Adam<f32>,
    batch: &StepBatch,
    mode: Mode,
    options: StepOptions,
    next: Option<&mut StepBatch>,
) -> Result<Stepped> {
    let began = Instant::now();
    let mut tape = Tape::new();
    let forward = net.forward(&mut tape, &batch.inputs, mode)?;
    let losses = net.losses(&mut tape, &forward, &batch.targets)?;
    let values = StepLosses::of(&tape, &losses);
    if options.detect_anomaly
        && let Some(anomaly) = tape.first_not_finite()
    {
        return Ok(found(net, &anomaly));
    }
    if !values.total.is_finite() {
        return Ok(Stepped::NotFinite {
            what: "loss",
            began: first_not_finite(net, &tape, &forward),
        });
    }
    let forward_time = began.elapsed();
    let gradients = if options.detect_anomaly {
        match tape.backward_checked(losses.total)? {
            Ok(gradients) => gradients,
            Err(anomaly) => return Ok(found(net, &anomaly)),
        }
    } else {
        tape.backward(losses.total)?
    };
    if let Some(parameter) = not_finite_gradient(net, &gradients) {
        return Ok(Stepped::NotFinite {
            what: "gradient",
            began: parameter,
        });
    }
    net.update_running(&forward.running_updates);
    let scale = options.scale(&gradients);
    net.step(adam, &gradients, scale, next.map(|next| &mut next.inputs));
    if options.detect_anomaly
        && let Some(name) = net.params.first_not_finite()
    {
        return Ok(Stepped::NotFinite {
            what: "weight",
            began: format!("the optimiser's step of {name}"),
        });
    }
    let times = StepTimes {
        forward: forward_time,
        backward: began.elapsed() - forward_time,
    };
    Ok(Stepped::Done(values, times))
}

/// The description of an anomaly.
fn found(net: &FusionNet<f32>, anomaly: &Anomaly) -> Stepped {
    let names = net.params.iter();
    let names = names.filter(|(id, _)| anomaly.parameters.contains(&id.index()));
    let names: Vec<&str> = names.map(|(_, param)| param.name.as_str()).collect();
    let what = match anomaly.pass {
        Pass::Forward => "value",
        Pass::Backward => "gradient",
    };
    let at = match names[..] {
        [] => String::new(),
        _ => format!(" at {}", names.join(", ")),
    };
    Stepped::NotFinite {
        what,
        began: format!(
            "the {} pass of the operation {}{at}",
            anomaly.pass, anomaly.op
        ),
    }
}

fn not_finite_gradient(net: &FusionNet<f32>, gradients: &Gradients<f32>) -> Option<String> {
    let bad = |key: usize| {
        gradients
            .parameter(key)
            .is_some_and(|gradient| !gradient.is_finite())
    };
    net.params
        .iter()
        .find(|(id, _)| bad(id.index()))
        .map(|(_, param)| param.name.clone())
}

/// The first part of the network, in the order of computation, that holds NaN or an infinity.
fn first_not_finite(net: &FusionNet<f32>, tape: &Tape<f32>, forward: &Forward<f32>) -> String {
    let bad = |var| tape.value(var).iter().any(|x| !x.is_finite());
    if let Some(encoder) = net
        .encoders()
        .iter()
        .zip(&forward.projections)
        .find(|(_, h)| bad(**h))
    {
        return format!("encoder {}", encoder.0.name);
    }
    let parts = [
        ("the gate", forward.gate_logits),
        ("the fusion layer", Some(forward.embedding)),
        ("the presence head", Some(forward.presence_logits)),
        ("the salience head", Some(forward.salience_logits)),
        ("the domain classifier", forward.domain_logits),
    ];
    let part = parts.into_iter().find(|(_, var)| var.is_some_and(bad));
    part.map_or("the losses", |(name, _)| name).to_owned()
}
