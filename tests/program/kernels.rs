//! Results of each micro-kernel: the same bytes for any number of threads, and almost the same numbers
//! as the other kernels.

use std::fs;

use crate::command::{Place, Ran, SMALL};

const KERNELS: [&str; 3] = ["portable", "avx2", "avx512"];

/// Largest difference of a probability between two kernels with the same weights: f32 sums of some
/// hundred terms in different orders.
const SAME_WEIGHTS: f64 = 1e-6;
/// The same if each kernel trains its own weights, for two epochs from the same start.
const OWN_WEIGHTS: f64 = 1e-5;

fn with_kernel(place: &Place, kernel: &str, args: &[&str]) -> Option<Ran> {
    let mut command = place.command(args);
    let ran = Ran::of(command.env("BLENDFUSE_KERNEL", kernel).output().unwrap());
    if ran.code == 2 && ran.stderr.contains("BLENDFUSE_KERNEL") {
        eprintln!("skipped: kernel {kernel}, which this processor lacks");
        return None;
    }
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    Some(ran)
}

fn train<'a>(out: &'a str, threads: &'a str) -> Vec<&'a str> {
    let base = ["train", "data", "--out", out, "--fold", "0"];
    let settings = [
        "--set",
        "uda.enabled=true",
        "--set",
        "train.max_epochs=2",
        "--threads",
        threads,
    ];
    [&base[..], &settings, SMALL].concat()
}

fn probabilities(place: &Place, name: &str) -> Vec<f64> {
    let text = fs::read_to_string(place.path(name)).unwrap();
    let cells = text
        .lines()
        .skip(1)
        .flat_map(|line| line.split(',').skip(1));
    cells.map(|cell| cell.parse().unwrap()).collect()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert!(!a.is_empty() && a.len() == b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f64::max)
}

#[test]
fn threads_change_no_byte_with_any_kernel() {
    let place = Place::with_data(&["--missing", "0.1"]);
    for kernel in KERNELS {
        let mut first: Option<Vec<u8>> = None;
        for threads in ["1", "2", "3", "8"] {
            let out = format!("{kernel}-{threads}");
            if with_kernel(&place, kernel, &train(&out, threads)).is_none() {
                break;
            }
            let mut bytes = Vec::new();
            for name in ["weights.safetensors", "last.safetensors", "history.csv"] {
                bytes.extend(fs::read(place.path(&out).join(name)).unwrap());
            }
            let same = first.get_or_insert_with(|| bytes.clone()) == &bytes;
            assert!(same, "{kernel} with {threads} threads differs");
        }
    }
}

#[test]
fn kernels_agree_within_rounding() {
    let place = Place::with_data(&["--missing", "0.1"]);
    let mut own: Vec<(&str, Vec<f64>)> = Vec::new();
    let mut same: Vec<(&str, Vec<f64>)> = Vec::new();
    for kernel in KERNELS {
        if with_kernel(&place, kernel, &train(kernel, "2")).is_none() {
            continue;
        }
        for (run, which, found) in [(kernel, "own", &mut own), ("portable", "same", &mut same)] {
            let name = format!("{kernel}-{which}.csv");
            let args = ["predict", run, "data", "--split", "test", "--probs", &name];
            with_kernel(&place, kernel, &args).unwrap();
            found.push((kernel, probabilities(&place, &name)));
        }
    }
    for (found, bound, which) in [
        (&same, SAME_WEIGHTS, "the same"),
        (&own, OWN_WEIGHTS, "own"),
    ] {
        for (kernel, other) in &found[1..] {
            let difference = largest_difference(&found[0].1, other);
            eprintln!(
                "{kernel} beside {}, {which} weights: {difference:.1e}",
                found[0].0
            );
            assert!(
                difference < bound,
                "{kernel}, {which} weights: {difference:e}"
            );
        }
    }
}
