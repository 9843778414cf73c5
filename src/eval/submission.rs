//! Predictions as the challenge exchanges them: a JSON file, and the zip that CodaBench takes.
//!
//! ```json
//! {"predictions": {"test_0001.mov": [{"emotion": "sad", "salience": 100.0}]}}
//! ```

use std::collections::HashSet;
use std::fs;
use std::io::{BufWriter, Cursor, Read, Seek, Write};
use std::path::Path;

use serde::ser::{Serialize, Serializer};
use serde_json::ser::{Formatter, PrettyFormatter};
use zip::write::SimpleFileOptions;

use super::ordered_json::Node;
use crate::data::label::{Blend, Classes, Part};
use crate::files::atomic_file;
use crate::suggest::meant;
use crate::{Error, Result};

/// The key that the challenge wraps its mapping in.
const WRAPPER: &str = "predictions";

/// The largest prediction file read, in bytes; 10 000 times the challenge's.
const LARGEST: u64 = 1 << 30;

/// Clips with what they are predicted to show, in the order in which files hold them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// `(name, prediction)`; names as the file writes them, each once.
    pub clips: Vec<(String, Blend)>,
}

impl Predictions {
    /// Reads a prediction file: JSON in the challenge's form or the mapping alone, or a `.zip` that
    /// holds one such `.json`. Saliences may be integers, floats or strings holding a number. They
    /// need not sum to 100, the official scorer does not ask for it; a single emotion may lack
    /// its salience (never compared) and then has 100.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::File`] for text that is not JSON (with line and column), and,
    /// naming the clip, for a clip that is listed twice, names no emotion, an unknown one or one
    /// twice, or lacks a key, and for a salience that is negative or no number.
    pub fn read(path: &Path, classes: &Classes) -> Result<Self> {
        let mut bytes = fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        if has_extension(path, "zip") {
            bytes = unzip(&bytes).map_err(|reason| fault(path, None, reason))?;
        }
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let node = serde_json::from_slice(text).map_err(|error| not_json(path, text, &error))?;
        let clips = mapping(node).map_err(|reason| fault(path, None, reason))?;
        let mut seen = HashSet::with_capacity(clips.len());
        let mut read = Vec::with_capacity(clips.len());
        for (name, node) in clips {
            if !seen.insert(name.clone()) {
                return Err(fault(path, Some(name), "is listed twice".into()));
            }
            match blend(&node, classes) {
                Ok(blend) => read.push((name, blend)),
                Err(reason) => return Err(fault(path, Some(name), reason)),
            }
        }
        Ok(Self { clips: read })
    }

    /// Writes the challenge's form, clips in order, saliences as floats: a `.zip` for CodaBench
    /// if `path` ends so (one deflated member, named like the archive with `.json`), else JSON. The
    /// same predictions give the same bytes; an interrupted write leaves no partial file.
    ///
    /// # Errors
    /// [`Error::Data`] naming the clip that is listed twice, has no emotion, a class that `classes`
    /// has not or a salience that is not finite; [`Error::Write`].
    pub fn write(&self, path: &Path, classes: &Classes) -> Result<()> {
        self.check(classes)?;
        atomic_file::write(path, |out| {
            if has_extension(path, "zip") {
                zip_into(out, path, |member| self.serialize(classes, member))
            } else {
                self.serialize(classes, out)
            }
        })
    }

    /// The JSON text that [`Predictions::write`] writes.
    ///
    /// # Errors
    /// [`Error::Data`] as there.
    pub fn to_json(&self, classes: &Classes) -> Result<Vec<u8>> {
        self.check(classes)?;
        let mut bytes = Vec::new();
        self.serialize(classes, &mut bytes)
            .map_err(|error| Error::Data(format!("predictions: {error}")))?;
        Ok(bytes)
    }

    fn check(&self, classes: &Classes) -> Result<()> {
        let mut seen = HashSet::with_capacity(self.clips.len());
        for (name, blend) in &self.clips {
            let sound = |part: &Part| part.class < classes.len() && part.salience.is_finite();
            if !seen.insert(name) {
                return Err(Error::Data(format!("clip `{name}` is predicted twice")));
            }
            if blend.parts().is_empty() || !blend.parts().iter().all(sound) {
                return Err(Error::Data(format!(
                    "clip `{name}`: {:?} cannot be written as a prediction",
                    blend.parts()
                )));
            }
        }
        Ok(())
    }

    fn serialize(&self, classes: &Classes, out: &mut impl Write) -> std::io::Result<()> {
        // Four spaces, as the challenge's template.
        let mut json = serde_json::Serializer::with_formatter(&mut *out, indented());
        let file = Wrapped {
            predictions: Mapping(&self.clips, classes),
        };
        file.serialize(&mut json)?;
        out.write_all(b"\n")
    }
}

fn indented() -> impl Formatter {
    PrettyFormatter::with_indent(b"    ")
}

#[derive(serde::Serialize)]
struct Wrapped<'a> {
    predictions: Mapping<'a>,
}

struct Mapping<'a>(&'a [(String, Blend)], &'a Classes);

#[derive(serde::Serialize)]
struct Entry<'a> {
    emotion: &'a str,
    salience: f64,
}

impl Serialize for Mapping<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, blend)| {
            let entry = |part: &Part| Entry {
                emotion: self.1.name(part.class),
                salience: part.salience,
            };
            (name, blend.parts().iter().map(entry).collect::<Vec<_>>())
        }))
    }
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

fn fault(path: &Path, clip: Option<String>, reason: String) -> Error {
    Error::File {
        path: path.to_owned(),
        key: clip,
        reason,
    }
}

/// The error for text that is not JSON; names the clip of a NaN, which Python writes.
fn not_json(path: &Path, text: &[u8], error: &serde_json::Error) -> Error {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    let start: usize = lines.take(error.line().max(1) - 1).map(<[u8]>::len).sum();
    let at = (start + error.column()).min(text.len());
    let after = &text[at.saturating_sub(2)..(at + 8).min(text.len())];
    let found = ["NaN", "Infinity"].into_iter().find(|word| {
        let mut windows = after.windows(word.len());
        windows.any(|window| window == word.as_bytes())
    });
    let Some(found) = found else {
        return fault(path, None, format!("is not a predictions file: {error}"));
    };
    // The key of the list that the number is in.
    let before = String::from_utf8_lossy(&text[..at]);
    let clip = before.rfind('[').and_then(|list| {
        let key = before[..list].trim_end().strip_suffix(':')?;
        let key = key.trim_end().strip_suffix('"')?;
        Some(key[key.rfind('"')? + 1..].to_owned())
    });
    let reason = format!(
        "{found} in line {} is no number in JSON, though Python writes it; expected a salience in percent",
        error.line()
    );
    fault(path, clip, reason)
}

fn unzip(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let broken = |error: zip::result::ZipError| format!("is not a readable zip: {error}");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let names = archive.file_names().filter_map(|name| name.ok());
    let json: Vec<String> = names
        .filter(|name| has_extension(Path::new(&**name), "json") && !name.starts_with("__MACOSX/"))
        .map(|name| name.into_owned())
        .collect();
    let [name] = &json[..] else {
        return Err(format!("contains {} .json files, expected one", json.len()));
    };
    let member = archive.by_name(name).map_err(broken)?;
    let mut text = Vec::new();
    // A bound, for an archive of a few bytes may claim to hold more than there is memory.
    let read = member.take(LARGEST + 1).read_to_end(&mut text);
    match read {
        Ok(length) if length as u64 <= LARGEST => Ok(text),
        Ok(_) => Err(format!("`{name}` is larger than {LARGEST} bytes")),
        Err(error) => Err(format!("`{name}` is not readable: {error}")),
    }
}

/// An archive with one member, named like the archive, that `fill` writes.
fn zip_into<W: Write + Seek>(
    out: W,
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut zip::ZipWriter<W>>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut archive = zip::ZipWriter::new(out);
    // A fixed date, so that equal predictions are equal bytes.
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    archive.start_file(format!("{stem}.json"), options)?;
    // The text comes a few bytes at a time, which compression does not like.
    let mut member = BufWriter::new(&mut archive);
    fill(&mut member)?;
    member.flush()?;
    drop(member);
    archive.finish()?;
    Ok(())
}

/// The clips of either form.
fn mapping(node: Node) -> Result<Vec<(String, Node)>, String> {
    let Node::Map(mut entries) = node else {
        return Err(format!(
            "expected a mapping of clips, found {}",
            node.kind()
        ));
    };
    let of_wrapper = |(_, (key, _)): &(usize, &(String, Node))| key == WRAPPER;
    let mut wrappers = entries.iter().enumerate().filter(of_wrapper);
    let Some((at, _)) = wrappers.next() else {
        return Ok(entries);
    };
    if wrappers.next().is_some() {
        return Err(format!("has the key `{WRAPPER}` twice; keep one"));
    }
    match entries.swap_remove(at).1 {
        Node::Map(clips) => Ok(clips),
        other => Err(format!(
            "`{WRAPPER}`: expected a mapping of clips, found {}",
            other.kind()
        )),
    }
}

fn blend(node: &Node, classes: &Classes) -> Result<Blend, String> {
    let Node::List(entries) = node else {
        return Err(format!(
            "expected a list of emotions, found {}",
            node.kind()
        ));
    };
    let mut parts: Vec<Part> = Vec::with_capacity(entries.len());
    for entry in entries {
        let part = part(entry, entries.len() == 1, classes)?;
        if parts.iter().any(|known| known.class == part.class) {
            return Err(format!("names `{}` twice", classes.name(part.class)));
        }
        parts.push(part);
    }
    if parts.is_empty() {
        return Err("names no emotion".into());
    }
    Ok(Blend::new(parts))
}

fn part(entry: &Node, alone: bool, classes: &Classes) -> Result<Part, String> {
    let Node::Map(keys) = entry else {
        let found = entry.kind();
        return Err(format!("expected `emotion` and `salience`, found {found}"));
    };
    let get = |name: &str| -> Result<Option<&Node>, String> {
        let mut values = keys.iter().filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (first, None) => Ok(first.map(|(_, value)| value)),
            _ => Err(format!("has the key `{name}` twice")),
        }
    };
    let class = match get("emotion")? {
        Some(Node::Text(emotion)) => classes.index(emotion).ok_or_else(|| {
            let known = classes.names().join(", ");
            format!(
                "unknown emotion `{emotion}` (known: {known}): classes are those of the challenge, or \
                 with --metadata those in the table; correct the prediction, or give a table with \
                 every class{}",
                meant(emotion, classes.names().iter().map(String::as_str))
            )
        })?,
        Some(other) => return Err(format!("`emotion` is {}, expected a name", other.kind())),
        None => return Err("lacks the key `emotion`".into()),
    };
    let salience = match get("salience")? {
        Some(Node::Number(value)) => *value,
        Some(Node::Text(text)) => {
            let value = text.trim().parse();
            value.map_err(|_| format!("salience `{text}` is not a number"))?
        }
        Some(other) => return Err(format!("salience is {}, expected a number", other.kind())),
        None if alone => 100.0,
        None => return Err("lacks the key `salience`".into()),
    };
    if !(salience.is_finite() && salience >= 0.0) {
        return Err(format!("salience {salience} is not a percentage"));
    }
    Ok(Part { class, salience })
}

#[cfg(test)]
#[path = "submission_tests.rs"]
mod tests;
