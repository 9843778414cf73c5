//! Metadata and ground truth of a synthetic data set.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::SynthOptions;
use super::clips::{Cast, SynthClip};
use super::signal::{SynthEncoder, World};
use crate::Result;
use crate::data::label::CHALLENGE_CLASSES;
use crate::files::atomic_file;

/// The label columns of the challenge.
const LABELS: [&str; 5] = [
    "mix",
    "emotion_1",
    "emotion_2",
    "emotion_1_salience",
    "emotion_2_salience",
];

/// Writes `ground_truth.json`, `ground_truth_clips.csv`, `ground_truth_test.csv` and the metadata;
/// returns the path of the test labels.
pub fn write(
    path: &Path,
    options: &SynthOptions,
    cast: &Cast,
    world: &World,
    encoders: &[SynthEncoder],
) -> Result<PathBuf> {
    let json = ground_truth(options, encoders);
    atomic_file::write(&path.join("ground_truth.json"), |out| {
        serde_json::to_writer_pretty(out, &json).map_err(io::Error::from)
    })?;
    clips(
        &path.join("ground_truth_clips.csv"),
        options,
        cast,
        world,
        encoders,
    )?;
    let truth = path.join("ground_truth_test.csv");
    metadata(&truth, &cast.test, true, true)?;
    metadata(
        &path.join("test_metadata.csv"),
        &cast.test,
        options.test_labels,
        false,
    )?;
    metadata(&path.join("train_metadata.csv"), &cast.train, true, false)?;
    Ok(truth)
}

fn ground_truth(options: &SynthOptions, encoders: &[SynthEncoder]) -> serde_json::Value {
    let encoders: Vec<_> = encoders
        .iter()
        .map(|encoder| {
            let family = encoder.family();
            let useful = family.usefulness.map(|share| share * encoder.quality());
            let useful: serde_json::Map<_, _> = CHALLENGE_CLASSES
                .iter()
                .zip(useful)
                .map(|(c, u)| (c.to_string(), json!(u)))
                .collect();
            json!({
                "name": encoder.name(),
                "columns": encoder.cols(),
                "family": family.name,
                "noise": encoder.is_blind(),
                "quality": encoder.quality(),
                "usefulness": useful,
                "left_when_face_hidden": family.left[0],
                "left_when_voice_masked": family.left[1],
            })
        })
        .collect();
    json!({
        "seed": options.seed,
        "train_clips": options.train_clips,
        "test_clips": options.test_clips,
        "missing": options.missing,
        "scenario": options.scenario,
        "classes": CHALLENGE_CLASSES,
        "encoders": encoders,
    })
}

/// Every clip's latent state.
fn clips(
    path: &Path,
    options: &SynthOptions,
    cast: &Cast,
    world: &World,
    encoders: &[SynthEncoder],
) -> Result<()> {
    let mut header = vec!["filename", "split", "actor", "challenge_name", "condition"];
    header.extend(CHALLENGE_CLASSES);
    let shown = ["ang", "disg", "fea", "hap", "sad", "neu"].map(|class| format!("shown_{class}"));
    header.extend(shown.iter().map(String::as_str));
    let some_lost = options.scenario.lost > 0.0;
    if some_lost {
        header.push("lost");
    }
    let parts = [("train", &cast.train), ("test", &cast.test)];
    let rows = parts.into_iter().flat_map(|(part, clips)| {
        clips.iter().map(move |clip| {
            let start = [
                &clip.name,
                part,
                &clip.actor_name,
                &clip.full_name,
                clip.condition.name(),
            ];
            let numbers = clip.script.mixture().into_iter().chain(clip.shown);
            let start = start.into_iter().map(str::to_string);
            let lost = encoders.iter().filter(|encoder| encoder.loses(world, clip));
            let lost: Vec<&str> = lost.map(SynthEncoder::name).collect();
            let lost = some_lost.then(|| lost.join(" "));
            let numbers = numbers.map(|x| format!("{x:.6}"));
            start.chain(numbers).chain(lost).collect()
        })
    });
    table(path, &header, rows)
}

/// The challenge's metadata; without labels, only names. Names of test clips hide the actor; with
/// `actors`, there is a column for it.
fn metadata(path: &Path, clips: &[SynthClip], labels: bool, actors: bool) -> Result<()> {
    let mut header = vec!["filename"];
    if labels {
        header.push("fold");
        header.extend(LABELS);
    }
    if actors {
        header.push("actor");
    }
    let rows = clips.iter().map(|clip| {
        let mut row = vec![clip.name.clone()];
        if labels {
            row.push(clip.fold.map_or_else(String::new, |fold| fold.to_string()));
            row.extend(clip.script.label_cells());
        }
        if actors {
            row.push(clip.actor_name.clone());
        }
        row
    });
    table(path, &header, rows)
}

fn table(path: &Path, header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Result<()> {
    atomic_file::write(path, |out| {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(header)?;
        for row in rows {
            writer.write_record(row)?;
        }
        writer.flush()
    })
}
