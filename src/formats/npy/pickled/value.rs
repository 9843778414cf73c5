//! The values that the pickle of an array of names consists of.

use std::rc::Rc;

/// Depth of a tuple in tuples; the array's shape in its state is the deepest.
const MAX_DEPTH: u8 = 2;
/// Maximum number of characters of a `numpy.str_`.
const MAX_CHARACTERS: usize = 4096;

/// A value on the stack.
#[derive(Clone)]
pub(super) enum Value {
    Mark,
    /// `None`, or NaN.
    None,
    /// A number, or a truth value as 0 or 1.
    Int(i64),
    Text(Rc<str>),
    Bytes(Rc<[u8]>),
    /// Values, and how deep tuples are nested in it.
    Tuple(Rc<[Value]>, u8),
    /// The list of names.
    List,
    Function(Function),
    Dtype(Dtype),
    /// The array of names.
    Array,
}

impl Value {
    /// `None` if the tuple is nested too deep, or contains a mark.
    pub(super) fn tuple(items: Vec<Value>) -> Option<Value> {
        let mut depth = 1;
        for item in &items {
            match item {
                Value::Mark => return None,
                Value::Tuple(_, inner) => depth = depth.max(inner + 1),
                _ => {}
            }
        }
        (depth <= MAX_DEPTH).then(|| Value::Tuple(items.into(), depth))
    }

    fn is_text(&self, expected: &[&str]) -> bool {
        matches!(self, Value::Text(text) if expected.contains(&&**text))
    }
}

/// The functions and classes that numpy names in such a pickle.
#[derive(Clone, Copy)]
pub(super) enum Function {
    /// `_reconstruct`: an array without values.
    Reconstruct,
    /// `ndarray`, its first argument.
    Ndarray,
    /// `dtype`.
    Dtype,
    /// `scalar`: a `numpy.str_`.
    Scalar,
    /// `_codecs.encode`, which Python 3 writes for bytes in protocol 2.
    Encode,
}

impl Function {
    pub(super) fn of(module: &str, name: &str) -> Option<Function> {
        match (module, name) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => {
                Some(Function::Reconstruct)
            }
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => {
                Some(Function::Scalar)
            }
            ("numpy", "ndarray") => Some(Function::Ndarray),
            ("numpy", "dtype") => Some(Function::Dtype),
            ("_codecs", "encode") => Some(Function::Encode),
            _ => None,
        }
    }

    /// What it gives for the arguments that numpy writes; `None` for all others.
    pub(super) fn result(self, arguments: &[Value]) -> Option<Value> {
        match (self, arguments) {
            (
                Function::Reconstruct,
                [
                    Value::Function(Function::Ndarray),
                    Value::Tuple(shape, _),
                    Value::Bytes(kind),
                ],
            ) => {
                let empty = matches!(&shape[..], [Value::Int(0)]) && &kind[..] == b"b";
                empty.then_some(Value::Array)
            }
            (Function::Dtype, [Value::Text(name), Value::Int(0), Value::Int(1)]) => {
                Dtype::of(name).map(Value::Dtype)
            }
            (Function::Scalar, [Value::Dtype(Dtype::Unicode(length)), Value::Bytes(bytes)]) => {
                let text = (bytes.len() == 4 * length).then(|| utf_32(bytes))??;
                Some(Value::Text(text.into()))
            }
            (Function::Encode, [Value::Text(text), codec]) if codec.is_text(&["latin1"]) => {
                let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
                Some(Value::Bytes(bytes.ok()?.into()))
            }
            _ => None,
        }
    }
}

/// Little-endian, with NULs at the end as padding.
fn utf_32(bytes: &[u8]) -> Option<String> {
    let (points, _) = bytes.as_chunks::<4>();
    let characters = points.iter().map(|&point| u32::from_le_bytes(point));
    let text: Option<String> = characters.map(char::from_u32).collect();
    Some(text?.trim_end_matches('\0').to_owned())
}

/// The element types of such an array and of its `numpy.str_`.
#[derive(Clone, Copy)]
pub(super) enum Dtype {
    Object,
    /// Text of this many characters.
    Unicode(usize),
}

impl Dtype {
    fn of(name: &str) -> Option<Dtype> {
        if let "O" | "O4" | "O8" = name {
            return Some(Dtype::Object);
        }
        let length = name.strip_prefix('U')?.parse().ok()?;
        (length <= MAX_CHARACTERS).then_some(Dtype::Unicode(length))
    }

    /// Whether this is the state that numpy writes for it: version, byte order, three times nothing, and
    /// numbers.
    pub(super) fn has_state(self, state: &[Value]) -> bool {
        let [
            Value::Int(3),
            order,
            Value::None,
            Value::None,
            Value::None,
            numbers @ ..,
        ] = state
        else {
            return false;
        };
        let order = match self {
            Dtype::Object => order.is_text(&["|"]),
            Dtype::Unicode(_) => order.is_text(&["<"]),
        };
        order && numbers.len() == 3 && numbers.iter().all(|value| matches!(value, Value::Int(_)))
    }
}

/// Whether this is the state of an array of `count` objects whose values are the list of names.
pub(super) fn is_state_of_names(state: &[Value], count: usize) -> bool {
    let [
        Value::Int(1),
        Value::Tuple(shape, _),
        Value::Dtype(Dtype::Object),
        Value::Int(0 | 1),
        Value::List,
    ] = state
    else {
        return false;
    };
    matches!(&shape[..], [Value::Int(length)] if usize::try_from(*length) == Ok(count))
}
