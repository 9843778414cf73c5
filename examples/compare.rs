//! Whether two cross-validations on the same data differ beyond noise.
//!
//! ```text
//! cargo run --release --example compare -- DATA runs/a runs/b
//! cargo run --release --example compare -- DATA runs/a runs/b DATA/ground_truth_test.csv
//! ```
//!
//! `runs/a` and `runs/b` are folders of `blendfuse cv`. With a table of test labels the test split is
//! scored, by each trained model with the thresholds of its own fold; otherwise the held-out clips.

use std::path::Path;

use blendfuse::data::dataset::Dataset;
use blendfuse::data::label::Blend;
use blendfuse::data::metadata::{Clip, Metadata};
use blendfuse::eval::statistics::{ActorScores, Grouping, Resampling, compare, intervals};
use blendfuse::plan::result::TrialResult;
use blendfuse::plan::store::trial_files::TrialFiles;
use blendfuse::predict::clip_scores::ClipScores;

type Failure = Box<dyn std::error::Error>;

/// Clip, truth and prediction of every clip that a model scored.
type Scored = Vec<(usize, Blend, Blend)>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, first, second, rest @ ..] = arguments.as_slice() else {
        return Err("expected DATA, two folders of `blendfuse cv`, and perhaps test labels".into());
    };
    let dataset = Dataset::open(Path::new(data), None)?;
    let labels = rest.first().map(Path::new);
    let metadata = match labels {
        None => None,
        Some(path) => Some(Metadata::read_against(path, &dataset.classes)?),
    };
    // Anonymous names do not contain the actor; the challenge's names in the labels do.
    let clips: &[Clip] = metadata.as_ref().map_or(&dataset.train.clips, |m| &m.clips);
    let grouping = Grouping::by_actor(clips);
    let mut scores = Vec::new();
    for folder in [first, second] {
        let seeds = seeds(Path::new(folder), &dataset, clips, labels.is_some())?;
        let seeds = seeds.iter().map(|seed| {
            let scored = seed.iter();
            scored.map(|(clip, truth, predicted)| (*clip, truth, predicted))
        });
        scores.push(ActorScores::of(&grouping, seeds)?);
    }
    let resampling = Resampling::default();
    for (name, scores) in [first, second].into_iter().zip(&scores) {
        println!(
            "{name}: {}",
            serde_json::to_string(&intervals(scores, &resampling)?)?
        );
    }
    let found = compare(&scores[0], &scores[1], &resampling)?;
    println!("{}", serde_json::to_string(&found)?);
    println!("{}", found.sentence(first, second));
    Ok(())
}

/// The held-out clips of each seed; on the test split, the clips of each trained model.
fn seeds(
    folder: &Path,
    dataset: &Dataset,
    clips: &[Clip],
    test: bool,
) -> Result<Vec<Scored>, Failure> {
    let mut results = Vec::new();
    let files = TrialFiles::of(folder);
    for id in files.finished() {
        results.extend(TrialResult::read(&files.result(&id), &id)?);
    }
    results.sort_by_key(|result| (result.trial.seed, result.trial.fold));
    let mut seeds: Vec<(u64, Scored)> = Vec::new();
    for result in &results {
        let scores = if test { &result.test } else { &result.held_out };
        let scored = scored(
            scores.as_ref().ok_or("a trial without scores")?,
            result,
            dataset,
            clips,
        )?;
        match seeds.last_mut() {
            Some((seed, list)) if !test && *seed == result.trial.seed => list.extend(scored),
            _ => seeds.push((result.trial.seed, scored)),
        }
    }
    Ok(seeds.into_iter().map(|(_, scored)| scored).collect())
}

fn scored(
    scores: &ClipScores,
    result: &TrialResult,
    dataset: &Dataset,
    clips: &[Clip],
) -> Result<Scored, Failure> {
    let decided = scores.rows.decoded(&result.decoder(), &dataset.classes)?;
    let mut found = Vec::new();
    for (name, decided) in scores.clips.iter().zip(decided) {
        let at = clips.iter().position(|clip| clip.filename == *name);
        let at = at.ok_or_else(|| format!("{name} has no label"))?;
        let truth = clips[at].truth.clone();
        found.push((
            at,
            truth.ok_or_else(|| format!("{name} has no label"))?,
            decided,
        ));
    }
    Ok(found)
}
