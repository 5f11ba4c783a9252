//! Every kernel against its f64 twin: one row per kernel, under the name of its shader.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sdnet::gpu::Gpu;
use sdnet::layers::{Csc, CscConfig, Pass, PowerVectors};
use sdnet::ops::{self, AdamWRule, BatchNormInputs, Prox, ProxStep, RunningStatistics, SgdRule, Target, Window};
use sdnet::reference as twin;
use sdnet::shape::{ConvShape, Geometry, PaddingMode};
use sdnet::solver::{Convolution, PowerIteration};
use sdnet::tape::{Tape, Var};
use sdnet::tensor::Tensor;

use crate::harness::*;

type OverShape = fn(&Gpu, &ConvShape) -> Vec<Row>;
type Plain = fn(&Gpu) -> Vec<Row>;

const CONVOLUTIONS: [(&str, OverShape); 5] = [
    ("correlation", correlation),
    ("synthesis", synthesis),
    ("residual", residual),
    ("fista_step", fista_step),
    ("weight_gradient", weight_gradient),
];

const PLAIN: [(&str, Plain); 47] = [
    ("fill", fill),
    ("add", add),
    ("add_bias", add_bias),
    ("add_relu", add_relu),
    ("relu", relu),
    ("relu_gradient", relu_gradient),
    ("scale", scale),
    ("scale_samples", scale_samples),
    ("momentum", momentum),
    ("soft_threshold", soft_threshold),
    ("soft_threshold_gradient", soft_threshold_gradient),
    ("sgd", sgd),
    ("adamw", adamw),
    ("average", average),
    ("clip_norm", clip_norm),
    ("sum_samples", sum_samples),
    ("sum_groups", sum_groups),
    ("interpolate", interpolate),
    ("inverse_norm", inverse_norm),
    ("step_size", step_size),
    ("normalize_atoms", normalize_atoms),
    ("max_pool", max_pool),
    ("max_pool_gradient", max_pool_gradient),
    ("global_average_pool", global_average_pool),
    ("global_average_pool_gradient", global_average_pool_gradient),
    ("batch_norm", batch_norm),
    ("batch_norm_statistics", batch_norm_statistics),
    ("batch_norm_merge", batch_norm_merge),
    ("batch_norm_gradient", batch_norm_gradient),
    ("batch_norm_gradient_sums", batch_norm_gradient_sums),
    ("half_mean_square", half_mean_square),
    ("modulus", modulus),
    ("modulus_gradient", modulus_gradient),
    ("blur", blur),
    ("blur_adjoint", blur_adjoint),
    ("copy_channels", copy_channels),
    ("cross_entropy", cross_entropy),
    ("cross_entropy_mean", cross_entropy_mean),
    ("unfold", unfold),
    ("fold", fold),
    ("pad", pad),
    ("pad_adjoint", pad_adjoint),
    ("dictionary_loss", dictionary_loss),
    ("dictionary_loss_gradient", dictionary_loss_gradient),
    ("self_correlation", self_correlation),
    ("ceiling_multiply_add", ceiling_multiply_add),
    ("ceiling_copy", ceiling_copy),
];

#[test]
fn convolutions_match_their_twins_on_the_tiled_schedule() {
    check_convolutions(Lane::Tiled, &shapes());
}

#[test]
fn convolutions_match_their_twins_on_the_register_schedule() {
    check_convolutions(Lane::Register, &shapes());
}

#[test]
fn convolutions_match_their_twins_with_every_access_checked() {
    check_convolutions(Lane::Checked, &shapes().into_iter().step_by(5).collect::<Vec<_>>());
}

#[test]
fn plain_kernels_match_their_twins() {
    check_plain(Lane::Register);
}

#[test]
fn plain_kernels_match_their_twins_with_every_access_checked() {
    check_plain(Lane::Checked);
}

/// Writes the constants of every pipeline of a lane, for other compilers to judge (`scripts/check-shaders`).
fn write_pipelines(lane: Lane) {
    use std::io::Write;
    let line = |(kernel, constants): (&sdnet::gpu::Kernel, Vec<sdnet::gpu::Constant>)| {
        let constants = constants.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        let constants = serde_json::Value::Object(constants.collect());
        format!("{}\n", serde_json::json!({ "kernel": kernel.name(), "constants": constants }))
    };
    let lines = lane.gpu().compiled_pipelines().into_iter().map(line).collect::<String>();
    let path = format!("{}/pipelines-{lane:?}.jsonl", env!("CARGO_TARGET_TMPDIR"));
    std::fs::File::create(path).unwrap().write_all(lines.as_bytes()).unwrap();
}

fn check_convolutions(lane: Lane, shapes: &[ConvShape]) {
    for shape in shapes {
        for (name, run) in CONVOLUTIONS {
            run(lane.gpu(), shape).iter().for_each(|row| row.check(&format!("{name} {lane:?} {shape:?}")));
        }
    }
    write_pipelines(lane);
}

fn check_plain(lane: Lane) {
    for (name, run) in PLAIN {
        run(lane.gpu()).iter().enumerate().for_each(|(i, row)| row.check(&format!("{name} {lane:?} row {i}")));
    }
    write_pipelines(lane);
}

#[test]
fn random_shapes_match_their_twins() {
    let config = Config { cases: 16, max_shrink_iters: 16, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let by_axis = |range: std::ops::RangeInclusive<usize>| (range.clone(), range);
    let sizes = (1..=2_usize, by_axis(1..=9), 1..=6_usize, 1..=9_usize, by_axis(1..=5), by_axis(1..=4), by_axis(0..=4));
    let shapes = sizes.prop_filter_map("the kernel fits", |(n, (h, w), channels, atoms, (kh, kw), stride, padding)| {
        let geometry = Geometry { stride: stride.into(), padding: [padding.0 % kh, padding.1 % kw] };
        ConvShape::new("test", &[n, h, w, channels], &[atoms, kh, kw, channels], geometry).ok()
    });
    let kernels: [OverShape; 3] = [correlation, synthesis, weight_gradient];
    let claim = |shape: ConvShape| {
        kernels.iter().flat_map(|run| run(Lane::Register.gpu(), &shape)).for_each(|row| row.check("random"));
        Ok(())
    };
    runner.run(&shapes, claim).unwrap();
}

#[test]
fn more_workgroups_than_a_dimension_has_are_all_run() {
    let gpu = Lane::Register.gpu();
    // 64 threads with four values each; the last workgroup has one value.
    let len = 65_536 * 64 * 4 + 1;
    let (a, b) = (Tensor::full(gpu, &[len], 0.5).unwrap(), Tensor::full(gpu, &[len], 0.25).unwrap());
    let sum = a.add(&b).unwrap().to_vec().unwrap();
    assert_eq!(sum.len(), len);
    assert!(sum.iter().all(|v| *v == 0.75));
    gpu.release_idle();
}

// The convolution family. Factors are powers of two or three quarters: exact in f32.

/// Twice the value on the device.
fn twice(scale: &Tensor) -> ops::Factor<'_> {
    ops::Factor { number: 2.0, tensor: Some(scale) }
}

fn correlation(gpu: &Gpu, s: &ConvShape) -> Vec<Row> {
    let (x, w) = (filled(&s.signal(), 1), filled(&s.weight(), 2));
    let (tx, tw, scale) = (tensor(gpu, &s.signal(), &x), tensor(gpu, &s.weight(), &w), tensor(gpu, &[1], &[-0.375]));
    let got = ops::correlation_times(twice(&scale), &tx, &tw, s.geometry).unwrap();
    assert_eq!(got.shape(), s.codes());
    let want = times(-0.75, &twin::correlation::correlation(s, &x, &w));
    let magnitude = times(0.75, &twin::correlation::correlation(s, &abs(&x), &abs(&w)));
    vec![Row::within(&got, want, magnitude, analysis_terms(s) + 1)]
}

fn synthesis(gpu: &Gpu, s: &ConvShape) -> Vec<Row> {
    let (z, w) = (filled(&s.codes(), 1), filled(&s.weight(), 2));
    let (tz, tw, scale) = (tensor(gpu, &s.codes(), &z), tensor(gpu, &s.weight(), &w), tensor(gpu, &[1], &[-0.375]));
    let got = ops::synthesis_times(twice(&scale), &tz, &tw, s.geometry, [s.height, s.width]).unwrap();
    assert_eq!(got.shape(), s.signal());
    let want = times(-0.75, &twin::synthesis::synthesis(s, &z, &w));
    let magnitude = times(0.75, &twin::synthesis::synthesis(s, &abs(&z), &abs(&w)));
    vec![Row::within(&got, want, magnitude, synthesis_terms(s) + 1)]
}

fn residual(gpu: &Gpu, s: &ConvShape) -> Vec<Row> {
    let (x, z, w) = (filled(&s.signal(), 1), filled(&s.codes(), 2), filled(&s.weight(), 3));
    let (tx, tz, tw) = (tensor(gpu, &s.signal(), &x), tensor(gpu, &s.codes(), &z), tensor(gpu, &s.weight(), &w));
    let got = ops::residual(&tx, &tz, &tw, s.geometry).unwrap();
    let want = twin::residual::residual(s, &x, &z, &w);
    let magnitude = zip(&abs(&x), &twin::synthesis::synthesis(s, &abs(&z), &abs(&w)), |x, a| x + a);
    vec![Row::within(&got, want, magnitude, synthesis_terms(s) + 1)]
}

fn fista_step(gpu: &Gpu, s: &ConvShape) -> Vec<Row> {
    let (with_point, non_negative, mu) = if starts_from_zero(s) { (false, false, 0.5) } else { (true, true, 0.0) };
    let (r, w) = (filled(&s.signal(), 2), filled(&s.weight(), 3));
    let y = with_point.then(|| filled(&s.codes(), 1));
    let lambda = (0..s.n).map(|n| 0.125 * (n + 1) as f64).collect::<Vec<_>>();
    let point = y.as_deref().map(|y| tensor(gpu, &s.codes(), y));
    let (tr, tw) = (tensor(gpu, &s.signal(), &r), tensor(gpu, &s.weight(), &w));
    let (step, tlambda) = (tensor(gpu, &[1], &[0.75]), tensor(gpu, &[s.n], &lambda));
    let prox = Prox { mu: mu as f32, non_negative };
    let with = ProxStep { step: &step, lambda: &tlambda, prox };
    let got = ops::fista_step(point.as_ref(), &tr, &tw, s.geometry, with).unwrap();
    let prox = twin::soft_threshold::ProxTwin { mu, non_negative };
    let want = twin::fista_step::fista_step(s, y.as_deref(), &r, &w, 0.75, &lambda, prox);
    assert!(want.len() < 20 || (has_both_sides(&want) && want.iter().any(|z| *z < 0.0) != non_negative));
    let analysis = twin::correlation::correlation(s, &abs(&r), &abs(&w));
    let point = y.map_or_else(|| vec![0.0; want.len()], |y| abs(&y));
    let magnitude = zip(&point, &analysis, |y, a| (y + 0.75 * (a + lambda[s.n - 1])) / (1.0 + 0.75 * mu));
    // Beyond the sum: times the step, plus the point, minus the threshold (a product), over 1 + step mu.
    vec![Row::within(&got, want, magnitude, analysis_terms(s) + 6 + DIVISION)]
}

fn weight_gradient(gpu: &Gpu, s: &ConvShape) -> Vec<Row> {
    let (u, x) = (filled(&s.codes(), 1), filled(&s.signal(), 2));
    let (tu, tx, scale) = (tensor(gpu, &s.codes(), &u), tensor(gpu, &s.signal(), &x), tensor(gpu, &[1], &[-0.375]));
    let got = ops::weight_gradient(twice(&scale), s, &tu, &tx).unwrap();
    assert_eq!(got.shape(), s.weight());
    let want = times(-0.75, &twin::weight_gradient::weight_gradient(s, &u, &x));
    let magnitude = times(0.75, &twin::weight_gradient::weight_gradient(s, &abs(&u), &abs(&x)));
    vec![Row::within(&got, want, magnitude, weight_gradient_terms(s) + 1)]
}

/// Sizes for which every value of a patch has its own atom, so that the codes are the patches. All are unfolded.
const PATCHES: [[usize; 8]; 4] =
    [[2, 7, 5, 3, 27, 3, 1, 1], [1, 9, 10, 1, 16, 4, 3, 3], [2, 6, 7, 2, 50, 5, 2, 0], [1, 7, 9, 3, 12, 2, 4, 1]];

/// The weights that copy a patch.
fn identity(s: &ConvShape) -> Vec<f64> {
    assert!(s.channels < 4 && s.taps() > 1 && s.atoms == s.taps() * s.channels);
    (0..s.atoms * s.atoms).map(|i| if i / s.atoms == i % s.atoms { 1.0 } else { 0.0 }).collect()
}

fn unfold(gpu: &Gpu) -> Vec<Row> {
    PATCHES
        .map(shape)
        .map(|s| {
            let (x, w) = (filled(&s.signal(), 1), identity(&s));
            let (tx, tw) = (tensor(gpu, &s.signal(), &x), tensor(gpu, &s.weight(), &w));
            let got = ops::correlation(&tx, &tw, s.geometry).unwrap();
            let want = twin::unfold::unfold(&s, &x);
            assert_eq!(want, twin::correlation::correlation(&s, &x, &w));
            Row::exact(&got, want)
        })
        .into()
}

/// Scaled, and subtracted.
fn fold(gpu: &Gpu) -> Vec<Row> {
    let one = |s: &ConvShape| {
        let (x, z, w) = (filled(&s.signal(), 1), filled(&s.codes(), 2), identity(s));
        let (tx, tz, tw) = (tensor(gpu, &s.signal(), &x), tensor(gpu, &s.codes(), &z), tensor(gpu, &s.weight(), &w));
        let scale = tensor(gpu, &[1], &[-0.375]);
        let scaled = ops::synthesis_times(twice(&scale), &tz, &tw, s.geometry, [s.height, s.width]).unwrap();
        let left = ops::residual(&tx, &tz, &tw, s.geometry).unwrap();
        let terms = synthesis_taps(s) + 1;
        let (sum, magnitude) = (twin::fold::fold(s, &z), twin::fold::fold(s, &abs(&z)));
        assert_eq!(sum, twin::synthesis::synthesis(s, &z, &w));
        [
            Row::within(&scaled, times(-0.75, &sum), times(0.75, &magnitude), terms),
            Row::within(&left, zip(&x, &sum, |x, a| x - a), zip(&abs(&x), &magnitude, |x, a| x + a), terms),
        ]
    };
    PATCHES.map(shape).iter().flat_map(one).collect()
}

/// Maps and their padding on each axis, the largest that each mode allows among them.
const PADDED: [([usize; 4], [usize; 2]); 5] = [
    ([2, 5, 4, 3], [1, 1]),
    ([1, 4, 6, 1], [3, 2]),
    ([1, 1, 9, 5], [0, 3]),
    ([2, 3, 3, 4], [2, 2]),
    ([1, 7, 2, 70], [2, 1]),
];

fn over_paddings(f: impl Fn([usize; 4], [usize; 2], PaddingMode) -> Row) -> Vec<Row> {
    let all = PaddingMode::ALL.into_iter().flat_map(|mode| PADDED.map(|(map, padding)| (map, padding, mode)));
    all.map(|(map, padding, mode)| f(map, padding, mode)).collect()
}

fn pad(gpu: &Gpu) -> Vec<Row> {
    over_paddings(|map, padding, mode| {
        let x = filled(&map, 1);
        Row::exact(&ops::pad(&tensor(gpu, &map, &x), padding, mode).unwrap(), twin::pad::pad(map, padding, mode, &x))
    })
}

fn pad_adjoint(gpu: &Gpu) -> Vec<Row> {
    over_paddings(|map, padding, mode| {
        let [n, height, width, channels] = map;
        let padded = [n, height + 2 * padding[0], width + 2 * padding[1], channels];
        let g = filled(&padded, 1);
        let adjoint = |g: &[f64]| twin::pad::pad_adjoint(map, padding, mode, g);
        let terms = (2 * padding[0] + 1) * (2 * padding[1] + 1);
        let got = ops::pad_adjoint(&tensor(gpu, &padded, &g), padding, mode).unwrap();
        Row::within(&got, adjoint(&g), adjoint(&abs(&g)), terms)
    })
}

const CODES: [(usize, usize, usize); 3] = [(1, 5, 7), (3, 300, 130), (2, 4100, 9001)];

fn dictionary_loss(gpu: &Gpu) -> Vec<Row> {
    CODES
        .map(|(n, signal, codes)| {
            let (r, z, lambda) = (values(n * signal, 1), values(n * codes, 2), values(n, 3));
            let weights = twin::dictionary_loss::LossTwin { factor: 0.375, dictionaries: 2, mu: 0.25 };
            let on_device = ops::LossWeights { factor: 0.375, dictionaries: 2, mu: 0.25 };
            let [tr, tz] = [tensor(gpu, &[n, signal], &r), tensor(gpu, &[n, codes], &z)];
            let got = ops::dictionary_loss(&tr, &tz, &tensor(gpu, &[n], &lambda), on_device).unwrap();
            let loss = |lambda: &[f64]| vec![twin::dictionary_loss::dictionary_loss(&r, &z, lambda, weights)];
            // As sum_samples counts them, then three products, three sums and the samples.
            let terms = codes.min(8192).div_ceil(64) + 6 + codes / 4096 + 8 + n;
            Row::within(&got, loss(&lambda), loss(&abs(&lambda)), terms)
        })
        .into()
}

fn self_correlation(gpu: &Gpu) -> Vec<Row> {
    SELF_CORRELATIONS
        .map(|(dictionary, form, stride, padding)| {
            let shape = ConvShape::new("test", &dictionary, &dictionary, Geometry { stride, padding }).unwrap();
            let w = filled(&dictionary, 1);
            let got = ops::self_correlation(&tensor(gpu, &dictionary, &w), stride, form).unwrap();
            assert_eq!(got.shape(), shape.codes());
            let magnitude = twin::correlation::correlation(&shape, &abs(&w), &abs(&w));
            let magnitude = magnitude.iter().map(|sum| sum + 1.0).collect();
            let want = twin::self_correlation::self_correlation(&shape, &w);
            Row::within(&got, want, magnitude, shape.taps() * shape.channels + 1)
        })
        .into()
}

fn dictionary_loss_gradient(gpu: &Gpu) -> Vec<Row> {
    CODES
        .map(|(n, _, codes)| {
            let (mut z, lambda, g) = (values(n * codes, 2), values(n, 3), [-0.75]);
            z.iter_mut().step_by(3).for_each(|v| *v = 0.0);
            let weights = twin::dictionary_loss::LossTwin { factor: 0.375, dictionaries: 2, mu: 0.25 };
            let on_device = ops::LossWeights { factor: 0.375, dictionaries: 2, mu: 0.25 };
            let [tz, tl] = [tensor(gpu, &[n, codes], &z), tensor(gpu, &[n], &lambda)];
            let got = ops::dictionary_loss_gradient(&tz, &tl, on_device, &tensor(gpu, &[1], &g)).unwrap();
            let gradient = |z: &[f64], lambda: &[f64], g: f64| {
                twin::dictionary_loss::dictionary_loss_gradient(z, lambda, weights, g)
            };
            let magnitude = gradient(&abs(&z), &abs(&lambda), 0.75);
            Row::within(&got, gradient(&z, &lambda, g[0]), magnitude, 4)
        })
        .into()
}

// Elementwise kernels, at lengths that are no multiple of the four values of a thread or the 256 of a workgroup.

const LENGTHS: [usize; 4] = [1, 7, 259, 1030];

fn over_lengths(f: impl Fn(usize) -> Row) -> Vec<Row> {
    LENGTHS.map(f).into()
}

fn constant(tape: &Tape, gpu: &Gpu, shape: &[usize], values: &[f64]) -> Var {
    tape.constant(&tensor(gpu, shape, values))
}

fn fill(gpu: &Gpu) -> Vec<Row> {
    over_lengths(|len| Row::exact(&Tensor::full(gpu, &[len], -0.375).unwrap(), twin::fill::fill(len, -0.375)))
}

fn add(gpu: &Gpu) -> Vec<Row> {
    over_lengths(|len| {
        let (a, b) = (values(len, 1), values(len, 2));
        let got = tensor(gpu, &[len], &a).add(&tensor(gpu, &[len], &b)).unwrap();
        Row::rounded(&got, zip(&a, &b, |a, b| a + b), 1)
    })
}

fn add_bias(gpu: &Gpu) -> Vec<Row> {
    [(5, 19, 10), (1, 64, 3), (67, 1, 1)]
        .map(|(n, inputs, outputs)| {
            let (x, w, b) = (values(n * inputs, 1), values(outputs * inputs, 2), values(outputs, 3));
            let tape = Tape::idle();
            let var = |shape: &[usize], v: &[f64]| constant(&tape, gpu, shape, v);
            let (x_var, w_var, b_var) = (var(&[n, inputs], &x), var(&[outputs, inputs], &w), var(&[outputs], &b));
            let got = tape.linear(&x_var, &w_var, &b_var).unwrap();
            let magnitude = twin::linear::linear(&abs(&x), &abs(&w), &abs(&b));
            Row::within(got.value(), twin::linear::linear(&x, &w, &b), magnitude, inputs + 1)
        })
        .into()
}

fn add_relu(gpu: &Gpu) -> Vec<Row> {
    over_lengths(|len| {
        let (a, b, tape) = (values(len, 1), values(len, 2), Tape::idle());
        let got = tape.add_relu(&constant(&tape, gpu, &[len], &a), &constant(&tape, gpu, &[len], &b)).unwrap();
        let want = twin::relu::add_relu(&a, &b);
        assert!(len < 7 || has_both_sides(&want));
        Row::rounded(got.value(), want, 1)
    })
}

/// Values of which some are exactly zero.
fn around_zero(len: usize) -> Vec<f64> {
    values(len, 1).iter().map(|v| if v.abs() < 0.25 { 0.0 } else { *v }).collect()
}

fn relu(gpu: &Gpu) -> Vec<Row> {
    over_lengths(|len| {
        let (x, tape) = (around_zero(len), Tape::idle());
        let want = twin::relu::relu(&x);
        assert!(len < 7 || has_both_sides(&want));
        Row::exact(tape.relu(&constant(&tape, gpu, &[len], &x)).unwrap().value(), want)
    })
}

fn relu_gradient(gpu: &Gpu) -> Vec<Row> {
    over_lengths(|len| {
        let (x, g, tape) = (around_zero(len), values(len, 2), Tape::new());
        assert!(len < 7 || x.contains(&0.0));
        let leaf = tape.leaf(&tensor(gpu, &[len], &x));
        let y = tape.relu(&leaf).unwrap();
        let want = twin::relu::relu_gradient(&twin::relu::relu(&x), &g);
        assert!(len < 7 || has_both_sides(&want));
        Row::exact(&gradients(tape, &y, &g, &[&leaf])[0], want)
    })
}

fn scale(gpu: &Gpu) -> Vec<Row> {
    over_lengths(|len| {
        let (a, factor) = (values(len, 1), -0.3_f32);
        let got = ops::scale(&tensor(gpu, &[len], &a), factor).unwrap();
        Row::rounded(&got, times(f64::from(factor), &a), 1)
    })
}

/// Numbers of samples and their sizes: a vector of four values may span up to four samples.
const SAMPLES: [(usize, usize); 4] = [(1, 5), (3, 7), (9, 1), (5, 206)];

fn scale_samples(gpu: &Gpu) -> Vec<Row> {
    SAMPLES
        .map(|(n, size)| {
            let (a, factor) = (values(n * size, 1), values(n, 2));
            let got = ops::scale_samples(&tensor(gpu, &[n, size], &a), &tensor(gpu, &[n], &factor)).unwrap();
            Row::rounded(&got, twin::scale_samples::scale_samples(&factor, &a), 1)
        })
        .into()
}

fn momentum(gpu: &Gpu) -> Vec<Row> {
    over_lengths(|len| {
        let (z, previous, beta) = (values(len, 1), values(len, 2), 0.28_f32);
        let (a, b) = (tensor(gpu, &[len], &z), tensor(gpu, &[len], &previous));
        let beta64 = f64::from(beta);
        let magnitude = zip(&z, &previous, |z, p| z.abs() + beta64 * (z.abs() + p.abs()));
        let got = ops::momentum(&a, &b, beta).unwrap();
        Row::within(&got, twin::momentum::momentum(&z, &previous, beta64), magnitude, 3)
    })
}

struct Thresholds {
    lambda: Vec<f64>,
    step: f64,
    mu: f64,
    non_negative: bool,
}

impl Thresholds {
    fn all(n: usize) -> [Self; 4] {
        [(0.0, true), (0.5, true), (0.0, false), (0.5, false)].map(|(mu, non_negative)| {
            let lambda = (0..n).map(|i| 0.25 + 0.0625 * i as f64).collect();
            Self { lambda, step: 0.75, mu, non_negative }
        })
    }

    fn tensors(&self, gpu: &Gpu) -> (Tensor, Tensor, Prox) {
        let prox = Prox { mu: self.mu as f32, non_negative: self.non_negative };
        (tensor(gpu, &[1], &[self.step]), tensor(gpu, &[self.lambda.len()], &self.lambda), prox)
    }

    fn prox(&self) -> twin::soft_threshold::ProxTwin {
        twin::soft_threshold::ProxTwin { mu: self.mu, non_negative: self.non_negative }
    }
}

fn soft_threshold(gpu: &Gpu) -> Vec<Row> {
    let one = |n: usize, size: usize, t: Thresholds| {
        let u = values(n * size, 1);
        let (step, lambda, prox) = t.tensors(gpu);
        let want = twin::soft_threshold::soft_threshold(&u, t.step, &t.lambda, t.prox());
        assert!(want.len() < 20 || has_both_sides(&want));
        assert!(want.len() < 20 || want.iter().any(|z| *z < 0.0) != t.non_negative);
        let with = ProxStep { step: &step, lambda: &lambda, prox };
        let got = ops::soft_threshold(&tensor(gpu, &[n, size], &u), with).unwrap();
        Row::within(&got, want, u.iter().map(|u| u.abs() + 1.0).collect(), 4 + DIVISION)
    };
    SAMPLES.iter().flat_map(|&(n, size)| Thresholds::all(n).map(|t| one(n, size, t))).collect()
}

fn soft_threshold_gradient(gpu: &Gpu) -> Vec<Row> {
    let one = |n: usize, size: usize, t: Thresholds| {
        let (u, g) = (values(n * size, 1), values(n * size, 2));
        let (step, lambda, prox) = t.tensors(gpu);
        let with = ProxStep { step: &step, lambda: &lambda, prox };
        let z = ops::soft_threshold(&tensor(gpu, &[n, size], &u), with).unwrap();
        let kept = twin::soft_threshold::soft_threshold(&u, t.step, &t.lambda, t.prox());
        let want = twin::soft_threshold::soft_threshold_gradient(&kept, &g, t.step, t.prox());
        assert!(want.len() < 20 || has_both_sides(&want));
        let got = ops::soft_threshold_gradient(&z, &tensor(gpu, &[n, size], &g), &step, prox.mu).unwrap();
        Row::rounded(&got, want, 2 + DIVISION)
    };
    SAMPLES.iter().flat_map(|&(n, size)| Thresholds::all(n).map(|t| one(n, size, t))).collect()
}

/// Two steps of each rule: parameter, then velocity.
fn sgd(gpu: &Gpu) -> Vec<Row> {
    let rules = [(0.0, 0.0, false), (0.9, 0.0, false), (0.9, 5e-4, false), (0.9, 5e-4, true)];
    let one = |&(momentum, weight_decay, nesterov): &(f32, f32, bool)| {
        let (p, v, g) = (values(259, 1), values(259, 2), values(259, 3));
        let [tp, tv, tg] = [&p, &v, &g].map(|v| tensor(gpu, &[259], v));
        let rule = SgdRule { momentum, weight_decay, nesterov };
        let (momentum, weight_decay) = (f64::from(momentum), f64::from(weight_decay));
        let twin_rule = twin::sgd::SgdTwin { learning_rate: 0.125, momentum, weight_decay, nesterov };
        let (mut want, mut velocity) = (p.clone(), v.clone());
        for _ in 0..2 {
            ops::sgd(&tp, &tv, &tg, 0.125, rule).unwrap();
            twin::sgd::sgd(&mut want, &g, &mut velocity, twin_rule, false);
        }
        // On absolute values, with a negative learning rate so that the terms add up.
        let (mut magnitude, mut along) = (abs(&p), abs(&v));
        let adding = twin::sgd::SgdTwin { learning_rate: -0.125, ..twin_rule };
        (0..2).for_each(|_| twin::sgd::sgd(&mut magnitude, &abs(&g), &mut along, adding, false));
        [Row::within(&tp, want, magnitude, 14), Row::within(&tv, velocity, along, 14)]
    };
    rules.iter().flat_map(one).collect()
}

/// Two steps of each rule, the first and later ones: parameter, then both moments.
fn adamw(gpu: &Gpu) -> Vec<Row> {
    let one = |&(beta1, beta2, weight_decay, before): &(f64, f64, f32, u32)| {
        let (p, m, v, g) = (values(259, 1), values(259, 2), abs(&values(259, 3)), values(259, 4));
        let [tp, tm, tv, tg] = [&p, &m, &v, &g].map(|v| tensor(gpu, &[259], v));
        let rule = AdamWRule { beta1, beta2, weight_decay };
        let (learning_rate, epsilon, weight_decay) = (0.125, f64::from(1e-8_f32), weight_decay.into());
        let twin_rule = twin::adamw::AdamWTwin { learning_rate, beta1, beta2, epsilon, weight_decay };
        let (mut want, mut first, mut second) = (p.clone(), m.clone(), v.clone());
        // The first moment is a mean of what it was and of gradients.
        let (mut magnitude, mean) = (abs(&p), zip(&abs(&m), &abs(&g), |m, g| m + g));
        for t in before + 1..=before + 2 {
            ops::adamw(&tp, [&tm, &tv], &tg, 0.125, rule, t).unwrap();
            twin::adamw::adamw(&mut want, &g, &mut first, &mut second, twin_rule, t);
            let [correction1, correction2] = [beta1, beta2].map(|beta: f64| 1.0 - beta.powi(t as i32));
            for i in 0..259 {
                let size = (second[i] / correction2).sqrt() + epsilon;
                magnitude[i] += learning_rate / correction1 * mean[i] / size;
            }
        }
        // A step: four operations for the second moment, its root and its correction, the mean over it, and two products.
        let terms = 2 * (4 + ROOT + 2 * DIVISION + 8);
        [
            Row::within(&tp, want, magnitude, terms),
            Row::within(&tm, first, mean, 2 * 4),
            Row::rounded(&tv, second, 2 * 5),
        ]
    };
    [(0.9, 0.999, 0.0, 0), (0.9, 0.999, 0.25, 7), (0.0, 0.5, 0.01, 1000)].iter().flat_map(one).collect()
}

/// Two steps of each decay.
fn average(gpu: &Gpu) -> Vec<Row> {
    let one = |decay: f64| {
        let (a, b) = (values(259, 1), values(259, 2));
        let [ta, tb] = [&a, &b].map(|v| tensor(gpu, &[259], v));
        let mut want = a.clone();
        for _ in 0..2 {
            ops::average(&ta, &tb, decay).unwrap();
            twin::average::average(&mut want, &b, decay);
        }
        // The difference from the average, times the share, and the sum.
        Row::within(&ta, want, zip(&abs(&a), &abs(&b), |a, b| a + b), 2 * 4)
    };
    [0.0, 0.5, 0.9999].map(one).into()
}

/// Gradients of several sizes whose norm is greater, and one that is smaller than allowed, which stay as they are.
fn clip_norm(gpu: &Gpu) -> Vec<Row> {
    let gradients = [3, 1, 700].map(|len| values(len, len as u64));
    let norm = gradients.iter().flatten().map(|g| g * g).sum::<f64>().sqrt();
    let tensors = [tensor(gpu, &[3], &gradients[0]), tensor(gpu, &[1, 1], &gradients[1])];
    let tensors = [&tensors[0], &tensors[1], &tensor(gpu, &[7, 2, 50], &gradients[2])];
    let run = |most: f64| {
        let got = ops::clip_norm(&tensors, most as f32).unwrap();
        assert!(got.iter().zip(tensors).all(|(got, of)| got.shape() == of.shape()));
        got.into_iter().zip(twin::clip_norm::clip_norm(&gradients, most)).collect::<Vec<_>>()
    };
    assert!(norm > 4.0 && norm < 32.0);
    // A thread adds up 11 squares, then come six halvings, and both again for the sums; the root, and what follows it.
    let terms = 11 + 6 + 1 + 6 + ROOT + 1 + DIVISION + 1;
    let smaller = run(4.0).into_iter().map(|(got, want)| Row::rounded(&got, want, terms));
    smaller.chain(run(32.0).into_iter().map(|(got, want)| Row::exact(&got, want))).collect()
}

// Sums and norms.

/// Samples smaller than a workgroup, of one part, and of several parts.
fn sum_samples(gpu: &Gpu) -> Vec<Row> {
    let one = |&(n, size): &(usize, usize)| {
        let mut a = values(n * size, 1);
        a.iter_mut().step_by(3).for_each(|v| *v = 0.0);
        let sum = |f: fn(f64) -> f64| a.chunks_exact(size).map(|s| s.iter().map(|v| f(*v)).sum()).collect::<Vec<f64>>();
        let t = tensor(gpu, &[n, size], &a);
        // A thread adds up every 64th value of a part of at most 8,192 values; then come six halvings and the parts.
        let terms = size.min(8192).div_ceil(64) + 6 + size / 4096 + 1;
        let (squares, magnitudes) = (ops::sum_of_squares(&t).unwrap(), ops::sum_of_magnitudes(&t).unwrap());
        let counted = sum(|v| f64::from(u8::from(v != 0.0)));
        [
            Row::rounded(&squares, sum(|v| v * v), terms),
            Row::rounded(&magnitudes, sum(f64::abs), terms),
            Row::exact(&ops::count_active(&t).unwrap(), counted),
        ]
    };
    [(3, 1), (2, 63), (5, 300), (3, 9001)].iter().flat_map(one).collect()
}

/// Tested as the gradient of a bias, which is a sum over samples.
fn sum_groups(gpu: &Gpu) -> Vec<Row> {
    [(5, 10), (70, 3), (1, 65), (2, 130)]
        .map(|(n, outputs)| {
            let (g, tape) = (values(n * outputs, 1), Tape::new());
            let (x, w) = (constant(&tape, gpu, &[n, 2], &values(2 * n, 2)), values(2 * outputs, 3));
            let bias = tape.leaf(&tensor(gpu, &[outputs], &values(outputs, 4)));
            let y = tape.linear(&x, &constant(&tape, gpu, &[outputs, 2], &w), &bias).unwrap();
            let sum = |g: &[f64]| (0..outputs).map(|o| g.iter().skip(o).step_by(outputs).sum()).collect::<Vec<f64>>();
            Row::within(&gradients(tape, &y, &g, &[&bias])[0], sum(&g), sum(&abs(&g)), n + 1)
        })
        .into()
}

/// Places below, on, between and above the points of a grid; some grids have only one or two points.
fn interpolate(gpu: &Gpu) -> Vec<Row> {
    let one = |(points, columns): (usize, usize)| {
        let grid = (0..points).map(|g| 0.125 + 0.25 * (g * g) as f64).collect::<Vec<_>>();
        let between = values(70, 1).iter().map(|v| 2.0 + 3.0 * v).collect::<Vec<_>>();
        let at = [&grid[..], &[0.0, 9.0], &between].concat();
        let rows = values(points * columns, 2);
        let run = |rows: &[f64]| twin::interpolate::interpolate(&at, &grid, rows);
        let [tat, tgrid] = [&at, &grid].map(|v| tensor(gpu, &[v.len()], v));
        let got = ops::interpolate(&tat, &tgrid, &tensor(gpu, &[points, columns], &rows)).unwrap();
        assert_eq!(got.shape(), [at.len(), columns]);
        // Two differences, the fraction, its complement, two products and a sum; both rows have values of at most 1.
        let row = Row::within(&got, run(&rows), vec![2.0; got.len()], 7 + DIVISION);
        let met = tensor(gpu, &[points, columns], &rows[..]);
        let met = [Row::exact(&ops::interpolate(&tgrid, &tgrid, &met).unwrap(), rows)];
        met.into_iter().chain([row]).collect::<Vec<_>>()
    };
    [(1, 3), (2, 1), (5, 66)].into_iter().flat_map(one).collect()
}

/// Tested as the largest eigenvalue, `|A v|^2 / |v|^2`, after zero and four rounds.
fn inverse_norm(gpu: &Gpu) -> Vec<Row> {
    let s = shape([1, 7, 6, 3, 5, 3, 2, 1]);
    let (v, w) = (filled(&s.codes(), 1), filled(&s.weight(), 2));
    let weight = tensor(gpu, &s.weight(), &w);
    let operator =
        Convolution { weight, geometry: s.geometry, padding_mode: PaddingMode::Zero, size: [s.height, s.width] };
    let run = |rounds, bound| {
        let mut power = PowerIteration::new(tensor(gpu, &s.codes(), &v));
        let want = twin::power_iteration::power_iteration(&s, &w, &v, rounds).1;
        Row::l2(&power.run(&operator, rounds).unwrap(), vec![want], bound)
    };
    vec![run(0, 1e-6), run(4, 1e-5)]
}

/// Tested as the code `0.9 / L A^T x` after one iteration without a threshold, with `L` from the three rounds of a warm
/// start.
fn step_size(gpu: &Gpu) -> Vec<Row> {
    let s = shape([1, 7, 6, 3, 5, 3, 2, 1]);
    let (v, w, x) = (filled(&s.codes(), 1), filled(&s.weight(), 2), filled(&s.signal(), 3));
    let geometry = s.geometry;
    let config = CscConfig { geometry, iterations: 1, lambda: 0.0, non_negative: false, ..CscConfig::default() };
    let csc = Csc::new(tensor(gpu, &s.weight(), &w), config).unwrap();
    let (tape, powers) = (Tape::idle(), PowerVectors::default());
    powers.set(&csc, tensor(gpu, &s.codes(), &v));
    let got =
        csc.forward(&Pass::train(&tape).with_power_vectors(&powers), &constant(&tape, gpu, &s.signal(), &x)).unwrap();
    let w = twin::normalize_atoms::normalize_atoms(&w, s.atoms);
    let lipschitz = twin::power_iteration::power_iteration(&s, &w, &v, 3).1;
    let want = times(f64::from(0.9_f32) / lipschitz, &twin::correlation::correlation(&s, &x, &w));
    vec![Row::l2(got.value(), want, 1e-5)]
}

fn normalize_atoms(gpu: &Gpu) -> Vec<Row> {
    [[3, 1, 1, 1], [5, 3, 3, 3], [66, 5, 5, 4]]
        .map(|shape| {
            let (mut w, size) = (filled(&shape, 1), shape[1] * shape[2] * shape[3]);
            w[..size].fill(0.0); // An atom of zeros stays zero, a small one does not.
            w[size..2 * size].iter_mut().for_each(|v| *v /= 1024.0 * 1024.0);
            let weight = tensor(gpu, &shape, &w);
            ops::normalize_atoms(&weight).unwrap();
            // The norm has half the relative error of the sum of squares.
            let terms = size.div_ceil(64) + 7 + ROOT + DIVISION;
            Row::rounded(&weight, twin::normalize_atoms::normalize_atoms(&w, shape[0]), terms)
        })
        .into()
}

// Pooling.

const POOLS: [twin::max_pool::MaxPool; 7] = [
    pool([2, 7, 6, 3], [3, 2, 1]),
    pool([1, 8, 9, 5], [2, 2, 0]),
    pool([2, 5, 5, 4], [3, 1, 1]),
    pool([1, 7, 10, 1], [2, 3, 1]), // pixels that no window covers
    pool([1, 4, 4, 2], [4, 1, 2]),
    twin::max_pool::MaxPool { ceil: true, ..pool([2, 7, 6, 3], [2, 2, 0]) },
    twin::max_pool::MaxPool { ceil: true, ..pool([2, 6, 5, 4], [3, 2, 1]) },
];

const fn pool(
    [n, height, width, channels]: [usize; 4],
    [window, stride, padding]: [usize; 3],
) -> twin::max_pool::MaxPool {
    twin::max_pool::MaxPool { n, height, width, channels, window, stride, padding, ceil: false }
}

fn over_pools(gpu: &Gpu, f: impl Fn(&twin::max_pool::MaxPool, &Tensor, &[f64], Window) -> Row) -> Vec<Row> {
    let one = |p: &twin::max_pool::MaxPool| {
        let shape = [p.n, p.height, p.width, p.channels];
        // Few levels, so that values tie, and all below zero, the value of the padding.
        let x = filled(&shape, 1).iter().map(|v| (v * 2.0).round() / 2.0 - 2.0).collect::<Vec<_>>();
        let window = Window { size: p.window, stride: p.stride, padding: p.padding, ceil: p.ceil };
        f(p, &tensor(gpu, &shape, &x), &x, window)
    };
    POOLS.iter().map(one).collect()
}

fn max_pool(gpu: &Gpu) -> Vec<Row> {
    over_pools(gpu, |p, map, x, window| {
        let tape = Tape::idle();
        Row::exact(tape.max_pool(&tape.constant(map), window).unwrap().value(), twin::max_pool::max_pool(p, x))
    })
}

fn max_pool_gradient(gpu: &Gpu) -> Vec<Row> {
    over_pools(gpu, |p, map, x, window| {
        let (tape, g) = (Tape::new(), filled(&p.output(), 2));
        let last_wins = x.iter().enumerate().map(|(i, x)| x + 1e-6 * i as f64).collect::<Vec<_>>();
        let gradient = twin::max_pool::max_pool_gradient;
        assert_ne!(gradient(p, x, &g), gradient(p, &last_wins, &g), "no window has a tie");
        let leaf = tape.leaf(map);
        let y = tape.max_pool(&leaf, window).unwrap();
        let terms = p.window.div_ceil(p.stride).pow(2);
        Row::within(&gradients(tape, &y, &g, &[&leaf])[0], gradient(p, x, &g), gradient(p, x, &abs(&g)), terms)
    })
}

const MAPS: [[usize; 4]; 4] = [[2, 5, 3, 3], [3, 1, 1, 7], [1, 9, 7, 65], [2, 4, 4, 4]];

fn global_average_pool(gpu: &Gpu) -> Vec<Row> {
    MAPS.map(|shape| {
        let (x, tape, [n, h, w, c]) = (filled(&shape, 1), Tape::idle(), shape);
        let got = tape.global_average_pool(&constant(&tape, gpu, &shape, &x)).unwrap();
        let mean = |x: &[f64]| twin::global_average_pool::global_average_pool(x, n, c);
        Row::within(got.value(), mean(&x), mean(&abs(&x)), h * w + DIVISION)
    })
    .into()
}

fn global_average_pool_gradient(gpu: &Gpu) -> Vec<Row> {
    MAPS.map(|shape| {
        let (x, tape, [n, h, w, c]) = (filled(&shape, 1), Tape::new(), shape);
        let (leaf, g) = (tape.leaf(&tensor(gpu, &shape, &x)), values(n * c, 2));
        let y = tape.global_average_pool(&leaf).unwrap();
        let want = twin::global_average_pool::global_average_pool_gradient(&g, c, h * w);
        Row::rounded(&gradients(tape, &y, &g, &[&leaf])[0], want, DIVISION)
    })
    .into()
}

// Batch norm. A chunk has at least 64 pixels, and there are at most 512 chunks.

const EPS: f64 = 1e-5_f32 as f64;
const ONE_CHUNK: [[usize; 4]; 3] = [[2, 5, 3, 3], [4, 4, 4, 66], [1, 1, 1, 4]];
const MANY_CHUNKS: [[usize; 4]; 2] = [[3, 9, 7, 5], [1, 200, 165, 2]];

/// The inputs of a batch norm, for the device and for the twin.
struct Norm {
    x: Vec<f64>,
    weight: Vec<f64>,
    bias: Vec<f64>,
    mean: Vec<f64>,
    variance: Vec<f64>,
    shape: [usize; 4],
    centred: bool,
}

/// Whether every sample has its own statistics.
const STATISTICS: [bool; 2] = [false, true];

struct NormOutput {
    y: Var,
    leaves: [Var; 3],
    running: RunningStatistics,
}

impl Norm {
    /// A map with this mean.
    fn around(shape: [usize; 4], offset: f64) -> Self {
        let c = shape[3];
        let x = filled(&shape, 1).iter().map(|v| f64::from((v + offset) as f32)).collect();
        let variance = values(c, 5).iter().map(|v| 1.5 + v).collect();
        Self { x, weight: values(c, 2), bias: values(c, 3), mean: values(c, 4), variance, shape, centred: true }
    }

    fn new(shape: [usize; 4]) -> Self {
        Self::around(shape, 0.5)
    }

    /// With separate statistics for every sample; for evaluation only.
    fn by_sample(self) -> Self {
        let len = self.shape[0] * self.channels();
        let variance = values(len, 5).iter().map(|v| 1.5 + v).collect();
        Self { mean: values(len, 4), variance, ..self }
    }

    fn with(self, by_sample: bool) -> Self {
        if by_sample { self.by_sample() } else { self }
    }

    /// That does not take the mean away.
    fn without_mean(shape: [usize; 4]) -> Self {
        Self { centred: false, ..Self::new(shape) }
    }

    fn channels(&self) -> usize {
        self.shape[3]
    }

    fn pixels(&self) -> usize {
        self.x.len() / self.channels()
    }

    fn run(&self, gpu: &Gpu, tape: &Tape, train: bool, momentum: f32) -> NormOutput {
        self.run_relu(gpu, tape, train, momentum, false)
    }

    fn run_relu(&self, gpu: &Gpu, tape: &Tape, train: bool, momentum: f32, relu: bool) -> NormOutput {
        let vector = |v: &[f64]| tensor(gpu, &[self.channels()], v);
        let by_sample = [self.shape[0], self.channels()];
        let row = if self.mean.len() == self.channels() { &by_sample[1..] } else { &by_sample };
        let [mean, variance] = [&self.mean, &self.variance].map(|v| tensor(gpu, row, v));
        let running = RunningStatistics { mean, variance };
        let leaves =
            [tensor(gpu, &self.shape, &self.x), vector(&self.weight), vector(&self.bias)].map(|t| tape.leaf(&t));
        let inputs =
            BatchNormInputs { weight: &leaves[1], bias: &leaves[2], epsilon: 1e-5, relu, centred: self.centred };
        let y = if train {
            tape.batch_norm_train(&leaves[0], inputs, &running, momentum)
        } else {
            tape.batch_norm_eval(&leaves[0], inputs, &running)
        };
        NormOutput { y: y.unwrap(), leaves, running }
    }

    /// For each channel, the mean of `f(x)` over pixels.
    fn mean_of(&self, f: fn(f64) -> f64) -> Vec<f64> {
        let of = |c| self.x.iter().skip(c).step_by(self.channels()).map(|x| f(*x)).sum::<f64>();
        (0..self.channels()).map(|c| of(c) / self.pixels() as f64).collect()
    }

    /// Operations that a pixel goes through on its way into the statistics: those of its chunk, and five per chunk for
    /// merging.
    fn terms(&self) -> usize {
        let chunk = self.pixels().div_ceil(512).max(64);
        chunk + 5 * self.pixels().div_ceil(chunk) + 4 + DIVISION
    }

    /// The magnitude of the variance's terms: squared distances from a pixel, `(x - y)^2 <= 2 x^2 + 2 y^2`, which are
    /// subtracted from each other twice.
    fn variance_magnitude(&self) -> Vec<f64> {
        let largest = self.x.iter().map(|x| x * x).fold(0.0, f64::max);
        self.mean_of(|x| x * x).iter().map(|mean| 4.0 * (mean + largest)).collect()
    }

    /// The running statistics after a step with this momentum.
    fn running_rows(&self, output: &NormOutput, momentum: f32) -> [Row; 2] {
        let (_, mean, variance) = twin::batch_norm::batch_norm(&self.x, self.channels(), &self.weight, &self.bias, EPS);
        let unbiased = |v: &[f64]| twin::batch_norm::unbiased(v, self.pixels());
        let next = |old: &[f64], new: &[f64]| twin::batch_norm::running_update(old, new, f64::from(momentum));
        let (of_mean, of_variance) = (next(&abs(&self.mean), &self.mean_of(f64::abs)), self.variance_magnitude());
        let of_variance = next(&self.variance, &unbiased(&of_variance));
        [
            Row::within(&output.running.mean, next(&self.mean, &mean), of_mean, self.terms()),
            Row::within(
                &output.running.variance,
                next(&self.variance, &unbiased(&variance)),
                of_variance,
                self.terms(),
            ),
        ]
    }
}

fn batch_norm(gpu: &Gpu) -> Vec<Row> {
    let one = |(shape, by_sample): (&[usize; 4], bool)| {
        let (norm, tape, c) = (Norm::new(*shape).with(by_sample), Tape::idle(), shape[3]);
        let [y, relu] = [false, true].map(|relu| norm.run_relu(gpu, &tape, false, 0.0, relu).y);
        let eval = |x: &[f64], weight: &[f64], bias: &[f64], mean: &[f64]| {
            twin::batch_norm::batch_norm_eval(x, c, weight, bias, mean, &norm.variance, EPS)
        };
        let want = eval(&norm.x, &norm.weight, &norm.bias, &norm.mean);
        let magnitude = eval(&abs(&norm.x), &abs(&norm.weight), &abs(&norm.bias), &times(-1.0, &abs(&norm.mean)));
        let positive = twin::relu::relu(&want);
        assert!(positive.len() < 20 || has_both_sides(&positive));
        let terms = 4 + ROOT + DIVISION;
        [Row::within(y.value(), want, magnitude.clone(), terms), Row::within(relu.value(), positive, magnitude, terms)]
    };
    ONE_CHUNK.iter().chain(&MANY_CHUNKS).flat_map(|s| STATISTICS.map(|by| (s, by))).flat_map(one).collect()
}

/// With momentum 1 the running statistics are those of the batch.
fn batch_norm_statistics(gpu: &Gpu) -> Vec<Row> {
    let one = |shape: &[usize; 4]| {
        let norm = Norm::new(*shape);
        norm.running_rows(&norm.run(gpu, &Tape::idle(), true, 1.0), 1.0)
    };
    ONE_CHUNK.iter().flat_map(one).collect()
}

fn batch_norm_merge(gpu: &Gpu) -> Vec<Row> {
    let one = |shape: &[usize; 4]| {
        let (norm, c) = (Norm::new(*shape), shape[3]);
        let output = norm.run(gpu, &Tape::idle(), true, 0.1);
        let (want, mean, variance) = twin::batch_norm::batch_norm(&norm.x, c, &norm.weight, &norm.bias, EPS);
        let (sizes, spread) = (norm.mean_of(f64::abs), norm.variance_magnitude());
        // `(|x| + |mean|) / deviation`, plus half the relative error of the variance.
        let unit =
            |x: f64, c: usize| (x.abs() + sizes[c]) / (variance[c] + EPS).sqrt() * (1.0 + spread[c] / variance[c]);
        let magnitude =
            norm.x.iter().enumerate().map(|(i, x)| norm.weight[i % c].abs() * unit(*x, i % c) + norm.bias[i % c].abs());
        assert_eq!(mean.len(), c);
        let y = Row::within(output.y.value(), want.clone(), magnitude.collect(), norm.terms() + 4 + ROOT + DIVISION);
        let close = Row::l2(output.y.value(), want, 2e-6);
        norm.running_rows(&output, 0.1).into_iter().chain([y, close]).collect::<Vec<_>>()
    };
    MANY_CHUNKS.iter().flat_map(one).collect()
}

#[test]
fn statistics_of_a_map_far_from_zero_do_not_cancel() {
    for shape in [[2, 5, 3, 3], [3, 9, 7, 5]] {
        let (norm, gpu) = (Norm::around(shape, 1000.0), Lane::Register.gpu());
        let output = norm.run(gpu, &Tape::idle(), true, 1.0);
        let (_, _, variance) = twin::batch_norm::batch_norm(&norm.x, shape[3], &norm.weight, &norm.bias, EPS);
        let want = twin::batch_norm::unbiased(&variance, norm.pixels());
        Row::l2(&output.running.variance, want, 1e-5).check("variance around 1000");
    }
}

/// Shapes with enough pixels for a meaningful variance.
const GRADIENT_MAPS: [[usize; 4]; 3] = [[2, 5, 3, 3], [4, 4, 4, 66], [3, 9, 7, 5]];

/// The gradients of x, weight and bias from the device and from the twin, in training and in evaluation.
fn norm_gradients(gpu: &Gpu, norm: &Norm, train: bool) -> (Vec<Tensor>, [Vec<f64>; 3], Vec<f64>) {
    let (tape, c, g) = (Tape::new(), norm.channels(), filled(&norm.shape, 6));
    let output = norm.run(gpu, &tape, train, 0.1);
    let got = gradients(tape, &output.y, &g, &output.leaves.each_ref());
    let (gx, gw, gb) = if train {
        let (_, mean, variance) = twin::batch_norm::batch_norm(&norm.x, c, &norm.weight, &norm.bias, EPS);
        twin::batch_norm::batch_norm_gradient(&norm.x, &g, c, &norm.weight, &mean, &variance, EPS)
    } else {
        twin::batch_norm::batch_norm_eval_gradient(&norm.x, &g, c, &norm.weight, &norm.mean, &norm.variance, EPS)
    };
    (got, [gx, gw, gb], g)
}

fn batch_norm_gradient(gpu: &Gpu) -> Vec<Row> {
    let one = |shape: &[usize; 4]| {
        let eval = STATISTICS.map(|by_sample| {
            let (eval, [want, ..], _) = norm_gradients(gpu, &Norm::new(*shape).with(by_sample), false);
            Row::rounded(&eval[0], want, 3 + ROOT + DIVISION)
        });
        let (train, [want_train, ..], _) = norm_gradients(gpu, &Norm::new(*shape), true);
        eval.into_iter().chain([Row::l2(&train[0], want_train, 2e-6)]).collect::<Vec<_>>()
    };
    GRADIENT_MAPS.iter().flat_map(one).collect()
}

fn batch_norm_gradient_sums(gpu: &Gpu) -> Vec<Row> {
    let one = |(shape, train, by_sample): (&[usize; 4], bool, bool)| {
        let norm = Norm::new(*shape).with(by_sample);
        let (got, [_, weight, bias], g) = norm_gradients(gpu, &norm, train);
        let sum = |c: usize| g.iter().skip(c).step_by(shape[3]).map(|g| g.abs()).sum();
        let magnitude = (0..shape[3]).map(sum).collect();
        [Row::l2(&got[1], weight, 2e-6), Row::within(&got[2], bias, magnitude, norm.pixels())]
    };
    let cases = |s| [(s, false, false), (s, false, true), (s, true, false)];
    GRADIENT_MAPS.iter().flat_map(cases).flat_map(one).collect()
}

/// The norm that does not take the mean away: in evaluation, with statistics of all samples or of each, and in training, with its
/// gradients.
fn half_mean_square(gpu: &Gpu) -> Vec<Row> {
    let one = |shape: &[usize; 4]| {
        let eval = STATISTICS.map(|by_sample| {
            let (norm, c) = (Norm::without_mean(*shape).with(by_sample), shape[3]);
            let half = twin::batch_norm::half_mean_square(&norm.mean, &norm.variance);
            let of = |x: &[f64], weight: &[f64], bias: &[f64]| {
                twin::batch_norm::batch_norm_eval(x, c, weight, bias, &vec![0.0; half.len()], &half, EPS)
            };
            let got = norm.run(gpu, &Tape::idle(), false, 0.0).y;
            let magnitude = of(&abs(&norm.x), &abs(&norm.weight), &abs(&norm.bias));
            Row::within(got.value(), of(&norm.x, &norm.weight, &norm.bias), magnitude, 7 + ROOT + DIVISION)
        });
        let (norm, c, g, tape) = (Norm::without_mean(*shape), shape[3], filled(shape, 6), Tape::new());
        let (y, half) = twin::batch_norm::batch_norm_without_mean(&norm.x, c, &norm.weight, &norm.bias, EPS);
        let output = norm.run(gpu, &tape, true, 0.1);
        let forward = Row::l2(output.y.value(), y, 2e-6);
        let statistics = norm.running_rows(&output, 0.1);
        let got = gradients(tape, &output.y, &g, &output.leaves.each_ref());
        let gradient = twin::batch_norm::batch_norm_without_mean_gradient;
        let (gx, gw, gb) = gradient(&norm.x, &g, c, &norm.weight, &half, EPS);
        let backward = got.iter().zip([gx, gw, gb]).map(|(got, want)| Row::l2(got, want, 2e-6)).collect::<Vec<_>>();
        eval.into_iter().chain([forward]).chain(statistics).chain(backward).collect::<Vec<_>>()
    };
    GRADIENT_MAPS.iter().flat_map(one).collect()
}

// The stem that hardly moves with its image: moduli, blurs, maps side by side.

/// Complex maps: `[n, height, width, 2 channels]`, and what their values are multiplied by.
const COMPLEX: [([usize; 4], f64); 4] =
    [([2, 5, 3, 6], 1.0), ([1, 1, 1, 2], 1.0), ([3, 9, 7, 70], 1.0), ([2, 3, 3, 4], 1e-30)];

fn over_complex(f: impl Fn(&[usize; 4], &[f64]) -> Row) -> Vec<Row> {
    let one = |(shape, scale): &([usize; 4], f64)| {
        let mut z = times(*scale, &filled(shape, 1)).iter().map(|v| f64::from(*v as f32)).collect::<Vec<_>>();
        // A pixel of nothing but zeros, and one whose first value has no real part.
        if z.len() > 20 {
            z[..shape[3]].fill(0.0);
            z[shape[3]] = 0.0;
        }
        f(shape, &z)
    };
    COMPLEX.iter().map(one).collect()
}

fn modulus(gpu: &Gpu) -> Vec<Row> {
    over_complex(|shape, z| {
        let tape = Tape::idle();
        let got = tape.modulus(&constant(&tape, gpu, shape, z)).unwrap();
        Row::rounded(got.value(), twin::modulus::modulus(z, shape[3] / 2), 3 + ROOT + DIVISION)
    })
}

fn modulus_gradient(gpu: &Gpu) -> Vec<Row> {
    over_complex(|shape, z| {
        let (tape, channels) = (Tape::new(), shape[3] / 2);
        let g = filled(&[shape[0], shape[1], shape[2], channels], 2);
        let leaf = tape.leaf(&tensor(gpu, shape, z));
        let y = tape.modulus(&leaf).unwrap();
        let want = twin::modulus::modulus_gradient(z, &g, channels);
        Row::rounded(&gradients(tape, &y, &g, &[&leaf])[0], want, 4 + ROOT + 2 * DIVISION)
    })
}

const BLURS: [([usize; 4], ops::Blur); 5] = [
    // Too small to be mirrored.
    ([2, 1, 1, 3], ops::Blur { size: 3, stride: 2 }),
    ([2, 7, 6, 3], ops::Blur { size: 3, stride: 2 }),
    ([1, 2, 2, 5], ops::Blur { size: 3, stride: 2 }),
    ([2, 5, 9, 4], ops::Blur { size: 5, stride: 1 }),
    ([1, 9, 8, 66], ops::Blur { size: 7, stride: 3 }),
];

/// A blur of the mirrored map, and of a map of its own size the adjoint.
fn over_blurs(f: impl Fn([usize; 4], ops::Blur, &twin::blur::BlurTwin) -> Row) -> Vec<Row> {
    let one = |(map, blur): ([usize; 4], ops::Blur)| {
        let ([n, height, width, channels], around) = (map, 2 * (blur.size / 2));
        let (size, stride) = (blur.size, blur.stride);
        let padded = twin::blur::BlurTwin { n, height: height + around, width: width + around, channels, size, stride };
        f(map, blur, &padded)
    };
    BLURS.into_iter().map(one).collect()
}

fn blur(gpu: &Gpu) -> Vec<Row> {
    over_blurs(|map, blur, padded| {
        let (x, tape) = (filled(&map, 1), Tape::idle());
        let border = blur.border([map[1], map[2]]);
        let mirrored = |x: &[f64]| twin::pad::pad(map, [blur.size / 2; 2], border, x);
        let got = tape.blur(&constant(&tape, gpu, &map, &x), blur).unwrap();
        assert_eq!(got.value().shape(), padded.output());
        assert_eq!([map[1], map[2]].map(|side| blur.blurred(side)), [padded.output()[1], padded.output()[2]]);
        assert_eq!(blur.taps(), twin::blur::taps(blur.size));
        let of = |x: &[f64]| twin::blur::blur(padded, &mirrored(x));
        Row::within(got.value(), of(&x), of(&abs(&x)), blur.size * blur.size + 1)
    })
}

fn blur_adjoint(gpu: &Gpu) -> Vec<Row> {
    over_blurs(|map, blur, padded| {
        let (x, g, tape) = (filled(&map, 1), filled(&padded.output(), 2), Tape::new());
        let leaf = tape.leaf(&tensor(gpu, &map, &x));
        let y = tape.blur(&leaf, blur).unwrap();
        let of = |g: &[f64]| {
            let blurred = twin::blur::blur_adjoint(padded, g);
            twin::pad::pad_adjoint(map, [blur.size / 2; 2], blur.border([map[1], map[2]]), &blurred)
        };
        let terms = blur.size * blur.size + (blur.size + 1).pow(2) + 1;
        Row::within(&gradients(tape, &y, &g, &[&leaf])[0], of(&g), of(&abs(&g)), terms)
    })
}

/// Two maps side by side, and the gradient of either.
fn copy_channels(gpu: &Gpu) -> Vec<Row> {
    let one = |(pixels, c, d): (usize, usize, usize)| {
        let (a, b, g, tape) = (values(pixels * c, 1), values(pixels * d, 2), values(pixels * (c + d), 3), Tape::new());
        let leaves = [tape.leaf(&tensor(gpu, &[pixels, c], &a)), tape.leaf(&tensor(gpu, &[pixels, d], &b))];
        let both = tape.concatenate(&leaves[0], &leaves[1]).unwrap();
        let forward = Row::exact(both.value(), twin::copy_channels::concatenate((&a, c), (&b, d)));
        let of = |from: usize, count: usize| {
            let mut part = vec![0.0; pixels * count];
            twin::copy_channels::copy_channels((&g, c + d), (&mut part, count), [from, 0, count]);
            part
        };
        let got = gradients(tape, &both, &g, &leaves.each_ref());
        [forward, Row::exact(&got[0], of(0, c)), Row::exact(&got[1], of(c, d))]
    };
    [(1, 1, 1), (70, 5, 3), (9, 40, 24)].into_iter().flat_map(one).collect()
}

// The loss.

/// Logits with ties, and their labels: fewer classes than five and more, and more samples than threads.
fn scores(n: usize, classes: usize) -> (Vec<f64>, Vec<u32>) {
    let logits = values(n * classes, 1).iter().map(|v| (v * 16.0).round() / 4.0).collect();
    (logits, (0..n).map(|i| (i * 7 % classes) as u32).collect())
}

const SCORES: [(usize, usize); 4] = [(1, 2), (5, 3), (70, 10), (130, 100)];

/// Operations that a logit goes through: `exp` may be off by `3 + 2 |x|` ulp, with differences up to 8; `log` by 3.
fn softmax_terms(classes: usize) -> usize {
    classes + 1 + (3 + 2 * 8) + 3 + 2 + DIVISION
}

/// Targets for [`scores`]: the labels alone, and mixtures with other labels, smoothed.
fn targets(n: usize, classes: usize) -> [(Vec<Target>, f32); 2] {
    let (_, labels) = scores(n, classes);
    let alone = labels.iter().map(|label| Target::from(*label)).collect();
    let mixed = labels.iter().enumerate().map(|(i, &label)| {
        let other = (label + (i % 3) as u32) % classes as u32;
        Target { labels: [label, other], weight: (i % 5) as f32 / 4.0 }
    });
    [(alone, 0.0), (mixed.collect(), 0.125)]
}

fn twins(targets: &[Target]) -> Vec<twin::cross_entropy::TargetTwin> {
    let one = |target: &Target| twin::cross_entropy::TargetTwin {
        labels: target.labels.map(|label| label as usize),
        weight: target.weight.into(),
    };
    targets.iter().map(one).collect()
}

/// The gradient, with an upstream gradient other than 1.
fn cross_entropy(gpu: &Gpu) -> Vec<Row> {
    let one = |(n, classes): (usize, usize), targets: &[Target], smoothing: f32| {
        let ((logits, _), tape) = (scores(n, classes), Tape::new());
        let leaf = tape.leaf(&tensor(gpu, &[n, classes], &logits));
        let loss = tape.soft_cross_entropy(&leaf, targets, smoothing).unwrap().loss;
        let got = gradients(tape, &loss, &[-0.75], &[&leaf]);
        let twins = twins(targets);
        let found = twin::cross_entropy::soft_cross_entropy_gradient(&logits, &twins, smoothing.into());
        let want = times(-0.75, &found);
        // The probability of a wanted class, and what is subtracted from it.
        let own = |i: usize| {
            let hits = twins[i / classes].labels.iter().filter(|label| **label == i % classes).count();
            1.5 / n as f64 * (hits as f64 + f64::from(smoothing) / classes as f64)
        };
        let magnitude = want.iter().enumerate().map(|(i, g)| g.abs() + own(i)).collect();
        Row::within(&got[0], want, magnitude, softmax_terms(classes) + DIVISION + 1 + 4)
    };
    let all = SCORES
        .iter()
        .flat_map(|&(n, classes)| targets(n, classes).map(|(t, smoothing)| one((n, classes), &t, smoothing)));
    all.collect()
}

/// The mean loss, and the counts of hits, which are exact.
fn cross_entropy_mean(gpu: &Gpu) -> Vec<Row> {
    let one = |(n, classes): (usize, usize), targets: &[Target], smoothing: f32| {
        let ((logits, _), tape) = (scores(n, classes), Tape::idle());
        let scored = constant(&tape, gpu, &[n, classes], &logits);
        let found = tape.soft_cross_entropy(&scored, targets, smoothing).unwrap();
        let twins = twins(targets);
        let loss = twin::cross_entropy::soft_cross_entropy(&logits, &twins, smoothing.into()).0;
        let ranks = logits.chunks_exact(classes).zip(&twins).map(|(row, t)| twin::cross_entropy::rank(row, t.label()));
        let ranks = ranks.collect::<Vec<_>>();
        let hits = |k: usize| ranks.iter().filter(|rank| **rank < k).count() as f64;
        assert!(n < 70 || (hits(1) > 0.0 && hits(1) < hits(5) && hits(5) < n as f64));
        // The logarithm of the total is at most 5, and the largest logit is at most 8 above the others.
        let terms = softmax_terms(classes) + classes + 4 + n.div_ceil(64) + 6;
        let metrics = found.metrics.to_vec().unwrap();
        assert_eq!(metrics[1..], [hits(1) as f32, hits(5) as f32], "hits of {n} samples");
        assert_eq!(metrics[0], found.loss.value().to_vec().unwrap()[0]);
        let bounded = Row::within(found.loss.value(), vec![loss], vec![8.0 + 5.0], terms);
        [bounded, Row::l2(found.loss.value(), vec![loss], 1e-6)]
    };
    let all = SCORES
        .iter()
        .flat_map(|&(n, classes)| targets(n, classes).map(|(t, smoothing)| one((n, classes), &t, smoothing)));
    all.flatten().collect()
}

#[test]
fn a_loss_of_large_logits_is_finite() {
    let (tape, gpu) = (Tape::new(), Lane::Register.gpu());
    let logits = [1e4, -1e4, 0.0, -1e4, 1e4, 0.0];
    let leaf = tape.leaf(&tensor(gpu, &[2, 3], &logits));
    let loss = tape.cross_entropy(&leaf, &[1, 1]).unwrap().loss;
    Row::rounded(loss.value(), vec![1e4], 4).check("loss");
    Row::within(&gradients(tape, &loss, &[1.0], &[&leaf])[0], vec![0.5, -0.5, 0.0, 0.0, 0.0, 0.0], vec![0.5; 6], 4)
        .check("gradient");
}

// The kernels that measure the ceilings.

fn ceiling_multiply_add(gpu: &Gpu) -> Vec<Row> {
    let one = |(len, rounds): (usize, usize)| {
        let start = values(len, 1);
        let got = ops::ceiling_multiply_add(&tensor(gpu, &[len], &start), rounds).unwrap();
        // Chains approach 1, so none ever exceeds |start| + 1. A link is two operations.
        let magnitude = start.iter().map(|v| 3.0 * (v.abs() + 1.0)).collect();
        Row::within(&got, twin::ceiling::ceiling_multiply_add(&start, rounds), magnitude, 2 * 16 * rounds + 3)
    };
    [(4, 1), (260, 1), (1032, 3)].map(one).into()
}

fn ceiling_copy(gpu: &Gpu) -> Vec<Row> {
    over_lengths(|len| {
        let a = values(len, 1);
        Row::exact(&ops::ceiling_copy(&tensor(gpu, &[len], &a)).unwrap(), twin::ceiling::ceiling_copy(&a))
    })
}
