//! The program from the command line: what it does, and what it refuses.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use sdnet::files::{NamedTensors, TensorFile, read_npy, read_safetensors, write_npy, write_safetensors};
use sdnet::reference::fill::fill;

fn sdnet(arguments: &[&str]) -> Output {
    Command::cargo_bin("sdnet").unwrap().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs what must succeed; its standard output.
#[track_caller]
fn succeeds(arguments: &[&str]) -> String {
    let output = sdnet(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs what must fail with exit code 1 and a message, not a panic, that holds all of these words.
#[track_caller]
fn refuses(arguments: &[&str], words: &[&str]) {
    let output = sdnet(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {message}{}", text(&output.stdout));
    assert!(!message.contains("panicked"), "{message}");
    for word in words {
        assert!(message.contains(word), "{arguments:?}: no {word:?} in {message:?}");
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/net_{name}.safetensors"))
}

/// The parameters of a golden file as a weights file of foreign origin.
fn foreign_weights(folder: &Path, name: &str) -> String {
    let file = read_safetensors(&golden(name)).unwrap();
    let named = file.tensors.into_iter().filter_map(|(key, tensor)| {
        let name = key.strip_prefix("param.").or(key.strip_prefix("bn."))?.to_owned();
        Some((name, tensor))
    });
    let path = folder.join(format!("{name}.safetensors"));
    write_safetensors(&path, &TensorFile { tensors: named.collect::<NamedTensors>(), ..Default::default() }).unwrap();
    path.display().to_string()
}

fn images(folder: &Path, shape: [usize; 4], change: impl FnOnce(&mut Vec<f32>)) -> String {
    let mut values = fill(shape.iter().product(), 150, 1.0).iter().map(|v| *v as f32).collect();
    change(&mut values);
    let path = folder.join(format!("x{shape:?}.npy"));
    write_npy(&path, &shape, &values).unwrap();
    path.display().to_string()
}

fn at(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

const NARROW: [&str; 10] =
    ["--model", "sdnet18", "--width", "8", "--in-channels", "1", "--classes", "10", "--iterations", "4"];

#[test]
fn predict_gives_the_golden_logits() {
    let folder = tempfile::tempdir().unwrap();
    let all = ["--model", "sdnet18-all", "--width", "8", "--in-channels", "3", "--classes", "10", "--iterations", "3"];
    for (name, shape, flags) in
        [("sdnet18_narrow", [6, 1, 28, 28], NARROW), ("sdnet18_all_narrow", [4, 3, 24, 24], all)]
    {
        let (weights, input) = (foreign_weights(folder.path(), name), images(folder.path(), shape, |_| ()));
        let output = at(folder.path(), "logits.npy");
        let files = ["predict", "--weights", &weights, "--input", &input, "--output", &output, "--batch", "4"];
        succeeds(&[&files[..], &flags].concat());
        let (shape, logits) = read_npy(Path::new(&output)).unwrap();
        let want = read_safetensors(&golden(name)).unwrap().tensors["eval.logits"].clone();
        assert_eq!(shape, want.0);
        let norm = |v: &mut dyn Iterator<Item = f32>| v.map(|v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt();
        let error = norm(&mut logits.iter().zip(&want.1).map(|(a, b)| a - b)) / norm(&mut want.1.iter().copied());
        // The step comes from our own power iteration, which is converged to some 1e-5.
        assert!(error < 2e-4, "{name}: relative error {error:.1e}");
        let other = at(folder.path(), "other.npy");
        let files = ["predict", "--weights", &weights, "--input", &input, "--output", &other, "--lambda", "0.4"];
        succeeds(&[&files[..], &flags].concat());
        assert_ne!(read_npy(Path::new(&other)).unwrap().1, logits, "lambda has no effect");
    }
}

#[test]
fn predict_refuses_bad_files_by_name_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let weights = foreign_weights(folder.path(), "sdnet18_narrow");
    let good = images(folder.path(), [2, 1, 28, 28], |_| ());
    let output = at(folder.path(), "never.npy");
    let predict = |weights: &str, input: &str, words: &[&str]| {
        let files = ["predict", "--weights", weights, "--input", input, "--output", &output];
        refuses(&[&files[..], &NARROW].concat(), words);
        assert!(!Path::new(&output).exists());
    };
    let wide = images(folder.path(), [2, 3, 28, 28], |_| ());
    predict(&weights, &wide, &["x[2, 3, 28, 28].npy", "[n, 1, height, width]"]);
    let nan = images(folder.path(), [3, 1, 28, 28], |v| v[5] = f32::NAN);
    predict(&weights, &nan, &["not finite", "index 5"]);
    predict(&weights, &at(folder.path(), "missing.npy"), &["missing.npy"]);
    predict(&at(folder.path(), "missing.safetensors"), &good, &["missing.safetensors"]);
    let mut damaged = read_safetensors(Path::new(&weights)).unwrap();
    damaged.tensors.get_mut("layer2.0.conv1.weight").unwrap().1[7] = f32::NAN;
    let bad = at(folder.path(), "nan.safetensors");
    write_safetensors(Path::new(&bad), &damaged).unwrap();
    predict(&bad, &good, &["nan.safetensors", "layer2.0.conv1.weight", "not finite"]);
    let cut = at(folder.path(), "cut.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    predict(&cut, &good, &["cut.safetensors", "cut short"]);
    let files = ["predict", "--weights", &weights, "--input", &good, "--output", &output];
    refuses(&files, &["sdnet18_narrow.safetensors", "--model"]);
    let wrong = ["--model", "sdnet18", "--width", "4", "--in-channels", "1", "--classes", "10"];
    refuses(&[&files[..], &wrong].concat(), &["layer0.0.dn.weight", "[8, 1, 3, 3]", "[4, 1, 3, 3]"]);
    let shortcuts = ["--model", "sdnet18-all", "--width", "8", "--in-channels", "1", "--classes", "10"];
    refuses(&[&files[..], &shortcuts].concat(), &["layer1.layers.0.conv1.dn.weight", "missing"]);
}

#[test]
fn a_missing_adapter_names_the_package_to_install() {
    refuses(&["adapters", "--adapter", "no such card"], &["no such card", "mesa-vulkan-drivers", "dnf", "pacman"]);
}

#[test]
fn adapters_says_which_one_is_chosen() {
    assert!(succeeds(&["adapters"]).contains("chosen: "));
    assert!(succeeds(&["adapters", "--json"]).starts_with('{'));
}

#[test]
fn usage_errors_have_exit_code_two() {
    assert_eq!(sdnet(&["train"]).status.code(), Some(2));
    assert_eq!(sdnet(&["fly"]).status.code(), Some(2));
}

#[test]
fn shaders_are_written_in_every_language() {
    let folder = tempfile::tempdir().unwrap();
    for (target, file) in [("wgsl", "relu.wgsl"), ("spirv", "relu.spv"), ("msl", "relu.metal"), ("hlsl", "relu.hlsl")] {
        succeeds(&["shaders", "--target", target, "--out", &at(folder.path(), target)]);
        assert!(folder.path().join(target).join(file).metadata().unwrap().len() > 100);
    }
    assert!(succeeds(&["shaders"]).contains("override"));
}

/// Flags of a training that takes a second or two.
const SMALL: [&str; 10] =
    ["--data", "fashion-mnist-small", "--width", "2", "--batch", "16", "--epochs", "1", "--seed", "5"];

fn train(out: &str, more: &[&str]) -> String {
    succeeds(&[&["train", "--out", out], &SMALL[..], more].concat())
}

#[test]
fn training_writes_weights_metrics_and_pictures_that_evaluation_agrees_with() {
    let folder = tempfile::tempdir().unwrap();
    let out = at(folder.path(), "run");
    let said = train(&out, &["--steps", "6"]);
    assert!(said.contains("test accuracy"), "{said}");
    for file in ["best.safetensors", "last.safetensors", "metrics.jsonl", "curves.svg", "atoms.png", "predictions.png"]
    {
        assert!(Path::new(&out).join(file).metadata().unwrap().len() > 50, "{file}");
    }
    let metrics = std::fs::read_to_string(Path::new(&out).join("metrics.jsonl")).unwrap();
    let record: serde_json::Value = serde_json::from_str(metrics.lines().last().unwrap()).unwrap();
    let last = at(Path::new(&out), "last.safetensors");
    let said = succeeds(&["eval", "--weights", &last, "--data", "fashion-mnist-small", "--json"]);
    let figures: serde_json::Value = serde_json::from_str(&said).unwrap();
    let (a, b) = (record["test_accuracy"].as_f64().unwrap(), figures["top1"].as_f64().unwrap());
    assert!((a - b).abs() < 0.005, "in training {a}, on its own {b}");
    assert_eq!(figures["images"], 2000);
    // The file says all there is to say: prediction needs no other flag.
    let (input, output) = (images(folder.path(), [2, 1, 28, 28], |_| ()), at(folder.path(), "y.npy"));
    succeeds(&["predict", "--weights", &last, "--input", &input, "--output", &output]);
    assert_eq!(read_npy(Path::new(&output)).unwrap().0, [2, 10]);
}

/// The last record of a training, without its speed.
fn last_record(out: &str) -> serde_json::Value {
    let metrics = std::fs::read_to_string(Path::new(out).join("metrics.jsonl")).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(metrics.lines().last().unwrap()).unwrap();
    record["images_per_s"] = serde_json::Value::Null;
    record
}

#[track_caller]
fn assert_same_end(a: &str, b: &str) {
    let weights = |out: &str| std::fs::read(Path::new(out).join("last.safetensors")).unwrap();
    assert!(weights(a) == weights(b), "the weights differ");
    assert_eq!(last_record(a), last_record(b));
}

#[test]
fn a_resumed_training_is_bit_equal_to_an_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (at(folder.path(), "whole"), at(folder.path(), "parts"));
    train(&whole, &["--steps", "9"]);
    train(&parts, &["--steps", "4"]);
    succeeds(&["train", "--out", &parts, "--data", "fashion-mnist-small", "--resume", "--steps", "9"]);
    assert_same_end(&whole, &parts);
}

/// 320 images of 12 x 12 pixels in IDX files, for trainings of a second or two.
fn tiny_data(folder: &Path) -> String {
    let data = folder.join("tiny");
    std::fs::create_dir(&data).unwrap();
    for part in ["train", "t10k"] {
        let pixels = fill(320 * 144, 3, 127.0).iter().map(|v| (v + 128.0) as u8).collect::<Vec<_>>();
        let labels = (0..320).map(|i| (i * 7 % 10) as u8).collect::<Vec<_>>();
        let header = [&[0, 0, 8, 3][..], &320_u32.to_be_bytes(), &12_u32.to_be_bytes(), &12_u32.to_be_bytes()].concat();
        std::fs::write(data.join(format!("{part}-images-idx3-ubyte")), [header, pixels].concat()).unwrap();
        let header = [&[0, 0, 8, 1][..], &320_u32.to_be_bytes()].concat();
        std::fs::write(data.join(format!("{part}-labels-idx1-ubyte")), [header, labels].concat()).unwrap();
    }
    data.display().to_string()
}

#[cfg(unix)]
#[test]
fn an_interrupt_saves_and_leaves_cleanly_and_resuming_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let (whole, parts) = (at(folder.path(), "whole"), at(folder.path(), "parts"));
    let flags = ["train", "--data", &data, "--width", "2", "--batch", "8", "--epochs", "5", "--lr", "0.02", "--out"];
    succeeds(&[&flags[..], &[&whole]].concat());

    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("sdnet"));
    child.args(flags).arg(&parts).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let child = child.spawn().unwrap();
    // After the first epoch there are metrics; four more epochs take longer than the signal.
    let start = std::time::Instant::now();
    while !Path::new(&parts).join("metrics.jsonl").exists() {
        assert!(start.elapsed().as_secs() < 120, "no epoch has ended");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("`--resume` goes on"), "{}", text(&output.stdout));
    succeeds(&["train", "--data", &data, "--out", &parts, "--resume"]);
    assert_same_end(&whole, &parts);
}

#[test]
fn training_refuses_what_cannot_work() {
    let folder = tempfile::tempdir().unwrap();
    let out = at(folder.path(), "run");
    let run = |more: &[&str], words: &[&str]| refuses(&[&["train", "--out", &out], &SMALL[..], more].concat(), words);
    run(&["--model", "vgg16"], &["vgg16", "sdnet18-all"]);
    run(&["--data", "nowhere"], &["nowhere", "fashion-mnist"]);
    run(&["--batch", "0"], &["batch"]);
    run(&["--iterations", "0"], &["iterations"]);
    run(&["--lambda", "nan"], &["lambda"]);
    run(&["--std", "0"], &["std"]);
    run(&["--no-shortcut"], &["shortcut"]);
    run(&["--resume"], &["training.safetensors"]);
    // A batch whose activations are over what one buffer may hold.
    run(&["--batch", "10000", "--width", "64"], &["out of device memory", "bytes", "smaller batch"]);
    let file = at(folder.path(), "file");
    std::fs::write(&file, "in the way").unwrap();
    refuses(&[&["train", "--out", &at(Path::new(&file), "run")], &SMALL[..]].concat(), &["file"]);
}

#[test]
fn labels_out_of_range_are_refused_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let weights = foreign_weights(folder.path(), "sdnet18_narrow");
    let data = folder.path().join("idx");
    std::fs::create_dir(&data).unwrap();
    let images = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 8][..], &[7; 128]].concat();
    std::fs::write(data.join("t10k-images-idx3-ubyte"), images).unwrap();
    std::fs::write(data.join("t10k-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 2, 3, 12]).unwrap();
    let data = data.display().to_string();
    refuses(&[&["eval", "--weights", &weights, "--data", &data], &NARROW[..]].concat(), &["label 12", "10 classes"]);
}

/// A network that was trained for a few steps on 12 x 12 pixels.
fn tiny_network(folder: &Path, data: &str, model: &str) -> String {
    let out = at(folder, model);
    let flags = ["--data", data, "--width", "2", "--batch", "16", "--epochs", "1", "--lr", "0.02", "--steps", "10"];
    succeeds(&[&["train", "--model", model, "--out", &out], &flags[..]].concat());
    at(Path::new(&out), "last.safetensors")
}

fn figures(said: &str) -> serde_json::Value {
    serde_json::from_str(said).unwrap_or_else(|e| panic!("{e}: {said}"))
}

#[test]
fn robust_commands_work_from_training_to_prediction() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let weights = tiny_network(folder.path(), &data, "sdnet18");
    let resnet = tiny_network(folder.path(), &data, "resnet18");
    let files = ["--weights", &weights, "--data", &data];
    fn with<'a>(arguments: &[&'a str], files: &[&'a str]) -> Vec<&'a str> {
        [arguments, files].concat()
    }
    refuses(&with(&["eval", "--lambda", "auto"], &files), &["auto", "sdnet robust recalibrate"]);
    refuses(&with(&["robust", "calibrate"], &files), &["last.safetensors", "sdnet robust recalibrate"]);

    let recalibrate = ["robust", "recalibrate", "--lambdas", "0.1,0.5,1.0", "--images", "40", "--batch", "20"];
    let said = succeeds(&with(&recalibrate, &files));
    assert!(said.contains("[0.1, 0.5, 1.0]") && said.contains("40 clean") && said.contains("flipped"), "{said}");
    assert!(succeeds(&with(&[&recalibrate[..], &["--no-augment"]].concat(), &files)).contains("as they are"));

    // Sixteen images a level: the fits are of no use, but they are fits.
    let small = ["--lambdas", "0.1,0.5,1.0", "--images", "16", "--batch", "8"];
    let calibrate = [&["robust", "calibrate", "--noise", "gaussian,impulse"], &small[..]].concat();
    refuses(&with(&[&calibrate[..], &["--levels", "0.1,0.2"]].concat(), &files), &["gaussian", "3 levels"]);
    let said = succeeds(&with(&[&calibrate[..], &["--levels", "0.05,0.1,0.2"]].concat(), &files));
    assert!(said.contains("gaussian   lambda = ") && said.contains("all        lambda = "), "{said}");

    let eval = |more: &[&str]| figures(&succeeds(&with(&[&["eval", "--json"], more].concat(), &files)));
    assert!(eval(&[])["lambda"].is_null());
    for rule in ["auto", "auto-free", "auto-impulse"] {
        let lambda = eval(&["--lambda", rule])["lambda"].as_f64().unwrap();
        assert!((0.1..=1.0).contains(&lambda), "{rule}: {lambda}");
    }
    let (own, trained) = (["--lambda", "0.7", "--statistics", "own"], ["--lambda", "0.7", "--no-recalibrate"]);
    assert_ne!(eval(&own)["loss"], eval(&trained)["loss"]);
    assert_eq!(eval(&own)["lambda"], 0.7_f32 as f64);
    let clip = |limit| eval(&["--lambda", "0.7", "--clip", limit])["loss"].clone();
    assert!(clip("0.1") != clip("off") && clip("1e9") == clip("off") && clip("clean") != clip("off"));

    // One file of images, and the same images in batches of one: every image for itself.
    let input = images(folder.path(), [5, 1, 12, 12], |v| v.iter_mut().for_each(|v| *v = v.abs()));
    let predict = |output: &str, more: &[&str]| {
        let output = at(folder.path(), output);
        let files = ["predict", "--weights", &weights, "--input", &input, "--output", &output];
        succeeds(&[&files[..], more].concat());
        read_npy(Path::new(&output)).unwrap().1
    };
    let (all, alone) = (predict("all.npy", &["--lambda", "auto"]), ["--lambda", "auto", "--batch", "1"]);
    let far = all.iter().zip(predict("alone.npy", &alone)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(far < 1e-4, "{far}");
    assert_ne!(all, predict("trained.npy", &[]));

    let out = at(folder.path(), "sweep");
    let flags =
        ["--levels", "severities", "--noise", "gaussian,shot", "--baseline", &resnet, "--samples", "--out", &out];
    let said = succeeds(&with(&[&["robust", "sweep"], &small[..], &flags].concat(), &files));
    assert!(
        said.contains("| auto-free |") && said.contains("**shot, mean**") && said.contains("auto: clean "),
        "{said}"
    );
    check_sweep(Path::new(&out));
}

/// The files of a sweep of two noises at five levels, and clean images: eleven levels, as trained, three lambdas, the
/// label-free rule, three fits and a baseline.
fn check_sweep(out: &Path) {
    let rules = ["trained", "0.1", "0.5", "1", "auto-free", "auto", "auto-gaussian", "auto-impulse", "baseline"];
    let json = figures(&std::fs::read_to_string(out.join("sweep.json")).unwrap());
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 11 * rules.len());
    assert!(rows.iter().zip(rules.iter().cycle()).all(|(row, rule)| row["rule"] == *rule && row["images"] == 16));
    let csv = std::fs::read_to_string(out.join("sweep.csv")).unwrap();
    assert_eq!(csv.lines().count(), rows.len() + 1);
    assert!(csv.starts_with("noise,level,rule,images,accuracy") && csv.contains("\nshot,250,baseline,16,"), "{csv}");
    for noise in ["gaussian", "shot"] {
        let svg = std::fs::read_to_string(out.join(format!("{noise}.svg"))).unwrap();
        // Six curves (clean and five levels), their peaks, and five dashed lines or more strokes of them.
        assert_eq!(svg.matches("<circle").count(), 6, "{noise}");
        assert!(svg.contains(&format!("{noise} noise")) && svg.matches("<polyline").count() >= 6);
    }
    let samples = read_safetensors(&out.join("samples.safetensors")).unwrap();
    assert_eq!(samples.metadata["rules"].split(',').count(), rules.len() - 1);
    let (shape, correct) = &samples.tensors["gaussian.0.06.correct"];
    assert_eq!((&shape[..], correct.len()), (&[8, 16][..], 128));
    let accuracy = correct[..16].iter().sum::<f32>() / 16.0;
    assert_eq!(rows[2 * rules.len()]["accuracy"], f64::from(accuracy));
    assert!(samples.tensors["shot.50.lambda"].1[..16].iter().all(|l| *l == 0.1));
}

#[test]
fn robust_commands_refuse_what_cannot_work() {
    let folder = tempfile::tempdir().unwrap();
    let weights = foreign_weights(folder.path(), "sdnet18_narrow");
    let out = at(folder.path(), "never");
    let foreign = [&["--weights", &weights, "--data", "fashion-mnist-small"][..], &NARROW].concat();
    let run = |command: &[&str], words: &[&str]| {
        refuses(&[command, &foreign].concat(), words);
        assert!(!Path::new(&out).exists());
    };
    let sweep = |more: &[&str], words: &[&str]| {
        run(&[&["robust", "sweep", "--images", "4", "--out", &out], more].concat(), words);
    };
    sweep(&["--noise", "pink"], &["pink", "speckle"]);
    sweep(&["--levels", "loud"], &["loud", "severities"]);
    sweep(&["--noise", "impulse", "--levels", "1.5"], &["1.5", "impulse"]);
    sweep(&["--levels", "-0.1"], &["-0.1", "gaussian"]);
    sweep(&["--lambdas", "0.2,0.1"], &["lambdas"]);
    sweep(&["--lambdas", "nan"], &["lambdas"]);
    sweep(&["--layers", "layer7"], &["layer7", "layer0.0"]);
    sweep(&["--clip", "-1"], &["clip", "-1"]);
    sweep(&["--clip", "hard"], &["clip", "hard"]);
    sweep(&["--clip", "0.5"], &["clip", "recalibrate"]);
    sweep(&["--images", "0"], &["images"]);
    sweep(&["--batch", "0"], &["images"]);
    sweep(&["--baseline", &at(folder.path(), "missing.safetensors")], &["missing.safetensors"]);
    run(&["robust", "recalibrate", "--lambdas", "0.3,0.3"], &["lambdas"]);
    run(&["robust", "recalibrate", "--layers", "conv9"], &["conv9"]);
    run(&["robust", "recalibrate", "--images", "0"], &["images"]);
    for lambda in ["-0.1", "nan", "loud"] {
        run(&["eval", "--lambda", lambda], &["lambda", lambda, "auto-free"]);
    }
    run(&["eval", "--lambda", "auto-pink"], &["pink", "impulse"]);
    run(&["eval", "--lambda", "auto-shot"], &["auto-shot", "sdnet robust calibrate"]);
    assert_eq!(sdnet(&["eval", "--weights", "w", "--no-recalibrate", "--statistics", "own"]).status.code(), Some(2));
    assert_eq!(sdnet(&["robust"]).status.code(), Some(2));

    // Without a sparse layer there is no lambda.
    let plain = ["--model", "resnet18", "--width", "64", "--in-channels", "3", "--classes", "10"];
    let flags = ["robust", "recalibrate", "--weights", "nowhere.safetensors", "--data", "fashion-mnist-small"];
    refuses(&[&flags[..], &plain].concat(), &["nowhere.safetensors"]);
}

fn bundled_weights() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/sdnet18-fashion.safetensors").display().to_string()
}

/// Flags of an attack that takes a second or two.
const FEW: [&str; 8] = ["--data", "fashion-mnist-small", "--samples", "6", "--batch", "4", "--steps", "2"];

/// Attacks the bundled network; the object that is printed.
fn attack(out: &str, more: &[&str]) -> serde_json::Value {
    let weights = bundled_weights();
    let flags = ["attack", "--weights", &weights, "--out", out, "--json"];
    serde_json::from_str(&succeeds(&[&flags[..], &FEW, more].concat())).unwrap()
}

/// The rows of a report, each as (mode, network, made at, judged at, epsilon in levels, accuracy).
fn rows(report: &serde_json::Value) -> Vec<(String, String, String, String, f64, f64)> {
    let row = |r: &serde_json::Value| {
        let levels = (255.0 * r["epsilon"].as_f64().unwrap()).round();
        let [mode, network, made, judged] =
            ["mode", "network", "made_at", "judged_at"].map(|key| r[key].as_str().unwrap().to_owned());
        (mode, network, made, judged, levels, r["accuracy"].as_f64().unwrap())
    };
    report["rows"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn an_adaptive_attack_is_checked_compared_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let (out, resnet) = (at(folder.path(), "attack"), at(folder.path(), "resnet"));
    train(&resnet, &["--model", "resnet18", "--steps", "2"]);
    let baseline = at(Path::new(&resnet), "last.safetensors");
    let more = ["--epsilon", "32/255,4/255", "--lambdas", "0.3", "--baseline", &baseline, "--momentum", "0.5"];
    let report = attack(&out, &more);
    assert_eq!((&report["mode"], &report["attack"], &report["images"]), (&"adaptive".into(), &"pgd".into(), &6.into()));
    let rows = rows(&report);
    let count = |mode: &str, network: &str, levels: f64| {
        rows.iter().filter(|r| r.0 == mode && r.1 == network && r.4 == levels).count()
    };
    assert_eq!((count("clean", "sdnet18", 0.0), count("clean", "baseline resnet18", 0.0)), (2, 1));
    for levels in [4.0, 32.0] {
        for (mode, network, wanted) in
            [("adaptive", "sdnet18", 2), ("check", "sdnet18", 2), ("adaptive", "baseline resnet18", 1)]
        {
            assert_eq!(count(mode, network, levels), wanted, "{mode} {network} {levels}");
        }
    }
    assert_eq!(rows.len(), 13);
    assert!(rows.iter().all(|r| r.2 == r.3), "adaptive attacks are judged where they are made");
    let accuracy = |levels: f64| rows.iter().find(|r| r.1 == "sdnet18" && r.4 == levels).unwrap().5;
    assert!(accuracy(0.0) >= 0.5 && accuracy(32.0) < accuracy(0.0), "{} and {}", accuracy(0.0), accuracy(32.0));
    assert_eq!(report["checks"].as_array().unwrap().len(), 4);
    assert_eq!(report["checks"][0]["queries"], 6, "three for each of two gradients");
    assert!(report["checks"][0]["masked"].is_boolean());

    let read = |name: &str| std::fs::read_to_string(Path::new(&out).join(name)).unwrap();
    assert_eq!(read("attack.csv").lines().count(), 1 + rows.len());
    assert_eq!(serde_json::from_str::<serde_json::Value>(&read("attack.json")).unwrap(), report);
    for word in ["lambda 0.1 (trained)", "lambda 0.3", "baseline resnet18", "adaptive"] {
        assert!(read("accuracy_epsilon.svg").contains(word), "{word}");
    }
    for word in ["clean", "4/255", "32/255", "baseline resnet18, 4/255"] {
        assert!(read("accuracy_lambda.svg").contains(word), "{word}");
    }
    let picture = image::open(Path::new(&out).join("adversarial.png")).unwrap();
    assert!(picture.width() > 300 && picture.height() > 6 * 112);

    let again = attack(&at(folder.path(), "again"), &more);
    assert_eq!((&again["rows"], &again["checks"]), (&report["rows"], &report["checks"]), "a seed gives one attack");
}

#[test]
fn transferred_attacks_are_made_in_one_place_and_judged_in_others_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let (out, resnet) = (at(folder.path(), "attack"), at(folder.path(), "resnet"));
    let few = ["--epsilon", "16/255", "--lambdas", "0.3,0.8", "--mode"];
    let report = attack(&out, &[&few[..], &["transfer-lambda", "--norm", "linf"]].concat());
    let places = |report| {
        let attacks = rows(report).into_iter().filter(|r| r.0 != "clean");
        attacks.map(|r| (r.0, r.2, r.3)).collect::<Vec<_>>()
    };
    let wanted = ["trained", "0.3", "0.8"].map(|judged| ("transfer-lambda".into(), "trained".into(), judged.into()));
    assert_eq!(places(&report), wanted);
    assert_eq!(report["checks"], serde_json::json!([]));

    train(&resnet, &["--model", "resnet18", "--steps", "2"]);
    let source = at(Path::new(&resnet), "last.safetensors");
    let report = attack(&out, &[&few[..], &["transfer-model", "--source", &source, "--attack", "fgsm"]].concat());
    let wanted = ["trained", "0.3", "0.8"].map(|judged| ("transfer-model".into(), "trained".into(), judged.into()));
    assert_eq!(places(&report), wanted);
    assert_eq!((&report["rows"][3]["made_on"], &report["attack"]), (&"source resnet18".into(), &"fgsm".into()));

    let weights = bundled_weights();
    let say = |more: &[&str]| {
        succeeds(&[&["attack", "--weights", &weights, "--out", &out], &FEW[..], &few[..4], more].concat())
    };
    let said = say(&["--mode", "transfer-lambda", "--lambda", "0.2", "--norm", "l2", "--epsilon", "0.5"]);
    for words in ["transfer to another lambda", "made at lambda 0.2", "no measure of robustness", "PGD", "norm l2"] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    let said = say(&["--attack", "random", "--queries", "4", "--lambdas", "0.1"]);
    assert!(said.contains("mode: adaptive") && said.contains("random search"), "{said}");
    // A network without a sparse coding layer has no lambda to judge at.
    let flags = ["attack", "--weights", &source, "--out", &out, "--epsilon", "0.01", "--no-check"];
    assert!(succeeds(&[&flags[..], &FEW].concat()).contains("resnet18"));
}

#[test]
fn an_adaptive_attack_goes_through_the_choice_of_lambda() {
    let folder = tempfile::tempdir().unwrap();
    let (out, weights) = (at(folder.path(), "attack"), at(folder.path(), "recalibrated.safetensors"));
    let flags = ["robust", "recalibrate", "--data", "fashion-mnist-small", "--images", "20", "--lambdas", "0.1,0.8"];
    succeeds(&[&flags[..], &["--weights", &bundled_weights(), "--out", &weights]].concat());
    let flags = ["attack", "--weights", &weights, "--out", &out, "--epsilon", "16/255", "--lambdas", "auto,0.8"];
    let said = succeeds(&[&flags[..], &FEW, &["--draws", "2", "--lambda", "auto-free"]].concat());
    for words in ["adaptive", "its choice of lambda included", "gradients a step 2", "lambda auto-free", "lambda auto"]
    {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    let read = |name: &str| std::fs::read_to_string(Path::new(&out).join(name)).unwrap();
    assert_eq!(read("attack.csv").matches("adaptive,pgd,linf,sdnet18,sdnet18,auto-free,auto-free,0.0627").count(), 1);
    assert!(read("accuracy_lambda.svg").contains("lambda auto-free, 16/255"));
    // A file that was not recalibrated knows nothing of clean images.
    let flags = ["attack", "--weights", &bundled_weights(), "--out", &out, "--lambdas", "auto"];
    refuses(&[&flags[..], &FEW].concat(), &["auto", "recalibrate"]);
}

#[test]
fn attacks_refuse_what_cannot_work() {
    let folder = tempfile::tempdir().unwrap();
    let (out, weights) = (at(folder.path(), "attack"), bundled_weights());
    let flags = ["attack", "--weights", &weights, "--out", &out];
    let run = |more: &[&str], words: &[&str]| {
        refuses(&[&flags[..], &FEW, more].concat(), words);
        assert!(!Path::new(&out).exists(), "{more:?} has written something");
    };
    for epsilon in ["-0.03", "2", "0", "nan", "8/0"] {
        run(&["--epsilon", epsilon], &["epsilon"]);
    }
    for (flag, value) in [
        ("--steps", "0"),
        ("--restarts", "0"),
        ("--draws", "0"),
        ("--queries", "0"),
        ("--samples", "0"),
        ("--batch", "0"),
        ("--momentum", "-1"),
        ("--step-size", "-0.01"),
        ("--std", "0"),
        ("--data", "nowhere"),
    ] {
        run(&[flag, value], &[&flag[2..]]);
    }
    for lambda in ["-0.1", "0.1,nan", "much", "auto-rain", "auto-shot"] {
        run(&["--lambdas", lambda], &[lambda.split(',').next_back().unwrap().trim_start_matches("auto-")]);
    }
    run(&["--mode", "transfer-model"], &["source", "transfer-model"]);
    run(&["--source", &weights], &["source", "transfer-model"]);
    run(&["--mode", "transfer-model", "--source", "missing.safetensors"], &["missing.safetensors"]);
    run(&["--baseline", "missing.safetensors"], &["missing.safetensors"]);
    assert_eq!(sdnet(&[&flags[..], &["--epsilon", "eight"]].concat()).status.code(), Some(2));

    let resnet = at(folder.path(), "resnet");
    train(&resnet, &["--model", "resnet18", "--steps", "1"]);
    let plain = at(Path::new(&resnet), "last.safetensors");
    for more in [["--lambdas", "0.1"], ["--lambda", "0.1"], ["--mode", "transfer-lambda"]] {
        let flags = ["attack", "--weights", &plain, "--out", &out];
        refuses(&[&flags[..], &FEW, &more].concat(), &["resnet18", "no sparse coding layer"]);
    }
    let file = at(folder.path(), "file");
    std::fs::write(&file, "in the way").unwrap();
    let flags = ["attack", "--weights", &weights, "--out", &at(Path::new(&file), "attack")];
    refuses(&[&flags[..], &FEW].concat(), &["file"]);
}
