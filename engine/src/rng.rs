//! Randomness: named, counter-based streams. Nothing else draws random numbers.

use std::convert::Infallible;

use blendfuse_kernels::counter::StreamKey;
use rand_core::TryRng;

/// What a stream is for; part of its key, so that no two uses share numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Initial weights; the item is the parameter.
    Init = 1,
    /// Order of the labelled rows; the step is the epoch.
    Shuffle = 2,
    /// Order of the unlabelled target rows; the step is the pass over them.
    TargetShuffle = 3,
    /// Dropout masks; the item is the layer, the step the optimiser step.
    Dropout = 4,
    /// Synthetic data; the item is the encoder.
    Synth = 5,
    /// Random directions of the gradient check and other tests.
    Test = 6,
    /// Bootstrap samples: item 0 draws actors, 1 seeds, 2 encoders; the step is the sample.
    Bootstrap = 7,
    /// Exchanges of two configurations; the step is the exchange.
    Permutation = 8,
    /// Hyper-parameters that are tried; the step is the number of the configuration.
    Sweep = 9,
    /// Anything that another program draws; the item tells its uses apart.
    Application = 10,
    /// Groups that are assigned to folds.
    Folds = 11,
    /// Random forests: item 0 draws the rows of a tree, 1 the columns of its nodes; the step is the tree.
    Forest = 12,
}

/// The key of a stream: `item` tells layers, parameters or encoders apart (below 2²⁴).
pub fn stream_key(seed: u64, purpose: Purpose, item: usize, step: usize) -> StreamKey {
    StreamKey {
        seed,
        stream: ((purpose as u32) << 24) | (item as u32 & 0x00ff_ffff),
        step: step as u32,
    }
}

/// A sequential reader of one stream, usable wherever a `rand::Rng` is needed.
#[derive(Clone, Debug)]
pub struct Stream {
    key: StreamKey,
    next: u64,
}

impl Stream {
    /// A stream from its beginning.
    pub fn new(seed: u64, purpose: Purpose, item: usize, step: usize) -> Self {
        Self {
            key: stream_key(seed, purpose, item, step),
            next: 0,
        }
    }

    /// Uniform in [0, 1), with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        let word = (u64::from(self.word()) << 32) | u64::from(self.word());
        (word >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in 0 .. bound.
    pub fn below(&mut self, bound: usize) -> usize {
        // Multiply-shift; the bias, below bound / 2⁶⁴, is far under any count we draw.
        let word = (u64::from(self.word()) << 32) | u64::from(self.word());
        ((u128::from(word) * bound as u128) >> 64) as usize
    }

    /// Fisher–Yates shuffle.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    fn word(&mut self) -> u32 {
        let word = self.key.word(self.next);
        self.next += 1;
        word
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok((u64::from(self.word()) << 32) | u64::from(self.word()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.word().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffles_to_a_permutation_that_depends_on_every_part_of_the_key() {
        let order = |seed, item, step| {
            let mut items: Vec<usize> = (0..100).collect();
            Stream::new(seed, Purpose::Shuffle, item, step).shuffle(&mut items);
            items
        };
        let base = order(1, 0, 0);
        let mut sorted = base.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
        assert_eq!(base, order(1, 0, 0));
        for other in [order(2, 0, 0), order(1, 1, 0), order(1, 0, 1)] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn uniform_fills_the_unit_interval() {
        let mut stream = Stream::new(3, Purpose::Test, 0, 0);
        let draws: Vec<f64> = (0..10_000).map(|_| stream.uniform()).collect();
        assert!(draws.iter().all(|x| (0.0..1.0).contains(x)));
        let mean = draws.iter().sum::<f64>() / 1e4;
        assert!((mean - 0.5).abs() < 0.02, "mean {mean}");
    }
}
