//! Kernels at the model's shapes (batch 64): reference | matrixmultiply | ours. Every result is
//! checked before it is timed. Throughput counts floating-point operations: Gelem/s is GFLOP/s.
//!
//! `cargo bench --bench kernels` in this folder; `RAYON_NUM_THREADS` and `BLENDFUSE_KERNEL` say with what.

use std::hint::black_box;
use std::time::Duration;

use blendfuse_kernels::adam::{
    AdamStep, Factor, FactorInput, PanelMoments, adam_dense, adam_factored,
};
use blendfuse_kernels::gemm::gemm;
use blendfuse_kernels::layout::{PackedRows, Panels};
use blendfuse_kernels::linear::{linear_backward_input, linear_forward};
use blendfuse_kernels::micro::select;
use blendfuse_kernels::{MatMut, MatRef, reference};
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};

mod operands;

use operands::{integers, matrixmultiply_sgemm};

/// Rows of a batch.
const BATCH: usize = 64;

/// (name, outputs, inputs): the widest encoder, one of 1024 columns a frame, and the fusion layer.
const LAYERS: [(&str, usize, usize); 3] = [
    ("256x57344", 256, 57_344),
    ("256x7168", 256, 7168),
    ("512x9216", 512, 9216),
];

fn step() -> AdamStep<f32> {
    AdamStep {
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weight_decay: 1e-3,
        step_size: 3e-4,
        weight_factor: 1.0,
        gradient_scale: 1.0,
    }
}

fn group<'a>(
    criterion: &'a mut Criterion,
    name: &str,
    flops: usize,
) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(flops as u64));
    group
}

struct Layer {
    x: Vec<f32>,
    w: Vec<f32>,
    dy: Vec<f32>,
    packed_x: PackedRows<f32>,
    panels: Panels<f32>,
}

fn layer(outputs: usize, inputs: usize) -> Layer {
    let (x, w) = (integers(BATCH * inputs, 1), integers(outputs * inputs, 2));
    Layer {
        packed_x: PackedRows::from_view(MatRef::row_major(&x, BATCH, inputs)),
        panels: Panels::from_row_major(&w, outputs, inputs),
        dy: integers(BATCH * outputs, 3),
        x,
        w,
    }
}

fn forward(criterion: &mut Criterion) {
    for (name, outputs, inputs) in LAYERS {
        let Layer {
            x,
            w,
            packed_x,
            panels,
            ..
        } = layer(outputs, inputs);
        let mut y = vec![0.0; BATCH * outputs];
        let mut expected = y.clone();
        let shape = (BATCH, inputs, outputs);
        let mut group = group(
            criterion,
            &format!("forward_GFLOPs/{name}"),
            2 * BATCH * outputs * inputs,
        );
        let run = |y: &mut [f32]| {
            linear_forward(
                &packed_x,
                &panels,
                None,
                MatMut::row_major(y, BATCH, outputs),
            );
        };
        run(&mut y);
        reference::linear_forward(
            &packed_x,
            &panels,
            None,
            MatMut::row_major(&mut expected, BATCH, outputs),
        );
        assert_eq!(y, expected);
        group.bench_function("ours", |b| b.iter(|| run(black_box(&mut y))));
        let run = |y: &mut [f32]| matrixmultiply_sgemm(shape, (&x, inputs, 1), (&w, 1, inputs), y);
        run(&mut y);
        assert_eq!(y, expected);
        group.bench_function("matrixmultiply", |b| b.iter(|| run(black_box(&mut y))));
        if inputs < 8000 {
            group.bench_function("reference", |b| {
                b.iter(|| {
                    reference::linear_forward(
                        &packed_x,
                        &panels,
                        None,
                        MatMut::row_major(&mut y, BATCH, outputs),
                    );
                });
            });
        }
        group.finish();
    }
}

fn backward_input(criterion: &mut Criterion) {
    let (name, outputs, inputs) = LAYERS[2];
    let Layer { w, dy, panels, .. } = layer(outputs, inputs);
    let mut group = group(
        criterion,
        &format!("backward_input_GFLOPs/{name}"),
        2 * BATCH * outputs * inputs,
    );
    let mut dx = vec![0.0; BATCH * inputs];
    let mut expected = dx.clone();
    let shape = (BATCH, outputs, inputs);
    matrixmultiply_sgemm(shape, (&dy, outputs, 1), (&w, inputs, 1), &mut expected);
    let view = MatRef::row_major(&dy, BATCH, outputs);
    let run =
        |dx: &mut [f32]| linear_backward_input(view, &panels, MatMut::row_major(dx, BATCH, inputs));
    run(&mut dx);
    assert_eq!(dx, expected);
    group.bench_function("ours", |b| b.iter(|| run(black_box(&mut dx))));
    group.bench_function("matrixmultiply", |b| {
        b.iter(|| {
            matrixmultiply_sgemm(
                shape,
                (&dy, outputs, 1),
                (&w, inputs, 1),
                black_box(&mut dx),
            )
        });
    });
    group.finish();
}

/// The weight gradient with Adam on it: ours in one pass, matrixmultiply's stored and then applied.
fn weight_gradient_and_adam(criterion: &mut Criterion) {
    for (name, outputs, inputs) in LAYERS {
        let Layer {
            x,
            w,
            dy,
            packed_x,
            panels,
        } = layer(outputs, inputs);
        let name = format!("weight_gradient_and_adam_GFLOPs/{name}");
        let mut group = group(criterion, &name, 2 * BATCH * outputs * inputs);
        let factor = Factor {
            dy: MatRef::row_major(&dy, BATCH, outputs),
            x: FactorInput::Packed(&packed_x),
        };
        let mut p = panels;
        let (mut m, mut v) = (
            Panels::zeros(outputs, inputs),
            Panels::zeros(outputs, inputs),
        );
        let run = |p: &mut Panels<f32>, m: &mut Panels<f32>, v: &mut Panels<f32>| {
            adam_factored(
                &step(),
                &[factor],
                p,
                PanelMoments { m, v, v_max: None },
                None,
            );
        };
        run(&mut p, &mut m, &mut v);

        let (mut dense, mut g) = (w, vec![0.0; outputs * inputs]);
        let (mut dense_m, mut dense_v) = (g.clone(), g.clone());
        let mut run_dense = |dense: &mut [f32]| {
            matrixmultiply_sgemm(
                (outputs, BATCH, inputs),
                (&dy, 1, outputs),
                (&x, inputs, 1),
                &mut g,
            );
            adam_dense(&step(), dense, &g, &mut dense_m, &mut dense_v, None);
        };
        run_dense(&mut dense);
        assert_eq!(p.to_row_major(), dense);
        group.bench_function("ours", |b| {
            b.iter(|| run(black_box(&mut p), &mut m, &mut v))
        });
        group.bench_function("matrixmultiply", |b| {
            b.iter(|| run_dense(black_box(&mut dense)))
        });
        group.finish();
    }
}

fn square_gemm(criterion: &mut Criterion) {
    let n = 2048;
    let (a, b) = (integers(n * n, 1), integers(n * n, 2));
    let mut c = vec![0.0; n * n];
    let mut expected = c.clone();
    let mut group = group(criterion, "gemm_GFLOPs/2048", 2 * n * n * n);
    let view = |x| MatRef::row_major(x, n, n);
    let run = |c: &mut [f32]| gemm(1.0, view(&a), view(&b), 0.0, MatMut::row_major(c, n, n));
    run(&mut c);
    matrixmultiply_sgemm((n, n, n), (&a, n, 1), (&b, n, 1), &mut expected);
    assert_eq!(c, expected);
    group.bench_function("ours", |bencher| bencher.iter(|| run(black_box(&mut c))));
    group.bench_function("matrixmultiply", |bencher| {
        bencher.iter(|| matrixmultiply_sgemm((n, n, n), (&a, n, 1), (&b, n, 1), black_box(&mut c)));
    });
    group.finish();
}

#[expect(clippy::print_stderr, reason = "a bench says what it ran on")]
fn main() {
    match select() {
        Ok(kernel) => eprintln!(
            "kernel {}, {} threads",
            kernel.name(),
            rayon::current_num_threads()
        ),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(2);
        }
    }
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    forward(&mut criterion);
    backward_input(&mut criterion);
    weight_gradient_and_adam(&mut criterion);
    square_gemm(&mut criterion);
    criterion.final_summary();
}
