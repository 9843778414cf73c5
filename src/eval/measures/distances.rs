//! Distances and similarities between true and predicted shares, as python-ldl 0.1.2 defines them
//! (Geng 2016, "Label Distribution Learning"; Cha 2007, "Comprehensive Survey on Distance/Similarity
//! Measures between Probability Density Functions"). Each is a mean over clips.

use super::{Measured, NO_CLIPS, NO_SCORES, Truth, Value, mean_or};
use crate::error::Result;
use crate::eval::distribution;
use crate::eval::statistics::correlation::{kendall, ranks, spearman};

/// Shares below this count as this wherever a share is divided by or its logarithm is taken, as in
/// python-ldl. The Kullback-Leibler divergence depends on it: a true share that is predicted as 0
/// costs −d ln 2.2e-16 = 36.0 d here and 18.4 d with the clamp of
/// [`KL_FLOOR`](crate::eval::distribution::KL_FLOOR).
const CLAMP: f64 = f64::EPSILON;

/// The true and the predicted shares of one clip.
type Distance = fn(&[f64], &[f64]) -> f64;

/// The first of the group but one, in the order of `MEASURES`.
const DISTANCES: [Distance; 12] = [
    kl_divergence,
    chebyshev,
    clark,
    canberra,
    cosine,
    intersection,
    js_divergence,
    euclidean,
    sorensen,
    chi2,
    wave_hedges,
    fidelity,
];

/// All of the group, in the order of `MEASURES`.
pub(super) fn values(measured: &Measured<'_>, truth: &Truth) -> Result<Vec<Value>> {
    let Some(scores) = measured.scores else {
        return Ok(vec![Err(NO_SCORES.to_owned()); COUNT]);
    };
    let rows = truth.shares.rows().into_iter().zip(scores.rows());
    let rows: Vec<(Vec<f64>, Vec<f64>)> = rows.map(|(d, q)| (d.to_vec(), q.to_vec())).collect();
    if let Some(zeros) = rows.iter().position(|(_, q)| q.iter().all(|q| *q == 0.0)) {
        let reason = format!("row {} has no score above 0", zeros + 1);
        return Ok(vec![Err(reason); COUNT]);
    }
    let mean = |distance: &Distance| mean_or(rows.iter().map(|(d, q)| distance(d, q)), NO_CLIPS);
    let clamped = distribution::Measures::of_rows(truth.shares.view(), scores)?;
    let clamped = distribution::Measures::mean(&clamped).map(|mean| mean.kullback_leibler);
    let mut values = vec![clamped.ok_or_else(|| NO_CLIPS.to_owned())];
    values.extend(DISTANCES.iter().map(mean));
    values.push(correlation(&rows, spearman));
    values.push(correlation(&rows, kendall));
    values.push(mean(&(dpa as Distance)));
    values.push(mu(&rows));
    values.push(mean(&(error_probability as Distance)));
    Ok(values)
}

/// How many values there are.
const COUNT: usize = DISTANCES.len() + 6;

fn sum(d: &[f64], q: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    d.iter().zip(q).map(|(&d, &q)| term(d, q)).sum()
}

/// As [`sum`], both shares clamped.
fn clamped_sum(d: &[f64], q: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    sum(d, q, |d, q| term(clamp(d), clamp(q)))
}

fn clamp(share: f64) -> f64 {
    share.clamp(CLAMP, 1.0)
}

/// Σ d ln(d / q).
fn kl_divergence(d: &[f64], q: &[f64]) -> f64 {
    clamped_sum(d, q, |d, q| d * (d.ln() - q.ln()))
}

/// max |d − q|.
fn chebyshev(d: &[f64], q: &[f64]) -> f64 {
    let gaps = d.iter().zip(q).map(|(d, q)| (d - q).abs());
    gaps.fold(0.0, f64::max)
}

/// √ Σ (d − q)² / (d + q)².
fn clark(d: &[f64], q: &[f64]) -> f64 {
    clamped_sum(d, q, |d, q| ((d - q) / (d + q)).powi(2)).sqrt()
}

/// Σ |d − q| / (d + q).
fn canberra(d: &[f64], q: &[f64]) -> f64 {
    clamped_sum(d, q, |d, q| (d - q).abs() / (d + q))
}

/// Σ d q / (‖d‖ ‖q‖).
fn cosine(d: &[f64], q: &[f64]) -> f64 {
    let norm = |x: &[f64]| sum(x, x, |a, b| a * b).sqrt();
    sum(d, q, |d, q| d * q) / (norm(d) * norm(q))
}

/// 1 − ½ Σ |d − q|; for rows that sum to 1 this is Σ min(d, q).
fn intersection(d: &[f64], q: &[f64]) -> f64 {
    1.0 - 0.5 * sum(d, q, |d, q| (d - q).abs())
}

/// The mean divergence of both from their mean.
fn js_divergence(d: &[f64], q: &[f64]) -> f64 {
    let from_mean = |d: f64, q: f64| d * (d.ln() - (0.5 * (d + q)).ln());
    clamped_sum(d, q, |d, q| 0.5 * (from_mean(d, q) + from_mean(q, d)))
}

/// √ Σ (d − q)².
fn euclidean(d: &[f64], q: &[f64]) -> f64 {
    sum(d, q, |d, q| (d - q).powi(2)).sqrt()
}

/// Σ |d − q| / Σ (d + q).
fn sorensen(d: &[f64], q: &[f64]) -> f64 {
    clamped_sum(d, q, |d, q| (d - q).abs()) / clamped_sum(d, q, |d, q| d + q)
}

/// Σ (d − q)² / (d + q).
fn chi2(d: &[f64], q: &[f64]) -> f64 {
    clamped_sum(d, q, |d, q| (d - q).powi(2) / (d + q))
}

/// Σ |d − q| / max(d, q).
fn wave_hedges(d: &[f64], q: &[f64]) -> f64 {
    clamped_sum(d, q, |d, q| (d - q).abs() / d.max(q))
}

/// Σ √(d q).
fn fidelity(d: &[f64], q: &[f64]) -> f64 {
    sum(d, q, |d, q| (d * q).sqrt())
}

/// The mean over classes of a true share times the rank of the predicted one, 1 for the lowest.
fn dpa(d: &[f64], q: &[f64]) -> f64 {
    sum(d, &ranks(q), |d, rank| d * rank) / d.len() as f64
}

/// 1 − the true share of the class with the highest score, of equal ones the first.
fn error_probability(d: &[f64], q: &[f64]) -> f64 {
    let mut top = 0;
    for (class, share) in q.iter().enumerate() {
        if *share > q[top] {
            top = class;
        }
    }
    1.0 - d[top]
}

/// 1 − mean(min(KL, KL₀)) / KL₀, where KL₀ is the mean divergence of the truth from equal shares.
fn mu(rows: &[(Vec<f64>, Vec<f64>)]) -> Value {
    let of_equal_shares = |d: &[f64]| kl_divergence(d, &vec![1.0 / d.len() as f64; d.len()]);
    let reference = mean_or(rows.iter().map(|(d, _)| of_equal_shares(d)), NO_CLIPS)?;
    if reference <= 0.0 {
        return Err("every clip shows all classes in equal shares".to_owned());
    }
    let capped = rows.iter().map(|(d, q)| kl_divergence(d, q).min(reference));
    Ok(1.0 - mean_or(capped, NO_CLIPS)? / reference)
}

/// The mean of a rank correlation, which a clip with equal shares throughout does not have.
fn correlation(rows: &[(Vec<f64>, Vec<f64>)], of: fn(&[f64], &[f64]) -> Option<f64>) -> Value {
    let values: Vec<f64> = rows.iter().filter_map(|(d, q)| of(d, q)).collect();
    match rows.len() - values.len() {
        0 => mean_or(values, NO_CLIPS),
        without => Err(format!(
            "{without} of {} clips have equal shares of all classes, true or predicted",
            rows.len()
        )),
    }
}
