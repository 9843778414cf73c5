//! Probabilities as an `.npz` of numpy arrays.

use std::collections::HashSet;
use std::path::Path;

use ndarray::{Array2, Axis};

use super::{ProbabilityTable, class_order, fault_of};
use crate::Result;
use crate::data::filename::clip_key;
use crate::data::label::Classes;
use crate::formats::npz::write::Precision;
use crate::formats::npz::{Npz, write};

/// The arrays of both heads, in the order of [`ProbabilityTable`].
const HEADS: [&str; 2] = ["presence", "salience"];

/// The array that says how the scores become emotions.
const DECODING: &str = "decoding";

impl ProbabilityTable {
    /// Writes an `.npz` with `filenames`, `classes` and, in double precision, `presence`, `salience`
    /// (where the table holds the heads) and `aligned`.
    ///
    /// # Errors
    /// As [`ProbabilityTable::write_csv`].
    pub fn write_npz(&self, path: &Path) -> Result<()> {
        self.write_npz_with(path, None)
    }

    /// The same with a text that says how the scores become emotions, as `predict` writes it.
    ///
    /// # Errors
    /// As [`ProbabilityTable::write_csv`].
    pub fn write_npz_with(&self, path: &Path, decoding: Option<&str>) -> Result<()> {
        self.check()?;
        let arrays = [
            (HEADS[0], self.presence.as_ref()),
            (HEADS[1], self.salience.as_ref()),
            ("aligned", Some(&self.aligned)),
        ];
        write::write(path, |npz| {
            npz.names("filenames", &self.filenames)?;
            npz.names("classes", self.classes.names())?;
            for (name, array) in arrays {
                let Some(array) = array else { continue };
                let shape = [array.nrows(), array.ncols()];
                npz.rows(name, Precision::F64, shape, |row, out| {
                    out.iter_mut()
                        .zip(array.row(row))
                        .for_each(|(to, x)| *to = *x);
                })?;
            }
            decoding.map_or(Ok(()), |text| npz.names(DECODING, &[text]))
        })
    }

    /// Reads an `.npz` as [`ProbabilityTable::write_npz`] writes it. Numbers of any type are taken;
    /// classes get the challenge's order where all are among its six.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read); [`Error::Npz`](crate::Error::Npz) naming the array that is
    /// missing or of another shape, a clip or class that is listed twice, and a value that is negative or
    /// not finite.
    pub fn read_npz(path: &Path) -> Result<Self> {
        let mut npz = Npz::open(path)?;
        let present = npz.arrays();
        if present.iter().any(|array| array == "X") && !present.iter().any(|a| a == "aligned") {
            return Err(npz.fault(
                None,
                "is a feature file; expected probabilities with the arrays filenames, classes and aligned",
            ));
        }
        let filenames = npz.names("filenames")?;
        let names = npz.names("classes")?;
        check_names(
            &npz,
            "filenames",
            filenames.iter().map(|name| clip_key(name)),
        )?;
        check_names(&npz, "classes", names.iter().map(String::as_str))?;
        let heads = HEADS.map(|head| present.iter().any(|array| array == head));
        let shape = [filenames.len(), names.len()];
        let aligned = rows(&mut npz, "aligned", shape, &filenames)?;
        let (presence, salience) = match heads {
            [false, false] => (None, None),
            _ => (
                Some(rows(&mut npz, HEADS[0], shape, &filenames)?),
                Some(rows(&mut npz, HEADS[1], shape, &filenames)?),
            ),
        };
        let mut ordered: Vec<&str> = names.iter().map(String::as_str).collect();
        class_order(&mut ordered);
        let place = |class: &&str| names.iter().position(|name| name == class);
        let order: Vec<usize> = ordered.iter().filter_map(place).collect();
        let columns = |array: Array2<f64>| array.select(Axis(1), &order);
        Ok(Self {
            classes: Classes::new(ordered),
            presence: presence.map(columns),
            salience: salience.map(columns),
            aligned: columns(aligned),
            filenames,
        })
    }
}

/// The text of [`ProbabilityTable::write_npz_with`]; `None` where the file has none.
///
/// # Errors
/// As [`Npz::open`] and [`Npz::names`].
pub(crate) fn decoding_in(path: &Path) -> Result<Option<String>> {
    let mut npz = Npz::open(path)?;
    match npz.arrays().iter().any(|array| array == DECODING) {
        true => Ok(npz.names(DECODING)?.into_iter().next()),
        false => Ok(None),
    }
}

/// Refuses names of which there are none, or one is empty or listed twice.
fn check_names<'a>(
    npz: &Npz,
    array: &str,
    names: impl ExactSizeIterator<Item = &'a str>,
) -> Result<()> {
    if names.len() == 0 {
        return Err(npz.fault(Some(array), "contains no names; expected at least one"));
    }
    let mut seen = HashSet::new();
    for (row, name) in names.enumerate() {
        if name.is_empty() {
            return Err(npz.fault(Some(array), format!("row {row} is empty; expected a name")));
        }
        if !seen.insert(name) {
            return Err(npz.fault(Some(array), format!("`{name}` is listed twice; keep one")));
        }
    }
    Ok(())
}

/// An array `(clips, classes)` of scores.
fn rows(
    npz: &mut Npz,
    array: &str,
    shape: [usize; 2],
    filenames: &[String],
) -> Result<Array2<f64>> {
    let found = npz.numbers(array)?;
    if found.shape != shape {
        let reason = format!(
            "has the shape {:?}; expected {shape:?}, a row for each of filenames and a column for each of classes",
            found.shape
        );
        return Err(npz.fault(Some(array), reason));
    }
    let values = found.values.to_f64();
    for (row, (name, values)) in filenames.iter().zip(values.chunks(shape[1])).enumerate() {
        if let Some(reason) = values.iter().find_map(|value| fault_of(*value)) {
            let reason = format!("row {row} (`{name}`): {reason}");
            return Err(npz.fault(Some(array), reason));
        }
    }
    Array2::from_shape_vec((shape[0], shape[1]), values)
        .map_err(|error| npz.fault(Some(array), error.to_string()))
}
