//! The messages of ONNX files, as far as they are needed here. Fields have the tags of `onnx.proto`, IR version 8.

/// `ModelProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct Model {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
    #[prost(string, tag = "2")]
    pub producer_name: String,
    #[prost(string, tag = "3")]
    pub producer_version: String,
    #[prost(string, tag = "6")]
    pub doc_string: String,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    #[prost(message, repeated, tag = "14")]
    pub metadata: Vec<Entry>,
}

/// `OperatorSetIdProto`: the version of the operators; the domain of ONNX itself has no name.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OperatorSet {
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// `StringStringEntryProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct Entry {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `GraphProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<Node>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializers: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub inputs: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub outputs: Vec<ValueInfo>,
}

/// `NodeProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct Node {
    #[prost(string, repeated, tag = "1")]
    pub inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub outputs: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attributes: Vec<Attribute>,
}

/// `AttributeProto`: a number, a text or integers, as `kind` says.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Attribute {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub s: Option<Vec<u8>>,
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    pub kind: i32,
}

impl Attribute {
    /// An attribute that is one number.
    pub fn float(name: &str, value: f32) -> Self {
        Self { name: name.into(), f: Some(value), kind: 1, ..Self::default() }
    }

    /// An attribute that is one integer.
    pub fn int(name: &str, value: usize) -> Self {
        Self { name: name.into(), i: Some(value as i64), kind: 2, ..Self::default() }
    }

    /// An attribute that is a text.
    pub fn text(name: &str, value: &str) -> Self {
        Self { name: name.into(), s: Some(value.into()), kind: 3, ..Self::default() }
    }

    /// An attribute that is a list of integers.
    pub fn ints(name: &str, values: &[usize]) -> Self {
        Self { name: name.into(), ints: integers(values), kind: 7, ..Self::default() }
    }
}

/// `TensorProto.DataType`: `FLOAT` and `INT64`.
pub const FLOAT: i32 = 1;
const INT64: i32 = 7;

/// `TensorProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct Tensor {
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(string, tag = "8")]
    pub name: String,
    /// Little-endian, in C order.
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
}

impl Tensor {
    /// A tensor of float32.
    pub fn floats(name: &str, dims: &[usize], values: &[f32]) -> Self {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { dims: integers(dims), data_type: FLOAT, name: name.into(), raw_data }
    }

    /// A list of int64.
    pub fn integers(name: &str, values: &[usize]) -> Self {
        let raw_data = values.iter().flat_map(|value| (*value as i64).to_le_bytes()).collect();
        Self { dims: integers(&[values.len()]), data_type: INT64, name: name.into(), raw_data }
    }
}

/// `ValueInfoProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct ValueInfo {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub kind: Option<ValueType>,
}

impl ValueInfo {
    /// A tensor of float32 with these dimensions.
    pub fn floats(name: &str, dimensions: Vec<Dimension>) -> Self {
        let tensor = TensorType { element: FLOAT, shape: Some(Shape { dimensions }) };
        Self { name: name.into(), kind: Some(ValueType { tensor: Some(tensor) }) }
    }
}

/// `TypeProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct ValueType {
    #[prost(message, optional, tag = "1")]
    pub tensor: Option<TensorType>,
}

/// `TypeProto.Tensor`
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorType {
    #[prost(int32, tag = "1")]
    pub element: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

/// `TensorShapeProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub dimensions: Vec<Dimension>,
}

/// `TensorShapeProto.Dimension`: a number, or the name of one that is known when the graph runs.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub symbol: Option<String>,
}

impl Dimension {
    /// A known dimension.
    pub fn of(value: usize) -> Self {
        Self { value: Some(value as i64), symbol: None }
    }

    /// One that is known when the graph runs.
    pub fn named(symbol: &str) -> Self {
        Self { value: None, symbol: Some(symbol.into()) }
    }
}

fn integers(values: &[usize]) -> Vec<i64> {
    values.iter().map(|value| *value as i64).collect()
}
