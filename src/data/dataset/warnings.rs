//! What to know of feature files before trusting results.

use std::collections::HashSet;
use std::path::Path;

use crate::data::features::Features;
use crate::data::metadata::Clip;
use crate::data::near_names::NearNames;

/// Warnings of a file whose `rows` are those of `clips`, one line each: names that differ a little, so that
/// the clips count as missing, and rows of zeros. `table` is where the clips are from.
pub(in crate::data) fn of_features(
    features: &Features,
    clips: &[Clip],
    rows: &[Option<u32>],
    table: &Path,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let path = features.path().display();
    let used: HashSet<u32> = rows.iter().flatten().copied().collect();
    if used.len() < clips.len().min(features.rows()) {
        let lacking = clips.iter().zip(rows).filter(|(_, row)| row.is_none());
        let names = (0..).zip(features.names());
        let unused = names.filter(|(row, _)| !used.contains(row));
        let near = NearNames::find(
            lacking.map(|(clip, _)| clip.filename.as_str()),
            unused.map(|(_, name)| name.as_str()),
        );
        warnings.extend(near.map(|near| {
            format!(
                "{path}: {} of {} count{} as missing, though there are rows with similar names, such as {near}: write names alike, or such rows are not used",
                clips_in_words(near.count),
                table.display(),
                if near.count == 1 { "s" } else { "" }
            )
        }));
    }
    let zero = clips.iter().zip(rows);
    let mut zero = zero.filter(|(_, row)| row.is_some_and(|row| features.is_zero(row)));
    if let Some((first, _)) = zero.next() {
        let count = 1 + zero.count();
        warnings.push(format!(
            "{path}: {} {} only zeros as features, such as {}: if they stand for a face or voice that was not found, leave these rows out, so that the encoder counts as missing",
            clips_in_words(count),
            if count == 1 { "has" } else { "have" },
            first.filename
        ));
    }
    warnings
}

fn clips_in_words(count: usize) -> String {
    format!("{count} clip{}", if count == 1 { "" } else { "s" })
}
