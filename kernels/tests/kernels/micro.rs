//! The micro-kernels themselves, each that this machine can run, against the sums they stand for.

use blendfuse_kernels::layout::{PANEL, ROW_BLOCK};
use blendfuse_kernels::micro::{Beside, Blocks, Kernel, Pass, STEPS_PER_SHARE, Start, Tile};

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

fn add_outer_product(a: &[f32; ROW_BLOCK], b: &[f32; PANEL], tile: &mut Tile<f32>) {
    for (sums, a) in tile.0.iter_mut().zip(a) {
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum += a * b;
        }
    }
}

#[test]
fn down_adds_the_outer_products() {
    for kernel in Kernel::supported() {
        for depth in [0, 1, 2, 7, 192, 193] {
            let a: Vec<f32> = integers(depth * ROW_BLOCK + 1, 1);
            let b: Vec<f32> = integers(depth * PANEL + 1, 2);
            let (a, b) = (a[1..].as_chunks().0, streamed(&b));
            let (mut ours, mut expected) = (started(), started());
            kernel.down(a, b, Start::Tile, &mut ours, &mut ());
            for (a, b) in a.iter().zip(b) {
                add_outer_product(a, b, &mut expected);
            }
            assert_eq!(ours, expected, "{} at depth {depth}", kernel.name());
        }
    }
}

/// The shorter operand ends the reduction, as it does in `zip`.
#[test]
fn down_ends_with_the_shorter_operand() {
    for kernel in Kernel::supported() {
        let (a, b) = ([[1.0; ROW_BLOCK]; 5], [[1.0; PANEL]; 3]);
        let mut tile = Tile([[0.0; PANEL]; ROW_BLOCK]);
        kernel.down(&a, &b, Start::Tile, &mut tile, &mut ());
        kernel.down(&a[..2], &b, Start::Tile, &mut tile, &mut ());
        assert_eq!(tile, Tile([[5.0; PANEL]; ROW_BLOCK]), "{}", kernel.name());
    }
}

fn across_agrees<const W: usize>() {
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
            kernel.across::<W, _>(Blocks { data, stride }, b, Start::Tile, &mut ours, &mut ());
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
fn across_adds_the_outer_products_of_narrow_blocks() {
    across_agrees::<8>();
}

#[test]
fn across_adds_the_outer_products_of_wide_blocks() {
    across_agrees::<32>();
}

/// The bound that stands between the kernels and foreign memory.
#[test]
fn across_refuses_a_block_beyond_the_data() {
    for kernel in Kernel::supported() {
        for (len, stride) in [(127, 64), (128, 65), (63, 0)] {
            let data = vec![0.0; len];
            let b = [[0.0; PANEL]; 16];
            let run = || {
                let mut tile = Tile([[0.0; PANEL]; ROW_BLOCK]);
                kernel.across::<8, _>(
                    Blocks {
                        data: &data,
                        stride,
                    },
                    &b,
                    Start::Zero,
                    &mut tile,
                    &mut (),
                );
            };
            assert!(std::panic::catch_unwind(run).is_err(), "{}", kernel.name());
        }
    }
}

/// Counts its shares.
struct Shares(usize);

impl Beside for Shares {
    #[inline(always)]
    fn share(&mut self) {
        self.0 += 1;
    }
}

/// Parts of a tile, each of which passes over the whole reduction, share what is done beside it.
#[test]
fn each_part_has_a_share_after_every_eight_steps() {
    for kernel in Kernel::supported() {
        for steps in [0, 7, 8, 9, 200] {
            let (a, b) = (vec![[1.0; ROW_BLOCK]; steps], vec![[1.0; PANEL]; steps]);
            let (mut tile, mut shares) = (started(), Shares(0));
            kernel.down(&a, &b, Start::Tile, &mut tile, &mut shares);
            let expected = steps / STEPS_PER_SHARE * kernel.parts();
            assert_eq!(shares.0, expected, "{}: {steps} steps down", kernel.name());
        }
        for blocks in [0, 1, 9] {
            let data = &vec![1.0; blocks * ROW_BLOCK * 8][..];
            let blocks_of_a = Blocks {
                data,
                stride: ROW_BLOCK * 8,
            };
            let (mut tile, mut shares) = (started(), Shares(0));
            let b = vec![[1.0; PANEL]; blocks * 8];
            kernel.across::<8, _>(blocks_of_a, &b, Start::Tile, &mut tile, &mut shares);
            let expected = blocks * kernel.parts();
            assert_eq!(
                shares.0,
                expected,
                "{}: {blocks} blocks across",
                kernel.name()
            );
        }
    }
}

struct Answer(u32);

impl Pass for Answer {
    type Output = u32;

    #[inline(always)]
    fn run(self) -> u32 {
        self.0
    }
}

#[test]
fn a_pass_returns_its_output() {
    for kernel in Kernel::supported() {
        assert_eq!(kernel.run(Answer(42)), 42);
    }
}
