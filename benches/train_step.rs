//! A training step (forward pass, losses, backward pass, Adam) at full size and with widths
//! divided by 16, with and without domain adaptation, at batches of 32, 64 and 128, in rows per second:
//! `cargo bench --bench train_step` in this folder. The loss on the batch must fall before timing.
//!
//! Full size takes 1.6 GiB: `cargo bench --bench train_step -- small` leaves it out.
//! `blendfuse bench` compares with the machine's peak; `benches/peers/train_step.py` times PyTorch and
//! JAX for comparison.

use std::time::Duration;

use blendfuse::testing::bench::train_step::{BenchmarkOptions, Workload};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Steps after which the loss on the one batch must be lower.
const STEPS: usize = 10;

fn check(workload: &mut Workload) {
    let mut total = || workload.step().expect("finite").0.total;
    let first = total();
    let last = (1..STEPS).map(|_| total()).last().expect("some steps");
    assert!(last < first, "the loss went from {first} to {last}");
}

fn train_step(criterion: &mut Criterion) {
    for (size, divisor, span_clips) in [
        ("small", 16, None),
        ("paper", 1, None),
        // The training clips of one fold, and the test clips as target.
        ("paper in the span", 1, Some([1965, 2559])),
    ] {
        for (adaptation, uda) in [("", false), (", UDA", true)] {
            let mut group = criterion.benchmark_group(format!("train_step {size}{adaptation}"));
            group
                .sample_size(10)
                .measurement_time(Duration::from_secs(5));
            for batch in [32, 64, 128] {
                let options = BenchmarkOptions {
                    divisor,
                    batch,
                    uda,
                    rounds: 1,
                    span_clips: span_clips.map(|clips| clips[usize::from(uda)]),
                };
                group.throughput(Throughput::Elements(batch as u64));
                group.bench_function(BenchmarkId::from_parameter(batch), |bencher| {
                    // Created only for the cases that run: a filter can leave out the large ones.
                    let mut workload = Workload::new(&options).expect("options in range");
                    check(&mut workload);
                    bencher.iter(|| workload.step().expect("finite"));
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, train_step);
criterion_main!(benches);
