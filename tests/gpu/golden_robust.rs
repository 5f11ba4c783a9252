//! A sweep over lambda and noise, and recalibration, against values computed elsewhere in float64.

use sdnet::data::{Batch, Dataset, Normalization};
use sdnet::layers::{Pass, batch_norms};
use sdnet::models::Network;
use sdnet::robust::recalibrate::{RecalibrateConfig, recalibrate};
use sdnet::robust::sweep::{Outcome, Run, SweepConfig, sweep};
use sdnet::robust::{Adapted, Classifier, LambdaRule, Statistics};
use sdnet::tape::Tape;

use crate::golden_networks::{fix_steps, stored_network};
use crate::support::{Golden, assert_close, gpu};

fn numbers(golden: &Golden, key: &str) -> Vec<f32> {
    serde_json::from_str(&golden.metadata[key]).unwrap()
}

/// The narrow network with the bias of this file, at the step of its values.
fn network(golden: &Golden) -> Adapted<Network> {
    let mut parameters = Golden::open("net_sdnet18_narrow");
    parameters.tensors.insert("param.linear.bias".into(), golden.tensors["linear.bias"].clone());
    let mut network = stored_network(&parameters);
    fix_steps(&mut network, golden);
    Adapted::new(network)
}

fn images(golden: &Golden, kind: &str) -> Dataset {
    let (shape, pixels) = &golden.tensors[&format!("pixels.{kind}")];
    Dataset {
        name: kind.into(),
        images: pixels.iter().map(|p| *p as u8).collect(),
        labels: golden.values("labels").iter().map(|l| *l as u16).collect(),
        height: shape[2],
        width: shape[3],
        channels: 1,
        classes: 10,
        class_names: (0..10).map(|c| c.to_string()).collect(),
        ..Dataset::default()
    }
}

fn normalization(golden: &Golden) -> Normalization {
    Normalization { mean: vec![0.0], std: vec![golden.number("std")] }
}

/// Normalised images on the device.
fn normalised(golden: &Golden, kind: &str) -> Batch {
    let (shape, pixels) = &golden.tensors[&format!("pixels.{kind}")];
    let std: f32 = golden.number("std");
    Batch::new([shape[0], shape[2], shape[3], 1], pixels.iter().map(|p| p / 255.0 / std).collect()).unwrap()
}

#[test]
fn a_sweep_gives_the_golden_scores_residuals_and_accuracies() {
    let golden = Golden::open("robust_sweep");
    let (network, normalization) = (network(&golden), normalization(&golden));
    let lambdas = numbers(&golden, "lambdas");
    let fixed = lambdas.iter().map(|l| LambdaRule::Fixed(*l));
    let runs = std::iter::once(LambdaRule::Trained).chain(fixed).map(Run::from).collect::<Vec<_>>();
    // With five images per pass, the last pass has two.
    let config = SweepConfig { runs, layer: 0, batch: 5, measure: None };
    let mut accuracies = Vec::new();
    for kind in ["clean", "gaussian", "impulse"] {
        let data = images(&golden, kind);
        let level = sweep(&network, &data, &normalization, &config, &mut || ()).unwrap();
        assert_eq!(level.outcomes[0].correct, level.outcomes[1].correct, "the trained lambda is 0.1");
        for (lambda, outcome) in lambdas.iter().zip(&level.outcomes[1..]) {
            check(&golden, &network, kind, *lambda, outcome);
            accuracies.push((outcome.accuracy() * 100.0) as i32);
        }
    }
    accuracies.sort_unstable();
    accuracies.dedup();
    assert!(accuracies.len() >= 4, "the case is degenerate: {accuracies:?}");
}

fn check(golden: &Golden, network: &Adapted<Network>, kind: &str, lambda: f32, outcome: &Outcome) {
    let what = |name: &str| format!("{kind}.{lambda}.{name}");
    let x = normalised(golden, kind).upload(gpu()).unwrap();
    let tape = Tape::idle();
    let passes = network.at(Pass::eval(&tape), &vec![lambda; x.shape()[0]]).unwrap();
    let logits = network.scores(&passes[0], &tape.constant(&x)).unwrap().value().to_vec().unwrap();
    assert_close(&what("logits"), &logits, golden.values(&what("logits")), 1e-4);
    assert_close(&what("residual"), &outcome.residual, golden.values(&what("residual")), 1e-4);
    let codes = 8.0 * 28.0 * 28.0;
    for (got, want) in outcome.active.iter().zip(golden.values(&what("active"))) {
        // Rounding may move a code across the threshold.
        assert!((got * codes - want).abs() < 3.5, "{}: {} codes, not {want}", what("active"), got * codes);
    }
    let classes = golden.values(&what("logits")).chunks_exact(10);
    let best = |row: &[f32]| (0..10).fold(0, |best, c| if row[c] > row[best] { c } else { best });
    let correct = classes.zip(golden.values("labels")).map(|(row, label)| best(row) == *label as usize);
    assert_eq!(outcome.correct, correct.collect::<Vec<_>>(), "{}", what("accuracy"));
}

#[test]
fn recalibration_gives_the_golden_statistics_and_scores_between_them() {
    let golden = Golden::open("robust_sweep");
    let mut network = network(&golden);
    let grid = numbers(&golden, "grid");
    let batch = golden.number("batch");
    let config = RecalibrateConfig { lambdas: grid.clone(), images: 99, batch, augment: None, seed: 0 };
    let (data, mut passes) = (images(&golden, "train"), 0);
    let found = recalibrate(&mut network, &data, &normalization(&golden), &config, &mut || passes += 1).unwrap();
    assert_eq!((passes, found.images, found.layers), (2 * 3 + 4, 12, vec!["layer0.0".to_owned()]));
    assert_eq!((config.passes(12, 0.1), config.passes(12, 0.2)), (passes, passes + 3));
    let tables = network.tables().unwrap();
    for (name, _) in batch_norms(network.model()) {
        let table = &tables[&name];
        for (what, got) in [("running_mean", &table.mean), ("running_var", &table.variance)] {
            let want = grid.iter().flat_map(|l| golden.values(&format!("recalibrated.{name}.{what}.{l}")));
            let want = want.copied().collect::<Vec<_>>();
            assert_close(&format!("{name}.{what}"), got, &want, 1e-4);
        }
    }
    network.set_repairs(false);
    let mut scores = |statistics| {
        network.set_statistics(statistics);
        let (images, tape) = (normalised(&golden, "gaussian"), Tape::idle());
        let rule = LambdaRule::Fixed(golden.number("between"));
        let ready = rule.prepare(&network, images, Pass::eval(&tape)).unwrap();
        ready.scores(&network).unwrap().value().to_vec().unwrap()
    };
    let own = scores(Statistics::Own);
    assert_close("scores between two sets", &own, golden.values("gaussian.between.logits"), 1e-4);
    let (trained, both) = (scores(Statistics::Trained), scores(Statistics::Both));
    let mean = own.iter().zip(&trained).map(|(a, b)| (a + b) / 2.0).collect::<Vec<_>>();
    assert!(trained != own);
    assert_close("the mean of both", &both, &mean, 1e-6);
}
