//! The innermost loops, one file per instruction set, and the choice between them at run time.
//!
//! One form of tile serves every matrix product: 8 × 32 sums, to which each step of the reduction
//! adds the outer product of 8 broadcast values of `a` and 32 contiguous values of `b`. What differs
//! is how the 8 values of `a` stand: *down* a packed block (`[depth][8]`: forward product, gemm),
//! or *across* blocks of `[8][W]` (weight gradient: W = 8 rows of the batch; gradient of the
//! input: W = 32 outputs of a panel).

use std::fmt;
use std::sync::OnceLock;

use crate::layout::{PANEL, ROW_BLOCK};

#[cfg(target_arch = "x86_64")]
mod avx2_fma;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod portable;

#[cfg(target_arch = "x86_64")]
pub use avx2_fma::Avx2Fma;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use portable::Portable;

/// The environment variable that forces a kernel.
pub const KERNEL_VARIABLE: &str = "BLENDFUSE_KERNEL";

/// The names that [`KERNEL_VARIABLE`] accepts, slowest first.
pub const KERNEL_NAMES: [&str; 3] = ["portable", "avx2", "avx512"];

/// The sums that a micro-kernel holds in registers, `[8][32]`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub struct Tile<T>(pub [[T; PANEL]; ROW_BLOCK]);

/// Eight rows of 32 sums, wherever they stand: a [`Tile`], or rows of a matrix.
pub trait TileRows<T> {
    /// Row `i` of 8.
    fn row(&self, i: usize) -> &[T; PANEL];
    /// Row `i` of 8.
    fn row_mut(&mut self, i: usize) -> &mut [T; PANEL];
}

impl<T> TileRows<T> for Tile<T> {
    #[inline(always)]
    fn row(&self, i: usize) -> &[T; PANEL] {
        &self.0[i]
    }

    #[inline(always)]
    fn row_mut(&mut self, i: usize) -> &mut [T; PANEL] {
        &mut self.0[i]
    }
}

impl<T> TileRows<T> for [&mut [T; PANEL]; ROW_BLOCK] {
    #[inline(always)]
    fn row(&self, i: usize) -> &[T; PANEL] {
        self[i]
    }

    #[inline(always)]
    fn row_mut(&mut self, i: usize) -> &mut [T; PANEL] {
        self[i]
    }
}

/// What the sums of a reduction start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Zero. The tile is written, not read: zeros just stored by narrower vectors than the kernel's
    /// would keep it waiting until they are in the cache.
    Zero,
    /// What the tile holds.
    Tile,
}

/// Blocks `[8][W]` that start `stride` elements apart in `data`.
#[derive(Clone, Copy, Debug)]
pub struct Blocks<'a, T> {
    /// Holds the blocks; the first one stands first.
    pub data: &'a [T],
    /// From the start of one block to that of the next, in elements.
    pub stride: usize,
}

impl<'a, T> Blocks<'a, T> {
    /// Block `index`.
    ///
    /// # Panics
    /// If the block leaves the data.
    #[inline(always)]
    pub fn block<const W: usize>(self, index: usize) -> &'a [[T; W]; ROW_BLOCK] {
        let block = &self.data[index * self.stride..][..ROW_BLOCK * W];
        block
            .as_chunks::<W>()
            .0
            .try_into()
            .expect("8 rows of W elements")
    }
}

/// A loop that is compiled once for each instruction set: see [`MicroKernel::run`].
///
/// `run` must be `#[inline(always)]`, else it is compiled for the baseline alone.
pub trait Pass {
    /// What the loop returns.
    type Output;
    /// Runs the loop.
    fn run(self) -> Self::Output;
}

/// Work that a micro-kernel does along with a reduction, a share after every few steps: prefetches of
/// what comes next, which would stall the processor if all were asked for at once, or slow
/// arithmetic of a former tile, which the multiply-adds hide.
///
/// `share` must be `#[inline(always)]`, else it is compiled for the baseline alone. It must not rely
/// on how often it is called: short reductions have fewer shares.
pub trait Beside {
    /// One share.
    fn share(&mut self);
}

/// Nothing beside.
impl Beside for () {
    #[inline(always)]
    fn share(&mut self) {}
}

/// Steps of a reduction between two shares of what is done beside it.
pub const STEPS_PER_SHARE: usize = 8;

/// The inner loops for one instruction set. A value of an implementing type exists only where the
/// processor has that instruction set, so every method is safe.
pub trait MicroKernel: Copy + fmt::Debug + Send + Sync {
    /// The name that [`KERNEL_VARIABLE`] knows it by.
    const NAME: &'static str;

    /// Parts of a tile, each of which passes over the whole reduction.
    const PARTS: usize;

    /// `tile[i][j] = start[i][j] + Σ_k a[k][i] b[k][j]`, over the shorter of `a` and `b`, in the order of k, with
    /// a share of `beside` after every [`STEPS_PER_SHARE`] whole steps of each part.
    fn down<R: TileRows<f32>, B: Beside>(
        self,
        a: &[[f32; ROW_BLOCK]],
        b: &[[f32; PANEL]],
        start: Start,
        tile: &mut R,
        beside: &mut B,
    );

    /// `tile[i][j] = start[i][j] + Σ_n Σ_d a_n[i][d] b[n W + d][j]` over `b.len() / W` blocks, in that order,
    /// with a share of `beside` after each block of each part.
    ///
    /// # Panics
    /// If a block leaves the data of `a`.
    fn across<const W: usize, B: Beside>(
        self,
        a: Blocks<'_, f32>,
        b: &[[f32; PANEL]],
        start: Start,
        tile: &mut Tile<f32>,
        beside: &mut B,
    );

    /// Runs a pass compiled for this instruction set.
    fn run<P: Pass>(self, pass: P) -> P::Output;
}

/// A micro-kernel that this processor can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Plain Rust that the compiler vectorises for the baseline of the target.
    Portable(Portable),
    /// 256-bit vectors with fused multiply-add (Haswell, Zen and later).
    #[cfg(target_arch = "x86_64")]
    Avx2Fma(Avx2Fma),
    /// 512-bit vectors (Skylake-X, Zen 4 and later).
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

/// Calls one method on whichever kernel it is.
macro_rules! dispatch {
    ($kernel:expr, $k:ident => $call:expr) => {
        match $kernel {
            Kernel::Portable($k) => $call,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2Fma($k) => $call,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512($k) => $call,
        }
    };
}

impl Kernel {
    /// All kernels that this processor can run, slowest first.
    pub fn supported() -> Vec<Self> {
        KERNEL_NAMES
            .iter()
            .filter_map(|name| select_named(name).ok())
            .collect()
    }

    /// The name that [`KERNEL_VARIABLE`] knows it by.
    pub fn name(self) -> &'static str {
        fn name<K: MicroKernel>(_: K) -> &'static str {
            K::NAME
        }
        dispatch!(self, k => name(k))
    }

    /// [`MicroKernel::down`].
    #[inline]
    pub fn down<R: TileRows<f32>, B: Beside>(
        self,
        a: &[[f32; ROW_BLOCK]],
        b: &[[f32; PANEL]],
        start: Start,
        tile: &mut R,
        beside: &mut B,
    ) {
        dispatch!(self, k => k.down(a, b, start, tile, beside));
    }

    /// [`MicroKernel::across`].
    ///
    /// # Panics
    /// If a block leaves the data of `a`.
    #[inline]
    pub fn across<const W: usize, B: Beside>(
        self,
        a: Blocks<'_, f32>,
        b: &[[f32; PANEL]],
        start: Start,
        tile: &mut Tile<f32>,
        beside: &mut B,
    ) {
        dispatch!(self, k => k.across::<W, B>(a, b, start, tile, beside));
    }

    /// [`MicroKernel::run`].
    #[inline]
    pub fn run<P: Pass>(self, pass: P) -> P::Output {
        dispatch!(self, k => k.run(pass))
    }

    /// [`MicroKernel::PARTS`].
    #[inline]
    pub fn parts(self) -> usize {
        fn parts<K: MicroKernel>(_: K) -> usize {
            K::PARTS
        }
        dispatch!(self, k => parts(k))
    }

    /// Whether it rounds a product and the sum that it enters once.
    pub(crate) fn fuses(self) -> bool {
        self.vector_bits() > 128 || portable::BASELINE_FUSES
    }

    /// Width of its vectors in bits, by which generic loops choose how much to hold in them.
    pub(crate) fn vector_bits(self) -> usize {
        match self {
            Self::Portable(_) => 128,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Fma(_) => 256,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => 512,
        }
    }
}

/// Why no kernel could be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectError {
    /// No kernel has this name.
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// This processor lacks the instructions.
    Unsupported {
        /// The kernel that was asked for.
        name: &'static str,
    },
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => write!(
                f,
                "no kernel is called `{name}`; {KERNEL_VARIABLE} takes {}",
                KERNEL_NAMES.join(", ")
            )?,
            Self::Unsupported { name } => {
                write!(
                    f,
                    "{KERNEL_VARIABLE}={name}: this processor lacks the instructions of that kernel"
                )?;
            }
        }
        write!(f, " (unset it to let the processor decide)")
    }
}

impl std::error::Error for SelectError {}

/// The kernel of that name.
///
/// # Errors
/// If the name is unknown, or the processor lacks the instructions.
pub fn select_named(name: &str) -> Result<Kernel, SelectError> {
    #[cfg(target_arch = "x86_64")]
    let (avx2, avx512) = (
        Avx2Fma::detect().map(Kernel::Avx2Fma),
        Avx512::detect().map(Kernel::Avx512),
    );
    #[cfg(not(target_arch = "x86_64"))]
    let (avx2, avx512) = (None, None);
    let (name, kernel) = match name {
        "portable" => ("portable", Some(Kernel::Portable(Portable))),
        "avx2" => ("avx2", avx2),
        "avx512" => ("avx512", avx512),
        _ => {
            return Err(SelectError::Unknown {
                name: name.to_owned(),
            });
        }
    };
    kernel.ok_or(SelectError::Unsupported { name })
}

/// The kernel in use: the one that [`KERNEL_VARIABLE`] names, or else the widest that the processor
/// has. Decided at the first call and kept.
///
/// A program calls this first and reports the error; the kernels themselves return no `Result`.
///
/// # Errors
/// If the variable names no kernel, or one that the processor lacks.
pub fn select() -> Result<Kernel, SelectError> {
    static CHOICE: OnceLock<Result<Kernel, SelectError>> = OnceLock::new();
    let choice = CHOICE.get_or_init(|| match std::env::var_os(KERNEL_VARIABLE) {
        Some(name) => select_named(&name.to_string_lossy()),
        None => Ok(Kernel::supported()
            .pop()
            .unwrap_or(Kernel::Portable(Portable))),
    });
    choice.clone()
}

/// The name of the kernel in use, for manifests and reports.
///
/// # Errors
/// As [`select`].
pub fn kernel_name() -> Result<&'static str, SelectError> {
    select().map(Kernel::name)
}

/// The kernel in use.
///
/// # Panics
/// With the message of [`SelectError`] if the caller has not checked [`select`].
pub(crate) fn active() -> Kernel {
    select().unwrap_or_else(|error| panic!("{error}"))
}

/// Asks for values that are wanted soon, so that memory works while the registers do: into the
/// first-level cache if `NEAR`, else into the second.
#[inline(always)]
pub(crate) fn prefetch<const NEAR: bool, T>(values: &[T]) {
    for line in values.chunks(crate::buffer::ALIGNMENT / size_of::<T>()) {
        prefetch_line::<NEAR, T>(line.as_ptr());
    }
}

/// Asks for the cache line at a place, as [`prefetch`]; nothing is read, so the place may be anywhere.
#[inline(always)]
pub(crate) fn prefetch_line<const NEAR: bool, T>(place: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        let line = place.cast();
        if NEAR {
            // SAFETY: a prefetch never faults, wherever it points, and SSE is part of x86-64.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
        } else {
            // SAFETY: as above.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(line) };
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = place;
}
