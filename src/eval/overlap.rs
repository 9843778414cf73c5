//! How far true and predicted emotions overlap, with their shares.

use crate::data::label::{Blend, Part};

/// Σ_c min(d_c, q_c) of a clip's true shares d and predicted shares q, in [0, 1]: the intersection
/// similarity (Geng 2016, table 2), which is 1 minus the total variation distance of shares that sum
/// to 1. The right emotions in the right shares have 1, no common emotion 0.
pub fn overlap(truth: &Blend, predicted: &Blend) -> f64 {
    overlap_of_parts(truth.parts(), predicted.parts())
}

/// [`overlap`] of parts in class order.
pub(super) fn overlap_of_parts(truth: &[Part], predicted: &[Part]) -> f64 {
    let share = |part: &Part| {
        let same = predicted.iter().find(|other| other.class == part.class);
        same.map_or(0.0, |other| part.salience.min(other.salience))
    };
    truth.iter().map(share).sum::<f64>() / 100.0
}

/// The mean over `(truth, predicted)` pairs; `None` without any.
pub fn mean_overlap<'a>(pairs: impl IntoIterator<Item = (&'a Blend, &'a Blend)>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0usize);
    for (truth, predicted) in pairs {
        sum += overlap(truth, predicted);
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_in_common_are_counted() {
        let blend = |parts: &[(usize, f64)]| {
            let part = |&(class, salience)| Part { class, salience };
            Blend::new(parts.iter().map(part).collect())
        };
        let truth = blend(&[(0, 60.0), (2, 40.0)]);
        for (predicted, expected) in [
            (blend(&[(0, 60.0), (2, 40.0)]), 1.0),
            (blend(&[(0, 40.0), (2, 60.0)]), 0.8),
            (blend(&[(0, 100.0)]), 0.6),
            (blend(&[(1, 50.0), (2, 50.0)]), 0.4),
            (blend(&[(1, 100.0)]), 0.0),
        ] {
            assert!((overlap(&truth, &predicted) - expected).abs() < 1e-12);
        }
        let single = Blend::single(0);
        let pairs = [(&truth, &truth), (&truth, &single)];
        assert_eq!(mean_overlap(pairs), Some(0.8));
        assert_eq!(mean_overlap([]), None);
    }
}
