//! The options of sparse coding layers against values computed elsewhere in float64.

use approx::assert_relative_eq;
use sdnet::files::NamedTensors;
use sdnet::layers::{Csc, CscConfig, Pass, parameters};
use sdnet::models::{Model, ModelConfig};
use sdnet::shape::Geometry;
use sdnet::tape::{Gradients, Tape, Var};
use sdnet::tensor::Tensor;
use serde_json::Value;

use crate::support::{Golden, assert_close, keep_steps, network_of, to_nchw};

/// The cases of a file, with their settings.
fn cases(golden: &Golden) -> Vec<(String, Value)> {
    golden.metadata.iter().map(|(name, json)| (name.clone(), serde_json::from_str(json).unwrap())).collect()
}

fn number(settings: &Value, key: &str) -> f32 {
    settings[key].as_f64().unwrap_or_else(|| panic!("{key} = {}", settings[key])) as f32
}

fn count(settings: &Value, key: &str) -> usize {
    settings[key].as_u64().unwrap_or_else(|| panic!("{key} = {}", settings[key])) as usize
}

fn layer(name: &str, golden: &Golden, settings: &Value) -> Csc {
    let (stride, padding) = (count(settings, "stride"), count(settings, "padding"));
    // A line is a map of height 1.
    let padding = if name == "line" { [0, padding] } else { [padding; 2] };
    let config = CscConfig {
        geometry: Geometry { stride: [stride; 2], padding },
        padding_mode: serde_json::from_value(settings["padding_mode"].clone()).unwrap(),
        iterations: count(settings, "iterations"),
        lambda: number(settings, "lambda_"),
        mu: number(settings, "mu"),
        non_negative: settings["non_negative"].as_bool().unwrap(),
        solver: serde_json::from_value(settings["solver"].clone()).unwrap(),
        root_noise: settings["root_noise"].as_bool().unwrap(),
        normalize_lambda: settings["normalize_lambda"].as_bool().unwrap(),
        dictionaries: count(settings, "dictionaries"),
    };
    let mut csc = Csc::new(golden.upload(&format!("{name}/w")), config).unwrap();
    csc.set_step(number(settings, "step")).unwrap();
    csc
}

/// Codes of the layer, and the gradients of `<codes, g>`, plus the dictionary loss if asked for.
fn check_layer(name: &str, golden: &Golden, settings: &Value, factor: Option<f32>) {
    let csc = layer(name, golden, settings);
    let of = |key: &str| golden.values(&format!("{name}/{key}"));
    let tape = Tape::new();
    let pass = match factor {
        Some(factor) => Pass::eval(&tape).with_dictionary_loss(factor),
        None => Pass::eval(&tape),
    };
    let x = tape.leaf(&golden.upload(&format!("{name}/x")));
    let z = csc.forward(&pass, &x).unwrap();
    assert_close(&format!("{name}: z"), &to_nchw(z.value()), of("z"), 1e-5);
    let &[_, height, width, _] = x.value().shape() else { panic!() };
    let reconstruction = csc.reconstruct(z.value(), [height, width]).unwrap();
    assert_close(&format!("{name}: A z"), &to_nchw(&reconstruction), of("reconstruction"), 1e-5);
    let weight = pass.parameter(csc.weight());
    let g = golden.upload(&format!("{name}/g"));
    let (gradients, prefix): (Gradients, _) = match pass.loss() {
        Some(loss) => {
            assert_relative_eq!(loss.value().to_vec().unwrap()[0], of("loss")[0], max_relative = 1e-5);
            (backward_of_sum(tape, &z, &g, &loss), "loss_")
        }
        None => (tape.backward_from(&z, &g).unwrap(), ""),
    };
    for (leaf, what) in [(&x, "x"), (&weight, "w")] {
        let got = to_nchw(gradients.of(what, leaf).unwrap());
        assert_close(&format!("{name}: {prefix}grad_{what}"), &got, of(&format!("{prefix}grad_{what}")), 1e-4);
    }
}

/// The gradients of `<z, g> + loss`.
fn backward_of_sum(tape: Tape, z: &Var, g: &Tensor, loss: &Var) -> Gradients {
    // <z, g> as the last value of a linear layer, so that one output depends on both.
    let flat = tape.reshape(z, &[1, z.value().len()]).unwrap();
    let weights = tape.constant(&g.reshape(&[1, g.len()]).unwrap());
    let bias = tape.constant(&Tensor::full(g.gpu(), &[1], 0.0).unwrap());
    let product = tape.linear(&flat, &weights, &bias).unwrap();
    let sum = tape.add(&tape.reshape(&product, &[1]).unwrap(), loss).unwrap();
    tape.backward(&sum).unwrap()
}

#[test]
fn layers_of_every_option_match_the_golden_values() {
    let golden = Golden::open("options/layers");
    let cases = cases(&golden);
    assert_eq!(cases.len(), 13);
    for (name, settings) in cases {
        check_layer(&name, &golden, &settings, None);
        check_layer(&name, &golden, &settings, Some(number(&settings, "factor")));
    }
}

#[test]
fn networks_of_every_option_match_the_golden_values() {
    let golden = Golden::open("options/networks");
    let cases = cases(&golden);
    assert_eq!(cases.len(), 5);
    for (name, settings) in cases {
        let config: ModelConfig = serde_json::from_value(settings["model"].clone()).unwrap();
        let prefix = format!("{name}/param.");
        let own =
            golden.tensors.iter().filter_map(|(key, tensor)| Some((key.strip_prefix(&prefix)?.into(), tensor.clone())));
        let mut network = network_of(&config, &mut own.collect::<NamedTensors>());
        let x = golden.upload(&format!("{name}/x"));
        let logits = network.predict(&x).unwrap();
        let of = |key: &str| golden.values(&format!("{name}/{key}"));
        assert_close(&format!("{name}: logits"), &logits.to_vec().unwrap(), of("logits"), 1e-5);

        keep_steps(&mut network);
        let tape = Tape::new();
        let pass = Pass::train(&tape).with_dictionary_loss(number(&settings, "factor"));
        let logits = network.forward(&pass, &tape.constant(&x)).unwrap();
        assert_close(&format!("{name}: train"), &logits.value().to_vec().unwrap(), of("train.logits"), 2e-5);
        let labels = of("labels").iter().map(|label| *label as u32).collect::<Vec<_>>();
        let entropy = tape.cross_entropy(&logits, &labels).unwrap();
        let total = tape.add(&entropy.loss, &pass.loss().unwrap()).unwrap();
        assert_relative_eq!(total.value().to_vec().unwrap()[0], of("loss")[0], max_relative = 1e-5);
        let (leaves, gradients) = (pass.leaves(), tape.backward(&total).unwrap());
        for (parameter, tensor) in parameters(&network) {
            let got = leaves.gradient(&gradients, &parameter, tensor).unwrap();
            let got = if got.shape().len() == 4 { to_nchw(got) } else { got.to_vec().unwrap() };
            assert_close(&format!("{name}: {parameter}"), &got, of(&format!("grad.{parameter}")), 1e-3);
        }
    }
}
