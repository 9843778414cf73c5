//! The shift between training and test split in the features of one encoder.
//!
//! The measure is the energy coefficient of Székely and Rizzo ("Energy statistics: A class of
//! statistics based on distances", Journal of Statistical Planning and Inference 143, 2013): with X
//! and X' independent training clips and Y, Y' test clips, standardised as training does,
//!
//! H = (2 E|X − Y| − E|X − X'| − E|Y − Y'|) / (2 E|X − Y|),
//!
//! 0 if the two distributions are the same and 1 if each split is a single point; |·| is the
//! Euclidean distance over all columns. Means are over pairs of different clips, so that H does not
//! depend on their number (and may be slightly negative).
//!
//! New actors alone shift features. Random divisions of the training clips by actor show by how much:
//! H of the clips of as many actors as the test split has (a fifth of the training actors if unknown,
//! at most half of them) against the rest.

use serde::Serialize;

use crate::data::standardise::ColumnStats;
use crate::kernels::gemm::gemm;
use crate::kernels::pack::StoredRows;
use crate::kernels::view::{MatMut, MatRef};
use crate::rng::{Purpose, Stream};

/// Most clips of each split that are compared, evenly spaced.
const MAX_CLIPS: usize = 512;
/// Columns standardised at a time.
const COLUMNS: usize = 2048;
/// Rows per matrix product with all previous rows.
const ROWS: usize = 128;
/// Random divisions of the training actors.
const DIVISIONS: usize = 999;
/// The stream item of the divisions.
const ITEM: usize = 1;
/// Minimum number of training actors.
const MIN_ACTORS: usize = 4;

/// The shift between the splits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shift {
    /// The energy coefficient H of training and test clips, at most 1.
    pub energy: f64,
    /// Mean H over random divisions of the training actors; `None` if fewer than four are known.
    pub new_actors: Option<f64>,
    /// Its 95th percentile.
    pub new_actors_95: Option<f64>,
    /// The share of divisions with at least the shift of the test split: (1 + count) / 1,000.
    pub p_value: Option<f64>,
    /// Number of training and test clips compared.
    pub clips: [usize; 2],
}

/// Clips of one split.
pub(super) struct Sample<'a> {
    pub source: StoredRows<'a>,
    /// Their rows.
    pub rows: &'a [u32],
    /// The actor of each clip as a number, if known.
    pub actors: &'a [Option<usize>],
}

/// Measures the shift; `None` if a split has fewer than two clips.
pub(super) fn measure(train: &Sample<'_>, test: &Sample<'_>, stats: &ColumnStats) -> Option<Shift> {
    let (from, to) = (evenly(train.rows.len()), evenly(test.rows.len()));
    if from.len() < 2 || to.len() < 2 {
        return None;
    }
    let picked: Vec<(StoredRows<'_>, u32)> = from
        .iter()
        .map(|&at| (train.source, train.rows[at]))
        .chain(to.iter().map(|&at| (test.source, test.rows[at])))
        .collect();
    let distances = distances(&picked, stats);
    let count = picked.len();
    let is_test: Vec<bool> = (0..count).map(|at| at >= from.len()).collect();
    let energy = Sums::of(&distances, &is_test).energy();
    let actors: Vec<Option<usize>> = from.iter().map(|&at| train.actors[at]).collect();
    let mut test_actors: Vec<usize> = to.iter().filter_map(|&at| test.actors[at]).collect();
    test_actors.sort_unstable();
    test_actors.dedup();
    let mut shifts = divisions(&distances, count, &actors, test_actors.len());
    shifts.sort_by(f64::total_cmp);
    let told = !shifts.is_empty();
    let at_least = shifts.iter().filter(|&&shift| shift >= energy).count();
    let of = shifts.len() as f64;
    Some(Shift {
        energy,
        new_actors: told.then(|| shifts.iter().sum::<f64>() / of),
        new_actors_95: shifts.get(shifts.len() * 95 / 100).copied(),
        p_value: told.then(|| (1 + at_least) as f64 / (1.0 + of)),
        clips: [from.len(), to.len()],
    })
}

/// At most [`MAX_CLIPS`] indices, evenly spaced over `count`.
fn evenly(count: usize) -> Vec<usize> {
    let picked = count.min(MAX_CLIPS);
    (0..picked).map(|n| n * count / picked).collect()
}

/// Euclidean distances `(n, n)` between standardised rows.
fn distances(rows: &[(StoredRows<'_>, u32)], stats: &ColumnStats) -> Vec<f64> {
    let (n, cols) = (rows.len(), rows[0].0.cols);
    let kernel = stats.as_kernel();
    let mut products = vec![0.0f32; n * n];
    let mut block = vec![0.0f32; n * COLUMNS.min(cols)];
    for start in (0..cols).step_by(COLUMNS) {
        let width = COLUMNS.min(cols - start);
        let block = &mut block[..n * width];
        for (out, &(source, row)) in block.chunks_mut(width).zip(rows) {
            source.read(row as usize, start, out);
            let columns = kernel.mean[start..].iter().zip(&kernel.inv_std[start..]);
            for (x, (mean, inv_std)) in out.iter_mut().zip(columns) {
                *x = (*x - mean) * inv_std;
            }
        }
        let all = MatRef::row_major(block, n, width);
        // Only on and below the diagonal: the matrix is symmetric.
        for first in (0..n).step_by(ROWS) {
            let rows = first..n.min(first + ROWS);
            let below = &mut products[first * n..rows.end * n];
            let out = MatMut::new(below, rows.len(), rows.end, n);
            let before = all.part(0..rows.end, 0..width);
            gemm(1.0, all.part(rows, 0..width), before.transposed(), 1.0, out);
        }
    }
    let product = |a: usize, b: usize| f64::from(products[a * n + b]);
    let mut distances = vec![0.0; n * n];
    for a in 0..n {
        for b in 0..a {
            let square = product(a, a) + product(b, b) - 2.0 * product(a, b);
            let distance = square.max(0.0).sqrt();
            distances[a * n + b] = distance;
            distances[b * n + a] = distance;
        }
    }
    distances
}

/// Sums of distances over pairs of different clips, and the number of pairs: within the first group,
/// within the second, and between them.
#[derive(Clone, Copy, Default)]
struct Sums {
    sums: [f64; 3],
    pairs: [f64; 3],
}

impl Sums {
    /// The sums over all clips, with `second` marking the second group.
    fn of(distances: &[f64], second: &[bool]) -> Sums {
        let n = second.len();
        let mut sums = Sums::default();
        for a in 0..n {
            for b in 0..a {
                let kind = match (second[a], second[b]) {
                    (false, false) => 0,
                    (true, true) => 1,
                    _ => 2,
                };
                sums.sums[kind] += distances[a * n + b];
                sums.pairs[kind] += 1.0;
            }
        }
        sums
    }

    /// The energy coefficient; 0 if all distances between the groups are 0.
    fn energy(&self) -> f64 {
        let [within_first, within_second, between] =
            std::array::from_fn(|kind| self.sums[kind] / self.pairs[kind].max(1.0));
        if between > 0.0 {
            (2.0 * between - within_first - within_second) / (2.0 * between)
        } else {
            0.0
        }
    }
}

/// The energy coefficients of random divisions of the first clips by actor. `n` is the side of
/// `distances`.
fn divisions(distances: &[f64], n: usize, actors: &[Option<usize>], held_out: usize) -> Vec<f64> {
    let mut names: Vec<usize> = actors.iter().flatten().copied().collect();
    names.sort_unstable();
    names.dedup();
    let groups = names.len();
    if groups < MIN_ACTORS {
        return Vec::new();
    }
    // A single name for all test clips need not be an actor.
    let wanted = if held_out > 1 { held_out } else { groups / 5 };
    let wanted = wanted.clamp(1, groups / 2);
    // Sums between actors make a division cheap.
    let mut sums = vec![0.0; groups * groups];
    let mut sizes = vec![0.0; groups];
    let places: Vec<Option<usize>> = actors
        .iter()
        .map(|actor| actor.and_then(|actor| names.binary_search(&actor).ok()))
        .collect();
    for (a, place) in places.iter().enumerate() {
        let Some(row) = *place else { continue };
        sizes[row] += 1.0;
        for (b, place) in places[..a].iter().enumerate() {
            let Some(column) = *place else { continue };
            sums[row.max(column) * groups + row.min(column)] += distances[a * n + b];
        }
    }
    let mut order: Vec<usize> = (0..groups).collect();
    let mut stream = Stream::new(0, Purpose::Permutation, ITEM, 0);
    let shift = |_| {
        stream.shuffle(&mut order);
        let mut second = vec![false; groups];
        order[..wanted]
            .iter()
            .for_each(|&group| second[group] = true);
        let mut total = Sums::default();
        for a in 0..groups {
            for b in 0..=a {
                let pairs = match a == b {
                    true => sizes[a] * (sizes[a] - 1.0) / 2.0,
                    false => sizes[a] * sizes[b],
                };
                let kind = match (second[a], second[b]) {
                    (false, false) => 0,
                    (true, true) => 1,
                    _ => 2,
                };
                total.sums[kind] += sums[a * groups + b];
                total.pairs[kind] += pairs;
            }
        }
        total.energy()
    };
    (0..DIVISIONS).map(shift).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::pack::{RowValues, StoredValues};

    /// `clips` of ten actors in 5 columns; each actor has an offset of length `actor`, and all are
    /// shifted by `shift`.
    fn part(seed: usize, clips: usize, shift: f32, actor: f32) -> Vec<f32> {
        let mut noise = Stream::new(1, Purpose::Test, seed, 0);
        let mut draw = || (0..12).map(|_| noise.uniform() as f32).sum::<f32>() - 6.0;
        let offsets: Vec<f32> = (0..50).map(|_| actor * draw()).collect();
        (0..clips * 5)
            .map(|at| draw() + shift + offsets[(at / 5 % 10) * 5 + at % 5])
            .collect()
    }

    fn shift(train: &[f32], test: &[f32], actors: bool) -> Shift {
        let source = |values| StoredRows {
            values: StoredValues::Memory(RowValues::F32(values)),
            cols: 5,
        };
        let rows = |values: &[f32]| -> Vec<u32> { (0..values.len() as u32 / 5).collect() };
        let names = |rows: &[u32], first: usize| -> Vec<Option<usize>> {
            rows.iter()
                .map(|&row| actors.then_some(first + row as usize % 10))
                .collect()
        };
        let (from, to) = (rows(train), rows(test));
        let stats = ColumnStats::fit(source(train), &from);
        let (a, b) = (names(&from, 0), names(&to, 100));
        let train = Sample {
            source: source(train),
            rows: &from,
            actors: &a,
        };
        let test = Sample {
            source: source(test),
            rows: &to,
            actors: &b,
        };
        measure(&train, &test, &stats).unwrap()
    }

    #[test]
    fn it_is_what_the_definition_says() {
        // On a line after standardisation by mean 1 and deviation 1: −1, 1 and 3, 5.
        let source = |values| StoredRows {
            values: StoredValues::Memory(RowValues::F32(values)),
            cols: 1,
        };
        let (a, b) = ([0.0, 2.0], [4.0, 6.0]);
        let stats = ColumnStats::fit(source(&a), &[0, 1]);
        let train = Sample {
            source: source(&a),
            rows: &[0, 1],
            actors: &[None; 2],
        };
        let test = Sample {
            source: source(&b),
            rows: &[0, 1],
            actors: &[None; 2],
        };
        let shift = measure(&train, &test, &stats).unwrap();
        // Between: 4, 6, 2, 4; within: 2 each.
        assert!((shift.energy - (2.0 * 4.0 - 2.0 - 2.0) / 8.0).abs() < 1e-6);
        assert_eq!((shift.new_actors, shift.p_value), (None, None));
        assert_eq!(shift.clips, [2, 2]);
    }

    #[test]
    fn a_shift_shows_and_new_actors_alone_are_no_surprise() {
        let train = part(1, 300, 0.0, 0.5);
        let same = shift(&train, &part(2, 200, 0.0, 0.5), true);
        let moved = shift(&train, &part(2, 200, 2.0, 0.5), true);
        assert!(
            moved.energy > 0.3 && moved.p_value == Some(0.001),
            "{moved:?}"
        );
        assert!(
            same.energy < 0.1 && same.p_value.unwrap() > 0.01,
            "{same:?}"
        );
        assert!(same.new_actors.unwrap() > 0.005, "{same:?}");
        assert!(same.new_actors.unwrap() < same.new_actors_95.unwrap());
        let unknown = shift(&train, &part(2, 200, 0.0, 0.5), false);
        assert_eq!((unknown.energy, unknown.p_value), (same.energy, None));
    }

    #[test]
    fn without_a_shift_it_is_nearly_nothing_for_any_number_of_clips() {
        for clips in [40, 700] {
            let found = shift(&part(3, clips, 0.0, 0.0), &part(4, 60, 0.0, 0.0), true);
            assert!(found.energy.abs() < 0.02, "{found:?}");
            assert_eq!(found.clips, [clips.min(MAX_CLIPS), 60]);
        }
    }
}
