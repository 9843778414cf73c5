//! The shared real data folders open with the right counts, split, standardise and gather.
//!
//! They are beside the repository; if they are absent, these tests print so and pass.
#![expect(clippy::print_stdout, reason = "says what was skipped")]

use std::path::Path;

use blendfuse::config::DataConfig;
use blendfuse::data::batch::{Batch, Rows, epoch_order, training_batches};
use blendfuse::data::dataset::Dataset;
use blendfuse::data::{folds, metadata};
use blendfuse::testing::data::standardise::Standardisation;

fn folder(name: &str) -> Option<Dataset<'static>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(name);
    if !path.exists() {
        println!("skipped: no {}", path.display());
        return None;
    }
    Some(Dataset::open(&path, None).unwrap())
}

#[test]
fn six_views_of_digits() {
    let Some(data) = folder("multiview") else {
        return;
    };
    let encoders: Vec<(&str, usize)> = data
        .encoders
        .iter()
        .map(|e| (e.name.as_str(), e.width))
        .collect();
    assert_eq!(
        encoders,
        [
            ("fac", 216),
            ("fou", 76),
            ("kar", 64),
            ("mor", 6),
            ("pix", 240),
            ("zer", 47)
        ]
    );
    assert_eq!(data.classes.names()[..2], ["eight", "five"]);
    assert_eq!((data.classes.len(), data.classes.neutral()), (10, None));
    assert_eq!(
        (data.train.len(), data.test.as_ref().unwrap().len()),
        (1668, 332)
    );
    assert_eq!(metadata::blends(&data.train.clips), 0);
    assert_eq!(folds::folds(&data.train), [0, 1, 2, 3, 4]);
}

#[test]
fn mixtures_of_emotions() {
    let Some(data) = folder("emotions") else {
        return;
    };
    assert_eq!(
        data.classes.names(),
        ["amazed", "happy", "relaxing", "quiet", "sad", "angry"]
    );
    let test = data.test.as_ref().unwrap();
    assert_eq!(
        (data.encoders.len(), data.train.len(), test.len()),
        (9, 495, 98)
    );
    assert_eq!(data.encoders.iter().map(|e| e.width).sum::<usize>(), 72);
    let mut batch = Batch::<f32>::new();
    for fold in folds::folds(&data.train) {
        let fold = folds::fold(&data.train, fold).unwrap();
        assert_eq!(fold.train.len() + fold.validation.len(), 495);
        assert!(folds::shared_actors(&data.train, &fold).is_empty());
        let usual = DataConfig::default();
        let rule = Standardisation::fit(&usual, &data.train, &fold.train).unwrap();
        let all = Rows {
            split: &data.train,
            clips: &fold.train,
            scaling: Some(rule.with(None)),
        };
        batch.gather(all, None);
        for input in &batch.features {
            for column in 0..input.cols() {
                let values = || (0..input.rows()).map(|row| f64::from(input.get(row, column)));
                let mean = values().sum::<f64>() / input.rows() as f64;
                let square = values().map(|x| x * x).sum::<f64>() / input.rows() as f64;
                assert!(mean.abs() <= 1e-5, "mean {mean}");
                assert!((square - 1.0).abs() <= 1e-5, "mean square {square}");
            }
        }
        let targets = batch.targets.as_ref().unwrap();
        assert!(
            targets
                .rows()
                .into_iter()
                .all(|row| (row.sum() - 1.0).abs() <= 1e-6)
        );
        let order = epoch_order(&fold.train, 7, 0, true);
        let sizes: Vec<usize> = training_batches(&order, 64).map(<[usize]>::len).collect();
        assert!(
            sizes.iter().sum::<usize>() >= fold.train.len() - 1 && sizes.iter().all(|&s| s > 1)
        );
    }
}
