//! Networks as ONNX models (<https://onnx.ai>), for programs that run them without this crate.
//!
//! Sparse coding layers are unrolled: each iteration is a `Conv`, a `ConvTranspose` and a few elementwise nodes, with step
//! sizes, lambda and momentum as constants. The tensors have the names and, but for step sizes, the bits of the weights file.

mod csc;
mod graph;
mod proto;

use prost::Message;
use serde_json::Value as Json;

use crate::checkpoint::Recipe;
use crate::data::Normalization;
use crate::error::{Error, Result};
use crate::models::{Architecture, Kind, Model, ModelConfig, Network};
use graph::{OnnxGraph, Value};
use proto::{Dimension, Entry, OperatorSet, Tensor, ValueInfo};

/// The version of the operators, and that of the format that goes with it.
const OPERATOR_SET: i64 = 17;
const IR_VERSION: i64 = 8;

/// The input and the output.
const IMAGES: &str = "images";
const SCORES: &str = "scores";

/// Protocol buffers hold fewer than 2 GiB.
const MOST_BYTES: usize = i32::MAX as usize;

/// What a graph is to take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The normalisation that is part of the graph, which then takes pixels in [0, 1]. Without one, it takes images that are
    /// already normalised.
    pub normalization: Option<Normalization>,
    /// Height and width of the images. Without them, the graph takes images of any size, and layers of stride 2 cut their
    /// reconstructions to that of their input; with them, no node depends on the size.
    pub size: Option<[usize; 2]>,
}

/// A network as the bytes of an ONNX file (operator set 17): input `images`, float32 `[n, channels, height, width]`; output
/// `scores`, float32 `[n, classes]`. Its metadata are `recipe.model` field by field, the names of the classes as JSON, the
/// normalisation, and what the input is.
///
/// # Errors
/// [`Error::Argument`] for a description that does not fit the network, for a layer whose lambda or padding depends on the size of
/// images where [`Options::size`] is not given, and for a network of 2 GiB or more; [`Error::Shape`] for a size that it does not take;
/// whatever the device reports.
pub fn export(network: &Network, recipe: &Recipe, options: &Options) -> Result<Vec<u8>> {
    recipe.check(network)?;
    if let Some(size) = options.size.filter(|size| size.contains(&0)) {
        return Err(Error::argument("size", format!("{size:?}"), "images have at least one pixel"));
    }
    let channels = network.in_channels();
    let mut graph = OnnxGraph::of(network)?;
    let images = Value { name: IMAGES.into(), size: options.size, channels: network.in_channels() };
    let images = match &options.normalization {
        Some(normalization) => normalized(&mut graph, images, normalization, channels)?,
        None => images,
    };
    let scores = network.add_to(&mut graph, &images)?;
    name_output(&mut graph, &scores);
    let [height, width] = match options.size {
        Some(size) => size.map(Dimension::of),
        None => ["height", "width"].map(Dimension::named),
    };
    let samples = Dimension::named("n");
    let model = proto::Model {
        ir_version: IR_VERSION,
        opset_import: vec![OperatorSet { domain: String::new(), version: OPERATOR_SET }],
        producer_name: "sdnet".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        doc_string: description(network, options),
        graph: Some(proto::Graph {
            nodes: graph.nodes,
            name: network.name(),
            initializers: graph.initializers,
            inputs: vec![ValueInfo::floats(IMAGES, vec![samples.clone(), Dimension::of(channels), height, width])],
            outputs: vec![ValueInfo::floats(SCORES, vec![samples, Dimension::of(network.classes())])],
        }),
        metadata: metadata(network, recipe, options)?,
    };
    let bytes = model.encoded_len();
    if bytes > MOST_BYTES {
        let reason = format!("would take {bytes} bytes, and ONNX files hold less than 2 GiB");
        return Err(Error::argument("model", network.name(), reason));
    }
    Ok(model.encode_to_vec())
}

/// `(images - mean) / std`
fn normalized(graph: &mut OnnxGraph, images: Value, normalization: &Normalization, channels: usize) -> Result<Value> {
    normalization.check(channels)?;
    let mut constant = |name, values| graph.constant(Tensor::floats(name, &[channels, 1, 1], values));
    let (mean, std) = (constant("mean", &normalization.mean), constant("std", &normalization.std));
    let centred = graph.node("Sub", "images/centred", &[&images.name, &mean], vec![]);
    Ok(Value { name: graph.node("Div", "images/normalized", &[&centred, &std], vec![]), ..images })
}

/// Calls what the last node computes by the name of the output.
fn name_output(graph: &mut OnnxGraph, scores: &Value) {
    let last = graph.nodes.iter_mut().flat_map(|node| &mut node.outputs).filter(|output| **output == scores.name);
    last.for_each(|output| *output = SCORES.into());
}

/// What the graph takes, in words.
fn input(options: &Options) -> &'static str {
    match options.normalization {
        Some(_) => "pixels in [0, 1]",
        None => "normalized pixels, (pixel in [0, 1] - mean) / std",
    }
}

fn description(network: &Network, options: &Options) -> String {
    let ModelConfig { kind, iterations, lambda, .. } = network.config();
    let sparse = match kind {
        Kind::Resnet => String::new(),
        _ => format!(" Sparse coding: {iterations} iterations at lambda {lambda}."),
    };
    format!(
        "{} (sdnet {}). Input: images [n, {}, height, width], {}. Output: scores [n, {}], logits.{sparse}",
        network.name(),
        env!("CARGO_PKG_VERSION"),
        network.in_channels(),
        input(options),
        network.classes(),
    )
}

/// Texts by name: those of this crate's description of the network, field by field, and what else a program needs to use it.
fn metadata(network: &Network, recipe: &Recipe, options: &Options) -> Result<Vec<Entry>> {
    let broken = |e: serde_json::Error| Error::argument("model", network.name(), format!("has no form in JSON: {e}"));
    let mut all = vec![
        ("sdnet_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("model", network.name()),
        ("input", input(options).to_owned()),
    ];
    let normalization = options.normalization.as_ref().or(recipe.normalization.as_ref());
    if let Some(normalization) = normalization {
        all.push(("normalization", serde_json::to_string(normalization).map_err(broken)?));
    }
    if !recipe.class_names.is_empty() {
        all.push(("class_names", serde_json::to_string(&recipe.class_names).map_err(broken)?));
    }
    all.extend(recipe.size.map(|[height, width]| ("trained_size", format!("{height}x{width}"))));
    all.extend((!recipe.data.is_empty()).then(|| ("data", recipe.data.clone())));
    let entry = |(key, value): (&str, String)| Entry { key: key.into(), value };
    let mut entries = all.into_iter().map(entry).collect::<Vec<_>>();
    // By way of text, which has the shortest form of each number.
    let json = serde_json::to_string(network.config()).map_err(broken)?;
    let fields = serde_json::from_str::<serde_json::Map<String, Json>>(&json).map_err(broken)?;
    entries.extend(fields.into_iter().map(|(key, value)| match value {
        Json::String(text) => Entry { key, value: text },
        other => Entry { key, value: other.to_string() },
    }));
    Ok(entries)
}

#[cfg(test)]
mod tests;
