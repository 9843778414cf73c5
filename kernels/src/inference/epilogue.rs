//! What follows a product in a trained network.

use crate::layout::Panels;
use crate::micro::Tile;
use crate::shape::{PANEL, ROW_BLOCK};

/// What follows a product: `y · scale + shift`, and ReLU.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue<'a> {
    /// Factor of each output.
    pub scale: &'a [f32],
    /// Term of each output.
    pub shift: &'a [f32],
    /// Whether what is below 0 becomes 0.
    pub relu: bool,
}

impl Epilogue<'_> {
    /// NaN stays NaN.
    #[inline(always)]
    fn apply(&self, output: usize, sum: f32) -> f32 {
        let y = sum * self.scale[output] + self.shift[output];
        if self.relu && y < 0.0 { 0.0 } else { y }
    }

    /// # Panics
    /// If there is not one scale and shift for each output of the weights.
    pub(super) fn check(&self, weights: &Panels<f32>) {
        assert_eq!(
            [self.scale.len(), self.shift.len()],
            [weights.rows(); 2],
            "one scale and shift per output"
        );
    }

    /// Writes the outputs of a panel from their sums, 0 for absent rows; `out` is `[outputs][8]` of that
    /// panel.
    pub(super) fn finish(
        &self,
        panel: usize,
        sums: &Tile<f32>,
        present: [bool; ROW_BLOCK],
        out: &mut [[f32; ROW_BLOCK]],
    ) {
        for (j, out) in out.iter_mut().take(PANEL).enumerate() {
            let output = panel * PANEL + j;
            for (r, y) in out.iter_mut().enumerate() {
                *y = if present[r] {
                    self.apply(output, sums.0[r][j])
                } else {
                    0.0
                };
            }
        }
    }

    /// As [`Epilogue::finish`], of one row alone; `out` is `[outputs]` of that panel.
    pub(super) fn finish_row(&self, panel: usize, sums: &[f32; PANEL], out: &mut [f32]) {
        for ((j, out), sum) in out.iter_mut().enumerate().zip(sums) {
            *out = self.apply(panel * PANEL + j, *sum);
        }
    }
}
