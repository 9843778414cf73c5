//! Which columns of a table are features.

use super::VectorOptions;
use crate::Result;
use crate::formats::csv::reader::CsvReader;
use crate::suggest::meant;

/// Names of columns that are never features, in lower case: times and counters that programs write,
/// names of clips, and what a table of features is often joined with: labels, ratings, and facts about
/// the person. A model that is given one of them may learn it instead of the clip.
const NO_FEATURES: [&str; 64] = [
    "",
    // Times, counters and names.
    "frametime",
    "frameindex",
    "start",
    "end",
    "index",
    "idx",
    "id",
    "row",
    "row_id",
    "level_0",
    "filename",
    "file",
    "name",
    "clip",
    "clip_id",
    "video_id",
    "utterance_id",
    // Labels.
    "class",
    "class_id",
    "label",
    "labels",
    "label_id",
    "emotion",
    "emotions",
    "emotion_id",
    "emotion_code",
    "emotion_label",
    "emotion_1",
    "emotion_2",
    "emotion_1_salience",
    "emotion_2_salience",
    "mix",
    "target",
    "target_id",
    "ground_truth",
    "gold",
    "category",
    "intensity_level",
    // Ratings.
    "valence",
    "arousal",
    "dominance",
    "sentiment",
    // The person.
    "actor",
    "actor_id",
    "speaker",
    "speaker_id",
    "spk_id",
    "subject",
    "subject_id",
    "participant",
    "participant_id",
    "person",
    "person_id",
    "gender",
    "sex",
    "age",
    // Sessions and parts of the data.
    "session",
    "session_id",
    "fold",
    "fold_id",
    "split",
    "partition",
    "set",
];

/// The columns of a table by their use.
pub(super) struct FeatureColumns {
    /// The columns that are features, in order.
    pub features: Vec<usize>,
    /// Names of the columns that were left out because of their names.
    pub left_out: Vec<String>,
}

impl FeatureColumns {
    /// Chooses by name; `name` is the column with the clip names.
    ///
    /// # Errors
    /// [`crate::Error::Csv`] if a column in the options does not exist, no feature remains, or two
    /// features have the same name.
    pub fn of(table: &CsvReader, options: &VectorOptions, name: Option<usize>) -> Result<Self> {
        let listed = [
            (&options.drop, " to leave out"),
            (&options.keep, " to keep as a feature"),
        ];
        for (columns, purpose) in listed {
            for column in columns {
                if table.column(column).is_none() {
                    let meant = meant(column, table.columns().iter().map(String::as_str));
                    let reason = format!("has no column {column}{purpose}{meant}");
                    return Err(table.fault(Some(1), None, reason));
                }
            }
        }
        let has_x = table.columns().iter().any(|title| is(title, "x"));
        let (mut features, mut left_out) = (Vec::new(), Vec::new());
        for (column, title) in table.columns().iter().enumerate() {
            if Some(column) == name || options.drop.contains(title) {
                continue;
            }
            let feature = options.keep.contains(title) || !is_no_feature(title, has_x);
            if feature {
                features.push(column);
            } else {
                left_out.push(title.clone());
            }
        }
        if features.is_empty() {
            let mut reason = "has no column with features".to_owned();
            let named: Vec<&str> = left_out.iter().map(String::as_str).collect();
            let named: Vec<&str> = named
                .into_iter()
                .filter(|title| !title.is_empty())
                .collect();
            if !named.is_empty() {
                reason += &format!(
                    "; left out by their names: {} (to use one as a feature: --keep-column)",
                    named.join(", ")
                );
            }
            return Err(table.fault(Some(1), None, reason));
        }
        for &column in &features {
            let title = &table.columns()[column];
            if table.column(title) != Some(column) {
                let reason = format!("column {title} appears twice; keep one");
                return Err(table.fault(Some(1), None, reason));
            }
        }
        Ok(Self { features, left_out })
    }
}

/// Whether a column's name says that it is no feature. `y` is a label, except beside an `x`.
fn is_no_feature(title: &str, has_x: bool) -> bool {
    let title = title.trim().to_lowercase();
    // What pandas calls an index that was saved without a name.
    let unnamed = title.strip_prefix("unnamed:").is_some();
    unnamed || (title == "y" && !has_x) || NO_FEATURES.contains(&title.as_str())
}

fn is(title: &str, name: &str) -> bool {
    title.trim().eq_ignore_ascii_case(name)
}
