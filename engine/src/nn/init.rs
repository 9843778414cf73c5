//! Initial weights.

use rayon::prelude::*;

use crate::autograd::Scalar;
use crate::rng::{Purpose, stream_key};

/// How the weights of a new layer begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// Drawn as PyTorch does for linear layers, uniform in ±1/√inputs.
    Random {
        /// What the values depend on, beside the number of the parameter in its model.
        seed: u64,
    },
    /// Zero: a file is going to fill them.
    Zeros,
    /// Not at all: weight matrices hold no values, only names and shapes are wanted.
    ShapesOnly,
}

impl Init {
    /// The values of a parameter of a layer with `inputs` inputs, which is the `number`-th of its
    /// model.
    pub(super) fn values<F: Scalar>(self, len: usize, inputs: usize, number: usize) -> Vec<F> {
        match self {
            Init::Random { seed } => uniform_fan_in(len, inputs, seed, number),
            Init::Zeros | Init::ShapesOnly => vec![F::zero(); len],
        }
    }
}

/// Uniform in ±1/√`fan_in`, PyTorch's default for linear layers (weight and bias). The values
/// depend on the seed, the parameter's number and the place alone.
pub fn uniform_fan_in<F: Scalar>(len: usize, fan_in: usize, seed: u64, parameter: usize) -> Vec<F> {
    let key = stream_key(seed, Purpose::Init, parameter, 0);
    let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
    let mut values = vec![F::zero(); len];
    values
        .par_chunks_mut(4)
        .enumerate()
        .with_min_len(1 << 12)
        .for_each(|(block, chunk)| {
            for (value, word) in chunk.iter_mut().zip(key.block(block as u64)) {
                // 24 bits fill an f32's mantissa; both types start from the same numbers.
                let unit = f64::from(word >> 8) / f64::from(1 << 24);
                *value = F::of(bound * (2.0 * unit - 1.0));
            }
        });
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_the_interval_evenly_and_is_the_same_for_both_types() {
        let wide = uniform_fan_in::<f64>(10_001, 25, 3, 7);
        let narrow = uniform_fan_in::<f32>(10_001, 25, 3, 7);
        assert!(wide.iter().all(|x| x.abs() <= 0.2));
        assert!(
            wide.iter()
                .zip(&narrow)
                .all(|(a, b)| (*a as f32).to_bits() == b.to_bits())
        );
        let n = wide.len() as f64;
        let mean = wide.iter().sum::<f64>() / n;
        let var = wide.iter().map(|x| x * x).sum::<f64>() / n;
        assert!(mean.abs() <= 0.005, "mean {mean}");
        assert!((var - 0.04 / 3.0).abs() <= 0.0005, "variance {var}");
        assert_ne!(wide, uniform_fan_in::<f64>(10_001, 25, 3, 8));
    }
}
