//! The elements of an `.npy` array: numbers in their own precision, names as text.

pub mod dtype;
pub mod header;
mod order;
mod pickled;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use half::f16;

use self::dtype::{Dtype, OBJECTS};
use self::header::{Header, fill};
use self::order::to_c_order;
use crate::kernels::pack::RowValues;
use crate::{Error, Result};

/// Bytes decoded at a time.
const CHUNK: usize = 1 << 18;

/// Maximum number of names without any text: they take no bytes, so that no file is too small for them.
const MAX_EMPTY_NAMES: usize = 1 << 20;

/// Numbers in C order. Floats keep the precision of their file; bool and integers of up to 16 bits
/// become `f32`, wider ones `f64` (exact up to 2⁵³).
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Half precision.
    F16(Vec<f16>),
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

impl Values {
    /// Borrowed, as the kernels take them.
    pub fn as_rows(&self) -> RowValues<'_> {
        match self {
            Values::F16(values) => RowValues::F16(values),
            Values::F32(values) => RowValues::F32(values),
            Values::F64(values) => RowValues::F64(values),
        }
    }

    /// Every value as `f64`.
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Values::F16(values) => values.iter().map(|x| x.to_f64()).collect(),
            Values::F32(values) => values.iter().map(|&x| f64::from(x)).collect(),
            Values::F64(values) => values.clone(),
        }
    }

    /// The type's name as numpy spells it: `f2`, `f4` or `f8`.
    pub fn type_name(&self) -> &'static str {
        self.as_rows().type_name()
    }
}

impl Default for Values {
    /// No values.
    fn default() -> Self {
        Values::F32(Vec::new())
    }
}

/// An array of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each axis; empty for a single value.
    pub shape: Vec<usize>,
    /// The numbers in C order.
    pub values: Values,
}

/// Reads the numbers that follow a header, in C order whatever the file's order.
///
/// # Errors
/// The reason, if the elements are text, end too early or do not fit into memory.
pub fn read_numbers(reader: &mut dyn Read, header: &Header) -> Result<Values, String> {
    read_numbers_into(reader, header, Values::default())
}

/// As [`read_numbers`], into the buffer of old values if they have the same type.
///
/// # Errors
/// As [`read_numbers`].
pub fn read_numbers_into(
    reader: &mut dyn Read,
    header: &Header,
    buffer: Values,
) -> Result<Values, String> {
    // Little-endian bytes of one element to the type that it is kept in.
    macro_rules! read {
        ($kept:ident, $decode:expr) => {{
            let buffer = match buffer {
                Values::$kept(values) => values,
                _ => Vec::new(),
            };
            elements(reader, header, buffer, $decode).map(Values::$kept)
        }};
    }
    header.require_numbers()?;
    match header.dtype {
        Dtype::F16 => read!(F16, f16::from_le_bytes),
        Dtype::F32 => read!(F32, f32::from_le_bytes),
        Dtype::F64 => read!(F64, f64::from_le_bytes),
        Dtype::Bool => read!(F32, |[x]: [u8; 1]| f32::from(u8::from(x != 0))),
        Dtype::Int(1) => read!(F32, |x| f32::from(i8::from_le_bytes(x))),
        Dtype::Int(2) => read!(F32, |x| f32::from(i16::from_le_bytes(x))),
        Dtype::Int(4) => read!(F64, |x| f64::from(i32::from_le_bytes(x))),
        Dtype::Int(_) => read!(F64, |x| i64::from_le_bytes(x) as f64),
        Dtype::Uint(1) => read!(F32, |x| f32::from(u8::from_le_bytes(x))),
        Dtype::Uint(2) => read!(F32, |x| f32::from(u16::from_le_bytes(x))),
        Dtype::Uint(4) => read!(F64, |x| f64::from(u32::from_le_bytes(x))),
        Dtype::Uint(_) => read!(F64, |x| u64::from_le_bytes(x) as f64),
        Dtype::Unicode(_) | Dtype::Bytes(_) | Dtype::Object => Err(OBJECTS.into()),
    }
}

/// Decodes the elements chunk by chunk, so that the file's bytes are never in memory as a whole.
fn elements<const N: usize, T: Copy + Default>(
    reader: &mut dyn Read,
    header: &Header,
    mut values: Vec<T>,
    decode: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, String> {
    let total = header.elements();
    values.clear();
    values
        .try_reserve_exact(total)
        .map_err(|_| format!("{} bytes do not fit into memory", header.data_bytes()))?;
    let mut buffer = vec![0; CHUNK.min(total * N)];
    while values.len() < total {
        let bytes = &mut buffer[..CHUNK.min((total - values.len()) * N)];
        fill(reader, bytes)?;
        let (chunks, _) = bytes.as_chunks_mut::<N>();
        if header.big_endian {
            chunks.iter_mut().for_each(|chunk| chunk.reverse());
        }
        values.extend(chunks.iter().map(|chunk| decode(*chunk)));
    }
    if header.fortran && header.shape.len() > 1 {
        values = to_c_order(&values, &header.shape);
    }
    Ok(values)
}

/// Reads the text elements that follow a header; trailing NULs are padding, as in numpy. Of Python
/// objects only text, `None` and NaN are read; the last two become empty names.
///
/// # Errors
/// The reason, if the elements are numbers or objects that are not text, end too early, or one of them is not valid Unicode (the
/// message names its row).
pub fn read_names(reader: &mut dyn Read, header: &Header) -> Result<Vec<String>, String> {
    if header.dtype.is_number() {
        return Err(format!(
            "contains numbers (type {}); expected names, e.g. np.array(names, dtype='U')",
            header.descr
        ));
    }
    if header.dtype == Dtype::Object {
        return pickled::read(reader, header);
    }
    if header.dtype.size() == 0 && header.elements() > MAX_EMPTY_NAMES {
        return Err(format!("{} names without text", header.elements()));
    }
    let mut bytes = vec![0; header.dtype.size()];
    let mut names = Vec::new();
    for row in 0..header.elements() {
        fill(reader, &mut bytes)?;
        let name = match header.dtype {
            Dtype::Unicode(_) => unicode(&bytes, header.big_endian),
            _ => std::str::from_utf8(&bytes).ok().map(str::to_string),
        };
        let name = name.ok_or_else(|| {
            format!("row {row} is not valid Unicode: save the names as UTF-8 or with dtype='U'")
        })?;
        names.push(name.trim_end_matches('\0').to_string());
    }
    Ok(names)
}

fn unicode(bytes: &[u8], big_endian: bool) -> Option<String> {
    let (points, _) = bytes.as_chunks::<4>();
    let code = |point: &[u8; 4]| {
        if big_endian {
            u32::from_be_bytes(*point)
        } else {
            u32::from_le_bytes(*point)
        }
    };
    points
        .iter()
        .map(|point| char::from_u32(code(point)))
        .collect()
}

/// Reads an `.npy` file of numbers, of any number of axes.
///
/// # Errors
/// As [`with_file`], and [`Error::Npz`] if the elements are not real numbers.
#[cfg(feature = "testing")]
pub fn read_file(path: &Path) -> Result<Array> {
    with_file(path, |reader, header| {
        let values = read_numbers(reader, &header)?;
        Ok(Array {
            shape: header.shape,
            values,
        })
    })
}

/// Opens an `.npy` file, reads its header and has `read` read the elements.
///
/// # Errors
/// [`Error::Read`] if the file cannot be opened; [`Error::Npz`] if it is not an array of numbers or
/// text, has more or fewer bytes than its header says, or `read` fails.
pub fn with_file<T>(
    path: &Path,
    read: impl FnOnce(&mut BufReader<File>, Header) -> Result<T, String>,
) -> Result<T> {
    let failed = |source| Error::Read {
        path: path.to_path_buf(),
        source,
    };
    // Checked before opening: opening a pipe blocks until someone writes to it.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::Npz {
            path: path.to_path_buf(),
            array: None,
            reason: "is not a file; expected an .npy array".into(),
        });
    }
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let mut reader = BufReader::new(file);
    Header::read(&mut reader, bytes)
        .and_then(|header| read(&mut reader, header))
        .map_err(|reason| Error::Npz {
            path: path.to_path_buf(),
            array: None,
            reason,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(dtype: Dtype, shape: &[usize], fortran: bool, big_endian: bool) -> Header {
        Header {
            dtype,
            descr: "test".into(),
            big_endian,
            fortran,
            shape: shape.to_vec(),
            data_start: 0,
        }
    }

    #[test]
    fn fortran_order_of_any_rank_becomes_c_order() {
        // Element (i, j, k) of a 2 × 3 × 4 array has the value 100 i + 10 j + k.
        let mut bytes = Vec::new();
        for k in 0..4i16 {
            for j in 0..3 {
                for i in 0..2 {
                    bytes.extend((100 * i + 10 * j + k).to_be_bytes());
                }
            }
        }
        let values = read_numbers(
            &mut &bytes[..],
            &header(Dtype::Int(2), &[2, 3, 4], true, true),
        )
        .unwrap();
        let expected: Vec<f32> = (0..24)
            .map(|n| (100 * (n / 12) + 10 * (n / 4 % 3) + n % 4) as f32)
            .collect();
        assert_eq!(values, Values::F32(expected));
    }

    #[test]
    fn text_that_is_not_unicode_is_refused_with_its_row() {
        let mut bytes = Vec::new();
        for point in [65u32, 0, 0xD800, 0] {
            bytes.extend(point.to_le_bytes());
        }
        let fault = read_names(
            &mut &bytes[..],
            &header(Dtype::Unicode(2), &[2], false, false),
        )
        .unwrap_err();
        assert!(fault.contains("row 1"), "{fault}");
        let fault = read_names(
            &mut &b"ok\xff\xfe"[..],
            &header(Dtype::Bytes(2), &[2], false, false),
        )
        .unwrap_err();
        assert!(fault.contains("row 1"), "{fault}");
    }

    #[test]
    fn data_that_ends_early_is_refused() {
        let fault =
            read_numbers(&mut &[0u8; 7][..], &header(Dtype::F32, &[2], false, false)).unwrap_err();
        assert!(fault.contains("truncated"), "{fault}");
    }
}
