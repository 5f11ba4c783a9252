//! Robust inference on the device: each image on its own, what files keep, and what is refused.

use sdnet::checkpoint::{self, Attachments, Recipe};
use sdnet::data::{Augment, Batch, Dataset, Normalization};
use sdnet::files::read_safetensors;
use sdnet::layers::{Pass, batch_norms, sparse_layers};
use sdnet::models::{Architecture, Kind, Model, ModelConfig, Network};
use sdnet::reference::sequence::sequence;
use sdnet::robust::attack::{Images, Target};
use sdnet::robust::corrupt::{self, Corruption};
use sdnet::robust::recalibrate::{RecalibrateConfig, recalibrate};
use sdnet::robust::sweep::{Level, Run, SweepConfig, sweep};
use sdnet::robust::{Adapted, Classifier, Filter, LambdaLayers, LambdaRule, Line, Measure, Prepared, Statistics};
use sdnet::tape::Tape;
use sdnet::tensor::Tensor;
use sdnet::train::{TrainConfig, Trainer};

use crate::support::{assert_close, gpu};

fn config(kind: Kind) -> ModelConfig {
    ModelConfig { kind, width: 4, in_channels: 1, classes: 5, ..ModelConfig::default() }
}

fn network(kind: Kind) -> Adapted<Network> {
    Adapted::new(Network::new(gpu(), &config(kind), 3).unwrap())
}

/// Smooth spots of different brightness on an empty background.
fn spots(n: usize) -> Dataset {
    let pixel = |i: usize| {
        let (image, y, x) = (i / 144, (i / 12 % 12) as f64 - 5.5, (i % 12) as f64 - 5.5);
        let wide = 4.0 + 5.0 * (image % 4) as f64;
        (60.0 + 30.0 * (image % 7) as f64) * (1.0 - (x * x + 0.5 * y * y) / wide).max(0.0)
    };
    Dataset {
        name: "spots".into(),
        images: (0..n * 144).map(|i| pixel(i) as u8).collect(),
        labels: (0..n).map(|i| (i % 5) as u16).collect(),
        height: 12,
        width: 12,
        channels: 1,
        classes: 5,
        class_names: (0..5).map(|c| c.to_string()).collect(),
        ..Dataset::default()
    }
}

fn normalization() -> Normalization {
    Normalization { mean: vec![0.0], std: vec![0.25] }
}

/// 0.1 for clean images, more for noisy ones.
const BY_NOISE: LambdaRule = LambdaRule::Auto(Measure::Noise, Line { slope: 4.0, intercept: 0.1 });

fn grid() -> RecalibrateConfig {
    RecalibrateConfig { lambdas: vec![0.1, 0.4, 0.9], images: 24, batch: 8, augment: None, seed: 0 }
}

fn recalibrated(kind: Kind) -> Adapted<Network> {
    let mut network = network(kind);
    recalibrate(&mut network, &spots(24), &normalization(), &grid(), &mut || ()).unwrap();
    network
}

/// Images with increasing noise, the first with none, normalised.
fn mixed(n: usize) -> Batch {
    let data = spots(n);
    let noisy = (0..n)
        .flat_map(|i| Corruption::new(corrupt::Kind::Gaussian, 0.05 * i as f32).unwrap().image(&data, i, 1).unwrap());
    batch(n, noisy.map(|p| f32::from(p) / 255.0 / 0.25).collect())
}

fn batch(n: usize, values: Vec<f32>) -> Batch {
    Batch::new([n, 12, 12, 1], values).unwrap()
}

fn one(images: &Batch, index: usize) -> Batch {
    batch(1, images.images().nth(index).unwrap().to_vec())
}

/// Class scores under a rule, and the lambdas it chose.
fn scores(network: &Adapted<Network>, rule: &LambdaRule, images: &Batch) -> (Vec<f32>, Vec<f32>) {
    let tape = Tape::idle();
    let ready = rule.prepare(network, images.clone(), Pass::eval(&tape)).unwrap();
    let scores = ready.scores(network).unwrap().value().to_vec().unwrap();
    (scores, ready.lambdas.unwrap_or_default())
}

/// The means that the first batch norm is to use, for each lambda.
fn first_means(network: &Adapted<Network>) -> Vec<f32> {
    network.tables().unwrap()[&batch_norms(network.model())[0].0].mean.clone()
}

#[test]
fn every_image_of_a_mixed_batch_is_served_as_if_it_were_alone() {
    let (mut network, images) = (recalibrated(Kind::Sdnet), mixed(5));
    for statistics in Statistics::ALL {
        network.set_statistics(statistics);
        let (together, lambdas) = scores(&network, &BY_NOISE, &images);
        assert!(lambdas[4] > lambdas[0] + 0.3, "the case is degenerate: {lambdas:?}");
        for (i, row) in together.chunks_exact(5).enumerate() {
            let image = one(&images, i);
            let (alone, lambda) = scores(&network, &BY_NOISE, &image);
            assert_close(&format!("image {i}, {statistics:?}"), row, &alone, 1e-5);
            assert_close("its lambda", &lambda, &lambdas[i..=i], 1e-5);
            let (fixed, _) = scores(&network, &LambdaRule::Fixed(lambda[0]), &image);
            assert_close("the same lambda for all", &fixed, &alone, 1e-5);
        }
    }
}

#[test]
fn statistics_make_the_difference_that_they_should() {
    let (mut network, images) = (recalibrated(Kind::Sdnet), mixed(3));
    let mut at = |statistics, rule| {
        network.set_statistics(statistics);
        scores(&network, &rule, &images).0
    };
    let [trained, own] = [Statistics::Trained, Statistics::Own].map(|s| at(s, LambdaRule::Fixed(0.7)));
    assert!(trained != own);
    let [trained, own] = [Statistics::Trained, Statistics::Own].map(|s| at(s, LambdaRule::Fixed(0.1)));
    assert_close("at the lambda of the training nothing changes", &own, &trained, 1e-5);
    // Without another lambda there is nothing to adapt.
    let plain = network.model().predict(&images.upload(gpu()).unwrap()).unwrap().to_vec().unwrap();
    assert_eq!(scores(&network, &LambdaRule::Trained, &images).0, plain);
}

#[test]
fn the_statistics_of_the_first_batch_norm_change_as_the_codes_do() {
    let network = recalibrated(Kind::Sdnet);
    let table = network.tables().unwrap().remove(&batch_norms(network.model())[0].0).unwrap();
    let (data, tape) = (spots(24), Tape::idle());
    let values = data.images.iter().map(|p| f32::from(*p) / 255.0 / 0.25).collect::<Vec<_>>();
    let mut before = None;
    for (place, lambda) in [0.1, 0.4, 0.9].into_iter().enumerate() {
        let mut seen = [vec![0.0; 4], vec![0.0; 4]];
        for images in values.chunks_exact(8 * 144) {
            let x = Tensor::from_slice(gpu(), &[8, 12, 12, 1], images).unwrap();
            let pass = network.at(Pass::eval(&tape), &[lambda; 8]).unwrap().remove(0);
            let csc = network.sparse_layer(0).unwrap();
            let codes = csc.forward(&pass, &tape.constant(&x)).unwrap().value().to_vec().unwrap();
            let [means, variances] = &mut seen;
            for (c, (mean_of_batches, variance_of_batches)) in means.iter_mut().zip(variances).enumerate() {
                let of = codes.iter().skip(c).step_by(4).map(|v| f64::from(*v)).collect::<Vec<_>>();
                let mean = of.iter().sum::<f64>() / of.len() as f64;
                let squares = of.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
                *mean_of_batches += mean / 3.0;
                *variance_of_batches += squares / (of.len() - 1) as f64 / 3.0;
            }
        }
        // The network is untrained: its running means are 0, its running variances 1.
        let [mean, variance] = before.get_or_insert_with(|| seen.clone());
        let change = |c: usize| (1.0 + 1e-5) * (seen[1][c] + 1e-5) / (variance[c] + 1e-5) - 1e-5;
        let want = [[0, 1, 2, 3].map(|c| seen[0][c] - mean[c]), [0, 1, 2, 3].map(change)];
        for (got, want) in [&table.mean, &table.variance].into_iter().zip(want) {
            let got = &got[place * 4..][..4];
            let close = got.iter().zip(want).all(|(got, want)| (f64::from(*got) - want).abs() < 1e-5);
            assert!(close && (place == 0 || want[0].abs() > 1e-3), "lambda {lambda}: {got:?}, not {want:?}");
        }
    }
}

#[test]
fn recalibration_changes_no_weight_and_travels_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let mut network = network(Kind::Sdnet);
    let before = checkpoint::tensors(network.model()).unwrap();
    recalibrate(&mut network, &spots(24), &normalization(), &grid(), &mut || ()).unwrap();
    let recipe = Recipe { model: config(Kind::Sdnet), ..Recipe::default() };
    network.save(&path, &recipe).unwrap();
    let held = read_safetensors(&path).unwrap().tensors;
    for after in [&checkpoint::tensors(network.model()).unwrap(), &held] {
        assert!(
            before.iter().all(|(name, tensor)| after[name] == *tensor),
            "a weight or a running statistic has changed"
        );
    }
    assert_eq!(held.len(), before.len() + 2 * batch_norms(network.model()).len());
    assert_eq!(held["recalibrated.layer0.1.running_mean"].0, [3, 4]);

    let (loaded, _) = Adapted::<Network>::load(&path, gpu(), None).unwrap();
    assert_eq!(loaded.recalibration(), network.recalibration());
    assert_eq!(loaded.tables().unwrap(), network.tables().unwrap());
    let (images, rule) = (mixed(4), BY_NOISE);
    assert_eq!(scores(&loaded, &rule, &images), scores(&network, &rule, &images));
    // Its own factor of the noise, one of those that are tried.
    let slope = loaded.recalibration().unwrap().lambda_by_noise;
    assert!([0.0, 1.0, 2.0, 4.0].contains(&slope), "{slope}");
    let line = Line { slope, intercept: f64::from(0.1_f32) };
    assert_eq!(LambdaRule::label_free(&loaded).unwrap(), LambdaRule::Auto(Measure::Noise, line));

    // Further training makes it stale.
    let trainer = Trainer::with_model(loaded.into_model(), recipe, TrainConfig::default()).unwrap();
    assert_eq!(checkpoint::tensors(trainer.model()).unwrap().len(), before.len());
    trainer.save(&path).unwrap();
    let refusal = Adapted::<Network>::load(&path, gpu(), None).unwrap_err().to_string();
    assert!(refusal.contains("saved training"), "{refusal}");
    checkpoint::save(&path, trainer.model(), trainer.recipe(), &Attachments::new()).unwrap();
    assert!(read_safetensors(&path).unwrap().tensors.keys().all(|name| !name.starts_with("recalibrated")));
    let (trained, _) = Adapted::<Network>::load(&path, gpu(), None).unwrap();
    assert!(trained.recalibration().is_none());
}

#[test]
fn batch_norms_see_images_as_training_does_and_noise_is_measured_in_them_as_they_are() {
    let mut network = network(Kind::Sdnet);
    let mut at = |augment, seed| {
        let config = RecalibrateConfig { augment, seed, ..grid() };
        let found = recalibrate(&mut network, &spots(24), &normalization(), &config, &mut || ()).unwrap();
        (first_means(&network), found.clean)
    };
    let shifted = Some(Augment { pad: 4, flip: true, ..Augment::default() });
    let (plain, a, b, c) = (at(None, 0), at(shifted, 0), at(shifted, 0), at(shifted, 1));
    assert!(a == b && a.0 != c.0 && a.0 != plain.0);
    assert!(a.1 == plain.1 && a.1 == c.1);
}

#[test]
fn lambda_goes_to_the_layers_that_are_chosen() {
    let mut network = recalibrated(Kind::SdnetAll);
    let names = sparse_layers(network.model()).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!((names.len(), &*names[0], &*names[1]), (17, "layer0.0", "layer1.layers.0.conv1"));
    assert_eq!(network.lambda_layers(), names);
    assert_eq!(network.recalibration().unwrap().layers, names);
    let images = mixed(2);
    let mut at = |layers: LambdaLayers| {
        network.set_lambda_layers(&layers).unwrap();
        (network.lambda_layers().to_vec(), scores(&network, &LambdaRule::Fixed(0.5), &images).0)
    };
    let (_, all) = at(LambdaLayers::All);
    let (first, only_first) = at(LambdaLayers::First);
    let (named, only_named) = at(LambdaLayers::Named(vec!["layer2.layers.1.conv2".into()]));
    assert_eq!((first, named), (vec!["layer0.0".to_owned()], vec!["layer2.layers.1.conv2".to_owned()]));
    assert!(all != only_first && only_first != only_named);
    assert!(network.recalibration().is_none(), "statistics of other layers' lambdas are of no use");
    let message = network.set_lambda_layers(&LambdaLayers::Named(vec!["layer9".into()])).unwrap_err().to_string();
    assert!(message.contains("layer9") && message.contains("layer0.0"), "{message}");
    let message = self::network(Kind::Resnet).set_lambda_layers(&LambdaLayers::All).unwrap_err().to_string();
    assert!(message.contains("resnet18"), "{message}");
}

#[test]
fn gradients_go_through_statistics_of_each_sample() {
    let (mut network, images) = (recalibrated(Kind::Sdnet), mixed(3));
    // With both kinds of statistics. Repaired values do not follow the images, which finite differences would see.
    network.set_repairs(false);
    let upstream = sequence(15, 8, 1.0).iter().map(|v| *v as f32).collect::<Vec<_>>();
    let tape = Tape::new();
    let leaf = tape.leaf(&images.upload(gpu()).unwrap());
    let lambdas = BY_NOISE.choose(&network, images.clone()).unwrap().unwrap();
    let passes = network.at(Pass::eval(&tape), &lambdas).unwrap();
    let ready = Prepared { images: leaf.clone(), passes, lambdas: None };
    let output = ready.scores(&network).unwrap();
    assert_eq!(ready.passes.len(), 2);
    let upstream_tensor = Tensor::from_slice(gpu(), &[3, 5], &upstream).unwrap();
    let gradient =
        tape.backward_from(&output, &upstream_tensor).unwrap().of("images", &leaf).unwrap().to_vec().unwrap();
    // Uphill in every value, so that the difference is far above what f32 resolves.
    let random = sequence(images.values().len(), 9, 1.0);
    let direction = random.iter().zip(&gradient).map(|(v, g)| (v.abs() as f32).copysign(*g)).collect::<Vec<_>>();
    let along = gradient.iter().zip(&direction).map(|(g, d)| f64::from(g * d)).sum::<f64>();
    let value = |step: f32| {
        let moved = images.values().iter().zip(&direction).map(|(x, d)| x + step * d).collect::<Vec<_>>();
        let (x, tape) = (batch(3, moved).upload(gpu()).unwrap(), Tape::idle());
        let (passes, images) = (network.at(Pass::eval(&tape), &lambdas).unwrap(), tape.constant(&x));
        let ready = Prepared { images, passes, lambdas: None };
        let scores = ready.scores(&network).unwrap().value().to_vec().unwrap();
        scores.iter().zip(&upstream).map(|(s, u)| f64::from(s * u)).sum::<f64>()
    };
    let difference = (value(5e-5) - value(-5e-5)) / 1e-4;
    assert!((along - difference).abs() < 0.02 * along.abs().max(difference.abs()), "{along} and {difference}");
}

#[test]
fn impulses_are_repaired_and_clean_images_stay_as_they_are() {
    let mut network = recalibrated(Kind::Sdnet);
    let clean = spots(6);
    let salted = Corruption::new(corrupt::Kind::Impulse, 0.1).unwrap().dataset(&clean, 2).unwrap();
    let of = |data: &Dataset| batch(6, data.images.iter().map(|p| f32::from(*p) / 255.0 / 0.25).collect());
    let (x, noisy) = (of(&clean), of(&salted));
    let repaired = |x: &Batch| {
        let mut x = x.clone();
        network.repair(&mut x).unwrap();
        x
    };
    let far = |a: &Batch, b: &Batch| a.values().iter().zip(b.values()).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    assert_eq!(repaired(&x), x);
    let left = far(&repaired(&noisy), &x) / far(&noisy, &x);
    assert!(left < 0.5, "{left} of the noise is left");
    // Gradients go straight through it: they are those of the repaired images.
    let pixels = |x: &Batch| {
        let pixels = x.values().iter().map(|v| (0.25 * v).clamp(0.0, 1.0)).collect();
        Images::new(x.shape(), pixels, (0..6).map(|i| i % 5).collect()).unwrap()
    };
    let gradient = |network: &Adapted<Network>, images: &Images| {
        let (normalization, rule) = (normalization(), LambdaRule::Fixed(0.1));
        let target = Target::new(network, &normalization, rule);
        target.gradient(images, images.pixels(), images.pixels()).unwrap().gradient
    };
    let (through, after) = (gradient(&network, &pixels(&noisy)), pixels(&repaired(&noisy)));
    network.set_repairs(false);
    let own = gradient(&network, &pixels(&noisy));
    assert_close("gradients", &through, &gradient(&network, &after), 1e-4);
    assert!(far(&batch(6, through.clone()), &batch(6, own)) > 1e-3 * through.iter().map(|g| g * g).sum::<f32>());
    network.set_repairs(true);
    // Only where a rule chooses another lambda.
    let fixed = |network: &Adapted<Network>| scores(network, &LambdaRule::Fixed(0.1), &noisy).0;
    let with = fixed(&network);
    network.set_repairs(false);
    assert_ne!(with, fixed(&network));
}

#[test]
fn noise_and_residual_are_measured_in_each_image() {
    let (network, images) = (recalibrated(Kind::Sdnet), mixed(5));
    let noise = network.measure(&images, Measure::Noise).unwrap();
    assert!(
        noise[0] == 0.0 && noise[1..].iter().all(|n| *n > 0.0) && noise[3].min(noise[4]) > 2.0 * noise[2],
        "{noise:?}"
    );
    let (tape, csc) = (Tape::idle(), network.sparse_layer(0).unwrap());
    let x = tape.constant(&images.upload(gpu()).unwrap());
    let left = csc.residual(&tape, &x, &csc.codes_at(&tape, &x, 1.0).unwrap()).unwrap().value().to_vec().unwrap();
    let root = |left: &[f32]| (left.iter().map(|v| f64::from(v * v)).sum::<f64>() / 144.0).sqrt() as f32;
    let want = left.chunks_exact(144).map(root).collect::<Vec<_>>();
    let got = network.measure(&images, Measure::Residual).unwrap().into_iter().map(|v| v as f32).collect::<Vec<_>>();
    assert_close("residuals", &got, &want, 1e-5);
}

/// Whether the best class of each image is `index % 5`.
fn right(scores: &[f32]) -> Vec<bool> {
    let best = |row: &[f32]| (0..5).fold(0, |best, c| if row[c] > row[best] { c } else { best });
    scores.chunks_exact(5).enumerate().map(|(i, row)| best(row) == i % 5).collect()
}

fn assert_outcomes(network: &Adapted<Network>, rules: &[LambdaRule], level: &Level, x: &Batch) {
    for (rule, outcome) in rules.iter().zip(&level.outcomes) {
        let (found, lambdas) = scores(network, rule, x);
        assert_eq!(outcome.correct, right(&found), "{rule:?}");
        assert_close(
            "lambdas",
            &[0.0].iter().chain(&outcome.lambda).copied().collect::<Vec<_>>(),
            &[0.0].iter().chain(&lambdas).copied().collect::<Vec<_>>(),
            1e-5,
        );
        assert_eq!((outcome.residual.len(), outcome.active.len()), (10, 10));
    }
}

#[test]
fn what_a_sweep_says_is_what_single_runs_say() {
    let (mut network, other) = (recalibrated(Kind::Sdnet), self::network(Kind::Resnet));
    // Residuals must be those of the same images under all rules.
    network.set_repairs(false);
    let rules = vec![LambdaRule::Trained, LambdaRule::Fixed(0.6), BY_NOISE];
    let runs = rules.iter().map(|rule| Run::from(*rule)).collect();
    let config = SweepConfig { runs, layer: 0, batch: 4, measure: Some(Measure::Noise) };
    let data = Corruption::new(corrupt::Kind::Impulse, 0.2).unwrap().dataset(&spots(10), 5).unwrap();
    let mut batches = 0;
    let level = sweep(&network, &data, &normalization(), &config, &mut || batches += 1).unwrap();
    assert_eq!((batches, level.measured.len(), level.outcomes.len()), (3, 10, 3));
    let x = batch(10, data.images.iter().map(|p| f32::from(*p) / 255.0 / 0.25).collect());
    assert_outcomes(&network, &rules, &level, &x);
    assert!(level.outcomes[1].residual.iter().zip(&level.outcomes[0].residual).all(|(high, low)| high > low));
    assert!(level.outcomes[1].active.iter().zip(&level.outcomes[0].active).all(|(high, low)| high < low));
    // A network without sparse coding layers has neither residuals nor codes.
    let as_trained = SweepConfig { runs: vec![Run::default()], ..config.clone() };
    let found =
        sweep(&other, &data, &normalization(), &SweepConfig { measure: None, ..as_trained }, &mut || ()).unwrap();
    let tape = Tape::idle();
    let uploaded = tape.constant(&x.upload(gpu()).unwrap());
    let plain = other.model().forward(&Pass::eval(&tape), &uploaded).unwrap().value().to_vec().unwrap();
    assert_eq!((&found.outcomes[0].correct, found.outcomes[0].residual.len()), (&right(&plain), 0));

    // With impulses repaired, for all rules except `Trained`.
    network.set_repairs(true);
    let repaired = sweep(&network, &data, &normalization(), &config, &mut || ()).unwrap();
    assert_outcomes(&network, &rules, &repaired, &x);
    assert_eq!(repaired.outcomes[0], level.outcomes[0]);
    assert!(repaired.outcomes[1].residual != level.outcomes[1].residual);
}

#[test]
fn a_sweep_runs_networks_behind_filters_and_with_the_statistics_of_the_batch() {
    let (network, data) = (network(Kind::Resnet), spots(8));
    let before = checkpoint::tensors(network.model()).unwrap();
    let run = |filter, batch_statistics| {
        let runs = vec![Run { filter, batch_statistics, ..Run::default() }];
        let config = SweepConfig { runs, layer: 0, batch: 8, measure: None };
        sweep(&network, &data, &normalization(), &config, &mut || ()).unwrap().outcomes.remove(0).correct
    };
    let values = data.images.iter().map(|p| f32::from(*p) / 255.0 / 0.25).collect::<Vec<_>>();
    let scores_of = |values: &[f32], of_batch| {
        let tape = Tape::idle();
        let x = tape.constant(&Tensor::from_slice(gpu(), &[8, 12, 12, 1], values).unwrap());
        let copy = Network::new(gpu(), &config(Kind::Resnet), 3).unwrap();
        let pass = if of_batch { Pass::eval(&tape).with_batch_statistics(1.0) } else { Pass::eval(&tape) };
        right(&copy.forward(&pass, &x).unwrap().value().to_vec().unwrap())
    };
    assert_eq!(run(None, true), scores_of(&values, true));
    assert_eq!(run(None, false), scores_of(&values, false));
    let medians = values.chunks_exact(144).flat_map(|image| {
        let at = |y: isize, x: isize| {
            let mirrored = |i: isize| {
                if i < 0 {
                    1
                } else if i > 11 {
                    10
                } else {
                    i as usize
                }
            };
            image[mirrored(y) * 12 + mirrored(x)]
        };
        (0..144_isize).map(move |i| {
            let mut nine = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|n| at(i / 12 + n / 3 - 1, i % 12 + n % 3 - 1));
            nine.sort_by(f32::total_cmp);
            nine[4]
        })
    });
    assert_eq!(run(Some(Filter::Median), false), scores_of(&medians.collect::<Vec<_>>(), false));
    assert_eq!(run(Some(Filter::NonLocalMeans), false).len(), 8);
    assert_eq!(checkpoint::tensors(network.model()).unwrap(), before, "running statistics stay as they are");
}

#[test]
fn bad_arguments_are_refused() {
    let (data, normalization) = (spots(8), normalization());
    let mut network = network(Kind::Sdnet);
    let mut refused = |config: RecalibrateConfig, data: &Dataset, word: &str| {
        let message = recalibrate(&mut network, data, &normalization, &config, &mut || ()).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
        assert!(network.recalibration().is_none());
    };
    refused(RecalibrateConfig { images: 0, ..grid() }, &data, "images");
    refused(RecalibrateConfig { batch: 0, ..grid() }, &data, "images");
    for lambdas in [vec![], vec![0.2, 0.1], vec![0.1, 0.1], vec![-0.1, 0.1], vec![f32::NAN]] {
        refused(RecalibrateConfig { lambdas, ..grid() }, &data, "lambdas");
    }
    refused(grid(), &data.subset(0), "images");
    refused(grid(), &Dataset { channels: 2, width: 6, ..data.clone() }, "channels");
    refused(grid(), &Dataset { labels: vec![9; 8], ..data.clone() }, "label 9");

    let images = mixed(2);
    let message = BY_NOISE.choose(&network, images.clone()).unwrap_err().to_string();
    assert!(message.contains("recalibrate"), "{message}");
    let message = LambdaRule::label_free(&network).unwrap_err().to_string();
    assert!(message.contains("recalibrate"), "{message}");
    let message = LambdaRule::label_free(&self::network(Kind::Resnet)).unwrap_err().to_string();
    assert!(message.contains("resnet18"), "{message}");
    assert!(LambdaRule::Fixed(-1.0).choose(&network, images.clone()).is_err());
    assert_eq!(LambdaRule::Fixed(0.3).choose(&network, images.clone()).unwrap().unwrap(), [0.3; 2]);
    let message = self::network(Kind::Resnet).measure(&images, Measure::Residual).unwrap_err().to_string();
    assert!(message.contains("resnet18"), "{message}");
    let message = network.measure(&images, Measure::Noise).unwrap_err().to_string();
    assert!(message.contains("recalibrated"), "{message}");
    let mut wide = Batch::new([1, 12, 12, 3], vec![0.0; 432]).unwrap();
    assert!(network.measure(&wide, Measure::Residual).is_err() && network.repair(&mut wide).is_err());
    assert!(Batch::new([0, 12, 12, 1], vec![]).is_err() && Batch::new([1, 2, 2, 1], vec![0.0; 5]).is_err());

    let sweep_of = |data: &Dataset, rules: Vec<LambdaRule>, batch| {
        let config = SweepConfig { runs: rules.into_iter().map(Run::from).collect(), layer: 0, batch, measure: None };
        sweep(&self::network(Kind::Sdnet), data, &normalization, &config, &mut || ()).map(drop)
    };
    sweep_of(&data, vec![LambdaRule::Trained], 4).unwrap();
    assert!(sweep_of(&data, vec![LambdaRule::Trained], 0).is_err());
    assert!(sweep_of(&data.subset(0), vec![LambdaRule::Trained], 4).is_err());
    assert!(sweep_of(&data, vec![LambdaRule::Fixed(f32::NAN)], 4).is_err());
    assert!(sweep_of(&Dataset { labels: vec![9; 8], ..data.clone() }, vec![LambdaRule::Trained], 4).is_err());
}
