//! What a run was trained on.

use serde_json::Value;

use super::leaves::{flatten, plain};
use super::stored::StoredStudy;
use super::tables::{named_rows, pairs};

/// The data and the program of a study; with the manifest of one of its models also the encoders and the
/// files.
pub fn of_study(study: &StoredStudy, manifest: Option<&Value>) -> String {
    let plan = &study.plan;
    let mut rows = vec![
        (
            "data folder".to_owned(),
            plan.data_folder.display().to_string(),
        ),
        ("digest of its files".to_owned(), plan.settings.data.clone()),
    ];
    if let Some(row) = study.rows().iter().find(|row| row.summary.is_some()) {
        let seeds = row.seeds();
        let clips: usize = row.folds.iter().map(|score| score.accuracy.clips).sum();
        rows.push(("held-out clips".to_owned(), (clips / seeds).to_string()));
        rows.push(("folds".to_owned(), row.fold_count().to_string()));
        if let Some(certainty) = &row.certainty {
            let intervals = &certainty.intervals;
            rows.push((
                "drawn as a whole".to_owned(),
                intervals.unit.counted(intervals.actors),
            ));
        }
    }
    if !study.classes().is_empty() {
        rows.push(("classes".to_owned(), study.classes().join(", ")));
    }
    rows.push(("program".to_owned(), plan.program.clone()));
    rows.push(("kernel".to_owned(), plan.kernel.clone()));
    let Some(manifest) = manifest else {
        return pairs("Data and program", &rows);
    };
    rows.extend(encoders(manifest));
    pairs("Data and program", &rows) + &files(manifest)
}

/// The data of one training.
pub fn of_training(manifest: &Value) -> String {
    let mut rows = Vec::new();
    flatten("clips", &manifest["clips"], &mut rows);
    flatten("classes", &manifest["classes"], &mut rows);
    rows.extend(encoders(manifest));
    pairs("Data", &rows) + &files(manifest)
}

fn encoders(manifest: &Value) -> Vec<(String, String)> {
    let encoders = manifest["encoders"].as_array().into_iter().flatten();
    let told = |encoder: &Value| {
        let [modality, width] = ["modality", "width"].map(|key| plain(&encoder[key]));
        (
            plain(&encoder["name"]),
            format!("{modality}, {width} columns"),
        )
    };
    encoders.map(told).collect()
}

fn files(manifest: &Value) -> String {
    let files = manifest["inputs"].as_array().into_iter().flatten();
    let told = |file: &Value| {
        ["path", "bytes", "sha256"]
            .map(|key| plain(&file[key]))
            .to_vec()
    };
    let files: Vec<Vec<String>> = files.map(told).collect();
    named_rows("Input files", &["File", "Bytes", "SHA-256"], &files)
}
