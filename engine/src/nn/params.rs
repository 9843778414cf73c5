//! The parameters and running statistics of a model, by the names that files give them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use blendfuse_kernels::layout::Panels;
use rayon::prelude::*;

use super::Init;
use crate::autograd::{Scalar, Tape, Tensor, Var};

/// Names a parameter of one [`Params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamId(usize);

impl ParamId {
    /// Its place in the order of creation: the key of its gradient.
    pub fn index(self) -> usize {
        self.0
    }
}

/// One named parameter or running statistic.
#[derive(Clone, Debug)]
pub struct Param<F> {
    /// Name as in a PyTorch `state_dict`.
    pub name: String,
    /// The value; vectors are `(1, n)`.
    pub tensor: Tensor<F>,
    /// Shape as files have it: `[n]` or `[outputs, inputs]`.
    pub shape: Vec<usize>,
    /// Whether the optimiser changes it; running statistics are not trainable.
    pub trainable: bool,
    // Of these values, see `Params::generation`.
    generation: u64,
}

impl<F> Param<F> {
    /// Tells the values of now from those before; to be called after every change.
    pub(super) fn raise_generation(&mut self) {
        self.generation = next_generation();
    }
}

/// One counter for all parameters of all models, so that no two share a generation by chance.
fn next_generation() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// How weight matrices are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightLayout {
    /// In packed panels, with factored gradients: how models train.
    #[default]
    Packed,
    /// Row-major, with stored gradients: the slow route that checks the other.
    RowMajor,
}

/// All parameters of a model, in the order of their creation.
#[derive(Clone, Debug, Default)]
pub struct Params<F> {
    list: Vec<Param<F>>,
    by_name: HashMap<String, ParamId>,
    layout: WeightLayout,
}

impl<F: Scalar> Params<F> {
    /// No parameters yet; weights are held in packed panels.
    pub fn new() -> Self {
        Self::with_layout(WeightLayout::Packed)
    }

    /// No parameters yet; weights are held in `layout`.
    pub fn with_layout(layout: WeightLayout) -> Self {
        Self {
            list: Vec::new(),
            by_name: HashMap::new(),
            layout,
        }
    }

    /// Adds the weight matrix of a layer, `(outputs, inputs)`.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn add_weight(&mut self, name: &str, outputs: usize, inputs: usize, init: Init) -> ParamId {
        let tensor = match (init, self.layout) {
            (Init::Random { .. }, _) | (Init::Zeros, WeightLayout::RowMajor) => {
                let values = init.values(outputs * inputs, inputs, self.len());
                return self.add_matrix(name, outputs, inputs, values);
            }
            (Init::Zeros, WeightLayout::Packed) => {
                Tensor::PackedWeight(Arc::new(Panels::zeros(outputs, inputs)))
            }
            (Init::ShapesOnly, _) => Tensor::dense(0, 0, Vec::new()),
        };
        self.add(name, tensor, vec![outputs, inputs], true)
    }

    /// Adds a weight matrix `(outputs, inputs)` from row-major values.
    ///
    /// # Panics
    /// If the name is taken or the values do not fill the shape.
    pub fn add_matrix(
        &mut self,
        name: &str,
        outputs: usize,
        inputs: usize,
        values: Vec<F>,
    ) -> ParamId {
        let tensor = match self.layout {
            WeightLayout::Packed => {
                Tensor::PackedWeight(Arc::new(Panels::from_row_major(&values, outputs, inputs)))
            }
            WeightLayout::RowMajor => Tensor::dense(outputs, inputs, values),
        };
        self.add(name, tensor, vec![outputs, inputs], true)
    }

    /// Adds a vector; one that is not `trainable` is a running statistic or a constant.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn add_vector(&mut self, name: &str, values: Vec<F>, trainable: bool) -> ParamId {
        let len = values.len();
        self.add(name, Tensor::dense(1, len, values), vec![len], trainable)
    }

    fn add(
        &mut self,
        name: &str,
        tensor: Tensor<F>,
        shape: Vec<usize>,
        trainable: bool,
    ) -> ParamId {
        let id = ParamId(self.list.len());
        let taken = self.by_name.insert(name.to_owned(), id);
        assert!(taken.is_none(), "two parameters named {name}");
        self.list.push(Param {
            name: name.to_owned(),
            tensor,
            shape,
            trainable,
            generation: next_generation(),
        });
        id
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (ParamId, &Param<F>)> {
        self.list
            .iter()
            .enumerate()
            .map(|(i, param)| (ParamId(i), param))
    }

    /// All of them, to change; the `i`-th has key `i`.
    pub(super) fn list_mut(&mut self) -> &mut [Param<F>] {
        &mut self.list
    }

    /// One of them.
    pub fn get(&self, id: ParamId) -> &Param<F> {
        &self.list[id.0]
    }

    /// A number that grows whenever the values of this parameter change: by a step of the optimiser or
    /// otherwise. Two parameters share it only if one is a clone of the other and neither has changed.
    pub fn generation(&self, id: ParamId) -> u64 {
        self.list[id.0].generation
    }

    /// The one with this name.
    pub fn find(&self, name: &str) -> Option<ParamId> {
        self.by_name.get(name).copied()
    }

    /// How many there are, running statistics included.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The name of the first that holds NaN or an infinity.
    pub fn first_not_finite(&self) -> Option<&str> {
        let finite = |tensor: &Tensor<F>| match tensor {
            Tensor::Dense(x) => x.iter().all(|x| x.is_finite()),
            Tensor::PackedWeight(x) => x.as_slice().par_iter().all(|x| x.is_finite()),
            // A packed batch is never a parameter.
            Tensor::PackedInput(_) => true,
        };
        let param = self.list.iter().find(|param| !finite(&param.tensor))?;
        Some(&param.name)
    }

    /// Trainable numbers in all.
    pub fn trainable_count(&self) -> usize {
        self.list
            .iter()
            .filter(|p| p.trainable)
            .map(|p| p.shape.iter().product::<usize>())
            .sum()
    }

    /// This parameter's leaf on a tape.
    pub fn leaf(&self, tape: &mut Tape<F>, id: ParamId) -> Var {
        let param = self.get(id);
        tape.parameter(id.0, &param.tensor, param.trainable)
    }

    /// A weight matrix in packed panels: shared where it is held so, else packed now.
    pub fn panels(&self, id: ParamId) -> Arc<Panels<F>> {
        match &self.list[id.0].tensor {
            Tensor::PackedWeight(panels) => Arc::clone(panels),
            other => {
                let (rows, cols) = other.shape();
                Arc::new(Panels::from_row_major(&other.to_row_major(), rows, cols))
            }
        }
    }

    /// A vector's values.
    ///
    /// # Panics
    /// If the parameter is a packed matrix.
    pub fn vector(&self, id: ParamId) -> &[F] {
        match &self.list[id.0].tensor {
            Tensor::Dense(x) => x.as_slice().expect("parameters are row-major"),
            Tensor::PackedInput(_) | Tensor::PackedWeight(_) => {
                panic!("{} is a matrix", self.list[id.0].name)
            }
        }
    }

    /// A vector's values, to change.
    ///
    /// # Panics
    /// If the parameter is a packed matrix.
    pub fn vector_mut(&mut self, id: ParamId) -> &mut [F] {
        let param = &mut self.list[id.0];
        param.raise_generation();
        match &mut param.tensor {
            Tensor::Dense(x) => x.as_slice_mut().expect("parameters are row-major"),
            Tensor::PackedInput(_) | Tensor::PackedWeight(_) => {
                panic!("{} is a matrix", param.name)
            }
        }
    }

    /// Replaces the values, some rows at a time: `read` puts the rows from the given one on into a
    /// row-major slice (a vector is one row).
    ///
    /// # Errors
    /// What `read` gives; the values are then undefined.
    pub fn fill<E: Send>(
        &mut self,
        id: ParamId,
        read: impl Fn(usize, &mut [F]) -> Result<(), E> + Send + Sync,
    ) -> Result<(), E> {
        let param = &mut self.list[id.0];
        param.raise_generation();
        match &mut param.tensor {
            Tensor::PackedWeight(panels) => Arc::make_mut(panels).fill(read),
            other => {
                let (rows, cols) = other.shape();
                let mut values = vec![F::zero(); rows * cols];
                read(0, &mut values)?;
                *other = Tensor::dense(rows, cols, values);
                Ok(())
            }
        }
    }

    /// Replaces the values, given in row-major order.
    ///
    /// # Panics
    /// If their number is not that of the shape.
    pub fn set(&mut self, id: ParamId, values: Vec<F>) {
        let param = &mut self.list[id.0];
        param.raise_generation();
        let (rows, cols) = param.tensor.shape();
        param.tensor = match param.tensor {
            Tensor::PackedWeight(_) => {
                Tensor::PackedWeight(Arc::new(Panels::from_row_major(&values, rows, cols)))
            }
            _ => Tensor::dense(rows, cols, values),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_give_back_what_was_put_in() {
        for layout in [WeightLayout::Packed, WeightLayout::RowMajor] {
            let mut params = Params::<f32>::with_layout(layout);
            let id = params.add_matrix("w", 3, 2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
            assert_eq!(
                params.get(id).tensor.to_row_major(),
                [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
            );
            params.set(id, vec![9.0; 6]);
            assert_eq!(params.get(id).tensor.to_row_major(), [9.0; 6]);
            assert_eq!(params.find("w"), Some(id));
            assert_eq!(params.trainable_count(), 6);
        }
    }
}
