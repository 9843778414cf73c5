//! Rows of a feature file with the same values.

use std::collections::HashMap;

use super::features::Features;

/// A hash of a row; [`equal`] rules out collisions. It is a sum, so that the steps are independent.
pub(super) fn hash(values: &[f32]) -> u64 {
    let factors = (0..).map(|n: u64| (2 * n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let terms = values.iter().zip(factors).map(|(&value, factor)| {
        // +0 and −0 are equal.
        u64::from((value + 0.0).to_bits()).wrapping_mul(factor)
    });
    terms.fold(0, u64::wrapping_add)
}

/// The first of some rows that equals `values`.
pub(super) fn equal(features: &Features, values: &[f32], rows: Option<&Vec<u32>>) -> Option<u32> {
    let mut other = vec![0.0f32; if rows.is_some() { values.len() } else { 0 }];
    rows?.iter().copied().find(|&row| {
        features.source().read(row as usize, 0, &mut other);
        other == values
    })
}

/// The first of some rows, each given with a label, that equals another with a different label; the
/// number of rows that do, and the places of that pair in `rows`.
pub(super) fn equal_with_other_label(
    features: &Features,
    rows: &[(u32, usize)],
) -> Option<(usize, [usize; 2])> {
    let mut values = vec![0.0f32; features.cols()];
    // The places of different rows by hash, each the first of its equals, and the labels of those.
    let mut by_hash: HashMap<u64, Vec<u32>> = HashMap::with_capacity(rows.len());
    let mut equals: HashMap<u32, Vec<usize>> = HashMap::with_capacity(rows.len());
    for (place, &(row, _)) in rows.iter().enumerate() {
        features.source().read(row as usize, 0, &mut values);
        let known = by_hash.entry(hash(&values)).or_default();
        let first = equal(features, &values, Some(known)).unwrap_or_else(|| {
            known.push(row);
            row
        });
        equals.entry(first).or_default().push(place);
    }
    let mut found: Option<(usize, [usize; 2])> = None;
    for places in equals.values() {
        let label = |place: usize| rows[place].1;
        let Some(&other) = places
            .iter()
            .find(|&&place| label(place) != label(places[0]))
        else {
            continue;
        };
        let pair = [places[0], other];
        found = Some(match found {
            None => (places.len(), pair),
            Some((count, first)) => (count + places.len(), first.min(pair)),
        });
    }
    found
}
