//! Prediction of one clip, of 256 and of 3,050, at full size and with widths divided by 16, in clips
//! per second. The result is checked against the tape's evaluation before timing.
//!
//! 3,050 clips at full size take 4.4 GiB: `cargo bench --bench predict -- small` in this folder leaves them out.
//! `benches/peers/predict.py` times PyTorch for comparison.

use std::sync::Arc;
use std::time::Duration;

use blendfuse::autograd::Tape;
use blendfuse::encoders::Presence;
use blendfuse::kernels::layout::PackedRows;
use blendfuse::kernels::pack::{Pick, gather_rows};
use blendfuse::model::Inputs;
use blendfuse::nn::Mode;
use blendfuse::testing::bench::predict::Workload;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Compares the first clips with the tape's evaluation.
fn check(workload: &Workload, clips: usize) {
    let batches = workload.inputs(0..clips);
    let found = workload
        .net()
        .inference()
        .run(&batches)
        .expect("fitting inputs");
    let packed = batches.iter().map(|batch| {
        let pick = |row: &Option<usize>| row.map(|row| Pick { source: 0, row });
        let picks: Vec<_> = batch.rows.iter().map(pick).collect();
        let mut packed = PackedRows::zeros(clips, batch.features.cols);
        gather_rows(&[batch.features], &picks, batch.scaling, &mut packed);
        Arc::new(packed)
    });
    let inputs = Inputs::new(packed.collect(), Presence::complete());
    let mut tape = Tape::new();
    let forward = workload.net().forward(&mut tape, &inputs, Mode::Eval);
    let logits = tape.value(forward.expect("fitting inputs").presence_logits);
    for (ours, tape) in found.presence_logits.iter().zip(logits) {
        assert!((ours - tape).abs() <= 1e-4, "{ours} and {tape}");
    }
}

fn predict(criterion: &mut Criterion) {
    for (size, divisor) in [("small", 16), ("paper", 1)] {
        let mut group = criterion.benchmark_group(format!("predict {size} (clips)"));
        group
            .sample_size(10)
            .measurement_time(Duration::from_secs(10));
        for clips in [1, 256, 3050] {
            group.throughput(Throughput::Elements(clips));
            group.bench_function(BenchmarkId::from_parameter(clips), |bencher| {
                // Created only for the cases that run: a filter can leave out the large ones.
                let workload = Workload::new(divisor, clips as usize).expect("sizes in range");
                check(&workload, clips.min(9) as usize);
                let mut inference = workload.net().inference();
                bencher.iter(|| workload.predict(&mut inference).expect("fitting inputs"));
            });
        }
    }
}

criterion_group!(benches, predict);
criterion_main!(benches);
