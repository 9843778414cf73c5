//! Groups of similar encoders: average linkage on 1 − similarity.

use ndarray::Array2;

/// Two clusters that are merged; leaves are 0 … M − 1, and merge i creates cluster M + i.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Merge {
    /// The clusters.
    pub of: [usize; 2],
    /// Mean distance between their members.
    pub distance: f64,
}

/// A tree over all encoders, and the order of its leaves.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Dendrogram {
    /// By increasing distance.
    pub merges: Vec<Merge>,
    /// Leaves in the order in which the tree can be drawn without crossings.
    pub order: Vec<usize>,
}

impl Dendrogram {
    /// Clusters by a symmetric similarity `(M, M)` in [0, 1]; an undefined similarity counts as 0. Ties
    /// merge the first clusters.
    pub fn of(similarity: &Array2<f64>) -> Self {
        let leaves = similarity.nrows();
        let mut members: Vec<Vec<usize>> = (0..leaves).map(|leaf| vec![leaf]).collect();
        let mut live: Vec<usize> = (0..leaves).collect();
        let mut merges = Vec::new();
        let distance = |a: &[usize], b: &[usize]| {
            let pairs = a.iter().flat_map(|&a| b.iter().map(move |&b| [a, b]));
            let one = |place: [usize; 2]| {
                let alike = similarity[place];
                1.0 - if alike.is_finite() { alike } else { 0.0 }
            };
            pairs.map(one).sum::<f64>() / (a.len() * b.len()) as f64
        };
        while live.len() > 1 {
            let mut best: Option<(f64, usize, usize)> = None;
            for (i, &a) in live.iter().enumerate() {
                for &b in &live[i + 1..] {
                    let found = distance(&members[a], &members[b]);
                    if best.is_none_or(|(least, ..)| found < least) {
                        best = Some((found, a, b));
                    }
                }
            }
            let Some((distance, a, b)) = best else { break };
            let joined = [members[a].as_slice(), members[b].as_slice()].concat();
            live.retain(|cluster| ![a, b].contains(cluster));
            live.push(members.len());
            members.push(joined);
            merges.push(Merge {
                of: [a, b],
                distance,
            });
        }
        Self {
            order: members.pop().unwrap_or_default(),
            merges,
        }
    }

    /// The cluster of each leaf if the tree is cut into `count` clusters, numbered by their first leaf.
    pub fn cut(&self, count: usize) -> Vec<usize> {
        let leaves = self.order.len();
        let kept = leaves.saturating_sub(count.max(1));
        let mut of: Vec<usize> = (0..leaves).collect();
        for (i, merge) in self.merges.iter().take(kept).enumerate() {
            for cluster in &mut of {
                if merge.of.contains(cluster) {
                    *cluster = leaves + i;
                }
            }
        }
        let mut seen = Vec::new();
        for cluster in &of {
            if !seen.contains(cluster) {
                seen.push(*cluster);
            }
        }
        let number = |cluster| seen.iter().position(|known| known == cluster);
        of.iter()
            .map(|cluster| number(cluster).unwrap_or(0))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn families_are_found_whatever_their_order() {
        let similarity = array![
            [1.0, 0.1, 0.8, 0.2],
            [0.1, 1.0, 0.2, 0.7],
            [0.8, 0.2, 1.0, 0.1],
            [0.2, 0.7, 0.1, 1.0]
        ];
        let tree = Dendrogram::of(&similarity);
        assert_eq!(tree.order, [0, 2, 1, 3]);
        assert_eq!(tree.merges[0].of, [0, 2]);
        assert!((tree.merges[2].distance - 0.85).abs() < 1e-12);
        assert_eq!(tree.cut(2), [0, 1, 0, 1]);
        assert_eq!(tree.cut(4), [0, 1, 2, 3]);
        assert_eq!(tree.cut(1), [0, 0, 0, 0]);
        let one = Dendrogram::of(&array![[1.0]]);
        assert_eq!((one.order, one.merges.len()), (vec![0], 0));
    }
}
