//! Reading `.npz` archives: what is announced is checked against the file before it is allocated.

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

/// Members beyond which no archive of arrays goes.
const MAX_MEMBERS: usize = 100_000;

/// A member may inflate to this size whatever its ratio.
const SMALL_MEMBER: u64 = 16 << 20;

/// Above [`SMALL_MEMBER`], more than this ratio means almost nothing but zeros.
const MAX_RATIO: u64 = 200;

/// Where an array stands in its file, uncompressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The bytes of the whole member, header included.
    pub member: Range<u64>,
    /// Where its elements begin; they end with the member.
    pub elements: u64,
    /// CRC-32 of the member.
    pub checksum: u32,
    /// What its header says.
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
    /// [`Error::Read`] if the file cannot be opened; [`Error::Npz`] if it is no intact zip archive,
    /// holds two members of one name, or a name that points outside the archive.
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
        if let Some(name) = names.map(String::from_utf8_lossy).find(|name| leaves(name)) {
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

    /// The same open file, whatever stands under its name by now.
    ///
    /// # Errors
    /// If the system has no further handle to give.
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
    /// [`Error::Npz`] if there is no such array, it is encrypted or compressed in an unknown or
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

    /// As [`Npz::numbers`], into the memory of old values where their type is the same.
    ///
    /// # Errors
    /// As [`Npz::numbers`].
    pub fn numbers_into(&mut self, array: &str, memory: Values) -> Result<Array> {
        self.with(array, |reader, header| {
            let values = read_numbers_into(reader, &header, memory)?;
            finished(reader)?;
            Ok(Array {
                shape: header.shape,
                values,
            })
        })
    }

    /// Where an array's elements stand in the file, if they stand there as they are: the member is
    /// not compressed. Whether they are intact, [`Place::checksum`] tells.
    ///
    /// # Errors
    /// As [`Npz::header`].
    pub fn place(&mut self, array: &str) -> Result<Option<Place>> {
        let found = self.member(array, |member, header| {
            let stored = member.compression() == CompressionMethod::Stored;
            let start = member.data_start().filter(|_| stored);
            Ok(start.map(|start| Place {
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

    /// An error that names this file and, where one is at fault, the array.
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
                let mut there = self.arrays();
                there.truncate(8);
                return Err(format!(
                    "missing; found: {}",
                    if there.is_empty() {
                        "nothing".into()
                    } else {
                        there.join(", ")
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

/// Reads on to the end, where the checksum is compared.
fn finished(reader: &mut dyn Read) -> Result<(), String> {
    match reader.read(&mut [0; 1]) {
        Ok(0) => Ok(()),
        Ok(_) => Err("contains more bytes than its header says: the file is damaged".into()),
        Err(error) => Err(format!("is damaged ({error}); write the file again")),
    }
}

/// Whether a member's name would leave a folder that it is unpacked into.
fn leaves(name: &str) -> bool {
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
