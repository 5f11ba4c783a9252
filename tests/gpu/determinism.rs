//! Two runs on one adapter are bit-identical, and the state that a layer keeps between calls does not leak into
//! results.

use sdnet::checkpoint;
use sdnet::gpu::Gpu;
use sdnet::layers::{Csc, CscConfig, Pass, PowerVectors, parameters};
use sdnet::models::{Architecture, Model, ModelConfig, Network};
use sdnet::ops::{self, SgdRule};
use sdnet::shape::Geometry;
use sdnet::tape::Tape;
use sdnet::tensor::Tensor;

use crate::harness::*;

type Bits = Vec<u32>;

fn bits(tensor: &Tensor) -> Bits {
    tensor.to_vec().unwrap().into_iter().map(f32::to_bits).collect()
}

/// Runs `run` twice on each schedule.
fn twice(run: impl Fn(&'static Gpu) -> Vec<Bits>) {
    for lane in Lane::SCHEDULES {
        let (first, second) = (run(lane.gpu()), run(lane.gpu()));
        assert!(first.iter().flatten().any(|v| *v != 0), "{lane:?} computed nothing");
        assert!(first == second, "{lane:?} gave two results");
    }
}

#[test]
fn two_runs_of_an_op_are_bit_equal() {
    // Sums in several parts: a weight gradient in groups, and samples in parts.
    let s = shape([5, 15, 3, 64, 64, 3, 1, 1]);
    let (u, x) = (filled(&s.codes(), 1), filled(&s.signal(), 2));
    twice(|gpu| {
        let (u, x) = (tensor(gpu, &s.codes(), &u), tensor(gpu, &s.signal(), &x));
        let gradient = ops::weight_gradient(ops::Factor::ONE, &s, &u, &x).unwrap();
        let codes = ops::correlation(&x, &gradient, s.geometry).unwrap();
        let samples = codes.reshape(&[1, codes.len()]).unwrap();
        vec![bits(&gradient), bits(&codes), bits(&ops::sum_of_squares(&samples).unwrap())]
    });
}

fn layer(gpu: &Gpu) -> Csc {
    let value = tensor(gpu, &[5, 3, 3, 3], &times(0.25, &filled(&[5, 3, 3, 3], 1)));
    let config = CscConfig { iterations: 3, geometry: Geometry::square(2, 1), ..CscConfig::default() };
    Csc::new(value, config).unwrap()
}

#[test]
fn two_runs_of_a_sparse_coding_layer_are_bit_equal() {
    twice(|gpu| {
        let tape = Tape::new();
        let pass = Pass::train(&tape);
        let x = tape.leaf(&tensor(gpu, &[2, 9, 8, 3], &filled(&[2, 9, 8, 3], 2)));
        let csc = layer(gpu);
        let z = csc.forward(&pass, &x).unwrap();
        let (codes, weight) = (bits(z.value()), pass.parameter(csc.weight()));
        let found = gradients(tape, &z, &filled(z.value().shape(), 3), &[&x, &weight]);
        vec![codes, bits(&found[0]), bits(&found[1])]
    });
}

/// The codes of an image of this size, in evaluation.
fn codes(csc: &Csc, [height, width]: [usize; 2]) -> Bits {
    let (tape, shape, gpu) = (Tape::idle(), [2, height, width, 3], csc.weight().gpu().clone());
    let x = tape.constant(&tensor(&gpu, &shape, &filled(&shape, 2)));
    bits(csc.forward(&Pass::eval(&tape), &x).unwrap().value())
}

#[test]
fn sizes_one_after_another_give_what_a_fresh_layer_gives() {
    for lane in Lane::SCHEDULES {
        let csc = layer(lane.gpu());
        for size in [[9, 8], [4, 13], [9, 8], [1, 1]] {
            assert!(codes(&csc, size) == codes(&layer(lane.gpu()), size), "{lane:?} {size:?}");
        }
    }
}

/// The losses of ten steps, and the parameters after them.
fn train(gpu: &Gpu) -> Vec<Bits> {
    let config = ModelConfig { width: 4, ..ModelConfig::default() };
    let network = Network::new(gpu, &config, 7).unwrap();
    let velocity = |t: &Tensor| Tensor::full(gpu, t.shape(), 0.0).unwrap();
    let velocities = parameters(&network).iter().map(|(_, p)| velocity(p)).collect::<Vec<_>>();
    let powers = PowerVectors::default();
    let rule = SgdRule { momentum: 0.9, weight_decay: 5e-4, nesterov: true };
    let mut results = Vec::new();
    for step in 0..10 {
        let tape = Tape::new();
        let pass = Pass::train(&tape).with_power_vectors(&powers);
        let images = tape.constant(&tensor(gpu, &[4, 12, 12, 3], &filled(&[4, 12, 12, 3], step)));
        let logits = network.forward(&pass, &images).unwrap();
        let loss = tape.cross_entropy(&logits, &[0, 3, 5, 9]).unwrap().loss;
        let leaves = pass.leaves();
        assert_eq!(leaves.len(), velocities.len());
        let found = tape.backward(&loss).unwrap();
        for ((name, parameter), velocity) in parameters(&network).into_iter().zip(&velocities) {
            let gradient = leaves.gradient(&found, &name, parameter).unwrap();
            ops::sgd(parameter, velocity, gradient, 0.0625, rule).unwrap();
        }
        results.push(bits(loss.value()));
    }
    assert_ne!(results[0], results[9], "nothing was learnt");
    let finite = |v: &f32| assert!(v.is_finite());
    let values = checkpoint::tensors(&network).unwrap().into_values().map(|(_, values)| values);
    results.extend(values.inspect(|v| v.iter().for_each(finite)).map(|v| v.into_iter().map(f32::to_bits).collect()));
    results
}

#[test]
fn two_trainings_are_bit_equal() {
    twice(train);
}
