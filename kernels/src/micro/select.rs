//! The choice of a micro-kernel at run time.

use std::fmt;
use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use super::avx2_fma::Avx2Fma;
#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512;
use super::kernel::{Interleave, MicroKernel, SimdTask};
use super::portable::{BASELINE_FUSES, Portable};
use super::tile::{PackedOperands, StridedOperands, Tile, TileRows};

/// The environment variable that forces a kernel.
pub const KERNEL_VARIABLE: &str = "BLENDFUSE_KERNEL";

/// The names that [`KERNEL_VARIABLE`] accepts, slowest first.
pub const KERNEL_NAMES: [&str; 3] = ["portable", "avx2", "avx512"];

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

    /// The name that [`KERNEL_VARIABLE`] accepts for it.
    pub fn name(self) -> &'static str {
        fn name<K: MicroKernel>(_: K) -> &'static str {
            K::NAME
        }
        dispatch!(self, k => name(k))
    }

    /// [`MicroKernel::mul_packed`].
    #[inline]
    pub fn mul_packed<R: TileRows<f32>, I: Interleave>(
        self,
        operands: PackedOperands<'_, f32>,
        tile: &mut R,
        interleave: &mut I,
    ) {
        dispatch!(self, k => k.mul_packed(operands, tile, interleave));
    }

    /// [`MicroKernel::mul_strided`].
    ///
    /// # Panics
    /// If a block leaves the data of `a`.
    #[inline]
    pub fn mul_strided<const W: usize, I: Interleave>(
        self,
        operands: StridedOperands<'_, f32>,
        tile: &mut Tile<f32>,
        interleave: &mut I,
    ) {
        dispatch!(self, k => k.mul_strided::<W, I>(operands, tile, interleave));
    }

    /// [`MicroKernel::run`].
    #[inline]
    pub fn run<S: SimdTask>(self, task: S) -> S::Output {
        dispatch!(self, k => k.run(task))
    }

    /// [`MicroKernel::PARTS`].
    #[inline]
    pub fn parts(self) -> usize {
        fn parts<K: MicroKernel>(_: K) -> usize {
            K::PARTS
        }
        dispatch!(self, k => parts(k))
    }

    /// Whether it fuses a product and the sum that it is added to, with one rounding.
    pub(crate) fn fuses(self) -> bool {
        self.vector_bits() > 128 || BASELINE_FUSES
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
