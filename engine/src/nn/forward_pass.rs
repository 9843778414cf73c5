//! What the layers of a network share in a forward pass.

use std::fmt;

use super::running_statistics::RunningUpdate;
use super::{Mode, ParamId, Params};
use crate::autograd::{Scalar, Tape, Var};

/// A forward pass: where it is recorded, the parameters that it takes, and what it is for.
pub struct ForwardPass<'a, F> {
    /// Where operations are recorded.
    pub tape: &'a mut Tape<F>,
    /// The parameters of the layers.
    pub params: &'a Params<F>,
    /// Training or evaluation.
    pub mode: Mode,
    running_updates: Vec<RunningUpdate<F>>,
}

impl<F: Scalar> fmt::Debug for ForwardPass<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.mode, self.tape)
    }
}

impl<'a, F: Scalar> ForwardPass<'a, F> {
    /// A pass that has seen no layer yet.
    pub fn new(tape: &'a mut Tape<F>, params: &'a Params<F>, mode: Mode) -> Self {
        Self {
            tape,
            params,
            mode,
            running_updates: Vec::new(),
        }
    }

    /// A parameter's leaf on the tape.
    pub fn leaf(&mut self, id: ParamId) -> Var {
        self.params.leaf(self.tape, id)
    }

    pub(super) fn add_running_update(&mut self, update: RunningUpdate<F>) {
        self.running_updates.push(update);
    }

    /// The batch statistics that the layers left in training; to be
    /// [applied](RunningUpdate::apply) once the pass has proved sound.
    pub fn into_running_updates(self) -> Vec<RunningUpdate<F>> {
        self.running_updates
    }

    /// As [`Tape::branches`]: parts of a network that do not see each other, each in a pass of its own,
    /// side by side. Gives the parts' results in their order.
    ///
    /// # Errors
    /// That of the first part that fails.
    ///
    /// # Panics
    /// As [`Tape::branches`].
    pub fn branches<T: Send, E: Send>(
        &mut self,
        parts: Vec<T>,
        forward: impl Fn(&mut ForwardPass<'_, F>, T) -> Result<Var, E> + Sync,
    ) -> Result<Vec<Var>, E> {
        let (params, mode) = (self.params, self.mode);
        let results = self.tape.branches(parts, |tape, part| {
            let mut pass = ForwardPass::new(tape, params, mode);
            let result = forward(&mut pass, part)?;
            Ok((result, pass.into_running_updates()))
        })?;
        let take = |(result, updates)| {
            self.running_updates.extend::<Vec<_>>(updates);
            result
        };
        Ok(results.into_iter().map(take).collect())
    }
}
