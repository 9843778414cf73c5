//! The two arrays of a feature file, under the names that tools give them.

use crate::Result;
use crate::formats::npz::Npz;

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

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use crate::Result;
    use crate::data::features::Features;
    use crate::formats::npz::write::npy_header;

    /// A file with arrays of zeros, or of names a, b, … where the type is text.
    fn open(arrays: &[(&str, &str, &[usize])]) -> Result<Features> {
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
    fn one_window_of_each_clip_is_its_vector() {
        let names = ("filenames", "|S1", &[2][..]);
        let features = open(&[("X", "<f4", &[2, 1, 3]), names]).unwrap();
        assert_eq!((features.rows(), features.cols()), (2, 3));
        let fault = open(&[("X", "<f4", &[2, 5, 3]), names]).unwrap_err();
        assert!(fault.to_string().contains("aggregate"), "{fault}");
    }
}
