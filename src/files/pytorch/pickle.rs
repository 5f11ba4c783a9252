//! The stack machine of Python's pickles, as far as state dicts and arrays of pixels need it.
//!
//! Opcodes are those of Python's `pickletools`, protocols 2 to 5. Containers live in lists and are referred to by their place, so
//! that a container may hold itself, and nothing is ever walked or dropped recursively.

use std::collections::HashMap;
use std::rc::Rc;

use super::class::{Admitted, Class};
use super::storage::{Element, Tensor};

/// Entries of the memo that are allowed: a byte can make one, which takes some forty.
const MOST_MEMO: usize = 1 << 22;

/// A value.
#[derive(Clone, Debug)]
pub(in crate::files) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float,
    Text(Rc<str>),
    /// Bytes, or a string of Python 2; empty where no arrays are admitted.
    Bytes(Rc<[u8]>),
    /// A list, tuple or set.
    List(usize),
    Dict(usize),
    Tensor(usize),
    Storage(usize),
    /// A NumPy array.
    Array(usize),
    /// The element type of bytes, the only one that is read.
    Dtype,
    Class(Class),
}

/// A key of a dict, as far as it is text.
#[derive(Clone, Debug)]
pub(in crate::files) enum Key {
    Text(Rc<str>),
    Other,
}

/// Everything that a pickle has made.
#[derive(Debug, Default)]
pub(in crate::files) struct Objects {
    lists: Vec<Vec<Value>>,
    dicts: Vec<Vec<(Key, Value)>>,
    tensors: Vec<Tensor>,
    arrays: Vec<Array>,
    /// The key of each storage in the file, its elements and how many there are.
    pub(super) storages: Vec<(Rc<str>, Element, usize)>,
}

/// A NumPy array of bytes.
#[derive(Clone, Debug, Default)]
pub(in crate::files) struct Array {
    pub(in crate::files) shape: Vec<usize>,
    /// In C order, as many as the shape says.
    pub(in crate::files) bytes: Rc<[u8]>,
}

impl Objects {
    /// The entries of a dict.
    pub(in crate::files) fn dict(&self, value: &Value) -> Option<&[(Key, Value)]> {
        match value {
            Value::Dict(at) => self.dicts.get(*at).map(Vec::as_slice),
            _ => None,
        }
    }

    /// The last entry of this name.
    pub(in crate::files) fn get<'a>(&self, entries: &'a [(Key, Value)], name: &str) -> Option<&'a Value> {
        let found = entries.iter().rev().find(|(key, _)| matches!(key, Key::Text(text) if **text == *name));
        found.map(|(_, value)| value)
    }

    /// The elements of a list.
    pub(in crate::files) fn list(&self, value: &Value) -> Option<&[Value]> {
        match value {
            Value::List(at) => self.lists.get(*at).map(Vec::as_slice),
            _ => None,
        }
    }

    pub(in crate::files) fn array(&self, value: &Value) -> Option<&Array> {
        match value {
            Value::Array(at) => self.arrays.get(*at),
            _ => None,
        }
    }

    pub(super) fn tensor(&self, at: usize) -> Option<&Tensor> {
        self.tensors.get(at)
    }

    fn new_list(&mut self, items: Vec<Value>) -> Value {
        self.lists.push(items);
        Value::List(self.lists.len() - 1)
    }

    fn new_array(&mut self, array: Array) -> Value {
        self.arrays.push(array);
        Value::Array(self.arrays.len() - 1)
    }

    fn new_dict(&mut self, entries: Vec<(Key, Value)>) -> Value {
        self.dicts.push(entries);
        Value::Dict(self.dicts.len() - 1)
    }
}

/// Runs the pickle at the beginning of these bytes, which may hold what is admitted beside containers; returns its value and how
/// many bytes it has.
pub(in crate::files) fn run(bytes: &[u8], admitted: Admitted, objects: &mut Objects) -> Result<(Value, usize), String> {
    let mut machine = Machine {
        bytes,
        admitted,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        next: 0,
        objects,
    };
    let value = machine.run()?;
    Ok((value, machine.at))
}

struct Machine<'a> {
    bytes: &'a [u8],
    admitted: Admitted,
    at: usize,
    stack: Vec<Value>,
    /// Heights of the stack where marks were set.
    marks: Vec<usize>,
    memo: HashMap<usize, Value>,
    /// The place in the memo that an opcode without one takes.
    next: usize,
    objects: &'a mut Objects,
}

const SHORT: &str = "is cut short within its pickle";
const DAMAGED: &str = "is damaged: its pickle makes no sense";

impl Machine<'_> {
    fn run(&mut self) -> Result<Value, String> {
        loop {
            let opcode = self.byte()?;
            match opcode {
                // Protocol, frame.
                0x80 => drop(self.take(1)?),
                0x95 => drop(self.take(8)?),
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => drop(self.pop()?),
                b'1' => drop(self.marked()?),
                b'2' => {
                    let top = self.stack.last().ok_or(DAMAGED)?.clone();
                    self.stack.push(top);
                }
                b'N' => self.stack.push(Value::None),
                0x88 => self.stack.push(Value::Bool(true)),
                0x89 => self.stack.push(Value::Bool(false)),
                b'J' => self.int::<4>(|b| i32::from_le_bytes(b).into())?,
                b'K' => self.int::<1>(|[b]| b.into())?,
                b'M' => self.int::<2>(|b| u16::from_le_bytes(b).into())?,
                0x8a => self.long()?,
                b'G' => {
                    self.take(8)?;
                    self.stack.push(Value::Float);
                }
                // The strings of Python 2, which are text or bytes.
                b'U' if self.admitted == Admitted::Arrays => self.bytes::<1>()?,
                b'T' if self.admitted == Admitted::Arrays => self.bytes::<4>()?,
                0x8c | b'U' => self.text::<1>()?,
                b'X' | b'T' => self.text::<4>()?,
                0x8d => self.text::<8>()?,
                b'C' => self.bytes::<1>()?,
                b'B' => self.bytes::<4>()?,
                0x8e | 0x96 => self.bytes::<8>()?,
                b'}' => {
                    let dict = self.objects.new_dict(Vec::new());
                    self.stack.push(dict);
                }
                b']' | b')' | 0x8f => self.push_list(Vec::new()),
                b't' | b'l' | 0x91 => {
                    let items = self.marked()?;
                    self.push_list(items);
                }
                b'd' => {
                    let items = self.marked()?;
                    let entries = pairs(items)?;
                    let dict = self.objects.new_dict(entries);
                    self.stack.push(dict);
                }
                0x85..=0x87 => {
                    let items = self.pop_many(usize::from(opcode - 0x84))?;
                    self.push_list(items);
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend(vec![item])?;
                }
                b'e' | 0x90 => {
                    let items = self.marked()?;
                    self.extend(items)?;
                }
                b's' => {
                    let items = self.pop_many(2)?;
                    self.insert(items)?;
                }
                b'u' => {
                    let items = self.marked()?;
                    self.insert(items)?;
                }
                b'q' => self.length::<1>().and_then(|place| self.remember(place))?,
                b'r' => self.length::<4>().and_then(|place| self.remember(place))?,
                0x94 => self.remember(self.next)?,
                b'h' => self.length::<1>().and_then(|place| self.recall(place))?,
                b'j' => self.length::<4>().and_then(|place| self.recall(place))?,
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.stack.push(Value::Class(self.admitted.class(&module, &name)?));
                }
                0x93 => match &self.pop_many(2)?[..] {
                    [Value::Text(module), Value::Text(name)] => {
                        self.stack.push(Value::Class(self.admitted.class(module, name)?));
                    }
                    _ => return Err(DAMAGED.into()),
                },
                b'R' | 0x81 => self.reduce()?,
                b'b' => self.build()?,
                b'Q' => self.persistent()?,
                other => {
                    return Err(format!("uses the opcode {other:#04x}, which is not read: save it with protocol 2"));
                }
            }
        }
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let found = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).ok_or(SHORT)?;
        self.at += N;
        Ok(*found)
    }

    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let end = self.at.checked_add(count).ok_or(SHORT)?;
        let found = self.bytes.get(self.at..end).ok_or(SHORT)?;
        self.at = end;
        Ok(found)
    }

    /// An unsigned length or place of so many bytes, little-endian.
    fn length<const N: usize>(&mut self) -> Result<usize, String> {
        let bytes = self.array::<N>()?;
        let length = bytes.iter().rev().fold(0_u64, |length, byte| (length << 8) | u64::from(*byte));
        usize::try_from(length).map_err(|_| SHORT.into())
    }

    fn line(&mut self) -> Result<String, String> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(SHORT)?;
        self.at += end + 1;
        String::from_utf8(rest[..end].to_vec()).map_err(|_| DAMAGED.into())
    }

    fn int<const N: usize>(&mut self, convert: impl Fn([u8; N]) -> i64) -> Result<(), String> {
        let value = convert(self.array()?);
        self.stack.push(Value::Int(value));
        Ok(())
    }

    /// An integer of up to eight bytes; a larger one, such as the magic number of old files, is as good as none.
    fn long(&mut self) -> Result<(), String> {
        let count = usize::from(self.byte()?);
        let bytes = self.take(count)?;
        let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
        let mut all = [if negative { 0xff } else { 0 }; 8];
        let value = match all.get_mut(..count) {
            Some(low) => {
                low.copy_from_slice(bytes);
                Value::Int(i64::from_le_bytes(all))
            }
            None => Value::None,
        };
        self.stack.push(value);
        Ok(())
    }

    fn text<const N: usize>(&mut self) -> Result<(), String> {
        let length = self.length::<N>()?;
        let text = Rc::from(&*String::from_utf8_lossy(self.take(length)?));
        self.stack.push(Value::Text(text));
        Ok(())
    }

    /// Bytes, which no state dict has, so that they are dropped there.
    fn bytes<const N: usize>(&mut self) -> Result<(), String> {
        let length = self.length::<N>()?;
        let admitted = self.admitted;
        let bytes = self.take(length)?;
        let kept = if admitted == Admitted::Arrays { Rc::from(bytes) } else { Rc::default() };
        self.stack.push(Value::Bytes(kept));
        Ok(())
    }

    fn pop(&mut self) -> Result<Value, String> {
        Ok(self.pop_many(1)?.remove(0))
    }

    /// The last values, none of them from below the last mark.
    fn pop_many(&mut self, count: usize) -> Result<Vec<Value>, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let start = self.stack.len().checked_sub(count).filter(|start| *start >= floor).ok_or(DAMAGED)?;
        Ok(self.stack.split_off(start))
    }

    /// The values since the last mark, which is taken away.
    fn marked(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().ok_or(DAMAGED)?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn push_list(&mut self, items: Vec<Value>) {
        let list = self.objects.new_list(items);
        self.stack.push(list);
    }

    fn extend(&mut self, items: Vec<Value>) -> Result<(), String> {
        match self.stack.last() {
            Some(Value::List(at)) => self.objects.lists[*at].extend(items),
            _ => return Err(DAMAGED.into()),
        }
        Ok(())
    }

    fn insert(&mut self, items: Vec<Value>) -> Result<(), String> {
        let entries = pairs(items)?;
        match self.stack.last() {
            Some(Value::Dict(at)) => self.objects.dicts[*at].extend(entries),
            _ => return Err(DAMAGED.into()),
        }
        Ok(())
    }

    fn remember(&mut self, place: usize) -> Result<(), String> {
        let top = self.stack.last().ok_or(DAMAGED)?.clone();
        if self.memo.len() >= MOST_MEMO {
            return Err("has a pickle of too many objects".into());
        }
        self.memo.insert(place, top);
        self.next = place + 1;
        Ok(())
    }

    fn recall(&mut self, place: usize) -> Result<(), String> {
        let value = self.memo.get(&place).ok_or(DAMAGED)?.clone();
        self.stack.push(value);
        Ok(())
    }

    /// Calls a class with its arguments.
    fn reduce(&mut self) -> Result<(), String> {
        let [Value::Class(class), arguments] = &self.pop_many(2)?[..] else { return Err(DAMAGED.into()) };
        let arguments = self.objects.list(arguments).ok_or(DAMAGED)?;
        let value = match (class, arguments) {
            (Class::Dict, [content @ Value::Dict(_)]) => content.clone(),
            (Class::Dict, [content]) => {
                let items = self.objects.list(content).ok_or(DAMAGED)?;
                let flat = items.iter().flat_map(|pair| self.objects.list(pair).unwrap_or_default()).cloned();
                let entries = pairs(flat.collect())?;
                self.objects.new_dict(entries)
            }
            (Class::Dict, []) | (Class::DefaultDict, _) => self.objects.new_dict(Vec::new()),
            (Class::List, [content @ Value::List(_)]) => content.clone(),
            (Class::List, []) => self.objects.new_list(Vec::new()),
            (Class::Tensor, [Value::Storage(storage), Value::Int(offset), shape, strides, ..]) => {
                let (shape, strides) = (self.sizes(shape)?, self.sizes(strides)?);
                let offset = usize::try_from(*offset).map_err(|_| DAMAGED)?;
                let tensor = Tensor { storage: *storage, offset, shape, strides };
                self.objects.tensors.push(tensor);
                Value::Tensor(self.objects.tensors.len() - 1)
            }
            (Class::Parameter, [tensor @ Value::Tensor(_), ..]) => tensor.clone(),
            // Empty as yet: its state follows.
            (Class::Array, [Value::Class(Class::ArrayType), ..]) => self.objects.new_array(Array::default()),
            (Class::Dtype, [code, ..]) => dtype(code)?,
            (Class::FromBuffer, [Value::Bytes(bytes), Value::Dtype, shape, order]) => {
                let fortran = !matches!(&*string(order), "C" | "c");
                let array = array(bytes.clone(), self.sizes(shape)?, fortran)?;
                self.objects.new_array(array)
            }
            (Class::Encode, [Value::Text(text), encoding]) => latin1(text, &string(encoding))?,
            _ => return Err(DAMAGED.into()),
        };
        self.stack.push(value);
        Ok(())
    }

    /// The state of an object: the content of an array; otherwise attributes, such as the versions of a dict's modules.
    fn build(&mut self) -> Result<(), String> {
        let state = self.pop()?;
        let Some(Value::Array(at)) = self.stack.last() else { return Ok(()) };
        let (at, parts) = (*at, self.objects.list(&state).ok_or(DAMAGED)?);
        let [_, shape, Value::Dtype, Value::Bool(fortran), Value::Bytes(bytes)] = parts else {
            return Err(DAMAGED.into());
        };
        self.objects.arrays[at] = array(bytes.clone(), self.sizes(shape)?, *fortran)?;
        Ok(())
    }

    /// Sizes or strides.
    fn sizes(&self, value: &Value) -> Result<Vec<usize>, String> {
        let sizes = self.objects.list(value).filter(|sizes| sizes.len() <= 8).ok_or(DAMAGED)?;
        let size = |value: &Value| match value {
            Value::Int(size) => usize::try_from(*size).map_err(|_| DAMAGED.to_owned()),
            _ => Err(DAMAGED.into()),
        };
        sizes.iter().map(size).collect()
    }

    /// A storage: ("storage", class, key, device, number of elements), and in old files what part of another it is.
    fn persistent(&mut self) -> Result<(), String> {
        let top = self.pop()?;
        let parts = self.objects.list(&top).ok_or(DAMAGED)?;
        let [
            Value::Text(kind),
            Value::Class(Class::Storage(element)),
            Value::Text(key),
            _,
            Value::Int(count),
            view @ ..,
        ] = parts
        else {
            return Err(DAMAGED.into());
        };
        if &**kind != "storage" || !matches!(view, [] | [Value::None]) {
            return Err(
                "holds a storage that is a part of another, as only very old files do: load and save it anew".into()
            );
        }
        let storage = (key.clone(), *element, usize::try_from(*count).map_err(|_| DAMAGED)?);
        self.objects.storages.push(storage);
        self.stack.push(Value::Storage(self.objects.storages.len() - 1));
        Ok(())
    }
}

/// Keys and values in turn.
fn pairs(items: Vec<Value>) -> Result<Vec<(Key, Value)>, String> {
    if !items.len().is_multiple_of(2) {
        return Err(DAMAGED.into());
    }
    let key = |value: &Value| match value {
        Value::Text(text) => Key::Text(text.clone()),
        Value::Bytes(bytes) if !bytes.is_empty() => Key::Text(String::from_utf8_lossy(bytes).into()),
        _ => Key::Other,
    };
    Ok(items.as_chunks().0.iter().map(|[k, value]: &[Value; 2]| (key(k), value.clone())).collect())
}

/// Text, or a string of Python 2; empty for other values.
pub(in crate::files) fn string(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    }
}

/// The element type of this code of NumPy's.
fn dtype(code: &Value) -> Result<Value, String> {
    match string(code).trim_start_matches('|') {
        "u1" => Ok(Value::Dtype),
        other => Err(format!("holds an array of type {other:?}, where bytes (uint8) are needed")),
    }
}

fn array(bytes: Rc<[u8]>, shape: Vec<usize>, fortran: bool) -> Result<Array, String> {
    if fortran && shape.len() > 1 {
        return Err("holds an array in Fortran order: save it in C order".into());
    }
    match shape.iter().try_fold(1, |size: usize, next| size.checked_mul(*next)) {
        Some(size) if size == bytes.len() => Ok(Array { shape, bytes }),
        _ => Err(format!("is damaged: an array of shape {shape:?} has {} bytes", bytes.len())),
    }
}

/// Bytes that were written as text, one character each, as Python 3 does in protocol 2.
fn latin1(text: &str, encoding: &str) -> Result<Value, String> {
    let bytes = text.chars().map(|character| u8::try_from(character).ok()).collect::<Option<Rc<[u8]>>>();
    bytes.filter(|_| encoding == "latin1").map(Value::Bytes).ok_or_else(|| DAMAGED.into())
}
