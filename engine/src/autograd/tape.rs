//! The tape: values in the order of their computation, and the walk back.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use blendfuse_kernels::layout::PackedRows;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::Scalar;
use super::gradient::{Gradient, Gradients};
use super::op::{Backward, Node, Op, dense};
use super::value::{Tensor, Var};
use crate::error::{Error, Result};

static NEXT_TAPE: AtomicU64 = AtomicU64::new(0);

/// Records a forward pass.
pub struct Tape<F> {
    tag: u64,
    pub(super) nodes: Vec<Node<F>>,
    pub(super) node_of_parameter: HashMap<usize, usize>,
    // The nodes of branches that were recorded side by side, in the order of the tape.
    branches: Vec<Vec<Range<usize>>>,
}

impl<F: Scalar> std::fmt::Debug for Tape<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.nodes).finish()
    }
}

impl<F: Scalar> Default for Tape<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Scalar> Tape<F> {
    /// An empty tape.
    pub fn new() -> Self {
        let tag = NEXT_TAPE.fetch_add(1, Ordering::Relaxed);
        Self {
            tag,
            nodes: Vec::new(),
            node_of_parameter: HashMap::new(),
            branches: Vec::new(),
        }
    }

    /// A leaf without gradient.
    pub fn constant(&mut self, x: impl Into<Tensor<F>>) -> Var {
        self.leaf(x.into(), false)
    }

    /// A packed batch, a leaf without gradient.
    pub fn packed_input(&mut self, x: Arc<PackedRows<F>>) -> Var {
        self.leaf(Tensor::PackedInput(x), false)
    }

    /// A leaf whose gradient [`Gradients::of`] gives.
    pub fn variable(&mut self, x: impl Into<Tensor<F>>) -> Var {
        self.leaf(x.into(), true)
    }

    /// The leaf of the parameter with this key: one per tape, however often this is called, so that
    /// its gradient is complete. A parameter that is not `trainable` gets no gradient.
    pub fn parameter(&mut self, key: usize, value: &Tensor<F>, trainable: bool) -> Var {
        if let Some(&id) = self.node_of_parameter.get(&key) {
            return Var { id, tape: self.tag };
        }
        let var = self.leaf(value.clone(), trainable);
        self.node_of_parameter.insert(key, var.id);
        var
    }

    fn leaf(&mut self, value: Tensor<F>, needs_gradient: bool) -> Var {
        self.nodes.push(Node {
            value,
            inputs: Vec::new(),
            op: None,
            needs_gradient,
        });
        Var {
            id: self.nodes.len() - 1,
            tape: self.tag,
        }
    }

    /// Records the result of an operation. Its backward state is dropped at once if no input
    /// leads to a leaf that wants a gradient.
    pub fn push(&mut self, value: Array2<F>, inputs: &[Var], op: impl Op<F> + 'static) -> Var {
        let inputs: Vec<usize> = inputs.iter().map(|&var| self.id(var)).collect();
        let needs_gradient = inputs.iter().any(|&id| self.nodes[id].needs_gradient);
        let op: Option<Box<dyn Op<F>>> = if needs_gradient {
            Some(Box::new(op))
        } else {
            None
        };
        self.nodes.push(Node {
            value: value.into(),
            inputs,
            op,
            needs_gradient,
        });
        Var {
            id: self.nodes.len() - 1,
            tape: self.tag,
        }
    }

    /// Records independent parts of a network in parallel, each on a tape of its own;
    /// [`Tape::backward`] runs them in parallel too. Gives each part's result on this tape, and
    /// what else it returned, in the order of the parts.
    ///
    /// # Errors
    /// That of the first part that fails.
    ///
    /// # Panics
    /// If two parts use the same parameter, or a part uses one that this tape already has: its
    /// gradient would be split between leaves.
    pub fn branches<T: Send, R: Send, E: Send>(
        &mut self,
        parts: Vec<T>,
        record: impl Fn(&mut Tape<F>, T) -> Result<(Var, R), E> + Sync,
    ) -> Result<Vec<(Var, R)>, E> {
        let recorded: Vec<Result<_, E>> = parts
            .into_par_iter()
            .with_max_len(1)
            .map(|part| {
                let mut tape = Tape::new();
                let (var, rest) = record(&mut tape, part)?;
                Ok((tape, var, rest))
            })
            .collect();
        let (mut results, mut ranges) = (Vec::new(), Vec::new());
        for recorded in recorded {
            let (tape, var, rest) = recorded?;
            let id = tape.id(var);
            let range = self.append(tape);
            let (id, tape) = (range.start + id, self.tag);
            results.push((Var { id, tape }, rest));
            ranges.push(range);
        }
        self.branches.push(ranges);
        Ok(results)
    }

    /// Takes over the nodes of a branch.
    fn append(&mut self, branch: Tape<F>) -> Range<usize> {
        let start = self.nodes.len();
        for mut node in branch.nodes {
            node.inputs.iter_mut().for_each(|input| *input += start);
            self.nodes.push(node);
        }
        for (key, id) in branch.node_of_parameter {
            let known = self.node_of_parameter.insert(key, start + id);
            assert_eq!(known, None, "parameter {key} is used in two branches");
        }
        start..self.nodes.len()
    }

    pub(super) fn id(&self, var: Var) -> usize {
        assert_eq!(var.tape, self.tag, "a Var of another tape");
        var.id
    }

    /// The value, dense or packed.
    ///
    /// # Panics
    /// If `var` belongs to another tape.
    pub fn tensor(&self, var: Var) -> &Tensor<F> {
        &self.nodes[self.id(var)].value
    }

    /// A dense value.
    ///
    /// # Panics
    /// If `var` belongs to another tape or is packed.
    pub fn value(&self, var: Var) -> ArrayView2<'_, F> {
        dense(self.tensor(var))
    }

    /// The value of a 1 × 1 result.
    ///
    /// # Panics
    /// If the value is not 1 × 1, packed, or of another tape.
    pub fn scalar(&self, var: Var) -> F {
        let value = self.value(var);
        assert_eq!(value.dim(), (1, 1), "not a scalar");
        value[(0, 0)]
    }

    /// `(rows, cols)` of a value.
    ///
    /// # Panics
    /// If `var` belongs to another tape.
    pub fn shape(&self, var: Var) -> (usize, usize) {
        self.tensor(var).shape()
    }

    /// Checks that a value has the expected shape.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn expect_shape(
        &self,
        op: &'static str,
        what: &str,
        var: Var,
        expected: (usize, usize),
    ) -> Result<()> {
        if self.shape(var) == expected {
            return Ok(());
        }
        let (rows, cols) = self.shape(var);
        Err(Error::shape(
            op,
            format!("{what} of {} × {}", expected.0, expected.1),
            format!("{rows} × {cols}"),
        ))
    }

    /// Walks back from a 1 × 1 loss and gives the gradient of every leaf that wants one.
    /// Consumes the tape, so that the parameters are no longer shared when the optimiser comes.
    ///
    /// # Errors
    /// [`Error::Shape`] if the loss is not 1 × 1.
    pub fn backward(self, loss: Var) -> Result<Gradients<F>> {
        self.expect_shape("backward", "a loss", loss, (1, 1))?;
        let last = self.id(loss);
        let mut grads: Vec<Option<Gradient<F>>> = Vec::new();
        grads.resize_with(self.nodes.len(), || None);
        grads[last] = Some(Gradient::Dense(Array2::ones((1, 1))));
        let mut end = last + 1;
        for branches in self.branches.iter().rev() {
            let (Some(first), Some(last)) = (branches.first(), branches.last()) else {
                continue;
            };
            // What was recorded after the branches, then the branches; a loss inside one has nothing
            // to walk in those behind it.
            walk_back(&self.nodes, last.end.min(end)..end, 0, &mut grads);
            let mut rest = &mut grads[first.start..last.end];
            let mut parts = Vec::with_capacity(branches.len());
            for range in branches {
                let (part, behind) = rest.split_at_mut(range.len());
                parts.push((range.clone(), part));
                rest = behind;
            }
            parts
                .into_par_iter()
                .with_max_len(1)
                .for_each(|(range, grads)| {
                    walk_back(&self.nodes, range.clone(), range.start, grads);
                });
            end = end.min(first.start);
        }
        walk_back(&self.nodes, 0..end, 0, &mut grads);
        Ok(self.gradients(grads))
    }

    /// Gradients by node as what the walk back gives.
    pub(super) fn gradients(self, by_node: Vec<Option<Gradient<F>>>) -> Gradients<F> {
        Gradients {
            by_node,
            node_of_parameter: self.node_of_parameter,
            tape: self.tag,
        }
    }
}

/// Walks back over some nodes; `grads` are those of the nodes from `first` on, and no node of the
/// range takes an input before that.
fn walk_back<F: Scalar>(
    nodes: &[Node<F>],
    range: Range<usize>,
    first: usize,
    grads: &mut [Option<Gradient<F>>],
) {
    for id in range.rev() {
        step_back(nodes, id, first, grads);
    }
}

/// Walks back over one node; everything that adds to its gradient has run, since inputs precede
/// outputs.
pub(super) fn step_back<F: Scalar>(
    nodes: &[Node<F>],
    id: usize,
    first: usize,
    grads: &mut [Option<Gradient<F>>],
) {
    let Some(op) = &nodes[id].op else {
        return;
    };
    let (lower, upper) = grads.split_at_mut(id - first);
    let Some(Gradient::Dense(dy)) = upper[0].take() else {
        return;
    };
    op.backward(&mut Backward {
        nodes,
        id,
        dy,
        grads: lower,
        first,
    });
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_parameter_used_twice_is_one_leaf_with_the_whole_gradient() {
        let mut tape = Tape::<f64>::new();
        let w: Tensor<f64> = array![[2.0]].into();
        let (a, b) = (tape.parameter(5, &w, true), tape.parameter(5, &w, true));
        assert_eq!(a, b);
        let y = tape.linear(a, b, None).unwrap();
        let gradients = tape.backward(y).unwrap();
        assert_eq!(gradients.parameter(5).unwrap().to_dense(), array![[4.0]]);
    }

    #[test]
    #[should_panic(expected = "another tape")]
    fn refuses_a_var_of_another_tape() {
        let (mut one, mut two) = (Tape::<f64>::new(), Tape::<f64>::new());
        let x = one.constant(array![[1.0]]);
        two.constant(array![[5.0]]);
        two.relu(x);
    }

    #[test]
    fn constants_get_no_gradient_and_keep_no_backward_state() {
        let mut tape = Tape::<f64>::new();
        let x = tape.constant(array![[1.0]]);
        let y = tape.relu(x);
        assert!(tape.nodes[y.id].op.is_none());
        assert!(tape.backward(y).unwrap().of(x).is_none());
    }
}
