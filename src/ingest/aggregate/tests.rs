//! Tests with frames from memory.

use std::path::Path;

use super::frames::{FrameReader, FrameSource, as_frames};
use super::{AggregationOptions, AggregationOutcome, OutputFile, aggregate};
use crate::data::features::Features;
use crate::formats::npy::Values;
use crate::kernels::aggregate::{Aggregation, SEVEN, by_column};
use crate::kernels::pack::RowSource;

/// Clips in memory; `None` cannot be read.
struct Memory {
    names: Vec<String>,
    clips: Vec<Option<(Values, usize)>>,
}

impl Memory {
    fn new<const N: usize>(clips: [(&str, Option<(Values, usize)>); N]) -> Memory {
        let clips = clips.into_iter();
        let (names, clips) = clips.map(|(name, clip)| (name.to_owned(), clip)).unzip();
        Memory { names, clips }
    }
}

impl FrameSource for Memory {
    fn clips(&self) -> &[String] {
        &self.names
    }

    fn origin(&self, clip: usize) -> String {
        format!("memory {clip}")
    }

    fn reader(&self) -> Box<dyn FrameReader + '_> {
        Box::new(MemoryReader(self))
    }
}

struct MemoryReader<'a>(&'a Memory);

impl FrameReader for MemoryReader<'_> {
    fn read(&mut self, clip: usize) -> Result<RowSource<'_>, String> {
        let found = self.0.clips[clip].as_ref();
        let (values, cols) = found.ok_or("is not there")?;
        Ok(as_frames(values, *cols))
    }
}

fn doubles(values: &[f64], cols: usize) -> Option<(Values, usize)> {
    Some((Values::F64(values.to_vec()), cols))
}

fn run(source: &Memory, folder: &Path, skip_bad: bool) -> crate::Result<AggregationOutcome> {
    let targets = ["a.npz", "new/b.npz"].map(|name| OutputFile {
        path: folder.join(name),
        clips: (0..source.names.len()).collect(),
    });
    let options = AggregationOptions {
        aggregation: Aggregation::default(),
        precision: None,
        append: false,
        skip_bad,
    };
    aggregate(source, &targets, &options, &|| ())
}

#[test]
fn any_source_will_do_and_each_clip_is_read_once_for_all_targets() {
    let folder = tempfile::tempdir().unwrap();
    // Equal in single precision: their deviation is only visible in double precision.
    let clip = [1.0, 5.0, 1.0 + 1e-9, 5.0, 1.0 + 4e-9, 5.0];
    let source = Memory::new([
        ("y", doubles(&clip, 2)),
        ("bad", None),
        ("x", doubles(&[0.25; 2], 2)),
    ]);
    let found = run(&source, folder.path(), true).unwrap();
    assert_eq!((found.clips, found.frames), (3, 4));
    let [bad] = &found.bad[..] else {
        panic!("{:?}", found.bad);
    };
    assert_eq!((bad.clip.as_str(), bad.file.as_str()), ("bad", "memory 1"));
    assert_eq!(bad.reason, "is not there");
    for written in &found.written {
        let features = Features::open(&written.path).unwrap();
        assert_eq!(features.names(), ["y", "x"]);
        let mut row = vec![0.0; 14];
        features.source().read(0, 0, &mut row);
        let (values, cols) = source.clips[0].as_ref().unwrap();
        assert_eq!(row, by_column(as_frames(values, *cols), &SEVEN));
        // 1.7e-9, of differences of 1e-9 that are good to 2e-16.
        assert!((row[2] - 1.699_673_2e-9).abs() < 1e-15, "{}", row[2]);
    }
}

#[test]
fn of_equally_many_sizes_the_first_clip_decides() {
    let folder = tempfile::tempdir().unwrap();
    let source = Memory::new([
        ("a", doubles(&[1.0; 6], 3)),
        ("b", doubles(&[1.0; 6], 2)),
        ("c", doubles(&[1.0; 6], 2)),
        ("d", doubles(&[1.0; 6], 3)),
    ]);
    let found = run(&source, folder.path(), false).unwrap();
    let bad: Vec<&str> = found.bad.iter().map(|bad| bad.clip.as_str()).collect();
    assert_eq!(bad, ["b", "c"]);
    assert!(found.written.is_empty());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn values_beyond_single_precision_are_refused_and_names_must_differ() {
    let folder = tempfile::tempdir().unwrap();
    let source = Memory::new([
        ("a", doubles(&[1e39, 0.0], 2)),
        ("b", doubles(&[0.0; 2], 2)),
    ]);
    let found = run(&source, folder.path(), false).unwrap();
    assert!(
        found.bad[0].reason.contains("column 0 (from 0)"),
        "{:?}",
        found.bad
    );
    let source = Memory::new([("a", doubles(&[0.0], 1)), ("a.mov", doubles(&[0.0], 1))]);
    let message = run(&source, folder.path(), true).unwrap_err().to_string();
    assert!(
        message.contains("memory 0 and memory 1 both belong to clip"),
        "{message}"
    );
}
