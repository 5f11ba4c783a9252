//! What a training step does beside plain descent, on whole networks.

use sdnet::checkpoint::{self, Attachments, Recipe, tensors};
use sdnet::data::{Dataset, Normalization};
use sdnet::error::{Error, Result};
use sdnet::files::NamedTensors;
use sdnet::layers::{parameters, sparse_layers};
use sdnet::models::{Architecture, ModelConfig, Network};
use sdnet::ops::{AdamWRule, Orthogonality, SgdRule, Target};
use sdnet::optim::{Optimizer, ParameterGradients};
use sdnet::reference::{adamw as adamw_twin, average as average_twin};
use sdnet::tensor::Tensor;
use sdnet::train::{Departure, Event, TrainConfig, TrainStep, Trainer, evaluate};

use crate::harness::{filled, tensor, zip};
use crate::support::{assert_close, gpu};

const PLAIN: SgdRule = SgdRule { momentum: 0.0, weight_decay: 0.0, nesterov: false };
const ADAMW: AdamWRule = AdamWRule { beta1: 0.9, beta2: 0.999, weight_decay: 0.25 };

fn config(name: &str) -> ModelConfig {
    ModelConfig { width: 2, in_channels: 1, ..ModelConfig::named(name).unwrap() }
}

fn resnet() -> Network {
    Network::new(gpu(), &config("resnet18"), 7).unwrap()
}

fn batch(tag: u64) -> Tensor {
    tensor(gpu(), &[4, 8, 8, 1], &filled(&[4, 8, 8, 1], tag))
}

fn targets() -> [Target; 4] {
    [0, 3, 1, 2].map(Target::from)
}

fn gradients(step: &TrainStep, network: &Network, tag: u64, share: f32) -> ParameterGradients {
    step.gradients(network, &batch(tag), &targets(), share).unwrap().0
}

/// The values of every parameter.
fn values(network: &Network) -> Vec<Vec<f32>> {
    parameters(network).iter().map(|(_, p)| p.to_vec().unwrap()).collect()
}

fn values_of(gradients: &ParameterGradients) -> Vec<Vec<f32>> {
    gradients.iter().map(|g| g.unwrap().to_vec().unwrap()).collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

#[test]
fn accumulated_gradients_are_the_mean_of_those_of_their_batches() {
    let network = resnet();
    let step = TrainStep::new(PLAIN, &network).unwrap();
    let [a, b] = [1, 2].map(|tag| values_of(&gradients(&step, &network, tag, 1.0)));
    let sum = gradients(&step, &network, 1, 0.5).plus(&gradients(&step, &network, 2, 0.5)).unwrap();
    for (i, got) in values_of(&sum).iter().enumerate() {
        let mean = zip(&wide(&a[i]), &wide(&b[i]), |a, b| 0.5 * (a + b));
        assert_close("mean", got, &narrow(&mean), 1e-6);
        assert!(a[i] != b[i], "the batches are alike");
    }
}

#[test]
fn a_clipped_step_is_as_long_as_allowed_and_a_short_one_stays_as_it_is() {
    let moved = |clip_norm| {
        let network = resnet();
        let before = values(&network).concat();
        let step = TrainStep { clip_norm, ..TrainStep::new(PLAIN, &network).unwrap() };
        step.descend(&network, &gradients(&step, &network, 1, 1.0), 1.0).unwrap();
        zip(&wide(&values(&network).concat()), &wide(&before), |a, b| a - b)
    };
    let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let whole = moved(None);
    assert!(norm(&whole) > 0.1);
    assert_eq!(moved(Some(1e6)), whole);
    let most = norm(&whole) as f32 / 8.0;
    let clipped = moved(Some(most));
    assert!((norm(&clipped) / f64::from(most) - 1.0).abs() < 1e-4, "{}", norm(&clipped));
    let along = zip(&clipped, &whole, |a, b| a * b).iter().sum::<f64>() / (norm(&clipped) * norm(&whole));
    assert!(along > 1.0 - 1e-6, "another direction: {along}");
}

#[test]
fn adamw_descends_like_its_twin_and_goes_on_from_its_state() {
    let network = resnet();
    let mut step = TrainStep::new(ADAMW, &network).unwrap();
    let (epsilon, weight_decay) = (f64::from(1e-8_f32), f64::from(ADAMW.weight_decay));
    let rule =
        adamw_twin::AdamWTwin { learning_rate: 0.03125, beta1: ADAMW.beta1, beta2: ADAMW.beta2, epsilon, weight_decay };
    let mut want = values(&network).iter().map(|p| wide(p)).collect::<Vec<_>>();
    let mut moments = want.iter().map(|p| [vec![0.0; p.len()], vec![0.0; p.len()]]).collect::<Vec<_>>();
    for t in 1..=3 {
        // The twin gets the gradients at the network's own place, so that only the rule is compared.
        let found = gradients(&step, &network, t.into(), 1.0);
        for ((want, [first, second]), g) in want.iter_mut().zip(&mut moments).zip(values_of(&found)) {
            adamw_twin::adamw(want, &wide(&g), first, second, rule, t);
        }
        if t == 3 {
            let mut state = step.optimizer.state().unwrap();
            let count = parameters(&network).len();
            assert_eq!(state.keys().filter(|name| name.starts_with("first_moment.")).count(), count);
            step.optimizer = Optimizer::new(ADAMW, &network).unwrap();
            step.optimizer.restore(&mut state).unwrap();
            assert!(state.is_empty(), "{:?} are left over", state.keys());
        }
        step.descend(&network, &found, 0.03125).unwrap();
        for (got, want) in values(&network).iter().zip(&want) {
            assert_close("adamw", got, &narrow(want), 1e-5);
        }
    }
}

/// Adam's first step has the size of the learning rate, whenever a parameter takes it.
#[test]
fn updates_are_counted_by_parameter() {
    let network = Network::new(gpu(), &config("sdnet18"), 7).unwrap();
    let rule = AdamWRule { weight_decay: 0.0, ..ADAMW };
    let mut step = TrainStep { body_rate: 0.0, ..TrainStep::new(rule, &network).unwrap() };
    (0..3).for_each(|_| step.descend(&network, &gradients(&step, &network, 1, 1.0), 0.01).unwrap());
    let counts = step.optimizer.state().unwrap();
    assert_eq!((counts["updates.linear.bias"].1[0], counts["updates.layer0.1.bias"].1[0]), (3.0, 0.0));
    step.body_rate = 1.0;
    let bias = || tensors(&network).unwrap()["layer0.1.bias"].1.clone();
    let before = bias();
    step.descend(&network, &gradients(&step, &network, 1, 1.0), 0.01).unwrap();
    let largest = zip(&wide(&bias()), &wide(&before), |a, b| (a - b).abs()).into_iter().fold(0.0, f64::max);
    assert!((largest - 0.01).abs() < 1e-4, "{largest}");
}

#[test]
fn dictionaries_are_drawn_towards_orthogonal_ones() -> Result<()> {
    // Wider than its input, so that the layers behind the first can become orthogonal, and the first cannot.
    let network = || Network::new(gpu(), &ModelConfig { width: 4, ..config("sdnet18-all") }, 7);
    let step =
        |network: &Network, orthogonal| Ok::<_, Error>(TrainStep { orthogonal, ..TrainStep::new(PLAIN, network)? });
    // A network and a step of its own for each, so that power iterations start alike.
    let drawn = |orthogonal| {
        let network = network()?;
        Ok::<_, Error>(values_of(&gradients(&step(&network, orthogonal)?, &network, 1, 1.0)))
    };
    let plain = drawn((0.0, Orthogonality::Kernel))?;
    let network = network()?;
    for form in Orthogonality::ALL {
        let drawn = drawn((0.5, form))?;
        let names = parameters(&network).into_iter().map(|(name, _)| name);
        let changed = names.zip(plain.iter().zip(&drawn)).filter(|(_, (a, b))| a != b).map(|(name, _)| name);
        // The published form leaves the first sparse coding layer out.
        let all = sparse_layers(&network).into_iter().map(|(name, _)| format!("{name}.dn.weight"));
        let left_out = usize::from(form == Orthogonality::Published);
        assert_eq!(changed.collect::<Vec<_>>(), all.skip(left_out).collect::<Vec<_>>(), "{form}");
    }
    let form = Orthogonality::BlockToeplitz;
    let (step, before) = (step(&network, (1.0, form))?, Departure::of(&network, form)?);
    for tag in 0..20 {
        step.descend(&network, &gradients(&step, &network, tag, 1.0), 0.015)?;
    }
    let after = Departure::of(&network, form)?;
    println!("{before:?} {after:?}");
    // Only the first layer has more atoms, 4, than values that they code, 1: 4^2 / 1 - 4.
    assert_eq!(before.least, 12.0);
    assert!(after.loss > after.least && after.loss - after.least < 0.6 * (before.loss - before.least));
    Ok(())
}

#[test]
fn another_kind_of_rule_is_refused() {
    let mut optimizer = Optimizer::new(PLAIN, &resnet()).unwrap();
    let message = optimizer.set_rule(ADAMW).unwrap_err().to_string();
    assert!(message.starts_with("optimizer") && message.contains("adamw"), "{message}");
    assert!(optimizer.restore(&mut NamedTensors::new()).unwrap_err().to_string().contains("velocity."));
}

fn images() -> Dataset {
    Dataset {
        name: "noise".into(),
        images: filled(&[24, 64], 5).iter().map(|v| (v * 127.0 + 128.0) as u8).collect(),
        labels: (0..24).map(|i| i % 10).collect(),
        height: 8,
        width: 8,
        channels: 1,
        classes: 10,
        ..Dataset::default()
    }
}

/// A training whose averages are known after each step.
#[test]
fn the_averaged_network_is_tested_and_its_file_says_the_same() -> Result<()> {
    let data = images();
    let training = TrainConfig {
        epochs: 2,
        batch: 8,
        learning_rate: 0.05,
        ema: Some(0.75),
        save_every: Some(1),
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::<Network>::new(gpu(), Recipe::of(config("sdnet18")), training)?;
    let mut want = NamedTensors::new();
    let mut include = |network: &Network| -> Result<()> {
        for (name, (shape, values)) in tensors(network)?.into_iter().filter(|(name, _)| !name.ends_with("step_size")) {
            let Some((_, so_far)) = want.get_mut(&name) else {
                want.insert(name, (shape, values));
                continue;
            };
            let mut wider = wide(so_far);
            average_twin::average(&mut wider, &wide(&values), 0.75);
            *so_far = narrow(&wider);
        }
        Ok(())
    };
    let mut records = Vec::new();
    trainer.run(&data, &data, &|| false, &mut |trainer, event| match event {
        Event::Save => include(trainer.model()),
        Event::Epoch { record, .. } => {
            records.push((record.step, record.test_loss, record.test_accuracy));
            Ok(())
        }
        Event::Step { .. } => Ok(()),
    })?;
    assert_eq!(records.len(), 2);
    let got = tensors(trainer.tested())?;
    for (name, (shape, values)) in &want {
        let mut unit = values.clone();
        if name.ends_with("dn.weight") {
            let norms =
                values.chunks_exact(values.len() / shape[0]).map(|atom| atom.iter().map(|v| v * v).sum::<f32>().sqrt());
            let norms = norms.collect::<Vec<_>>();
            assert!(norms.iter().any(|norm| (norm - 1.0).abs() > 1e-4), "{name} needs no care: {norms:?}");
            unit.iter_mut().enumerate().for_each(|(i, v)| *v /= norms[i * shape[0] / values.len()]);
        }
        assert_close(name, &got[name].1, &unit, 1e-5);
    }
    assert!(got["layer0.0.dn.step_size"].1[0] > 0.0 && got.len() > want.len());
    // In training, the network itself goes on from its own weights.
    assert_ne!(tensors(trainer.model())?["linear.weight"], got["linear.weight"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("averaged.safetensors");
    checkpoint::save(&path, trainer.tested(), trainer.recipe(), &Attachments::new())?;
    let loaded = checkpoint::load::<Network>(&path, gpu(), None)?;
    let judged = evaluate(&loaded.model, &data, &Normalization::default_for("noise", 1), 8)?;
    assert_eq!((judged.mean_loss(), judged.accuracy()), (records[1].1, records[1].2));
    Ok(())
}

/// With three batches an epoch of which two go into a step, an epoch has two steps, the second with one batch.
#[test]
fn accumulation_counts_steps() -> Result<()> {
    let data = images();
    let training = TrainConfig { epochs: 2, batch: 8, accumulate: 2, learning_rate: 0.05, ..TrainConfig::default() };
    let mut trainer = Trainer::<Network>::new(gpu(), Recipe::of(config("resnet18")), training)?;
    let mut seen = Vec::new();
    trainer.run(&data, &data, &|| false, &mut |trainer, event| {
        match event {
            Event::Step { steps } => assert_eq!(steps, 2),
            Event::Epoch { record, .. } => {
                seen.push((record.step, trainer.progress().tally.samples, record.learning_rate))
            }
            Event::Save => {}
        }
        Ok(())
    })?;
    let rate = |step: f32| 0.05 * (1.0 + (std::f32::consts::PI * step / 4.0).cos()) / 2.0;
    assert_eq!(seen.iter().map(|seen| seen.0).collect::<Vec<_>>(), [2, 4]);
    assert!((seen[0].2 - rate(1.0)).abs() < 1e-6 && (seen[1].2 - rate(3.0)).abs() < 1e-6, "{seen:?}");
    Ok(())
}
