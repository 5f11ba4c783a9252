//! Every kind of network can be built, named and run.

use sdnet::checkpoint;
use sdnet::layers::{Pass, parameters};
use sdnet::models::{Architecture, Kind, Model, ModelConfig, Network, Stage, Stem};
use sdnet::tape::Tape;
use sdnet::tensor::Tensor;

use crate::support::gpu;

fn network(name: &str, stem: Stem, shortcut: bool) -> Network {
    let config = ModelConfig { width: 2, in_channels: 1, stem, shortcut, ..ModelConfig::named(name).unwrap() };
    Network::new(gpu(), &config, 1).unwrap()
}

#[test]
fn every_name_stem_and_shortcut_gives_scores() {
    // The larger stem divides sizes by four; after it, both have maps of the same sizes.
    let images = |side| Tensor::full(gpu(), &[2, side, side, 1], 0.5).unwrap();
    let (small, large) = (images(8), images(32));
    for name in ["resnet18", "resnet34", "sdnet18", "sdnet34", "sdnet18-all", "sdnet34-all"] {
        for (stem, images) in [(Stem::Cifar, &small), (Stem::Imagenet, &large)] {
            for shortcut in [true, false] {
                if !shortcut && !name.ends_with("all") {
                    continue;
                }
                let scores = network(name, stem, shortcut).predict(images).unwrap();
                assert_eq!(scores.shape(), [2, 10]);
                assert!(scores.to_vec().unwrap().iter().all(|s| s.is_finite()), "{name} {stem:?}");
            }
        }
    }
}

#[test]
fn a_network_split_at_any_stage_gives_the_same_scores() {
    let images = Tensor::full(gpu(), &[2, 32, 32, 1], 0.5).unwrap();
    for (name, stem) in [("resnet18", Stem::Imagenet), ("sdnet18", Stem::Cifar), ("sdnet18-all", Stem::Imagenet)] {
        let network = network(name, stem, true);
        let whole = network.predict(&images).unwrap().to_vec().unwrap();
        let side = if stem == Stem::Imagenet { 8 } else { 32 };
        for (stage, halvings) in Stage::ALL.into_iter().zip([0, 0, 1, 2, 3]) {
            let tape = Tape::idle();
            let pass = Pass::eval(&tape);
            let map = network.features_at(&pass, stage, &tape.constant(&images)).unwrap();
            assert_eq!(map.value().shape(), [2, side >> halvings, side >> halvings, 2 << halvings], "{name} {stage}");
            let scores = network.head_at(&pass, stage, &map).unwrap().value().to_vec().unwrap();
            assert!(scores == whole, "{name} {stage}: {scores:?}, not {whole:?}");
        }
    }
}

#[test]
fn parameters_are_named_as_in_the_published_checkpoints() {
    let names = |name: &str, stem, shortcut| -> Vec<String> {
        parameters(&network(name, stem, shortcut)).into_iter().map(|(name, _)| name).collect()
    };
    let all = names("sdnet18-all", Stem::Imagenet, true);
    for name in [
        "layer0.0.dn.weight",
        "layer0.1.bias",
        "layer0.2.dn.weight",
        "layer2.layers.0.conv1.dn.weight",
        "layer2.layers.0.shortcut.1.weight",
        "layer4.layers.1.bn2.bias",
        "linear.bias",
    ] {
        assert!(all.iter().any(|n| n == name), "no {name}");
    }
    assert!(
        names("sdnet18-all", Stem::Cifar, false).iter().all(|n| !n.contains("shortcut") && !n.contains("layer0.2"))
    );
    assert!(names("resnet34", Stem::Cifar, true).contains(&"layer3.5.conv2.weight".to_owned()));
}

#[test]
fn configurations_outside_their_ranges_are_refused() {
    let refused = |change: fn(&mut ModelConfig)| {
        let mut config = ModelConfig { width: 2, ..ModelConfig::default() };
        change(&mut config);
        Network::new(gpu(), &config, 0).is_err()
    };
    assert!(refused(|c| c.width = 0));
    assert!(refused(|c| c.depth = 50));
    assert!(refused(|c| c.iterations = 0));
    assert!(refused(|c| c.lambda = f32::NAN));
    assert!(refused(|c| c.mu = -1.0));
    assert!(refused(|c| c.shortcut = false));
    assert!(!refused(|c| (c.kind, c.shortcut) = (Kind::SdnetAll, false)));
}

#[test]
fn equal_seeds_give_equal_networks() {
    let config = ModelConfig { width: 2, ..ModelConfig::default() };
    let values = |seed| checkpoint::tensors(&Network::new(gpu(), &config, seed).unwrap());
    assert!(values(3).unwrap() == values(3).unwrap());
    assert!(values(3).unwrap() != values(4).unwrap());
}
