//! Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy
//! as 1, 2, 3", SC 2011). A value depends on its key and counter alone, so any thread can compute
//! any element, and a resumed run draws what an uninterrupted one would have drawn.

const MULTIPLIER_0: u32 = 0xD251_1F53;
const MULTIPLIER_1: u32 = 0xCD9E_8D57;
const WEYL_0: u32 = 0x9E37_79B9;
const WEYL_1: u32 = 0xBB67_AE85;
const ROUNDS: usize = 10;

/// Four random words for one counter.
#[inline(always)]
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..ROUNDS {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL_0), key[1].wrapping_add(WEYL_1)];
        }
        let product_0 = u64::from(MULTIPLIER_0) * u64::from(counter[0]);
        let product_1 = u64::from(MULTIPLIER_1) * u64::from(counter[2]);
        counter = [
            (product_1 >> 32) as u32 ^ counter[1] ^ key[0],
            product_1 as u32,
            (product_0 >> 32) as u32 ^ counter[3] ^ key[1],
            product_0 as u32,
        ];
    }
    counter
}

/// Counters that [`StreamKey::fill`] advances side by side: a vector register of them at least.
const LANES: usize = 16;

/// A stream of random words: everything of a counter but the element's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamKey {
    /// The run's seed.
    pub seed: u64,
    /// What the stream is for (layer, purpose).
    pub stream: u32,
    /// The step (or epoch) that draws.
    pub step: u32,
}

impl StreamKey {
    /// Words `4 * block .. 4 * block + 4` of this stream.
    #[inline(always)]
    pub fn block(&self, block: u64) -> [u32; 4] {
        let counter = [block as u32, (block >> 32) as u32, self.step, self.stream];
        philox(counter, [self.seed as u32, (self.seed >> 32) as u32])
    }

    /// Words `first .. first + words.len()` of this stream, in a form that vectorises.
    #[inline(always)]
    pub fn fill(&self, first: u64, mut words: &mut [u32]) {
        let (mut block, mut skip) = (first / 4, (first % 4) as usize);
        while !words.is_empty() {
            let drawn = self.blocks(block);
            let drawn = &drawn.as_flattened()[skip..];
            let count = drawn.len().min(words.len());
            let (now, later) = words.split_at_mut(count);
            now.copy_from_slice(&drawn[..count]);
            (block, skip, words) = (block + LANES as u64, 0, later);
        }
    }

    /// [`StreamKey::block`] of 16 blocks from `first` on.
    #[inline(always)]
    fn blocks(&self, first: u64) -> [[u32; 4]; LANES] {
        let mut key = [self.seed as u32, (self.seed >> 32) as u32];
        let (mut c0, mut c1) = ([0; LANES], [0; LANES]);
        let (mut c2, mut c3) = ([self.step; LANES], [self.stream; LANES]);
        for ((c0, c1), block) in c0.iter_mut().zip(&mut c1).zip(first..) {
            *c0 = block as u32;
            *c1 = (block >> 32) as u32;
        }
        for round in 0..ROUNDS {
            if round > 0 {
                key = [key[0].wrapping_add(WEYL_0), key[1].wrapping_add(WEYL_1)];
            }
            let lanes = c0.iter_mut().zip(&mut c1).zip(&mut c2).zip(&mut c3);
            for (((c0, c1), c2), c3) in lanes {
                let product_0 = u64::from(MULTIPLIER_0) * u64::from(*c0);
                let product_1 = u64::from(MULTIPLIER_1) * u64::from(*c2);
                *c0 = (product_1 >> 32) as u32 ^ *c1 ^ key[0];
                *c1 = product_1 as u32;
                *c2 = (product_0 >> 32) as u32 ^ *c3 ^ key[1];
                *c3 = product_0 as u32;
            }
        }
        let mut words = [[0; 4]; LANES];
        for (lane, words) in words.iter_mut().enumerate() {
            *words = [c0[lane], c1[lane], c2[lane], c3[lane]];
        }
        words
    }

    /// Word `index` of this stream.
    #[inline(always)]
    pub fn word(&self, index: u64) -> u32 {
        self.block(index / 4)[(index % 4) as usize]
    }
}

/// Inverted dropout: element `index` is kept where its word reaches the rate, and then divided by
/// `1 − rate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// The stream that decides.
    pub key: StreamKey,
    /// The share of elements set to 0, in [0, 1).
    pub rate: f64,
}

impl Dropout {
    /// An element is kept if its word is at least this.
    #[inline(always)]
    pub fn threshold(&self) -> u64 {
        (self.rate * 4_294_967_296.0) as u64
    }

    /// What a kept element is multiplied by.
    #[inline(always)]
    pub fn scale(&self) -> f64 {
        1.0 / (1.0 - self.rate)
    }

    /// Whether element `index` (row-major number in the layer's output) is kept.
    #[inline(always)]
    pub fn keeps(&self, index: u64) -> bool {
        u64::from(self.key.word(index)) >= self.threshold()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known-answer vectors that Random123 ships for philox4x32-10.
    #[test]
    fn agrees_with_the_published_vectors() {
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn fills_with_the_words_it_numbers() {
        let key = StreamKey {
            seed: u64::MAX - 5,
            stream: 3,
            step: 11,
        };
        for first in [0, 1, 2, 3, 63, 64, u64::from(u32::MAX) * 4 - 7] {
            for len in [0, 1, 5, 63, 64, 65, 200] {
                let mut words = vec![0; len];
                key.fill(first, &mut words);
                let expected: Vec<u32> = (0..len as u64).map(|i| key.word(first + i)).collect();
                assert_eq!(words, expected);
            }
        }
    }

    #[test]
    fn keeps_the_share_that_the_rate_leaves() {
        let key = StreamKey {
            seed: 7,
            stream: 3,
            step: 11,
        };
        for rate in [0.0, 0.33, 0.9] {
            let dropout = Dropout { key, rate };
            let kept = (0..100_000).filter(|&i| dropout.keeps(i)).count() as f64 / 1e5;
            // Three standard errors of a binomial share.
            let tolerance = 3.0 * (rate * (1.0 - rate) / 1e5_f64).sqrt();
            assert!(
                (kept - (1.0 - rate)).abs() <= tolerance,
                "rate {rate}: kept {kept}"
            );
        }
    }
}
