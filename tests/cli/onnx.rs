//! `sdnet export --format onnx`: what onnxruntime computes from the graphs.

use std::process::Command as Process;
use std::sync::OnceLock;

use sdnet::checkpoint::{self, Recipe};
use sdnet::gpu::{Gpu, GpuOptions};
use sdnet::layers::{Csc, CscConfig, PartMut, Pass, Path as Place, Walk};
use sdnet::models::{Architecture, Model, ModelConfig, Network, Pool, Stem};
use sdnet::onnx;
use sdnet::shape::PaddingMode;
use sdnet::solver::Solver;
use sdnet::tape::Tape;
use sdnet::tensor::{Tensor, nchw_to_nhwc};

use crate::harness::*;

const BUNDLED: &str = "assets/sdnet18-fashion.safetensors";

/// Demands of each line of a list (graph, images, scores) that the graph is valid and gives these scores, to 1e-4 of the
/// largest one, for all images in one batch and for the first one alone.
const PROGRAM: &str = "import sys, numpy, onnx, onnxruntime
worst = 0
for line in open(sys.argv[1]).read().splitlines():
    graph, images, scores = line.split('|')
    onnx.checker.check_model(graph, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=['CPUExecutionProvider'])
    images, scores = numpy.load(images), numpy.load(scores)
    for n in (len(images), 1):
        found, wanted = session.run(['scores'], {'images': images[:n]})[0], scores[:n]
        assert found.shape == wanted.shape, (line, found.shape, wanted.shape)
        error = float(abs(found - wanted).max() / abs(scores).max())
        print(f'{error:.1e} {n} {line}')
        assert error <= 1e-4, line
        worst = max(worst, error)
print(f'worst {worst:.1e}')";

/// Graphs, and what they are to compute.
struct Cases {
    python: String,
    folder: tempfile::TempDir,
    list: Vec<String>,
}

impl Cases {
    /// Nothing where there is no onnxruntime.
    fn new() -> Option<Self> {
        Some(Self { python: python_with("onnx, onnxruntime")?, folder: tempfile::tempdir().unwrap(), list: vec![] })
    }

    fn file(&self, name: &str) -> String {
        at(self.folder.path(), name)
    }

    fn expect(&mut self, graph: &str, images: &str, scores: &str) {
        self.list.push([graph, images, scores].join("|"));
    }

    fn run(self) {
        let list = self.file("list");
        std::fs::write(&list, self.list.join("\n")).unwrap();
        let output = Process::new(&self.python).args(["-c", PROGRAM, &list]).output().unwrap();
        println!("{}", text(&output.stdout));
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(text(&output.stdout).lines().count(), 2 * self.list.len() + 1);
    }

    /// The scores of a network for three images of odd sizes, from a graph for any size, unless `sized`, and from one for that
    /// size; returns the scores.
    fn add(&mut self, name: &str, network: &Network, sized: bool) -> Vec<f32> {
        let [n, _, height, width] = shape(network);
        let images = images(self.folder.path(), shape(network), |_| ());
        let values = network.predict(&batch(network)).unwrap().to_vec().unwrap();
        assert!(difference(&values[..4], &values[4..8]) > 1e-2, "{name}: the scores depend on the image: {values:?}");
        let scores = self.file(&format!("{name}.npy"));
        write_npy(Path::new(&scores), &[n, network.classes()], &values).unwrap();
        let recipe = Recipe::of(network.config().clone());
        for size in [Some([height, width]), None].into_iter().filter(|size| size.is_some() || !sized) {
            let graph = self.file(&format!("{name}-{}.onnx", size.map_or("any", |_| "sized")));
            let bytes = onnx::export(network, &recipe, &onnx::Options { normalization: None, size }).unwrap();
            std::fs::write(&graph, bytes).unwrap();
            self.expect(&graph, &images, &scores);
        }
        values
    }
}

/// A network whose batch norms have statistics of images, and factors and offsets that all differ.
fn network(gpu: &Gpu, name: &str, change: impl Fn(&mut ModelConfig)) -> Network {
    let mut config = ModelConfig { width: 4, classes: 4, iterations: 3, ..ModelConfig::named(name).unwrap() };
    change(&mut config);
    let network = Network::new(gpu, &config, 7).unwrap();
    let mut tensors = checkpoint::tensors(&network).unwrap();
    for (seed, (name, (_, values))) in tensors.iter_mut().enumerate() {
        let base = if name.ends_with(".weight") { 1.0 } else { 0.0 };
        if name.contains("bn") || name.contains("layer0.1.") || name.contains("shortcut.1.") {
            let changes = sequence(values.len(), seed as u64, 0.4);
            values.iter_mut().zip(changes).for_each(|(value, change)| *value = base + change as f32);
            values.iter_mut().filter(|_| name.ends_with("running_var")).for_each(|value| *value = 1.0);
        }
    }
    checkpoint::restore(&network, &mut tensors).unwrap();
    settle(&network);
    network
}

/// Gives the batch norms the statistics of a batch.
fn settle(network: &Network) {
    let tape = Tape::idle();
    let x = tape.constant(&batch(network));
    network.forward(&Pass::eval(&tape).with_batch_statistics(1.0), &x).unwrap();
}

/// The shape of the images of [`Cases::add`]. On the way, sizes of either parity are halved; the last maps have 2 x 2 pixels: of
/// single ones, batch norms would divide by variances of three values that are almost equal, and magnify rounding.
fn shape(network: &Network) -> [usize; 4] {
    let [height, width] = if network.config().stem == Stem::Cifar { [11, 14] } else { [45, 38] };
    [3, network.in_channels(), height, width]
}

/// These images on the device.
fn batch(network: &Network) -> Tensor {
    let folder = tempfile::tempdir().unwrap();
    let ([n, channels, height, width], images) = (shape(network), images(folder.path(), shape(network), |_| ()));
    let (shape, values) = read_npy(Path::new(&images)).unwrap();
    let values = nchw_to_nhwc(&shape, &values).unwrap();
    Tensor::from_slice(network.gpu(), &[n, height, width, channels], &values).unwrap()
}

/// The largest difference between two sets of scores.
fn difference(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    let adapter = std::env::var("SDNET_ADAPTER").ok();
    GPU.get_or_init(|| Gpu::open(&GpuOptions { adapter, ..GpuOptions::default() }).unwrap())
}

#[test]
fn onnxruntime_gives_the_scores_of_every_kind_of_network() {
    let Some(mut cases) = Cases::new() else { return };
    let gpu = gpu();
    for name in ["sdnet18", "sdnet18-all"] {
        let by_solver = Solver::ALL.map(|solver| {
            cases.add(&format!("{name}-{solver}"), &network(gpu, name, |config| config.solver = solver), false)
        });
        let [fista, ista, published] = &by_solver;
        assert!(difference(fista, ista) > 1e-3 && difference(fista, published) > 1e-3, "{by_solver:?}");
    }
    let mut add = |case: &str, name: &str, change: fn(&mut ModelConfig)| {
        cases.add(case, &network(gpu, name, change), false);
    };
    add("resnet18", "resnet18", |config| config.in_channels = 1);
    add("resnet34", "resnet34", |config| config.stem = Stem::Imagenet);
    add("sdnet34", "sdnet34", |config| (config.stem, config.mu) = (Stem::Imagenet, 0.5));
    add("sdnet34-all", "sdnet34-all", |config| config.stem = Stem::Imagenet);
    add("no-shortcuts", "sdnet18-all", |config| config.shortcut = false);
    add("blur", "resnet18", |config| (config.stem, config.pool) = (Stem::Imagenet, Pool::Blur));
    add("twin", "resnet18", |config| (config.stem, config.width) = (Stem::Twin, 8));
    add("twin-cmod-blur", "resnet18", |config| {
        (config.stem, config.pool, config.width) = (Stem::Twin, Pool::CmodBlur, 8);
    });
    cases.run();
}

/// Changes every sparse coding layer.
fn with_layers(mut network: Network, change: impl Fn(&mut Csc)) -> Network {
    network.visit_mut(&Place::root(), &mut |_, part| {
        if let PartMut::Sparse(csc) = part {
            change(csc);
        }
    });
    settle(&network);
    network
}

#[test]
fn onnxruntime_gives_the_scores_of_every_option_of_sparse_coding() {
    let Some(mut cases) = Cases::new() else { return };
    let gpu = gpu();
    let mut add = |case: &str, name: &str, change: fn(&mut CscConfig)| {
        let plain = network(gpu, name, |_| ());
        let before = plain.predict(&batch(&plain)).unwrap().to_vec().unwrap();
        let changed = with_layers(plain, |csc| {
            let mut config = *csc.config();
            change(&mut config);
            csc.set_config(config).unwrap();
        });
        let scores = cases.add(case, &changed, ["by-size", "reflect", "replicate", "circular"].contains(&case));
        assert!(difference(&scores, &before) > 1e-2, "{case} makes a difference: {scores:?}");
    };
    add("signed", "sdnet18-all", |config| (config.non_negative, config.mu) = (false, 0.3));
    add("by-size", "sdnet18-all", |config| config.normalize_lambda = true);
    add("reflect", "sdnet18-all", |config| config.padding_mode = PaddingMode::Reflect);
    add("replicate", "sdnet18-all", |config| config.padding_mode = PaddingMode::Replicate);
    add("circular", "sdnet18-all", |config| config.padding_mode = PaddingMode::Circular);
    // In one layer alone: the norm of a small residual magnifies rounding, here as there.
    add("root-noise", "sdnet18", |config| config.root_noise = true);
    let twice = |csc: &mut Csc| {
        let &[atoms, height, width, channels] = csc.weight().shape() else { panic!() };
        let values = sequence(csc.weight().len() * 2, 5, 0.3).iter().map(|v| *v as f32).collect::<Vec<_>>();
        let weight = Tensor::from_slice(gpu, &[atoms, height, width, 2 * channels], &values).unwrap();
        csc.set_config(CscConfig { dictionaries: 2, ..*csc.config() }).unwrap();
        csc.set_weight(weight).unwrap();
    };
    let pooled = network(gpu, "sdnet18-all", |config| (config.max_pool, config.stem) = (true, Stem::Imagenet));
    cases.add("max-pool", &pooled, false);
    let by_layer = |config: &mut ModelConfig| {
        config.layer_lambda.insert("layer1".into(), 0.3);
        config.layer_iterations.insert("layer2.layers.0".into(), 1);
    };
    cases.add("by-layer", &network(gpu, "sdnet18-all", by_layer), false);
    cases.add("dictionaries", &with_layers(network(gpu, "sdnet18-all", |_| ()), twice), false);
    cases.run();
}

#[test]
fn a_weights_file_becomes_a_graph_that_agrees_with_predict() {
    let Some(mut cases) = Cases::new() else { return };
    // The same images as pixels and as what the network was trained on: of the bundled file, the mean is 0, the deviation 0.353.
    let pixels = images(cases.folder.path(), [3, 1, 28, 27], |v| v.iter_mut().for_each(|v| *v = v.abs()));
    let (shape, values) = read_npy(Path::new(&pixels)).unwrap();
    let (normalized, scores) = (cases.file("normalized.npy"), cases.file("scores.npy"));
    write_npy(Path::new(&normalized), &shape, &values.iter().map(|v| v / 0.353).collect::<Vec<_>>()).unwrap();
    succeeds(&["predict", "--weights", BUNDLED, &normalized, "--output", &scores]);
    // With another mean, brighter images are the same to the network.
    let brighter = cases.file("brighter.npy");
    write_npy(Path::new(&brighter), &shape, &values.iter().map(|v| v + 0.1).collect::<Vec<_>>()).unwrap();
    let sized = ["--size", "28x27", "--mean", "0.1", "--std", "0.353"];
    for (name, more, images) in [
        ("pixels.onnx", &[][..], &pixels),
        ("plain.onnx", &["--normalized-input"][..], &normalized),
        ("sized.onnx", &sized[..], &brighter),
    ] {
        let out = cases.file(name);
        let said = succeeds(&[&["export", "--weights", BUNDLED, "--format", "onnx", "--out", &out], more].concat());
        assert!(said.contains("sdnet18") && said.contains(name), "{said}");
        cases.expect(&out, images, &scores);
    }
    // A checkpoint of PyTorch.
    let checkpoint = "tests/golden/pytorch/training_old.pth.tar";
    let (x, y, out) =
        (images(cases.folder.path(), [2, 1, 13, 12], |_| ()), cases.file("y.npy"), cases.file("checkpoint.onnx"));
    succeeds(&["predict", "--weights", checkpoint, "--iterations", "3", &x, "--output", &y]);
    succeeds(&["export", "--weights", checkpoint, "--iterations", "3", "--normalized-input", "--out", &out]);
    cases.expect(&out, &x, &y);
    // The same graph takes images of another size.
    let (x, y) = (images(cases.folder.path(), [2, 1, 10, 15], |_| ()), cases.file("z.npy"));
    succeeds(&["predict", "--weights", checkpoint, "--iterations", "3", &x, "--output", &y]);
    cases.expect(&out, &x, &y);
    cases.run();
}

#[test]
fn flags_that_do_not_fit_the_format_or_the_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (graph, state) = (at(folder.path(), "w.onnx"), at(folder.path(), "w.pth"));
    refuses(&["export", "--weights", BUNDLED, "--out", &state, "--size", "28"], &["size", "--format onnx"]);
    refuses(&["export", "--weights", BUNDLED, "--out", &state, "--normalized-input"], &["normalized-input"]);
    refuses(&["export", "--weights", BUNDLED, "--out", &state, "--mean", "0"], &["mean", "--format onnx"]);
    refuses(&["export", "--weights", BUNDLED, "--out", &graph, "--size", "0"], &["size", "at least one pixel"]);
    let checkpoint = "tests/golden/pytorch/training.pth.tar";
    let words = ["training.pth.tar", "--mean and --std", "--normalized-input"];
    refuses(&["export", "--weights", checkpoint, "--out", &graph], &words);
    refuses(&["export", "--weights", checkpoint, "--out", &graph, "--mean", "0.2"], &words);
    assert!(!Path::new(&graph).exists() && !Path::new(&state).exists());
    succeeds(&["export", "--weights", checkpoint, "--out", &graph, "--mean", "0.2", "--std", "0.3"]);
    let bytes = std::fs::read(&graph).unwrap();
    let has = |part: &str| bytes.windows(part.len()).any(|window| window == part.as_bytes());
    assert!(has(r#"{"mean":[0.2],"std":[0.3]}"#) && has("layer4.1.conv2.weight") && has("lambda"));
}
