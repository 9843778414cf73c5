//! A data folder as arrays.

use std::path::PathBuf;

use blendfuse::data::dataset::{Dataset, Split};
use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::faults::exception;

/// A split as Python takes it: names, folds and actors of the clips, and the features of each encoder in the order
/// of the network, rows of NaN where it lacks the clip.
fn split<'py>(py: Python<'py>, split: &Split<'_>) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(py);
    let clips = &split.clips;
    let names: Vec<&str> = clips.iter().map(|clip| clip.filename.as_str()).collect();
    let folds: Vec<Option<usize>> = clips.iter().map(|clip| clip.fold).collect();
    let actors: Vec<Option<&str>> = clips.iter().map(|clip| clip.actor.as_deref()).collect();
    found.set_item("filenames", names)?;
    found.set_item("folds", folds)?;
    found.set_item("actors", actors)?;
    let features = (0..split.encoders()).map(|encoder| features(split, encoder).into_pyarray(py));
    found.set_item(
        "features",
        features.collect::<Vec<Bound<'py, PyArray2<f32>>>>(),
    )?;
    Ok(found)
}

fn features(split: &Split<'_>, encoder: usize) -> Array2<f32> {
    let source = split.source(encoder);
    let mut all = Array2::from_elem((split.len(), source.cols), f32::NAN);
    let mut row = vec![0.0; source.cols];
    for (place, stored) in split.rows(encoder).iter().enumerate() {
        if let Some(stored) = stored {
            source.read(*stored as usize, 0, &mut row);
            all.row_mut(place)
                .iter_mut()
                .zip(&row)
                .for_each(|(to, x)| *to = *x);
        }
    }
    all
}

/// Reads a data folder: `encoders` as (name, modality), `classes`, `targets` (N, C), `notes`, and the splits
/// `train` and `test` (None without one).
#[pyfunction]
pub fn read_folder(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let opened = py.detach(|| Dataset::open(&path, None));
    let data = opened.map_err(exception)?;
    let found = PyDict::new(py);
    let encoders = data.encoders.iter();
    let encoders: Vec<(&str, &str)> = encoders
        .map(|encoder| (encoder.name.as_str(), encoder.modality.name()))
        .collect();
    found.set_item("encoders", encoders)?;
    found.set_item("classes", data.classes.names())?;
    let mut targets = Array2::zeros((data.train.len(), data.classes.len()));
    for (mut row, clip) in targets.rows_mut().into_iter().zip(&data.train.clips) {
        let shares = clip.target.iter().flatten();
        row.iter_mut()
            .zip(shares)
            .for_each(|(to, share)| *to = *share);
    }
    found.set_item("targets", targets.into_pyarray(py))?;
    found.set_item("notes", data.notes())?;
    found.set_item("train", split(py, &data.train)?)?;
    let test = data.test.as_ref().map(|test| split(py, test)).transpose()?;
    found.set_item("test", test)?;
    Ok(found)
}
