//! Temporal aggregation against the slow reference, by hand, and beside numpy, for every type and
//! every kernel that this processor can run.

use blendfuse_kernels::aggregate::{
    AggregateError, Aggregation, SEVEN, Scratch, Statistic, by_column,
};
use blendfuse_kernels::micro::Kernel;
use blendfuse_kernels::pack::{RowSource, RowValues};
use half::f16;

/// Every statistic, percentiles at both ends and between.
const ALL: [Statistic; 13] = [
    Statistic::Percentile(90.0),
    Statistic::Mean,
    Statistic::Min,
    Statistic::Percentile(0.0),
    Statistic::Percentile(10.0),
    Statistic::Percentile(25.0),
    Statistic::Std,
    Statistic::Percentile(50.0),
    Statistic::Percentile(75.0),
    Statistic::Percentile(100.0),
    Statistic::Max,
    Statistic::Percentile(33.3),
    Statistic::Mean,
];

/// Where the deviation stands in [`ALL`].
const STD: usize = 6;

/// Uniform in [0, 1), the same for every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// A clip in all types; the values survive each of them or do not, as the type wills.
struct Clip {
    half: Vec<f16>,
    single: Vec<f32>,
    double: Vec<f64>,
    cols: usize,
}

impl Clip {
    fn new(double: Vec<f64>, cols: usize) -> Self {
        Self {
            half: double.iter().map(|&x| f16::from_f64(x)).collect(),
            single: double.iter().map(|&x| x as f32).collect(),
            double,
            cols,
        }
    }

    fn sources(&self) -> [RowSource<'_>; 3] {
        [
            RowValues::F16(&self.half),
            RowValues::F32(&self.single),
            RowValues::F64(&self.double),
        ]
        .map(|values| RowSource {
            values,
            cols: self.cols,
        })
    }
}

fn aggregate(kernel: Kernel, frames: RowSource<'_>, statistics: &[Statistic]) -> Vec<f32> {
    let aggregation = Aggregation::new(statistics).expect("valid statistics");
    let mut out = vec![f32::MIN; aggregation.output_len(frames.cols)];
    aggregation
        .run_with(kernel, frames, &mut Scratch::new(), &mut out)
        .expect("valid frames");
    out
}

/// `got` equals `want` to 1e-6 of the value or of its column's deviation; the same NaN and infinity.
#[track_caller]
fn assert_close(got: &[f32], want: &[f32], std: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (n, (&got, &want)) in got.iter().zip(want).enumerate() {
        let std = std[n % std.len()];
        let scale = f64::from(want.abs()).max(f64::from(std));
        let difference = (f64::from(got) - f64::from(want)).abs();
        // The smallest subnormal has no millionth.
        assert!(
            difference <= 1e-6 * scale + 1.5e-45 || got == want || (got.is_nan() && want.is_nan()),
            "{what}: value {n} is {got:e}, not {want:e} (deviation {std:e})"
        );
    }
}

/// All types, all kernels, all statistics.
#[track_caller]
fn assert_matches_reference(double: Vec<f64>, cols: usize, what: &str) {
    let clip = Clip::new(double, cols);
    for frames in clip.sources() {
        let want = by_column(frames, &ALL);
        let std = &want[STD * cols..][..cols];
        let kind = match frames.values {
            RowValues::F16(_) => "f16",
            RowValues::F32(_) => "f32",
            RowValues::F64(_) => "f64",
        };
        let mut seen: Option<Vec<u32>> = None;
        for kernel in Kernel::supported() {
            let got = aggregate(kernel, frames, &ALL);
            let what = format!("{what}, {kind}, {}", kernel.name());
            assert_close(&got, &want, std, &what);
            // The same bits on every processor, but for which NaN it is.
            let bits = got
                .iter()
                .map(|x| if x.is_nan() { 0 } else { x.to_bits() })
                .collect();
            if let Some(seen) = &seen {
                assert_eq!(seen, &bits, "{what}");
            }
            seen = Some(bits);
        }
    }
}

#[test]
fn small_cases_by_hand() {
    let frames = [
        4.0, -1.0, //
        1.0, -1.0, //
        3.0, -1.0, //
        2.0, -1.0, //
        5.0, -1.0_f32,
    ];
    let frames = RowSource {
        values: RowValues::F32(&frames),
        cols: 2,
    };
    for kernel in Kernel::supported() {
        assert_eq!(
            aggregate(kernel, frames, &SEVEN),
            [
                3.0,
                -1.0, //
                2.0_f32.sqrt(),
                0.0, //
                1.4,
                -1.0, //
                2.0,
                -1.0, //
                3.0,
                -1.0, //
                4.0,
                -1.0, //
                4.6,
                -1.0
            ]
        );
        assert_eq!(
            aggregate(kernel, frames, &[Statistic::Max, Statistic::Min]),
            [5.0, -1.0, 1.0, -1.0]
        );
    }
}

#[test]
fn one_frame_is_its_own_statistics() {
    let frames: Vec<f64> = (0..17).map(|n| f64::from(n) - 8.5).collect();
    let clip = Clip::new(frames.clone(), 17);
    for frames in clip.sources() {
        for kernel in Kernel::supported() {
            for (s, out) in aggregate(kernel, frames, &ALL).chunks(17).enumerate() {
                for (&x, &want) in out.iter().zip(&clip.single) {
                    assert_eq!(x, if s == STD { 0.0 } else { want });
                }
            }
        }
    }
}

#[test]
fn equals_the_reference_at_many_shapes() {
    let mut random = Random(1);
    for cols in [1, 15, 16, 17, 31] {
        let lengths = (1..=70).chain([100, 127, 128, 129, 255, 256, 257, 300, 384, 511, 513, 1000]);
        for rows in lengths {
            let frames = (0..rows * cols).map(|_| random.normal()).collect();
            assert_matches_reference(frames, cols, &format!("{rows} × {cols}"));
        }
    }
    for (rows, cols) in [(300, 1024), (7, 1024), (10_000, 17), (4096, 16), (4097, 3)] {
        let frames = (0..rows * cols).map(|_| random.normal()).collect();
        assert_matches_reference(frames, cols, &format!("{rows} × {cols}"));
    }
}

/// The zero-one principle: a network that sorts all sequences of 0 and 1 sorts everything. For each
/// length, all splits at random places.
#[test]
fn sorts_zeros_and_ones() {
    let mut random = Random(2);
    for rows in (1..=40).chain([63, 64, 65, 95, 96, 97, 160, 272, 300]) {
        let cols = rows + 1;
        // Column c has c ones.
        let mut frames = vec![0.0; rows * cols];
        for col in 0..cols {
            let mut order: Vec<usize> = (0..rows).collect();
            for n in (1..rows).rev() {
                order.swap(n, (random.next() * (n + 1) as f64) as usize);
            }
            for &row in &order[..col] {
                frames[row * cols + col] = 1.0;
            }
        }
        let clip = Clip::new(frames, cols);
        // The k-th of n values is percentile 100 k / (n − 1).
        let last = rows.max(2) - 1;
        let ranks: Vec<Statistic> = (0..rows)
            .map(|k| Statistic::Percentile(100.0 * k as f64 / last as f64))
            .collect();
        for frames in clip.sources() {
            for kernel in Kernel::supported() {
                let out = aggregate(kernel, frames, &ranks);
                for (k, out) in out.chunks(cols).enumerate() {
                    for (ones, &x) in out.iter().enumerate() {
                        let want = if rows - ones <= k { 1.0 } else { 0.0 };
                        // The rank is whole but for rounding.
                        assert!(
                            (x - want).abs() <= 1e-6,
                            "rank {k} of {rows} with {ones} ones: {x}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn ordered_tied_and_constant_columns() {
    for rows in [2, 3, 16, 33, 300, 1025] {
        let frames = (0..rows)
            .flat_map(|row| {
                let x = f64::from(row);
                [
                    x,
                    -x,
                    f64::from(row % 3),
                    7.25,
                    0.0,
                    -0.0,
                    if row % 2 == 0 { 0.0 } else { -0.0 },
                    f64::from(i32::from(row == 0)) * 1e4,
                    f64::from(i32::from(row == rows - 1)) * -1e4,
                ]
            })
            .collect();
        assert_matches_reference(frames, 9, &format!("{rows} rows"));
    }
}

#[test]
fn a_constant_column_has_no_deviation() {
    let frames = vec![0.1; 10_007];
    let clip = Clip::new(frames, 1);
    for frames in clip.sources() {
        for kernel in Kernel::supported() {
            assert_eq!(aggregate(kernel, frames, &[Statistic::Std]), [0.0]);
        }
    }
}

#[test]
fn large_means_keep_small_deviations() {
    let mut random = Random(3);
    for rows in [3, 300, 5000] {
        let mut noise = || random.normal();
        let frames: Vec<f64> = (0..rows)
            .flat_map(|row| {
                [
                    1e4 + noise(),
                    1e7 + noise(),
                    -1e9 + 1e-3 * noise(),
                    // An outlier first: the worst start for sums of distances to it.
                    if row == 0 { 6e4 } else { 1e-3 * noise() },
                    if row == 0 { 1e30 } else { noise() },
                ]
            })
            .collect();
        assert_matches_reference(frames, 5, &format!("{rows} rows"));
    }
}

#[test]
fn subnormals_and_huge_values() {
    let mut random = Random(4);
    for rows in [2, 17, 300] {
        let frames = (0..rows)
            .flat_map(|_| {
                let x = random.normal();
                [
                    x * 1e-40,
                    x * 6e-8,
                    x * 1e-310,
                    x * 1e37,
                    x * 1e200,
                    x * 1e300,
                ]
            })
            .collect();
        assert_matches_reference(frames, 6, &format!("{rows} rows"));
    }
}

#[test]
fn nan_and_infinity_stay_in_their_columns() {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let mut random = Random(5);
    for rows in [1, 2, 5, 16, 40, 300] {
        for place in [0, rows / 2, rows - 1] {
            let cols = 37;
            let mut frames: Vec<f64> = (0..rows * cols).map(|_| random.normal()).collect();
            let other = (place + 1) % rows;
            frames[other * cols + 36] = inf;
            let row = &mut frames[place * cols..][..cols];
            row[0] = nan;
            row[3] = inf;
            row[17] = -inf;
            row[20] = -nan;
            row[36] = nan;
            frames[other * cols + 4] = inf;
            frames[place * cols + 4] = -inf;
            assert_matches_reference(frames.clone(), cols, &format!("row {place} of {rows}"));
            let clip = Clip::new(frames, cols);
            for frames in clip.sources() {
                for kernel in Kernel::supported() {
                    for out in aggregate(kernel, frames, &ALL).chunks(cols) {
                        for (col, x) in out.iter().enumerate() {
                            match col {
                                0 | 20 | 36 => assert!(x.is_nan()),
                                3 | 4 | 17 => {}
                                _ => assert!(x.is_finite(), "column {col}: {x}"),
                            }
                        }
                    }
                }
            }
        }
    }
}

/// As numpy 2.4: `np.percentile([[inf], [1], [2], [3]], q, axis=0)`, mean and std.
#[test]
fn infinities_follow_the_formulas() {
    let frames = RowSource {
        values: RowValues::F32(&[f32::INFINITY, 1.0, 2.0, 3.0]),
        cols: 1,
    };
    let statistics = [10.0, 25.0, 50.0, 75.0, 90.0, 100.0].map(Statistic::Percentile);
    for kernel in Kernel::supported() {
        let out = aggregate(kernel, frames, &statistics);
        assert_eq!(out[..4], [1.3, 1.75, 2.5, f32::INFINITY]);
        assert!(out[4..].iter().all(|x| x.is_nan()));
        let out = aggregate(kernel, frames, &[Statistic::Mean, Statistic::Max]);
        assert_eq!(out, [f32::INFINITY; 2]);
        assert!(aggregate(kernel, frames, &[Statistic::Std])[0].is_nan());
    }
}

#[test]
fn every_half_is_widened_exactly() {
    for kernel in Kernel::supported() {
        let all: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        let frames = RowSource {
            values: RowValues::F16(&all),
            cols: all.len(),
        };
        let out = aggregate(kernel, frames, &[Statistic::Min]);
        for (x, half) in out.iter().zip(&all) {
            assert!(x.to_bits() == half.to_f32().to_bits() || (x.is_nan() && half.is_nan()));
        }
    }
}

#[test]
fn threads_and_used_scratch_change_no_bit() {
    let mut random = Random(6);
    let aggregation = Aggregation::default();
    let mut scratch = Scratch::new();
    for (rows, cols) in [(700, 3), (300, 1024), (9, 100), (1, 1), (64, 49)] {
        let mut frames: Vec<f64> = (0..rows * cols).map(|_| random.normal()).collect();
        frames[rows * cols / 2] = f64::NAN;
        let clip = Clip::new(frames, cols);
        for frames in clip.sources() {
            let mut want = vec![0.0; aggregation.output_len(cols)];
            aggregation
                .run(frames, &mut Scratch::new(), &mut want)
                .expect("valid frames");
            let want: Vec<u32> = want.iter().map(|x| x.to_bits()).collect();
            for threads in [1, 2, 3, 8] {
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .expect("a pool");
                let mut out = vec![1.0; want.len()];
                pool.install(|| aggregation.run_parallel(frames, &mut scratch, &mut out))
                    .expect("valid frames");
                let got: Vec<u32> = out.iter().map(|x| x.to_bits()).collect();
                assert!(got == want, "{rows} × {cols}, {threads} threads");
                out.fill(1.0);
                aggregation
                    .run(frames, &mut scratch, &mut out)
                    .expect("valid frames");
                let got: Vec<u32> = out.iter().map(|x| x.to_bits()).collect();
                assert!(got == want, "{rows} × {cols}, used scratch");
            }
        }
    }
}

#[test]
fn bad_arguments_are_errors() {
    assert_eq!(Aggregation::new(&[]), Err(AggregateError::NoStatistics));
    for value in [-0.1, 100.5, f64::INFINITY] {
        assert_eq!(
            Aggregation::new(&[Statistic::Mean, Statistic::Percentile(value)]),
            Err(AggregateError::Percentile { value })
        );
    }
    assert!(Aggregation::new(&[Statistic::Percentile(f64::NAN)]).is_err());
    let aggregation = Aggregation::default();
    assert_eq!(aggregation.statistics(), SEVEN);
    let run = |values: &[f32], cols: usize, out: usize| {
        let frames = RowSource {
            values: RowValues::F32(values),
            cols,
        };
        let mut out = vec![0.0; out];
        let mut scratch = Scratch::new();
        let serial = aggregation.run(frames, &mut scratch, &mut out);
        let parallel = aggregation.run_parallel(frames, &mut scratch, &mut out);
        assert_eq!(serial, parallel);
        serial
    };
    assert_eq!(run(&[], 3, 21), Err(AggregateError::Empty));
    assert_eq!(run(&[], 0, 0), Err(AggregateError::Empty));
    assert_eq!(run(&[1.0], 0, 0), Err(AggregateError::Empty));
    let ragged = run(&[1.0; 5], 3, 21).expect_err("5 is no multiple of 3");
    assert_eq!(ragged, AggregateError::Ragged { values: 5, cols: 3 });
    assert_eq!(
        ragged.to_string(),
        "5 values are not whole frames of 3 columns"
    );
    let (got, expected) = (20, 21);
    assert_eq!(
        run(&[1.0; 6], 3, got),
        Err(AggregateError::Output { got, expected })
    );
    assert_eq!(run(&[1.0; 6], 3, 21), Ok(()));
}
