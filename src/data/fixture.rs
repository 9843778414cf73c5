//! Small data folders for the unit tests of this module.

use std::path::Path;

use tempfile::TempDir;

use super::dataset::Dataset;
use crate::formats::npz::write::{Precision, write};

/// Six labelled clips of three actors in three folds; the class `neu` comes last.
pub const TRAIN: &str = "\
filename,fold,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,video_id
A1_ang_ver1,0,0,ang,,,,17
A1_mix_hap_sad_70_30_ver1,0,1,hap,sad,70,30,18
A2_neu_ver1,1,0,neu,,,,19
A2_sad_ver1,1,0,sad,,,,20
A3_hap_ver1,2,0,hap,,,,21
A3_mix_ang_sad_50_50_ver1,2,1,ang,sad,50,50,22
";

/// Two unlabelled clips.
pub const TEST: &str = "filename\ntest_0001.mov\ntest_0002.mov\n";

/// Value of column `col` for a clip: told by its place, so that every row can be recognised.
pub fn value(clip: usize, encoder: usize, col: usize) -> f64 {
    (100 * (clip + 1) + 10 * encoder + col) as f64
}

/// Writes an encoder with two columns for the named clips; `clips` are their numbers for [`value`].
pub fn encoder(path: &Path, encoder: usize, names: &[&str], clips: &[usize]) {
    write(path, |npz| {
        npz.rows("X", Precision::F32, [names.len(), 2], |row, out| {
            for (col, x) in out.iter_mut().enumerate() {
                *x = value(clips[row], encoder, col);
            }
        })?;
        npz.names("filenames", names)
    })
    .unwrap();
}

/// Names of the clips of a table.
pub fn names(table: &str) -> Vec<&str> {
    table
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap())
        .collect()
}

/// A folder of two encoders: `alpha` has all clips in reverse order, `beta` lacks the second of
/// each part. Test clips are numbered from 6.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (part, table, first) in [("train", TRAIN, 0), ("test", TEST, 6)] {
        std::fs::write(path.join(format!("{part}_metadata.csv")), table).unwrap();
        let features = path.join("features").join(part);
        std::fs::create_dir_all(&features).unwrap();
        let names = names(table);
        let all: Vec<usize> = (0..names.len()).collect();
        let reverse: Vec<usize> = all.iter().rev().copied().collect();
        let some: Vec<usize> = all.iter().copied().filter(|&clip| clip != 1).collect();
        for (number, (encoder_name, order)) in
            [("alpha", reverse), ("beta", some)].iter().enumerate()
        {
            let order_names: Vec<&str> = order.iter().map(|&clip| names[clip]).collect();
            let clips: Vec<usize> = order.iter().map(|&clip| first + clip).collect();
            encoder(
                &features.join(format!("{encoder_name}.npz")),
                number,
                &order_names,
                &clips,
            );
        }
    }
    folder
}

/// [`folder`], opened.
pub fn dataset() -> Dataset<'static> {
    Dataset::open(folder().path(), None).unwrap()
}
