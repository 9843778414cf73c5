//! The corpus of the fuzz targets, replayed: seeds, and every input that once broke something.
#![expect(clippy::print_stdout, reason = "says what was skipped")]

use std::fs;
use std::path::Path;

use blendfuse::predict::Predictor;

use crate::readers::TARGETS;

#[test]
fn every_input_of_the_corpus_is_read_or_refused_in_one_line() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    if !corpus.is_dir() {
        println!(
            "skipped: no {} (it is not part of the package)",
            corpus.display()
        );
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let input = place.path().join("input");
    for (target, read) in TARGETS {
        let mut files: Vec<_> = fs::read_dir(corpus.join(target))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(files.len() > 1, "{target} has seeds");
        for file in files {
            println!("{}", file.display());
            fs::copy(&file, &input).unwrap();
            read(&input);
        }
    }
}

/// Seeds must be accepted, or the deeper code of a reader would not be reached.
#[test]
fn the_seed_model_loads() {
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/safetensors/seed_model");
    if seed.exists() {
        assert_eq!(Predictor::load(&seed).unwrap().classes().len(), 2);
    }
}
