//! The stems of networks: their pooling, and the wavelet packets of the twin ones.

use std::collections::BTreeMap;

use sdnet::checkpoint;
use sdnet::error::Result;
use sdnet::layers::{Filters, Pass, batch_norms, parameters};
use sdnet::models::{Architecture, Model, ModelConfig, Network, Pool, Stage, Stem};
use sdnet::reference::correlation::correlation;
use sdnet::reference::max_pool::{MaxPool, max_pool};
use sdnet::reference::modulus::modulus;
use sdnet::reference::sequence::sequence;
use sdnet::shape::ConvShape;
use sdnet::shift::Extractor;
use sdnet::tape::Tape;
use sdnet::tensor::Tensor;
use sdnet::wavelets::packets;

use crate::support::{gpu, relative_l2};

fn config(stem: Stem, pool: Pool) -> ModelConfig {
    ModelConfig { width: 8, in_channels: 3, stem, pool, ..ModelConfig::named("resnet18").unwrap() }
}

fn images(shape: &[usize]) -> Tensor {
    let values = sequence(shape.iter().product(), 3, 1.0).iter().map(|v| *v as f32).collect::<Vec<_>>();
    Tensor::from_slice(gpu(), shape, &values).unwrap()
}

fn stem_of(network: &Network, pass: &Pass, images: &Tensor) -> Result<Tensor> {
    Ok(network.features_at(pass, Stage::Layer0, &pass.tape().constant(images))?.value().clone())
}

#[test]
fn every_stem_and_pooling_gives_a_map_of_a_quarter_of_the_size() {
    for (stem, pool) in [
        (Stem::Imagenet, Pool::Rmax),
        (Stem::Imagenet, Pool::Blur),
        (Stem::Twin, Pool::Rmax),
        (Stem::Twin, Pool::Cmod),
        (Stem::Twin, Pool::Blur),
        (Stem::Twin, Pool::CmodBlur),
    ] {
        let network = Network::new(gpu(), &config(stem, pool), 1).unwrap();
        for [height, width] in [[28, 28], [32, 30], [29, 35], [2, 1]] {
            let (tape, images) = (Tape::idle(), images(&[2, height, width, 3]));
            let map = stem_of(&network, &Pass::eval(&tape), &images).unwrap();
            assert_eq!(map.shape(), [2, height.div_ceil(4), width.div_ceil(4), 8], "{stem} {pool}");
            let values = map.to_vec().unwrap();
            // Every channel sees something.
            for c in (0..8).filter(|_| height > 2) {
                assert!(values.iter().skip(c).step_by(8).any(|v| *v > 0.0), "{stem} {pool}: channel {c}");
            }
            assert!(network.predict(&images).unwrap().to_vec().unwrap().iter().all(|score| score.is_finite()));
        }
    }
}

#[test]
fn poolings_that_a_stem_does_not_have_are_refused() {
    let refusal = |name: &str, change: fn(&mut ModelConfig)| {
        let mut config = ModelConfig { width: 8, ..ModelConfig::named(name).unwrap() };
        change(&mut config);
        config.check().unwrap_err().to_string()
    };
    let pool = |text: String| assert!(text.starts_with("pool = "), "{text}");
    pool(refusal("resnet18", |c| c.pool = Pool::Blur));
    pool(refusal("resnet18", |c| (c.stem, c.pool) = (Stem::Imagenet, Pool::Cmod)));
    pool(refusal("sdnet18-all", |c| (c.stem, c.pool) = (Stem::Imagenet, Pool::Blur)));
    assert!(refusal("sdnet18", |c| c.stem = Stem::Twin).contains("stem = twin"));
    assert!(refusal("resnet18", |c| (c.stem, c.width) = (Stem::Twin, 12)).contains("multiple of 8"));
}

#[test]
fn the_extractor_is_that_of_the_reference() {
    for levels in [1, 2] {
        let (extractor, kernels, m) =
            (Extractor::of_packets(gpu(), levels).unwrap(), packets(levels), 1 << (levels - 1));
        let (height, width) = (21, 18);
        let (tape, x) = (Tape::idle(), sequence(2 * height * width, 7, 1.0));
        let values = x.iter().map(|v| *v as f32).collect::<Vec<_>>();
        let images = tape.constant(&Tensor::from_slice(gpu(), &[2, height, width, 1], &values).unwrap());
        let x = values.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
        // The host's own maps, from the weights that the device has.
        let maps = |stride: usize, complex: bool| {
            let filters = Filters::of_wavelets(gpu(), "filters", &kernels, (stride, complex)).unwrap();
            let weights = filters.weight.to_vec().unwrap().into_iter().map(f64::from).collect::<Vec<_>>();
            let shape =
                ConvShape::new("test", &[2, height, width, 1], filters.weight.shape(), filters.geometry).unwrap();
            (shape.codes(), correlation(&shape, &x, &weights))
        };
        let ([n, rows, columns, channels], real) = maps(m, false);
        let pool = MaxPool { n, height: rows, width: columns, channels, window: 3, stride: 2, padding: 1, ceil: false };
        let want = max_pool(&pool, &real).iter().map(|v| *v as f32).collect::<Vec<_>>();
        let rmax = extractor.rmax(&tape, &images).unwrap();
        let cmod = extractor.cmod(&tape, &images).unwrap();
        assert_eq!(rmax.value().shape(), cmod.value().shape());
        assert_eq!(rmax.value().shape()[1..], [height.div_ceil(2 * m), width.div_ceil(2 * m), 2 << (2 * levels)]);
        assert!(relative_l2(&rmax.value().to_vec().unwrap(), &want) < 1e-6);
        let (shape, complex) = maps(2 * m, true);
        let want = modulus(&complex, shape[3] / 2).iter().map(|v| *v as f32).collect::<Vec<_>>();
        assert!(relative_l2(&cmod.value().to_vec().unwrap(), &want) < 1e-6);
    }
    assert!(Extractor::of_packets(gpu(), 3).is_err());
}

/// A smooth image whose middle lies here.
fn blob(at: f64) -> Tensor {
    let side = 32;
    let value = |i: usize| {
        let (x, y) = ((i % side) as f64 - at, (i / side) as f64 - 15.0);
        ((-(x * x + y * y) / 40.0).exp() * (1.1 * x + 0.6 * y).cos()) as f32
    };
    Tensor::from_slice(gpu(), &[1, side, side, 1], &(0..side * side).map(value).collect::<Vec<_>>()).unwrap()
}

#[test]
fn moduli_move_less_with_an_image_than_maxima_do() {
    let moved = |pool| {
        let config = ModelConfig { in_channels: 1, width: 64, ..config(Stem::Twin, pool) };
        let network = Network::new(gpu(), &config, 1).unwrap();
        let packets = |at| {
            let tape = Tape::idle();
            let map = stem_of(&network, &Pass::eval(&tape), &blob(at)).unwrap().to_vec().unwrap();
            map.chunks_exact(64).flat_map(|pixel| pixel[40..].to_vec()).collect::<Vec<_>>()
        };
        relative_l2(&packets(16.0), &packets(15.0))
    };
    let (rmax, cmod) = (moved(Pool::Rmax), moved(Pool::Cmod));
    assert!(cmod < 0.5 * rmax, "moduli change by {cmod}, maxima by {rmax}");
}

#[test]
fn the_gradients_of_a_twin_stem_match_central_differences() {
    let network = Network::new(gpu(), &config(Stem::Twin, Pool::CmodBlur), 1).unwrap();
    let images = images(&[3, 16, 12, 3]);
    // One of the factors is negative, which counts as positive.
    let named = parameters(&network).into_iter().collect::<BTreeMap<_, _>>();
    named["layer0.packets.norm.weight"].write(&[0.8, -0.6, 1.3]).unwrap();
    named["layer0.packets.norm.bias"].write(&[-0.2, 0.1, -0.4]).unwrap();
    let g = sequence(3 * 4 * 3 * 8, 9, 1.0);
    let value = || {
        let tape = Tape::idle();
        let map = stem_of(&network, &Pass::train(&tape), &images).unwrap().to_vec().unwrap();
        map.iter().zip(&g).map(|(v, g)| f64::from(*v) * g).sum::<f64>()
    };
    let tape = Tape::new();
    let pass = Pass::train(&tape);
    let map = network.features_at(&pass, Stage::Layer0, &tape.constant(&images)).unwrap();
    let leaves = pass.leaves();
    let upstream = g.iter().map(|v| *v as f32).collect::<Vec<_>>();
    let upstream = Tensor::from_slice(gpu(), map.value().shape(), &upstream).unwrap();
    let gradients = tape.backward_from(&map, &upstream).unwrap();
    for name in
        ["layer0.packets.norm.weight", "layer0.packets.norm.bias", "layer0.packets.luminance.weight", "layer0.1.weight"]
    {
        let got = leaves.gradient(&gradients, name, named[name]).unwrap().to_vec().unwrap();
        let at = named[name].to_vec().unwrap();
        let largest = got.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        for i in 0..at.len() {
            let moved = |by: f32| {
                let mut point = at.clone();
                point[i] += by;
                named[name].write(&point).unwrap();
                value()
            };
            let want = (moved(2e-3) - moved(-2e-3)) / 4e-3;
            // Steps over the kinks of ReLU and pooling count too.
            assert!(
                (want - f64::from(got[i])).abs() < 0.02 * f64::from(largest) + 0.01,
                "{name} {i}: {} not {want}",
                got[i]
            );
        }
        named[name].write(&at).unwrap();
    }
}

#[test]
fn a_twin_network_is_in_its_file_but_for_its_packets() {
    let network = Network::new(gpu(), &config(Stem::Twin, Pool::Cmod), 3).unwrap();
    let mut tensors = checkpoint::tensors(&network).unwrap();
    assert!(tensors.contains_key("layer0.packets.norm.running_mean"));
    assert!(!tensors.keys().any(|name| name.contains("filters")));
    assert_eq!(tensors["layer0.packets.luminance.weight"].1, [0.9802, 1.306, 0.7138]);
    let again = Network::build(gpu(), network.config()).unwrap();
    checkpoint::restore(&again, &mut tensors).unwrap();
    let images = images(&[2, 28, 28, 3]);
    assert_eq!(again.predict(&images).unwrap().to_vec().unwrap(), network.predict(&images).unwrap().to_vec().unwrap());
    let norms = batch_norms(&network);
    assert!(norms.iter().all(|(name, norm)| norm.centred == (name != "layer0.packets.norm")));
}
