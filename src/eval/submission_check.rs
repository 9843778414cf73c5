//! What is read here, but probably was not meant so, or is not taken where predictions are submitted.

use std::fs::File;
use std::path::Path;

use super::submission::Predictions;
use crate::data::label::Blend;

/// How far the saliences of a clip may be from 100 in sum: rounding.
const SLACK: f64 = 1.0;

/// A warning if the saliences of clips with several emotions are no percentages: scores compare percentages,
/// so that 0.7 and 0.3 are as wrong as no salience at all. Single emotions have no salience to compare.
pub fn saliences(predictions: &Predictions) -> Option<String> {
    let sum = |blend: &Blend| -> f64 { blend.parts().iter().map(|part| part.salience).sum() };
    let several = predictions
        .clips
        .iter()
        .filter(|(_, blend)| blend.parts().len() > 1);
    let off: Vec<&(String, Blend)> = several
        .filter(|(_, blend)| (sum(blend) - 100.0).abs() > SLACK)
        .collect();
    let (name, blend) = off.first()?;
    let fractions = off
        .iter()
        .all(|(_, blend)| (sum(blend) - 1.0).abs() <= SLACK / 100.0);
    let advice = match fractions {
        true => ": they are fractions; write percentages (70, not 0.7), scores compare these",
        false => "; scores compare percentages",
    };
    Some(format!(
        "the saliences of {} do not sum to 100, such as {} of {name}{advice}",
        match off.len() {
            1 => "1 clip".to_owned(),
            more => format!("{more} clips"),
        },
        // Without the digits of rounding errors.
        (1e4 * sum(blend)).round() / 1e4
    ))
}

/// A warning if a zip does not have its `.json` at the root, as CodaBench expects it, or has the folder
/// that macOS adds. `None` for other files, and for those that cannot be read.
pub fn layout(path: &Path) -> Option<String> {
    let zip = path.extension()?.eq_ignore_ascii_case("zip");
    let archive = zip::ZipArchive::new(File::open(path).ok().filter(|_| zip)?).ok()?;
    let names: Vec<String> = archive
        .file_names()
        .filter_map(|name| Some(name.ok()?.into_owned()))
        .collect();
    let of_macos = |name: &&String| name.starts_with("__MACOSX/");
    let inside = |name: &&String| {
        name.to_ascii_lowercase().ends_with(".json") && name.contains('/') && !of_macos(name)
    };
    let shown = path.display();
    let remedy =
        "zip the file alone (zip -j -X submission.zip FILE.json), or have it written as .zip";
    if let Some(name) = names.iter().find(inside) {
        return Some(format!(
            "{shown}: the predictions are {name:?}; CodaBench expects the .json at the root of the zip: {remedy}"
        ));
    }
    names.iter().any(|name| of_macos(&name)).then(|| {
        format!("{shown}: contains __MACOSX/, which macOS adds and CodaBench may take for the predictions: {remedy}")
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::data::label::Part;

    fn predictions(saliences: &[&[f64]]) -> Predictions {
        let clips = saliences.iter().enumerate().map(|(clip, saliences)| {
            let part = |(class, &salience)| Part { class, salience };
            let parts = saliences.iter().enumerate().map(part).collect();
            (format!("clip{clip}"), Blend::new(parts))
        });
        Predictions {
            clips: clips.collect(),
        }
    }

    #[test]
    fn saliences_that_are_no_percentages_are_told() {
        let percent = predictions(&[&[70.0, 30.0], &[1.0], &[33.33, 33.33, 33.33]]);
        assert_eq!(saliences(&percent), None);
        let fractions = saliences(&predictions(&[&[0.7, 0.3], &[100.0]])).unwrap();
        assert!(
            fractions.starts_with("the saliences of 1 clip do not"),
            "{fractions}"
        );
        assert!(fractions.contains("fractions"), "{fractions}");
        let other = saliences(&predictions(&[&[0.7, 0.3], &[60.0, 30.0]])).unwrap();
        assert!(
            other.contains("2 clips") && !other.contains("fractions"),
            "{other}"
        );
    }

    #[test]
    fn a_zip_that_codabench_does_not_take_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let told = |members: &[&str]| {
            let path = folder.path().join("a.zip");
            let mut zip = ZipWriter::new(File::create(&path).unwrap());
            for member in members {
                zip.start_file(*member, SimpleFileOptions::default())
                    .unwrap();
                zip.write_all(b"{}").unwrap();
            }
            zip.finish().unwrap();
            layout(&path)
        };
        assert_eq!(told(&["p.json", ".DS_Store"]), None);
        assert!(told(&["run/p.json"]).unwrap().contains("at the root"));
        assert!(
            told(&["run/p.json", "__MACOSX/run/._p.json"])
                .unwrap()
                .contains("root")
        );
        assert!(
            told(&["p.json", "__MACOSX/._p.json"])
                .unwrap()
                .contains("macOS")
        );
        assert_eq!(layout(&folder.path().join("b.json")), None);
    }
}
