//! The layers over stored features, and the tasks that their work is cut into.

use super::epilogue::Epilogue;
use crate::layout::Panels;
use crate::pack::{RowScaling, StoredRows};
use crate::shape::{PANEL, ROW_BLOCK};

/// Rows that one task takes: their part of a pass (384 KiB) and their sums for 256 outputs (256 KiB)
/// stay in the second-level cache.
pub(super) const BAND: usize = 256;

/// A batch of features where they are stored.
#[derive(Clone, Copy, Debug)]
pub struct BatchRows<'a> {
    /// The stored features.
    pub features: StoredRows<'a>,
    /// The stored row of each row of the batch; `None` where it is missing.
    pub rows: &'a [Option<usize>],
    /// Standardisation of the features.
    pub scaling: RowScaling<'a>,
}

/// A layer over stored features; missing rows have outputs of 0.
#[derive(Clone, Copy, Debug)]
pub struct Projection<'a> {
    /// The input.
    pub input: BatchRows<'a>,
    /// `(outputs, features)`.
    pub weights: &'a Panels<f32>,
    /// Applied to each sum.
    pub epilogue: Epilogue<'a>,
}

impl Projection<'_> {
    /// # Panics
    /// If shapes differ, for a batch of `batch` rows.
    pub(super) fn check(&self, batch: usize) {
        let width = self.weights.cols();
        assert_eq!(self.input.features.cols, width, "project: features");
        assert_eq!(self.input.rows.len(), batch, "project: one entry per row");
        self.epilogue.check(self.weights);
        self.input.scaling.check(batch, width);
    }
}

/// Part of one layer's work: some rows of the batch, some panels of outputs, and where the results go.
pub(super) struct Task<'a, 'o> {
    pub(super) layer: &'a Projection<'a>,
    pub(super) first_row: usize,
    pub(super) rows: usize,
    pub(super) first_panel: usize,
    /// For each block of eight rows its outputs, `[outputs][8]`.
    pub(super) out: Vec<&'o mut [[f32; ROW_BLOCK]]>,
}

impl Task<'_, '_> {
    /// Panels of outputs.
    pub(super) fn panels(&self) -> usize {
        self.out[0].len().div_ceil(PANEL)
    }

    /// Multiply-adds, but for a factor that all tasks share.
    pub(super) fn cost(&self) -> usize {
        self.rows * self.panels() * self.layer.weights.cols()
    }
}
