//! A random forest on soft labels (Breiman 2001).
//!
//! One tree has all shares of a clip as its outputs and minimises their summed variance. For labels of one
//! emotion each that is the Gini impurity: the forest is then scikit-learn's `RandomForestClassifier`, for
//! others its `RandomForestRegressor` with `max_features="sqrt"`. Every setting is scikit-learn's default.

mod tree;

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use self::tree::{Grown, Tree};
use crate::rng::{Purpose, Stream};
use crate::train::Stop;

/// Number of trees.
pub const TREES: usize = 100;

/// A fitted forest.
pub struct Forest {
    trees: Vec<Tree>,
    classes: usize,
}

impl Forest {
    /// Fits to rows `(rows, columns)` with soft labels `y (rows, classes)`: each tree to as many rows as there
    /// are, drawn with replacement, with √columns of the columns tried at each node. The number of threads
    /// does not matter. `None` once `stop` is requested.
    pub fn fit(x: &Array2<f32>, y: &Array2<f64>, seed: u64, stop: &Stop) -> Option<Self> {
        let columns = x.t().as_standard_layout().into_owned();
        let tree = |number: usize| {
            let counts = bootstrap(x.nrows(), seed, number);
            let grown = Grown {
                columns: columns.view(),
                shares: y.view(),
                counts: &counts,
                tried: x.ncols().isqrt().max(1),
            };
            let mut random = Stream::new(seed, Purpose::Forest, 1, number);
            (!stop.is_asked()).then(|| Tree::grow(grown, &mut random))
        };
        Some(Self {
            trees: (0..TREES)
                .into_par_iter()
                .map(tree)
                .collect::<Option<_>>()?,
            classes: y.ncols(),
        })
    }

    /// Distributions over the classes of rows with the same columns, `(rows, classes)`: means over the trees.
    pub fn distribution(&self, x: ArrayView2<'_, f32>) -> Array2<f64> {
        let mut found = Array2::zeros((x.nrows(), self.classes));
        for (mut to, row) in found.axis_iter_mut(Axis(0)).zip(x.rows()) {
            for tree in &self.trees {
                let shares = tree.shares(row);
                to.iter_mut().zip(shares).for_each(|(to, y)| *to += y);
            }
            to /= self.trees.len() as f64;
        }
        found
    }

    /// Number of splits of all trees.
    pub fn splits(&self) -> usize {
        self.trees.iter().map(Tree::splits).sum()
    }
}

/// How often each row is drawn for a tree.
fn bootstrap(rows: usize, seed: u64, tree: usize) -> Vec<u32> {
    let mut random = Stream::new(seed, Purpose::Forest, 0, tree);
    let mut counts = vec![0; rows];
    for _ in 0..rows {
        counts[random.below(rows)] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows whose class follows from two columns of many, noise added.
    fn made(rows: usize) -> (Array2<f32>, Array2<f64>) {
        let mut random = Stream::new(5, Purpose::Test, 0, 0);
        let mut x = Array2::from_shape_simple_fn((rows, 30), || random.uniform() as f32);
        let mut y = Array2::zeros((rows, 3));
        for row in 0..rows {
            x[[row, row % 3]] += 1.0;
            y[[row, row % 3]] = 0.8;
            y[[row, (row + 1) % 3]] = 0.2;
        }
        (x, y)
    }

    #[test]
    fn a_forest_learns_shares_and_its_rows_sum_to_one() {
        let (x, y) = made(300);
        let (to_fit, new) = x.view().split_at(Axis(0), 200);
        let shares = y.select(Axis(0), &(0..200).collect::<Vec<_>>());
        let forest = Forest::fit(&to_fit.to_owned(), &shares, 0, &Stop::default()).unwrap();
        let found = forest.distribution(new);
        let error = |p: &dyn Fn(usize, usize) -> f64| -> f64 {
            let rows = (0..100).flat_map(|row| (0..3).map(move |k| (row, k)));
            rows.map(|(row, k)| (p(row, k) - y[[200 + row, k]]).powi(2))
                .sum()
        };
        assert!(error(&|row, k| found[[row, k]]) < 0.5 * error(&|_, _| 1.0 / 3.0));
        for row in found.rows() {
            assert!((row.sum() - 1.0).abs() <= 1e-12);
        }
        assert!(forest.splits() > TREES);
    }

    #[test]
    fn the_seed_decides_every_bit_and_the_threads_none() {
        let (x, y) = made(60);
        let run = |threads, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let fit = || Forest::fit(&x, &y, seed, &Stop::default()).unwrap();
            pool.build().unwrap().install(fit).distribution(x.view())
        };
        let one = run(1, 0);
        assert_eq!(run(3, 0), one);
        assert_ne!(run(1, 1), one);
    }

    #[test]
    fn a_bootstrap_sample_leaves_out_a_third() {
        let counts = bootstrap(1000, 0, 3);
        assert_eq!(counts.iter().sum::<u32>(), 1000);
        let left_out = counts.iter().filter(|count| **count == 0).count();
        assert!((330..410).contains(&left_out), "{left_out}");
        assert_ne!(counts, bootstrap(1000, 0, 4));
    }

    #[test]
    fn a_request_to_stop_ends_the_fit() {
        let (x, y) = made(30);
        let stop = Stop::default();
        stop.ask();
        assert!(Forest::fit(&x, &y, 0, &stop).is_none());
    }
}
