//! What `tune` varies where nothing is said, and the file that it writes.

use std::path::Path;

use super::space::Parameter;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::experiments::paper::TABLE_5;

/// Configurations that `tune` tries where no number is given.
pub const CONFIGURATIONS: usize = 24;

/// The usual search space. The paper selects by cross-validation but prints its grid for the number of
/// kept encoders alone (Table V); the other ranges are ours, around its Table IV.
///
/// # Errors
/// None; the texts are fixed.
pub fn usual_space(encoders: usize) -> Result<Vec<Parameter>> {
    let mut kept: Vec<usize> = TABLE_5.iter().map(|&(k, _)| k.min(encoders)).collect();
    kept.dedup();
    let kept: Vec<String> = kept.iter().map(usize::to_string).collect();
    [
        format!("model.top_k={}", kept.join(",")),
        "train.lr=1e-4..1e-3:log".to_owned(),
        "train.weight_decay=1e-4..1e-2:log".to_owned(),
        "model.dropout=0.1..0.5".to_owned(),
        "loss.presence_weight=0.5..0.8".to_owned(),
    ]
    .iter()
    .filter(|text| text.as_str() != "model.top_k=1")
    .map(|text| text.parse())
    .collect()
}

/// Writes a configuration as the TOML file that `--config` takes, whole or not at all.
///
/// # Errors
/// [`Error::Write`]; [`Error::Data`] for a configuration that TOML cannot hold.
pub fn write_config(path: &Path, config: &Config, comment: &str) -> Result<()> {
    let text = toml::to_string(config)
        .map_err(|error| Error::Data(format!("configuration as TOML: {error}")))?;
    let comment: String = comment.lines().map(|line| format!("# {line}\n")).collect();
    crate::files::atomic_file::write(path, |out| {
        std::io::Write::write_all(out, format!("{comment}\n{text}").as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_reads_back_as_the_same_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("best.toml");
        let mut config = Config::default();
        config.model.top_k = 7;
        config.train.lr = 1.2345e-4;
        config.data.encoders = Some(vec!["a".into(), "b\"c".into()]);
        write_config(&path, &config, "one\ntwo").unwrap();
        assert_eq!(Config::load(Some(&path), &[], None).unwrap(), config);
    }

    #[test]
    fn the_usual_space_fits_any_number_of_encoders() {
        for encoders in [1, 2, 9, 36, 50] {
            let space = usual_space(encoders).unwrap();
            assert!(space.iter().all(|parameter| !parameter.key.is_empty()));
        }
        assert_eq!(usual_space(36).unwrap()[0].grid().unwrap().len(), 8);
        assert_eq!(usual_space(9).unwrap()[0].grid().unwrap().len(), 2);
    }
}
