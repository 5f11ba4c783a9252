//! The narrow SDNet-18 of the golden files in f64, put together from the ops of [`sdnet::reference`].
//!
//! Maps are `[n, height, width, channels]`, weights `[atoms, k, k, channels]`; the files' order is that of
//! [`Array::to_file`].

use std::collections::BTreeMap;

use sdnet::reference::batch_norm::{batch_norm, batch_norm_eval, batch_norm_eval_gradient, batch_norm_gradient};
use sdnet::reference::correlation::correlation;
use sdnet::reference::cross_entropy::{cross_entropy, cross_entropy_gradient};
use sdnet::reference::csc::CscTwin;
use sdnet::reference::global_average_pool::{global_average_pool, global_average_pool_gradient};
use sdnet::reference::layout::{nchw_to_nhwc, nhwc_to_nchw};
use sdnet::reference::linear::{linear, linear_gradient};
use sdnet::reference::normalize_atoms::normalize_atoms;
use sdnet::reference::power_iteration::power_iteration;
use sdnet::reference::relu::{add_relu, relu, relu_gradient};
use sdnet::reference::sequence::sequence;
use sdnet::reference::sgd::{SgdTwin, sgd};
use sdnet::reference::soft_threshold::ProxTwin;
use sdnet::reference::synthesis::synthesis;
use sdnet::reference::weight_gradient::weight_gradient;
use sdnet::shape::{ConvShape, Geometry, PaddingMode};

/// Side of the images, which have one channel.
pub const SIZE: usize = 28;
/// Channels of the first stage.
pub const WIDTH: usize = 8;
/// The dictionary of the only sparse coding layer.
pub const DICTIONARY: &str = "layer0.0.dn.weight";

const CLASSES: usize = 10;
const LAMBDA: f64 = 0.1;
const EPSILON: f64 = 1e-5;

/// Values with their shape, channels last.
#[derive(Clone, Debug)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

/// Arrays by the names of the published checkpoints.
pub type Arrays = BTreeMap<String, Array>;

impl Array {
    /// `offset` plus the values of [`sequence`]; `shape` is that of the files, `[n, c, h, w]` where it has four dimensions.
    pub fn formula(shape: &[usize], tag: u64, offset: f64, scale: f64) -> Self {
        let values = sequence(shape.iter().product(), tag, scale).into_iter().map(|v| offset + v).collect::<Vec<_>>();
        match *shape {
            [n, c, h, w] => Self { shape: vec![n, h, w, c], values: nchw_to_nhwc(&values, [n, c, h, w]) },
            _ => Self { shape: shape.to_vec(), values },
        }
    }

    /// Shape and values in the order of the files, rounded to f32.
    pub fn to_file(&self) -> (Vec<usize>, Vec<f32>) {
        let rounded = |values: &[f64]| values.iter().map(|v| *v as f32).collect();
        match *self.shape {
            [n, h, w, c] => (vec![n, c, h, w], rounded(&nhwc_to_nchw(&self.values, [n, c, h, w]))),
            _ => (self.shape.clone(), rounded(&self.values)),
        }
    }

    fn zeros(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), values: vec![0.0; shape.iter().product()] }
    }
}

/// The network and the state of its training.
#[derive(Clone, Debug)]
pub struct Twin {
    /// The parameters.
    pub parameters: Arrays,
    /// The velocity of every parameter.
    pub velocities: Arrays,
    /// The running statistics of the batch norms, which the twin's training does not change.
    pub running: Arrays,
    iterations: usize,
}

impl Twin {
    /// The network of the golden files: one tag of [`sequence`] a tensor, counted up in the order of creation.
    pub fn formula(seed: u64, iterations: usize) -> Self {
        let [parameters, velocities, running] = [const { Arrays::new() }; 3];
        let twin = Self { parameters, velocities, running, iterations };
        let mut formula = Formula { twin, tag: 1000 * seed };
        formula.convolution("layer0.0.dn", WIDTH, 1, 3);
        formula.twin.project_atoms();
        formula.batch_norm("layer0.1", WIDTH);
        let mut channels = WIDTH;
        for Block { name, planes, stride } in blocks() {
            formula.convolution(&format!("{name}.conv1"), planes, channels, 3);
            formula.batch_norm(&format!("{name}.bn1"), planes);
            formula.convolution(&format!("{name}.conv2"), planes, planes, 3);
            formula.batch_norm(&format!("{name}.bn2"), planes);
            if stride != 1 {
                formula.convolution(&format!("{name}.shortcut.0"), planes, channels, 1);
                formula.batch_norm(&format!("{name}.shortcut.1"), planes);
            }
            channels = planes;
        }
        formula.parameter("linear.weight".into(), &[CLASSES, channels], 0.0, (3.0 / channels as f64).sqrt());
        formula.parameter("linear.bias".into(), &[CLASSES], 0.0, 0.1);
        formula.twin
    }

    /// Class scores `[n, classes]`.
    pub fn logits(&self, images: &Array, training: bool) -> Vec<f64> {
        self.forward(images, training).x.values
    }

    /// The loss of a batch in training mode, and its gradient with respect to every parameter.
    pub fn loss_and_gradients(&self, images: &Array, labels: &[usize]) -> (f64, Arrays) {
        let chain = self.forward(images, true);
        let (loss, _) = cross_entropy(&chain.x.values, labels);
        let upstream = cross_entropy_gradient(&chain.x.values, labels);
        let mut gradients = Arrays::new();
        chain.backward(&upstream, &mut gradients);
        (loss, gradients)
    }

    /// The gradient of the sum of the samples' losses with respect to the images, in evaluation mode.
    pub fn image_gradient(&self, images: &Array, labels: &[usize]) -> Vec<f64> {
        let chain = self.forward(images, false);
        let upstream = cross_entropy_gradient(&chain.x.values, labels);
        let mean = chain.backward(&upstream, &mut Arrays::new());
        mean.into_iter().map(|g| g * labels.len() as f64).collect()
    }

    /// One training step, which projects the atoms first; returns the loss before the update.
    pub fn train_step(&mut self, images: &Array, labels: &[usize], rule: SgdTwin) -> f64 {
        self.project_atoms();
        let (loss, gradients) = self.loss_and_gradients(images, labels);
        assert!(gradients.keys().eq(self.velocities.keys()), "every parameter has a gradient");
        for (name, gradient) in gradients {
            let parameter = &mut self.parameters.get_mut(&name).unwrap().values;
            let velocity = &mut self.velocities.get_mut(&name).unwrap().values;
            sgd(parameter, &gradient.values, velocity, rule, false);
        }
        loss
    }

    fn project_atoms(&mut self) {
        let dictionary = self.parameters.get_mut(DICTIONARY).unwrap();
        dictionary.values = normalize_atoms(&dictionary.values, dictionary.shape[0]);
    }

    fn forward(&self, images: &Array, training: bool) -> Chain<'_> {
        let mut chain = Chain { twin: self, training, x: images.clone(), layers: Vec::new() };
        chain.sparse_coding(DICTIONARY);
        chain.batch_norm("layer0.1");
        blocks().for_each(|block| chain.block(&block));
        chain.pool();
        chain.linear("linear");
        chain
    }
}

/// `0.9 / L` for the projected dictionary, with 400 rounds from the initial vector of the golden values.
pub fn converged_step(dictionary: &Array) -> f64 {
    let s = ConvShape::new("twin", &[1, SIZE, SIZE, 1], &dictionary.shape, Geometry::square(1, 1)).unwrap();
    let [n, h, w, c] = s.codes();
    let atoms = normalize_atoms(&dictionary.values, s.atoms);
    let (_, lipschitz) = power_iteration(&s, &atoms, &Array::formula(&[n, c, h, w], 77, 0.0, 1.0).values, 400);
    0.9 / lipschitz
}

/// The position of a residual block; a `stride` other than 1 comes with a projection shortcut.
struct Block {
    name: String,
    planes: usize,
    stride: usize,
}

fn blocks() -> impl Iterator<Item = Block> {
    (0..4).flat_map(|stage| {
        (0..2).map(move |b| Block {
            name: format!("layer{}.{b}", stage + 1),
            planes: WIDTH << stage,
            stride: if stage > 0 && b == 0 { 2 } else { 1 },
        })
    })
}

/// A twin under construction.
struct Formula {
    twin: Twin,
    tag: u64,
}

impl Formula {
    fn next(&mut self, shape: &[usize], offset: f64, scale: f64) -> Array {
        self.tag += 1;
        Array::formula(shape, self.tag, offset, scale)
    }

    fn parameter(&mut self, name: String, shape: &[usize], offset: f64, scale: f64) {
        let value = self.next(shape, offset, scale);
        self.twin.velocities.insert(name.clone(), Array::zeros(&value.shape));
        self.twin.parameters.insert(name, value);
    }

    fn convolution(&mut self, name: &str, atoms: usize, channels: usize, kernel: usize) {
        let scale = (6.0 / (channels * kernel * kernel) as f64).sqrt();
        self.parameter(format!("{name}.weight"), &[atoms, channels, kernel, kernel], 0.0, scale);
    }

    fn batch_norm(&mut self, name: &str, channels: usize) {
        self.parameter(format!("{name}.weight"), &[channels], 1.0, 0.2);
        self.parameter(format!("{name}.bias"), &[channels], 0.0, 0.2);
        for (part, offset, scale) in [("mean", 0.0, 0.1), ("var", 1.0, 0.3)] {
            let value = self.next(&[channels], offset, scale);
            self.twin.running.insert(format!("{name}.running_{part}"), value);
        }
    }
}

/// Turns the gradient of a layer's result into that of its input, and stores the gradients of its parameters.
type Backward<'a> = Box<dyn FnOnce(&[f64], &mut Arrays) -> Vec<f64> + 'a>;

/// Layers in sequence: the output of the last one, and the backward pass through all of them.
struct Chain<'a> {
    twin: &'a Twin,
    training: bool,
    x: Array,
    layers: Vec<Backward<'a>>,
}

impl<'a> Chain<'a> {
    fn backward(self, upstream: &[f64], gradients: &mut Arrays) -> Vec<f64> {
        self.layers.into_iter().rev().fold(upstream.to_vec(), |g, layer| layer(&g, gradients))
    }

    /// A new chain that starts at the output of this one.
    fn branch(&self) -> Self {
        Self { x: self.x.clone(), layers: Vec::new(), ..*self }
    }

    /// Appends a layer with output `values`; `backward` gets its input, the upstream gradient, and where to put
    /// gradients.
    fn push(
        &mut self,
        shape: &[usize],
        values: Vec<f64>,
        backward: impl FnOnce(&[f64], &[f64], &mut Arrays) -> Vec<f64> + 'a,
    ) {
        let x = std::mem::replace(&mut self.x, Array { shape: shape.to_vec(), values });
        self.layers.push(Box::new(move |g, gradients| backward(&x.values, g, gradients)));
    }

    fn parameter(&self, name: &str) -> &'a Array {
        self.twin.parameters.get(name).unwrap_or_else(|| panic!("no parameter {name}"))
    }

    fn sizes(&self, weight: &Array, stride: usize, padding: usize) -> ConvShape {
        ConvShape::new("twin", &self.x.shape, &weight.shape, Geometry::square(stride, padding)).unwrap()
    }

    fn sparse_coding(&mut self, name: &'static str) {
        let weight = self.parameter(name);
        let s = self.sizes(weight, 1, 1);
        let csc = CscTwin {
            iterations: self.twin.iterations,
            step: converged_step(weight),
            lambda: vec![LAMBDA; s.n],
            prox: ProxTwin { mu: 0.0, non_negative: true },
            momentum: true,
            gradient_at_code: false,
            root_noise: false,
            padding_mode: PaddingMode::Zero,
        };
        let trace = csc.forward(&s, &self.x.values, &weight.values);
        let codes = trace.codes().to_vec();
        self.push(&s.codes(), codes, move |x, g, gradients| {
            let (gx, gw) = csc.backward(&s, x, &weight.values, &trace, g);
            put(gradients, name.to_owned(), weight, gw);
            gx
        });
    }

    fn convolution(&mut self, name: &str, stride: usize, padding: usize) {
        let name = format!("{name}.weight");
        let weight = self.parameter(&name);
        let s = self.sizes(weight, stride, padding);
        let y = correlation(&s, &self.x.values, &weight.values);
        self.push(&s.codes(), y, move |x, g, gradients| {
            put(gradients, name, weight, weight_gradient(&s, g, x));
            synthesis(&s, g, &weight.values)
        });
    }

    fn batch_norm(&mut self, name: &str) {
        let [gamma_name, beta_name] = ["weight", "bias"].map(|part| format!("{name}.{part}"));
        let (gamma, beta) = (self.parameter(&gamma_name), self.parameter(&beta_name));
        let (shape, channels, x) = (self.x.shape.clone(), gamma.values.len(), &self.x.values);
        let (y, mean, variance) = if self.training {
            batch_norm(x, channels, &gamma.values, &beta.values, EPSILON)
        } else {
            let [mean, variance] =
                ["mean", "var"].map(|part| &self.twin.running[&format!("{name}.running_{part}")].values);
            let y = batch_norm_eval(x, channels, &gamma.values, &beta.values, mean, variance, EPSILON);
            (y, mean.clone(), variance.clone())
        };
        let gradient = if self.training { batch_norm_gradient } else { batch_norm_eval_gradient };
        self.push(&shape, y, move |x, g, gradients| {
            let (gx, ggamma, gbeta) = gradient(x, g, channels, &gamma.values, &mean, &variance, EPSILON);
            put(gradients, gamma_name, gamma, ggamma);
            put(gradients, beta_name, beta, gbeta);
            gx
        });
    }

    fn relu(&mut self) {
        let (shape, y) = (self.x.shape.clone(), relu(&self.x.values));
        self.push(&shape, y, |x, g, _| relu_gradient(&relu(x), g));
    }

    fn block(&mut self, Block { name, stride, .. }: &Block) {
        let mut main = self.branch();
        main.convolution(&format!("{name}.conv1"), *stride, 1);
        main.batch_norm(&format!("{name}.bn1"));
        main.relu();
        main.convolution(&format!("{name}.conv2"), 1, 1);
        main.batch_norm(&format!("{name}.bn2"));
        let mut around = self.branch();
        if *stride != 1 {
            around.convolution(&format!("{name}.shortcut.0"), *stride, 0);
            around.batch_norm(&format!("{name}.shortcut.1"));
        }
        let (shape, y) = (main.x.shape.clone(), add_relu(&main.x.values, &around.x.values));
        self.push(&shape, y.clone(), move |_, g, gradients| {
            let g = relu_gradient(&y, g);
            let (a, b) = (main.backward(&g, gradients), around.backward(&g, gradients));
            a.iter().zip(b).map(|(a, b)| a + b).collect()
        });
    }

    fn pool(&mut self) {
        let [n, h, w, c] = *self.x.shape else { panic!("a map has four dimensions") };
        let y = global_average_pool(&self.x.values, n, c);
        self.push(&[n, c], y, move |_, g, _| global_average_pool_gradient(g, c, h * w));
    }

    fn linear(&mut self, name: &str) {
        let [weight_name, bias_name] = ["weight", "bias"].map(|part| format!("{name}.{part}"));
        let (weight, bias) = (self.parameter(&weight_name), self.parameter(&bias_name));
        let y = linear(&self.x.values, &weight.values, &bias.values);
        self.push(&[self.x.shape[0], CLASSES], y, move |x, g, gradients| {
            let (gx, gw, gb) = linear_gradient(x, &weight.values, g, CLASSES);
            put(gradients, weight_name, weight, gw);
            put(gradients, bias_name, bias, gb);
            gx
        });
    }
}

/// Stores the gradient of a parameter, which occurs only once.
fn put(gradients: &mut Arrays, name: String, parameter: &Array, values: Vec<f64>) {
    assert_eq!(values.len(), parameter.values.len(), "{name}");
    let twice = gradients.insert(name, Array { shape: parameter.shape.clone(), values });
    assert!(twice.is_none(), "a parameter has two gradients");
}
