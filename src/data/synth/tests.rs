//! Tests of `synth`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::data::dataset::Dataset;
use crate::data::metadata::Metadata;
use crate::data::{folds, metadata};

fn tiny() -> SynthOptions {
    SynthOptions {
        train_clips: 188,
        test_clips: 44,
        ..SynthOptions::preset(Preset::Tiny)
    }
}

fn bytes_of(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_dir() {
                folders.push(entry);
            } else {
                let name = entry.strip_prefix(path).unwrap().to_path_buf();
                files.insert(name, std::fs::read(&entry).unwrap());
            }
        }
    }
    files
}

fn written(options: &SynthOptions, threads: usize) -> (tempfile::TempDir, SynthSummary) {
    let folder = tempfile::tempdir().unwrap();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    let summary = pool
        .install(|| write(folder.path(), options, &|_| {}))
        .unwrap();
    (folder, summary)
}

#[test]
fn the_papers_cast_is_blemores() {
    let cast = Cast::draw(&SynthOptions::preset(Preset::Paper));
    assert_eq!((cast.train.len(), cast.test.len()), (2456, 594));
    let actors = |clips: &[SynthClip]| {
        clips
            .iter()
            .map(|c| c.actor_name.clone())
            .collect::<BTreeSet<_>>()
    };
    let (train, test) = (actors(&cast.train), actors(&cast.test));
    assert_eq!(
        (train.len(), test.len(), train.intersection(&test).count()),
        (47, 11, 0)
    );
    let mut fold_of: HashMap<usize, BTreeSet<Option<usize>>> = HashMap::new();
    for clip in &cast.train {
        fold_of.entry(clip.actor).or_default().insert(clip.fold);
    }
    assert!(
        fold_of
            .values()
            .all(|folds| folds.len() == 1 && !folds.contains(&None))
    );
    let all = cast.train.iter().chain(&cast.test);
    let names: BTreeSet<&str> = all.clone().map(|clip| clip.full_name.as_str()).collect();
    assert_eq!(names.len(), 3050);
    assert!(names.contains("A148_mix_ang_disg_70_30_ver1") && names.contains("A158_neu_sit4_ver1"));
    let blends: BTreeSet<[String; 5]> = all
        .map(|clip| clip.script.label_cells())
        .filter(|cells| cells[0] == "1")
        .collect();
    assert_eq!(blends.len(), 30);
    assert_eq!(cast.test[0].name, "test_0001.mov");
}

#[test]
fn what_is_written_opens_and_holds_its_truth() {
    let (folder, summary) = written(&tiny(), 2);
    let data = Dataset::open(folder.path(), None).unwrap();
    assert_eq!(data.classes.names(), crate::data::label::CHALLENGE_CLASSES);
    let encoders: Vec<(&str, usize)> = data
        .encoders
        .iter()
        .map(|e| (e.name.as_str(), e.width))
        .collect();
    assert_eq!(encoders, summary.encoders);
    assert_eq!(data.train.len(), 188);
    let test = data.test.as_ref().unwrap();
    assert!(test.clips.iter().all(|clip| clip.truth.is_none()));
    for fold in folds::folds(&data.train) {
        let fold = folds::fold(&data.train, fold).unwrap();
        assert!(folds::shared_actors(&data.train, &fold).is_empty());
    }
    let truth = Metadata::read_against(&summary.test_truth, &data.classes).unwrap();
    assert_eq!(truth.truths().len(), 44);
    assert!(metadata::blends(&truth.clips) > 0);
    assert!(
        truth
            .clips
            .iter()
            .zip(&test.clips)
            .all(|(a, b)| a.filename == b.filename)
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes_for_any_number_of_threads() {
    let (one, _) = written(&tiny(), 1);
    let (three, _) = written(&tiny(), 3);
    let (one, three) = (bytes_of(one.path()), bytes_of(three.path()));
    assert_eq!(one.len(), 2 * 6 + 5);
    assert!(one == three);
    let other = SynthOptions { seed: 1, ..tiny() };
    assert!(bytes_of(written(&other, 2).0.path()) != one);
}

#[test]
fn missing_rows_leave_every_clip_with_an_encoder_and_bytes_are_planned() {
    let options = SynthOptions {
        missing: 0.9,
        test_labels: true,
        precision: Precision::F16,
        ..tiny()
    };
    let folder = tempfile::tempdir().unwrap();
    let bytes = AtomicU64::new(0);
    let count = |row: u64| {
        bytes.fetch_add(row, Ordering::Relaxed);
    };
    let summary = write(folder.path(), &options, &count).unwrap();
    assert_eq!(summary.bytes, planned_bytes(&options).unwrap());
    assert_eq!(summary.bytes, bytes.into_inner());
    let data = Dataset::open(folder.path(), None).unwrap();
    let present: usize = (0..6)
        .map(|e| data.train.rows(e).iter().flatten().count())
        .sum();
    // One encoder per clip always keeps it: 1/6 + 5/6 of a tenth.
    let share = present as f64 / (6.0 * 188.0);
    assert!((share - 0.25).abs() < 0.06, "{share}");
    let table = folder.path().join("test_metadata.csv");
    let test = Metadata::read_against(&table, &data.classes).unwrap();
    assert!(test.clips.iter().all(|clip| clip.truth.is_some()));
}

#[test]
fn nothing_is_written_over_and_impossible_options_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine");
    std::fs::write(&file, "mine").unwrap();
    for path in [folder.path(), &file] {
        let message = write(path, &tiny(), &|_| {}).unwrap_err().to_string();
        assert!(message.contains("new or empty folder"), "{message}");
    }
    assert_eq!(bytes_of(folder.path()).len(), 1);
    for options in [
        SynthOptions {
            encoders: 0,
            ..tiny()
        },
        SynthOptions {
            encoders: 37,
            ..tiny()
        },
        SynthOptions {
            width_divisor: 0,
            ..tiny()
        },
        SynthOptions {
            missing: f64::NAN,
            ..tiny()
        },
        SynthOptions {
            train_clips: 10,
            ..tiny()
        },
        SynthOptions {
            test_clips: 0,
            ..tiny()
        },
    ] {
        assert!(
            write(&folder.path().join("new"), &options, &|_| {}).is_err(),
            "{options:?}"
        );
    }
    assert!(!folder.path().join("new").exists());
}

#[test]
fn a_scenario_says_what_encoders_see() {
    let options = SynthOptions {
        scenario: Scenario {
            blind: Some(4),
            hidden: 0.5,
            lost: 0.4,
            distraction: 1.0,
            domain_shift: 2.0,
        },
        ..tiny()
    };
    let (folder, _) = written(&options, 2);
    let truth = std::fs::read(folder.path().join("ground_truth.json")).unwrap();
    let truth: serde_json::Value = serde_json::from_slice(&truth).unwrap();
    assert_eq!(truth["scenario"]["domain_shift"], 2.0);
    let encoders = truth["encoders"].as_array().unwrap();
    let blind = encoders.iter().filter(|encoder| encoder["noise"] == true);
    assert_eq!(blind.count(), 4);
    let table = std::fs::read_to_string(folder.path().join("ground_truth_clips.csv")).unwrap();
    let (header, rows) = table.split_once('\n').unwrap();
    assert!(header.ends_with(",lost"), "{header}");
    assert!(!rows.contains(",clear,"));
    // Two encoders that are not blind, 232 clips: 0.4 give or take four standard errors.
    let lost = rows.lines().map(|row| {
        let names = row.rsplit(',').next().unwrap();
        names.split(' ').filter(|name| !name.is_empty()).count()
    });
    let share = lost.sum::<usize>() as f64 / (2.0 * 232.0);
    assert!((share - 0.4).abs() <= 0.09, "{share}");
    Dataset::open(folder.path(), None).unwrap();
    for wrong in [
        Scenario {
            blind: Some(6),
            ..Scenario::default()
        },
        Scenario {
            hidden: 0.6,
            ..Scenario::default()
        },
        Scenario {
            lost: 1.0,
            ..Scenario::default()
        },
        Scenario {
            distraction: -0.1,
            ..Scenario::default()
        },
        Scenario {
            domain_shift: f64::NAN,
            ..Scenario::default()
        },
    ] {
        let options = SynthOptions {
            scenario: wrong,
            ..tiny()
        };
        assert!(planned_bytes(&options).is_err(), "{wrong:?}");
    }
}

#[test]
fn frames_scatter_around_the_columns_and_are_the_same_for_any_number_of_threads() {
    use crate::formats::npy::header::Header;
    use crate::formats::npy::read_numbers;

    let options = SynthOptions {
        train_clips: 94,
        test_clips: 11,
        encoders: 2,
        frames: Some(400),
        precision: Precision::F16,
        ..SynthOptions::preset(Preset::Tiny)
    };
    let folders = [1, 3].map(|threads| {
        let folder = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let told = AtomicU64::new(0);
        let progress = |bytes| {
            told.fetch_add(bytes, Ordering::Relaxed);
        };
        let written = pool
            .install(|| write(folder.path(), &options, &progress))
            .unwrap();
        assert_eq!(written.bytes, told.into_inner());
        assert_eq!(written.bytes, planned_bytes(&options).unwrap());
        folder
    });
    let encoder = encoders(&options).swap_remove(1);
    let cast = Cast::draw(&options);
    let world = World::draw(&options);
    assert!(!folders[0].path().join("features/train").exists());
    assert!(
        folders[0]
            .path()
            .join("frames")
            .join(encoder.name())
            .join("test_0001.npy")
            .exists()
    );
    for clip in &cast.train[..5] {
        let bytes = |folder: &tempfile::TempDir| {
            let file = format!("frames/{}/{}.npy", encoder.name(), clip.name);
            std::fs::read(folder.path().join(file)).unwrap()
        };
        let first = bytes(&folders[0]);
        assert_eq!(first, bytes(&folders[1]));
        let length = first.len() as u64;
        let mut reader = &first[..];
        let header = Header::read(&mut reader, length).unwrap();
        let &[frames, size] = &header.shape[..] else {
            panic!("{:?}", header.shape);
        };
        assert!((200..=600).contains(&frames) && 7 * size == encoder.cols());
        let values = read_numbers(&mut reader, &header).unwrap().to_f64();
        let mut columns = vec![0.0; encoder.cols()];
        encoder.fill(&world, clip, &mut columns);
        for column in 0..size {
            let mean = values.iter().skip(column).step_by(size).sum::<f64>() / frames as f64;
            let (expected, spread) = (columns[column], columns[size + column]);
            // Five standard errors of 200 frames, and the rounding of halves.
            assert!((mean - expected).abs() < 0.36 * spread + 2e-3 * expected.abs());
        }
    }
}
