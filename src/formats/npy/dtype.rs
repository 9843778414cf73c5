//! Element types of `.npy` arrays.

/// Element type of an array, without its byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// One byte, 0 or 1.
    Bool,
    /// A signed integer of this many bytes.
    Int(usize),
    /// An unsigned integer of this many bytes.
    Uint(usize),
    /// Half precision.
    F16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// Text of at most this many UTF-32 code points.
    Unicode(usize),
    /// Text of at most this many bytes.
    Bytes(usize),
    /// Pickled Python objects, of which only text can be read.
    Object,
}

/// Why objects that are not text are refused.
pub(crate) const OBJECTS: &str = "an array of Python objects, which are never unpickled; save it with a plain type, e.g. X.astype('float32'), \
     np.array(names, dtype='U')";

impl Dtype {
    /// Bytes of one element; of an object the least, as its size varies.
    pub fn size(self) -> usize {
        match self {
            Dtype::Bool | Dtype::Object => 1,
            Dtype::Int(size) | Dtype::Uint(size) | Dtype::Bytes(size) => size,
            Dtype::F16 => 2,
            Dtype::F32 => 4,
            Dtype::F64 => 8,
            Dtype::Unicode(chars) => 4 * chars,
        }
    }

    /// Whether the elements are numbers rather than text or objects.
    pub fn is_number(self) -> bool {
        !matches!(self, Dtype::Unicode(_) | Dtype::Bytes(_) | Dtype::Object)
    }
}

/// The element type and whether it is big-endian, from numpy's notation such as `<f4`.
pub(crate) fn parse_descr(descr: &str) -> Result<(Dtype, bool), String> {
    const KNOWN: &str = "expected f2, f4, f8, an integer or bool for numbers, U or S for names";
    let refuse = |why: &str| Err(format!("type {}{why}; {KNOWN}", quote(descr)));
    let mut chars = descr.chars();
    let (Some(order), Some(kind)) = (chars.next(), chars.next()) else {
        return refuse(" is unknown");
    };
    let size = chars.as_str();
    match kind {
        'O' => return Ok((Dtype::Object, false)),
        'c' => return refuse(" is complex"),
        'm' | 'M' => return refuse(" is a time"),
        'V' if size == "2" => {
            return refuse(" is raw bytes, as of bfloat16 (save x.float().numpy())");
        }
        'V' => return refuse(" is raw bytes"),
        _ => {}
    }
    let Ok(size) = size.parse::<usize>() else {
        return refuse(" is unknown");
    };
    let dtype = match (kind, size) {
        ('b', 1) => Dtype::Bool,
        ('i', 1 | 2 | 4 | 8) => Dtype::Int(size),
        ('u', 1 | 2 | 4 | 8) => Dtype::Uint(size),
        ('f', 2) => Dtype::F16,
        ('f', 4) => Dtype::F32,
        ('f', 8) => Dtype::F64,
        // Longer text is implausible, and its size could overflow.
        ('U' | 'S', 0..=0x0fff_ffff) if kind == 'U' => Dtype::Unicode(size),
        ('U' | 'S', 0..=0x0fff_ffff) => Dtype::Bytes(size),
        _ => return refuse(" is unknown"),
    };
    let single_byte = dtype.size() == 1 || matches!(dtype, Dtype::Bytes(_));
    match order {
        '<' => Ok((dtype, false)),
        '>' => Ok((dtype, true)),
        '|' if single_byte => Ok((dtype, false)),
        _ => refuse(" does not say its byte order"),
    }
}

/// The beginning of untrusted text, escaped onto one line.
pub(crate) fn quote(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}
