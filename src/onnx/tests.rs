use std::collections::{BTreeMap, HashSet};

use super::proto::{Graph, Model, Node, Tensor};
use super::*;
use crate::checkpoint;
use crate::gpu::{Gpu, GpuOptions};
use crate::layers::{CscConfig, PartMut, Path, Walk, sparse_layers};
use crate::models::Stem;
use crate::solver::{Momentum, Solver};

fn network(name: &str, change: fn(&mut ModelConfig)) -> Network {
    let gpu = Gpu::open(&GpuOptions::default()).unwrap();
    let mut config = ModelConfig { width: 2, classes: 3, iterations: 3, ..ModelConfig::named(name).unwrap() };
    change(&mut config);
    Network::new(&gpu, &config, 4).unwrap()
}

/// The exported model, after checks that hold for every graph: each value is computed once, and before it is used; each
/// constant is used.
fn exported(network: &Network, recipe: &Recipe, options: &Options) -> (Model, Graph) {
    let bytes = export(network, recipe, options).unwrap();
    let model = Model::decode(&*bytes).unwrap();
    let graph = model.graph.clone().unwrap();
    let mut known = HashSet::from([IMAGES.to_owned()]);
    for tensor in &graph.initializers {
        assert!(known.insert(tensor.name.clone()), "{} is there twice", tensor.name);
        assert!(graph.nodes.iter().any(|node| node.inputs.contains(&tensor.name)), "{} is not used", tensor.name);
    }
    for node in &graph.nodes {
        assert!(node.inputs.iter().all(|input| known.contains(input)), "{} uses what is not there", node.name);
        assert!(node.outputs.iter().all(|output| known.insert(output.clone())), "{} is there twice", node.name);
    }
    assert!(known.contains(SCORES));
    (model, graph)
}

fn plain(network: &Network, size: Option<[usize; 2]>) -> Graph {
    let recipe = Recipe::of(network.config().clone());
    exported(network, &recipe, &Options { normalization: None, size }).1
}

fn kinds(graph: &Graph) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    graph.nodes.iter().for_each(|node| *counts.entry(&*node.op_type).or_default() += 1);
    counts
}

fn node<'g>(graph: &'g Graph, name: &str) -> &'g Node {
    graph.nodes.iter().find(|node| node.name == name).unwrap_or_else(|| panic!("no node {name}"))
}

fn ints<'n>(node: &'n Node, name: &str) -> &'n [i64] {
    &node.attributes.iter().find(|attribute| attribute.name == name).unwrap().ints
}

fn values(graph: &Graph, name: &str) -> Vec<f32> {
    let tensor = graph.initializers.iter().find(|tensor| tensor.name == name).unwrap_or_else(|| panic!("no {name}"));
    floats(tensor)
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    let (numbers, rest) = tensor.raw_data.as_chunks::<4>();
    assert!(rest.is_empty() && tensor.data_type == proto::FLOAT);
    numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[test]
fn a_resnet_has_the_nodes_and_the_bits_that_it_should() {
    let network = network("resnet18", |_| ());
    let normalization = Normalization { mean: vec![0.1, 0.2, 0.3], std: vec![0.4, 0.5, 0.6] };
    let recipe = Recipe {
        class_names: ["ant", "bee", "cat"].map(str::to_owned).to_vec(),
        size: Some([8, 9]),
        ..Recipe::of(network.config().clone())
    };
    let options = Options { normalization: Some(normalization), size: None };
    let (model, graph) = exported(&network, &recipe, &options);
    assert_eq!((model.ir_version, &*model.opset_import), (8, &[OperatorSet { domain: "".into(), version: 17 }][..]));
    // 20 convolutions with a batch norm each, 17 of them followed by ReLU, 8 of these after an addition.
    let counts = [("Add", 8), ("BatchNormalization", 20), ("Conv", 20), ("Div", 1), ("Flatten", 1), ("Gemm", 1)];
    let counts = counts.into_iter().chain([("GlobalAveragePool", 1), ("Relu", 17), ("Sub", 1)]);
    assert_eq!(kinds(&graph), counts.collect());
    let tensors = checkpoint::tensors(&network).unwrap();
    for (name, (shape, wanted)) in &tensors {
        let tensor = graph.initializers.iter().find(|tensor| tensor.name == *name).unwrap();
        assert!(tensor.dims.iter().map(|dim| *dim as usize).eq(shape.iter().copied()), "{name}");
        assert!(floats(tensor).iter().map(|v| v.to_bits()).eq(wanted.iter().map(|v| v.to_bits())), "{name}");
    }
    assert_eq!(graph.initializers.len(), tensors.len() + 2, "and the normalisation");
    assert_eq!(values(&graph, "std"), [0.4, 0.5, 0.6]);
    let norm = node(&graph, "layer3.1.bn2");
    let parts = ["weight", "bias", "running_mean", "running_var"].map(|part| format!("layer3.1.bn2.{part}"));
    assert_eq!((&norm.inputs[1..], norm.attributes[0].f), (&parts[..], Some(1e-5)));
    let dimensions = |value: &ValueInfo| -> Vec<String> {
        let shape = value.kind.clone().unwrap().tensor.unwrap().shape.unwrap();
        let text = |d: &Dimension| d.symbol.clone().unwrap_or_else(|| d.value.unwrap().to_string());
        shape.dimensions.iter().map(text).collect()
    };
    assert_eq!((&*graph.inputs[0].name, &*graph.outputs[0].name), (IMAGES, SCORES));
    assert_eq!(dimensions(&graph.inputs[0]), ["n", "3", "height", "width"]);
    assert_eq!(dimensions(&graph.outputs[0]), ["n", "3"]);
    let metadata = |key: &str| model.metadata.iter().find(|e| e.key == key).map(|e| e.value.as_str()).unwrap();
    assert_eq!(metadata("class_names"), r#"["ant","bee","cat"]"#);
    assert_eq!(metadata("normalization"), r#"{"mean":[0.1,0.2,0.3],"std":[0.4,0.5,0.6]}"#);
    assert_eq!((metadata("kind"), metadata("depth"), metadata("trained_size")), ("resnet", "18", "8x9"));
    assert!(metadata("input").contains("[0, 1]") && model.doc_string.contains("[0, 1]"));
}

#[test]
fn sparse_layers_are_unrolled_with_their_numbers_as_constants() {
    let network = network("sdnet18", |config| (config.mu, config.lambda) = (0.5, 0.25));
    let graph = plain(&network, None);
    let counts = kinds(&graph);
    // Three analyses, two syntheses; one extrapolation, since the first coefficient is zero.
    assert_eq!((counts["Conv"], counts["ConvTranspose"], counts.get("Slice")), (19 + 3, 2, None));
    assert_eq!(counts["Add"], 8 + 2 + 1);
    let step = sparse_layers(&network)[0].1.step().unwrap().to_vec().unwrap()[0];
    assert_eq!(values(&graph, "layer0.0.dn/step"), [step]);
    assert_eq!(values(&graph, "layer0.0.dn/bias"), [-0.25; 2]);
    assert_eq!(values(&graph, "layer0.0.dn/shrinkage"), [1.0 / (1.0 + 0.5 * step)]);
    let mut momentum = Momentum::new(Solver::Fista);
    let betas = [momentum.advance(), momentum.advance()];
    assert!(betas[0] == 0.0 && values(&graph, "layer0.0.dn/3/beta") == [betas[1]]);
    // FISTA takes the gradient at the extrapolated point; the published solver does not, but starts from it.
    assert_eq!(node(&graph, "layer0.0.dn/3/synthesis").inputs, ["layer0.0.dn/3/y", "layer0.0.dn.weight"]);
    let published = plain(&self::network("sdnet18", |config| config.solver = Solver::Published), None);
    assert_eq!(node(&published, "layer0.0.dn/3/synthesis").inputs[0], "layer0.0.dn/2/z");
    assert_eq!(node(&published, "layer0.0.dn/3/u").inputs[0], "layer0.0.dn/3/y");
    let ista = plain(&self::network("sdnet18", |config| config.solver = Solver::Ista), None);
    assert!(ista.initializers.iter().all(|tensor| !tensor.name.ends_with("beta")));
}

#[test]
fn syntheses_of_stride_2_get_their_size_from_the_graph_or_are_made_for_one() {
    let network = network("sdnet18-all", |config| config.stem = Stem::Imagenet);
    // Stem and pooling layer of stride 2, and three more; two syntheses each.
    let any = plain(&network, None);
    assert_eq!((kinds(&any)["Shape"], kinds(&any)["Slice"]), (5, 10));
    assert_eq!(ints(node(&any, "layer0.0.dn/2/synthesis"), "output_padding"), [1, 1]);
    assert_eq!(ints(node(&any, "layer1.layers.0.conv1.dn/2/synthesis"), "output_padding"), [0, 0]);
    // 50 + 6 - 7 is odd, 41 + 6 - 7 is even; the codes are 25 x 21, then 13 x 11.
    let fixed = plain(&network, Some([50, 41]));
    assert!(!kinds(&fixed).contains_key("Slice"));
    assert_eq!(ints(node(&fixed, "layer0.0.dn/2/synthesis"), "output_padding"), [1, 0]);
    assert_eq!(ints(node(&fixed, "layer0.2.dn/3/synthesis"), "output_padding"), [0, 0]);
    assert_eq!(ints(node(&fixed, "layer3.layers.0.conv1.dn/3/synthesis"), "output_padding"), [0, 1]);
}

fn with_layers(change: fn(&mut CscConfig)) -> Network {
    let mut network = network("sdnet18", |_| ());
    network.visit_mut(&Path::root(), &mut |_, part| {
        if let PartMut::Sparse(csc) = part {
            let mut config = *csc.config();
            change(&mut config);
            csc.set_config(config).unwrap();
        }
    });
    network
}

#[test]
fn what_a_graph_cannot_hold_is_refused_by_name() {
    let network = with_layers(|config| config.normalize_lambda = true);
    let recipe = Recipe::of(network.config().clone());
    let refusal = |options: &Options| export(&network, &recipe, options).unwrap_err().to_string();
    let said = refusal(&Options::default());
    assert!(said.contains("normalize_lambda") && said.contains("layer0.0.dn"), "{said}");
    assert!(refusal(&Options { size: Some([0, 8]), ..Options::default() }).contains("size"));
    let normalization = Some(Normalization { mean: vec![0.0], std: vec![1.0] });
    assert!(refusal(&Options { normalization, ..Options::default() }).contains("mean"));
    let named = Recipe { class_names: vec!["one".into()], ..recipe.clone() };
    assert!(export(&network, &named, &Options::default()).unwrap_err().to_string().contains("class_names"));
    // At one size, lambda is known: three channels for two atoms.
    let fixed = plain(&network, Some([8, 8]));
    assert_eq!(values(&fixed, "layer0.0.dn/bias"), [-0.1 * 1.5; 2]);
}

#[test]
fn signed_codes_and_residuals_that_are_divided_by_their_norm_have_their_own_nodes() {
    let network = with_layers(|config| (config.non_negative, config.root_noise) = (false, true));
    let graph = plain(&network, None);
    let counts = kinds(&graph);
    assert_eq!((counts["Clip"], counts["ReduceL2"], counts["Max"]), (3, 2, 2));
    let step = values(&graph, "layer0.0.dn/step")[0];
    assert_eq!(values(&graph, "layer0.0.dn/low"), [-step * 0.1]);
    assert_eq!(values(&graph, "layer0.0.dn/high"), [step * 0.1]);
    assert_eq!(node(&graph, "layer0.0.dn/2/analysis").inputs, ["layer0.0.dn/2/scaled", "layer0.0.dn.weight"]);
}
