//! The sizes that packed layouts and micro-kernels agree on.

/// Rows that a [`PackedRows`](crate::layout::PackedRows) block interleaves: the height of a micro-tile.
pub const ROW_BLOCK: usize = 8;

/// Outputs that a [`Panels`](crate::layout::Panels) panel interleaves: the width of a micro-tile.
pub const PANEL: usize = 32;

/// Bytes of a cache line, and of the widest vector register.
pub const CACHE_LINE: usize = 64;

/// Columns that a gather stages at once: 8 rows of them are 6 KiB.
pub(crate) const STAGED: usize = 192;

/// Depth of one pass of a product: 384 × 32 weights are 48 KiB and come from the second-level cache
/// for every block of the batch, 12 KiB of a block at a time; shorter passes read and write `Y` more
/// often, which costs more.
pub(crate) const DEPTH: usize = 384;
