//! Flags of the commands that read a folder with one file per clip.

use clap::Args;
use glob::{MatchOptions, Pattern};

/// Which files of the folder are read, and the clip name of each.
#[derive(Args, Debug)]
pub struct ClipFileArgs {
    /// Read only files whose names match: * any text, ? any character, [ab] one of these. Everything
    /// after the last * is removed from the clip name: '*_clip.npy' reads A_clip.npy as clip A
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pattern: Option<Pattern>,
    /// Search subfolders too
    #[arg(long)]
    pub recursive: bool,
}

impl ClipFileArgs {
    /// The clip of a file; `None` leaves the file out.
    pub fn clip(&self, file: &str) -> Option<String> {
        match &self.pattern {
            Some(pattern) => clip_of(pattern, file),
            None => without_ending(file),
        }
    }

    /// The flag that was given, if any.
    pub fn given(&self) -> Option<&'static str> {
        match (&self.pattern, self.recursive) {
            (Some(_), _) => Some("--pattern"),
            (None, true) => Some("--recursive"),
            (None, false) => None,
        }
    }
}

fn pattern(text: &str) -> Result<Pattern, String> {
    if text.contains('/') {
        return Err("expected a pattern of file names, without folders; see --recursive".into());
    }
    Pattern::new(text).map_err(|error| error.to_string())
}

/// The name of a file without its extension, if both are non-empty.
fn without_ending(file: &str) -> Option<String> {
    let (name, ending) = file.rsplit_once('.')?;
    (!name.is_empty() && !ending.is_empty()).then(|| name.to_owned())
}

/// The clip of a matching file: its name without what follows the pattern's last `*`.
fn clip_of(pattern: &Pattern, file: &str) -> Option<String> {
    let fits = pattern.matches_with(file, MatchOptions::new());
    let (_, ending) = pattern.as_str().rsplit_once('*').unwrap_or_default();
    let plain = !ending.is_empty() && !ending.contains(['?', '[']);
    let cut = file
        .strip_suffix(ending)
        .filter(|cut| plain && !cut.is_empty());
    fits.then(|| cut.map(str::to_owned).or_else(|| without_ending(file)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_removes_its_ending_from_clip_names() {
        for (text, file, clip) in [
            ("*_clip.npy", "A1_ang_clip.npy", Some("A1_ang")),
            ("*_clip.npy", "A1_ang_wavlm.npy", None),
            ("*_clip.npy", "_clip.npy", Some("_clip")),
            ("test_*.npy", "test_0001.npy", Some("test_0001")),
            ("A?_*.npz", "A1_x.npz", Some("A1_x")),
            ("A1*", "A1_x.npy", Some("A1_x")),
            ("A1_?.npy", "A1_x.npy", Some("A1_x")),
            ("*_au.csv", "A1_x_au.csv", Some("A1_x")),
        ] {
            let found = clip_of(&pattern(text).unwrap(), file);
            assert_eq!(found.as_deref(), clip, "{text} {file}");
        }
        assert!(pattern("a/*.npy").is_err() && pattern("[").is_err());
    }
}
