use super::*;
use crate::data::label::{Blend, Part};
use crate::data::metadata::Clip;
use crate::rng::{Purpose, Stream};

const SINGLE: usize = 0;

fn clip(actor: Option<usize>, at: usize) -> Clip {
    Clip {
        filename: format!("clip{at:05}"),
        fold: None,
        actor: actor.map(|actor| format!("A{actor:04}")),
        truth: None,
        target: None,
        line: 0,
    }
}

fn blend() -> Blend {
    let part = |class, salience| Part { class, salience };
    Blend::new(vec![part(0, 70.0), part(1, 30.0)])
}

/// What a clip of a made-up data set is: its actor, whether it is a blend, and for each seed whether
/// its emotions and its saliences are predicted right.
#[derive(Clone)]
struct Made {
    actor: Option<usize>,
    blend: bool,
    right: Vec<(bool, bool)>,
}

fn scores(made: &[Made]) -> ActorScores {
    let clips: Vec<Clip> = made
        .iter()
        .enumerate()
        .map(|(at, made)| clip(made.actor, at))
        .collect();
    let part = |class, salience| Part { class, salience };
    let (single, other, mixed) = (Blend::single(SINGLE), Blend::single(2), blend());
    let swapped = Blend::new(vec![part(0, 30.0), part(1, 70.0)]);
    let seeds = (0..made[0].right.len()).map(|seed| {
        let (single, other, mixed, swapped) = (&single, &other, &mixed, &swapped);
        made.iter().enumerate().map(move |(at, made)| {
            let truth = if made.blend { mixed } else { single };
            let predicted = match made.right[seed] {
                (true, salience) if made.blend => {
                    if salience {
                        mixed
                    } else {
                        swapped
                    }
                }
                (true, _) => single,
                (false, _) => other,
            };
            (at, truth, predicted)
        })
    });
    ActorScores::of(&Grouping::by_actor(&clips), seeds).unwrap()
}

/// `actors` × `clips`, half of the clips blends; an actor's chance of being right is `rate` give or
/// take `spread`, and `gain` more for the second configuration of a pair.
fn simulated(stream: &mut Stream, actors: usize, clips: usize, gain: f64) -> [Vec<Made>; 2] {
    let mut made = [Vec::new(), Vec::new()];
    for actor in 0..actors {
        let rate = 0.5 + 0.4 * (stream.uniform() - 0.5);
        for clip in 0..clips {
            for (configuration, list) in made.iter_mut().enumerate() {
                let chance = rate + gain * configuration as f64;
                let presence = stream.uniform() < chance;
                let salience = presence && stream.uniform() < 0.6;
                list.push(Made {
                    actor: Some(actor),
                    blend: clip % 2 == 0,
                    right: vec![(presence, salience)],
                });
            }
        }
    }
    made
}

fn quick() -> Resampling {
    Resampling {
        resamples: 1000,
        exchanges: 999,
        ..Resampling::default()
    }
}

#[test]
fn independent_clips_give_the_binomial_interval() {
    let made: Vec<Made> = (0..400)
        .map(|at| Made {
            actor: None,
            blend: false,
            right: vec![(at % 4 == 0, false)],
        })
        .collect();
    let scores = scores(&made);
    assert_eq!((scores.unit(), scores.actors()), (Unit::Clip, 400));
    let found = intervals(&scores, &Resampling::default()).unwrap();
    let presence = found.presence.unwrap();
    assert_eq!(presence.estimate, 0.25);
    // 1.96 √(p (1 − p) / n)
    let half = 1.96 * (0.25f64 * 0.75 / 400.0).sqrt();
    assert!(
        (presence.low - (0.25 - half)).abs() <= 0.004,
        "{presence:?}"
    );
    assert!(
        (presence.high - (0.25 + half)).abs() <= 0.004,
        "{presence:?}"
    );
    // Without a blend the average is half of it, as the official code has it.
    assert_eq!(found.salience, None);
    let average = found.average.unwrap();
    assert!((average.high - 0.5 * presence.high).abs() <= 1e-15);
}

#[test]
fn clips_of_one_actor_count_as_one_and_equal_actors_leave_no_doubt() {
    let made = |right: &dyn Fn(usize, usize) -> bool| -> Vec<Made> {
        (0..400)
            .map(|at| Made {
                actor: Some(at / 10),
                blend: false,
                right: vec![(right(at / 10, at % 10), false)],
            })
            .collect()
    };
    let width = |made: &[Made]| {
        let found = intervals(&scores(made), &Resampling::default()).unwrap();
        let presence = found.presence.unwrap();
        presence.high - presence.low
    };
    // All ten clips of an actor alike: 40 independent ones, not 400.
    let alike = width(&made(&|actor, _| actor % 2 == 0));
    let expected = 2.0 * 2.0227 * (0.25f64 / 39.0).sqrt();
    assert!((alike - expected).abs() <= 0.04, "{alike} and {expected}");
    // Every actor the same: the bootstrap sees no variation over actors.
    assert!(width(&made(&|_, clip| clip % 2 == 0)) <= 1e-12);
}

#[test]
fn one_actor_has_no_interval_and_undefined_measures_none_either() {
    let made: Vec<Made> = (0..10)
        .map(|at| Made {
            actor: Some(1),
            blend: true,
            right: vec![(at > 3, at > 5)],
        })
        .collect();
    let found = intervals(&scores(&made), &quick()).unwrap();
    assert_eq!((found.average, found.presence), (None, None));
    assert_eq!(found.actors, 1);
}

#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    let mut stream = Stream::new(11, Purpose::Test, 0, 0);
    let (mut covered, runs) = ([0usize; 2], 400);
    let resampling = Resampling {
        resamples: 400,
        ..quick()
    };
    for _ in 0..runs {
        let [made, better] = simulated(&mut stream, 15, 8, 0.1);
        let presence = intervals(&scores(&made), &resampling)
            .unwrap()
            .presence
            .unwrap();
        covered[0] += usize::from(presence.low <= 0.5 && presence.high >= 0.5);
        let compared = compare(&scores(&better), &scores(&made), &resampling).unwrap();
        let gain = compared.presence.unwrap().interval.unwrap();
        covered[1] += usize::from(gain.low <= 0.1 && gain.high >= 0.1);
    }
    // 0.95 give or take three standard errors of 400 runs (0.011 each).
    for covered in covered {
        let share = covered as f64 / runs as f64;
        assert!((0.917..=0.983).contains(&share), "{share}");
    }
}

#[test]
fn equal_configurations_are_told_apart_no_more_often_than_the_level_allows() {
    let mut stream = Stream::new(5, Purpose::Test, 0, 0);
    let (mut rejected, runs) = (0usize, 400);
    for _ in 0..runs {
        let [first, second] = simulated(&mut stream, 9, 6, 0.0);
        let compared = compare(&scores(&first), &scores(&second), &quick()).unwrap();
        assert!(matches!(compared.test.method, Method::Exact { .. }));
        rejected += usize::from(compared.test.p <= 0.05);
    }
    let share = rejected as f64 / runs as f64;
    assert!((0.01..=0.083).contains(&share), "{share}");
}

#[test]
fn enumeration_agrees_with_brute_force_and_with_closed_forms() {
    let brute_force = |differences: &[i128]| {
        let observed = differences.iter().sum::<i128>().abs();
        let patterns = 1usize << differences.len();
        let extreme = (0..patterns).filter(|pattern| {
            let signed = differences.iter().enumerate();
            let sum: i128 = signed
                .map(|(at, d)| if pattern >> at & 1 == 1 { -d } else { *d })
                .sum();
            sum.abs() >= observed
        });
        extreme.count() as f64 / patterns as f64
    };
    let mut stream = Stream::new(2, Purpose::Test, 0, 0);
    for n in 1..10 {
        let differences: Vec<i128> = (0..n).map(|_| 1 + stream.below(9) as i128 - 4).collect();
        let found = sign_flip_test(&differences, &quick());
        assert_eq!(found.p, brute_force(&differences), "{differences:?}");
    }
    // All in one direction: of 2ⁿ patterns only that one and its mirror image are as far out.
    let all = sign_flip_test(&[3; 8], &quick());
    assert_eq!(all.p, 2.0 / 256.0);
    assert_eq!(all.method, Method::Exact { exchanges: 256 });
    assert_eq!(sign_flip_test(&[0, 0, 0], &quick()).p, 1.0);
    assert_eq!(sign_flip_test(&[4, -4], &quick()).p, 1.0);
    assert_eq!(sign_flip_test(&[], &quick()).p, 1.0);
}

#[test]
fn random_exchanges_come_near_the_exact_value_and_never_to_zero() {
    let mut stream = Stream::new(3, Purpose::Test, 0, 0);
    let differences: Vec<i128> = (0..16).map(|_| stream.below(20) as i128 - 7).collect();
    let exact = sign_flip_test(&differences, &quick());
    let random = Resampling {
        exact_up_to: 4,
        exchanges: 20_000,
        ..Resampling::default()
    };
    let found = sign_flip_test(&differences, &random);
    assert_eq!(found.method, Method::Random { exchanges: 20_000 });
    assert!(
        (found.p - exact.p).abs() <= 0.015,
        "{} {}",
        found.p,
        exact.p
    );
    let certain = sign_flip_test(&[1; 60], &random);
    assert_eq!(certain.p, 1.0 / 20_001.0);
}

#[test]
fn the_order_of_clips_and_the_number_of_threads_change_nothing() {
    let mut stream = Stream::new(7, Purpose::Test, 0, 0);
    let [first, second] = simulated(&mut stream, 30, 5, 0.05);
    let names: Vec<usize> = (0..first.len()).collect();
    let compared = |order: &[usize], threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let pick =
            |made: &[Made]| scores(&order.iter().map(|&at| made[at].clone()).collect::<Vec<_>>());
        pool.install(|| {
            let (first, second) = (pick(&first), pick(&second));
            let of_first = intervals(&first, &quick()).unwrap();
            (of_first, compare(&first, &second, &quick()).unwrap())
        })
    };
    let plain = compared(&names, 1);
    assert!(matches!(plain.1.test.method, Method::Random { .. }));
    let mut shuffled = names.clone();
    stream.shuffle(&mut shuffled);
    assert_eq!(compared(&shuffled, 1), plain);
    assert_eq!(compared(&names, 3), plain);
}

#[test]
fn the_difference_of_averages_is_what_the_test_exchanges() {
    let mut stream = Stream::new(13, Purpose::Test, 0, 0);
    let [first, second] = simulated(&mut stream, 12, 6, 0.1);
    let (first, second) = (scores(&first), scores(&second));
    let found = compare(&second, &first, &quick()).unwrap();
    let expected = second.total().average() - first.total().average();
    assert_eq!(found.average.estimate, expected);
    let average = found.average.interval.unwrap();
    assert!(average.low < expected && expected < average.high);
    // The other way round everything but the sign stays.
    let mirrored = compare(&first, &second, &quick()).unwrap();
    assert_eq!(mirrored.test, found.test);
    assert_eq!(mirrored.average.estimate, -expected);
    let low = mirrored.average.interval.unwrap().low;
    assert!((low + average.high).abs() <= 1e-12);
}

#[test]
fn several_seeds_are_averaged_and_widen_the_interval_where_they_disagree() {
    let made = |agree: bool| -> Vec<Made> {
        (0..200)
            .map(|at| Made {
                actor: Some(at / 10),
                blend: false,
                right: (0..4)
                    .map(|seed| (if agree { at % 2 == 0 } else { seed % 2 == 0 }, false))
                    .collect(),
            })
            .collect()
    };
    let found = |agree| intervals(&scores(&made(agree)), &quick()).unwrap();
    let (agreeing, split) = (found(true), found(false));
    assert_eq!(agreeing.seeds, 4);
    assert_eq!(agreeing.presence.unwrap().estimate, 0.5);
    assert_eq!(split.presence.unwrap().estimate, 0.5);
    let width = |of: &Intervals| of.presence.unwrap().high - of.presence.unwrap().low;
    assert!(width(&agreeing) <= 1e-12 && width(&split) > 0.5);
    // One seed against four on the same clips: the test weighs seeds, not runs.
    let one: Vec<Made> = made(true)
        .into_iter()
        .map(|mut made| {
            made.right.truncate(1);
            made
        })
        .collect();
    let compared = compare(&scores(&one), &scores(&made(true)), &quick()).unwrap();
    assert_eq!((compared.average.estimate, compared.test.p), (0.0, 1.0));
    assert_eq!(compared.seeds, [1, 4]);
}

#[test]
fn a_difference_is_flagged_and_put_into_words() {
    let made = |rate: usize| -> Vec<Made> {
        (0..300)
            .map(|at| Made {
                actor: Some(at / 10),
                blend: false,
                right: vec![(at % 10 < rate + usize::from(at / 10 % 3 == 0), false)],
            })
            .collect()
    };
    let (low, high) = (scores(&made(3)), scores(&made(6)));
    let better = compare(&high, &low, &quick()).unwrap();
    assert_eq!(better.verdict(), Verdict::Better);
    assert_eq!(
        compare(&low, &high, &quick()).unwrap().verdict(),
        Verdict::Worse
    );
    let same = compare(&low, &low, &quick()).unwrap();
    assert_eq!(same.verdict(), Verdict::WithinNoise);
    let text = better.sentence("dual heads", "one head");
    assert!(
        text.starts_with("dual heads is 0.150 above one head in the average (95 % interval +0.150"),
        "{text}"
    );
    assert!(
        text.contains("over 30 actors") && text.contains("beyond noise"),
        "{text}"
    );
    assert!(text.contains("one seed"), "{text}");
    assert!(same.sentence("a", "b").contains("within noise"));
}

#[test]
fn holm_adjusts_in_steps_and_keeps_the_order() {
    let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
    let expected = [0.03, 0.06, 0.06, 0.02];
    for (found, expected) in adjusted.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-12, "{adjusted:?}");
    }
    assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    assert!(holm(&[]).is_empty());
    // The smallest of four is compared at 0.05 / 4, the largest at 0.05; equal ones alike.
    let levels = holm_levels(&[0.01, 0.04, 0.01, 0.005], 0.95);
    let tails = [3.0, 1.0, 3.0, 4.0].map(|compared| 0.05 / compared);
    for (level, tail) in levels.iter().zip(tails) {
        assert!((level - (1.0 - tail)).abs() <= 1e-12, "{levels:?}");
    }
}

#[test]
fn refuses_what_cannot_be_compared() {
    let made = |clips: usize| -> Vec<Made> {
        (0..clips)
            .map(|at| Made {
                actor: Some(at % 3),
                blend: at % 2 == 0,
                right: vec![(true, true)],
            })
            .collect()
    };
    let (six, seven) = (scores(&made(6)), scores(&made(7)));
    assert!(compare(&six, &seven, &quick()).is_err());
    for wrong in [
        Resampling {
            resamples: 10,
            ..quick()
        },
        Resampling {
            level: 1.0,
            ..quick()
        },
        Resampling {
            exact_up_to: 30,
            ..quick()
        },
        Resampling {
            exchanges: 0,
            ..quick()
        },
    ] {
        assert!(compare(&six, &six, &wrong).is_err(), "{wrong:?}");
    }
    let grouping = Grouping::by_actor(&[clip(Some(0), 0), clip(None, 1)]);
    assert_eq!(grouping.unit(), Unit::ActorOrClip);
    let none: [Vec<(usize, &Blend, &Blend)>; 1] = [Vec::new()];
    assert!(ActorScores::of(&grouping, none).is_err());
    let truth = blend();
    let uneven = [vec![(0, &truth, &truth)], vec![(1, &truth, &truth)]];
    assert!(ActorScores::of(&grouping, uneven).is_err());
}
