//! A small data folder, and files of other kinds beside it.

use std::fs;
use std::io::Write;
use std::path::Path;

use blendfuse::testing::formats::npz::write::{Precision, write};

use crate::command::{Place, SMALL};
use crate::frames;

/// Clips of six actors in three folds, four each, with three classes.
pub fn clips() -> Vec<String> {
    let of_actor = |actor: usize| (0..4).map(move |clip| format!("A{actor}_c{clip}"));
    (0..6).flat_map(of_actor).collect()
}

fn class(clip: usize) -> &'static str {
    ["ang", "hap", "sad"][clip % 3]
}

/// A number without a pattern, between −1 and 1.
pub fn noise(row: usize, column: usize) -> f64 {
    ((row * 31 + column * 17 + 5) as f64 * 12.9898).sin()
}

/// A data folder `data` with encoders `one` and `two` of four columns; `name` and `value` change what
/// `two` has.
pub fn data(
    place: &Place,
    name: impl Fn(usize, &str) -> String,
    value: impl Fn(usize, usize) -> f64,
) {
    let clips = clips();
    let mut table = "filename,fold,emotion_1\n".to_owned();
    for (at, clip) in clips.iter().enumerate() {
        table += &format!("{clip},{},{}\n", at / 8, class(at));
    }
    fs::create_dir_all(place.path("data/features/train")).unwrap();
    fs::write(place.path("data/train_metadata.csv"), table).unwrap();
    let renamed: Vec<String> = clips
        .iter()
        .enumerate()
        .map(|(at, clip)| name(at, clip))
        .collect();
    let shape = [clips.len(), 4];
    let write_encoder = |file: &str, names: &[String], value: &dyn Fn(usize, usize) -> f64| {
        write(&place.path("data/features/train").join(file), |npz| {
            npz.rows("X", Precision::F32, shape, |row, out| {
                for (column, out) in out.iter_mut().enumerate() {
                    *out = value(row, column);
                }
            })?;
            npz.names("filenames", names)
        })
        .unwrap();
    };
    write_encoder("one.npz", &clips, &noise);
    write_encoder("two.npz", &renamed, &value);
}

pub fn sound(place: &Place) {
    data(
        place,
        |_, clip| clip.to_owned(),
        |row, column| noise(row + 100, column),
    );
}

/// Trains for an epoch into `run`; returns stderr.
pub fn train(place: &Place) -> String {
    let args = [
        "train",
        "data",
        "--out",
        "run",
        "--fold",
        "0",
        "--set",
        "train.max_epochs=1",
    ];
    let ran = place.run(&[&args[..], SMALL].concat());
    assert!(ran.code < 2, "{}", ran.stderr);
    ran.stderr
}

/// Writes a file below the folder.
pub fn put(place: &Place, path: &str, bytes: impl AsRef<[u8]>) {
    let path = place.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

pub fn put_npy(place: &Place, path: &str, shape: &[usize], values: &[f32]) {
    let path = place.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    frames::npy(&path, shape, values);
}

pub fn zip(place: &Place, path: &str, members: &[(&str, &[u8])]) {
    let mut zip = zip::ZipWriter::new(fs::File::create(place.path(path)).unwrap());
    for (name, bytes) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

#[track_caller]
pub fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

/// Exchanges the labels of the clips of a fold among themselves: each gets that of the clip before it.
pub fn scramble(table: &Path, fold: &str) {
    let text = fs::read_to_string(table).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = |name: &str| header.iter().position(|title| *title == name).unwrap();
    let keeps = [place("filename"), place("fold")];
    let mut rows: Vec<Vec<String>> = lines
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect();
    let of_fold: Vec<usize> = (0..rows.len())
        .filter(|&row| rows[row][keeps[1]] == fold)
        .collect();
    let before = rows.clone();
    for (at, &row) in of_fold.iter().enumerate() {
        let other = &before[of_fold[(at + of_fold.len() - 1) % of_fold.len()]];
        for column in (0..header.len()).filter(|column| !keeps.contains(column)) {
            rows[row][column] = other[column].clone();
        }
    }
    assert_ne!(rows, before);
    let rows = rows.iter().map(|row| row.join(","));
    let lines: Vec<String> = std::iter::once(header.join(",")).chain(rows).collect();
    fs::write(table, lines.join("\n") + "\n").unwrap();
}
