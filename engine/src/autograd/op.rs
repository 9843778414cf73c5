//! The contract between the tape and its operations.

use std::collections::BTreeSet;

use blendfuse_kernels::layout::Panels;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

use super::Scalar;
use super::gradient::{FactorPair, Gradient, LayerInput};
use super::value::{Tensor, row_major};

/// An operation on the tape: what its backward pass needs, and that pass.
pub trait Op<F: Scalar>: Send + Sync {
    /// The operation's name, for messages.
    fn name(&self) -> &'static str;

    /// Adds to the gradient of every input that needs one.
    fn backward(&self, cx: &mut Backward<'_, F>);
}

/// A value of the tape, with the operation that made it; a leaf has none.
pub(super) struct Node<F> {
    pub(super) value: Tensor<F>,
    pub(super) inputs: Vec<usize>,
    pub(super) op: Option<Box<dyn Op<F>>>,
    pub(super) needs_gradient: bool,
}

impl<F: Scalar> std::fmt::Debug for Node<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.op.as_ref().map_or("leaf", |op| op.name());
        write!(f, "{name} {:?}", self.value.shape())
    }
}

/// What an operation sees in its backward pass.
pub struct Backward<'a, F> {
    pub(super) nodes: &'a [Node<F>],
    pub(super) id: usize,
    pub(super) dy: Array2<F>,
    // Gradients of the nodes from `first` up to this one; no input comes before `first`.
    pub(super) grads: &'a mut [Option<Gradient<F>>],
    pub(super) first: usize,
}

impl<F: Scalar> std::fmt::Debug for Backward<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "backward of {:?}", self.nodes[self.id])
    }
}

impl<F: Scalar> Backward<'_, F> {
    fn input(&self, i: usize) -> usize {
        self.nodes[self.id].inputs[i]
    }

    /// How many inputs the operation took.
    pub fn inputs(&self) -> usize {
        self.nodes[self.id].inputs.len()
    }

    /// Whether input `i` leads to a leaf that wants a gradient.
    pub fn needs(&self, i: usize) -> bool {
        self.nodes[self.input(i)].needs_gradient
    }

    /// Input `i`, dense or packed.
    pub fn tensor(&self, i: usize) -> &Tensor<F> {
        &self.nodes[self.input(i)].value
    }

    /// Input `i`, dense.
    ///
    /// # Panics
    /// If the input is packed; the operation's forward pass must refuse that.
    pub fn x(&self, i: usize) -> ArrayView2<'_, F> {
        dense(self.tensor(i))
    }

    /// The output.
    pub fn y(&self) -> ArrayView2<'_, F> {
        dense(&self.nodes[self.id].value)
    }

    /// The gradient of the loss with respect to the output.
    pub fn dy(&self) -> ArrayView2<'_, F> {
        self.dy.view()
    }

    /// The same, to keep or to work on in place; [`Backward::dy`] is empty afterwards.
    pub fn take_dy(&mut self) -> Array2<F> {
        std::mem::take(&mut self.dy)
    }

    /// Lets `add` add to the gradient of input `i` (zeros at first); skipped if none is needed.
    pub fn accumulate(&mut self, i: usize, add: impl FnOnce(ArrayViewMut2<'_, F>)) {
        if !self.needs(i) {
            return;
        }
        let id = self.input(i);
        let shape = self.nodes[id].value.shape();
        let slot = self.grads[id - self.first]
            .get_or_insert_with(|| Gradient::Dense(Array2::zeros(shape)));
        match slot {
            Gradient::Dense(dx) => add(dx.view_mut()),
            // A packed weight used by an operation that forms its gradient: cannot arise, since
            // only `linear` takes packed weights.
            Gradient::Factored(_) => unreachable!("a dense gradient for a factored leaf"),
        }
    }

    /// As [`Backward::accumulate`] for each input from `first` on, side by side where they are
    /// different nodes; `add` is told which input.
    pub fn accumulate_each(
        &mut self,
        first: usize,
        add: impl Fn(usize, ArrayViewMut2<'_, F>) + Sync,
    ) {
        let inputs: Vec<usize> = (first..self.inputs()).filter(|&i| self.needs(i)).collect();
        let nodes: BTreeSet<usize> = inputs.iter().map(|&i| self.input(i)).collect();
        if nodes.len() < inputs.len() {
            for i in inputs {
                self.accumulate(i, |dx| add(i, dx));
            }
            return;
        }
        let mut gradients: Vec<_> = inputs
            .iter()
            .map(|&i| {
                let id = self.input(i);
                (i, id, self.grads[id - self.first].take())
            })
            .collect();
        gradients.par_iter_mut().for_each(|(i, id, gradient)| {
            let shape = self.nodes[*id].value.shape();
            let gradient = gradient.get_or_insert_with(|| Gradient::Dense(Array2::zeros(shape)));
            match gradient {
                Gradient::Dense(dx) => add(*i, dx.view_mut()),
                // As in `accumulate`.
                Gradient::Factored(_) => unreachable!("a dense gradient for a factored leaf"),
            }
        });
        for (_, id, gradient) in gradients {
            self.grads[id - self.first] = gradient;
        }
    }

    /// Adds `Σ_B dy` to the gradient of input `i`, a bias `(1, O)`.
    pub fn accumulate_bias(&mut self, i: usize, dy: &Array2<F>) {
        self.accumulate(i, |mut db| {
            for row in dy.rows() {
                db.row_mut(0).zip_mut_with(&row, |db, &dy| *db += dy);
            }
        });
    }

    /// Adds a whole array to the gradient of input `i`, without a copy if it is the first.
    ///
    /// # Panics
    /// If the array has another shape than the input.
    pub fn accumulate_array(&mut self, i: usize, dx: Array2<F>) {
        if !self.needs(i) {
            return;
        }
        let id = self.input(i);
        let (name, shape) = (&self.nodes[self.id], self.nodes[id].value.shape());
        assert_eq!(
            dx.dim(),
            shape,
            "{name:?}: shape of the gradient of input {i}"
        );
        let dx = row_major(dx);
        if self.grads[id - self.first].is_none() {
            self.grads[id - self.first] = Some(Gradient::Dense(dx));
        } else {
            self.accumulate(i, |mut sum| sum += &dx);
        }
    }

    /// Adds the term `dyᵀ x` to the gradient of input `i`, a packed weight.
    pub fn accumulate_factor(&mut self, i: usize, dy: Array2<F>, x: LayerInput<F>) {
        if !self.needs(i) {
            return;
        }
        let id = self.input(i);
        match self.grads[id - self.first].get_or_insert_with(|| Gradient::Factored(Vec::new())) {
            Gradient::Factored(pairs) => pairs.push(FactorPair { dy, x }),
            Gradient::Dense(_) => unreachable!("a factor for a dense gradient"),
        }
    }

    /// Input `i` as a packed weight.
    pub fn panels(&self, i: usize) -> Option<&Panels<F>> {
        match self.tensor(i) {
            Tensor::PackedWeight(w) => Some(w),
            _ => None,
        }
    }
}

/// A dense value's view.
///
/// # Panics
/// If the value is packed.
pub(super) fn dense<F: Scalar>(value: &Tensor<F>) -> ArrayView2<'_, F> {
    match value {
        Tensor::Dense(x) => x.view(),
        Tensor::PackedInput(_) | Tensor::PackedWeight(_) => {
            panic!("a packed value where a dense one is needed")
        }
    }
}
