//! Correlations of paired values.

/// Pearson's r; `None` for fewer than two pairs or if a side is constant.
///
/// # Panics
/// If the sides differ in length.
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "pearson: pairs");
    let count = x.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (x, y) = (x - mean_x, y - mean_y);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    let r = xy / (xx * yy).sqrt();
    r.is_finite().then(|| r.clamp(-1.0, 1.0))
}

/// Spearman's ρ: Pearson's r of the ranks; ties get their mean rank.
///
/// # Panics
/// If the sides differ in length.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    pearson(&ranks(x), &ranks(y))
}

/// Ranks from 1; ties get their mean rank.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = first as f64 + (tied.len() + 1) as f64 / 2.0;
        tied.iter().for_each(|&place| ranks[place] = rank);
        first += tied.len();
    }
    ranks
}

/// Kendall's τ_b, which corrects for ties; `None` if a side is constant.
///
/// # Panics
/// If the sides differ in length.
pub fn kendall(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "kendall: pairs");
    let (mut balance, mut apart_x, mut apart_y) = (0.0, 0.0, 0.0);
    let sign = |a: f64, b: f64| f64::from(i8::from(a > b) - i8::from(a < b));
    for i in 0..x.len() {
        for j in 0..i {
            let (x, y) = (sign(x[i], x[j]), sign(y[i], y[j]));
            balance += x * y;
            apart_x += x * x;
            apart_y += y * y;
        }
    }
    let tau = balance / (f64::sqrt(apart_x) * f64::sqrt(apart_y));
    tau.is_finite().then(|| tau.clamp(-1.0, 1.0))
}

/// A least-squares line.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Trend {
    /// Change of y for a change of x by 1.
    pub slope: f64,
    /// y at x = 0.
    pub intercept: f64,
}

impl Trend {
    /// Fits the pairs; `None` if x is constant.
    ///
    /// # Panics
    /// If the sides differ in length.
    pub fn of(x: &[f64], y: &[f64]) -> Option<Self> {
        assert_eq!(x.len(), y.len(), "trend: pairs");
        let count = x.len() as f64;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
        let (mean_x, mean_y) = (mean(x), mean(y));
        let (mut xx, mut xy) = (0.0, 0.0);
        for (x, y) in x.iter().zip(y) {
            xx += (x - mean_x).powi(2);
            xy += (x - mean_x) * (y - mean_y);
        }
        let slope = xy / xx;
        slope.is_finite().then_some(Self {
            slope,
            intercept: mean_y - slope * mean_x,
        })
    }

    /// y at x.
    pub fn at(&self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: [f64; 7] = [1.0, 2.0, 2.0, 3.5, 5.0, 8.0, 8.0];
    const Y: [f64; 7] = [2.0, 1.0, 4.0, 4.0, 3.0, 9.0, 7.5];

    /// `scipy.stats.pearsonr`, `spearmanr` and `kendalltau` (τ_b) of X and Y, `numpy.polyfit`.
    #[test]
    fn agrees_with_scipy() {
        let close = |found: Option<f64>, expected: f64| {
            let found = found.unwrap();
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        };
        close(pearson(&X, &Y), 0.8867602341687019);
        close(spearman(&X, &Y), 0.7798493336311721);
        close(kendall(&X, &Y), 0.6155870112510923);
        let trend = Trend::of(&X, &Y).unwrap();
        close(Some(trend.slope), 0.8905579399141629);
        close(Some(trend.intercept), 0.6040772532188834);
    }

    #[test]
    fn ties_share_their_mean_rank_and_constants_have_no_correlation() {
        assert_eq!(ranks(&X), [1.0, 2.5, 2.5, 4.0, 5.0, 6.5, 6.5]);
        let flat = [3.0; 7];
        assert_eq!(pearson(&X, &flat), None);
        assert_eq!(spearman(&flat, &X), None);
        assert_eq!(kendall(&X, &flat), None);
        assert_eq!(Trend::of(&flat, &X), None);
        assert_eq!(pearson(&[], &[]), None);
    }

    #[test]
    fn any_rising_curve_has_rank_correlation_one() {
        let curve = [0.1, 0.2, 0.4, 7.0];
        let line = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(spearman(&curve, &line), Some(1.0));
        assert_eq!(kendall(&curve, &line), Some(1.0));
        let falling: Vec<f64> = line.iter().map(|x| -x).collect();
        assert_eq!(kendall(&curve, &falling), Some(-1.0));
    }
}
