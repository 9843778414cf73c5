//! Eight steps of a reduction with a step of Adam on 32 elements between their multiply-adds.
//!
//! The processor looks some 500 instructions ahead. With the roots and divisions in one place it waits for them;
//! with an instruction of Adam after every few multiply-adds it does both at once (on an Intel Xeon, 16 elements
//! and 64 multiply-adds: 17 ns instead of 21, the multiply-adds alone 12). The compiler would gather them again,
//! so that the order is written down here.

use std::arch::asm;
use std::arch::x86_64::__m512;

use super::adam_row::{AdamNumbers, AdamRow};
use super::kernel::STEPS_PER_TICK;
use crate::shape::{PANEL, ROW_BLOCK};

/// Values in a vector.
pub(super) const LANES: usize = 16;

/// The tile in registers.
pub(super) type Sums = [[__m512; PANEL / LANES]; ROW_BLOCK];

/// Row `$i` of the tile, in the registers `$low` and `$high`: plus A[i][d] · B[d].
#[rustfmt::skip]
macro_rules! row {
    ($a:literal, $low:literal, $high:literal, $i:literal, $d:literal) => {
        concat!(
            "vbroadcastss {", $a, "}, dword ptr [{rows} + 32*", $i, " + 4*", $d, "]\n",
            "vfmadd231ps {", $low, "}, {", $a, "}, {b0}\n",
            "vfmadd231ps {", $high, "}, {", $a, "}, {b1}\n",
        )
    };
}

/// Step `$d` of the reduction, with five instructions between its rows.
#[rustfmt::skip]
macro_rules! step {
    ($d:literal: $one:expr, $two:expr, $three:expr, $four:expr, $five:expr) => {
        concat!(
            "vmovups {b0}, zmmword ptr [{columns} + 128*", $d, "]\n",
            "vmovups {b1}, zmmword ptr [{columns} + 128*", $d, " + 64]\n",
            row!("a0", "s0", "s1", 0, $d),
            row!("a1", "s2", "s3", 1, $d),
            $one, "\n",
            row!("a0", "s4", "s5", 2, $d),
            $two, "\n",
            row!("a1", "s6", "s7", 3, $d),
            row!("a0", "s8", "s9", 4, $d),
            $three, "\n",
            row!("a1", "s10", "s11", 5, $d),
            $four, "\n",
            row!("a0", "s12", "s13", 6, $d),
            row!("a1", "s14", "s15", 7, $d),
            $five, "\n",
        )
    };
}

/// `sums[i][j] += Σ_d rows[i][d] columns[d][j]` in the order of d, and a step of Adam on 32 elements.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn steps_with_adam(
    sums: &mut Sums,
    rows: &[[f32; STEPS_PER_TICK]; ROW_BLOCK],
    columns: &[[f32; PANEL]; STEPS_PER_TICK],
    adam: AdamRow<'_>,
) {
    let AdamRow {
        g,
        p,
        m,
        v,
        numbers,
    } = adam;
    let numbers: *const AdamNumbers<f32> = numbers;
    let [
        [s0, s1],
        [s2, s3],
        [s4, s5],
        [s6, s7],
        [s8, s9],
        [s10, s11],
        [s12, s13],
        [s14, s15],
    ] = sums;
    // In `numbers`: 0 the factor of the weight, 4 the scale of the gradient, 8 weight decay, 12 1 − β₁, 16 β₂,
    // 20 1 − β₂, 24 the step size, 28 ε. Elements 0 to 15 are in the registers that end in 0, the others in
    // those that end in 1.
    // SAFETY: what is read and written are the arrays behind the references, all of them whole; the registers
    // are those named.
    unsafe {
        asm!(
            step!(0:
                "vmovups {p0}, zmmword ptr [{p}]",
                "vmovups {g0}, zmmword ptr [{g}]",
                "vmulps {p0}, {p0}, dword ptr [{n}]{{1to16}}",
                "vmulps {g0}, {g0}, dword ptr [{n} + 4]{{1to16}}",
                "vmovups {p1}, zmmword ptr [{p} + 64]"),
            step!(1:
                "vmovups {g1}, zmmword ptr [{g} + 64]",
                "vfmadd231ps {g0}, {p0}, dword ptr [{n} + 8]{{1to16}}",
                "vmulps {p1}, {p1}, dword ptr [{n}]{{1to16}}",
                "vmulps {g1}, {g1}, dword ptr [{n} + 4]{{1to16}}",
                "vmulps {t0}, {g0}, dword ptr [{n} + 20]{{1to16}}"),
            step!(2:
                "vmovups {v0}, zmmword ptr [{v}]",
                "vfmadd231ps {g1}, {p1}, dword ptr [{n} + 8]{{1to16}}",
                "vmulps {v0}, {v0}, dword ptr [{n} + 16]{{1to16}}",
                "vmulps {t1}, {g1}, dword ptr [{n} + 20]{{1to16}}",
                "vfmadd231ps {v0}, {t0}, {g0}"),
            step!(3:
                "vmovups {v1}, zmmword ptr [{v} + 64]",
                "vsqrtps {t0}, {v0}",
                "vmulps {v1}, {v1}, dword ptr [{n} + 16]{{1to16}}",
                "vmovups zmmword ptr [{v}], {v0}",
                "vfmadd231ps {v1}, {t1}, {g1}"),
            step!(4:
                "vmovups {m0}, zmmword ptr [{m}]",
                "vsqrtps {t1}, {v1}",
                "vsubps {g0}, {g0}, {m0}",
                "vmovups zmmword ptr [{v} + 64], {v1}",
                "vfmadd231ps {m0}, {g0}, dword ptr [{n} + 12]{{1to16}}"),
            step!(5:
                "vmovups {m1}, zmmword ptr [{m} + 64]",
                "vaddps {t0}, {t0}, dword ptr [{n} + 28]{{1to16}}",
                "vmulps {g0}, {m0}, dword ptr [{n} + 24]{{1to16}}",
                "vmovups zmmword ptr [{m}], {m0}",
                "vdivps {t0}, {g0}, {t0}"),
            step!(6:
                "vsubps {g1}, {g1}, {m1}",
                "vfmadd231ps {m1}, {g1}, dword ptr [{n} + 12]{{1to16}}",
                "vaddps {t1}, {t1}, dword ptr [{n} + 28]{{1to16}}",
                "vmulps {g1}, {m1}, dword ptr [{n} + 24]{{1to16}}",
                "vdivps {t1}, {g1}, {t1}"),
            step!(7:
                "vmovups zmmword ptr [{m} + 64], {m1}",
                "vsubps {p0}, {p0}, {t0}",
                "vmovups zmmword ptr [{p}], {p0}",
                "vsubps {p1}, {p1}, {t1}",
                "vmovups zmmword ptr [{p} + 64], {p1}"),
            rows = in(reg) rows.as_ptr(),
            columns = in(reg) columns.as_ptr(),
            g = in(reg) g.as_ptr(),
            p = in(reg) p.as_mut_ptr(),
            m = in(reg) m.as_mut_ptr(),
            v = in(reg) v.as_mut_ptr(),
            n = in(reg) numbers,
            s0 = inout(zmm_reg) *s0, s1 = inout(zmm_reg) *s1,
            s2 = inout(zmm_reg) *s2, s3 = inout(zmm_reg) *s3,
            s4 = inout(zmm_reg) *s4, s5 = inout(zmm_reg) *s5,
            s6 = inout(zmm_reg) *s6, s7 = inout(zmm_reg) *s7,
            s8 = inout(zmm_reg) *s8, s9 = inout(zmm_reg) *s9,
            s10 = inout(zmm_reg) *s10, s11 = inout(zmm_reg) *s11,
            s12 = inout(zmm_reg) *s12, s13 = inout(zmm_reg) *s13,
            s14 = inout(zmm_reg) *s14, s15 = inout(zmm_reg) *s15,
            a0 = out(zmm_reg) _, a1 = out(zmm_reg) _, b0 = out(zmm_reg) _, b1 = out(zmm_reg) _,
            g0 = out(zmm_reg) _, g1 = out(zmm_reg) _, p0 = out(zmm_reg) _, p1 = out(zmm_reg) _,
            m0 = out(zmm_reg) _, m1 = out(zmm_reg) _, v0 = out(zmm_reg) _, v1 = out(zmm_reg) _,
            t0 = out(zmm_reg) _, t1 = out(zmm_reg) _,
            options(nostack, preserves_flags),
        );
    }
}
