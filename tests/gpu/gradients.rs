//! Gradients through the tape against those of the twins, and what the tape promises. Gradients that have kernels of
//! their own (relu, pooling, batch norm, ..) are rows of `parity.rs`.

use sdnet::error::{Error, Result};
use sdnet::gpu::{Gpu, GpuOptions};
use sdnet::layers::{Csc, CscConfig, Hook, Pass};
use sdnet::ops::{self, BatchNormInputs, Factor, Orthogonality, Prox, ProxStep, RunningStatistics, Target, Window};
use sdnet::reference as twin;
use sdnet::shape::{ConvShape, Geometry, PaddingMode};
use sdnet::solver::{Convolution, LinearOperator, Problem, Solver};
use sdnet::tape::{Tape, Var};
use sdnet::tensor::Tensor;

use crate::harness::*;
use crate::support::assert_close;

/// Each gradient, with the name of what it is the gradient of.
type Named = Vec<(&'static str, Row)>;
type OverShape = fn(&Gpu, &ConvShape) -> Named;
type Plain = fn(&Gpu) -> Named;

const CONVOLUTIONS: [(&str, OverShape); 4] =
    [("correlation", correlation), ("synthesis", synthesis), ("residual", residual), ("one iteration", one_iteration)];

const PLAIN: [(&str, Plain); 4] =
    [("add_relu", add_relu), ("linear", linear), ("reshape", reshape), ("orthogonality", orthogonality)];

#[test]
fn gradients_of_convolutions_match_their_twins_on_the_tiled_schedule() {
    check_convolutions(Lane::Tiled);
}

#[test]
fn gradients_of_convolutions_match_their_twins_on_the_register_schedule() {
    check_convolutions(Lane::Register);
}

fn check_convolutions(lane: Lane) {
    for shape in shapes().into_iter().filter(|s| !starts_from_zero(s)) {
        for (name, run) in CONVOLUTIONS {
            run(lane.gpu(), &shape).iter().for_each(|(of, row)| row.check(&format!("{name}: {of} {lane:?} {shape:?}")));
        }
    }
}

#[test]
fn gradients_of_plain_ops_match_their_twins() {
    for (name, run) in PLAIN {
        run(Lane::Register.gpu()).iter().for_each(|(of, row)| row.check(&format!("{name}: {of}")));
    }
}

fn correlation(gpu: &Gpu, s: &ConvShape) -> Named {
    let (x, w, g, tape) = (filled(&s.signal(), 1), filled(&s.weight(), 2), filled(&s.codes(), 3), Tape::new());
    let (tx, tw) = (tape.leaf(&tensor(gpu, &s.signal(), &x)), tape.leaf(&tensor(gpu, &s.weight(), &w)));
    let codes = tape.correlation(&tx, &tw, s.geometry).unwrap();
    let got = gradients(tape, &codes, &g, &[&tx, &tw]);
    vec![("x", adjoint(s, &got[0], &g, &w, 1.0)), ("weight", outer(s, &got[1], &g, &x, 1.0))]
}

fn synthesis(gpu: &Gpu, s: &ConvShape) -> Named {
    let (z, w, g, tape) = (filled(&s.codes(), 1), filled(&s.weight(), 2), filled(&s.signal(), 3), Tape::new());
    let (tz, tw) = (tape.leaf(&tensor(gpu, &s.codes(), &z)), tape.leaf(&tensor(gpu, &s.weight(), &w)));
    let signal = tape.synthesis(&tz, &tw, s.geometry, [s.height, s.width]).unwrap();
    let got = gradients(tape, &signal, &g, &[&tz, &tw]);
    vec![("codes", analysis(s, &got[0], &g, &w, 1.0)), ("weight", outer(s, &got[1], &z, &g, 1.0))]
}

fn residual(gpu: &Gpu, s: &ConvShape) -> Named {
    let (x, z, w, tape) = (filled(&s.signal(), 1), filled(&s.codes(), 2), filled(&s.weight(), 3), Tape::new());
    let g = filled(&s.signal(), 4);
    let leaf = |shape: &[usize], v: &[f64]| tape.leaf(&tensor(gpu, shape, v));
    let (tx, tz, tw) = (leaf(&s.signal(), &x), leaf(&s.codes(), &z), leaf(&s.weight(), &w));
    let r = tape.residual(operator(gpu, s, &w), &tx, &tz, &tw).unwrap();
    let got = gradients(tape, &r, &g, &[&tx, &tz, &tw]);
    let x_bar = Row::exact(&got[0], g.clone());
    vec![("x", x_bar), ("codes", analysis(s, &got[1], &g, &w, -1.0)), ("weight", outer(s, &got[2], &z, &g, -1.0))]
}

/// The operator of a shape.
fn operator(gpu: &Gpu, s: &ConvShape, w: &[f64]) -> Convolution {
    Convolution {
        weight: tensor(gpu, &s.weight(), w),
        geometry: s.geometry,
        padding_mode: PaddingMode::Zero,
        size: [s.height, s.width],
    }
}

/// One iteration from zero: `x_bar = t A v` and `W_bar = t corr(v, x)`, with `v` the masked gradient.
fn one_iteration(gpu: &Gpu, s: &ConvShape) -> Named {
    let (x, w, g) = (filled(&s.signal(), 2), filled(&s.weight(), 3), filled(&s.codes(), 4));
    let (lambda, step, tape) = (vec![0.25; s.n], 0.75, Tape::new());
    let operator = operator(gpu, s, &w);
    let (tx, tw) = (tape.leaf(&tensor(gpu, &s.signal(), &x)), tape.leaf(&operator.weight));
    // The elastic term is for the sparse coding layers below.
    let problem = Problem {
        operator,
        step: tensor(gpu, &[1], &[step]),
        lambda: tensor(gpu, &[s.n], &lambda),
        prox: Prox { mu: 0.0, non_negative: true },
        solver: Solver::Fista,
        iterations: 1,
        root_noise: false,
    };
    let codes = tape.solve(problem, &tx, &tw).unwrap();
    // The mask is the device's own, so that a code at the threshold cannot be taken for an error.
    let z = codes.value().to_vec().unwrap().into_iter().map(f64::from).collect::<Vec<_>>();
    let prox = twin::soft_threshold::ProxTwin { mu: 0.0, non_negative: true };
    let v = twin::soft_threshold::soft_threshold_gradient(&z, &g, step, prox);
    assert!(v.len() < 20 || has_both_sides(&v));
    let got = gradients(tape, &codes, &g, &[&tx, &tw]);
    vec![("x", adjoint(s, &got[0], &v, &w, step)), ("weight", outer(s, &got[1], &v, &x, step))]
}

/// Operations before a product: a masked gradient divided by `1 + step mu`, and a scale.
const AROUND: usize = 3 + DIVISION;

/// `got` is `scale * A z`.
fn adjoint(s: &ConvShape, got: &Tensor, z: &[f64], w: &[f64], scale: f64) -> Row {
    let apply = |z: &[f64], w: &[f64], scale: f64| times(scale, &twin::synthesis::synthesis(s, z, w));
    Row::within(got, apply(z, w, scale), apply(&abs(z), &abs(w), scale.abs()), synthesis_terms(s) + AROUND)
}

/// `got` is `scale * A^T x`.
fn analysis(s: &ConvShape, got: &Tensor, x: &[f64], w: &[f64], scale: f64) -> Row {
    let apply = |x: &[f64], w: &[f64], scale: f64| times(scale, &twin::correlation::correlation(s, x, w));
    Row::within(got, apply(x, w, scale), apply(&abs(x), &abs(w), scale.abs()), analysis_terms(s) + AROUND)
}

/// `got` is the gradient of `scale * <u, A^T x>` with respect to the weights.
fn outer(s: &ConvShape, got: &Tensor, u: &[f64], x: &[f64], scale: f64) -> Row {
    let apply = |u: &[f64], x: &[f64], scale: f64| times(scale, &twin::weight_gradient::weight_gradient(s, u, x));
    Row::within(got, apply(u, x, scale), apply(&abs(u), &abs(x), scale.abs()), weight_gradient_terms(s) + AROUND)
}

fn add_relu(gpu: &Gpu) -> Named {
    let (a, b, g, tape) = (values(259, 1), values(259, 2), values(259, 3), Tape::new());
    let [ta, tb] = [&a, &b].map(|v| tape.leaf(&tensor(gpu, &[259], v)));
    let y = tape.add_relu(&ta, &tb).unwrap();
    let want = twin::relu::relu_gradient(&twin::relu::add_relu(&a, &b), &g);
    assert!(has_both_sides(&want));
    let got = gradients(tape, &y, &g, &[&ta, &tb]);
    vec![("a", Row::exact(&got[0], want.clone())), ("b", Row::exact(&got[1], want))]
}

fn linear(gpu: &Gpu) -> Named {
    let (n, inputs, outputs, tape) = (5, 19, 10, Tape::new());
    let (x, w, b) = (values(n * inputs, 1), values(outputs * inputs, 2), values(outputs, 3));
    let leaf = |shape: &[usize], v: &[f64]| tape.leaf(&tensor(gpu, shape, v));
    let leaves = [leaf(&[n, inputs], &x), leaf(&[outputs, inputs], &w), leaf(&[outputs], &b)];
    let y = tape.linear(&leaves[0], &leaves[1], &leaves[2]).unwrap();
    let g = values(n * outputs, 4);
    let got = gradients(tape, &y, &g, &leaves.each_ref());
    let want = twin::linear::linear_gradient(&x, &w, &g, outputs);
    let magnitude = twin::linear::linear_gradient(&abs(&x), &abs(&w), &abs(&g), outputs);
    vec![
        ("x", Row::within(&got[0], want.0, magnitude.0, outputs + 1)),
        ("weight", Row::within(&got[1], want.1, magnitude.1, n + 1)),
        ("bias", Row::within(&got[2], want.2, magnitude.2, n + 1)),
    ]
}

/// `factor |R - I|^2`, or `factor |R - I|`, of a dictionary.
fn orthogonality(gpu: &Gpu) -> Named {
    let (factor, g) = (0.375, -0.75);
    let mut rows = Vec::new();
    for (dictionary, form, stride, padding) in SELF_CORRELATIONS {
        let s = ConvShape::new("test", &dictionary, &dictionary, Geometry { stride, padding }).unwrap();
        let (w, tape, squared) = (filled(&dictionary, 1), Tape::new(), form != Orthogonality::Published);
        let leaf = tape.leaf(&tensor(gpu, &dictionary, &w));
        let loss = tape.orthogonality(&leaf, stride, form, factor as f32).unwrap();
        let value = vec![factor * twin::self_correlation::orthogonality(&s, &w, squared)];
        rows.push(("value", Row::l2(loss.value(), value, 1e-5)));
        let got = gradients(tape, &loss, &[g], &[&leaf]);
        let want = twin::self_correlation::orthogonality_gradient(&s, &w, squared, factor * g);
        if !squared {
            // The norm, a sum of squares of differences, has no simple bound.
            rows.push(("weight, not squared", Row::l2(&got[0], want, 1e-5)));
            continue;
        }
        // Every difference, itself a sum of products less one, enters two sums of products.
        let excess =
            twin::correlation::correlation(&s, &abs(&w), &abs(&w)).iter().map(|sum| sum + 1.0).collect::<Vec<_>>();
        let as_signal = twin::synthesis::synthesis(&s, &excess, &abs(&w));
        let as_weight = twin::weight_gradient::weight_gradient(&s, &excess, &abs(&w));
        let magnitude = as_signal.iter().zip(as_weight).map(|(a, b)| 2.0 * (factor * g).abs() * (a + b)).collect();
        let inside = s.taps() * s.channels + 1;
        let terms = inside + synthesis_terms(&s).max(s.codes()[..3].iter().product()) + 4;
        rows.push(("weight", Row::within(&got[0], want, magnitude, terms)));
    }
    rows
}

fn reshape(gpu: &Gpu) -> Named {
    let (g, tape) = (values(12, 1), Tape::new());
    let leaf = tape.leaf(&tensor(gpu, &[3, 4], &values(12, 2)));
    let y = tape.reshape(&leaf, &[2, 6]).unwrap();
    let got = gradients(tape, &y, &g, &[&leaf]);
    assert_eq!(got[0].shape(), [3, 4]);
    vec![("x", Row::exact(&got[0], g))]
}

#[test]
fn synthesis_is_the_adjoint_of_correlation() {
    for lane in Lane::SCHEDULES {
        for s in shapes() {
            let (x, z, w) = (filled(&s.signal(), 1), filled(&s.codes(), 2), filled(&s.weight(), 3));
            let gpu = lane.gpu();
            let (tx, tz, tw) =
                (tensor(gpu, &s.signal(), &x), tensor(gpu, &s.codes(), &z), tensor(gpu, &s.weight(), &w));
            let codes = ops::correlation(&tx, &tw, s.geometry).unwrap();
            let signal = ops::synthesis(&tz, &tw, s.geometry, [s.height, s.width]).unwrap();
            let dot = |t: &Tensor, v: &[f64]| {
                twin::dot(&t.to_vec().unwrap().into_iter().map(f64::from).collect::<Vec<_>>(), v)
            };
            let (left, right) = (dot(&signal, &x), dot(&codes, &z));
            let magnitude = twin::dot(&abs(&x), &twin::synthesis::synthesis(&s, &abs(&z), &abs(&w)));
            let terms = synthesis_terms(&s) + analysis_terms(&s);
            let bound = C * EPSILON * terms as f64 * magnitude;
            assert!((left - right).abs() <= bound, "{lane:?} {s:?}: <A z, x> = {left}, <z, A^T x> = {right}");
        }
    }
}

// The whole layer.

/// A layer with an awkward shape.
struct Layer {
    name: String,
    sizes: [usize; 8],
    config: CscConfig,
}

impl Layer {
    fn new(name: &str, sizes: [usize; 8], config: CscConfig) -> Self {
        let config = CscConfig { geometry: Geometry::square(sizes[6], sizes[7]), ..config };
        Self { name: format!("{name}, K = {}", config.iterations), sizes, config }
    }

    fn all() -> Vec<Self> {
        let (plain, base) = ([2, 7, 6, 3, 5, 3, 1, 1], CscConfig::default());
        let solvers = [Solver::Fista, Solver::Ista, Solver::Published];
        let every = solvers.into_iter().flat_map(|solver| (1..=5).map(move |iterations| (solver, iterations)));
        let every = every.map(|(solver, iterations)| {
            Self::new(&format!("{solver:?}"), plain, CscConfig { solver, iterations, ..base })
        });
        let root = CscConfig { root_noise: true, iterations: 4, lambda: 0.02, ..base };
        let mut all = every.collect::<Vec<_>>();
        all.extend([
            Self::new("root noise", plain, root),
            Self::new("published root noise", plain, CscConfig { solver: Solver::Published, ..root }),
            Self::new("elastic", plain, CscConfig { mu: 0.5, iterations: 3, ..base }),
            Self::new("signed", plain, CscConfig { non_negative: false, mu: 0.5, iterations: 4, ..base }),
            Self::new(
                "two dictionaries",
                [2, 9, 7, 4, 6, 3, 2, 1],
                CscConfig { dictionaries: 2, iterations: 3, ..base },
            ),
            Self::new("samples in uneven parts", [5, 6, 5, 3, 4, 3, 1, 1], CscConfig { iterations: 4, ..base }),
            Self::new(
                "normalised lambda",
                [2, 7, 6, 4, 5, 3, 1, 1],
                CscConfig { normalize_lambda: true, dictionaries: 2, iterations: 3, ..base },
            ),
            Self::new("stride 3 on even", [1, 10, 8, 1, 3, 5, 3, 2], CscConfig { iterations: 3, ..base }),
        ]);
        all.extend(PaddingMode::ALL.map(|padding_mode| {
            let config = CscConfig { padding_mode, iterations: 3, mu: 0.1, ..base };
            Self::new(&format!("{padding_mode} padding"), [2, 7, 6, 3, 5, 5, 2, 2], config)
        }));
        let long = CscConfig { padding_mode: PaddingMode::Reflect, iterations: 5, dictionaries: 2, ..base };
        all.push(Self::new("reflect padding, two dictionaries", [3, 6, 6, 4, 5, 3, 1, 1], long));
        all
    }

    /// The shape of the repeated signal.
    fn shape(&self) -> ConvShape {
        shape(self.sizes)
    }

    /// The shape of the signal as given.
    fn signal(&self) -> [usize; 4] {
        let [n, h, w, c] = self.shape().signal();
        [n, h, w, c / self.config.dictionaries]
    }

    fn twin(&self) -> twin::csc::CscTwin {
        let (s, config) = (self.shape(), &self.config);
        let sizes = [s.signal(), s.codes()].map(|dims| dims[1..].iter().product::<usize>() as f64);
        let signal = sizes[0] / config.dictionaries as f64;
        let ratio = if config.normalize_lambda { signal / sizes[1] } else { 1.0 };
        twin::csc::CscTwin {
            iterations: config.iterations,
            step: f64::from(STEP),
            lambda: vec![f64::from(config.lambda) * ratio; s.n],
            prox: twin::soft_threshold::ProxTwin { mu: f64::from(config.mu), non_negative: config.non_negative },
            momentum: config.solver != Solver::Ista,
            gradient_at_code: config.solver == Solver::Published,
            root_noise: config.root_noise,
            padding_mode: config.padding_mode,
        }
    }

    fn on(&self, gpu: &Gpu, w: &[f64]) -> Csc {
        let mut csc = Csc::new(tensor(gpu, &self.shape().weight(), w), self.config).unwrap();
        csc.fix_step(STEP).unwrap();
        csc
    }

    /// `v`, given by pixel and channel, repeated `dictionaries` times along the channels.
    fn repeat(&self, v: &[f64]) -> Vec<f64> {
        v.chunks_exact(self.signal()[3]).flat_map(|pixel| pixel.repeat(self.config.dictionaries)).collect()
    }

    /// The adjoint of [`Self::repeat`].
    fn fold(&self, v: &[f64]) -> Vec<f64> {
        let channels = self.signal()[3];
        let pixel = |p: &[f64]| (0..channels).map(|c| p.iter().skip(c).step_by(channels).sum()).collect::<Vec<f64>>();
        v.chunks_exact(channels * self.config.dictionaries).flat_map(pixel).collect()
    }
}

const STEP: f32 = 0.2;

fn check_layers(lane: Lane) {
    for layer in Layer::all() {
        let (s, name) = (layer.shape(), format!("{} {lane:?}", layer.name));
        let (x, w) = (filled(&layer.signal(), 1), times(0.25, &filled(&s.weight(), 2)));
        let (g, repeated, solver) = (filled(&s.codes(), 3), layer.repeat(&x), layer.twin());
        let trace = solver.forward(&s, &repeated, &w);
        assert!(has_both_sides(trace.codes()), "{name}: degenerate codes");
        let (x_bar, w_bar) = solver.backward(&s, &repeated, &w, &trace, &g);

        let tape = Tape::new();
        let pass = Pass::eval(&tape);
        let leaf = tape.leaf(&tensor(lane.gpu(), &layer.signal(), &x));
        let csc = layer.on(lane.gpu(), &w);
        let (z, weight) = (csc.forward(&pass, &leaf).unwrap(), pass.parameter(csc.weight()));
        Row::l2(z.value(), trace.codes().to_vec(), 1e-6).check(&format!("{name}: codes"));
        let got = gradients(tape, &z, &g, &[&leaf, &weight]);
        Row::l2(&got[0], layer.fold(&x_bar), 1e-5).check(&format!("{name}: x"));
        Row::l2(&got[1], w_bar, 1e-5).check(&format!("{name}: weight"));
    }
}

#[test]
fn sparse_coding_layers_match_their_twin_on_the_tiled_schedule() {
    check_layers(Lane::Tiled);
}

#[test]
fn sparse_coding_layers_match_their_twin_on_the_register_schedule() {
    check_layers(Lane::Register);
}

#[test]
fn a_pass_gives_every_sample_its_own_lambda() {
    let layer = Layer::new("", [2, 7, 6, 3, 5, 3, 1, 1], CscConfig { iterations: 3, ..CscConfig::default() });
    let (s, gpu, tape) = (layer.shape(), Lane::Register.gpu(), Tape::idle());
    let (x, w, lambda) = (filled(&s.signal(), 1), times(0.25, &filled(&s.weight(), 2)), vec![0.0625, 0.75]);
    struct Lambda(Tensor);
    impl Hook for Lambda {
        fn lambda(&self, _layer: &Csc) -> Result<Option<Tensor>> {
            Ok(Some(self.0.clone()))
        }
    }
    let pass = Pass::eval(&tape).with_hook(std::rc::Rc::new(Lambda(tensor(gpu, &[2], &lambda))));
    let z = layer.on(gpu, &w).forward(&pass, &tape.constant(&tensor(gpu, &s.signal(), &x))).unwrap();
    let trace = twin::csc::CscTwin { lambda, ..layer.twin() }.forward(&s, &x, &w);
    let active = |z: &[f64]| z.iter().filter(|z| **z != 0.0).count();
    let (first, second) = trace.codes().split_at(trace.codes().len() / 2);
    assert!(active(first) > 2 * active(second) && active(second) > 0);
    Row::l2(z.value(), trace.codes().to_vec(), 1e-6).check("codes");
}

// What the tape promises.

fn ones(len: usize) -> Tensor {
    Tensor::full(Lane::Register.gpu(), &[len], 1.0).unwrap()
}

#[test]
fn gradients_of_a_value_used_twice_add_up() {
    let tape = Tape::new();
    let x = tape.leaf(&tensor(Lane::Register.gpu(), &[3], &[1.0, -2.0, 3.0]));
    let y = tape.relu(&x).unwrap();
    let both = tape.add_relu(&y, &x).unwrap();
    let got = gradients(tape, &both, &[1.0, 10.0, 100.0], &[&x]);
    assert_eq!(got[0].to_vec().unwrap(), [2.0, 0.0, 200.0]);
    // As both inputs of one op.
    let tape = Tape::new();
    let x = tape.leaf(&ones(3));
    let z = tape.add_relu(&x, &x).unwrap();
    assert_eq!(gradients(tape, &z, &[1.0, 2.0, 4.0], &[&x])[0].to_vec().unwrap(), [2.0, 4.0, 8.0]);
}

#[test]
fn a_value_that_is_recomputed_has_no_place_in_memory_until_it_is_asked_for() {
    let gpu = Gpu::open(&GpuOptions::default()).unwrap();
    let shape = [2, 16, 16, 4];
    let bytes = 2 * 16 * 16 * 4 * 4;
    let full = |shape: &[usize], value| Tensor::full(&gpu, shape, value).unwrap();
    let tape = Tape::new();
    let [x, weight, bias] = [full(&shape, 0.5), full(&[4], 1.0), full(&[4], 0.25)].map(|t| tape.leaf(&t));
    let running = RunningStatistics { mean: full(&[4], 0.0), variance: full(&[4], 1.0) };
    let inputs = BatchNormInputs { weight: &weight, bias: &bias, epsilon: 1e-5, relu: true, centred: true };
    let before = gpu.memory().live;
    let y = tape.batch_norm_eval(&x, inputs, &running).unwrap();
    let value = y.value().to_vec().unwrap();
    let saved = y.saved();
    assert_eq!(gpu.memory().live, before + bytes);
    drop(y);
    assert_eq!(gpu.memory().live, before, "the closure of the op keeps it");
    assert_eq!(saved.get().unwrap().to_vec().unwrap(), value);
    assert_eq!(saved.get().unwrap().to_vec().unwrap(), value);
    assert_eq!(gpu.memory().live, before + bytes, "it is recomputed once");
    drop((saved, tape));
    assert_eq!(gpu.memory().live, before);
}

#[test]
fn batch_norm_with_a_relu_is_both_one_after_the_other() {
    let (gpu, shape) = (Lane::Register.gpu(), [2, 9, 8, 5]);
    let run = |together: bool| {
        let tape = Tape::new();
        let leaves = [filled(&shape, 1), values(5, 2), values(5, 3)];
        let leaves = [0, 1, 2].map(|i| tape.leaf(&tensor(gpu, if i == 0 { &shape } else { &[5] }, &leaves[i])));
        let running = RunningStatistics { mean: zeros(&[5]), variance: ones(5) };
        let inputs =
            BatchNormInputs { weight: &leaves[1], bias: &leaves[2], epsilon: 1e-5, relu: together, centred: true };
        let mut y = tape.batch_norm_train(&leaves[0], inputs, &running, 0.1).unwrap();
        if !together {
            y = tape.relu(&y).unwrap();
        }
        let value = y.value().to_vec().unwrap();
        assert!(value.contains(&0.0) && value.iter().any(|v| *v > 0.0));
        let found = gradients(tape, &y, &filled(&shape, 4), &leaves.each_ref());
        (value, found.iter().map(|t| t.to_vec().unwrap()).collect::<Vec<_>>())
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn backward_starts_from_one() {
    let tape = Tape::new();
    let x = tape.leaf(&ones(5));
    let y = tape.relu(&x).unwrap();
    let found = tape.backward(&y).unwrap();
    assert_eq!(found.of("x", &x).unwrap().to_vec().unwrap(), [1.0; 5]);
}

#[test]
fn a_parameter_without_gradient_is_named() {
    let tape = Tape::new();
    let (x, unused, data) = (tape.leaf(&ones(4)), tape.leaf(&ones(4)), tape.constant(&ones(4)));
    let y = tape.add_relu(&x, &data).unwrap();
    let after = tape.relu(&y).unwrap();
    let found = tape.backward(&y).unwrap();
    assert!(found.of("x", &x).is_ok());
    for (name, var) in [("layer1.conv.weight", &unused), ("data", &data), ("after", &after)] {
        match found.of(name, var) {
            Err(Error::NoGradient { name: got }) => assert_eq!(got, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn an_idle_tape_and_constants_track_nothing() {
    let (idle, tape) = (Tape::idle(), Tape::new());
    assert!(!idle.leaf(&ones(4)).tracked());
    let y = tape.relu(&tape.constant(&ones(4))).unwrap();
    assert!(!y.tracked());
    let x = tape.leaf(&ones(4));
    assert!(matches!(tape.backward(&y).unwrap().of("x", &x), Err(Error::NoGradient { .. })));
}

#[test]
fn a_value_of_another_tape_is_refused() {
    let (one, other) = (Tape::new(), Tape::new());
    let (x, foreign) = (one.leaf(&ones(3)), other.leaf(&ones(3)));
    assert!(matches!(one.relu(&foreign), Err(Error::OtherTape)));
    assert!(matches!(one.add_relu(&x, &foreign), Err(Error::OtherTape)));
    assert!(matches!(Tape::idle().relu(&foreign), Err(Error::OtherTape)));
    let y = one.relu(&x).unwrap();
    assert!(matches!(Tape::new().backward(&y), Err(Error::OtherTape)));
    let found = one.backward(&y).unwrap();
    assert!(matches!(found.of("foreign", &foreign), Err(Error::OtherTape)));
    assert!(found.of("x", &x).is_ok());
}

// The solver knows no convolution.

/// A convolution of which only some values of the signal are seen: `M A`, from the three methods that an operator must
/// have.
#[derive(Clone)]
struct Masked {
    convolution: Convolution,
    /// One a sample, so that `M` scales whole samples.
    mask: Tensor,
}

impl LinearOperator for Masked {
    fn apply(&self, factor: Factor, codes: &Tensor) -> Result<Tensor> {
        ops::scale_samples(&self.convolution.apply(factor, codes)?, &self.mask)
    }

    fn adjoint(&self, factor: Factor, signal: &Tensor) -> Result<Tensor> {
        self.convolution.adjoint(factor, &ops::scale_samples(signal, &self.mask)?)
    }

    fn weight_gradient(&self, factor: Factor, codes: &Tensor, signal: &Tensor) -> Result<Tensor> {
        self.convolution.weight_gradient(factor, codes, &ops::scale_samples(signal, &self.mask)?)
    }
}

/// A solve with an operator, its gradients, and the operator's scale of each sample.
fn solved(
    operator: impl LinearOperator + Clone + 'static,
    s: &ConvShape,
    w: &Tensor,
    x: &[f64],
    k: usize,
) -> [Vec<f32>; 3] {
    let (gpu, tape) = (w.gpu(), Tape::new());
    let (tx, tw) = (tape.leaf(&tensor(gpu, &s.signal(), x)), tape.leaf(w));
    let problem = Problem {
        operator,
        step: tensor(gpu, &[1], &[0.2]),
        lambda: tensor(gpu, &[s.n], &vec![0.05; s.n]),
        prox: Prox { mu: 0.25, non_negative: false },
        solver: Solver::Fista,
        iterations: k,
        root_noise: false,
    };
    let z = tape.solve(problem, &tx, &tw).unwrap();
    let codes = z.value().to_vec().unwrap();
    let got = gradients(tape, &z, &filled(&s.codes(), 3), &[&tx, &tw]);
    [codes, got[0].to_vec().unwrap(), got[1].to_vec().unwrap()]
}

#[test]
fn an_operator_of_three_methods_solves_as_a_fused_one_does() {
    let (s, gpu) = (shape([2, 7, 6, 3, 5, 3, 1, 1]), Lane::Register.gpu());
    let (x, w) = (filled(&s.signal(), 1), times(0.25, &filled(&s.weight(), 2)));
    for k in [1, 2, 5] {
        let convolution = operator(gpu, &s, &w);
        let mask = tensor(gpu, &[2], &[1.0, 1.0]);
        let plain = solved(convolution.clone(), &s, &convolution.weight, &x, k);
        let masked = Masked { convolution: convolution.clone(), mask };
        let outside = solved(masked, &s, &convolution.weight, &x, k);
        for (what, (got, want)) in ["codes", "x", "weight"].iter().zip(outside.iter().zip(&plain)) {
            assert_close(&format!("{what}, K = {k}"), got, want, 1e-6);
        }
    }
}

#[test]
fn an_operator_that_scales_samples_is_a_convolution_with_scaled_weights() {
    // M A with M = 1/2 is A with half of the weights; the gradient of the weights is half of that of A's.
    let (s, gpu) = (shape([1, 7, 6, 3, 5, 3, 2, 1]), Lane::Register.gpu());
    let (x, w) = (filled(&s.signal(), 1), filled(&s.weight(), 2));
    let (convolution, half) = (operator(gpu, &s, &w), operator(gpu, &s, &times(0.5, &w)));
    let masked = Masked { convolution: convolution.clone(), mask: tensor(gpu, &[1], &[0.5]) };
    let got = solved(masked, &s, &convolution.weight, &x, 3);
    let want = solved(half.clone(), &s, &half.weight, &x, 3);
    assert!(want[0].iter().any(|z| *z != 0.0) && want[0].contains(&0.0), "degenerate codes");
    assert_close("codes", &got[0], &want[0], 1e-6);
    let halved = want[2].iter().map(|v| 0.5 * v).collect::<Vec<_>>();
    assert_close("weight", &got[2], &halved, 1e-5);
}

// Errors instead of panics.

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::from_slice(Lane::Register.gpu(), shape, &vec![0.0; shape.iter().product()]).unwrap()
}

fn constant(shape: &[usize]) -> Var {
    Tape::idle().constant(&zeros(shape))
}

#[track_caller]
fn refused<T>(result: Result<T>) {
    match result {
        Err(Error::Shape { reason, shapes, .. }) => assert!(!reason.is_empty() && !shapes.is_empty()),
        Err(other) => panic!("not a shape error: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn convolutions_refuse_shapes_that_do_not_fit() {
    let (x, w, two) = (zeros(&[1, 5, 5, 3]), zeros(&[4, 3, 3, 3]), zeros(&[2]));
    let correlate = |x: &Tensor, w: &Tensor, s, p| ops::correlation(x, w, Geometry::square(s, p));
    assert!(correlate(&x, &w, 1, 1).is_ok());
    refused(correlate(&zeros(&[5, 5, 3]), &w, 1, 1));
    refused(correlate(&x, &zeros(&[4, 3, 3]), 1, 1));
    refused(correlate(&x, &zeros(&[4, 3, 3, 2]), 1, 1));
    refused(correlate(&x, &zeros(&[4, 3, 1, 3]), 1, 1));
    refused(correlate(&zeros(&[1, 70, 70, 3]), &zeros(&[1, 65, 1, 3]), 1, 0));
    refused(correlate(&x, &w, 0, 1));
    refused(correlate(&x, &w, 17, 1));
    refused(correlate(&x, &w, 1, 3));
    refused(correlate(&zeros(&[1, 2, 5, 3]), &w, 1, 0));
    refused(correlate(&zeros(&[0, 5, 5, 3]), &w, 1, 1));
    let (once, second) = (Geometry::square(1, 1), Geometry::square(2, 1));
    refused(ops::correlation_times((&two).into(), &x, &w, once));
    let codes = zeros(&[1, 3, 3, 4]);
    assert!(ops::synthesis(&codes, &w, second, [5, 5]).is_ok());
    refused(ops::synthesis(&codes, &w, once, [5, 5]));
    refused(ops::synthesis(&zeros(&[1, 3, 3, 5]), &w, second, [5, 5]));
    refused(ops::synthesis(&zeros(&[9]), &w, second, [5, 5]));
    refused(ops::synthesis(&zeros(&[]), &w, second, [5, 5]));
    refused(ops::synthesis_times((&two).into(), &codes, &w, second, [5, 5]));
    refused(ops::synthesis(&codes, &w, second, [0, 5]));
    refused(ops::residual(&zeros(&[1, 6, 7, 3]), &codes, &w, second));
    refused(ops::residual(&zeros(&[2, 5, 5, 3]), &codes, &w, second));
    refused(ops::residual(&zeros(&[25]), &codes, &w, second));
    let s = shape([1, 5, 5, 3, 4, 3, 2, 1]);
    refused(ops::weight_gradient(Factor::ONE, &s, &x, &codes));
    refused(ops::weight_gradient((&two).into(), &s, &codes, &x));
}

#[test]
fn the_step_refuses_shapes_that_do_not_fit() {
    let tape = Tape::idle();
    let (r, w, one, prox) =
        (zeros(&[2, 5, 5, 3]), zeros(&[4, 3, 3, 3]), zeros(&[1]), Prox { mu: 0.0, non_negative: true });
    let step = |point: Option<&Tensor>, step: &Tensor, lambda: &Tensor| {
        ops::fista_step(point, &r, &w, Geometry::square(1, 1), ProxStep { step, lambda, prox })
    };
    let threshold =
        |u: &[usize], lambda: &Tensor| ops::soft_threshold(&zeros(u), ProxStep { step: &one, lambda, prox });
    assert!(step(None, &one, &zeros(&[2])).is_ok());
    refused(step(None, &one, &zeros(&[3])));
    refused(step(None, &zeros(&[2]), &zeros(&[2])));
    refused(step(Some(&zeros(&[2, 5, 5, 3])), &one, &zeros(&[2])));
    refused(threshold(&[2, 3], &zeros(&[3])));
    refused(threshold(&[0, 3], &zeros(&[0])));
    refused(threshold(&[], &one));
    refused(ops::soft_threshold_gradient(&zeros(&[2, 3]), &zeros(&[3, 2]), &one, 0.0));
    refused(Csc::new(zeros(&[4, 3, 3]), CscConfig::default()));
    let csc = Csc::new(zeros(&[4, 3, 3, 3]), CscConfig::default()).unwrap();
    refused(csc.forward(&Pass::eval(&tape), &constant(&[1, 5, 5, 2])));
    refused(csc.forward(&Pass::eval(&tape), &constant(&[75])));
    refused(csc.residual(&tape, &constant(&[1, 5, 5, 3]), &constant(&[1, 4, 5, 4])));
}

#[test]
fn plain_ops_refuse_shapes_that_do_not_fit() {
    let tape = Tape::idle();
    let (six, map) = (constant(&[2, 3]), constant(&[2, 4, 4, 3]));
    refused(Tensor::from_slice(Lane::Register.gpu(), &[2, 3], &[0.0; 5]));
    refused(zeros(&[6]).reshape(&[5]));
    refused(zeros(&[6]).add(&zeros(&[2, 3])));
    refused(tape.reshape(&six, &[7]));
    refused(tape.add_relu(&six, &constant(&[3, 2])));
    refused(ops::momentum(&zeros(&[2, 3]), &zeros(&[6]), 0.5));
    refused(ops::scale_samples(&zeros(&[2, 3]), &zeros(&[4])));
    refused(ops::scale_samples(&zeros(&[2, 3]), &zeros(&[0])));
    refused(ops::sum_of_squares(&zeros(&[0, 3])));
    refused(ops::sum_of_magnitudes(&zeros(&[])));
    refused(ops::normalize_atoms(&zeros(&[0, 3, 3, 1])));
    refused(tape.linear(&six, &constant(&[5, 4]), &constant(&[5])));
    refused(tape.linear(&six, &constant(&[5, 3]), &constant(&[4])));
    refused(tape.linear(&map, &constant(&[5, 3]), &constant(&[5])));
    refused(tape.global_average_pool(&six));
    let window = |size, stride, padding| Window { size, stride, padding, ceil: false };
    refused(tape.max_pool(&six, window(2, 2, 0)));
    for wrong in [window(5, 1, 0), window(0, 1, 0), window(2, 0, 0), window(2, 1, 2), window(3, 2, 2)] {
        refused(tape.max_pool(&map, wrong));
    }
    let rule = ops::SgdRule { momentum: 0.9, weight_decay: 0.0, nesterov: false };
    refused(ops::sgd(&zeros(&[6]), &zeros(&[5]), &zeros(&[6]), 0.1, rule));
    refused(ops::sgd(&zeros(&[6]), &zeros(&[6]), &zeros(&[5]), 0.1, rule));
    let rule = ops::AdamWRule { beta1: 0.9, beta2: 0.999, weight_decay: 0.0 };
    for [first, second, gradient] in [[5, 6, 6], [6, 5, 6], [6, 6, 5]] {
        let moments = [&zeros(&[first]), &zeros(&[second])];
        refused(ops::adamw(&zeros(&[6]), moments, &zeros(&[gradient]), 0.1, rule, 1));
    }
    refused(ops::average(&zeros(&[6]), &zeros(&[5]), 0.9));
    refused(ops::clip_norm(&[], 1.0));
    let tape = Tape::new();
    let y = tape.relu(&tape.leaf(&zeros(&[6]))).unwrap();
    refused(tape.backward_from(&y, &zeros(&[5])));
}

#[test]
fn batch_norm_refuses_shapes_that_do_not_fit() {
    let tape = Tape::idle();
    let run = |x: &[usize], weight: usize, bias: usize, mean: usize, variance: usize| {
        let inputs = BatchNormInputs {
            weight: &constant(&[weight]),
            bias: &constant(&[bias]),
            epsilon: 1e-5,
            relu: false,
            centred: true,
        };
        let running = RunningStatistics { mean: zeros(&[mean]), variance: zeros(&[variance]) };
        let eval = tape.batch_norm_eval(&constant(x), inputs, &running).map(drop);
        let train = tape.batch_norm_train(&constant(x), inputs, &running, 0.1).map(drop);
        assert_eq!(eval.is_ok(), train.is_ok());
        eval
    };
    assert!(run(&[2, 2, 2, 3], 3, 3, 3, 3).is_ok());
    refused(run(&[8, 3], 3, 3, 3, 3));
    refused(run(&[2, 2, 2, 3], 4, 3, 3, 3));
    refused(run(&[2, 2, 2, 3], 3, 4, 3, 3));
    refused(run(&[2, 2, 2, 3], 3, 3, 4, 3));
    refused(run(&[2, 2, 2, 3], 3, 3, 3, 4));
}

#[test]
fn statistics_by_sample_are_for_evaluation_and_for_as_many_samples_as_there_are() {
    let (tape, three) = (Tape::idle(), constant(&[3]));
    let inputs = BatchNormInputs { weight: &three, bias: &three, epsilon: 1e-5, relu: false, centred: true };
    let running =
        |mean: &[usize], variance: &[usize]| RunningStatistics { mean: zeros(mean), variance: zeros(variance) };
    let eval = |running| tape.batch_norm_eval(&constant(&[2, 2, 2, 3]), inputs, &running).map(drop);
    eval(running(&[2, 3], &[2, 3])).unwrap();
    refused(eval(running(&[2, 3], &[3])));
    refused(eval(running(&[3], &[2, 3])));
    refused(eval(running(&[1, 3], &[1, 3])));
    refused(tape.batch_norm_train(&constant(&[2, 2, 2, 3]), inputs, &running(&[2, 3], &[2, 3]), 0.1).map(drop));
}

#[test]
fn interpolation_refuses_shapes_that_do_not_fit() {
    let run = |at: &[usize], grid: &[usize], rows: &[usize]| {
        ops::interpolate(&zeros(at), &zeros(grid), &zeros(rows)).map(drop)
    };
    run(&[4], &[2], &[2, 3]).unwrap();
    refused(run(&[4, 1], &[2], &[2, 3]));
    refused(run(&[4], &[2], &[3, 3]));
    refused(run(&[4], &[0], &[0, 3]));
    refused(run(&[4], &[2], &[2]));
}

#[test]
fn a_label_out_of_range_is_named() {
    let tape = Tape::idle();
    let logits = constant(&[3, 4]);
    match tape.cross_entropy(&logits, &[0, 3, 4]) {
        Err(Error::Label { label, index, classes }) => assert_eq!((label, index, classes), (4, 2, 4)),
        other => panic!("{other:?}"),
    }
    assert!(matches!(ops::check_labels(&[u32::MAX], 4), Err(Error::Label { .. })));
    refused(tape.cross_entropy(&logits, &[0, 1]));
    refused(tape.cross_entropy(&constant(&[12]), &[0]));
    refused(tape.cross_entropy(&constant(&[0, 4]), &[]));
}

#[test]
fn targets_that_are_no_distributions_are_named() {
    let (tape, logits) = (Tape::idle(), constant(&[2, 4]));
    let run = |labels, weight, smoothing| {
        let targets = [Target::from(1), Target { labels, weight }];
        tape.soft_cross_entropy(&logits, &targets, smoothing).map(drop)
    };
    run([0, 3], 0.25, 0.5).unwrap();
    assert!(matches!(run([0, 4], 0.25, 0.0), Err(Error::Label { label: 4, index: 1, .. })));
    for (weight, smoothing, name) in [(1.5, 0.0, "weight"), (f32::NAN, 0.0, "weight"), (0.5, -0.1, "label-smoothing")] {
        assert!(run([0, 3], weight, smoothing).unwrap_err().to_string().starts_with(name));
    }
}
