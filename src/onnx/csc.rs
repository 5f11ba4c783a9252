//! Sparse coding, unrolled into nodes.

use super::graph::{OnnxGraph, Value, sizes, window};
use super::proto::{Attribute, Tensor};
use crate::error::{Error, Result};
use crate::layers::{Csc, CscConfig};
use crate::ops::Prox;
use crate::shape::{ConvShape, Geometry, PaddingMode};
use crate::solver::{Momentum, Solver};

/// Norms are at least this, as in [`inverse_norm`](crate::ops::inverse_norm).
const NORM_FLOOR: f32 = 1e-12;

/// Adds the iterations of a layer: those of [`Problem::iterate`](crate::solver::Problem::iterate), with the step size `t`,
/// lambda and the coefficients of the momentum as constants.
///
/// # Errors
/// [`Error::Shape`] for a map that does not fit; [`Error::Argument`] for a lambda or a padding that depends on a size that is not
/// known.
pub(super) fn add(graph: &mut OnnxGraph, layer: &Csc, x: &Value) -> Result<Value> {
    // Every field is named, so that one that is new is not left out of the graph.
    let &CscConfig {
        geometry,
        padding_mode,
        iterations,
        lambda,
        mu,
        non_negative,
        solver,
        root_noise,
        normalize_lambda,
        dictionaries,
    } = layer.config();
    let (name, weight) = graph.layer(layer.weight())?;
    let shape = sizes(x, layer.weight(), geometry)?;
    let padding = match (padding_mode, &shape) {
        (PaddingMode::Zero, _) => None,
        (mode, Some(shape)) => Some(Padding::new(graph, &name, mode, shape)?),
        (mode, None) => {
            let reason = format!("{name} is padded by matrices of one size: export for one size");
            return Err(Error::argument("padding_mode", mode, reason));
        }
    };
    let lambda = match &shape {
        Some(shape) => layer.effective_lambda(shape),
        None if normalize_lambda => {
            let reason = format!("lambda of {name} depends on the size of the images: export for one size");
            return Err(Error::argument("normalize_lambda", true, reason));
        }
        None => lambda,
    };
    let &[step] = &layer.step()?.to_vec()?[..] else {
        return Err(Error::shape("onnx", "a step size is one value", &[]));
    };
    let x = match dictionaries {
        1 => x.name.clone(),
        n => graph.node("Concat", &format!("{name}/x"), &vec![&*x.name; n], vec![Attribute::int("axis", 1)]),
    };
    let inner = if padding.is_some() { Geometry { padding: [0; 2], ..geometry } } else { geometry };
    let attributes = window(layer.weight(), inner);
    let prox = Prox { mu, non_negative };
    let prox = Proximal::new(graph, &name, layer.weight().shape()[0], step, lambda, prox);
    let adjoint = Synthesis::new(graph, &name, &x, geometry, shape.as_ref());
    let mut unrolled = Unrolled { graph, name, weight, x, attributes, prox, adjoint, padding, root_noise };
    Ok(Value {
        name: unrolled.iterate(solver, iterations),
        size: shape.map(|shape| [shape.code_height(), shape.code_width()]),
        channels: layer.weight().shape()[0],
    })
}

/// The constants of the proximal operator; see [`soft_threshold`](crate::ops::soft_threshold).
struct Proximal {
    /// `t`
    step: String,
    threshold: Threshold,
    /// `1 / (1 + t mu)`, where it is not 1.
    shrinkage: Option<String>,
}

enum Threshold {
    /// Codes are kept non-negative: `-lambda` for each atom, the bias of the analysis, since
    /// `max(y + t r - t lambda, 0) = max(y + t (r - lambda), 0)`.
    Bias(String),
    /// `soft(u, a) = u - clip(u, -a, a)`: `-t lambda` and `t lambda`.
    Clip([String; 2]),
}

impl Proximal {
    fn new(graph: &mut OnnxGraph, name: &str, atoms: usize, step: f32, lambda: f32, prox: Prox) -> Self {
        let Prox { mu, non_negative } = prox;
        let mut scalar =
            |what: &str, value: f32| graph.constant(Tensor::floats(&format!("{name}/{what}"), &[], &[value]));
        let shrinkage = (mu != 0.0).then(|| scalar("shrinkage", 1.0 / (1.0 + step * mu)));
        let threshold = match non_negative {
            false => Threshold::Clip([scalar("low", -step * lambda), scalar("high", step * lambda)]),
            true => Threshold::Bias(graph.constant(Tensor::floats(
                &format!("{name}/bias"),
                &[atoms],
                &vec![-lambda; atoms],
            ))),
        };
        let step = graph.constant(Tensor::floats(&format!("{name}/step"), &[], &[step]));
        Self { step, threshold, shrinkage }
    }
}

/// How the adjoint of the analysis comes by the size of the signal, which a stride leaves open: `output_padding` is
/// `(size + 2p - k) mod s`.
struct Synthesis {
    output_padding: [usize; 2],
    /// Where that is not known, it is `s - 1`, and what is too much is cut off: where to begin, the size, and on which axes.
    cut: Option<[String; 3]>,
}

impl Synthesis {
    fn new(graph: &mut OnnxGraph, name: &str, x: &str, geometry: Geometry, shape: Option<&ConvShape>) -> Self {
        let Geometry { stride, padding } = geometry;
        if let Some(&ConvShape { height, width, kernel, .. }) = shape {
            let left = |axis: usize| ([height, width][axis] + 2 * padding[axis] - kernel[axis]) % stride[axis];
            return Self { output_padding: [left(0), left(1)], cut: None };
        }
        let cut = (stride != [1, 1]).then(|| {
            let spatial = vec![Attribute::int("start", 2), Attribute::int("end", 4)];
            let size = graph.node("Shape", &format!("{name}/size"), &[x], spatial);
            let starts = graph.constant(Tensor::integers(&format!("{name}/starts"), &[0, 0]));
            let axes = graph.constant(Tensor::integers(&format!("{name}/axes"), &[2, 3]));
            [starts, size, axes]
        });
        Self { output_padding: stride.map(|stride| stride - 1), cut }
    }
}

/// The padding `P` of maps of one size as matrices of zeros and ones: `P x = rows x columns`, and its adjoint by the transposed
/// ones. Operator set 17 has no circular padding, and no adjoint of any.
#[derive(Clone)]
struct Padding {
    forward: [String; 2],
    adjoint: [String; 2],
}

impl Padding {
    fn new(graph: &mut OnnxGraph, name: &str, mode: PaddingMode, shape: &ConvShape) -> Result<Self> {
        let padding = shape.geometry.padding;
        mode.check("onnx", &shape.signal(), padding)?;
        let mut matrices = |what: &str, size: usize, padding: usize| {
            let padded = size + 2 * padding;
            let (mut plain, mut transposed) = (vec![0.0; padded * size], vec![0.0; padded * size]);
            for (place, from) in (0..padded).filter_map(|place| Some((place, source(mode, place, size, padding)?))) {
                (plain[place * size + from], transposed[from * padded + place]) = (1.0, 1.0);
            }
            let mut constant = |end: &str, dims: [usize; 2], values: &[f32]| {
                graph.constant(Tensor::floats(&format!("{name}/{what}{end}"), &dims, values))
            };
            [constant("", [padded, size], &plain), constant("_transposed", [size, padded], &transposed)]
        };
        let [rows, rows_transposed] = matrices("rows", shape.height, padding[0]);
        let [columns, columns_transposed] = matrices("columns", shape.width, padding[1]);
        Ok(Self { forward: [rows, columns_transposed], adjoint: [rows_transposed, columns] })
    }
}

/// The place on an axis of this size that a padded place shows; none for zeros.
fn source(mode: PaddingMode, place: usize, size: usize, padding: usize) -> Option<usize> {
    let (at, last) = (place as i64 - padding as i64, size as i64 - 1);
    let from = match mode {
        PaddingMode::Zero => at,
        PaddingMode::Reflect => last - (last - at.abs()).abs(),
        PaddingMode::Replicate => at.clamp(0, last),
        PaddingMode::Circular => at.rem_euclid(last + 1),
    };
    usize::try_from(from).ok().filter(|from| *from < size)
}

struct Unrolled<'g> {
    graph: &'g mut OnnxGraph,
    name: String,
    weight: String,
    x: String,
    /// Kernel, strides and pads.
    attributes: Vec<Attribute>,
    prox: Proximal,
    adjoint: Synthesis,
    padding: Option<Padding>,
    root_noise: bool,
}

impl Unrolled<'_> {
    /// The codes after the last iteration.
    fn iterate(&mut self, solver: Solver, iterations: usize) -> String {
        let mut coefficients = Momentum::new(solver);
        let x = self.x.clone();
        let mut z = self.prox_step(1, None, &x);
        let mut previous = z.clone();
        for k in 2..=iterations {
            let beta = coefficients.advance();
            let y = if beta == 0.0 { z.clone() } else { self.extrapolation(k, &z, &previous, beta) };
            let residual = self.residual(k, if solver == Solver::Published { &z } else { &y });
            previous = z;
            z = self.prox_step(k, Some(&y), &residual);
        }
        z
    }

    /// `z + beta (z - previous)`
    fn extrapolation(&mut self, k: usize, z: &str, previous: &str, beta: f32) -> String {
        let beta = self.scalar(k, "beta", beta);
        let change = self.node(k, "Sub", "change", &[z, previous]);
        let change = self.node(k, "Mul", "momentum", &[&change, &beta]);
        self.node(k, "Add", "y", &[z, &change])
    }

    /// `x - A point`, divided by twice its norm where the data term is not squared.
    fn residual(&mut self, k: usize, point: &str) -> String {
        let synthesis = self.synthesis(k, point);
        let x = self.x.clone();
        let residual = self.node(k, "Sub", "residual", &[&x, &synthesis]);
        if !self.root_noise {
            return residual;
        }
        let (floor, half) = (self.scalar(k, "floor", NORM_FLOOR), self.scalar(k, "half", 0.5));
        let sample = vec![Attribute::ints("axes", &[1, 2, 3])];
        let norm = self.graph.node("ReduceL2", &format!("{}/{k}/norm", self.name), &[&residual], sample);
        let norm = self.node(k, "Max", "floored", &[&norm, &floor]);
        let scale = self.node(k, "Div", "scale", &[&half, &norm]);
        self.node(k, "Mul", "scaled", &[&residual, &scale])
    }

    /// `A point`, of the size of `x`.
    fn synthesis(&mut self, k: usize, point: &str) -> String {
        let mut attributes = self.attributes.clone();
        attributes.push(Attribute::ints("output_padding", &self.adjoint.output_padding));
        let inputs = [point, &self.weight];
        let whole = self.graph.node("ConvTranspose", &format!("{}/{k}/synthesis", self.name), &inputs, attributes);
        match (self.padding.clone(), self.adjoint.cut.clone()) {
            (Some(padding), _) => self.between(k, "folded", &padding.adjoint, &whole),
            (None, None) => whole,
            (None, Some([starts, size, axes])) => self.node(k, "Slice", "cut", &[&whole, &starts, &size, &axes]),
        }
    }

    /// `prox(point + t A^T residual)`, `point` being zero where there is none.
    fn prox_step(&mut self, k: usize, point: Option<&str>, residual: &str) -> String {
        let step = self.prox.step.clone();
        let residual = &match self.padding.clone() {
            Some(padding) => self.between(k, "padded", &padding.forward, residual),
            None => residual.to_owned(),
        };
        let mut inputs = vec![residual.as_str(), &self.weight];
        if let Threshold::Bias(bias) = &self.prox.threshold {
            inputs.push(bias);
        }
        let analysis =
            self.graph.node("Conv", &format!("{}/{k}/analysis", self.name), &inputs, self.attributes.clone());
        let mut u = self.node(k, "Mul", "step", &[&analysis, &step]);
        if let Some(point) = point {
            u = self.node(k, "Add", "u", &[point, &u]);
        }
        let z = match &self.prox.threshold {
            Threshold::Bias(_) => self.node(k, "Relu", "z", &[&u]),
            Threshold::Clip([low, high]) => {
                let (low, high) = (low.clone(), high.clone());
                let kept = self.node(k, "Clip", "clip", &[&u, &low, &high]);
                self.node(k, "Sub", "z", &[&u, &kept])
            }
        };
        match self.prox.shrinkage.clone() {
            None => z,
            Some(shrinkage) => self.node(k, "Mul", "shrunk", &[&z, &shrinkage]),
        }
    }

    /// `rows x columns`, for every channel.
    fn between(&mut self, k: usize, what: &str, [rows, columns]: &[String; 2], x: &str) -> String {
        let high = self.node(k, "MatMul", &format!("{what}_rows"), &[rows, x]);
        self.node(k, "MatMul", what, &[&high, columns])
    }

    /// A node of iteration `k`.
    fn node(&mut self, k: usize, op: &str, what: &str, inputs: &[&str]) -> String {
        self.graph.node(op, &format!("{}/{k}/{what}", self.name), inputs, vec![])
    }

    /// A number of iteration `k`.
    fn scalar(&mut self, k: usize, what: &str, value: f32) -> String {
        self.graph.constant(Tensor::floats(&format!("{}/{k}/{what}", self.name), &[], &[value]))
    }
}
