//! The scalar types that the kernels accept.

use std::fmt::{Debug, Display};
use std::iter::Sum;

use num_traits::{Float, NumAssign};

use crate::micro::dispatch::Dispatch;

/// `f32` (training) or `f64` (gradient checks). Sealed: the micro-kernels know both by name.
pub trait Real:
    Float + NumAssign + Sum + Default + Debug + Display + Send + Sync + Dispatch + 'static
{
    /// The nearest value to `x`.
    fn of(x: f64) -> Self;
    /// This value, widened without loss.
    fn as_f64(self) -> f64;
}

impl Real for f32 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn as_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn as_f64(self) -> f64 {
        self
    }
}
