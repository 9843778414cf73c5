//! Gradients: dense arrays, or the factors dYᵀX of a weight matrix, which the optimiser consumes
//! tile by tile.

use std::collections::HashMap;
use std::sync::Arc;

use blendfuse_kernels::adam::{Factor, FactorInput, factored_norm_squared};
use blendfuse_kernels::layout::{PackedRows, SelectedRows};
use blendfuse_kernels::linear::linear_backward_weight;
use ndarray::Array2;

use super::Scalar;
use super::value::{Var, mat_mut, mat_ref};

/// One term `dyᵀ x` of a weight's gradient.
#[derive(Clone, Debug)]
pub struct FactorPair<F> {
    /// `(B, outputs)`.
    pub dy: Array2<F>,
    /// `(B, inputs)`.
    pub x: LayerInput<F>,
}

/// The input of a layer with a packed weight.
#[derive(Clone, Debug)]
pub enum LayerInput<F> {
    /// All rows of all columns.
    Packed(Arc<PackedRows<F>>),
    /// Blocks of columns that count in some rows only.
    Selected(Arc<SelectedRows<F>>),
}

impl<F: Scalar> LayerInput<F> {
    /// The kernels' view of it.
    fn as_factor_input(&self) -> FactorInput<'_, F> {
        match self {
            LayerInput::Packed(x) => FactorInput::Packed(x),
            LayerInput::Selected(x) => FactorInput::Selected(x),
        }
    }
}

impl<F: Scalar> FactorPair<F> {
    /// The kernels' view of this pair.
    pub fn as_factor(&self) -> Factor<'_, F> {
        Factor {
            dy: mat_ref(&self.dy.view()),
            x: self.x.as_factor_input(),
        }
    }
}

/// The gradient of one leaf.
#[derive(Clone, Debug)]
pub enum Gradient<F> {
    /// Stored entry by entry.
    Dense(Array2<F>),
    /// The sum of the pairs' products, never formed.
    Factored(Vec<FactorPair<F>>),
}

impl<F: Scalar> Gradient<F> {
    /// The gradient as an array; for checks and inspection, not for training.
    pub fn to_dense(&self) -> Array2<F> {
        match self {
            Gradient::Dense(g) => g.clone(),
            Gradient::Factored(pairs) => {
                let shape = pairs
                    .first()
                    .map_or((0, 0), |pair| (pair.dy.ncols(), pair.as_factor().x.cols()));
                let mut sum = Array2::zeros(shape);
                for pair in pairs {
                    linear_backward_weight(
                        mat_ref(&pair.dy.view()),
                        &pair.as_factor().x.to_packed(),
                        mat_mut(&mut sum.view_mut()),
                    );
                }
                sum
            }
        }
    }

    /// Squared Frobenius norm; a factored gradient's comes from its Gram matrices.
    pub fn norm_squared(&self) -> f64 {
        match self {
            Gradient::Dense(g) => g.iter().map(|x| x.as_f64() * x.as_f64()).sum(),
            Gradient::Factored(pairs) => {
                let factors: Vec<_> = pairs.iter().map(FactorPair::as_factor).collect();
                factored_norm_squared(&factors)
            }
        }
    }

    /// Whether every stored number is finite.
    pub fn is_finite(&self) -> bool {
        match self {
            Gradient::Dense(g) => g.iter().all(|x| x.is_finite()),
            Gradient::Factored(pairs) => pairs
                .iter()
                .all(|pair| pair.dy.iter().all(|x| x.is_finite())),
        }
    }
}

/// The gradients that [`Tape::backward`](super::Tape::backward) computed, by leaf.
#[derive(Debug)]
pub struct Gradients<F> {
    pub(super) by_node: Vec<Option<Gradient<F>>>,
    pub(super) node_of_parameter: HashMap<usize, usize>,
    pub(super) tape: u64,
}

impl<F: Scalar> Gradients<F> {
    /// The gradient of a leaf; `None` if the loss does not depend on it.
    ///
    /// # Panics
    /// If `var` belongs to another tape.
    pub fn of(&self, var: Var) -> Option<&Gradient<F>> {
        assert_eq!(var.tape, self.tape, "a Var of another tape");
        self.by_node[var.id].as_ref()
    }

    /// The gradient of the parameter with this key; `None` if the loss does not depend on it.
    pub fn parameter(&self, key: usize) -> Option<&Gradient<F>> {
        self.by_node[*self.node_of_parameter.get(&key)?].as_ref()
    }

    /// Euclidean norm over all parameters, in the order of their keys.
    pub fn norm(&self) -> f64 {
        let mut keys: Vec<usize> = self.node_of_parameter.keys().copied().collect();
        keys.sort_unstable();
        keys.iter()
            .filter_map(|&key| self.parameter(key))
            .map(Gradient::norm_squared)
            .sum::<f64>()
            .sqrt()
    }
}
