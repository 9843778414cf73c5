//! The innermost loops, one file per instruction set, and the choice between them at run time.
//!
//! One form of tile serves every matrix product: 8 × 32 sums, to which each step of the reduction
//! adds the outer product of 8 broadcast values of `a` and 32 contiguous values of `b`. What differs
//! is the layout of the 8 values of `a`: *packed*, contiguous in a block `[depth][8]` (forward
//! product, gemm), or *strided*, one from each row of a block `[8][W]` (weight gradient: W = 8 rows of
//! the batch; gradient of the input: W = 32 outputs of a panel).

mod adam_row;
#[cfg(target_arch = "x86_64")]
mod avx2_fma;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_adam;
pub(crate) mod dispatch;
mod kernel;
pub(crate) mod portable;
mod prefetch;
mod select;
mod tile;
pub(crate) mod transpose;

pub use adam_row::{AdamNumbers, AdamRow};
#[cfg(target_arch = "x86_64")]
pub use avx2_fma::Avx2Fma;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use kernel::{Interleave, MicroKernel, STEPS_PER_TICK, SimdTask};
pub use portable::Portable;
pub(crate) use prefetch::{prefetch, prefetch_line};
pub(crate) use select::active;
pub use select::{
    KERNEL_NAMES, KERNEL_VARIABLE, Kernel, SelectError, kernel_name, select, select_named,
};
pub use tile::{Accumulate, Blocks, Operands, PackedOperands, StridedOperands, Tile, TileRows};
