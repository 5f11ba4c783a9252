//! Device memory; each test uses a device of its own.

use sdnet::checkpoint;
use sdnet::error::{Error, Result};
use sdnet::gpu::{Gpu, GpuOptions};
use sdnet::layers::{Csc, CscConfig, Pass};
use sdnet::models::{Architecture, ModelConfig, Network};
use sdnet::ops::SgdRule;
use sdnet::tape::Tape;
use sdnet::tensor::Tensor;
use sdnet::train::{Purpose, TrainStep, largest_batch};

use crate::harness::{filled, tensor, times};
use crate::support::options;

fn own_gpu() -> Gpu {
    Gpu::open(&options()).unwrap()
}

/// The peak memory of the forward and backward pass of a layer with this many iterations.
fn peak_of(iterations: usize) -> u64 {
    let (gpu, maps, dictionary) = (own_gpu(), [16, 16, 16, 16], [16, 3, 3, 16]);
    let weight = tensor(&gpu, &dictionary, &times(0.1, &filled(&dictionary, 1)));
    let mut csc = Csc::new(weight, CscConfig { iterations, ..CscConfig::default() }).unwrap();
    csc.set_step(0.1).unwrap();
    let x = tensor(&gpu, &maps, &filled(&maps, 2));
    let tape = Tape::new();
    let codes = csc.forward(&Pass::eval(&tape), &tape.leaf(&x)).unwrap();
    let found = tape.backward(&codes).unwrap();
    drop(found);
    gpu.wait().unwrap();
    gpu.memory().peak
}

#[test]
fn eight_iterations_hold_at_most_half_as_much_again_as_two() {
    let (two, eight) = (peak_of(2), peak_of(8));
    assert!(2 * eight <= 3 * two, "{eight} bytes, {two} with two iterations");
}

struct Training {
    gpu: Gpu,
    network: Network,
    step: TrainStep,
}

impl Training {
    fn new() -> Self {
        Self::on(own_gpu())
    }

    fn on(gpu: Gpu) -> Self {
        let config = ModelConfig { width: 4, in_channels: 1, ..ModelConfig::named("sdnet18").unwrap() };
        let network = Network::new(&gpu, &config, 0).unwrap();
        let rule = SgdRule { momentum: 0.9, weight_decay: 5e-4, nesterov: true };
        let step = TrainStep::new(rule, &network).unwrap();
        Self { gpu, network, step }
    }

    /// A step on a batch of this many images.
    fn step(&mut self, batch: usize) -> Result<Tensor> {
        let images = Tensor::full(&self.gpu, &[batch, 8, 8, 1], 0.5)?;
        self.step.run(&self.network, &images, &vec![0; batch], 0.01)
    }

    /// Bytes held after this many steps on images of this size.
    fn held_after(&mut self, steps: usize, size: usize) -> u64 {
        let shape = [2, size, size, 1];
        let images = tensor(&self.gpu, &shape, &filled(&shape, 1));
        for _ in 0..steps {
            self.step.run(&self.network, &images, &[0, 1], 0.01).unwrap();
            self.gpu.submit().unwrap();
        }
        self.gpu.wait().unwrap();
        self.gpu.memory().held
    }
}

#[test]
fn two_hundred_training_steps_hold_what_the_first_few_do() {
    let mut training = Training::new();
    // The first steps compile kernels, compute step sizes and fill the pool.
    let early = training.held_after(5, 8);
    let curve = (0..39).map(|_| training.held_after(5, 8)).collect::<Vec<_>>();
    assert!(curve.iter().all(|held| *held <= early), "{early}, then {curve:?}");
}

#[test]
fn idle_buffers_are_lent_for_half_their_size_and_more() {
    let gpu = own_gpu();
    drop(Tensor::full(&gpu, &[4096], 1.0).unwrap());
    let held = gpu.memory().held;
    let lent = Tensor::full(&gpu, &[2048], 2.0).unwrap();
    assert_eq!((gpu.memory().held, lent.to_vec().unwrap()), (held, vec![2.0; 2048]));
    let beside = Tensor::full(&gpu, &[2048], 3.0).unwrap();
    assert_eq!((gpu.memory().held, lent.to_vec().unwrap()[0]), (held + 4 * 2048, 2.0), "it is in use");
    drop((lent, beside));
    let small = Tensor::full(&gpu, &[500], 4.0).unwrap();
    assert!(gpu.memory().held > held + 4 * 2048, "most of a buffer would lie idle: {small:?}");
}

#[test]
fn the_pool_gives_back_what_another_size_left_idle() {
    let mut training = Training::new();
    let small = training.held_after(3, 8);
    let large = training.held_after(3, 32);
    let small_again = training.held_after(80, 8);
    assert!(large > 2 * small, "{small}, then {large}");
    assert!(small_again < small + (large - small) / 4, "{small}, {large}, then {small_again}");
}

#[test]
fn the_largest_batch_is_found_without_changing_the_network() {
    let limited = || {
        let options = GpuOptions { most_memory: Some(3 << 20), ..options() };
        Training::on(Gpu::open(&options).unwrap())
    };
    let error = limited().step(128).map(drop).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
    let mut training = limited();
    training.step(2).unwrap();
    let before = checkpoint::tensors(&training.network).unwrap();
    let batch = largest_batch(&training.network, [8, 8, 1], Purpose::Train, 128).unwrap();
    assert!(checkpoint::tensors(&training.network).unwrap() == before, "looking for the batch has changed the network");
    assert!((8..128).contains(&batch), "{batch}");
    limited().step(batch).unwrap();
    assert!(limited().step(batch + batch.div_ceil(4)).is_err(), "{batch} is far from the largest");
    let more = largest_batch(&training.network, [8, 8, 1], Purpose::Infer, 4096).unwrap();
    assert!(more > batch, "{more} for scores alone, {batch} for training");
}
