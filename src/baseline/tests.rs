use super::*;
use crate::config::ProjectionInputs;
use crate::data::synth::{self, Preset, SynthOptions};
use crate::error::Error;
use crate::eval::metrics::Accuracy;
use tempfile::TempDir;

pub(super) fn data(missing: f64) -> (TempDir, Dataset<'static>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let options = SynthOptions {
        train_clips: 188,
        test_clips: 22,
        encoders: 3,
        missing,
        ..SynthOptions::preset(Preset::Tiny)
    };
    synth::write(&path, &options, &|_| ()).unwrap();
    let dataset = Dataset::open(&path, None).unwrap();
    (folder, dataset)
}

pub(super) fn spec(name: &str) -> BaselineSpec {
    name.parse().unwrap()
}

pub(super) fn quick() -> Recipe {
    Recipe {
        lr: 1e-3,
        epochs: 8,
        ..Recipe::default()
    }
}

fn validate(dataset: &Dataset, spec: &BaselineSpec, seed: u64) -> Result<BaselineOutcome> {
    let baseline = Baseline {
        dataset,
        spec,
        recipe: Some(&quick()),
        data: &DataConfig::default(),
        inputs: ProjectionInputs::Columns,
        seed,
        stop: &Stop::default(),
    };
    baseline.validate(1, &mut |_| ())
}

/// Official counts of an outcome's distributions decoded with its thresholds.
fn decoded(dataset: &Dataset, outcome: &BaselineOutcome) -> Accuracy {
    let scores = outcome.held_out.as_ref().unwrap();
    let decoder = outcome
        .thresholds
        .decoder(&outcome.spec.decode(&dataset.task()));
    let decided = scores.rows.decoded(&decoder, &dataset.classes).unwrap();
    let truths = scores.clips.iter().map(|name| {
        let clip = dataset.train.clip(name).unwrap();
        dataset.train.clips[clip].truth.as_ref().unwrap()
    });
    Accuracy::of(truths.zip(&decided))
}

#[test]
fn names_are_read_back_as_they_were_written() {
    for name in [
        "trivial-single",
        "trivial-blend",
        "linear:clip",
        "mlp-256:imagebind",
        "mlp-512:imagebind+wavlm_large",
    ] {
        assert_eq!(spec(name).to_string(), name);
        let json = serde_json::to_string(&spec(name)).unwrap();
        assert_eq!(json, format!("{name:?}"));
        assert_eq!(
            serde_json::from_str::<BaselineSpec>(&json).unwrap(),
            spec(name)
        );
    }
    for wrong in [
        "",
        "linear",
        "linear:",
        "mlp:clip",
        "mlp-0:clip",
        "mlp-x:clip",
        "svm:clip",
        "linear:a++b",
        "linear:a+a",
    ] {
        let message = wrong.parse::<BaselineSpec>().unwrap_err().to_string();
        assert!(message.contains("trivial-single"), "{message}");
    }
}

#[test]
fn the_recipe_is_the_challenges() {
    let recipe = Recipe::default();
    assert_eq!((recipe.lr, recipe.weight_decay), (5e-6, 1e-3));
    assert_eq!((recipe.batch_size, recipe.epochs), (32, 200));
    for wrong in [
        Recipe { lr: 0.0, ..recipe },
        Recipe {
            lr: f64::NAN,
            ..recipe
        },
        Recipe {
            weight_decay: -1.0,
            ..recipe
        },
        Recipe {
            batch_size: 0,
            ..recipe
        },
        Recipe {
            epochs: 0,
            ..recipe
        },
    ] {
        assert!(matches!(wrong.check(), Err(Error::Config { .. })));
    }
}

#[test]
fn learns_and_keeps_the_first_epoch_with_the_highest_average() {
    let (_folder, dataset) = data(0.0);
    let names: Vec<&str> = dataset.encoders.iter().map(|e| e.name.as_str()).collect();
    for name in [
        format!("linear:{}", names[0]),
        format!("mlp-16:{}+{}", names[0], names[2]),
    ] {
        let found = validate(&dataset, &spec(&name), 3).unwrap();
        assert_eq!(found.history.len(), 8);
        let first = found.history.first().unwrap();
        let last = found.history.last().unwrap();
        assert!(last.train_loss < first.train_loss - 0.05, "{name}");
        let average = |at: usize| found.history[at - 1].accuracy.unwrap().average();
        let best = found.best_epoch;
        assert!(
            (1..best).all(|epoch| average(epoch) < average(best)),
            "{name}"
        );
        assert!(
            (best..=8).all(|epoch| average(epoch) <= average(best)),
            "{name}"
        );
        assert_eq!(found.accuracy, found.history[best - 1].accuracy);
        assert_eq!(found.accuracy.unwrap(), decoded(&dataset, &found));
        assert_eq!(found.test.as_ref().unwrap().clips.len(), 22);
        assert!(found.warnings.is_empty());
    }
}

#[test]
fn the_number_of_threads_changes_no_bit_and_the_seed_does() {
    let (_folder, dataset) = data(0.0);
    let name = format!(
        "mlp-33:{}+{}",
        dataset.encoders[0].name, dataset.encoders[1].name
    );
    let run = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| validate(&dataset, &spec(&name), seed))
            .unwrap()
    };
    let one = run(1, 0);
    assert_eq!(run(3, 0), one);
    assert_ne!(run(1, 1).held_out, one.held_out);
}

#[test]
fn the_loss_is_the_kullback_leibler_divergence() {
    let (_folder, dataset) = data(0.0);
    let found = validate(
        &dataset,
        &spec(&format!("linear:{}", dataset.encoders[0].name)),
        0,
    )
    .unwrap();
    let scores = found.held_out.as_ref().unwrap();
    let rows = scores.rows.aligned(1.0.into()).unwrap();
    let mut sum = 0.0;
    for (name, row) in scores.clips.iter().zip(rows.rows()) {
        assert!((row.sum() - 1.0).abs() <= 1e-6);
        let clip = &dataset.train.clips[dataset.train.clip(name).unwrap()];
        let target = clip.target.as_ref().unwrap();
        let terms = target.iter().zip(row).filter(|(y, _)| **y > 0.0);
        sum += terms.map(|(y, p)| y * (y / p).ln()).sum::<f64>();
    }
    let expected = sum / scores.clips.len() as f64;
    assert!((found.loss.unwrap() - expected).abs() <= 1e-9);
    // Of a trained model the divergence on training clips lies well below ln 6 too.
    assert!(found.history[7].train_loss < 6f64.ln());
}

#[test]
fn a_missing_encoder_is_the_training_mean_and_is_told() {
    let (_folder, dataset) = data(0.3);
    let name = &dataset.encoders[1].name;
    let found = validate(&dataset, &spec(&format!("linear:{name}")), 0).unwrap();
    assert!(
        found.warnings[0].contains("lack the encoder"),
        "{:?}",
        found.warnings
    );
    let scores = found.held_out.unwrap();
    let rows = scores.rows.aligned(1.0.into()).unwrap();
    let lacking: Vec<usize> = (0..scores.clips.len())
        .filter(|&row| {
            let clip = dataset.train.clip(&scores.clips[row]).unwrap();
            dataset.train.rows(1)[clip].is_none()
        })
        .collect();
    // All such clips look alike: only the bias speaks.
    assert!(lacking.len() > 1);
    for &row in &lacking {
        assert_eq!(rows.row(row), rows.row(lacking[0]));
    }
}

#[test]
fn retraining_uses_all_clips_and_the_last_epoch() {
    let (_folder, dataset) = data(0.0);
    let spec = spec(&format!("linear:{}", dataset.encoders[0].name));
    let recipe = Recipe {
        epochs: 3,
        ..quick()
    };
    let baseline = Baseline {
        dataset: &dataset,
        spec: &spec,
        recipe: Some(&recipe),
        data: &DataConfig::default(),
        inputs: ProjectionInputs::Columns,
        seed: 0,
        stop: &Stop::default(),
    };
    let mut seen = Vec::new();
    let found = baseline
        .retrain(&mut |epoch| seen.push(epoch.epoch))
        .unwrap();
    assert_eq!(seen, [1, 2, 3]);
    assert_eq!(
        (found.best_epoch, found.fold, found.accuracy),
        (3, None, None)
    );
    assert!(found.held_out.is_none() && !found.thresholds.searched);
    assert_eq!(found.test.unwrap().clips.len(), 22);
}

#[test]
fn trivial_answers_are_learned_on_the_training_folds_alone() {
    let (_folder, mut dataset) = data(0.0);
    let single = validate(&dataset, &spec("trivial-single"), 0).unwrap();
    let accuracy = single.accuracy.unwrap();
    assert_eq!(accuracy.salience(), Some(0.0));
    assert_eq!(accuracy, decoded(&dataset, &single));
    let blend = validate(&dataset, &spec("trivial-blend"), 0).unwrap();
    let decided = decoded(&dataset, &blend);
    assert_eq!(
        blend.accuracy.unwrap().salience_correct,
        decided.salience_correct
    );
    // Other labels in the held-out fold change no answer.
    for clip in &mut dataset.train.clips {
        if clip.fold == Some(1) {
            clip.truth = Some(crate::data::label::Blend::single(5));
        }
    }
    for before in [single, blend] {
        let after = validate(&dataset, &before.spec, 0).unwrap();
        assert_eq!(after.held_out, before.held_out);
        assert_eq!(after.test, before.test);
    }
}

#[test]
fn what_cannot_be_learned_is_an_error_that_says_why() {
    let (_folder, mut dataset) = data(0.0);
    let message = validate(&dataset, &spec("linear:nothing"), 0)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("no encoder \"nothing\"; found:"),
        "{message}"
    );
    for clip in &mut dataset.train.clips {
        clip.truth = Some(crate::data::label::Blend::single(0));
    }
    let message = validate(&dataset, &spec("trivial-blend"), 0)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("no training clip shows exactly two emotions"),
        "{message}"
    );
    assert!(run(&dataset, &spec("trivial-single"), 9, 0).is_err());
}

#[test]
fn standard_classifiers_learn_and_use_nothing_of_the_held_out_fold() {
    let (_folder, mut dataset) = data(0.1);
    for model in ["logistic", "forest"] {
        let each = named(&format!("{model}:*"), &dataset).unwrap();
        let joined = named(&format!("{model}:+"), &dataset).unwrap();
        assert_eq!((each.len(), joined.len()), (3, 1));
        let found = validate(&dataset, &joined[0], 0).unwrap();
        assert_eq!(decoded(&dataset, &found), found.accuracy.unwrap());
        assert!(found.test.is_some() && !found.warnings.is_empty());
        assert!(found.parameters > 0 && found.history.is_empty());
        let trivial = validate(&dataset, &spec("trivial-single"), 0).unwrap();
        assert!(found.accuracy.unwrap().presence() > trivial.accuracy.unwrap().presence());
        // Other labels on the held-out fold change its thresholds, but not the model.
        reverse_labels(&mut dataset);
        let other = validate(&dataset, &joined[0], 0).unwrap();
        assert_eq!(other.held_out, found.held_out);
        reverse_labels(&mut dataset);
    }
}

#[test]
fn a_logistic_regression_converges_and_has_no_seed_and_a_forest_has_one() {
    let (_folder, dataset) = data(0.0);
    let name = &dataset.encoders[0].name;
    let logistic = spec(&format!("logistic:{name}"));
    let found = validate(&dataset, &logistic, 0).unwrap();
    assert_eq!(found.converged, Some(true));
    assert!(!logistic.is_random() && !logistic.has_recipe());
    let repeated = validate(&dataset, &logistic, 9).unwrap();
    assert_eq!(found.held_out, repeated.held_out);
    let forest = spec(&format!("forest:{name}"));
    assert!(forest.is_random() && !forest.has_recipe());
    let found = validate(&dataset, &forest, 0).unwrap();
    assert_eq!((found.converged, found.epochs), (None, 100));
    assert_eq!(validate(&dataset, &forest, 0).unwrap(), found);
    assert_ne!(
        validate(&dataset, &forest, 9).unwrap().held_out,
        found.held_out
    );
}

/// Turns the labels of the fold that is held out around.
fn reverse_labels(dataset: &mut Dataset) {
    for clip in &mut dataset.train.clips {
        if clip.fold == Some(1) {
            clip.target = clip.target.take().map(|mut target| {
                target.reverse();
                target
            });
        }
    }
}

#[test]
fn a_recipe_that_is_chosen_does_not_depend_on_the_held_out_fold() {
    let (_folder, mut dataset) = data(0.0);
    let linear = named("linear:+", &dataset).unwrap().remove(0);
    let chosen = |dataset: &Dataset| {
        let baseline = Baseline {
            dataset,
            spec: &linear,
            recipe: None,
            data: &DataConfig::default(),
            inputs: ProjectionInputs::Columns,
            seed: 0,
            stop: &Stop::default(),
        };
        baseline.validate(1, &mut |_| ()).unwrap()
    };
    let found = chosen(&dataset);
    assert_eq!(found.best_epoch, found.epochs);
    assert!(found.converged.is_some() && found.accuracy.is_some());
    reverse_labels(&mut dataset);
    let other = chosen(&dataset);
    assert_eq!(
        (other.epochs, other.held_out),
        (found.epochs, found.held_out)
    );
}

#[test]
fn a_baseline_that_does_not_exist_is_never_suggested_as_it_was_written() {
    for (name, end) in [
        ("svm:clip", "joined by +"),
        ("logistc:clip", "did you mean logistic:clip?"),
        ("logistic:+,forest:+", "give each baseline by itself"),
    ] {
        let message = name.parse::<BaselineSpec>().unwrap_err().to_string();
        assert!(message.ends_with(end), "{message}");
    }
}
