//! Writing `.npz` archives for numpy: uncompressed, aligned for memory mapping, deterministic.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use half::f16;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::Result;
use crate::files::atomic_file;

/// Alignment of the elements in bytes, in the array and in the file.
const ALIGNMENT: usize = 64;

/// Precision of written numbers; each value is rounded to the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Half.
    F16,
    /// Single.
    F32,
    /// Double.
    F64,
}

impl Precision {
    /// Bytes of one value.
    pub fn size(self) -> usize {
        match self {
            Precision::F16 => 2,
            Precision::F32 => 4,
            Precision::F64 => 8,
        }
    }

    /// The type in numpy's notation.
    pub(crate) fn descr(self) -> &'static str {
        match self {
            Precision::F16 => "<f2",
            Precision::F32 => "<f4",
            Precision::F64 => "<f8",
        }
    }

    /// Appends values in little-endian order. Half precision is rounded via `f32`: that is the same
    /// on every processor.
    pub(crate) fn encode(self, values: &[f64], out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + values.len() * self.size(), 0);
        let out = &mut out[start..];
        match self {
            Precision::F16 => {
                let halves = values
                    .iter()
                    .map(|&x| f16::from_f32(x as f32).to_le_bytes());
                out.as_chunks_mut()
                    .0
                    .iter_mut()
                    .zip(halves)
                    .for_each(|(out, x)| *out = x);
            }
            Precision::F32 => {
                let singles = values.iter().map(|&x| (x as f32).to_le_bytes());
                out.as_chunks_mut()
                    .0
                    .iter_mut()
                    .zip(singles)
                    .for_each(|(out, x)| *out = x);
            }
            Precision::F64 => {
                let doubles = values.iter().map(|x| x.to_le_bytes());
                out.as_chunks_mut()
                    .0
                    .iter_mut()
                    .zip(doubles)
                    .for_each(|(out, x)| *out = x);
            }
        }
    }
}

/// Writes an archive atomically; `fill` writes its arrays.
///
/// # Errors
/// [`crate::Error::Write`], with nothing left behind.
pub fn write(
    path: &Path,
    fill: impl FnOnce(&mut NpzWriter<'_, '_>) -> io::Result<()>,
) -> Result<()> {
    atomic_file::write(path, |file| {
        let mut writer = NpzWriter {
            zip: ZipWriter::new(file),
        };
        fill(&mut writer)?;
        writer.zip.finish()?;
        Ok(())
    })
}

/// The code points of a text, as numpy stores it.
fn utf32(text: &str) -> Vec<u8> {
    text.chars()
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect()
}

/// Writer of the arrays of an archive.
pub struct NpzWriter<'a, 'b> {
    zip: ZipWriter<&'a mut BufWriter<&'b File>>,
}

impl NpzWriter<'_, '_> {
    /// Writes an array `(rows, cols)` row by row: `fill` gets the index of each row and a zeroed buffer
    /// `(cols)` for it. Only one row is in memory.
    ///
    /// # Errors
    /// If the file cannot be written, or the archive already has an array of this name.
    pub fn rows(
        &mut self,
        array: &str,
        precision: Precision,
        [rows, cols]: [usize; 2],
        mut fill: impl FnMut(usize, &mut [f64]),
    ) -> io::Result<()> {
        let bytes = (rows as u64) * (cols as u64) * precision.size() as u64;
        self.begin(
            array,
            precision.descr(),
            &format!("({rows}, {cols})"),
            bytes,
        )?;
        let mut values = vec![0.0; cols];
        let mut encoded = Vec::with_capacity(cols * precision.size());
        for row in 0..rows {
            values.fill(0.0);
            fill(row, &mut values);
            encoded.clear();
            precision.encode(&values, &mut encoded);
            self.zip.write_all(&encoded)?;
        }
        Ok(())
    }

    /// Writes an array `(names)` of Unicode text.
    ///
    /// # Errors
    /// As [`NpzWriter::rows`].
    pub fn names<S: AsRef<str>>(&mut self, array: &str, names: &[S]) -> io::Result<()> {
        let chars = names.iter().map(|name| name.as_ref().chars().count()).max();
        // numpy has no text type of length 0.
        let chars = chars.unwrap_or(0).max(1);
        let bytes = 4 * chars as u64 * names.len() as u64;
        self.begin(
            array,
            &format!("<U{chars}"),
            &format!("({},)", names.len()),
            bytes,
        )?;
        for name in names {
            let mut encoded = utf32(name.as_ref());
            encoded.resize(4 * chars, 0);
            self.zip.write_all(&encoded)?;
        }
        Ok(())
    }

    /// Writes an array `()` of one Unicode text, which is not empty.
    ///
    /// # Errors
    /// As [`NpzWriter::rows`].
    pub fn text(&mut self, array: &str, text: &str) -> io::Result<()> {
        let encoded = utf32(text);
        let descr = format!("<U{}", encoded.len() / 4);
        self.begin(array, &descr, "()", encoded.len() as u64)?;
        self.zip.write_all(&encoded)
    }

    fn begin(&mut self, array: &str, descr: &str, shape: &str, bytes: u64) -> io::Result<()> {
        let header = npy_header(descr, shape);
        // A fixed time: the same values give the same file.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .large_file(bytes + header.len() as u64 >= u64::from(u32::MAX))
            .with_alignment(ALIGNMENT as u16);
        self.zip.start_file(format!("{array}.npy"), options)?;
        self.zip.write_all(&header)
    }
}

/// A header of format 1.0, padded with blanks to a multiple of 64 bytes as numpy does. Its bytes are
/// numpy's, on which the checksums of feature files in trial names depend.
pub(crate) fn npy_header(descr: &str, shape: &str) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let length = (10 + text.len() + 1).next_multiple_of(ALIGNMENT) - 10;
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((length as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header.resize(10 + length - 1, b' ');
    header.push(b'\n');
    header
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::formats::npy::Values;
    use crate::formats::npz::Npz;

    fn save(path: &Path, precision: Precision, x: &[Vec<f64>], names: &[String]) {
        write(path, |npz| {
            let cols = x.first().map_or(0, Vec::len);
            npz.rows("X", precision, [x.len(), cols], |row, out| {
                out.copy_from_slice(&x[row])
            })?;
            npz.names("filenames", names)
        })
        .unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_is_read(
            (x, names) in (1usize..6, 1usize..9).prop_flat_map(|(rows, cols)| (
                prop::collection::vec(prop::collection::vec(any::<f32>(), cols), rows),
                prop::collection::hash_set("[a-zß-ü_0-9字]{1,12}", rows),
            ))
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.npz");
            let names: Vec<String> = names.into_iter().collect();
            let x: Vec<Vec<f64>> = x.iter().map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect();
            let flat: Vec<f64> = x.concat();
            for precision in [Precision::F16, Precision::F32, Precision::F64] {
                save(&path, precision, &x, &names);
                prop_assert_eq!(&Npz::open(&path).unwrap().names("filenames").unwrap(), &names);
                let bits = |x: &f64| x.to_bits();
                let halves = |x: &f64| f16::from_f32(*x as f32).to_bits();
                let read = Npz::open(&path).unwrap().numbers("X").unwrap();
                prop_assert_eq!(&read.shape[..], &[x.len(), x[0].len()]);
                let read = read.values;
                match (precision, &read) {
                    (Precision::F16, Values::F16(read)) => {
                        prop_assert!(read.iter().map(|x| x.to_bits()).eq(flat.iter().map(halves)));
                    }
                    (Precision::F32, Values::F32(_)) | (Precision::F64, Values::F64(_)) => {
                        prop_assert!(read.to_f64().iter().map(bits).eq(flat.iter().map(bits)));
                    }
                    _ => prop_assert!(false, "{} for {precision:?}", read.type_name()),
                }
            }
        }
    }

    #[test]
    fn the_same_values_give_the_same_bytes_and_elements_are_aligned() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = |name: &str| {
            let path = folder.path().join(name);
            save(
                &path,
                Precision::F32,
                &[vec![1.5; 3], vec![2.5; 3]],
                &["a".into(), "b".into()],
            );
            std::fs::read(path).unwrap()
        };
        let first = bytes("a.npz");
        assert_eq!(first, bytes("b.npz"));
        let pattern: Vec<u8> = [1.5f32; 3].iter().flat_map(|x| x.to_le_bytes()).collect();
        let at = first
            .windows(12)
            .position(|window| window == pattern)
            .unwrap();
        assert_eq!(at % ALIGNMENT, 0, "X begins at byte {at}");
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let failed = write(&path, |npz| {
            npz.names("filenames", &["a"])?;
            npz.names("filenames", &["a"])
        });
        assert!(failed.unwrap_err().to_string().contains("a.npz"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
