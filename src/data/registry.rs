//! The paper's 36 encoders, and the order and modality of the encoders of a data folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::encoders::Modality;
use crate::suggest::instead;
use crate::{Error, Result};

/// One of the paper's encoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownEncoder {
    /// Usual name of its feature file, without `.npz`.
    pub name: &'static str,
    /// Its name in the paper.
    pub title: &'static str,
    /// Its modality.
    pub modality: Modality,
    /// The usual number of features per frame (our choice: the paper gives none); a feature file has 7
    /// times as many columns.
    pub frame_size: usize,
    /// Other names of its file; see [`find`].
    aliases: &'static [&'static str],
}

impl KnownEncoder {
    /// The usual number of columns of its file: mean, standard deviation and five percentiles over time.
    pub fn width(&self) -> usize {
        7 * self.frame_size
    }
}

/// Number of the paper's encoders.
pub const PAPER_ENCODERS: usize = 36;

/// The table of encoders, which `blendfuse extract` (Python) reads too.
const TABLE: &str = include_str!("../../python/blendfuse/extract/encoders.json");

/// What the program takes from a row of the table.
#[derive(Deserialize)]
struct TableRow<'a> {
    name: &'a str,
    title: &'a str,
    modality: Modality,
    frame_size: usize,
    aliases: Vec<&'a str>,
}

/// All rows of the table: the paper's encoders first, in its order.
static ALL: LazyLock<Vec<KnownEncoder>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Table<'a> {
        #[serde(borrow)]
        encoders: Vec<TableRow<'a>>,
    }
    // Part of the program, and read by its tests.
    let table: Table<'static> = serde_json::from_str(TABLE).expect("encoders.json is well-formed");
    let known = |row: TableRow<'static>| KnownEncoder {
        name: row.name,
        title: row.title,
        modality: row.modality,
        frame_size: row.frame_size,
        aliases: row.aliases.leak(),
    };
    table.encoders.into_iter().map(known).collect()
});

/// The paper's encoders in its order.
pub static REGISTRY: LazyLock<&'static [KnownEncoder]> = LazyLock::new(|| &ALL[..PAPER_ENCODERS]);

/// The paper's encoder that a file is named after: only letters and digits are compared, ignoring case;
/// `+` counts as `plus`, and a trailing `features`, `feats` or `embeddings` is ignored.
/// `WavLM-Large_features`, `wavlm_large` and `wavlm` are one encoder. Returns its index in
/// [`REGISTRY`].
pub fn find(name: &str) -> Option<usize> {
    let mut key = plain(name);
    for suffix in ["features", "feats", "embeddings"] {
        if let Some(stem) = key.strip_suffix(suffix).filter(|stem| !stem.is_empty()) {
            key.truncate(stem.len());
            break;
        }
    }
    REGISTRY.iter().position(|known| {
        plain(known.name) == key
            || plain(known.title) == key
            || known.aliases.contains(&key.as_str())
    })
}

/// The modality of an encoder of the table that is not the paper's, by the exact name of its file.
fn other_modality(name: &str) -> Option<Modality> {
    let others = &ALL[PAPER_ENCODERS..];
    others
        .iter()
        .find(|known| known.name == name)
        .map(|known| known.modality)
}

fn plain(name: &str) -> String {
    let name = name.to_lowercase().replace('+', "plus");
    name.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Sorts encoders (names of feature files) and gives each its modality.
///
/// Encoders that are listed come first, in the order of the list. All others follow: the paper's in the
/// registry's order, then unknown ones by name.
pub fn arrange(mut names: Vec<String>, listed: &[Listed]) -> Vec<(String, Modality)> {
    let place: HashMap<&str, usize> = listed
        .iter()
        .enumerate()
        .map(|(at, entry)| (entry.name.as_str(), at))
        .collect();
    let last = |place: Option<usize>| place.unwrap_or(usize::MAX);
    names.sort_by(|a, b| {
        let key = |name: &str| (last(place.get(name).copied()), last(find(name)));
        key(a).cmp(&key(b)).then_with(|| a.cmp(b))
    });
    let modality = |name: &str| {
        place
            .get(name)
            .and_then(|&at| listed[at].modality)
            .or_else(|| find(name).map(|at| REGISTRY[at].modality))
            .or_else(|| other_modality(name))
            .unwrap_or(Modality::Other)
    };
    names
        .into_iter()
        .map(|name| {
            let modality = modality(&name);
            (name, modality)
        })
        .collect()
}

/// The form of `encoders.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    #[serde(default)]
    encoder: Vec<Listed>,
}

/// An encoder whose place is told, and perhaps its modality.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// As its feature file is called.
    pub name: String,
    /// `None`: that of the registry.
    pub modality: Option<Modality>,
}

/// Longest listing that is read, in bytes.
const MAX_LISTING: u64 = 1 << 20;

/// The encoders that `encoders.toml` lists; none if there is no such file.
///
/// # Errors
/// [`Error::Read`] or [`Error::File`] if the listing is unreadable, malformed, or names an encoder
/// twice or one that is not among `names`.
pub fn read_listing(path: &Path, names: &[String]) -> Result<Vec<Listed>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let failed = |source| Error::Read {
        path: PathBuf::from(path),
        source,
    };
    let fault = |key: Option<String>, reason: String| Error::File {
        path: PathBuf::from(path),
        key,
        reason,
    };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > MAX_LISTING {
        return Err(fault(
            None,
            format!("has {bytes} bytes; expected at most {MAX_LISTING}"),
        ));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let listing: Listing = toml::from_str(&text).map_err(|error| {
        let line = error
            .span()
            .map(|span| 1 + text[..span.start].matches('\n').count());
        let line = line.map_or_else(String::new, |line| format!("line {line}: "));
        fault(
            None,
            format!("{line}{}", error.message().replace('\n', " ")),
        )
    })?;
    for (at, entry) in listing.encoder.iter().enumerate() {
        let key = || Some(format!("encoder {:?}", entry.name));
        if listing.encoder[..at]
            .iter()
            .any(|other| other.name == entry.name)
        {
            return Err(fault(key(), "is listed twice; keep one".into()));
        }
        if !names.contains(&entry.name) {
            let there = names.iter().map(String::as_str);
            let reason = format!("has no feature file{}", instead(&entry.name, there));
            return Err(fault(key(), reason));
        }
    }
    Ok(listing.encoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_widths_add_up() {
        let inputs: usize = REGISTRY.iter().map(KnownEncoder::width).sum();
        assert_eq!(inputs, 356_958);
    }

    #[test]
    fn each_has_its_recipe() {
        let recipes = include_str!("../../docs/encoders.md");
        for known in REGISTRY.iter() {
            let row = format!(
                "| `{}` | {} | {} |",
                known.name, known.modality, known.frame_size
            );
            assert_eq!(recipes.matches(&row).count(), 1, "{row}");
        }
    }

    #[test]
    fn every_name_means_one_encoder() {
        let mut seen = HashMap::new();
        for (at, known) in REGISTRY.iter().enumerate() {
            for name in [known.name, known.title].iter().chain(known.aliases) {
                assert_eq!(find(name), Some(at), "{name}");
                assert_eq!(*seen.entry(plain(name)).or_insert(at), at, "{name}");
            }
        }
        assert_eq!(find("openface"), find("OpenFace-2.0_features"));
        assert_eq!(find("emotion2vec+ large"), find("emotion2vec_plus_large"));
        for unknown in ["", "features", "fac", "clip2"] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn encoders_beside_the_papers_have_a_modality_and_no_place_in_its_order() {
        let names = arranged(&["silero_vad", "fer", "clip", "egemaps"], None).unwrap();
        let expected = [
            ("clip", Modality::Video),
            ("egemaps", Modality::Audio),
            ("fer", Modality::Video),
            ("silero_vad", Modality::Audio),
        ];
        assert!(names.iter().map(|(n, m)| (n.as_str(), *m)).eq(expected));
        assert_eq!(find("egemaps"), None);
    }

    fn arranged(names: &[&str], listing: Option<&str>) -> Result<Vec<(String, Modality)>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("encoders.toml");
        if let Some(text) = listing {
            std::fs::write(&path, text).unwrap();
        }
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        let listed = read_listing(&path, &names)?;
        Ok(arrange(names, &listed))
    }

    #[test]
    fn the_papers_come_in_its_order_and_others_after_them_by_name() {
        let names = arranged(&["zeta", "hicmae", "alpha", "openface", "clip"], None).unwrap();
        let expected = [
            ("clip", Modality::Video),
            ("openface", Modality::Video),
            ("hicmae", Modality::Multimodal),
            ("alpha", Modality::Other),
            ("zeta", Modality::Other),
        ];
        assert!(names.iter().map(|(n, m)| (n.as_str(), *m)).eq(expected));
    }

    #[test]
    fn a_listing_overrides_order_and_modality() {
        let text = "[[encoder]]\nname = \"zeta\"\nmodality = \"audio\"\n\n[[encoder]]\nname = \"hicmae\"\n";
        let names = arranged(&["clip", "hicmae", "zeta"], Some(text)).unwrap();
        let expected = [
            ("zeta", Modality::Audio),
            ("hicmae", Modality::Multimodal),
            ("clip", Modality::Video),
        ];
        assert!(names.iter().map(|(n, m)| (n.as_str(), *m)).eq(expected));
    }

    #[test]
    fn a_wrong_listing_is_refused_in_one_line() {
        for (text, part) in [
            ("[[encoder]]\nname = \"no\"", "no feature file"),
            (
                "[[encoder]]\nname = \"a\"\n[[encoder]]\nname = \"a\"",
                "twice",
            ),
            ("[[encoder]]\nname = \"a\"\nmodality = \"smell\"", "line 3"),
            ("[[encoder]]\nname = \"a\"\ncolour = 1", "line 3"),
            ("order = [\"a\"]", "line 1"),
            ("[[encoder", "line 1"),
        ] {
            let message = arranged(&["a", "b"], Some(text)).unwrap_err().to_string();
            assert!(
                message.contains(part) && !message.contains('\n'),
                "{message}"
            );
        }
    }
}
