//! Folders of small clips, and their expected rows.

use std::fs;
use std::path::Path;

use blendfuse::data::features::Features;
use blendfuse::kernels::aggregate::{SEVEN, by_column};
use blendfuse::kernels::pack::{RowSource, RowValues};

use crate::command::Place;

/// An `.npy` of `f32` frames.
pub fn npy(path: &Path, shape: &[usize], values: &[f32]) {
    let axes: Vec<String> = shape.iter().map(|n| format!("{n},")).collect();
    let axes = axes.concat();
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({axes}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|x| x.to_le_bytes()));
    fs::write(path, bytes).unwrap();
}

/// Frames (T, 3) of a clip, each clip its own; T differs.
pub fn frames(clip: usize) -> Vec<f32> {
    let values = 0..3 * (2 + clip % 5);
    values
        .map(|n| ((n * 37 + clip * 11) % 101) as f32 / 7.0 - clip as f32)
        .collect()
}

pub fn expected(clip: usize) -> Vec<f32> {
    let values = frames(clip);
    let values = RowValues::F32(&values);
    by_column(RowSource { values, cols: 3 }, &SEVEN)
}

/// A folder with a number of clips `clip_000.npy`, ….
pub fn folder(place: &Place, name: &str, clips: impl IntoIterator<Item = usize>) {
    fs::create_dir_all(place.path(name)).unwrap();
    for clip in clips {
        let values = frames(clip);
        let path = place.path(name).join(format!("clip_{clip:03}.npy"));
        npy(&path, &[values.len() / 3, 3], &values);
    }
}

/// Names and rows of a feature file.
pub fn read(path: &Path) -> (Vec<String>, Vec<Vec<f32>>) {
    let features = Features::open(path).unwrap();
    let rows = (0..features.rows()).map(|row| {
        let mut out = vec![0.0; features.cols()];
        features.source().read(row, 0, &mut out);
        out
    });
    (features.names().to_vec(), rows.collect())
}

#[track_caller]
pub fn assert_rows(path: &Path, clips: &[usize]) {
    let (names, rows) = read(path);
    let named: Vec<String> = clips.iter().map(|clip| format!("clip_{clip:03}")).collect();
    assert_eq!(names, named);
    for (clip, row) in clips.iter().zip(rows) {
        assert_eq!(row, expected(*clip), "clip {clip}");
    }
}
