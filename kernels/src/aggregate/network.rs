//! Sorting networks down the rows of a tile, all lanes of a vector at once.
//!
//! 16 rows are sorted in registers; sorted halves are merged by bitonic networks whose every
//! comparison puts the smaller value into the upper row, so that rows beyond the end, thought of as
//! +∞, are simply left out (Knuth, TAOCP 3, 5.3.4).

use num_traits::Float;

use super::lanes::{Lanes, WIDTH};

/// Rows sorted, or merged, in registers.
pub(super) const RUN: usize = 16;

/// The rows of a tile.
type Rows<L> = [[<L as Lanes>::Element; WIDTH]];

/// Compares and exchanges rows: 60 exchanges, the fewest known for 16 (Green 1969).
macro_rules! exchanges {
    ($x:ident: $($a:literal $b:literal),* $(,)?) => {
        $(($x[$a], $x[$b]) = $x[$a].exchange($x[$b]);)*
    };
}

/// The sorting networks for one group of lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network<L: Lanes> {
    kernel: L::Kernel,
    group: usize,
    /// A row that sorts behind all others.
    last: L,
}

impl<L: Lanes> Network<L> {
    #[inline(always)]
    pub(super) fn new(kernel: L::Kernel, group: usize) -> Self {
        let last = L::load(kernel, &[L::Element::infinity(); WIDTH], 0);
        Self {
            kernel,
            group,
            last,
        }
    }

    /// Rows at the front of `count` that [`Self::sort`] sorts for themselves: the largest power of
    /// two below, at least 16; all if there are no more.
    pub(super) fn split(count: usize) -> usize {
        if count <= RUN {
            count
        } else {
            count.next_power_of_two() / 2
        }
    }

    /// Sorts the lanes of all rows, a multiple of 16.
    #[inline(always)]
    pub(super) fn sort(self, rows: &mut Rows<L>) {
        // Depth first, without the recursion that could not be inlined: run by run, merging what
        // has the same length, and at the end all that is left.
        let count = rows.len() / RUN;
        for runs in 1..=count {
            let end = runs * RUN;
            self.sort_run(&mut rows[end - RUN..end]);
            let mut sorted = 1;
            while sorted < runs {
                let half = 1 << (runs - sorted).trailing_zeros();
                if half != sorted && runs < count {
                    break;
                }
                sorted += half;
                self.merge(&mut rows[end - sorted * RUN..end], half * RUN);
            }
        }
    }

    /// Ranks `rank` and `rank + 1` of sorted `a` and sorted `b` together.
    ///
    /// The value of rank k is the least, over all ways to take k + 1 values from the fronts of the
    /// two, of the larger of the last ones taken: fewer exchanges than a merge, and no stores.
    #[inline(always)]
    pub(super) fn pair(self, a: &Rows<L>, b: &Rows<L>, rank: usize) -> (L, L) {
        (self.select(a, b, rank), self.select(a, b, rank + 1))
    }

    /// Rank `rank` of sorted `a` and sorted `b` together; +∞ beyond the end.
    #[inline(always)]
    fn select(self, a: &Rows<L>, b: &Rows<L>, rank: usize) -> L {
        let mut least = self.last;
        // i values of a, rank + 1 − i of b.
        let first = (rank + 1).saturating_sub(b.len());
        let last = a.len().min(rank + 1);
        if first > last {
            return least;
        }
        if first == 0 {
            least = self.load(b, rank);
        }
        if last == rank + 1 {
            least = least.min(self.load(a, rank));
        }
        let (first, last) = (first.max(1), last.min(rank));
        if first > last {
            return least;
        }
        let a = &a[first - 1..last];
        let b = &b[rank - last..=rank - first];
        for (a, b) in a.iter().zip(b.iter().rev()) {
            let a = L::load(self.kernel, a, self.group);
            let b = L::load(self.kernel, b, self.group);
            least = least.min(a.max(b));
        }
        least
    }

    #[inline(always)]
    fn load(self, rows: &Rows<L>, row: usize) -> L {
        match rows.get(row) {
            Some(row) => L::load(self.kernel, row, self.group),
            None => self.last,
        }
    }

    #[inline(always)]
    fn store(self, rows: &mut Rows<L>, row: usize, value: L) {
        if let Some(row) = rows.get_mut(row) {
            value.store(row, self.group);
        }
    }

    /// Sorts 16 rows.
    #[inline(always)]
    fn sort_run(self, rows: &mut Rows<L>) {
        let mut x = [self.last; RUN];
        for (row, x) in x.iter_mut().enumerate() {
            *x = self.load(rows, row);
        }
        exchanges! { x:
            0 13, 1 12, 2 15, 3 14, 4 8, 5 6, 7 11, 9 10,
            0 5, 1 7, 2 9, 3 4, 6 13, 8 14, 10 15, 11 12,
            0 1, 2 3, 4 5, 6 8, 7 9, 10 11, 12 13, 14 15,
            0 2, 1 3, 4 10, 5 11, 6 7, 8 9, 12 14, 13 15,
            1 2, 3 12, 4 6, 5 7, 8 10, 9 11, 13 14,
            1 4, 2 6, 5 8, 7 10, 9 13, 11 14,
            2 4, 3 6, 9 12, 11 13,
            3 5, 6 8, 7 9, 10 12,
            3 4, 5 6, 7 8, 9 10, 11 12,
            6 7, 8 9,
        }
        for (row, x) in x.into_iter().enumerate() {
            self.store(rows, row, x);
        }
    }

    /// Merges sorted `rows[..half]` with sorted `rows[half..]`, no longer than it; `half` is a power
    /// of two, at least 16.
    #[inline(always)]
    fn merge(self, rows: &mut Rows<L>, half: usize) {
        // Exchanges between mirrored rows, then between rows half / 2, half / 4, …, 1 apart. The
        // first pass takes some of these distances along, the last one 8, 4, 2 and 1.
        let mut distance = half / 2;
        match half / RUN {
            1 => self.mirror::<1>(rows, half),
            2 => self.mirror::<2>(rows, half),
            4 => self.mirror::<4>(rows, half),
            _ => self.mirror::<8>(rows, half),
        }
        distance /= (half / RUN).min(8);
        while distance >= RUN {
            match distance / RUN {
                1 => self.halve::<2>(rows, distance),
                2 => self.halve::<4>(rows, distance),
                4 => self.halve::<8>(rows, distance),
                _ => self.halve::<16>(rows, distance),
            }
            distance /= (2 * distance / RUN).min(16);
        }
        self.halve::<16>(rows, 8);
    }

    /// Exchanges mirrored rows of two halves, then in each half rows `half / 2` apart and so on,
    /// log2 `N` distances.
    #[inline(always)]
    fn mirror<const N: usize>(self, rows: &mut Rows<L>, half: usize) {
        let step = half / N;
        // Rows whose mirror images all lie beyond the end are in place.
        let first = (2 * half - rows.len()).saturating_sub((N - 1) * step);
        for start in first..step {
            let (mut low, mut high) = ([self.last; N], [self.last; N]);
            for n in 0..N {
                let row = start + n * step;
                low[n] = self.load(rows, row);
                high[N - 1 - n] = self.load(rows, 2 * half - 1 - row);
            }
            for n in 0..N {
                (low[n], high[N - 1 - n]) = low[n].exchange(high[N - 1 - n]);
            }
            clean(&mut low);
            clean(&mut high);
            for n in 0..N {
                let row = start + n * step;
                self.store(rows, row, low[n]);
                self.store(rows, 2 * half - 1 - row, high[N - 1 - n]);
            }
        }
    }

    /// In every block of `2 distance` rows, exchanges rows `distance` apart, then half of that and
    /// so on, log2 `N` distances.
    #[inline(always)]
    fn halve<const N: usize>(self, rows: &mut Rows<L>, distance: usize) {
        let step = 2 * distance / N;
        for block in (0..rows.len()).step_by(2 * distance) {
            for start in block..(block + step).min(rows.len().saturating_sub(step)) {
                let mut x = [self.last; N];
                for (n, x) in x.iter_mut().enumerate() {
                    *x = self.load(rows, start + n * step);
                }
                clean(&mut x);
                for (n, x) in x.into_iter().enumerate() {
                    self.store(rows, start + n * step, x);
                }
            }
        }
    }
}

/// Sorts a bitonic sequence: exchanges N / 2, N / 4, …, 1 apart.
#[inline(always)]
fn clean<L: Lanes, const N: usize>(x: &mut [L; N]) {
    let mut distance = N / 2;
    while distance > 0 {
        for n in 0..N {
            if n & distance == 0 {
                (x[n], x[n + distance]) = x[n].exchange(x[n + distance]);
            }
        }
        distance /= 2;
    }
}
