//! A dropout layer: a rate and a place in the model.

use blendfuse_kernels::counter;

use super::{ForwardPass, Mode};
use crate::autograd::{Scalar, Var};
use crate::rng::{Purpose, stream_key};

/// Dropout at one place of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Share of elements set to 0, in [0, 1).
    pub rate: f64,
    /// Tells the masks of different places apart.
    pub layer: usize,
}

impl Dropout {
    /// `x (B, D)` with elements dropped in training; `x` itself in evaluation.
    pub fn forward<F: Scalar>(&self, pass: &mut ForwardPass<'_, F>, x: Var) -> Var {
        match self.at(pass.mode) {
            Some(dropout) => pass.tape.dropout(x, dropout),
            None => x,
        }
    }

    /// The mask of this step; `None` in evaluation or at rate 0.
    pub fn at(&self, mode: Mode) -> Option<counter::Dropout> {
        match mode {
            Mode::Train { seed, step } if self.rate > 0.0 => {
                let key = stream_key(seed, Purpose::Dropout, self.layer, step);
                Some(counter::Dropout {
                    key,
                    rate: self.rate,
                })
            }
            Mode::Train { .. } | Mode::Eval => None,
        }
    }
}
