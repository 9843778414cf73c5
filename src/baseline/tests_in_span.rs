//! Tests of classifiers that train in the span of the training clips' joined rows.

use super::input::Input;
use super::tests::{data, quick, spec};
use super::*;
use crate::config::{ProjectionInputs, StandardiseBy};

/// A baseline of all encoders over coordinates or columns.
fn joined<'a>(
    dataset: &'a Dataset,
    spec: &'a BaselineSpec,
    (recipe, data): (Option<&'a Recipe>, &'a DataConfig),
    stop: &'a Stop,
    inputs: ProjectionInputs,
) -> Baseline<'a> {
    Baseline {
        dataset,
        spec,
        recipe,
        data,
        inputs,
        seed: 4,
        stop,
    }
}

#[test]
fn coordinates_have_the_inner_products_of_the_columns() {
    let (_folder, dataset) = data(0.2);
    let linear = named("linear:+", &dataset).unwrap().remove(0);
    let encoders = linear.encoders(&dataset).unwrap();
    // Few clips, so that there are more columns.
    let train: Vec<usize> = (0..dataset.train.len()).step_by(9).collect();
    let test = dataset.test.as_ref().unwrap();
    let tested: Vec<usize> = (0..test.len()).collect();
    let others: Vec<usize> = (1..dataset.train.len()).step_by(7).collect();
    let (stop, by_actor) = (Stop::default(), StandardiseBy::Actor);
    for data in [
        DataConfig::default(),
        DataConfig {
            clip_values: 1.5,
            ..DataConfig::default()
        },
        DataConfig {
            standardize: by_actor,
            ..DataConfig::default()
        },
    ] {
        let gathered = |inputs| {
            let baseline = joined(&dataset, &linear, (None, &data), &stop, inputs);
            let input = Input::fit(&baseline, &encoders, &train).unwrap();
            let mut parts = vec![(&dataset.train, &train), (&dataset.train, &others)];
            // Nothing tells whom these test clips show.
            if data.standardize != by_actor {
                parts.push((test, &tested));
            }
            let rows = parts
                .into_iter()
                .map(|(split, clips)| input.gather(split, clips).unwrap().to_row_major());
            (input.width(), input.columns, rows.collect::<Vec<_>>())
        };
        let (width, columns, of_columns) = gathered(ProjectionInputs::Columns);
        let (rank, _, in_span) = gathered(ProjectionInputs::Span);
        assert_eq!(width, columns);
        assert!(rank <= train.len() && train.len() < columns);
        let scale = columns as f64 / rank as f64;
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
            products.sum()
        };
        for (wide, narrow) in of_columns.iter().zip(&in_span) {
            assert_eq!(wide.len() / width, narrow.len() / rank);
            for (x, z) in wide.chunks(width).zip(narrow.chunks(rank)) {
                let spanning = of_columns[0].chunks(width).zip(in_span[0].chunks(rank));
                for (y, w) in spanning {
                    let (expected, found) = (dot(x, y), dot(z, w) / scale);
                    let bound = (dot(x, x) * dot(y, y)).sqrt();
                    assert!(
                        (found - expected).abs() <= 2e-3 * bound,
                        "{found}, {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_classifier_in_the_span_counts_its_columns_and_does_not_depend_on_threads() {
    let (_folder, mut dataset) = data(0.1);
    for (n, clip) in dataset.train.clips.iter_mut().enumerate() {
        // A small training part: four of five clips are held out.
        clip.fold = Some(if n % 5 == 0 { 0 } else { 1 });
    }
    let (stop, usual, recipe) = (Stop::default(), DataConfig::default(), quick());
    for (name, recipe) in [("mlp-24:+", Some(&recipe)), ("linear:+", None)] {
        let spec = named(name, &dataset).unwrap().remove(0);
        let outcome = |inputs, threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let baseline = joined(&dataset, &spec, (recipe, &usual), &stop, inputs);
            let train = || baseline.validate(1, &mut |_| ()).unwrap();
            pool.build().unwrap().install(train)
        };
        let one = outcome(ProjectionInputs::Span, 1);
        let three = outcome(ProjectionInputs::Span, 3);
        let columns = outcome(ProjectionInputs::Columns, 1);
        assert_eq!((&one.held_out, &one.test), (&three.held_out, &three.test));
        assert_eq!(one.parameters, columns.parameters);
        assert_ne!(one.held_out, columns.held_out);
        assert_eq!(one.test.unwrap().clips.len(), 22);
    }
}

#[test]
fn with_fewer_columns_than_clips_the_span_changes_nothing() {
    let (_folder, dataset) = data(0.1);
    let narrowest = dataset.encoders.iter().min_by_key(|encoder| encoder.width);
    let spec = spec(&format!("mlp-8:{}", narrowest.unwrap().name));
    let (stop, usual, recipe) = (Stop::default(), DataConfig::default(), quick());
    let outcome = |inputs| {
        let baseline = joined(&dataset, &spec, (Some(&recipe), &usual), &stop, inputs);
        baseline.validate(1, &mut |_| ()).unwrap()
    };
    let [columns, span] = [ProjectionInputs::Columns, ProjectionInputs::Span].map(outcome);
    assert_eq!((columns.held_out, columns.test), (span.held_out, span.test));
}
