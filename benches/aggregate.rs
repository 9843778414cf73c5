//! Aggregation of 200 clips of 300 × 1,024 frames on all threads, and of other lengths, in clips per
//! second. The result is checked against the slow reference before timing.
//!
//! `benches/peers/aggregate.py` times NumPy and PyTorch for comparison.

use std::time::Duration;

use blendfuse::kernels::aggregate::{Aggregation, SEVEN, Scratch, by_column};
use blendfuse::testing::bench::aggregate::Frames;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Compares the first clip with the reference: both round an `f64` once, so that they differ by at most
/// one unit in the last place.
fn check(data: &Frames) {
    let (seven, clip) = (Aggregation::default(), data.clip(0));
    let mut found = vec![0.0; seven.output_len(clip.cols)];
    let run = seven.run(clip, &mut Scratch::new(), &mut found);
    run.expect("whole frames");
    for (ours, slow) in found.iter().zip(by_column(clip, &SEVEN)) {
        assert!(
            (ours - slow).abs() <= 1e-6 * slow.abs().max(1.0),
            "{ours} and {slow}"
        );
    }
}

fn aggregate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("aggregate (clips)");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(5));
    for (frames, columns, clips) in [
        (300, 1024, 200),
        (30, 1024, 2000),
        (3000, 1024, 20),
        (300, 19, 4000),
        (300, 8192, 25),
    ] {
        group.throughput(Throughput::Elements(clips as u64));
        let name = format!("{frames} x {columns}");
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            let data = Frames::random(clips.min(64), frames, columns);
            check(&data);
            bencher.iter(|| data.aggregate(clips));
        });
    }
    group.finish();
}

criterion_group!(benches, aggregate);
criterion_main!(benches);
