//! Multinomial logistic regression on soft labels, its penalty chosen inside the training clips.
//!
//! It minimises C Σᵢ −Σₖ yᵢₖ ln pᵢₖ + ½ ‖W‖², the objective of scikit-learn's `LogisticRegression`, with
//! the soft label y in place of a class; the intercepts are not penalised. For labels of one emotion
//! each both have the same minimum.

mod coordinates;
mod lbfgs;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use self::coordinates::Coordinates;
use self::lbfgs::minimise;

/// The values of C that are tried, from the strongest penalty.
pub const PENALTIES: [f64; 6] = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0];

/// The largest component of the gradient of the mean objective at which a fit has converged;
/// scikit-learn's default.
const TOLERANCE: f64 = 1e-4;

/// Maximum number of steps of one fit.
const STEPS: usize = 500;

/// A fitted model.
pub struct Logistic {
    coordinates: Coordinates,
    fit: Fit,
}

/// Weights in coordinates, with how they were found.
#[derive(Clone)]
struct Fit {
    /// `(coordinates + 1, classes)`; the last row is the intercepts.
    weights: Array2<f64>,
    steps: usize,
    converged: bool,
}

impl Logistic {
    /// Fits to rows `(rows, columns)` with soft labels `y (rows, classes)`. C is the one of [`PENALTIES`]
    /// with the lowest cross-entropy on rows that were left out, one of the `groups` after the other; of
    /// equal ones the strongest penalty. With one group the middle value is taken.
    pub fn fit(x: &Array2<f32>, y: &Array2<f64>, groups: &[usize]) -> Self {
        let (coordinates, rows) = Coordinates::fit(x);
        let penalty = choose_penalty(&rows, y, groups);
        // From the strongest penalty on, as in the choice: each fit starts where the one before ended.
        let path = PENALTIES.iter().take_while(|c| **c <= penalty);
        let mut fit = Fit::zero(rows.ncols(), y.ncols());
        for &c in path {
            fit = fit.refined(rows.view(), y.view(), c);
        }
        Self { coordinates, fit }
    }

    /// Distributions over the classes of rows with the same columns, `(rows, classes)`.
    pub fn distribution(&self, x: &Array2<f32>) -> Array2<f64> {
        self.fit.distribution(self.coordinates.of(x).view())
    }

    /// Number of weights of the model on the columns themselves.
    pub fn parameters(&self, columns: usize) -> usize {
        (columns + 1) * self.fit.weights.ncols()
    }

    /// Number of steps of the last fit.
    pub fn steps(&self) -> usize {
        self.fit.steps
    }

    /// Whether the last fit converged.
    pub fn converged(&self) -> bool {
        self.fit.converged
    }
}

fn choose_penalty(rows: &Array2<f64>, y: &Array2<f64>, groups: &[usize]) -> f64 {
    let mut distinct = groups.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 2 {
        return PENALTIES[PENALTIES.len() / 2];
    }
    let mut sums = [0.0; PENALTIES.len()];
    for group in distinct {
        let (inside, outside): (Vec<usize>, Vec<usize>) =
            (0..groups.len()).partition(|&row| groups[row] == group);
        let [train, held_out] = [&outside, &inside].map(|of| rows.select(Axis(0), of));
        let [to_fit, to_score] = [&outside, &inside].map(|of| y.select(Axis(0), of));
        let mut fit = Fit::zero(rows.ncols(), y.ncols());
        for (sum, &c) in sums.iter_mut().zip(&PENALTIES) {
            fit = fit.refined(train.view(), to_fit.view(), c);
            *sum += cross_entropy(&fit.log_probabilities(held_out.view()), to_score.view());
        }
    }
    let mut best = 0;
    for (place, sum) in sums.iter().enumerate() {
        if *sum < sums[best] {
            best = place;
        }
    }
    PENALTIES[best]
}

impl Fit {
    fn zero(columns: usize, classes: usize) -> Self {
        Self {
            weights: Array2::zeros((columns + 1, classes)),
            steps: 0,
            converged: false,
        }
    }

    /// The fit with this C, from the present weights on.
    fn refined(&self, x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, c: f64) -> Self {
        let shape = self.weights.dim();
        let n = x.nrows() as f64;
        let ridge = 1.0 / (c * n);
        let objective = |flat: &Array1<f64>| {
            let weights = as_matrix(flat.view(), shape);
            let (slopes, _) = weights.view().split_at(Axis(0), shape.0 - 1);
            let log_p = log_probabilities(x, weights.view());
            let penalty = 0.5 * ridge * slopes.iter().map(|w| w * w).sum::<f64>();
            let mut residual = log_p.mapv(libm::exp) * y.sum_axis(Axis(1)).insert_axis(Axis(1));
            residual -= &y;
            residual /= n;
            let mut of_slopes = x.t().dot(&residual);
            of_slopes.scaled_add(ridge, &slopes);
            let gradient = of_slopes.iter().copied().chain(residual.sum_axis(Axis(0)));
            let value = cross_entropy(&log_p, y) / n + penalty;
            (value, gradient.collect())
        };
        let start = Array1::from_iter(self.weights.iter().copied());
        let found = minimise(start, TOLERANCE, STEPS, objective);
        Self {
            weights: as_matrix(found.x.view(), shape).to_owned(),
            steps: found.steps,
            converged: found.converged,
        }
    }

    fn log_probabilities(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        log_probabilities(x, self.weights.view())
    }

    fn distribution(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        self.log_probabilities(x).mapv(libm::exp)
    }
}

fn as_matrix(flat: ArrayView1<'_, f64>, (rows, columns): (usize, usize)) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(row, column)| {
        flat[row * columns + column]
    })
}

/// Rows of the logarithm of the softmax, `(rows, classes)`.
fn log_probabilities(x: ArrayView2<'_, f64>, weights: ArrayView2<'_, f64>) -> Array2<f64> {
    let (slopes, intercepts) = weights.split_at(Axis(0), weights.nrows() - 1);
    let mut logits = x.dot(&slopes);
    logits += &intercepts;
    for mut row in logits.rows_mut() {
        let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|z| libm::exp(z - most)).sum();
        row -= most + libm::log(sum);
    }
    logits
}

/// −Σ y ln p over all rows, in nats.
fn cross_entropy(log_p: &Array2<f64>, y: ArrayView2<'_, f64>) -> f64 {
    let terms = log_p.iter().zip(y).filter(|(_, y)| **y > 0.0);
    -terms.map(|(log_p, y)| y * log_p).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows in three groups whose class follows from two columns; the rest is noise.
    fn made(rows: usize, columns: usize) -> (Array2<f32>, Array2<f64>, Vec<usize>) {
        let noise = |i: usize| ((i * 2_654_435_761) >> 7) % 1000;
        let x = Array2::from_shape_fn((rows, columns), |(i, j)| {
            let shift = if j == i % 3 { 2.0 } else { 0.0 };
            shift + noise(i * columns + j) as f32 / 500.0 - 1.0
        });
        let y = Array2::from_shape_fn((rows, 3), |(i, k)| f64::from(u8::from(i % 3 == k)));
        (x, y, (0..rows).map(|i| i / 3 % 3).collect())
    }

    #[test]
    fn wide_and_narrow_rows_are_learned_and_rows_sum_to_one() {
        for columns in [5, 200] {
            let (x, y, groups) = made(60, columns);
            let model = Logistic::fit(&x, &y, &groups);
            assert!(model.converged());
            assert_eq!(model.parameters(columns), 3 * (columns + 1));
            let p = model.distribution(&x);
            let right = (0..60).filter(|&i| (0..3).all(|k| p[[i, k]] <= p[[i, i % 3]]));
            assert!(right.count() >= 57);
            assert!(
                p.rows()
                    .into_iter()
                    .all(|row| (row.sum() - 1.0).abs() <= 1e-12)
            );
        }
    }

    #[test]
    fn the_gradient_vanishes_at_the_minimum_of_soft_labels() {
        let (x, mut y, _) = made(30, 4);
        y.mapv_inplace(|y| 0.7 * y + 0.1);
        let x = x.mapv(f64::from);
        let fit = Fit::zero(4, 3).refined(x.view(), y.view(), 1.0);
        assert!(fit.converged);
        let p = fit.distribution(x.view());
        // An unpenalised intercept makes the mean prediction that of the labels.
        for class in 0..3 {
            let (found, expected) = (p.column(class).sum(), y.column(class).sum());
            assert!(
                (found - expected).abs() <= 30.0 * TOLERANCE,
                "{found} {expected}"
            );
        }
    }

    /// A minimum of scikit-learn's, `fixtures/make_baseline_fixtures.py`.
    #[derive(serde::Deserialize)]
    struct Case {
        columns: usize,
        soft: bool,
        c: f64,
        objective: f64,
        /// Of the first rows.
        probabilities: Vec<Vec<f64>>,
    }

    #[test]
    fn the_minimum_is_that_of_scikit_learn() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/logistic.json");
        let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(cases.len(), 12);
        for case in cases {
            let (x, mut y, _) = made(60, case.columns);
            if case.soft {
                y.mapv_inplace(|y| 0.7 * y + 0.1);
            }
            let (_, rows) = Coordinates::fit(&x);
            let fit = Fit::zero(rows.ncols(), 3).refined(rows.view(), y.view(), case.c);
            let slopes = fit.weights.slice_axis(Axis(0), (..rows.ncols()).into());
            let penalty = 0.5 * slopes.iter().map(|w| w * w).sum::<f64>();
            let log_p = fit.log_probabilities(rows.view());
            let found = case.c * cross_entropy(&log_p, y.view()) + penalty;
            // Theirs is exact, ours ends at the tolerance, so it is higher.
            let above = found / case.objective - 1.0;
            assert!(
                (-1e-9..=1e-3).contains(&above),
                "{above:e} at C = {}",
                case.c
            );
            for (found, expected) in log_p.rows().into_iter().zip(&case.probabilities) {
                for (found, expected) in found.iter().zip(expected) {
                    assert!((found.exp() - expected).abs() <= 0.01, "{found} {expected}");
                }
            }
        }
    }

    #[test]
    fn one_group_leaves_nothing_to_choose() {
        let (x, y, _) = made(30, 4);
        assert_eq!(choose_penalty(&x.mapv(f64::from), &y, &[0; 30]), 1e-1);
    }
}
