//! Reading `.npz` archives: every claimed size is checked against the file before it is allocated.

pub(crate) mod stored;
pub mod write;

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::ops::Range;
use std::path::{Path, PathBuf};

use zip::read::{ZipFile, ZipReadOptions};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::npy::header::Header;
use super::npy::{Array, Values, read_names, read_numbers_into};
use crate::{Error, Result};

/// Maximum number of members of an archive.
const MAX_MEMBERS: usize = 100_000;

/// Size in bytes up to which a member may have any compression ratio.
const SMALL_MEMBER: u64 = 16 << 20;

/// Maximum compression ratio above [`SMALL_MEMBER`]: more is possible only for almost constant data.
const MAX_RATIO: u64 = 200;

/// Location of an uncompressed array in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Byte range of the whole member, header included.
    pub member: Range<u64>,
    /// Offset of its elements, which end with the member.
    pub elements: u64,
    /// CRC-32 of the member.
    pub checksum: u32,
    /// Its header.
    pub header: Header,
}

/// An open `.npz` archive: named arrays, read one at a time.
#[derive(Debug)]
pub struct Npz {
    path: PathBuf,
    bytes: u64,
    file: File,
    archive: ZipArchive<BufReader<File>>,
}

impl Npz {
    /// Opens an archive and checks its directory.
    ///
    /// # Errors
    /// [`Error::Read`] if the file cannot be opened; [`Error::Npz`] if it is not an intact zip archive,
    /// has two members of the same name, or a name that points outside the archive.
    pub fn open(path: &Path) -> Result<Npz> {
        let failed = |source| Error::Read {
            path: path.to_path_buf(),
            source,
        };
        let fault = |reason: String| Error::Npz {
            path: path.to_path_buf(),
            array: None,
            reason,
        };
        let mut file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(fault("is not a file; expected an .npz archive".into()));
        }
        let mut start = Vec::new();
        (&mut file)
            .take(6)
            .read_to_end(&mut start)
            .map_err(failed)?;
        file.rewind().map_err(failed)?;
        if start.is_empty() {
            return Err(fault("is empty; write it again with np.savez".into()));
        }
        if start == b"\x93NUMPY" {
            return Err(fault(
                "is a single .npy array; expected an .npz with X and filenames, as np.savez writes"
                    .into(),
            ));
        }
        let same_file = file.try_clone().map_err(failed)?;
        let archive =
            ZipArchive::new(BufReader::with_capacity(1 << 16, file)).map_err(|error| {
                fault(format!(
                    "is not an intact .npz archive ({}): it is damaged or truncated, write it again",
                    explain(&error)
                ))
            })?;
        if archive.has_duplicate_names() {
            return Err(fault(
                "contains two members with the same name; write it again with np.savez".into(),
            ));
        }
        if archive.len() > MAX_MEMBERS {
            return Err(fault(format!(
                "contains {} members; expected at most {MAX_MEMBERS}",
                archive.len()
            )));
        }
        let names = archive.file_names_raw();
        if let Some(name) = names
            .map(String::from_utf8_lossy)
            .find(|name| escapes(name))
        {
            return Err(fault(format!(
                "contains a member with the path {name:?}; expected plain array names"
            )));
        }
        let bytes = metadata.len();
        Ok(Npz {
            path: path.to_path_buf(),
            bytes,
            file: same_file,
            archive,
        })
    }

    /// The file that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same open file, even if another one has replaced it under its name.
    ///
    /// # Errors
    /// If the system cannot duplicate the handle.
    pub fn file(&self) -> std::io::Result<File> {
        self.file.try_clone()
    }

    /// Names of the arrays, without `.npy`, in the order of the archive.
    pub fn arrays(&self) -> Vec<String> {
        let names = self.archive.file_names_raw().map(String::from_utf8_lossy);
        names
            .map(|name| name.strip_suffix(".npy").unwrap_or(&name).to_string())
            .collect()
    }

    /// An array's header, without its elements.
    ///
    /// # Errors
    /// [`Error::Npz`] if the array is missing, encrypted, or compressed in an unknown or
    /// implausible way, or its header does not fit its size.
    pub fn header(&mut self, array: &str) -> Result<Header> {
        self.with(array, |_, header| Ok(header))
    }

    /// An array of numbers, in C order.
    ///
    /// # Errors
    /// As [`Npz::header`], and if the array holds text or is damaged.
    pub fn numbers(&mut self, array: &str) -> Result<Array> {
        self.numbers_into(array, Values::default())
    }

    /// As [`Npz::numbers`], into the buffer of old values if they have the same type.
    ///
    /// # Errors
    /// As [`Npz::numbers`].
    pub fn numbers_into(&mut self, array: &str, buffer: Values) -> Result<Array> {
        self.with(array, |reader, header| {
            let values = read_numbers_into(reader, &header, buffer)?;
            finished(reader)?;
            Ok(Array {
                shape: header.shape,
                values,
            })
        })
    }

    /// Location of an array in the file; `None` if it is compressed. The elements are not read:
    /// compare [`Location::checksum`] to see whether they are intact.
    ///
    /// # Errors
    /// As [`Npz::header`].
    pub fn location(&mut self, array: &str) -> Result<Option<Location>> {
        let found = self.member(array, |member, header| {
            let stored = member.compression() == CompressionMethod::Stored;
            let start = member.data_start().filter(|_| stored);
            Ok(start.map(|start| Location {
                member: start..start + member.size(),
                elements: start + header.data_start,
                checksum: member.crc32(),
                header,
            }))
        });
        found.map_err(|reason| self.fault(Some(array), reason))
    }

    /// An array of text, flattened.
    ///
    /// # Errors
    /// As [`Npz::header`], and if the array holds numbers, text that is not Unicode, or is damaged.
    pub fn names(&mut self, array: &str) -> Result<Vec<String>> {
        self.with(array, |reader, header| {
            let names = read_names(reader, &header)?;
            finished(reader)?;
            Ok(names)
        })
    }

    /// An error that names this file and, if given, the array.
    pub fn fault(&self, array: Option<&str>, reason: impl Into<String>) -> Error {
        Error::Npz {
            path: self.path.clone(),
            array: array.map(str::to_string),
            reason: reason.into(),
        }
    }

    fn with<T>(
        &mut self,
        array: &str,
        read: impl FnOnce(&mut dyn Read, Header) -> Result<T, String>,
    ) -> Result<T> {
        self.member(array, |member, header| read(member, header))
            .map_err(|reason| self.fault(Some(array), reason))
    }

    fn member<T>(
        &mut self,
        array: &str,
        read: impl FnOnce(&mut ZipFile<'_, BufReader<File>>, Header) -> Result<T, String>,
    ) -> Result<T, String> {
        let suffixed = self.archive.index_for_name(&format!("{array}.npy"));
        let index = match (suffixed, self.archive.index_for_name(array)) {
            (Some(_), Some(_)) => {
                return Err(format!("contains both {array} and {array}.npy; keep one"));
            }
            (Some(index), None) | (None, Some(index)) => index,
            (None, None) => {
                let mut present = self.arrays();
                present.truncate(8);
                return Err(format!(
                    "missing; found: {}",
                    if present.is_empty() {
                        "nothing".into()
                    } else {
                        present.join(", ")
                    }
                ));
            }
        };
        let options = ZipReadOptions::new().enforce_header_consistency(true);
        let mut member = self
            .archive
            .by_index_with_options(index, options)
            .map_err(|error| explain(&error))?;
        if !matches!(
            member.compression(),
            CompressionMethod::Stored | CompressionMethod::Deflated
        ) {
            return Err(format!(
                "uses the zip method {:?}; only stored and deflated can be read, as np.savez \
                 and np.savez_compressed write",
                member.compression()
            ));
        }
        let (packed, size) = (member.compressed_size(), member.size());
        if packed > self.bytes
            || (member.compression() == CompressionMethod::Stored && packed != size)
        {
            return Err(format!(
                "claims {packed} bytes, stored as {size}, in a file of {}: it is damaged",
                self.bytes
            ));
        }
        if size > SMALL_MEMBER && size / MAX_RATIO > packed {
            return Err(format!(
                "{size} bytes compressed to {packed}, more than {MAX_RATIO} to 1, is implausible \
                 for features; if it is real, save it uncompressed with np.savez"
            ));
        }
        let header = Header::read(&mut member, size)?;
        read(&mut member, header)
    }
}

/// Reads to the end, where the archive reader compares the checksum.
fn finished(reader: &mut dyn Read) -> Result<(), String> {
    match reader.read(&mut [0; 1]) {
        Ok(0) => Ok(()),
        Ok(_) => Err("contains more bytes than its header says: the file is damaged".into()),
        Err(error) => Err(format!("is damaged ({error}); write the file again")),
    }
}

/// Whether a member's name points outside the folder that it would be extracted to.
fn escapes(name: &str) -> bool {
    name.contains('\\') || name.starts_with('/') || name.split('/').any(|part| part == "..")
}

fn explain(error: &ZipError) -> String {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
            "is encrypted; save it without a password".into()
        }
        ZipError::InvalidArchive(reason) => reason.to_string(),
        other => other.to_string(),
    }
}
