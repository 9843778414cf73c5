//! One regression tree with several outputs (Breiman, Friedman, Olshen and Stone 1984).

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2};

use crate::rng::Stream;

/// What a tree grows on.
#[derive(Clone, Copy)]
pub struct Grown<'a> {
    /// Features, `(columns, rows)`: a split reads one column of many rows.
    pub columns: ArrayView2<'a, f32>,
    /// Soft labels, `(rows, classes)`.
    pub shares: ArrayView2<'a, f64>,
    /// How often each row was drawn.
    pub counts: &'a [u32],
    /// Number of columns that are tried at each node.
    pub tried: usize,
}

/// A fitted tree.
pub struct Tree {
    nodes: Vec<Node>,
    /// Mean soft labels of the leaves, one after the other.
    leaves: Vec<f64>,
    classes: usize,
}

#[derive(Clone, Copy)]
enum Node {
    /// Rows with at most `threshold` in `column` go to the node `below`, the others to the next one.
    Split {
        column: usize,
        threshold: f32,
        below: usize,
    },
    /// The number of the leaf.
    Leaf(usize),
}

/// A split, and what it leaves of the variance, negated and up to a constant of the node.
struct Split {
    column: usize,
    threshold: f32,
    score: f64,
}

impl Tree {
    /// Grows until the rows of each leaf have equal labels, or equal features.
    pub fn grow(grown: Grown<'_>, random: &mut Stream) -> Self {
        let mut rows: Vec<usize> = (0..grown.counts.len())
            .filter(|&row| grown.counts[row] > 0)
            .collect();
        let mut order: Vec<usize> = (0..grown.columns.nrows()).collect();
        let mut tree = Self {
            nodes: vec![Node::Leaf(0)],
            leaves: Vec::new(),
            classes: grown.shares.ncols(),
        };
        let mut open: Vec<(usize, Range<usize>)> = vec![(0, 0..rows.len())];
        while let Some((node, range)) = open.pop() {
            let members = &mut rows[range.clone()];
            let Some(split) = grown.best_split(members, &mut order, random) else {
                tree.nodes[node] = tree.leaf(grown.mean(members));
                continue;
            };
            let column = grown.columns.row(split.column);
            let middle = range.start + split_in_two(members, |row| column[row] <= split.threshold);
            let below = tree.nodes.len();
            tree.nodes[node] = Node::Split {
                column: split.column,
                threshold: split.threshold,
                below,
            };
            tree.nodes.extend([Node::Leaf(0); 2]);
            open.push((below + 1, middle..range.end));
            open.push((below, range.start..middle));
        }
        tree
    }

    fn leaf(&mut self, mean: Vec<f64>) -> Node {
        self.leaves.extend(mean);
        Node::Leaf(self.leaves.len() / self.classes - 1)
    }

    /// The mean labels of the leaf that a row of features belongs to.
    pub fn shares(&self, row: ArrayView1<'_, f32>) -> &[f64] {
        let mut node = 0;
        loop {
            match self.nodes[node] {
                Node::Leaf(leaf) => return &self.leaves[leaf * self.classes..][..self.classes],
                Node::Split {
                    column,
                    threshold,
                    below,
                } => node = below + usize::from(row[column] > threshold),
            }
        }
    }

    /// Number of splits.
    pub fn splits(&self) -> usize {
        let leaves = self.leaves.len() / self.classes;
        self.nodes.len() - leaves
    }
}

impl Grown<'_> {
    fn count(&self, row: usize) -> f64 {
        f64::from(self.counts[row])
    }

    fn sum(&self, members: &[usize]) -> Vec<f64> {
        let mut sum = vec![0.0; self.shares.ncols()];
        for &row in members {
            add(&mut sum, self.count(row), self.shares.row(row));
        }
        sum
    }

    fn mean(&self, members: &[usize]) -> Vec<f64> {
        let size: f64 = members.iter().map(|&row| self.count(row)).sum();
        self.sum(members)
            .into_iter()
            .map(|sum| sum / size)
            .collect()
    }

    /// The best split on any of `tried` columns, drawn without replacement. Where the rows do not differ in
    /// any of these, more are drawn until they do. `None` where there is nothing to split.
    fn best_split(
        &self,
        members: &[usize],
        order: &mut [usize],
        random: &mut Stream,
    ) -> Option<Split> {
        let first = self.shares.row(*members.first()?);
        if members.iter().all(|&row| self.shares.row(row) == first) {
            return None;
        }
        let total = self.sum(members);
        let mut best: Option<Split> = None;
        let mut values = Vec::with_capacity(members.len());
        for at in 0..order.len() {
            if at >= self.tried && best.is_some() {
                break;
            }
            order.swap(at, at + random.below(order.len() - at));
            let column = self.columns.row(order[at]);
            values.clear();
            values.extend(members.iter().map(|&row| (column[row], row)));
            // Rows of equal value in a fixed order, so that sums have the same bits.
            values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let Some((score, threshold)) = self.best_threshold(&values, &total) else {
                continue;
            };
            if best.as_ref().is_none_or(|best| score > best.score) {
                best = Some(Split {
                    column: order[at],
                    threshold,
                    score,
                });
            }
        }
        best
    }

    /// The threshold on sorted values with the highest Σ (sum below)² / size below + the same above, over all
    /// classes; it is highest where the summed variance of the two sides is lowest.
    fn best_threshold(&self, values: &[(f32, usize)], total: &[f64]) -> Option<(f64, f32)> {
        let size: f64 = values.iter().map(|&(_, row)| self.count(row)).sum();
        let (mut below, mut size_below) = (vec![0.0; total.len()], 0.0);
        let mut best: Option<(f64, f32)> = None;
        for pair in values.windows(2) {
            let [(value, row), (next, _)] = *pair else {
                continue;
            };
            add(&mut below, self.count(row), self.shares.row(row));
            size_below += self.count(row);
            if next <= value {
                continue;
            }
            let (mut of_below, mut of_above) = (0.0, 0.0);
            for (below, total) in below.iter().zip(total) {
                of_below += below * below;
                of_above += (total - below) * (total - below);
            }
            let score = of_below / size_below + of_above / (size - size_below);
            if best.is_none_or(|(highest, _)| score > highest) {
                let middle = value / 2.0 + next / 2.0;
                best = Some((score, if middle < next { middle } else { value }));
            }
        }
        best
    }
}

fn add(sum: &mut [f64], weight: f64, shares: ArrayView1<'_, f64>) {
    for (sum, share) in sum.iter_mut().zip(shares) {
        *sum += weight * share;
    }
}

/// Moves the rows that fulfil a condition to the front, both parts in their order; gives the number of them.
fn split_in_two(rows: &mut [usize], condition: impl Fn(usize) -> bool) -> usize {
    let (front, back): (Vec<usize>, Vec<usize>) = rows.iter().partition(|row| condition(**row));
    let (to_front, to_back) = rows.split_at_mut(front.len());
    to_front.copy_from_slice(&front);
    to_back.copy_from_slice(&back);
    front.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;
    use ndarray::{Array2, array};

    fn grow(columns: &Array2<f32>, shares: &Array2<f64>, counts: &[u32], tried: usize) -> Tree {
        let grown = Grown {
            columns: columns.view(),
            shares: shares.view(),
            counts,
            tried,
        };
        Tree::grow(grown, &mut Stream::new(0, Purpose::Forest, 0, 0))
    }

    #[test]
    fn the_split_leaves_the_least_variance_and_leaves_are_means() {
        // Column 0 separates the labels at 2.5, column 1 at no place.
        let columns = array![[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 1.0, 2.0]];
        let shares = array![[1.0, 0.0], [1.0, 0.0], [0.25, 0.75], [0.25, 0.75]];
        let tree = grow(&columns, &shares, &[1; 4], 2);
        assert_eq!(tree.splits(), 1);
        assert_eq!(tree.shares(array![2.5, 9.0].view()), [1.0, 0.0]);
        assert_eq!(tree.shares(array![2.6, 0.0].view()), [0.25, 0.75]);
    }

    #[test]
    fn rows_that_do_not_differ_share_a_leaf_by_their_counts_and_undrawn_ones_do_not_matter() {
        let columns = array![[5.0, 5.0, 5.0], [0.0, 0.0, 9.0]];
        let shares = array![[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]];
        let tree = grow(&columns, &shares, &[3, 1, 0], 2);
        assert_eq!(tree.splits(), 0);
        assert_eq!(tree.shares(array![0.0, 0.0].view()), [0.75, 0.25]);
    }

    #[test]
    fn constant_columns_do_not_end_the_search() {
        let mut columns = Array2::zeros((50, 6));
        columns.row_mut(17).assign(&array![0., 1., 2., 3., 4., 5.]);
        let shares = Array2::from_shape_fn((6, 2), |(row, k)| f64::from(u8::from(row % 2 == k)));
        let tree = grow(&columns, &shares, &[1; 6], 1);
        assert_eq!(tree.splits(), 5);
        for row in 0..6 {
            let found = tree.shares(columns.column(row));
            assert_eq!(found, shares.row(row).to_vec());
        }
    }

    #[test]
    fn neighbouring_numbers_are_told_apart() {
        let (low, high) = (1.0f32, 1.0f32.next_up());
        let shares = array![[1.0, 0.0], [0.0, 1.0]];
        let tree = grow(&array![[low, high]], &shares, &[1, 1], 1);
        assert_eq!(tree.shares(array![low].view()), [1.0, 0.0]);
        assert_eq!(tree.shares(array![high].view()), [0.0, 1.0]);
    }
}
