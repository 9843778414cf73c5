//! The domain adversary (paper eqs. 11 and 12): gradient reversal and a classifier of source (0)
//! against target (1).

use ndarray::Array2;

use super::heads::Head;
use crate::autograd::{Scalar, Var};
use crate::error::Result;
use crate::nn::ForwardPass;

/// `domain.0` and `domain.3` behind the gradient reversal.
#[derive(Clone, Copy, Debug)]
pub struct Domain {
    head: Head,
    reversal: f64,
}

impl Domain {
    /// The classifier whose last layers are `head`, Z → 2.
    pub fn new(head: Head, reversal: f64) -> Self {
        Self { head, reversal }
    }

    /// z `(B, Z)` → domain logits `(B, 2)`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `z` has another width.
    pub fn forward<F: Scalar>(&self, pass: &mut ForwardPass<'_, F>, z: Var) -> Result<Var> {
        let reversed = pass.tape.reverse_gradient(z, F::of(self.reversal));
        self.head.forward(pass, reversed)
    }
}

/// One-hot domains: `source` rows of (1, 0), then `target` rows of (0, 1).
pub fn domain_targets<F: Scalar>(source: usize, target: usize) -> Array2<F> {
    Array2::from_shape_fn((source + target, 2), |(r, c)| {
        if (r >= source) == (c == 1) {
            F::one()
        } else {
            F::zero()
        }
    })
}
