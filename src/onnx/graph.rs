//! The graph that the layers of a network are added to.

use std::collections::HashMap;

use super::proto::{Attribute, Node, Tensor};
use crate::checkpoint;
use crate::error::{Error, Result};
use crate::layers::{BATCH_NORM_EPSILON, BatchNorm, Conv, Csc, Filters, Graph, Linear, Part, Path, Walk};
use crate::ops::{Blur, Window};
use crate::shape::{ConvShape, Geometry, PaddingMode};
use crate::tensor;

/// A value of the graph.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    /// What it is called, which is what the node that computes it is called.
    pub name: String,
    /// Height and width, where it is a map and they are known.
    pub size: Option<[usize; 2]>,
    /// Channels, where it is a map.
    pub channels: usize,
}

impl Value {
    /// A value of the same shape that a node of this name computes.
    fn named(&self, name: String) -> Self {
        Self { name, ..self.clone() }
    }
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

    /// A convolution of this name with the constant of that name, which has these weights.
    ///
    /// # Errors
    /// [`Error::Shape`] for a map that does not fit.
    fn convolution(
        &mut self,
        (name, constant): (String, &str),
        (weight, geometry): (&tensor::Tensor, Geometry),
        x: &Value,
    ) -> Result<Value> {
        let size = sizes(x, weight, geometry)?.map(|shape| [shape.code_height(), shape.code_width()]);
        let name = self.node("Conv", &name, &[&x.name, constant], window(weight, geometry));
        Ok(Value { name, size, channels: weight.shape()[0] })
    }

    /// Constants for a batch norm that does not take the mean away: the factor, the offset, 0 and half the mean square.
    ///
    /// # Errors
    /// Whatever the device reports.
    fn without_mean(&mut self, layer: &BatchNorm, name: &str) -> Result<Vec<String>> {
        let [weight, mean, variance] =
            [&layer.weight, &layer.running.mean, &layer.running.variance].map(tensor::Tensor::to_vec);
        let (weight, mean, variance) = (weight?, mean?, variance?);
        for replaced in [&layer.weight, &layer.running.mean, &layer.running.variance] {
            let replaced = self.name(replaced)?.to_owned();
            self.initializers.retain(|tensor| tensor.name != replaced);
        }
        let half = mean.iter().zip(variance).map(|(mean, variance)| 0.5 * (variance + mean * mean)).collect::<Vec<_>>();
        let factor = weight.iter().map(|weight| weight.abs()).collect::<Vec<_>>();
        let mut constant = |what: &str, values: &[f32]| {
            self.constant(Tensor::floats(&format!("{name}/{what}"), &[values.len()], values))
        };
        let (factor, none) = (constant("factor", &factor), constant("mean", &vec![0.0; half.len()]));
        let half = constant("half_mean_square", &half);
        Ok(vec![factor, self.name(&layer.bias)?.into(), none, half])
    }
}

impl Graph for OnnxGraph {
    type Value = Value;

    fn conv(&mut self, layer: &Conv, x: &Value) -> Result<Value> {
        let (name, weight) = self.layer(&layer.weight)?;
        self.convolution((name, &weight), (&layer.weight, layer.geometry), x)
    }

    fn filters(&mut self, layer: &Filters, x: &Value) -> Result<Value> {
        let Filters { name, weight, geometry } = layer;
        let values = tensor::nhwc_to_nchw(weight.shape(), &weight.to_vec()?)?;
        let &[filters, height, width, channels] = weight.shape() else {
            return Err(Error::shape("onnx", "weights are [filters, kh, kw, channels]", &[weight.shape()]));
        };
        let constant = Tensor::floats(&format!("{name}.weight"), &[filters, channels, height, width], &values);
        let constant = self.constant(constant);
        self.convolution(((*name).into(), &constant), (weight, *geometry), x)
    }

    fn csc(&mut self, layer: &Csc, x: &Value) -> Result<Value> {
        super::csc::add(self, layer, x)
    }

    fn batch_norm(&mut self, layer: &BatchNorm, x: &Value) -> Result<Value> {
        let (name, _) = self.layer(&layer.weight)?;
        let mut inputs = vec![x.name.clone()];
        if layer.centred {
            for tensor in [&layer.weight, &layer.bias, &layer.running.mean, &layer.running.variance] {
                inputs.push(self.name(tensor)?.into());
            }
        } else {
            inputs.extend(self.without_mean(layer, &name)?);
        }
        let inputs = inputs.iter().map(String::as_str).collect::<Vec<_>>();
        let epsilon = vec![Attribute::float("epsilon", BATCH_NORM_EPSILON)];
        Ok(x.named(self.node("BatchNormalization", &name, &inputs, epsilon)))
    }

    fn batch_norm_relu(&mut self, layer: &BatchNorm, x: &Value) -> Result<Value> {
        let x = self.batch_norm(layer, x)?;
        Ok(x.named(self.node("Relu", &format!("{}/relu", x.name), &[&x.name], vec![])))
    }

    fn add_relu(&mut self, a: &Value, b: &Value) -> Result<Value> {
        let sum = self.node("Add", &format!("{}/add", a.name), &[&a.name, &b.name], vec![]);
        Ok(a.named(self.node("Relu", &format!("{}/relu", a.name), &[&sum], vec![])))
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
        Ok(Value { size: x.size.map(|size| size.map(|pixels| window.pooled(pixels))), ..x.named(name) })
    }

    fn blur(&mut self, blur: Blur, x: &Value) -> Result<Value> {
        let name = format!("{}/blur", x.name);
        let pads = [0, 0, 1, 1, 0, 0, 1, 1].map(|side| side * blur.padding());
        let pads = self.constant(Tensor::integers(&format!("{name}/pads"), &pads));
        // Where sizes are not known, maps are taken to be large enough to be mirrored.
        let border = x.size.map_or(PaddingMode::Reflect, |size| blur.border(size));
        let mode = if border == PaddingMode::Reflect { "reflect" } else { "edge" };
        let mirrored = vec![Attribute::text("mode", mode)];
        let padded = self.node("Pad", &format!("{name}/pad"), &[&x.name, &pads], mirrored);
        let taps = blur.taps();
        let window = taps.iter().flat_map(|down| taps.iter().map(move |across| (down * across) as f32));
        let windows = window.collect::<Vec<_>>().repeat(x.channels);
        let shape = [x.channels, 1, blur.size, blur.size];
        let weight = self.constant(Tensor::floats(&format!("{name}/weight"), &shape, &windows));
        let attributes = vec![
            Attribute::ints("kernel_shape", &shape[2..]),
            Attribute::ints("strides", &[blur.stride; 2]),
            Attribute::int("group", x.channels),
        ];
        let name = self.node("Conv", &name, &[&padded, &weight], attributes);
        Ok(Value { size: x.size.map(|size| size.map(|pixels| blur.blurred(pixels))), ..x.named(name) })
    }

    fn modulus(&mut self, x: &Value) -> Result<Value> {
        let (name, channels) = (format!("{}/modulus", x.name), x.channels / 2);
        let axis = self.constant(Tensor::integers(&format!("{name}/axis"), &[1]));
        let mut square = |part: &str, from: usize| {
            let [from, to] = [("from", from), ("to", from + channels)]
                .map(|(end, place)| self.constant(Tensor::integers(&format!("{name}/{part}/{end}"), &[place])));
            let values = self.node("Slice", &format!("{name}/{part}"), &[&x.name, &from, &to, &axis], vec![]);
            self.node("Mul", &format!("{name}/{part}/square"), &[&values, &values], vec![])
        };
        let squares = [square("real", 0), square("imaginary", channels)];
        let sum = self.node("Add", &format!("{name}/square"), &[&squares[0], &squares[1]], vec![]);
        Ok(Value { channels, ..x.named(self.node("Sqrt", &name, &[&sum], vec![])) })
    }

    fn concatenate(&mut self, a: &Value, b: &Value) -> Result<Value> {
        let axis = vec![Attribute::int("axis", 1)];
        let name = self.node("Concat", &format!("{}/concatenated", a.name), &[&a.name, &b.name], axis);
        Ok(Value { channels: a.channels + b.channels, ..a.named(name) })
    }

    fn global_average_pool(&mut self, x: &Value) -> Result<Value> {
        let mean = self.node("GlobalAveragePool", "features/mean", &[&x.name], vec![]);
        Ok(Value { size: None, ..x.named(self.node("Flatten", "features", &[&mean], vec![])) })
    }

    fn linear(&mut self, layer: &Linear, x: &Value) -> Result<Value> {
        let (name, weight) = self.layer(&layer.weight)?;
        let bias = self.name(&layer.bias)?.to_owned();
        let transposed = vec![Attribute::int("transB", 1)];
        Ok(Value { size: None, ..x.named(self.node("Gemm", &name, &[&x.name, &weight, &bias], transposed)) })
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
