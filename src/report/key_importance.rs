//! How much of the differences between the scores of a search each key explains.

use serde_json::Value;

/// Fewer configurations tell nothing about keys.
pub const FEWEST: usize = 8;
/// Numbers of more different values than this are put into as many groups of equal size.
const GROUPS: usize = 4;

/// One key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyImportance {
    /// The key.
    pub key: String,
    /// ε² in [0, 1]: the share of the variance of the scores that lies between the key's groups of values,
    /// less what chance puts there (Kelley 1935).
    pub explained: f64,
}

/// Every key of the points, the most important first; empty with fewer than [`FEWEST`] scores, or where all
/// are equal. `points` and `scores` are of the same configurations.
pub fn key_importance(
    points: &[Vec<(String, Value)>],
    scores: &[Option<f64>],
) -> Vec<KeyImportance> {
    let scored: Vec<(&Vec<(String, Value)>, f64)> = points
        .iter()
        .zip(scores)
        .filter_map(|(point, score)| Some((point, (*score)?)))
        .collect();
    let Some((first, _)) = scored.first().filter(|_| scored.len() >= FEWEST) else {
        return Vec::new();
    };
    let scores: Vec<f64> = scored.iter().map(|(_, score)| *score).collect();
    let mut found: Vec<KeyImportance> = first
        .iter()
        .filter_map(|(key, _)| {
            let values = scored.iter().map(|(point, _)| {
                let entry = point.iter().find(|(name, _)| name == key);
                entry.map_or(Value::Null, |(_, value)| value.clone())
            });
            let groups = groups(&values.collect::<Vec<_>>());
            Some(KeyImportance {
                key: key.clone(),
                explained: epsilon_squared(&groups, &scores)?,
            })
        })
        .collect();
    found.sort_by(|a, b| b.explained.total_cmp(&a.explained));
    found
}

/// The group of each value: one for each different value, or for many numbers quarters by rank.
fn groups(values: &[Value]) -> Vec<usize> {
    let mut different: Vec<&Value> = Vec::new();
    for value in values {
        if !different.contains(&value) {
            different.push(value);
        }
    }
    let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
    match numbers {
        Some(numbers) if different.len() > GROUPS => {
            let below = |x: f64| numbers.iter().filter(|other| **other < x).count();
            let group = |x: &f64| below(*x) * GROUPS / numbers.len();
            numbers.iter().map(group).collect()
        }
        _ => values
            .iter()
            .map(|value| {
                different
                    .iter()
                    .position(|known| *known == value)
                    .unwrap_or(0)
            })
            .collect(),
    }
}

/// ε², at least 0; `None` where there is one group only, or one for each score, or no variance.
fn epsilon_squared(groups: &[usize], scores: &[f64]) -> Option<f64> {
    let count = scores.len();
    let mut sums: Vec<(f64, usize)> = vec![(0.0, 0); groups.iter().max()? + 1];
    for (&group, score) in groups.iter().zip(scores) {
        sums[group].0 += score;
        sums[group].1 += 1;
    }
    let there = sums.iter().filter(|(_, size)| *size > 0).count();
    if there < 2 || there >= count {
        return None;
    }
    let mean = scores.iter().sum::<f64>() / count as f64;
    let total: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
    let between: f64 = sums
        .iter()
        .filter(|(_, size)| *size > 0)
        .map(|(sum, size)| *size as f64 * (sum / *size as f64 - mean).powi(2))
        .sum();
    let within = (total - between) / (count - there) as f64;
    let explained = (between - (there - 1) as f64 * within) / total;
    explained.is_finite().then(|| explained.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_that_decides_explains_all_and_one_that_does_not_nothing() {
        let points: Vec<Vec<(String, Value)>> = (0..16)
            .map(|i| {
                vec![
                    ("noise".to_owned(), json!((i * 7) % 16)),
                    ("gate".to_owned(), json!(if i % 2 == 0 { "a" } else { "b" })),
                ]
            })
            .collect();
        let scores: Vec<Option<f64>> = (0..16).map(|i| Some(f64::from(i % 2))).collect();
        let found = key_importance(&points, &scores);
        assert_eq!(found[0].key, "gate");
        assert!((found[0].explained - 1.0).abs() < 1e-12, "{found:?}");
        assert!(found[1].explained < 0.05, "{found:?}");
        // Too few, or all alike.
        assert!(key_importance(&points[..7], &scores[..7]).is_empty());
        assert!(key_importance(&points, &[Some(0.5); 16]).is_empty());
    }

    #[test]
    fn a_peak_in_the_middle_counts_as_much_as_a_slope() {
        let points: Vec<Vec<(String, Value)>> =
            (0..20).map(|i| vec![("k".to_owned(), json!(i))]).collect();
        let peak = |i: i32| Some(-f64::from((i - 10).pow(2)));
        let scores: Vec<Option<f64>> = (0..20).map(peak).collect();
        assert!(key_importance(&points, &scores)[0].explained > 0.5);
    }

    #[test]
    fn epsilon_squared_is_kelleys() {
        // Groups {1, 2} and {3, 4}: between 4, within 1 over 2 degrees of freedom.
        let found = epsilon_squared(&[0, 0, 1, 1], &[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((found - (4.0 - 0.5) / 5.0).abs() < 1e-12, "{found}");
        assert_eq!(epsilon_squared(&[0, 0], &[1.0, 2.0]), None);
    }
}
