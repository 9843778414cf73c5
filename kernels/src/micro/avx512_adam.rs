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
            "vbroadcastss ", $a, ", dword ptr [{rows} + 32*", $i, " + 4*", $d, "]\n",
            "vfmadd231ps ", $low, ", ", $a, ", zmm16\n",
            "vfmadd231ps ", $high, ", ", $a, ", zmm17\n",
        )
    };
}

/// Step `$d` of the reduction, with five instructions between its rows.
#[rustfmt::skip]
macro_rules! step {
    ($d:literal: $one:expr, $two:expr, $three:expr, $four:expr, $five:expr) => {
        concat!(
            "vmovups zmm16, zmmword ptr [{columns} + 128*", $d, "]\n",
            "vmovups zmm17, zmmword ptr [{columns} + 128*", $d, " + 64]\n",
            row!("zmm18", "zmm0", "zmm1", 0, $d),
            row!("zmm19", "zmm2", "zmm3", 1, $d),
            $one, "\n",
            row!("zmm18", "zmm4", "zmm5", 2, $d),
            $two, "\n",
            row!("zmm19", "zmm6", "zmm7", 3, $d),
            row!("zmm18", "zmm8", "zmm9", 4, $d),
            $three, "\n",
            row!("zmm19", "zmm10", "zmm11", 5, $d),
            $four, "\n",
            row!("zmm18", "zmm12", "zmm13", 6, $d),
            row!("zmm19", "zmm14", "zmm15", 7, $d),
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
    // Registers by name, because the compiler finds none by itself where it does not optimise: 0 to 15 the tile,
    // 16 and 17 `columns`, 18 and 19 `rows`; of elements 0 to 15 and of the others 20 and 21 p, 22 and 23 g, 24 and
    // 25 m, 26 and 27 v, 28 and 29 the root. In `numbers`: 0 the factor of the weight, 4 the scale of the gradient,
    // 8 weight decay, 12 1 − β₁, 16 β₂, 20 1 − β₂, 24 the step size, 28 ε.
    // SAFETY: what is read and written are the arrays behind the references, all of them whole; the registers
    // are those named.
    unsafe {
        asm!(
            step!(0:
                "vmovups zmm20, zmmword ptr [{p}]",
                "vmovups zmm22, zmmword ptr [{g}]",
                "vmulps zmm20, zmm20, dword ptr [{n}]{{1to16}}",
                "vmulps zmm22, zmm22, dword ptr [{n} + 4]{{1to16}}",
                "vmovups zmm21, zmmword ptr [{p} + 64]"),
            step!(1:
                "vmovups zmm23, zmmword ptr [{g} + 64]",
                "vfmadd231ps zmm22, zmm20, dword ptr [{n} + 8]{{1to16}}",
                "vmulps zmm21, zmm21, dword ptr [{n}]{{1to16}}",
                "vmulps zmm23, zmm23, dword ptr [{n} + 4]{{1to16}}",
                "vmulps zmm28, zmm22, dword ptr [{n} + 20]{{1to16}}"),
            step!(2:
                "vmovups zmm26, zmmword ptr [{v}]",
                "vfmadd231ps zmm23, zmm21, dword ptr [{n} + 8]{{1to16}}",
                "vmulps zmm26, zmm26, dword ptr [{n} + 16]{{1to16}}",
                "vmulps zmm29, zmm23, dword ptr [{n} + 20]{{1to16}}",
                "vfmadd231ps zmm26, zmm28, zmm22"),
            step!(3:
                "vmovups zmm27, zmmword ptr [{v} + 64]",
                "vsqrtps zmm28, zmm26",
                "vmulps zmm27, zmm27, dword ptr [{n} + 16]{{1to16}}",
                "vmovups zmmword ptr [{v}], zmm26",
                "vfmadd231ps zmm27, zmm29, zmm23"),
            step!(4:
                "vmovups zmm24, zmmword ptr [{m}]",
                "vsqrtps zmm29, zmm27",
                "vsubps zmm22, zmm22, zmm24",
                "vmovups zmmword ptr [{v} + 64], zmm27",
                "vfmadd231ps zmm24, zmm22, dword ptr [{n} + 12]{{1to16}}"),
            step!(5:
                "vmovups zmm25, zmmword ptr [{m} + 64]",
                "vaddps zmm28, zmm28, dword ptr [{n} + 28]{{1to16}}",
                "vmulps zmm22, zmm24, dword ptr [{n} + 24]{{1to16}}",
                "vmovups zmmword ptr [{m}], zmm24",
                "vdivps zmm28, zmm22, zmm28"),
            step!(6:
                "vsubps zmm23, zmm23, zmm25",
                "vfmadd231ps zmm25, zmm23, dword ptr [{n} + 12]{{1to16}}",
                "vaddps zmm29, zmm29, dword ptr [{n} + 28]{{1to16}}",
                "vmulps zmm23, zmm25, dword ptr [{n} + 24]{{1to16}}",
                "vdivps zmm29, zmm23, zmm29"),
            step!(7:
                "vmovups zmmword ptr [{m} + 64], zmm25",
                "vsubps zmm20, zmm20, zmm28",
                "vmovups zmmword ptr [{p}], zmm20",
                "vsubps zmm21, zmm21, zmm29",
                "vmovups zmmword ptr [{p} + 64], zmm21"),
            rows = in(reg) rows.as_ptr(),
            columns = in(reg) columns.as_ptr(),
            g = in(reg) g.as_ptr(),
            p = in(reg) p.as_mut_ptr(),
            m = in(reg) m.as_mut_ptr(),
            v = in(reg) v.as_mut_ptr(),
            n = in(reg) numbers,
            inout("zmm0") *s0, inout("zmm1") *s1,
            inout("zmm2") *s2, inout("zmm3") *s3,
            inout("zmm4") *s4, inout("zmm5") *s5,
            inout("zmm6") *s6, inout("zmm7") *s7,
            inout("zmm8") *s8, inout("zmm9") *s9,
            inout("zmm10") *s10, inout("zmm11") *s11,
            inout("zmm12") *s12, inout("zmm13") *s13,
            inout("zmm14") *s14, inout("zmm15") *s15,
            out("zmm16") _, out("zmm17") _, out("zmm18") _, out("zmm19") _,
            out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _,
            out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm27") _,
            out("zmm28") _, out("zmm29") _,
            options(nostack, preserves_flags),
        );
    }
}
