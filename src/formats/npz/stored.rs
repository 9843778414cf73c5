//! The elements of a feature matrix: memory-mapped where possible, else read into memory.

use std::ops::Range;

use super::{Location, Npz};
use crate::Result;
use crate::formats::npy::Values;
use crate::formats::npy::dtype::Dtype;
use crate::kernels::map::FileMap;
use crate::kernels::pack::StoredValues;

/// Numbers in C order.
#[derive(Debug)]
pub(crate) enum Stored {
    /// Read, because they are compressed, in another order or of another type in the file.
    Memory(Values),
    /// Used in place, in the file.
    Mapped(Mapped),
}

/// Numbers in a mapped file.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(crate) map: FileMap,
    /// Byte range of the array's archive member in the file.
    pub(crate) member: Range<usize>,
    /// Byte range of the elements, the last part of the member.
    pub(crate) elements: Range<usize>,
    /// CRC-32 of the member.
    pub(crate) checksum: u32,
    dtype: Dtype,
}

impl Stored {
    /// Maps the numbers of an array if possible, else reads them. Mapped bytes are not verified.
    ///
    /// # Errors
    /// As [`Npz::numbers`].
    pub(crate) fn open(npz: &mut Npz, array: &str) -> Result<Stored> {
        if let Some(location) = npz.location(array)?
            && let Some(mapped) = Mapped::open(npz, location)
        {
            return Ok(Stored::Mapped(mapped));
        }
        Ok(Stored::Memory(npz.numbers(array)?.values))
    }

    /// The numbers in the form that the kernels take.
    pub(crate) fn values(&self) -> StoredValues<'_> {
        let mapped = match self {
            Stored::Memory(values) => return StoredValues::Memory(values.as_rows()),
            Stored::Mapped(mapped) => mapped,
        };
        let bytes = &mapped.map[mapped.elements.clone()];
        match mapped.dtype {
            Dtype::F16 => StoredValues::F16(bytes.as_chunks().0),
            Dtype::F64 => StoredValues::F64(bytes.as_chunks().0),
            _ => StoredValues::F32(bytes.as_chunks().0),
        }
    }

    /// Returns mapped pages to the system; reading them again loads them again.
    pub(crate) fn release(&self) {
        if let Stored::Mapped(mapped) = self {
            mapped.map.release(mapped.elements.clone());
        }
    }

    /// The type in numpy's notation: `f2`, `f4` or `f8`.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Stored::Memory(values) => values.type_name(),
            Stored::Mapped(mapped) => match mapped.dtype {
                Dtype::F16 => "f2",
                Dtype::F64 => "f8",
                _ => "f4",
            },
        }
    }
}

impl Mapped {
    /// `None` if the elements cannot be used in place, or the system cannot map the file.
    fn open(npz: &Npz, location: Location) -> Option<Mapped> {
        let header = location.header;
        let float = matches!(header.dtype, Dtype::F16 | Dtype::F32 | Dtype::F64);
        if !float || header.big_endian || header.fortran {
            return None;
        }
        let map = FileMap::new(npz.file().ok()?).ok()?;
        let at = |offset: u64| usize::try_from(offset).ok().filter(|&at| at <= map.len());
        let (start, end) = (at(location.member.start)?, at(location.member.end)?);
        let elements = at(location.elements)?..end;
        (elements.len() as u64 == header.data_bytes()).then_some(Mapped {
            member: start..end,
            elements,
            checksum: location.checksum,
            dtype: header.dtype,
            map,
        })
    }
}
