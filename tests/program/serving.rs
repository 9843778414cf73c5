//! A trained model used as a library: rows in memory give the same scores as the data folder, in any
//! batch, and rows that cannot be scored are refused by name.

use blendfuse::data::dataset::Split;
use blendfuse::data::part::{self, Needs};
use blendfuse::predict::{Predictor, Scores};
use ndarray::{Array2, Axis, ShapeBuilder, concatenate, s};

use crate::command::{Place, SMALL};

struct Served {
    place: Place,
    model: Predictor,
    split: Split<'static>,
    rows: Vec<(String, Array2<f32>)>,
}

fn served() -> Served {
    let place = Place::with_data(&["--missing", "0.2"]);
    let train = ["train", "data", "--out", "run", "--fold", "0"];
    let short = ["--set", "train.max_epochs=3"];
    place.ok(&[&train[..], SMALL, &short].concat());
    let model = Predictor::load(&place.path("run")).unwrap();
    let encoders = model.description().encoders.clone();
    let needs = Needs {
        encoders: &encoders,
        dropped: &[],
        classes: &model.classes(),
    };
    let split = part::open(&place.path("data"), "test", needs)
        .unwrap()
        .split;
    let rows = encoders.into_iter().enumerate().map(|(m, encoder)| {
        let mut x = Array2::from_elem((split.len(), encoder.width), f32::NAN);
        for (clip, mut out) in x.rows_mut().into_iter().enumerate() {
            if let Some(row) = split.rows(m)[clip] {
                split
                    .source(m)
                    .read(row as usize, 0, out.as_slice_mut().unwrap());
            }
        }
        (encoder.name, x)
    });
    let rows = rows.collect();
    Served {
        place,
        model,
        split,
        rows,
    }
}

impl Served {
    fn score(&self, from: usize, to: usize) -> Scores {
        let rows = self.rows.iter();
        let part: Vec<_> = rows
            .map(|(name, x)| (name.as_str(), x.slice(s![from..to, ..])))
            .collect();
        self.model.score_rows(&part).unwrap()
    }

    fn refused(&self, features: &[(&str, ndarray::ArrayView2<'_, f32>)]) -> String {
        let error = self.model.score_rows(features).unwrap_err();
        assert!(error.is_input());
        error.to_string()
    }
}

fn bits(scores: &[Scores]) -> Vec<Vec<u64>> {
    let parts: [fn(&Scores) -> &Array2<f64>; 5] = [
        |s| &s.presence,
        |s| &s.salience,
        |s| &s.aligned,
        |s| &s.gate_weights,
        |s| &s.selected_weights,
    ];
    let whole = |part: &fn(&Scores) -> &Array2<f64>| {
        let views: Vec<_> = scores.iter().map(|scores| part(scores).view()).collect();
        concatenate(Axis(0), &views)
            .unwrap()
            .iter()
            .map(|x| x.to_bits())
            .collect()
    };
    parts.iter().map(whole).collect()
}

#[test]
fn rows_in_memory_score_to_the_same_bits_in_any_batch_and_as_the_folder_does() {
    let served = served();
    let clips: Vec<usize> = (0..served.split.len()).collect();
    let whole = served.model.score(&served.split, &clips, &[]).unwrap();
    let expected = bits(std::slice::from_ref(&whole));
    for size in [1, 7, clips.len()] {
        let starts = clips.iter().step_by(size);
        let parts: Vec<_> = starts
            .map(|&from| served.score(from, clips.len().min(from + size)))
            .collect();
        assert_eq!(bits(&parts), expected, "batches of {size}");
    }
    let mut parts = Vec::new();
    let visit = |_: &[usize], scores| {
        parts.push(scores);
        Ok(())
    };
    served
        .model
        .score_in_batches(&served.split, &clips, &[], visit)
        .unwrap();
    assert_eq!(bits(&parts), expected);

    // Column-major arrays work as well as row-major ones.
    let turned: Vec<_> = served
        .rows
        .iter()
        .map(|(name, x)| {
            let mut turned = Array2::zeros(x.raw_dim().f());
            turned.assign(x);
            (name.as_str(), turned)
        })
        .collect();
    let turned: Vec<_> = turned.iter().map(|(name, x)| (*name, x.view())).collect();
    assert_eq!(bits(&[served.model.score_rows(&turned).unwrap()]), expected);

    // And the program says the same of the folder.
    served.place.ok(&[
        "predict", "run", "data", "--out", "p.json", "--probs", "p.csv",
    ]);
    let written = std::fs::read_to_string(served.place.path("p.json")).unwrap();
    let written: serde_json::Value = serde_json::from_str(&written).unwrap();
    let classes = served.model.classes();
    for (clip, shown) in served.model.emotions(&whole).unwrap().iter().enumerate() {
        let name = &served.split.clips[clip].filename;
        let parts = shown.parts().iter();
        let shown: Vec<_> = parts
            .map(|part| serde_json::json!({"emotion": classes.name(part.class), "salience": part.salience}))
            .collect();
        assert_eq!(
            written["predictions"][name],
            serde_json::Value::from(shown),
            "{name}"
        );
    }
}

#[test]
fn an_encoder_that_is_not_named_is_missing_as_if_it_were_dropped() {
    let served = served();
    let clips: Vec<usize> = (0..served.split.len()).collect();
    let dropped = served.rows[1].0.clone();
    let rows = served
        .rows
        .iter()
        .filter(|(name, _)| *name != dropped)
        .rev();
    let rows: Vec<_> = rows.map(|(name, x)| (name.as_str(), x.view())).collect();
    let found = served.model.score_rows(&rows).unwrap();
    let expected = served
        .model
        .score(&served.split, &clips, &[dropped])
        .unwrap();
    assert_eq!(bits(&[found]), bits(&[expected]));
}

#[test]
fn what_cannot_be_scored_is_refused_by_name() {
    let served = served();
    let (name, x) = (served.rows[0].0.as_str(), &served.rows[0].1);
    let narrow = x.slice(s![.., 1..]);
    let short = served.rows[1].1.slice(s![1.., ..]);
    let mut infinite = x.clone();
    infinite[[3, 0]] = f32::INFINITY;
    let lost = Array2::from_elem((1, x.ncols()), f32::NAN);
    let none = Array2::zeros((0, x.ncols()));
    let other = served.rows[1].0.as_str();
    for (features, expected) in [
        (&[("nobody", x.view())][..], "no encoder nobody; it has: "),
        (&[(name, x.view()), (name, x.view())], "is given twice"),
        (&[(name, narrow)], "columns, expected 33 (as the first"),
        (&[(name, x.view()), (other, short)], "found 32 rows"),
        (
            &[(name, infinite.view())],
            "row 3 (from 0) holds an infinite value",
        ),
        (
            &[(name, lost.view())],
            "row 0 (from 0) has features of none",
        ),
        (&[(name, none.view())], "no clips to score"),
        (&[], "no clips to score"),
    ] {
        let refused = served.refused(features);
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn a_model_serves_several_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Predictor>();
}
