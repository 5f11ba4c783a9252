//! Representative interpretations of the bundled network: boundaries against the head itself, and what they enclose.

use std::collections::BTreeSet;

use sdnet::checkpoint::{Checkpoint, load};
use sdnet::data::{Dataset, Normalization, Split, bundled};
use sdnet::error::Error;
use sdnet::interpret::{
    Boundary, InterpretConfig, Interpretation, Maps, class_gradients, euclidean, interpret, is_piecewise_affine,
    nearest,
};
use sdnet::layers::Pass;
use sdnet::models::{Architecture, ModelConfig, Network, Stage};
use sdnet::reference::sequence::sequence;
use sdnet::tape::Tape;
use sdnet::tensor::Tensor;

use crate::support::gpu;

const CONFIG: InterpretConfig = InterpretConfig { boundaries: 12, seed: 3 };

fn network() -> (Network, Normalization) {
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/sdnet18-fashion.safetensors");
    let Checkpoint { model, recipe, .. } = load::<Network>(weights.as_ref(), gpu(), None).unwrap();
    (model, recipe.normalization.unwrap())
}

fn maps_of(network: &(Network, Normalization), stage: Stage, data: &Dataset) -> sdnet::Result<Maps> {
    Maps::of(&network.0, stage, data, &network.1, 30, &mut |_| {})
}

fn maps(network: &(Network, Normalization), stage: Stage, split: Split, count: usize) -> Maps {
    maps_of(network, stage, &bundled(split).unwrap().subset(count)).unwrap()
}

/// The score of a class minus that of another, of many maps.
fn gaps(network: &Network, shape: [usize; 3], maps: &[Vec<f32>], [class, against]: [usize; 2]) -> Vec<f64> {
    let tape = Tape::idle();
    let tensor = Tensor::from_slice(gpu(), &[&[maps.len()], &shape[..]].concat(), &maps.concat()).unwrap();
    let scores = network.head_at(&Pass::eval(&tape), Stage::Layer3, &tape.constant(&tensor)).unwrap();
    let scores = scores.value().to_vec().unwrap();
    let gap = |scores: &[f32]| f64::from(scores[class]) - f64::from(scores[against]);
    scores.chunks_exact(scores.len() / maps.len()).map(gap).collect()
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt()
}

/// A point beside that of a boundary.
fn beside(boundary: &Boundary, direction: &[f64], by: f64) -> Vec<f32> {
    boundary.point.iter().zip(direction).map(|(b, d)| (f64::from(*b) + by * d) as f32).collect()
}

#[test]
fn a_boundary_is_the_head_around_its_point() {
    let network = network();
    let reference = maps(&network, Stage::Layer3, Split::Train, 90);
    let image = reference.get(4);
    let found = interpret(&network.0, &image, &reference, &CONFIG).unwrap();
    assert_eq!((found.boundaries.len(), found.lost, found.class), (12, 0, image.class));
    for (i, boundary) in found.boundaries.iter().enumerate() {
        let (length, sign) = (norm(&boundary.normal), if boundary.turned { -1.0 } else { 1.0 });
        assert!(boundary.gap.abs() < 3.3e-3 && boundary.steps > 3 && boundary.against != image.class);
        assert!(boundary.holds(image.map), "it is turned to the image");
        let random = sequence(boundary.point.len(), 70 + i as u64, 1.0);
        let size = random.iter().map(|v| v * v).sum::<f64>().sqrt();
        let directions = [
            boundary.normal.iter().map(|w| f64::from(*w) / length).collect::<Vec<_>>(),
            random.iter().map(|v| v / size).collect(),
        ];
        for direction in &directions {
            // Steps within the affine piece, but for rare ones, and far above float32's rounding of scores.
            let step = 4e-3;
            let around = [-step, 0.0, step].map(|by| beside(boundary, direction, by));
            let at = gaps(&network.0, image.shape, &around, [image.class, boundary.against]);
            let [difference, slope] = [
                sign * (at[2] - at[0]) / (2.0 * step),
                boundary.normal.iter().zip(direction).map(|(w, d)| f64::from(*w) * d).sum(),
            ];
            assert!((difference - slope).abs() < 3e-3 * length, "{i}: {difference} is not {slope} of {length}");
            for (map, gap) in around.iter().zip(&at) {
                let value = boundary.value(map);
                assert!((value - sign * gap).abs() < 1e-5 * length.max(1.0), "{i}: {value} is not {gap}");
            }
        }
        // Across the boundary the other class wins, on this side the image's.
        let across = (boundary.gap.abs() + 2e-3) / length;
        for by in [-across, across] {
            let map = beside(boundary, &directions[0], by);
            let gap = gaps(&network.0, image.shape, std::slice::from_ref(&map), [image.class, boundary.against])[0];
            assert!(boundary.holds(&map) == (by > 0.0) && (sign * gap > 0.0) == (by > 0.0), "{i}: {by} {gap}");
        }
    }
}

#[test]
fn what_is_enclosed_is_mostly_of_the_class() {
    let network = network();
    let (reference, held) =
        (maps(&network, Stage::Layer3, Split::Train, 240), maps(&network, Stage::Layer3, Split::Test, 120));
    let config = InterpretConfig { boundaries: 30, seed: 1 };
    let image = held.get(2);
    let found = interpret(&network.0, &image, &reference, &config).unwrap();
    assert!(!found.degenerate && found.directions > 20, "{} directions", found.directions);
    assert!(found.holds(image.map) && found.distance(image.map) == 0.0);
    let judged = found.judged(&reference);
    assert!(judged.inside - judged.both <= found.cover.delta && judged.both > 0, "{judged:?}");
    let there = found.judged(&held);
    assert!(there.purity().unwrap() > 0.7 && there.coverage().unwrap() > 0.4, "{there:?}");
    let similar = found.similar(&reference, 5);
    assert!(similar.windows(2).all(|two| two[0].distance <= two[1].distance) && similar.len() == 5);
    assert!(similar.iter().all(|similar| found.holds(reference.get(similar.index).map)));
    let plain = nearest(reference.len(), 1, |i| Some(euclidean(reference.get(i).map, reference.get(7).map)));
    assert_eq!((plain[0].index, plain[0].distance), (7, 0.0));
    let heat = found.heat(image.map, [28, 28]);
    assert!(heat.len() == 784 && heat.iter().all(|v| (0.0..=1.0).contains(v)) && heat.iter().any(|v| *v > 0.1));
    // What x' is to Grad-CAM does not depend on what comes with it.
    let two = class_gradients(&network.0, image.class, &held, &[2, 5]).unwrap();
    let one = class_gradients(&network.0, image.class, &held, &[5]).unwrap();
    assert!(norm(&two[1]) > 0.0 && two[1].iter().zip(&one[0]).all(|(a, b)| (a - b).abs() < 1e-4), "samples mix");

    let again = interpret(&network.0, &image, &reference, &config).unwrap();
    assert!(again == found, "the same seed");
    let other = interpret(&network.0, &image, &reference, &InterpretConfig { seed: 2, ..config }).unwrap();
    assert!(other.boundaries != found.boundaries);
}

#[test]
fn behind_the_last_stage_an_interpretation_is_degenerate() {
    let network = network();
    let reference = maps(&network, Stage::Layer4, Split::Train, 120);
    let found = interpret(&network.0, &reference.get(1), &reference, &CONFIG).unwrap();
    let against = found.boundaries.iter().map(|boundary| boundary.against).collect::<BTreeSet<_>>();
    assert_eq!(found.directions, against.len(), "one hyperplane for each other class");
    assert!(found.degenerate && found.directions < found.boundaries.len());
    let judged = found.judged(&reference);
    assert_eq!((judged.coverage(), judged.purity()), (Some(1.0), Some(1.0)), "which says nothing");
}

/// Refuses to interpret with an error about this argument.
#[track_caller]
fn refuses(found: sdnet::Result<Interpretation>, argument: &str) {
    match found {
        Err(Error::Argument { name, .. }) => assert_eq!(name, argument),
        other => panic!("{:?}", other.map(|found| found.cover)),
    }
}

#[test]
fn what_cannot_be_interpreted_is_refused() {
    let network = network();
    let some = bundled(Split::Train).unwrap().subset(40);
    let all = maps_of(&network, Stage::Layer3, &some).unwrap();
    let image = all.get(0);
    let of = |chosen: &dyn Fn(usize) -> bool| {
        let chosen = (0..some.len()).filter(|&i| chosen(all.classes()[i])).collect::<Vec<_>>();
        let images = chosen.iter().flat_map(|&i| some.image(i).unwrap().into_owned()).collect();
        let labels = chosen.iter().map(|&i| some.labels[i]).collect();
        maps_of(&network, Stage::Layer3, &Dataset { images, labels, ..some.clone() })
    };
    let (same, others) = (of(&|class| class == image.class).unwrap(), of(&|class| class != image.class).unwrap());
    refuses(interpret(&network.0, &image, &same, &CONFIG), "reference");
    refuses(interpret(&network.0, &image, &others, &CONFIG), "reference");
    refuses(interpret(&network.0, &image, &all, &InterpretConfig { boundaries: 0, ..CONFIG }), "boundaries");
    let elsewhere = maps_of(&network, Stage::Layer4, &some).unwrap();
    let mismatched = interpret(&network.0, &elsewhere.get(0), &all, &CONFIG);
    assert!(matches!(mismatched, Err(Error::Shape { op: "interpret", .. })));

    let blank = |count: usize, channels: usize| Dataset {
        images: vec![0; count * 784 * channels],
        labels: vec![0; count],
        channels,
        ..some.clone()
    };
    assert!(matches!(maps_of(&network, Stage::Layer3, &blank(2, 3)), Err(Error::Shape { .. })), "colour");
    assert!(matches!(maps_of(&network, Stage::Layer3, &blank(0, 1)), Err(Error::Argument { name: "images", .. })));
    let large = maps_of(&network, Stage::Layer0, &blank(90_000, 1)).unwrap_err().to_string();
    assert!(large.contains("reference = 90000") && large.contains("MiB"), "{large}");
    let unknown = "layer5".parse::<Stage>().unwrap_err().to_string();
    assert!(unknown.contains("layer5") && unknown.contains("layer3"), "{unknown}");
}

#[test]
fn root_noise_in_the_head_is_told() {
    let told = |name: &str, root_noise, stage| {
        let config = ModelConfig { root_noise, width: 2, ..ModelConfig::named(name).unwrap() };
        is_piecewise_affine(&Network::new(gpu(), &config, 0).unwrap(), stage)
    };
    assert!(!told("sdnet18-all", true, Stage::Layer3) && told("sdnet18-all", true, Stage::Layer4));
    assert!(told("sdnet18-all", false, Stage::Layer0) && told("sdnet18", true, Stage::Layer0));
}
