//! The micro-kernels themselves, each that this machine can run, against the sums that they compute.

use blendfuse_kernels::layout::{PANEL, ROW_BLOCK};
use blendfuse_kernels::micro::{
    Accumulate, Blocks, Interleave, Kernel, Operands, PackedOperands, STEPS_PER_TICK, SimdTask,
    Tile,
};

use crate::inputs::integers;

/// A tile that already holds sums.
fn started() -> Tile<f32> {
    let values: Vec<f32> = integers(ROW_BLOCK * PANEL, 9);
    Tile(std::array::from_fn(|i| {
        std::array::from_fn(|j| values[i * PANEL + j])
    }))
}

/// `b[k][j]`, from values that are not aligned.
fn streamed(values: &[f32]) -> &[[f32; PANEL]] {
    values[1..].as_chunks().0
}

/// Operands whose products are added to the tile.
fn adding<'a>(a: &'a [[f32; ROW_BLOCK]], b: &'a [[f32; PANEL]]) -> PackedOperands<'a, f32> {
    let accumulate = Accumulate::Add;
    Operands { a, b, accumulate }
}

fn add_outer_product(a: &[f32; ROW_BLOCK], b: &[f32; PANEL], tile: &mut Tile<f32>) {
    for (sums, a) in tile.0.iter_mut().zip(a) {
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum += a * b;
        }
    }
}

#[test]
fn mul_packed_adds_the_outer_products() {
    for kernel in Kernel::supported() {
        for depth in [0, 1, 2, 7, 192, 193] {
            let a: Vec<f32> = integers(depth * ROW_BLOCK + 1, 1);
            let b: Vec<f32> = integers(depth * PANEL + 1, 2);
            let (a, b) = (a[1..].as_chunks().0, streamed(&b));
            let (mut ours, mut expected) = (started(), started());
            kernel.mul_packed(adding(a, b), &mut ours, &mut ());
            for (a, b) in a.iter().zip(b) {
                add_outer_product(a, b, &mut expected);
            }
            assert_eq!(ours, expected, "{} at depth {depth}", kernel.name());
        }
    }
}

/// The shorter operand ends the reduction, as it does in `zip`.
#[test]
fn mul_packed_ends_with_the_shorter_operand() {
    for kernel in Kernel::supported() {
        let (a, b) = ([[1.0; ROW_BLOCK]; 5], [[1.0; PANEL]; 3]);
        let mut tile = Tile([[0.0; PANEL]; ROW_BLOCK]);
        kernel.mul_packed(adding(&a, &b), &mut tile, &mut ());
        kernel.mul_packed(adding(&a[..2], &b), &mut tile, &mut ());
        assert_eq!(tile, Tile([[5.0; PANEL]; ROW_BLOCK]), "{}", kernel.name());
    }
}

fn mul_strided_agrees<const W: usize>() {
    for kernel in Kernel::supported() {
        for blocks in [0, 1, 2, 9] {
            // A gap of NaN behind each block must never be read.
            let stride = ROW_BLOCK * W + 3;
            let mut a: Vec<f32> = integers(blocks * stride, 1);
            for gap in a.chunks_mut(stride) {
                gap[ROW_BLOCK * W..].fill(f32::NAN);
            }
            let b: Vec<f32> = integers(blocks * W * PANEL + 1, 2);
            let b = streamed(&b);
            let (mut ours, mut expected) = (started(), started());
            let data = &a[..];
            let operands = Operands {
                a: Blocks { data, stride },
                b,
                accumulate: Accumulate::Add,
            };
            kernel.mul_strided::<W, _>(operands, &mut ours, &mut ());
            for (k, b) in b.iter().enumerate() {
                let column = |i| a[k / W * stride + i * W + k % W];
                add_outer_product(&std::array::from_fn(column), b, &mut expected);
            }
            let name = kernel.name();
            assert_eq!(ours, expected, "{name}: {blocks} blocks of width {W}");
        }
    }
}

#[test]
fn mul_strided_adds_the_outer_products_of_narrow_blocks() {
    mul_strided_agrees::<8>();
}

#[test]
fn mul_strided_adds_the_outer_products_of_wide_blocks() {
    mul_strided_agrees::<32>();
}

/// The bound that keeps the kernels out of foreign memory.
#[test]
fn mul_strided_refuses_a_block_beyond_the_data() {
    for kernel in Kernel::supported() {
        for (len, stride) in [(127, 64), (128, 65), (63, 0)] {
            let data = vec![0.0; len];
            let b = [[0.0; PANEL]; 16];
            let run = || {
                let mut tile = Tile([[0.0; PANEL]; ROW_BLOCK]);
                let operands = Operands {
                    a: Blocks {
                        data: &data,
                        stride,
                    },
                    b: &b,
                    accumulate: Accumulate::Overwrite,
                };
                kernel.mul_strided::<8, _>(operands, &mut tile, &mut ());
            };
            assert!(std::panic::catch_unwind(run).is_err(), "{}", kernel.name());
        }
    }
}

/// Counts its ticks.
struct Ticks(usize);

impl Interleave for Ticks {
    #[inline(always)]
    fn tick(&mut self) {
        self.0 += 1;
    }
}

/// Parts of a tile, each of which passes over the whole reduction, share the interleaved work.
#[test]
fn each_part_has_a_tick_after_every_eight_steps() {
    for kernel in Kernel::supported() {
        for steps in [0, 7, 8, 9, 200] {
            let (a, b) = (vec![[1.0; ROW_BLOCK]; steps], vec![[1.0; PANEL]; steps]);
            let (mut tile, mut ticks) = (started(), Ticks(0));
            kernel.mul_packed(adding(&a, &b), &mut tile, &mut ticks);
            let expected = steps / STEPS_PER_TICK * kernel.parts();
            assert_eq!(ticks.0, expected, "{}: {steps} steps packed", kernel.name());
        }
        for blocks in [0, 1, 9] {
            let data = &vec![1.0; blocks * ROW_BLOCK * 8][..];
            let (mut tile, mut ticks) = (started(), Ticks(0));
            let b = vec![[1.0; PANEL]; blocks * 8];
            let operands = Operands {
                a: Blocks {
                    data,
                    stride: ROW_BLOCK * 8,
                },
                b: &b[..],
                accumulate: Accumulate::Add,
            };
            kernel.mul_strided::<8, _>(operands, &mut tile, &mut ticks);
            let expected = blocks * kernel.parts();
            assert_eq!(
                ticks.0,
                expected,
                "{}: {blocks} blocks strided",
                kernel.name()
            );
        }
    }
}

struct Answer(u32);

impl SimdTask for Answer {
    type Output = u32;

    #[inline(always)]
    fn run(self) -> u32 {
        self.0
    }
}

#[test]
fn a_task_returns_its_output() {
    for kernel in Kernel::supported() {
        assert_eq!(kernel.run(Answer(42)), 42);
    }
}
