//! The elements of a feature file where they lie: in a map of the file, or in memory.

use std::ops::Range;

use super::{Npz, Place};
use crate::Result;
use crate::formats::npy::Values;
use crate::formats::npy::dtype::Dtype;
use crate::kernels::map::FileMap;
use crate::kernels::pack::StoredValues;

/// Numbers in C order.
#[derive(Debug)]
pub(crate) enum Stored {
    /// Read, because the file has them compressed, in another order or of another type.
    Memory(Values),
    /// Used where they stand in the file.
    Mapped(Mapped),
}

/// Numbers in a mapped file.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(crate) map: FileMap,
    /// The array's member of the archive, in bytes of the file.
    pub(crate) member: Range<usize>,
    /// The elements, the last part of the member.
    pub(crate) elements: Range<usize>,
    /// CRC-32 of the member.
    pub(crate) checksum: u32,
    dtype: Dtype,
}

impl Stored {
    /// The numbers of an array, mapped where possible, else read. Mapped bytes are not looked at.
    ///
    /// # Errors
    /// As [`Npz::numbers`].
    pub(crate) fn open(npz: &mut Npz, array: &str) -> Result<Stored> {
        if let Some(place) = npz.place(array)?
            && let Some(mapped) = Mapped::open(npz, place)
        {
            return Ok(Stored::Mapped(mapped));
        }
        Ok(Stored::Memory(npz.numbers(array)?.values))
    }

    /// As the kernels take them.
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

    /// Gives mapped pages back to the system until they are read again.
    pub(crate) fn release(&self) {
        if let Stored::Mapped(mapped) = self {
            mapped.map.release(mapped.elements.clone());
        }
    }

    /// The type as numpy spells it: `f2`, `f4` or `f8`.
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
    /// `None` where the elements cannot be used as they stand, or the system cannot map the file.
    fn open(npz: &Npz, place: Place) -> Option<Mapped> {
        let header = place.header;
        let float = matches!(header.dtype, Dtype::F16 | Dtype::F32 | Dtype::F64);
        if !float || header.big_endian || header.fortran {
            return None;
        }
        let map = FileMap::new(npz.file().ok()?).ok()?;
        let at = |place: u64| usize::try_from(place).ok().filter(|&at| at <= map.len());
        let (start, end) = (at(place.member.start)?, at(place.member.end)?);
        let elements = at(place.elements)?..end;
        (elements.len() as u64 == header.data_bytes()).then_some(Mapped {
            member: start..end,
            elements,
            checksum: place.checksum,
            dtype: header.dtype,
            map,
        })
    }
}
