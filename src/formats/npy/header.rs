//! The header of an `.npy` array: element type, order and shape, checked against the bytes that are
//! present before anything is allocated.
//!
//! The parser accepts what numpy writes: one flat dictionary with the keys `descr`, `fortran_order`
//! and `shape`. It runs in time linear in the header and never recurses. `docs/dependencies.md` says
//! why npyz does not do this.

use std::io::Read;

use super::dtype::{Dtype, OBJECTS, parse_descr, quote};

/// Longest header accepted, in bytes; numpy's own limit.
const MAX_HEADER: u64 = 10_000;

/// Maximum number of axes in numpy.
const MAX_AXES: usize = 64;

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// An array's element type, order and shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Element type.
    pub dtype: Dtype,
    /// The type in numpy's notation, such as `<f4`.
    pub descr: String,
    /// Whether elements are big-endian.
    pub big_endian: bool,
    /// Whether the first axis varies fastest.
    pub fortran: bool,
    /// Length of each axis; empty for a single value.
    pub shape: Vec<usize>,
    /// Offset of the elements from the magic, in bytes.
    pub data_start: u64,
}

impl Header {
    /// Number of elements; cannot overflow, as the header has been checked.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Refuses elements that are not numbers.
    ///
    /// # Errors
    /// The reason.
    pub fn require_numbers(&self) -> Result<(), String> {
        match self.dtype {
            Dtype::Object => Err(OBJECTS.into()),
            dtype if dtype.is_number() => Ok(()),
            _ => Err(format!(
                "contains text (type {}); expected numbers, e.g. f4",
                self.descr
            )),
        }
    }

    /// Size of all elements in bytes; of objects the least.
    pub fn data_bytes(&self) -> u64 {
        (self.elements() * self.dtype.size()) as u64
    }

    /// Reads a header from the beginning of an array that occupies `available` bytes in all, and
    /// leaves the reader at the first element.
    ///
    /// # Errors
    /// The reason, if this is not a header that numpy writes, if its type is neither a number, text
    /// nor objects, or if the array needs more or fewer bytes than `available`.
    pub fn read(reader: &mut dyn Read, available: u64) -> Result<Header, String> {
        let mut start = [0; 8];
        fill(reader, &mut start)?;
        if &start[..6] != MAGIC {
            return Err("not an npy array: it does not begin with \\x93NUMPY".into());
        }
        let (length_bytes, utf8) = match (start[6], start[7]) {
            (1, 0) => (2, false),
            (2, 0) => (4, false),
            (3, 0) => (4, true),
            (major, minor) => {
                return Err(format!(
                    "npy format version {major}.{minor}; 1.0, 2.0 and 3.0 can be read"
                ));
            }
        };
        let mut length = [0; 4];
        fill(reader, &mut length[..length_bytes])?;
        let length = u64::from(u32::from_le_bytes(length));
        let data_start = 8 + length_bytes as u64 + length;
        if length > MAX_HEADER || data_start > available {
            return Err(format!(
                "its header claims {length} bytes, but the array occupies {available} and a header \
                 at most {MAX_HEADER}: the file is damaged"
            ));
        }
        let mut text = vec![0; length as usize];
        fill(reader, &mut text)?;
        let text = if utf8 {
            String::from_utf8(text).map_err(|_| "its header is not UTF-8".to_string())?
        } else {
            // Versions 1 and 2 are Latin-1.
            text.into_iter().map(char::from).collect()
        };
        let header = Parser::new(&text).header(data_start)?;
        header.check_size(available)?;
        Ok(header)
    }

    /// Compares the size that the shape implies with the bytes that are present.
    fn check_size(&self, available: u64) -> Result<(), String> {
        let elements = self
            .shape
            .iter()
            .try_fold(1usize, |product, &axis| product.checked_mul(axis));
        let bytes = elements
            .and_then(|elements| elements.checked_mul(self.dtype.size()))
            .filter(|&bytes| bytes <= isize::MAX as usize)
            .ok_or_else(|| format!("shape {:?} is too large for any file", self.shape))?;
        let present = available - self.data_start;
        let fits = match self.dtype {
            Dtype::Object => bytes as u64 <= present,
            _ => bytes as u64 == present,
        };
        if !fits {
            return Err(format!(
                "shape {:?} of type {} needs {bytes} bytes, the file has {present}: it is damaged or \
                 truncated, write it again",
                self.shape, self.descr
            ));
        }
        Ok(())
    }
}

/// Fills the buffer; reaching the end of the data is an error like any other.
pub(crate) fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> Result<(), String> {
    reader.read_exact(buffer).map_err(|error| {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            "ends too early: the file is truncated, write it again".to_string()
        } else {
            format!("cannot be read ({error}): the file is damaged, write it again")
        }
    })
}

/// A parser of the header's dictionary; goes forward only and never recurses.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.trim() }
    }

    fn header(mut self, data_start: u64) -> Result<Header, String> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.accept('}') {
            let key = self.string()?;
            self.expect(':')?;
            let twice = match key {
                "descr" => descr.replace(self.descr()?).is_some(),
                "fortran_order" => fortran.replace(self.boolean()?).is_some(),
                "shape" => shape.replace(self.shape()?).is_some(),
                _ => return Err(format!("its header has the unknown key {}", quote(key))),
            };
            if twice {
                return Err(format!("its header has the key {} twice", quote(key)));
            }
            if !self.accept(',') && !self.rest.starts_with('}') {
                return Err(self.unexpected("',' or '}'"));
            }
        }
        if !self.rest.is_empty() {
            return Err(self.unexpected("the end"));
        }
        let missing = |key| format!("its header lacks the key '{key}'");
        let descr = descr.ok_or_else(|| missing("descr"))?;
        let (dtype, big_endian) = parse_descr(descr)?;
        Ok(Header {
            dtype,
            descr: descr.to_string(),
            big_endian,
            fortran: fortran.ok_or_else(|| missing("fortran_order"))?,
            shape: shape.ok_or_else(|| missing("shape"))?,
            data_start,
        })
    }

    fn accept(&mut self, token: char) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: char) -> Result<(), String> {
        if self.accept(token) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("'{token}'")))
        }
    }

    fn unexpected(&self, expected: &str) -> String {
        let found: String = self.rest.chars().take(20).collect();
        let found = if found.is_empty() {
            "nothing more".to_string()
        } else {
            quote(&found)
        };
        format!("its header is malformed: expected {expected}, found {found}")
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let mark = if self.rest.starts_with('"') {
            '"'
        } else {
            '\''
        };
        let inner = self
            .rest
            .strip_prefix(mark)
            .ok_or_else(|| self.unexpected("a quoted word"))?;
        let (word, rest) = inner
            .split_once(mark)
            .ok_or_else(|| self.unexpected("a closed quotation"))?;
        if word.contains('\\') {
            return Err(self.unexpected("a quoted word without escapes"));
        }
        self.rest = rest.trim_start();
        Ok(word)
    }

    fn descr(&mut self) -> Result<&'a str, String> {
        if self.rest.starts_with(['[', '(']) {
            return Err(
                "a structured array; expected plain numbers or names, save one array per field"
                    .into(),
            );
        }
        self.string()
    }

    fn boolean(&mut self) -> Result<bool, String> {
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest.trim_start();
                return Ok(value);
            }
        }
        Err(self.unexpected("True or False"))
    }

    /// `()`, `(3,)` or `(3, 4)`; Python 2 wrote `3L`.
    fn shape(&mut self) -> Result<Vec<usize>, String> {
        self.expect('(')?;
        let mut axes = Vec::new();
        while !self.accept(')') {
            if self.rest.starts_with('-') {
                return Err("its header has a negative shape: the file is damaged".into());
            }
            let digits = self.rest.len()
                - self
                    .rest
                    .trim_start_matches(|c: char| c.is_ascii_digit())
                    .len();
            let (number, rest) = self.rest.split_at(digits);
            if number.is_empty() {
                return Err(self.unexpected("the length of an axis"));
            }
            axes.push(
                number.parse().map_err(|_| {
                    format!("its header has an axis of {number}: the file is damaged")
                })?,
            );
            if axes.len() > MAX_AXES {
                return Err(format!("its header has more than {MAX_AXES} axes"));
            }
            self.rest = rest.strip_prefix('L').unwrap_or(rest).trim_start();
            if !self.accept(',') && (axes.len() == 1 || !self.rest.starts_with(')')) {
                return Err(self.unexpected("',' after the length of an axis"));
            }
        }
        Ok(axes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Header, String> {
        Parser::new(text).header(128)
    }

    #[test]
    fn takes_what_numpy_writes() {
        let header =
            parse("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }   \n").unwrap();
        assert_eq!(header.dtype, Dtype::F32);
        assert_eq!(header.shape, [4, 3]);
        assert!(!header.fortran && !header.big_endian);
        let header = parse("{\"shape\":(5,),'fortran_order':True,'descr':'>U7'}").unwrap();
        assert_eq!(header.dtype, Dtype::Unicode(7));
        assert_eq!(header.shape, [5]);
        assert!(header.fortran && header.big_endian);
        assert_eq!(
            parse("{'descr':'|b1','fortran_order':False,'shape':()}")
                .unwrap()
                .shape,
            [0; 0]
        );
        assert_eq!(
            parse("{'descr':'<i8','fortran_order':False,'shape':(3L,)}")
                .unwrap()
                .shape,
            [3]
        );
    }

    #[test]
    fn refuses_everything_else() {
        let nested = format!("{{'descr': {}", "[".repeat(100_000));
        let axes = format!(
            "{{'descr': '<f4', 'fortran_order': False, 'shape': ({})}}",
            "1,".repeat(100)
        );
        for text in [
            "",
            "[]",
            "{",
            "{'descr'",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': [4, 3]}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-4, -3)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (4,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)} or 1",
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'more': 1}",
            "{'descr': '<f16', 'fortran_order': False, 'shape': (4,)}",
            "{'descr': '=f4', 'fortran_order': False, 'shape': (4,)}",
            "{'descr': 'float32', 'fortran_order': False, 'shape': (4,)}",
            "{'descr': '<U', 'fortran_order': False, 'shape': (4,)}",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,)}",
            &nested,
            &axes,
        ] {
            assert!(parse(text).is_err(), "{text:.60}");
        }
    }

    #[test]
    fn checks_sizes_before_it_allocates() {
        let file = |length: u32, text: &str| {
            let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
            bytes.extend(length.to_le_bytes());
            bytes.extend(text.as_bytes());
            bytes
        };
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1152921504606846976, 4)}";
        for bytes in [
            file(u32::MAX, text),
            file(text.len() as u32, text),
            file(text.len() as u32 + 1, text),
            b"\x93NUMPY\x01".to_vec(),
        ] {
            assert!(Header::read(&mut &bytes[..], bytes.len() as u64).is_err());
        }
    }
}
