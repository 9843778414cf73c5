//! A batch of one row: nothing is used twice but the row, so the weights stream past it once.

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::task::{Projection, Task};
use crate::micro::{self, Kernel, SimdTask, Tile};
use crate::pack::{Standardise, StoredRows};
use crate::shape::{PANEL, ROW_BLOCK};

/// The standardised features of a batch of one row, for each layer; none where they are missing.
pub(super) fn single_rows(kernel: Kernel, layers: &[Projection<'_>]) -> Vec<Option<Vec<f32>>> {
    let single = |layer: &Projection<'_>| {
        let row = layer.input.rows[0]?;
        let mut x = vec![0.0; layer.weights.cols()];
        let (features, standardise) = (layer.input.features, layer.input.scaling.of(0));
        let x_out = &mut x[..];
        kernel.run(ReadRow {
            features,
            row,
            standardise,
            x: x_out,
        });
        Some(x)
    };
    layers.into_par_iter().map(single).collect()
}

struct ReadRow<'a> {
    features: StoredRows<'a>,
    row: usize,
    standardise: Option<Standardise<'a>>,
    x: &'a mut [f32],
}

impl SimdTask for ReadRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.features.read(self.row, 0, self.x);
        if let Some(s) = self.standardise {
            s.apply(0, self.x);
        }
    }
}

/// One row through some outputs of a layer: the weights stream past once.
pub(super) fn one_row(kernel: Kernel, x: Option<&[f32]>, mut task: Task<'_, '_>) {
    let (layer, out) = (task.layer, &mut task.out[0]);
    for (p, out) in out.chunks_mut(PANEL).enumerate() {
        let panel = task.first_panel + p;
        let mut sums = Tile([[0.0; PANEL]; ROW_BLOCK]);
        if let Some(x) = x {
            sums.0[0] = product(kernel, x, layer.weights.panel(panel));
        }
        let present = std::array::from_fn(|r| r == 0 && x.is_some());
        layer.epilogue.finish(panel, &sums, present, out);
    }
}

/// `Σ_k x[k] panel[k][j]`, in the order of k and rounded as [`Kernel::mul_packed`] does. Weights of inputs
/// that are 0 together (an encoder that was not selected) are not read: finite ones would add 0.
pub(super) fn product(kernel: Kernel, x: &[f32], panel: &[[f32; PANEL]]) -> [f32; PANEL] {
    match kernel {
        Kernel::Portable(_) => {
            kernel.run(Stream::<{ micro::portable::BASELINE_FUSES }> { x, panel })
        }
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2Fma(_) | Kernel::Avx512(_) => kernel.run(Stream::<true> { x, panel }),
    }
}

struct Stream<'a, const FUSES: bool> {
    x: &'a [f32],
    panel: &'a [[f32; PANEL]],
}

/// How far ahead of the sums weights are prefetched, in inputs: 4 KiB, which the processor's own
/// prefetching does not cross.
const LOOKAHEAD: usize = 32;

/// Inputs that are skipped together.
const SKIPPED: usize = 64;

impl<const FUSES: bool> SimdTask for Stream<'_, FUSES> {
    type Output = [f32; PANEL];

    #[inline(always)]
    fn run(self) -> [f32; PANEL] {
        let mut sums = [0.0_f32; PANEL];
        let parts = self.x.chunks(SKIPPED).zip(self.panel.chunks(SKIPPED));
        for (n, (x, panel)) in parts.enumerate() {
            if x.iter().all(|x| *x == 0.0) {
                continue;
            }
            let mut ahead = self.panel.iter().skip(n * SKIPPED + LOOKAHEAD);
            for (x, w) in x.iter().zip(panel) {
                if let Some(ahead) = ahead.next() {
                    micro::prefetch::<true, f32>(ahead);
                }
                for (sum, w) in sums.iter_mut().zip(w) {
                    *sum = if FUSES {
                        x.mul_add(*w, *sum)
                    } else {
                        *sum + x * w
                    };
                }
            }
        }
        sums
    }
}
