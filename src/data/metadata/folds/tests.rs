//! Tests of making folds.

use super::*;
use crate::data::label::Blend;

/// `actors` actors with between 3 and 9 clips each, of 6 classes and blends.
fn clips(actors: usize, rename: impl Fn(usize) -> String) -> Vec<Clip> {
    let mut clips = Vec::new();
    for actor in 0..actors {
        for take in 0..3 + actor * 5 % 7 {
            let mut target = vec![0.0; 6];
            match (actor + take) % 4 {
                0 => {
                    target[take % 6] = 0.5;
                    target[(take + 1) % 6] = 0.5;
                }
                _ => target[(3 * actor + take) % 6] = 1.0,
            }
            clips.push(Clip {
                filename: format!("{actor}_{take}"),
                fold: None,
                actor: Some(rename(actor)),
                truth: Some(Blend::from_distribution(&target)),
                target: Some(target),
                line: 0,
            });
        }
    }
    clips
}

fn five(seed: u64) -> NewFolds {
    NewFolds { count: 5, seed }
}

#[test]
fn no_actor_is_in_two_folds_and_folds_are_balanced() {
    let clips = clips(30, |actor| format!("A{actor}"));
    let folds = assign(&clips, 6, five(0)).unwrap();
    let mut fold_of: HashMap<&str, usize> = HashMap::new();
    for (clip, fold) in clips.iter().zip(&folds) {
        let actor = clip.actor.as_deref().unwrap();
        assert_eq!(fold_of.entry(actor).or_insert(*fold), fold);
    }
    let in_fold = |wanted: usize, of: &dyn Fn(&Clip) -> f64| -> f64 {
        let those = clips
            .iter()
            .zip(&folds)
            .filter(|(_, fold)| **fold == wanted);
        those.map(|(clip, _)| of(clip)).sum()
    };
    let kinds: [&dyn Fn(&Clip) -> f64; 4] = [
        &|_| 1.0,
        &|clip| f64::from(clip.truth.as_ref().unwrap().parts().len() > 1),
        &|clip| clip.target.as_ref().unwrap()[0],
        &|clip| clip.target.as_ref().unwrap()[5],
    ];
    for (kind, most_off) in kinds.iter().zip([0.05, 0.25, 0.25, 0.25]) {
        let counts: Vec<f64> = (0..5).map(|fold| in_fold(fold, kind)).collect();
        let mean = counts.iter().sum::<f64>() / 5.0;
        for count in &counts {
            assert!((count - mean).abs() <= most_off * mean, "{counts:?}");
        }
    }
}

#[test]
fn the_seed_decides_and_names_do_not() {
    let named = clips(30, |actor| format!("A{actor}"));
    let renamed = clips(30, |actor| format!("{}", 1000 - 7 * actor));
    let folds = assign(&named, 6, five(3)).unwrap();
    assert_eq!(assign(&named, 6, five(3)).unwrap(), folds);
    assert_eq!(assign(&renamed, 6, five(3)).unwrap(), folds);
    assert_ne!(assign(&named, 6, five(4)).unwrap(), folds);
}

#[test]
fn clips_of_unknown_actors_or_of_one_are_by_themselves() {
    let mut all = clips(4, |_| "A".into());
    assert!(by_clip(&all));
    let folds = assign(&all, 6, five(0)).unwrap();
    assert_eq!((0..5).filter(|fold| folds.contains(fold)).count(), 5);
    all.iter_mut().for_each(|clip| clip.actor = None);
    assert_eq!(assign(&all, 6, five(0)).unwrap(), folds);
}

#[test]
fn every_fold_has_an_actor_and_too_few_are_refused() {
    let mut uneven = clips(5, |actor| format!("A{actor}"));
    // One actor has most of the clips.
    uneven
        .iter_mut()
        .skip(4)
        .take(12)
        .for_each(|clip| clip.actor = Some("A4".into()));
    let actors: std::collections::BTreeSet<_> =
        uneven.iter().map(|clip| clip.actor.clone()).collect();
    let count = actors.len();
    let folds = assign(&uneven, 6, NewFolds { count, seed: 0 }).unwrap();
    assert!((0..count).all(|fold| folds.contains(&fold)), "{folds:?}");
    let more = NewFolds {
        count: count + 1,
        seed: 0,
    };
    let message = assign(&uneven, 6, more).unwrap_err();
    assert!(
        message.contains(&format!("use data.folds={count}")),
        "{message}"
    );
    assert!(assign(&uneven, 6, NewFolds { count: 1, seed: 0 }).is_err());
}
