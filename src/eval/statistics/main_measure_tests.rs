//! Comparisons that are judged by the main measure of another task than the challenge's.

use super::*;
use crate::config::Monitor;
use crate::data::label::Blend;
use crate::data::metadata::Clip;

/// Clips of twelve actors, three each.
const ACTORS: usize = 12;
const CLIPS: usize = 3;

fn grouping() -> Grouping {
    let clips: Vec<Clip> = (0..ACTORS * CLIPS)
        .map(|at| Clip {
            filename: format!("clip{at:03}"),
            fold: None,
            actor: Some(format!("A{:02}", at / CLIPS)),
            truth: None,
            target: None,
            line: 0,
        })
        .collect();
    Grouping::by_actor(&clips)
}

/// Scores of one seed whose clips all show one emotion: the one predicted, and the main measure.
fn scores(main: Monitor, of_clip: impl Fn(usize) -> (usize, f64)) -> ActorScores {
    let truth = Blend::single(0);
    let predicted: Vec<(Blend, f64)> = (0..ACTORS * CLIPS)
        .map(|at| {
            let (class, value) = of_clip(at);
            (Blend::single(class), value)
        })
        .collect();
    let clips = predicted.iter().enumerate();
    let scored = clips.map(|(clip, (predicted, main))| ScoredClip {
        clip,
        truth: &truth,
        predicted,
        main: *main,
    });
    ActorScores::judged_by(main, &grouping(), [scored]).unwrap()
}

#[test]
fn a_measure_of_clips_decides_where_the_emotions_are_equal() {
    // Both predict the same emotions; the first has 0.1 more of the measure in each clip, give or take.
    let value = |at: usize, gain: f64| 0.4 + 0.01 * (at % 5) as f64 + gain * (1 + at % 2) as f64;
    for (main, expected) in [
        (Monitor::Overlap, Verdict::Better),
        (Monitor::Kl, Verdict::Worse),
    ] {
        let first = scores(main, |at| (at % 2, value(at, 0.1)));
        let second = scores(main, |at| (at % 2, value(at, 0.0)));
        let found = compare(&first, &second, &Resampling::default()).unwrap();
        assert_eq!(found.average.estimate, 0.0);
        let difference = found.main.unwrap().difference;
        assert!((difference.estimate - 0.15).abs() < 1e-9, "{difference:?}");
        assert_eq!(found.verdict(), expected);
        // All twelve actors differ in one direction: 2 of the 4,096 exchanges are as far from 0.
        assert_eq!(found.test.p, 2.0 / 4096.0);
        let draws = Draws::of([&first, &second], &Resampling::default());
        let alone = main_difference(&first, &second, &draws, 0.95).unwrap();
        assert_eq!(alone, Some(difference));
        let sentence = found.sentence("first", "second");
        let name = match main {
            Monitor::Kl => "in the Kullback-Leibler divergence",
            _ => "in the overlap",
        };
        assert!(sentence.contains(name), "{sentence}");
        let interval = intervals(&first, &Resampling::default()).unwrap().main;
        let mean = (0..ACTORS * CLIPS).map(|at| value(at, 0.1)).sum::<f64>() / 36.0;
        assert!((interval.unwrap().estimate - mean).abs() < 1e-9);
    }
}

#[test]
fn of_single_labels_the_whole_accuracy_is_compared_and_not_half_of_it() {
    let first = scores(Monitor::Presence, |at| (usize::from(at % 4 == 0), 0.0));
    let second = scores(Monitor::Presence, |at| (usize::from(at % 2 == 0), 0.0));
    let found = compare(&first, &second, &Resampling::default()).unwrap();
    assert_eq!(found.judged().estimate, 0.25);
    assert_eq!(found.average.estimate, 0.125);
    assert_eq!(found.main.unwrap().difference, found.presence.unwrap());
}

#[test]
fn different_measures_are_not_compared_and_no_clip_may_lack_a_value() {
    let overlap = scores(Monitor::Overlap, |_| (0, 0.5));
    let divergence = scores(Monitor::Kl, |_| (0, 0.5));
    let error = compare(&overlap, &divergence, &Resampling::default()).unwrap_err();
    assert!(error.to_string().contains("same main measure"), "{error}");
    let truth = Blend::single(0);
    let clip = ScoredClip {
        clip: 0,
        truth: &truth,
        predicted: &truth,
        main: f64::NAN,
    };
    let error = ActorScores::judged_by(Monitor::Kl, &grouping(), [[clip]]).unwrap_err();
    assert!(error.to_string().contains("NaN"), "{error}");
    // A training loss is not known of single clips.
    let loss = scores(Monitor::Loss, |_| (0, 0.0));
    assert_eq!(loss.main(), Monitor::Average);
}
