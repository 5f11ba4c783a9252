//! The graph that the layers of a network are added to.

use std::collections::HashMap;

use super::proto::{Attribute, Node, Tensor};
use crate::checkpoint;
use crate::error::{Error, Result};
use crate::layers::{BATCH_NORM_EPSILON, BatchNorm, Conv, Csc, Graph, Linear, Part, Path, Walk};
use crate::ops::Window;
use crate::shape::{ConvShape, Geometry};
use crate::tensor;

/// A value of the graph.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    /// What it is called, which is what the node that computes it is called.
    pub name: String,
    /// Height and width, where it is a map and they are known.
    pub size: Option<[usize; 2]>,
}

/// Nodes, and the constants that they use: the tensors of a model under their published names, and those that layers add.
#[derive(Debug, Default)]
pub(super) struct OnnxGraph {
    pub nodes: Vec<Node>,
    pub initializers: Vec<Tensor>,
    /// Names of the model's tensors by [`tensor::Tensor::id`].
    names: HashMap<u64, String>,
}

impl OnnxGraph {
    /// A graph without nodes that holds the tensors of a model.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn of<W: Walk + ?Sized>(model: &W) -> Result<Self> {
        let mut graph = Self::default();
        let mut tensors = checkpoint::tensors(model)?;
        model.visit(&Path::root(), &mut |path, part| {
            if let Part::Parameter(tensor, _) | Part::Buffer(tensor, _) = part {
                let name = path.to_string();
                let found = tensors.remove(&name).map(|(shape, values)| Tensor::floats(&name, &shape, &values));
                graph.initializers.extend(found);
                graph.names.insert(tensor.id(), name);
            }
        });
        Ok(graph)
    }

    /// Adds a node with one output; returns its name, which is that of the node.
    pub fn node(&mut self, op: &str, name: &str, inputs: &[&str], attributes: Vec<Attribute>) -> String {
        self.nodes.push(Node {
            inputs: inputs.iter().map(|&input| input.into()).collect(),
            outputs: vec![name.into()],
            name: name.into(),
            op_type: op.into(),
            attributes,
        });
        name.into()
    }

    /// Adds a constant; returns its name.
    pub fn constant(&mut self, tensor: Tensor) -> String {
        let name = tensor.name.clone();
        self.initializers.push(tensor);
        name
    }

    /// The name of one of the model's tensors.
    ///
    /// # Errors
    /// [`Error::Argument`] for a tensor that the model's walk does not meet.
    pub fn name(&self, tensor: &tensor::Tensor) -> Result<&str> {
        let unknown = || Error::argument("layer", "unknown", "the model does not show it to those that walk over it");
        self.names.get(&tensor.id()).map(String::as_str).ok_or_else(unknown)
    }

    /// The names of a layer and of its weight.
    ///
    /// # Errors
    /// As [`OnnxGraph::name`].
    pub fn layer(&self, weight: &tensor::Tensor) -> Result<(String, String)> {
        let weight = self.name(weight)?;
        Ok((weight.trim_end_matches(".weight").into(), weight.into()))
    }
}

impl Graph for OnnxGraph {
    type Value = Value;

    fn conv(&mut self, layer: &Conv, x: &Value) -> Result<Value> {
        let (name, weight) = self.layer(&layer.weight)?;
        let size = sizes(x, &layer.weight, layer.geometry)?.map(|shape| [shape.code_height(), shape.code_width()]);
        let window = window(&layer.weight, layer.geometry);
        Ok(Value { name: self.node("Conv", &name, &[&x.name, &weight], window), size })
    }

    fn csc(&mut self, layer: &Csc, x: &Value) -> Result<Value> {
        super::csc::add(self, layer, x)
    }

    fn batch_norm(&mut self, layer: &BatchNorm, x: &Value) -> Result<Value> {
        let (name, _) = self.layer(&layer.weight)?;
        let mut inputs = vec![x.name.clone()];
        for tensor in [&layer.weight, &layer.bias, &layer.running.mean, &layer.running.variance] {
            inputs.push(self.name(tensor)?.into());
        }
        let inputs = inputs.iter().map(String::as_str).collect::<Vec<_>>();
        let epsilon = vec![Attribute::float("epsilon", BATCH_NORM_EPSILON)];
        Ok(Value { name: self.node("BatchNormalization", &name, &inputs, epsilon), size: x.size })
    }

    fn batch_norm_relu(&mut self, layer: &BatchNorm, x: &Value) -> Result<Value> {
        let x = self.batch_norm(layer, x)?;
        Ok(Value { name: self.node("Relu", &format!("{}/relu", x.name), &[&x.name], vec![]), size: x.size })
    }

    fn add_relu(&mut self, a: &Value, b: &Value) -> Result<Value> {
        let sum = self.node("Add", &format!("{}/add", a.name), &[&a.name, &b.name], vec![]);
        Ok(Value { name: self.node("Relu", &format!("{}/relu", a.name), &[&sum], vec![]), size: a.size })
    }

    fn max_pool(&mut self, window: Window, x: &Value) -> Result<Value> {
        let Window { size: side, stride, padding, ceil } = window;
        if let Some(size) = x.size.filter(|size| size.iter().any(|pixels| pixels + 2 * padding < side)) {
            return Err(Error::shape("max_pool", format!("{window:?} does not fit"), &[&size]));
        }
        let attributes = vec![
            Attribute::ints("kernel_shape", &[side; 2]),
            Attribute::ints("strides", &[stride; 2]),
            Attribute::ints("pads", &[padding; 4]),
            Attribute::int("ceil_mode", ceil.into()),
        ];
        let name = self.node("MaxPool", &format!("{}/max_pool", x.name), &[&x.name], attributes);
        Ok(Value { name, size: x.size.map(|size| size.map(|pixels| window.pooled(pixels))) })
    }

    fn global_average_pool(&mut self, x: &Value) -> Result<Value> {
        let mean = self.node("GlobalAveragePool", "features/mean", &[&x.name], vec![]);
        Ok(Value { name: self.node("Flatten", "features", &[&mean], vec![]), size: None })
    }

    fn linear(&mut self, layer: &Linear, x: &Value) -> Result<Value> {
        let (name, weight) = self.layer(&layer.weight)?;
        let bias = self.name(&layer.bias)?.to_owned();
        let transposed = vec![Attribute::int("transB", 1)];
        Ok(Value { name: self.node("Gemm", &name, &[&x.name, &weight, &bias], transposed), size: None })
    }
}

/// The sizes of a convolution of one sample, where that of the map is known.
///
/// # Errors
/// [`Error::Shape`] for a map that does not fit.
pub(super) fn sizes(x: &Value, weight: &tensor::Tensor, geometry: Geometry) -> Result<Option<ConvShape>> {
    let Some([height, width]) = x.size else { return Ok(None) };
    let channels = *weight.shape().last().unwrap_or(&0);
    ConvShape::new("onnx", &[1, height, width, channels], weight.shape(), geometry).map(Some)
}

/// The attributes of a convolution, and of its adjoint but for `output_padding`.
pub(super) fn window(weight: &tensor::Tensor, geometry: Geometry) -> Vec<Attribute> {
    let Geometry { stride, padding: [down, across] } = geometry;
    vec![
        Attribute::ints("kernel_shape", &weight.shape()[1..3]),
        Attribute::ints("strides", &stride),
        Attribute::ints("pads", &[down, across, down, across]),
    ]
}
