//! Bad input, one case per table of `bad_input.toml`: the change, the command, its exit code and its
//! one-line message.
//!
//! `BLENDFUSE_BLESS=1 cargo test --test program bad_input::` rewrites the messages; review the diff before
//! committing it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use serde::Deserialize;

use crate::command::{Place, SMALL};

/// The files before a case changes them: `data`, `run` (trained on fold 0), `predictions.json` and
/// `probs.csv` of its held-out clips, `frames` (three clips), and an empty folder `empty`.
fn base() -> Place {
    let place = Place::with_data(&["--test-labels"]);
    let train = [
        "train",
        "data",
        "--out",
        "run",
        "--fold",
        "0",
        "--set",
        "train.max_epochs=1",
    ];
    place.ok(&[&train[..], SMALL].concat());
    let held_out = ["predict", "run", "data", "--split", "train", "--held-out"];
    place.ok(&[
        &held_out[..],
        &["--out", "predictions.json", "--probs", "probs.csv"],
    ]
    .concat());
    fs::create_dir(place.path("empty")).unwrap();
    fs::create_dir(place.path("frames")).unwrap();
    for clip in ["a", "b", "c"] {
        let array = Npy {
            shape: "(4, 3)".into(),
            count: 12,
            ..Npy::default()
        };
        fs::write(place.path(&format!("frames/{clip}.npy")), array.bytes()).unwrap();
    }
    place
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Which rule is broken.
    broken: String,
    /// The changes to the files.
    #[serde(default)]
    change: Vec<Change>,
    /// The command line.
    run: String,
    /// The exit code.
    #[serde(default = "two")]
    code: i32,
    /// The line on stderr, without `error: `.
    says: String,
    /// A part of a line before it, where the bad clips are listed.
    lists: Option<String>,
}

fn two() -> i32 {
    2
}

/// One change of a file or folder.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    path: String,
    /// Removes the file or folder.
    #[serde(default)]
    remove: bool,
    /// The whole text.
    text: Option<String>,
    /// Bytes in hexadecimal.
    hex: Option<String>,
    /// Replaces every occurrence of a text by another.
    replace: Option<[String; 2]>,
    /// Lines to add at the end.
    append: Option<String>,
    /// Truncates to this many bytes.
    cut: Option<usize>,
    /// A copy of another file.
    copy: Option<String>,
    /// An array file, or an archive of some.
    npy: Option<Npy>,
    npz: Option<Vec<Npy>>,
}

/// An array: header and numbers as the case says, right or wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Npy {
    name: String,
    descr: String,
    shape: String,
    /// The whole header, in place of one made of the above.
    header: Option<String>,
    /// The number of values that follow, of 4 bytes each.
    count: usize,
    /// All but the last of them.
    value: f32,
    last: f32,
    /// Texts instead of numbers.
    names: Vec<String>,
}

impl Default for Npy {
    fn default() -> Self {
        Self {
            name: "X.npy".into(),
            descr: "<f4".into(),
            shape: "(2, 3)".into(),
            header: None,
            count: 6,
            value: 1.0,
            last: 2.0,
            names: Vec::new(),
        }
    }
}

impl Npy {
    fn longest_name(&self) -> usize {
        let lengths = self.names.iter().map(|name| name.chars().count());
        lengths.max().unwrap_or(0)
    }

    fn bytes(&self) -> Vec<u8> {
        let (descr, shape) = if self.names.is_empty() {
            (self.descr.clone(), self.shape.clone())
        } else {
            let longest = self.longest_name();
            (format!("<U{longest}"), format!("({},)", self.names.len()))
        };
        let header = self.header.clone().unwrap_or_else(|| {
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}")
        });
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16 + 1).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.push(b'\n');
        for name in &self.names {
            let mut letters: Vec<u32> = name.chars().map(u32::from).collect();
            letters.resize(self.longest_name(), 0);
            bytes.extend(letters.iter().flat_map(|letter| letter.to_le_bytes()));
        }
        if self.names.is_empty() {
            for i in 0..self.count {
                let value = if i + 1 == self.count {
                    self.last
                } else {
                    self.value
                };
                bytes.extend(value.to_le_bytes());
            }
        }
        bytes
    }
}

impl Change {
    fn make(&self, root: &Path) {
        let path = root.join(&self.path);
        if self.remove {
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.unwrap();
        }
        if let Some(text) = &self.text {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }
        if let Some(hex) = &self.hex {
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
            fs::write(&path, bytes).unwrap();
        }
        if let Some([from, to]) = &self.replace {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(from.as_str()), "{}: no {from:?}", self.path);
            fs::write(&path, text.replace(from.as_str(), to)).unwrap();
        }
        if let Some(lines) = &self.append {
            let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
            file.write_all(lines.as_bytes()).unwrap();
        }
        if let Some(bytes) = self.cut {
            let whole = fs::read(&path).unwrap();
            assert!(bytes < whole.len());
            fs::write(&path, &whole[..bytes]).unwrap();
        }
        if let Some(from) = &self.copy {
            fs::copy(root.join(from), &path).unwrap();
        }
        if let Some(array) = &self.npy {
            fs::write(&path, array.bytes()).unwrap();
        }
        if let Some(members) = &self.npz {
            let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
            for member in members {
                let options = zip::write::SimpleFileOptions::default();
                archive.start_file(&member.name, options).unwrap();
                archive.write_all(&member.bytes()).unwrap();
            }
            archive.finish().unwrap();
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// The one-line message of the program; of clap's longer usage errors, the first line.
fn said(stderr: &str) -> String {
    let line = stderr.lines().find_map(|line| line.strip_prefix("error: "));
    line.unwrap_or("NO LINE OF ERROR").to_owned()
}

#[test]
fn each_bad_input_has_its_line_and_code_and_leaves_no_output() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/bad_input.toml");
    let text = fs::read_to_string(&file).unwrap();
    let table: Table = toml::from_str(&text).unwrap();
    assert!(table.case.len() >= 100, "{} cases", table.case.len());
    let names: BTreeSet<&str> = table.case.iter().map(|case| case.broken.as_str()).collect();
    assert_eq!(names.len(), table.case.len(), "two cases of one name");
    let bless = std::env::var_os("BLENDFUSE_BLESS").is_some();
    let base = base();
    let mut blessed = text.clone();
    let mut wrong = Vec::new();
    for case in &table.case {
        let place = Place::new();
        copy_folder(&base.path("."), &place.path("."));
        case.change
            .iter()
            .for_each(|change| change.make(&place.path(".")));
        let before = place.contents(".");
        let args: Vec<&str> = case.run.split_whitespace().collect();
        let ran = place.run(&args);
        let says = said(&ran.stderr);
        if bless {
            let quoted = |text: &str| format!("says = {}", toml::Value::from(text));
            let start = blessed.find(&format!(
                "broken = {}\n",
                toml::Value::from(case.broken.as_str())
            ));
            let start = start.expect("the name is in the table");
            let at = start
                + blessed[start..]
                    .find("says = ")
                    .expect("`says` after the name");
            let end = blessed[at..]
                .find('\n')
                .map_or(blessed.len(), |end| at + end);
            blessed.replace_range(at..end, &quoted(&says));
        } else if says != case.says {
            wrong.push(format!(
                "{}:\n  expected {}\n  found    {says}",
                case.broken, case.says
            ));
        }
        if let Some(part) = case
            .lists
            .as_ref()
            .filter(|part| !ran.stderr.contains(part.as_str()))
        {
            wrong.push(format!(
                "{}: does not list {part}: {}",
                case.broken, ran.stderr
            ));
        }
        if ran.code != case.code {
            wrong.push(format!(
                "{}: code {}, expected {}",
                case.broken, ran.code, case.code
            ));
        }
        let errors = ran
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: "))
            .count();
        if errors != 1 || ran.stderr.contains("panicked") {
            wrong.push(format!("{}: {}", case.broken, ran.stderr));
        }
        if place.contents(".") != before {
            wrong.push(format!("{}: files were written or changed", case.broken));
        }
    }
    if bless {
        fs::write(&file, blessed).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
