//! Names in an array of Python objects, as `np.savez` stores a pandas column: a pickle, of which only
//! the operations that such an array consists of are understood. Nothing is ever imported, called or
//! built; any other operation, function or object is refused.
//!
//! The operations are those of Python's `pickletools`, protocols 2 to 5. Memory is bounded: by the number
//! of names in the header, [`MAX_NAME`] bytes per name, [`MAX_TEXT`] in all, and a stack and a memo of
//! limited length.

mod value;

use std::io::Read;
use std::rc::Rc;

use self::value::{Function, Value};
use super::dtype::OBJECTS;
use super::header::{Header, fill};

/// Maximum number of names.
const MAX_NAMES: usize = 1 << 21;
/// Maximum length of one name in bytes; the longest path of common systems.
const MAX_NAME: usize = 4096;
/// Maximum length of all names together in bytes.
const MAX_TEXT: usize = 64 << 20;
/// Maximum number of values on the stack; Python appends to a list in batches of 1000.
const MAX_STACK: usize = 2048;
/// Maximum number of remembered values.
const MAX_MEMO: usize = 1 << 23;

/// Reads the names of a one-dimensional object array, whose elements may be `str`, `numpy.str_`, `None`
/// or NaN; the last two become empty names.
///
/// # Errors
/// The reason: an object of another kind (with its row), an operation that no such array needs, damaged
/// or truncated data, or more than the limits of this module.
pub(super) fn read(reader: &mut dyn Read, header: &Header) -> Result<Vec<String>, String> {
    let &[count] = &header.shape[..] else {
        return Err(format!(
            "expected names along one axis, found shape {:?}",
            header.shape
        ));
    };
    if count > MAX_NAMES {
        return Err(format!(
            "{count} Python objects; at most {MAX_NAMES} can be read, save the names with \
             np.array(names, dtype='U')"
        ));
    }
    let mut machine = Machine {
        reader,
        count,
        stack: Vec::new(),
        memo: Vec::new(),
        names: Vec::with_capacity(count),
        text: 0,
        listed: false,
        built: false,
    };
    machine.run()?;
    machine.end()?;
    Ok(machine.names)
}

/// The state of a pickle: a stack, the values that it remembers, and the names read so far.
struct Machine<'a> {
    reader: &'a mut dyn Read,
    count: usize,
    stack: Vec<Value>,
    memo: Vec<Value>,
    names: Vec<String>,
    /// Length of all names in bytes.
    text: usize,
    /// Whether the list of names has begun.
    listed: bool,
    /// Whether the array is complete.
    built: bool,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<(), String> {
        let [operation, protocol] = self.bytes()?;
        if operation != 0x80 || !(2..=5).contains(&protocol) {
            return Err(self.refuse());
        }
        loop {
            let [operation] = self.bytes()?;
            // STOP
            if operation == b'.' {
                break;
            }
            self.step(operation)?;
        }
        match &self.stack[..] {
            [Value::Array] if self.built && self.names.len() == self.count => Ok(()),
            _ => Err(self.refuse()),
        }
    }

    /// Nothing may follow.
    fn end(&mut self) -> Result<(), String> {
        match self.reader.read(&mut [0; 1]) {
            Ok(0) => Ok(()),
            Ok(_) => Err("contains more bytes than its pickled names: the file is damaged".into()),
            Err(error) => Err(format!("is damaged ({error}); write the file again")),
        }
    }

    /// Executes one operation; the comments give their names in `pickletools`.
    fn step(&mut self, operation: u8) -> Result<(), String> {
        let value = match operation {
            // FRAME: only says how long a part is.
            0x95 => return self.bytes::<8>().map(|_| ()),
            // MEMOIZE, BINPUT, LONG_BINPUT
            0x94 => return self.remember(self.memo.len()),
            b'q' => {
                let [place] = self.bytes()?;
                return self.remember(usize::from(place));
            }
            b'r' => {
                let place = u32::from_le_bytes(self.bytes()?);
                return self.remember(place as usize);
            }
            // REDUCE, BUILD, APPEND, APPENDS
            b'R' => return self.reduce(),
            b'b' => return self.build(),
            b'a' => {
                let name = self.pop()?;
                return self.append(name);
            }
            b'e' => return self.append_all(),
            // BINGET, LONG_BINGET
            b'h' => {
                let [place] = self.bytes()?;
                self.recall(usize::from(place))?
            }
            b'j' => {
                let place = u32::from_le_bytes(self.bytes()?);
                self.recall(place as usize)?
            }
            // NONE, NEWTRUE, NEWFALSE, BININT1, BININT2, BININT
            b'N' => Value::None,
            0x88 => Value::Int(1),
            0x89 => Value::Int(0),
            b'K' => Value::Int(i64::from(u8::from_le_bytes(self.bytes()?))),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.bytes()?))),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.bytes()?))),
            // BINFLOAT: pandas writes a missing name as NaN.
            b'G' if f64::from_be_bytes(self.bytes()?).is_nan() => Value::None,
            // SHORT_BINUNICODE, BINUNICODE, SHORT_BINBYTES, BINBYTES
            0x8c => self.short_text()?,
            b'X' => {
                let length = u32::from_le_bytes(self.bytes()?);
                self.text(length as usize)?
            }
            b'C' => {
                let [length] = self.bytes()?;
                Value::Bytes(self.take(usize::from(length))?.into())
            }
            b'B' => {
                let length = u32::from_le_bytes(self.bytes()?);
                Value::Bytes(self.take(length as usize)?.into())
            }
            // EMPTY_LIST: the names, of which there is one list.
            b']' if !self.listed => {
                self.listed = true;
                Value::List
            }
            // MARK, TUPLE, TUPLE1, TUPLE2, TUPLE3
            b'(' => Value::Mark,
            b't' => self.marked_tuple()?,
            0x85..=0x87 => self.tuple(usize::from(operation - 0x84))?,
            // GLOBAL, STACK_GLOBAL
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.function(&module, &name)?
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else {
                    return Err(self.refuse());
                };
                self.function(&module, &name)?
            }
            _ => return Err(self.refuse()),
        };
        self.push(value)
    }

    fn push(&mut self, value: Value) -> Result<(), String> {
        if self.stack.len() >= MAX_STACK {
            return Err(self.refuse());
        }
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(|| self.refuse())
    }

    /// Python numbers what it remembers 0, 1, 2, …, so that the memo grows by one.
    fn remember(&mut self, place: usize) -> Result<(), String> {
        match self.stack.last() {
            Some(value) if place == self.memo.len() && place < MAX_MEMO => {
                self.memo.push(value.clone());
                Ok(())
            }
            _ => Err(self.refuse()),
        }
    }

    fn recall(&self, place: usize) -> Result<Value, String> {
        let value = self.memo.get(place).cloned();
        value.ok_or_else(|| self.refuse())
    }

    fn marked_tuple(&mut self) -> Result<Value, String> {
        let items = self.items()?;
        self.mark_off()?;
        Value::tuple(items).ok_or_else(|| self.refuse())
    }

    fn tuple(&mut self, length: usize) -> Result<Value, String> {
        let start = self.stack.len().checked_sub(length);
        let start = start.ok_or_else(|| self.refuse())?;
        let items = self.stack.split_off(start);
        Value::tuple(items).ok_or_else(|| self.refuse())
    }

    /// The values above the last mark.
    fn items(&mut self) -> Result<Vec<Value>, String> {
        let mark = self
            .stack
            .iter()
            .rposition(|value| matches!(value, Value::Mark));
        let mark = mark.ok_or_else(|| self.refuse())?;
        Ok(self.stack.split_off(mark + 1))
    }

    fn mark_off(&mut self) -> Result<(), String> {
        match self.pop()? {
            Value::Mark => Ok(()),
            _ => Err(self.refuse()),
        }
    }

    fn append_all(&mut self) -> Result<(), String> {
        let items = self.items()?;
        self.mark_off()?;
        items.into_iter().try_for_each(|name| self.append(name))
    }

    fn append(&mut self, name: Value) -> Result<(), String> {
        if !matches!(self.stack.last(), Some(Value::List)) || self.names.len() >= self.count {
            return Err(self.refuse());
        }
        let name = match name {
            Value::Text(name) => name,
            Value::None => Rc::from(""),
            _ => return Err(self.refuse()),
        };
        self.text += name.len();
        if self.text > MAX_TEXT {
            return Err(format!(
                "Python objects with more than {MAX_TEXT} bytes of text; save the names with \
                 np.array(names, dtype='U')"
            ));
        }
        self.names.push(name.to_string());
        Ok(())
    }

    fn function(&self, module: &str, name: &str) -> Result<Value, String> {
        let function = Function::of(module, name);
        function.map(Value::Function).ok_or_else(|| self.refuse())
    }

    fn reduce(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Value::Tuple(arguments, _), Value::Function(function)) = (arguments, function) else {
            return Err(self.refuse());
        };
        let result = function.result(&arguments);
        let result = result.ok_or_else(|| self.refuse())?;
        self.push(result)
    }

    /// Checks the state of a type or of the array against what numpy writes.
    fn build(&mut self) -> Result<(), String> {
        let state = self.pop()?;
        let Value::Tuple(state, _) = state else {
            return Err(self.refuse());
        };
        let known = match self.stack.last() {
            Some(Value::Dtype(dtype)) => dtype.has_state(&state),
            Some(Value::Array) if !self.built => {
                self.built = true;
                value::is_state_of_names(&state, self.count)
            }
            _ => false,
        };
        known.then_some(()).ok_or_else(|| self.refuse())
    }

    fn short_text(&mut self) -> Result<Value, String> {
        let [length] = self.bytes()?;
        self.text(usize::from(length))
    }

    fn text(&mut self, length: usize) -> Result<Value, String> {
        let bytes = self.take(length)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| format!("row {} is not valid Unicode", self.row()))?;
        Ok(Value::Text(text.into()))
    }

    /// A line of a GLOBAL; the longest that is known is much shorter than the limit.
    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        loop {
            match self.bytes()? {
                [b'\n'] => return Ok(line),
                [letter] if letter.is_ascii() && line.len() < 64 => line.push(letter.into()),
                _ => return Err(self.refuse()),
            }
        }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        fill(self.reader, &mut bytes)?;
        Ok(bytes)
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, String> {
        // `numpy.str_` has four bytes per character.
        if length > 4 * MAX_NAME {
            return Err(format!(
                "row {} has {length} bytes; expected a name of at most {MAX_NAME}",
                self.row()
            ));
        }
        let mut bytes = vec![0; length];
        fill(self.reader, &mut bytes)?;
        Ok(bytes)
    }

    /// The row of the object that is being read.
    fn row(&self) -> usize {
        let waiting = self.stack.iter().rev();
        let waiting = waiting.take_while(|value| matches!(value, Value::Text(_) | Value::None));
        self.names.len() + waiting.count()
    }

    fn refuse(&self) -> String {
        if self.listed && !self.built {
            format!("row {} is neither text nor None; {OBJECTS}", self.row())
        } else {
            OBJECTS.into()
        }
    }
}

#[cfg(test)]
mod tests;
