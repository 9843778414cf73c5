//! Finds the operation where the first NaN or infinity arose, as PyTorch's `detect_anomaly` does.

use super::gradient::{Gradient, Gradients};
use super::op::Node;
use super::tape::step_back;
use super::{Scalar, Tape, Tensor, Var};
use crate::error::Result;
use ndarray::Array2;

/// The direction of a computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// From inputs to losses.
    Forward,
    /// From losses to gradients.
    Backward,
}

impl std::fmt::Display for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Pass::Forward => "forward",
            Pass::Backward => "backward",
        })
    }
}

/// An operation whose inputs were finite and whose result was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// The operation's name; "leaf" for an input or a parameter that was not finite itself.
    pub op: &'static str,
    /// The pass in which it happened.
    pub pass: Pass,
    /// Keys of the parameters that it takes; if it takes none, of the nearest ones before it.
    pub parameters: Vec<usize>,
}

impl<F: Scalar> Tape<F> {
    /// The first recorded value with a NaN or an infinity, in the order of computation; `None` if all are
    /// finite. Packed batches and weights are not read: they are leaves, which their owners check.
    pub fn first_not_finite(&self) -> Option<Anomaly> {
        let bad = |node: &Node<F>| match &node.value {
            Tensor::Dense(x) => !x.iter().all(|x| x.is_finite()),
            Tensor::PackedInput(_) | Tensor::PackedWeight(_) => false,
        };
        let id = self.nodes.iter().position(bad)?;
        Some(self.anomaly(id, Pass::Forward))
    }

    /// As [`Tape::backward`], but runs one operation at a time and checks every gradient. Gives the same
    /// gradients, or the first operation that turned finite gradients into one with a NaN or an
    /// infinity.
    ///
    /// # Errors
    /// As [`Tape::backward`].
    pub fn backward_checked(self, loss: Var) -> Result<std::result::Result<Gradients<F>, Anomaly>> {
        self.expect_shape("backward", "a loss", loss, (1, 1))?;
        let last = self.id(loss);
        let mut grads: Vec<Option<Gradient<F>>> = Vec::new();
        grads.resize_with(self.nodes.len(), || None);
        grads[last] = Some(Gradient::Dense(Array2::ones((1, 1))));
        for id in (0..=last).rev() {
            step_back(&self.nodes, id, 0, &mut grads);
            let mut inputs = self.nodes[id].inputs.iter();
            let bad = |input: &usize| grads[*input].as_ref().is_some_and(|g| !g.is_finite());
            if self.nodes[id].op.is_some() && inputs.any(bad) {
                return Ok(Err(self.anomaly(id, Pass::Backward)));
            }
        }
        Ok(Ok(self.gradients(grads)))
    }

    fn anomaly(&self, id: usize, pass: Pass) -> Anomaly {
        let op = self.nodes[id].op.as_ref();
        Anomaly {
            op: op.map_or("leaf", |op| op.name()),
            pass,
            parameters: self.nearest_parameters(id),
        }
    }

    /// Keys of the parameters that reach a node over the fewest operations, ascending.
    fn nearest_parameters(&self, id: usize) -> Vec<usize> {
        let mut level = vec![id];
        while !level.is_empty() {
            let known = self.node_of_parameter.iter();
            let mut found: Vec<usize> = known
                .filter(|(_, node)| level.contains(node))
                .map(|(key, _)| *key)
                .collect();
            if !found.is_empty() {
                found.sort_unstable();
                return found;
            }
            let inputs = level.iter().flat_map(|&id| self.nodes[id].inputs.iter());
            let mut next: Vec<usize> = inputs.copied().collect();
            next.sort_unstable();
            next.dedup();
            level = next;
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::autograd::{Backward, Op};

    /// Doubles; its backward pass gives NaN.
    struct Faulty;

    impl Op<f64> for Faulty {
        fn name(&self) -> &'static str {
            "faulty"
        }

        fn backward(&self, cx: &mut Backward<'_, f64>) {
            cx.accumulate(0, |mut dx| dx.fill(f64::NAN));
        }
    }

    #[test]
    fn the_forward_pass_names_the_op_and_its_parameter() {
        let mut tape = Tape::<f64>::new();
        let x = tape.constant(array![[1e200]]);
        let small: Tensor<f64> = array![[2.0]].into();
        let large: Tensor<f64> = array![[1e200]].into();
        let (w, v) = (
            tape.parameter(3, &small, true),
            tape.parameter(4, &large, true),
        );
        let y = tape.linear(x, w, None).unwrap();
        assert_eq!(tape.first_not_finite(), None);
        let z = tape.linear(y, v, None).unwrap();
        tape.relu(z);
        let found = tape.first_not_finite().unwrap();
        assert_eq!((found.op, found.pass), ("linear", Pass::Forward));
        assert_eq!(found.parameters, [4]);
    }

    #[test]
    fn a_leaf_that_is_not_finite_is_named_itself() {
        let mut tape = Tape::<f64>::new();
        let w: Tensor<f64> = array![[f64::INFINITY]].into();
        let w = tape.parameter(7, &w, true);
        tape.relu(w);
        let found = tape.first_not_finite().unwrap();
        assert_eq!((found.op, found.parameters), ("leaf", vec![7]));
    }

    #[test]
    fn the_backward_pass_names_the_op_whose_gradient_is_not_finite() {
        let mut tape = Tape::<f64>::new();
        let w: Tensor<f64> = array![[2.0]].into();
        let w = tape.parameter(9, &w, true);
        let y = tape.relu(w);
        let z = tape.push(array![[4.0]], &[y], Faulty);
        let loss = tape.relu(z);
        assert_eq!(tape.first_not_finite(), None);
        let found = tape.backward_checked(loss).unwrap().unwrap_err();
        assert_eq!((found.op, found.pass), ("faulty", Pass::Backward));
        assert_eq!(found.parameters, [9]);
    }
}
