//! One training: its headline and its learning curves.

use std::path::Path;

use serde_json::Value;

use super::study::StudyFigures;
use super::tiles::{Tile, counted, html, sentence};
use crate::artifact::history::{EpochRecord, read_json_lines};
use crate::config::Monitor;
use crate::error::Result;
use crate::experiments::trivial::TrivialScores;
use crate::report::figure::learning_curves;
use crate::report::main_measure::Drawn;

/// The headline of one trained model: its held-out fold, labelled as such.
pub fn headline(manifest: &Value, trivial: Option<&TrivialScores>, analysed: &Value) -> String {
    let fold = manifest["fold"].as_u64();
    let best: Option<EpochRecord> = serde_json::from_value(manifest["best"].clone())
        .ok()
        .flatten();
    let main = trivial.map_or(Monitor::Average, |trivial| trivial.measure);
    let drawn = Drawn::of(main);
    let score = best.as_ref().and_then(|best| match main {
        Monitor::Presence => best.acc_presence,
        Monitor::Salience => best.acc_salience,
        Monitor::Overlap => best.overlap,
        Monitor::Kl => best.kl,
        Monitor::Loss => best.val_loss,
        Monitor::Auto | Monitor::Average => best.average,
    });
    let (Some(fold), Some(score)) = (fold, score) else {
        let clips = manifest["clips"]["train"].as_u64().unwrap_or(0);
        let tile = Tile::new(
            "Held-out score",
            "none",
            format!("trained on all {clips} clips: cross-validate with cv for a score"),
        );
        return html(&[tile], true);
    };
    let clips = manifest["clips"]["validation"].as_u64().unwrap_or(0) as usize;
    let name = format!("{}, fold {fold} alone", sentence(drawn.name));
    let detail = format!(
        "{} held out, with thresholds chosen on them; cv gives the score over all folds",
        counted(clips, "clip")
    );
    let mut tiles = vec![Tile::new(name, drawn.value(score), detail)];
    let ends = ["low", "high"].map(|end| analysed["interval"][end].as_f64());
    tiles.push(match ends {
        [Some(low), Some(high)] => Tile::new(
            "95 % interval",
            format!("{} to {}", drawn.plain(low), drawn.value(high)),
            format!(
                "of this fold's clips, bootstrap over {}; training noise is not included",
                analysed["unit"].as_str().unwrap_or("actors")
            ),
        ),
        _ if analysed.is_null() => Tile::new("95 % interval", "not computed", "analyze adds it"),
        _ => Tile::new("95 % interval", "none", "there is one actor"),
    });
    if let Some(best) = trivial.and_then(TrivialScores::best) {
        let answer = format!("always {}", best.answer);
        tiles.push(Tile::new(
            "Without any model",
            drawn.value(best.score.mean),
            answer,
        ));
    }
    html(&tiles, true)
}

/// The learning curves.
///
/// # Errors
/// As [`read_json_lines`].
pub fn figures(run: &Path, manifest: Option<&Value>) -> Result<StudyFigures> {
    let path = run.join("history.jsonl");
    if !path.is_file() {
        return Ok(StudyFigures::default());
    }
    let history = read_json_lines(&path)?;
    let kept = manifest.and_then(|manifest| manifest["best_epoch"].as_u64());
    let curves = learning_curves(&[(&history, kept.unwrap_or(0) as usize)]);
    Ok(StudyFigures {
        figures: curves.into_iter().collect(),
        left_out: Vec::new(),
    })
}
