//! What resampling draws: the same for all configurations that score the same actors, so that a table
//! draws once, and each of its rows only counts.

use std::sync::OnceLock;

use rayon::prelude::*;

use super::Resampling;
use super::actors::{ActorScores, Tally};
use crate::eval::metrics::Accuracy;
use crate::rng::{Purpose, Stream};

/// Draws for more actors than this are made anew whenever they are used: they would fill the memory.
const KEPT: usize = 512;

/// Actors whose signs are looked up together.
const TOGETHER: usize = 8;

/// Exchanges, or samples, that one thread looks at in a row.
const PIECE: usize = 1000;

/// The draws for a number of actors. What is not needed is not drawn.
#[derive(Debug)]
pub struct Draws {
    resampling: Resampling,
    actors: usize,
    most_seeds: usize,
    /// How often each sample draws each actor, `(samples, actors)`.
    times: OnceLock<Vec<u32>>,
    /// One bit for each actor of each exchange, eight actors to a byte; set where the sign changes.
    flips: OnceLock<Vec<u8>>,
}

impl Draws {
    /// For scores of the same actors, with at most as many seeds as any of them.
    pub fn of<'a>(
        scores: impl IntoIterator<Item = &'a ActorScores>,
        resampling: &Resampling,
    ) -> Self {
        let sizes = scores.into_iter().map(|one| (one.actors(), one.seeds()));
        let (actors, seeds) = sizes.fold((0, 1), |(a, s), (actors, seeds)| {
            (a.max(actors), s.max(seeds))
        });
        Self::for_actors(actors, seeds, resampling)
    }

    /// For so many actors and seeds.
    pub(super) fn for_actors(actors: usize, most_seeds: usize, resampling: &Resampling) -> Self {
        Self {
            resampling: *resampling,
            actors,
            most_seeds,
            times: OnceLock::new(),
            flips: OnceLock::new(),
        }
    }

    /// How intervals and p-values are computed with them.
    pub(super) fn resampling(&self) -> &Resampling {
        &self.resampling
    }

    /// How often a sample draws each actor.
    fn draw_times(&self, sample: usize) -> Vec<u32> {
        let mut times = vec![0; self.actors];
        let mut stream = Stream::new(self.resampling.seed, Purpose::Bootstrap, 0, sample);
        for _ in 0..self.actors {
            times[stream.below(self.actors)] += 1;
        }
        times
    }

    /// Calls a function with each sample's draws of actors; the results are in the order of the samples,
    /// so that the number of threads changes nothing.
    fn for_samples<T: Send>(&self, of: impl Fn(&[u32]) -> T + Sync) -> Vec<T> {
        let samples = 0..self.resampling.resamples;
        if self.actors > KEPT {
            let samples = samples.into_par_iter();
            return samples.map(|sample| of(&self.draw_times(sample))).collect();
        }
        let times = self.times.get_or_init(|| {
            let samples = samples.into_par_iter();
            let times: Vec<Vec<u32>> = samples.map(|sample| self.draw_times(sample)).collect();
            times.concat()
        });
        let samples = times.par_chunks(self.actors.max(1));
        samples.with_min_len(PIECE).map(&of).collect()
    }

    /// What each sample scores with the tallies of one seed.
    fn samples_of_seed(&self, seed: &[Tally]) -> Vec<Tally> {
        let counts = |count: fn(&Accuracy) -> usize| -> Vec<u32> {
            seed.iter()
                .map(|tally| count(&tally.accuracy) as u32)
                .collect()
        };
        let clips = counts(|accuracy| accuracy.clips);
        let blends = counts(|accuracy| accuracy.blends);
        let presence = counts(|accuracy| accuracy.presence_correct);
        let salience = counts(|accuracy| accuracy.salience_correct);
        let measured = seed.iter().any(|tally| tally.main != 0);
        let sum = |times: &[u32], counts: &[u32]| -> usize {
            let products = times.iter().zip(counts).map(|(&n, &count)| n * count);
            products.sum::<u32>() as usize
        };
        self.for_samples(|times| Tally {
            accuracy: Accuracy {
                clips: sum(times, &clips),
                blends: sum(times, &blends),
                presence_correct: sum(times, &presence),
                salience_correct: sum(times, &salience),
            },
            main: match measured {
                true => {
                    let sums = times.iter().zip(seed);
                    sums.map(|(&n, tally)| i128::from(n) * tally.main).sum()
                }
                false => 0,
            },
        })
    }

    /// What each sample scores: the drawn actors by each of the drawn seeds.
    pub(super) fn samples(&self, scores: &ActorScores) -> Vec<Tally> {
        let seeds = scores.seeds();
        let mut of_seeds = (0..seeds).map(|seed| self.samples_of_seed(scores.seed(seed)));
        if seeds == 1 {
            return of_seeds.next().unwrap_or_default();
        }
        let of_seeds: Vec<Vec<Tally>> = of_seeds.collect();
        let sample = |sample: usize| {
            let mut stream = Stream::new(self.resampling.seed, Purpose::Bootstrap, 1, sample);
            // The k-th draw is a place in [0, 1), so that equally many seeds draw the same ones.
            let places: Vec<f64> = (0..self.most_seeds).map(|_| stream.uniform()).collect();
            let mut sum = Tally::default();
            for place in &places[..seeds] {
                let seed = (place * seeds as f64) as usize;
                sum.add_times(&of_seeds[seed.min(seeds - 1)][sample], 1);
            }
            sum
        };
        let samples = (0..self.resampling.resamples).into_par_iter();
        samples.with_min_len(PIECE).map(sample).collect()
    }

    /// The signs that an exchange changes.
    fn draw_flips(&self, exchange: usize, flips: &mut [u8]) {
        let mut stream = Stream::new(self.resampling.seed, Purpose::Permutation, 0, exchange);
        flips.fill(0);
        for actor in 0..self.actors {
            if stream.below(2) != 0 {
                flips[actor / TOGETHER] |= 1 << (actor % TOGETHER);
            }
        }
    }

    /// How many random exchanges of these differences, at most one for each actor, have a sum at least as
    /// far from 0 as `observed`.
    pub(super) fn extreme(&self, differences: &[i128], observed: i128) -> u64 {
        let bytes = self.actors.div_ceil(TOGETHER).max(1);
        // What the signs of eight actors add, for each of their 256 patterns.
        let table = |of_byte: &[i128]| -> Vec<i128> {
            let of_pattern = |pattern: usize| -> i128 {
                let signed = of_byte
                    .iter()
                    .enumerate()
                    .map(|(bit, &d)| match pattern >> bit & 1 {
                        0 => d,
                        _ => -d,
                    });
                signed.sum()
            };
            (0..1 << TOGETHER).map(of_pattern).collect()
        };
        let tables: Vec<Vec<i128>> = differences.chunks(TOGETHER).map(table).collect();
        let is_extreme = |flips: &[u8]| {
            let sums = tables
                .iter()
                .zip(flips)
                .map(|(table, &byte)| table[usize::from(byte)]);
            sums.sum::<i128>().abs() >= observed
        };
        let exchanges = self.resampling.exchanges;
        if self.actors > KEPT {
            let extreme = |exchange| {
                let mut flips = vec![0; bytes];
                self.draw_flips(exchange, &mut flips);
                u64::from(is_extreme(&flips))
            };
            return (0..exchanges).into_par_iter().map(extreme).sum();
        }
        let flips = self.flips.get_or_init(|| {
            let mut all = vec![0; bytes * exchanges];
            let each = all.par_chunks_mut(bytes).enumerate();
            each.for_each(|(exchange, flips)| self.draw_flips(exchange, flips));
            all
        });
        let pieces = flips.par_chunks(bytes * PIECE);
        let count = |piece: &[u8]| {
            piece
                .chunks(bytes)
                .filter(|flips| is_extreme(flips))
                .count()
        };
        pieces.map(|piece| count(piece) as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws that are kept count what draws made anew do.
    #[test]
    fn exchanges_are_counted_as_if_each_were_added_up() {
        let resampling = Resampling {
            exchanges: 500,
            ..Resampling::default()
        };
        let differences: Vec<i128> = (0..21).map(|n| (n * n) % 11 - 4).collect();
        let added_up = |observed: i128| {
            let extreme = |exchange: &usize| {
                let mut stream = Stream::new(0, Purpose::Permutation, 0, *exchange);
                let signed = differences.iter().map(|&d| match stream.below(2) {
                    0 => d,
                    _ => -d,
                });
                signed.sum::<i128>().abs() >= observed
            };
            (0..500).filter(extreme).count() as u64
        };
        // More actors than differences: some do not differ.
        for actors in [21, 40, KEPT + 1] {
            let draws = Draws::for_actors(actors, 1, &resampling);
            for observed in [0, 5, 20, 60] {
                assert_eq!(draws.extreme(&differences, observed), added_up(observed));
            }
        }
    }
}
