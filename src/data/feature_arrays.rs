//! The two arrays of a feature file, under the names that tools give them.

use std::path::Path;

use crate::Result;
use crate::formats::npy::dtype::Dtype;
use crate::formats::npz::Npz;

/// Maximum number of names that are compared.
const MAX_LABELS: usize = 1 << 20;

/// The array with one row of features per clip.
pub(super) const FEATURES: &str = "X";
/// The array with the clips' names.
const NAMES: &str = "filenames";
/// What `np.savez` calls arrays without names.
const POSITIONAL: [&str; 2] = ["arr_0", "arr_1"];

/// The names of the two arrays in their file.
pub(super) struct FeatureArrays {
    pub features: String,
    pub names: String,
}

impl FeatureArrays {
    /// Finds them.
    ///
    /// # Errors
    /// [`Error::Npz`](crate::Error::Npz) if one is missing, or its header is damaged.
    pub fn of(npz: &mut Npz) -> Result<FeatureArrays> {
        let mut found = npz.arrays();
        found.sort();
        if found == POSITIONAL {
            for [features, names] in [[0, 1], [1, 0]].map(|order| order.map(|at| POSITIONAL[at])) {
                let numbers = npz.header(features)?.dtype.is_number();
                if numbers && !npz.header(names)?.dtype.is_number() {
                    return Ok(FeatureArrays {
                        features: features.into(),
                        names: names.into(),
                    });
                }
            }
        }
        let has = |name: &str| found.iter().any(|array| array == name);
        if let Some(missing) = [FEATURES, NAMES].into_iter().find(|name| !has(name)) {
            found.truncate(8);
            let reason = format!(
                "missing; found: {}; write the file with np.savez(file, X=X, filenames=names)",
                match &found[..] {
                    [] => "nothing".to_owned(),
                    found => found.join(", "),
                }
            );
            return Err(npz.fault(Some(missing), reason));
        }
        Ok(FeatureArrays {
            features: FEATURES.into(),
            names: NAMES.into(),
        })
    }
}

/// What a file says of its columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ColumnLabels {
    /// Of each column, as `vectors` writes it.
    columns: Vec<String>,
    /// Of blocks of columns, as `aggregate` writes it.
    statistics: Vec<String>,
}

impl ColumnLabels {
    /// Reads them; none where the file has none, or something else under these names.
    pub fn of(npz: &mut Npz) -> Self {
        let found = npz.arrays();
        let mut read = |name: &str| -> Vec<String> {
            if !found.iter().any(|array| array == name) {
                return Vec::new();
            }
            match npz.header(name) {
                Ok(header)
                    if matches!(header.dtype, Dtype::Unicode(_))
                        && header.elements() <= MAX_LABELS =>
                {
                    npz.names(name).unwrap_or_default()
                }
                _ => Vec::new(),
            }
        };
        Self {
            columns: read("columns"),
            statistics: read("statistics"),
        }
    }

    /// The name of a column.
    pub fn column(&self, column: usize) -> Option<&str> {
        self.columns.get(column).map(String::as_str)
    }

    /// Where those of another file differ, if both have some. `path` is that of this file.
    pub fn difference(&self, other: &ColumnLabels, path: &Path) -> Option<String> {
        let kinds = [
            (&self.columns, &other.columns, "column"),
            (&self.statistics, &other.statistics, "statistic"),
        ];
        kinds.into_iter().find_map(|(these, those, what)| {
            if these.is_empty() || those.is_empty() || these.len() != those.len() {
                return None;
            }
            let at = these.iter().zip(those).position(|(a, b)| a != b)?;
            Some(format!(
                "{what} {at} (from 0) is {:?}, but {:?} in {}: make both files from the same columns in the same order",
                those[at],
                these[at],
                path.display()
            ))
        })
    }
}

/// The array whose shape is wrong, and why.
pub(super) fn wrong_shape<'a>(
    [features, names]: [&'a str; 2],
    x: &[usize],
    named: &[usize],
) -> (&'a str, String) {
    match x {
        [_, _] | [_, 1, _] => {
            let reason = format!("expected one axis [clips], found shape {named:?}");
            (names, reason)
        }
        [clips, windows, _] if [*clips] == named => {
            let reason = format!(
                "expected two axes [clips, features], found shape {x:?}; for {windows} windows or frames of each clip use aggregate, or save X.mean(axis=1)"
            );
            (features, reason)
        }
        _ => {
            let reason = format!("expected two axes [clips, features], found shape {x:?}");
            (features, reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::ColumnLabels;
    use crate::Result;
    use crate::data::features::Features;
    use crate::formats::npz::write::npy_header;

    /// A file with arrays of zeros, or of names a, b, … where the type is text.
    fn open(arrays: &[(&str, &str, &[usize])]) -> Result<Features<'static>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let mut zip = ZipWriter::new(std::fs::File::create(&path).unwrap());
        for (name, descr, shape) in arrays {
            let options = SimpleFileOptions::default();
            zip.start_file(format!("{name}.npy"), options).unwrap();
            let axes: Vec<String> = shape.iter().map(|axis| format!("{axis},")).collect();
            let shown = format!("({})", axes.concat());
            zip.write_all(&npy_header(descr, &shown)).unwrap();
            let count: usize = shape.iter().product();
            let bytes = match *descr {
                "|S1" => (b'a'..).take(count).collect(),
                _ => vec![0; 4 * count],
            };
            zip.write_all(&bytes).unwrap();
        }
        zip.finish().unwrap();
        Features::open(&path)
    }

    #[test]
    fn arrays_without_names_are_told_apart_by_their_types() {
        for (x, names) in [("arr_0", "arr_1"), ("arr_1", "arr_0")] {
            let features = open(&[(x, "<f4", &[2, 3]), (names, "|S1", &[2])]).unwrap();
            assert_eq!((features.rows(), features.cols()), (2, 3));
            assert_eq!(features.names(), ["a", "b"]);
        }
        for arrays in [
            &[("arr_0", "<f4", &[2, 3][..]), ("arr_1", "<f4", &[2])][..],
            &[("arr_0", "<f4", &[2, 3]), ("names", "|S1", &[2])],
        ] {
            let fault = open(arrays).unwrap_err().to_string();
            assert!(fault.contains("X=X, filenames=names"), "{fault}");
        }
    }

    #[test]
    fn the_first_column_that_differs_is_named() {
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        let labels = |columns: &[&str], statistics: &[&str]| ColumnLabels {
            columns: names(columns),
            statistics: names(statistics),
        };
        let path = Path::new("a.npz");
        let train = labels(&["x", "y"], &[]);
        assert_eq!(
            train.difference(&labels(&["x", "y"], &["mean"]), path),
            None
        );
        assert_eq!(train.difference(&labels(&[], &[]), path), None);
        let fault = train.difference(&labels(&["x", "z"], &[]), path).unwrap();
        assert!(
            fault.starts_with("column 1 (from 0) is \"z\", but \"y\" in a.npz"),
            "{fault}"
        );
        let fault = labels(&[], &["mean"]).difference(&labels(&[], &["std"]), path);
        assert!(fault.unwrap().starts_with("statistic 0"));
    }

    #[test]
    fn one_window_of_each_clip_is_its_vector() {
        let names = ("filenames", "|S1", &[2][..]);
        let features = open(&[("X", "<f4", &[2, 1, 3]), names]).unwrap();
        assert_eq!((features.rows(), features.cols()), (2, 3));
        let fault = open(&[("X", "<f4", &[2, 5, 3]), names]).unwrap_err();
        assert!(fault.to_string().contains("aggregate"), "{fault}");
    }
}
