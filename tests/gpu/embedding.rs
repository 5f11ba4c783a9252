//! What a program that embeds the library relies on: its own device, threads, waiting without blocking, and pipelines that
//! do not pile up.

use std::collections::HashSet;
use std::path::Path;

use sdnet::checkpoint::{self, Checkpoint};
use sdnet::error::{Error, Result};
use sdnet::files::NamedTensors;
use sdnet::gpu::{Gpu, GpuOptions, wgpu};
use sdnet::layers::{Csc, CscConfig, Pass};
use sdnet::models::{Architecture, Model, ModelConfig, Network};
use sdnet::ops::{self, SgdRule};
use sdnet::solver::Solver;
use sdnet::tape::Tape;
use sdnet::tensor::Tensor;
use sdnet::train::TrainStep;

use crate::harness::{filled, tensor, times};
use crate::support::{gpu, options};

fn own_gpu() -> Gpu {
    Gpu::open(&options()).unwrap()
}

/// A device opened by the program itself, at these limits.
fn host_device(limits: wgpu::Limits, features: wgpu::Features) -> (wgpu::Device, wgpu::Queue) {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).unwrap();
    let descriptor =
        wgpu::DeviceDescriptor { required_limits: limits, required_features: features, ..Default::default() };
    pollster::block_on(adapter.request_device(&descriptor)).unwrap()
}

#[test]
fn a_device_of_the_program_computes_what_our_own_does() {
    let (device, queue) = host_device(wgpu::Limits::default(), wgpu::Features::empty());
    let host = Gpu::from_device(device.clone(), queue).unwrap();
    assert_eq!(host.schedule().name, "tiled", "the device has no subgroups");
    let codes = |gpu: &Gpu| {
        let weight = tensor(gpu, &[5, 3, 3, 3], &times(0.25, &filled(&[5, 3, 3, 3], 1)));
        let x = tensor(gpu, &[2, 9, 8, 3], &filled(&[2, 9, 8, 3], 2));
        let (csc, tape) = (Csc::new(weight, CscConfig::default()).unwrap(), Tape::idle());
        csc.forward(&Pass::eval(&tape), &tape.constant(&x)).unwrap().value().to_vec().unwrap()
    };
    let tiled = GpuOptions { schedule: Some(&sdnet::gpu::TILED), ..options() };
    assert_eq!(codes(&host), codes(&Gpu::open(&tiled).unwrap()));
    // The program's device stays its own.
    drop(host);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 16,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    });
    assert_eq!(buffer.size(), 16);
}

#[test]
fn the_limits_of_the_programs_device_are_respected() {
    let limits = wgpu::Limits { max_storage_buffer_binding_size: 1 << 20, ..wgpu::Limits::default() };
    let (device, queue) = host_device(limits, wgpu::Features::empty());
    let gpu = Gpu::from_device(device, queue).unwrap();
    assert!(Tensor::full(&gpu, &[1 << 18], 1.0).is_ok());
    let message = Tensor::full(&gpu, &[(1 << 18) + 4], 1.0).unwrap_err().to_string();
    assert!(message.contains("out of device memory") && message.contains("1048576"), "{message}");
    let few = wgpu::Limits { max_storage_buffers_per_shader_stage: 4, ..wgpu::Limits::default() };
    let (device, queue) = host_device(few, wgpu::Features::empty());
    assert!(matches!(Gpu::from_device(device, queue), Err(Error::Device { .. })));
}

#[test]
fn a_program_need_not_block() {
    let work = async {
        let gpu = Gpu::open_async(&options()).await?;
        let x = Tensor::from_slice(&gpu, &[3], &[1.0, -2.0, 4.0])?;
        let doubled = ops::scale(&x, 2.0)?;
        gpu.finished().await?;
        doubled.to_vec_async().await
    };
    assert_eq!(pollster::block_on(work).unwrap(), [2.0, -4.0, 8.0]);
    let names = pollster::block_on(sdnet::gpu::adapters_async());
    assert!(!names.is_empty());
}

#[test]
fn a_weights_file_is_all_that_it_takes_to_classify_pixels() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/sdnet18-fashion.safetensors");
    let checkpoint: Checkpoint = checkpoint::load(&path, gpu(), None).unwrap();
    let test = sdnet::data::bundled(sdnet::data::Split::Test).unwrap().subset(20);
    let found = checkpoint.classify(&test.images, [28, 28]).unwrap();
    let right = found.iter().zip(&test.labels).filter(|(p, l)| p.class == test.class_names[usize::from(**l)]).count();
    assert!(found.len() == 20 && right >= 15, "{right} of 20 are right");
    assert!(found.iter().all(|p| p.probability > 0.1 && p.probability <= 1.0 && p.scores.len() == 10));
    let waited = pollster::block_on(checkpoint.classify_async(&test.images, [28, 28])).unwrap();
    assert_eq!(waited, found);
    assert!(matches!(checkpoint.classify(&test.images[1..], [28, 28]), Err(Error::Shape { .. })));
    assert!(matches!(checkpoint.classify(&[], [28, 28]), Err(Error::Shape { .. })));
}

fn network(gpu: &Gpu, config: ModelConfig) -> Network {
    Network::new(gpu, &ModelConfig { width: 4, in_channels: 1, ..config }, 3).unwrap()
}

#[test]
fn two_threads_predict_what_one_does() {
    let gpu = own_gpu();
    let network = network(&gpu, ModelConfig::default());
    let images = (0..6).map(|tag| tensor(&gpu, &[3, 12, 12, 1], &filled(&[3, 12, 12, 1], tag))).collect::<Vec<_>>();
    let predict =
        |images: &[Tensor]| images.iter().map(|x| network.predict(x).unwrap().to_vec().unwrap()).collect::<Vec<_>>();
    let alone = predict(&images);
    for _ in 0..5 {
        let together = std::thread::scope(|scope| {
            let halves = images.chunks(3).map(|half| scope.spawn(move || predict(half))).collect::<Vec<_>>();
            halves.into_iter().flat_map(|half| half.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(together == alone, "threads have mixed up their work");
    }
}

/// Everything that a program shares between threads is `Send` and `Sync`.
#[test]
fn what_programs_share_may_be_shared() {
    fn shared<T: Send + Sync>() {}
    shared::<Gpu>();
    shared::<Tensor>();
    shared::<Csc>();
    shared::<Network>();
    shared::<Checkpoint>();
    shared::<sdnet::robust::Adapted<Network>>();
    shared::<Error>();
}

#[test]
fn tensors_of_two_devices_are_refused_together() {
    let (a, b) = (own_gpu(), own_gpu());
    let ones = |gpu: &Gpu| Tensor::full(gpu, &[4], 1.0).unwrap();
    let message = ones(&a).add(&ones(&b)).unwrap_err().to_string();
    assert!(message.contains("one device"), "{message}");
}

#[test]
fn values_that_are_not_finite_are_values_like_others() -> Result<()> {
    let gpu = gpu();
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, f32::MIN_POSITIVE] {
        let found = Tensor::full(gpu, &[5], value)?.to_vec()?;
        assert!(found.iter().all(|v| v.to_bits() == value.to_bits() || (v.is_nan() && value.is_nan())), "{found:?}");
    }
    assert!(ops::scale(&Tensor::full(gpu, &[2], 1.0)?, f32::NAN)?.to_vec()?.iter().all(|v| v.is_nan()));
    Ok(())
}

#[test]
fn pipelines_do_not_grow_with_iterations_steps_or_values() {
    let gpu = own_gpu();
    let x = tensor(&gpu, &[2, 12, 12, 1], &filled(&[2, 12, 12, 1], 1));
    let rule = |momentum| SgdRule { momentum, weight_decay: 5e-4, nesterov: true };
    let train = |iterations, lambda, mu, steps: usize, momentum| {
        let network = network(&gpu, ModelConfig { iterations, lambda, mu, ..ModelConfig::default() });
        let step = TrainStep::new(rule(momentum), &network).unwrap();
        for i in 0..steps {
            step.run(&network, &x, &[0, 3], 0.01 / (i + 1) as f32).unwrap();
        }
        network.predict(&x).unwrap().to_vec().unwrap();
    };
    let compiled = || gpu.compiled_pipelines().len();
    // Short solves and long ones, which are recomputed some samples at a time.
    train(3, 0.1, 0.0, 2, 0.9);
    train(8, 0.1, 0.0, 2, 0.9);
    let before = compiled();
    assert!(before > 20, "{before}");
    train(16, 0.1, 0.0, 2, 0.9);
    train(16, 0.03, 0.25, 3, 0.8);
    for value in [0.5, f32::NAN, 17.0] {
        Tensor::full(&gpu, &[7], value).unwrap();
        ops::scale(&x, value).unwrap();
        ops::momentum(&x, &x, value).unwrap();
    }
    let grown = compiled() - before;
    // A fill of seven values; a scale and a momentum of as many values as the images have.
    assert!(grown <= 3, "{grown} pipelines more");
    let kernels = gpu.compiled_pipelines().into_iter().map(|(kernel, _)| kernel.name().to_owned());
    assert!(kernels.collect::<HashSet<_>>().contains("momentum"));
}

#[test]
fn a_layer_keeps_the_step_of_its_training_at_every_size() {
    let gpu = gpu();
    let weight = || tensor(gpu, &[5, 3, 3, 1], &filled(&[5, 3, 3, 1], 1));
    let config = CscConfig { solver: Solver::Ista, ..CscConfig::default() };
    let csc = Csc::new(weight(), config).unwrap();
    let tape = Tape::idle();
    let image = |side: usize| tape.constant(&tensor(gpu, &[1, side, side, 1], &filled(&[1, side, side, 1], 2)));
    csc.forward(&Pass::train(&tape), &image(12)).unwrap();
    let trained = csc.step().unwrap().to_vec().unwrap();
    for side in [5, 12, 40] {
        csc.forward(&Pass::eval(&tape), &image(side)).unwrap();
        assert_eq!(csc.step().unwrap().to_vec().unwrap(), trained);
    }
    // Power iteration finds a lower bound of L, and the bound is an upper one.
    let unseen = Csc::new(csc.weight().clone(), config).unwrap().step().unwrap().to_vec().unwrap()[0];
    assert!(unseen <= trained[0] && unseen > 0.7 * trained[0], "{unseen}, trained {trained:?}");
    let message = Csc::new(weight(), config).unwrap().set_step(f32::NAN).unwrap_err().to_string();
    assert!(message.contains("step_size"), "{message}");
}

#[test]
fn a_frozen_body_stays_as_it_is_and_a_slow_one_moves_less() -> Result<()> {
    let gpu = gpu();
    let x = tensor(gpu, &[4, 12, 12, 1], &filled(&[4, 12, 12, 1], 1));
    let config = ModelConfig { width: 2, in_channels: 1, ..ModelConfig::named("sdnet18")? };
    let rule = SgdRule { momentum: 0.9, weight_decay: 5e-4, nesterov: true };
    let trained = |body_rate| {
        let network = Network::new(gpu, &config, 7)?;
        let before = checkpoint::tensors(&network)?;
        let step = TrainStep { body_rate, ..TrainStep::new(rule, &network)? };
        for _ in 0..2 {
            step.run(&network, &x, &[0, 3, 1, 2], 0.05)?;
        }
        Ok::<_, sdnet::Error>((before, checkpoint::tensors(&network)?))
    };
    let moved = |(before, after): &(NamedTensors, NamedTensors), head: bool| {
        let chosen = before.iter().filter(|(name, _)| name.starts_with("linear.") == head);
        let far = |(name, (_, values)): (&String, &(Vec<usize>, Vec<f32>))| {
            values.iter().zip(&after[name].1).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
        };
        chosen.map(far).fold(0.0, f64::max)
    };
    let (frozen, slow, full) = (trained(0.0)?, trained(0.01)?, trained(1.0)?);
    assert_eq!(moved(&frozen, false), 0.0, "parameters, statistics or step sizes of the body");
    assert!(moved(&frozen, true) > 1e-3);
    let weight = |of: &(NamedTensors, NamedTensors)| {
        let name = "layer1.0.conv1.weight";
        let far = of.0[name].1.iter().zip(&of.1[name].1).map(|(a, b)| f64::from((a - b).abs()));
        far.fold(0.0, f64::max)
    };
    assert!(0.0 < weight(&slow) && weight(&slow) < 0.1 * weight(&full), "{} {}", weight(&slow), weight(&full));
    Ok(())
}

#[test]
fn a_new_head_keeps_the_body() -> Result<()> {
    let gpu = gpu();
    let config = ModelConfig { width: 2, in_channels: 1, ..ModelConfig::named("sdnet18")? };
    let network = Network::new(gpu, &config, 7)?;
    let changed = checkpoint::with_new_head(&network, &ModelConfig { classes: 3, ..config.clone() }, 1)?;
    let (before, after) = (checkpoint::tensors(&network)?, checkpoint::tensors(&changed)?);
    assert_eq!(after["linear.weight"].0, [3, 16]);
    assert!(
        before.iter().filter(|(name, _)| !name.starts_with("linear.")).all(|(name, tensor)| after[name] == *tensor)
    );
    assert!(after["linear.bias"].1.iter().any(|b| *b != 0.0));
    // Whatever a model held before, restoring gives it the file's step size, or one that suits the file's atoms.
    let other = Network::new(gpu, &config, 8)?;
    checkpoint::tensors(&other)?;
    checkpoint::restore(&other, &mut before.clone())?;
    assert!(checkpoint::tensors(&other)? == before);
    let mut tensors = before.clone();
    tensors.retain(|name, _| !name.ends_with("step_size"));
    let third = Network::new(gpu, &config, 9)?;
    checkpoint::tensors(&third)?;
    checkpoint::restore(&third, &mut tensors)?;
    assert!(checkpoint::tensors(&third)? == before);
    Ok(())
}

#[test]
fn shapes_tell_every_network() -> Result<()> {
    use sdnet::models::{Kind, Stem};
    let kinds = [(Kind::Resnet, true), (Kind::Sdnet, true), (Kind::SdnetAll, true), (Kind::SdnetAll, false)];
    for (kind, shortcut) in kinds {
        for (depth, stem, in_channels) in [(18, Stem::Cifar, 1), (34, Stem::Imagenet, 3)] {
            let config = ModelConfig {
                kind,
                shortcut,
                depth,
                stem,
                in_channels,
                width: 2,
                classes: 5,
                ..ModelConfig::default()
            };
            let tensors = checkpoint::tensors(&Network::new(gpu(), &config, 1)?)?;
            assert_eq!(Network::infer(&|name| tensors.get(name).map(|(shape, _)| shape.clone()))?, config);
        }
    }
    Ok(())
}
