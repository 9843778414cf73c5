//! Means and spreads of scores over folds and seeds.

use serde::{Deserialize, Serialize};

/// A mean over folds and seeds, with its spread over each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The mean over all.
    pub mean: f64,
    /// Sample standard deviation over the folds (of their means over seeds); `None` for one fold.
    pub std_folds: Option<f64>,
    /// Sample standard deviation over the seeds (of their means over folds); `None` for one seed.
    pub std_seeds: Option<f64>,
}

impl Spread {
    /// The statistics of `values[seed][fold]`; a fold or seed without a value is left out. `None` without any
    /// value.
    pub fn of(values: &[Vec<Option<f64>>]) -> Option<Self> {
        let folds = values.iter().map(Vec::len).max()?;
        let of_fold = |fold: usize| values.iter().filter_map(move |seed| *seed.get(fold)?);
        let by_fold: Vec<f64> = (0..folds).filter_map(|fold| mean(of_fold(fold))).collect();
        let by_seed: Vec<f64> = values
            .iter()
            .filter_map(|seed| mean(seed.iter().copied().flatten()))
            .collect();
        Some(Self {
            mean: mean(values.iter().flatten().copied().flatten())?,
            std_folds: sample_std(&by_fold),
            std_seeds: sample_std(&by_seed),
        })
    }
}

/// The mean; `None` of an empty slice.
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0usize);
    for value in values {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}

/// Sample standard deviation (divisor n − 1); `None` for fewer than two values.
pub fn sample_std(values: &[f64]) -> Option<f64> {
    let mean = mean(values.iter().copied())?;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// The median; for an even count the upper of the two in the middle. `None` of an empty slice.
pub fn median(values: impl IntoIterator<Item = usize>) -> Option<usize> {
    let mut values: Vec<usize> = values.into_iter().collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_over_folds_and_over_seeds_are_apart() {
        let one = Spread::of(&[vec![Some(1.0), Some(2.0), Some(3.0)]]).unwrap();
        assert_eq!(
            (one.mean, one.std_folds, one.std_seeds),
            (2.0, Some(1.0), None)
        );
        // Seeds that agree up to an offset: the same spread over folds, and the offset over seeds.
        let two = Spread::of(&[
            vec![Some(1.0), Some(2.0), Some(3.0)],
            vec![Some(3.0), Some(4.0), Some(5.0)],
        ]);
        let two = two.unwrap();
        assert_eq!((two.mean, two.std_folds), (3.0, Some(1.0)));
        assert_eq!(two.std_seeds, Some(2f64.sqrt()));
    }

    #[test]
    fn what_is_undefined_is_left_out() {
        let spread = Spread::of(&[vec![None, Some(2.0)]]).unwrap();
        assert_eq!((spread.mean, spread.std_folds), (2.0, None));
        assert_eq!(Spread::of(&[vec![None]]), None);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn the_median_of_an_even_count_is_the_upper_one() {
        assert_eq!(median([9, 1, 5]), Some(5));
        assert_eq!(median([9, 1, 5, 7]), Some(7));
        assert_eq!(median([]), None);
    }
}
