//! The most that this machine's arithmetic can do: fused multiply-adds on registers alone. What a
//! benchmark measures itself against, in the same run.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::micro::Kernel;

/// Independent sums: enough to hide the latency of a multiply-add (4 cycles on 2 units, with room),
/// few enough to stay in registers.
const SUMS: usize = 12;

/// Rounds between two looks at the clock.
const ROUNDS: usize = 1 << 16;

/// Single-precision GFLOP/s (a multiply-add counts two) over all threads of the current rayon pool
/// together, with the instructions of `kernel`; on each thread the best of several segments
/// within `time`. The portable kernel multiplies and adds apart, as its loops do.
pub fn fma_peak_gflops(kernel: Kernel, time: Duration) -> f64 {
    let rates: Vec<f64> = rayon::broadcast(|_| {
        let began = Instant::now();
        let mut best = 0.0_f64;
        while began.elapsed() < time {
            let start = Instant::now();
            let flops = segment(kernel);
            best = best.max(flops / start.elapsed().as_secs_f64());
        }
        best / 1e9
    });
    rates.iter().sum()
}

/// One run of multiply-adds; returns their number of floating-point operations.
fn segment(kernel: Kernel) -> f64 {
    // A factor just under 1 keeps the sums finite; the compiler must not know it.
    let (factor, term) = (black_box(0.999_9), black_box(1e-4));
    let lanes = match kernel {
        Kernel::Portable(_) => {
            black_box(portable(factor, term));
            16
        }
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2Fma(_) => {
            // SAFETY: a value of this variant proves that the features are there.
            black_box(unsafe { avx2(factor, term) });
            8
        }
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512(_) => {
            // SAFETY: a value of this variant proves that the features are there.
            black_box(unsafe { avx512(factor, term) });
            16
        }
    };
    (2 * lanes * SUMS * ROUNDS) as f64
}

/// Twelve vectors of 16, which the compiler spreads over whatever registers the target has.
fn portable(factor: f32, term: f32) -> f32 {
    let mut sums = [[1.0_f32; 16]; SUMS];
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            *sum = sum.map(|x| x * factor + term);
        }
    }
    sums.as_flattened().iter().sum()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(factor: f32, term: f32) -> f32 {
    use std::arch::x86_64::{_mm256_cvtss_f32, _mm256_fmadd_ps, _mm256_set1_ps};
    let (factor, term) = (_mm256_set1_ps(factor), _mm256_set1_ps(term));
    let mut sums = [_mm256_set1_ps(1.0); SUMS];
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, factor, term);
        }
    }
    sums.into_iter().map(|sum| _mm256_cvtss_f32(sum)).sum()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(factor: f32, term: f32) -> f32 {
    use std::arch::x86_64::{_mm512_cvtss_f32, _mm512_fmadd_ps, _mm512_set1_ps};
    let (factor, term) = (_mm512_set1_ps(factor), _mm512_set1_ps(term));
    let mut sums = [_mm512_set1_ps(1.0); SUMS];
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, factor, term);
        }
    }
    sums.into_iter().map(|sum| _mm512_cvtss_f32(sum)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_a_peak() {
        for kernel in Kernel::supported() {
            let peak = fma_peak_gflops(kernel, Duration::from_millis(1));
            assert!(peak.is_finite() && peak > 0.0, "{}: {peak}", kernel.name());
        }
    }
}
