//! The kernels through the library's functions, at sizes that a software driver runs in milliseconds. To find
//! regressions: `cargo bench -- --save-baseline before`, then, with the change, `cargo bench -- --baseline before`.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sdnet::Result;
use sdnet::gpu::{Gpu, GpuOptions};
use sdnet::layers::{BatchNorm, Csc, CscConfig, Pass};
use sdnet::ops::{self, Factor, Prox, ProxStep, RunningStatistics, SgdRule, Window};
use sdnet::reference::sequence::sequence;
use sdnet::shape::{ConvShape, Geometry, PaddingMode};
use sdnet::solver::{Convolution, PowerIteration};
use sdnet::tape::{Tape, Var};
use sdnet::tensor::Tensor;

/// Map sizes for kernels that compute little: n, height, width, channels.
const MAP: [usize; 4] = [4, 32, 32, 64];

struct Bench<'c> {
    criterion: &'c mut Criterion,
    gpu: Gpu,
}

impl Bench<'_> {
    fn tensor(&self, shape: &[usize]) -> Tensor {
        let values = sequence(shape.iter().product(), 1, 1.0).iter().map(|v| *v as f32).collect::<Vec<_>>();
        Tensor::from_slice(&self.gpu, shape, &values).expect("a small tensor")
    }

    fn one(&self) -> Tensor {
        Tensor::full(&self.gpu, &[1], 1.0).expect("one value")
    }

    /// Times `work` to completion.
    fn time<T>(&mut self, name: &str, throughput: Throughput, mut work: impl FnMut() -> Result<T>) {
        let (group, name) = name.split_once('/').expect("group/name");
        let mut group = self.criterion.benchmark_group(group);
        group.throughput(throughput).bench_function(name, |bencher| {
            bencher.iter(|| work().and_then(|_| self.gpu.wait()).expect("the device works"));
        });
    }

    /// Times `forward` on a map, without and with its gradients.
    fn time_taped(&mut self, name: &str, shape: &[usize], forward: impl Fn(&Tape, &Var) -> Result<Var>) {
        let x = self.tensor(shape);
        let bytes = Throughput::Bytes(4 * x.len() as u64);
        self.time(&format!("{name}/forward"), bytes.clone(), || {
            let tape = Tape::idle();
            forward(&tape, &tape.constant(&x))
        });
        self.time(&format!("{name}/train"), bytes, || {
            let tape = Tape::new();
            let y = forward(&tape, &tape.leaf(&x))?;
            tape.backward(&y)
        });
    }
}

fn convolutions(bench: &mut Bench) {
    for (name, signal, atoms, kernel, stride) in [
        ("64 channels", MAP, 64, 3, 1),
        ("64 channels, stride 2", MAP, 128, 3, 2),
        ("256 channels, 8x8", [4, 8, 8, 256], 256, 3, 1),
        ("3 channels", [4, 32, 32, 3], 64, 3, 1),
        ("1x1, stride 2", MAP, 128, 1, 2),
    ] {
        let weight = bench.tensor(&[atoms, kernel, kernel, signal[3]]);
        let shape =
            ConvShape::new("bench", &signal, weight.shape(), Geometry::square(stride, kernel / 2)).expect("shapes fit");
        let (x, codes) = (bench.tensor(&signal), bench.tensor(&shape.codes()));
        let multiply_adds = codes.len() * kernel * kernel * signal[3];
        let throughput = Throughput::Elements(multiply_adds as u64);
        let (geometry, size) = (shape.geometry, [signal[1], signal[2]]);
        bench.time(&format!("correlation/{name}"), throughput.clone(), || ops::correlation(&x, &weight, geometry));
        bench
            .time(&format!("synthesis/{name}"), throughput.clone(), || ops::synthesis(&codes, &weight, geometry, size));
        bench.time(&format!("weight gradient/{name}"), throughput, || {
            ops::weight_gradient(Factor::ONE, &shape, &codes, &x)
        });
    }
}

/// Two iterations: the residual and both kinds of FISTA step.
fn sparse_coding(bench: &mut Bench) {
    let weight = bench.tensor(&[64, 3, 3, 64]);
    ops::normalize_atoms(&weight).expect("a small tensor");
    let mut csc = Csc::new(weight.clone(), CscConfig::default()).expect("a layer");
    csc.set_step(0.1).expect("a step size");
    bench.time_taped("csc", &MAP, |tape, x| csc.forward(&Pass::eval(tape), x));
    let operator = Convolution {
        weight,
        geometry: Geometry::square(1, 1),
        padding_mode: PaddingMode::Zero,
        size: [MAP[1], MAP[2]],
    };
    let mut power = PowerIteration::new(bench.tensor(&[1, MAP[1], MAP[2], 64]));
    bench.time("power iteration/3 rounds", Throughput::Elements(3), || power.run(&operator, 3));
}

fn maps(bench: &mut Bench) {
    let (step, lambda, prox) =
        (bench.one(), Tensor::full(&bench.gpu, &[MAP[0]], 0.1), Prox { mu: 0.0, non_negative: true });
    let lambda = lambda.expect("a small tensor");
    let (u, bytes) = (bench.tensor(&MAP), Throughput::Bytes(4 * MAP.iter().product::<usize>() as u64));
    let with = ProxStep { step: &step, lambda: &lambda, prox };
    bench.time("soft threshold/forward", bytes.clone(), || ops::soft_threshold(&u, with));
    bench.time("soft threshold/gradient", bytes.clone(), || ops::soft_threshold_gradient(&u, &u, &step, 0.0));
    bench.time_taped("relu", &MAP, |tape, x| tape.relu(x));
    bench.time_taped("add and relu", &MAP, |tape, x| tape.add_relu(x, x));
    bench.time("momentum/forward", bytes, || ops::momentum(&u, &u, 0.3));
    bench.time_taped("max pool", &MAP, |tape, x| {
        tape.max_pool(x, Window { size: 3, stride: 2, padding: 1, ceil: false })
    });
    bench.time_taped("global average pool", &MAP, |tape, x| tape.global_average_pool(x));
    let channel = || bench.tensor(&[MAP[3]]);
    let running = RunningStatistics { mean: bench.tensor(&[MAP[3]]), variance: bench.tensor(&[MAP[3]]) };
    let norm = BatchNorm { weight: channel(), bias: channel(), running, centred: true };
    bench.time_taped("batch norm", &MAP, |tape, x| norm.forward(&Pass::train(tape), x));
}

fn training(bench: &mut Bench) {
    let (weight, bias) = (bench.tensor(&[10, 512]), bench.tensor(&[10]));
    let labels = (0..128).map(|i| i % 10).collect::<Vec<_>>();
    bench.time_taped("linear and cross entropy", &[128, 512], |tape, x| {
        let logits = tape.linear(x, &tape.leaf(&weight), &tape.leaf(&bias))?;
        Ok(tape.cross_entropy(&logits, &labels)?.loss)
    });
    let [parameter, velocity, gradient] = [(); 3].map(|()| bench.tensor(&[256, 3, 3, 256]));
    let rule = SgdRule { momentum: 0.9, weight_decay: 5e-4, nesterov: true };
    let bytes = Throughput::Bytes(4 * parameter.len() as u64);
    bench.time("sgd/256 channels", bytes.clone(), || ops::sgd(&parameter, &velocity, &gradient, 0.1, rule));
    bench.time("normalize atoms/256 channels", bytes, || ops::normalize_atoms(&gradient));
}

fn kernels(criterion: &mut Criterion) {
    let gpu = Gpu::open(&GpuOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    let mut bench = Bench { criterion, gpu };
    convolutions(&mut bench);
    sparse_coding(&mut bench);
    maps(&mut bench);
    training(&mut bench);
}

/// As short as the smallest number of samples allows: a minute or two for everything.
fn short() -> Criterion {
    let second = Duration::from_secs(1);
    Criterion::default().sample_size(10).warm_up_time(second / 4).measurement_time(second)
}

criterion_group! { name = benches; config = short(); targets = kernels }
criterion_main!(benches);
