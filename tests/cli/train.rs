//! `sdnet train` and `sdnet eval`

use crate::harness::*;

#[test]
fn rates_that_are_no_rates_are_refused_by_the_flag() {
    for flag in ["--lr", "--momentum", "--weight-decay"] {
        for value in ["NaN", "-1", "inf"] {
            let output = sdnet(&["train", flag, value]);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{flag} {value}: {said}");
            assert!(said.contains(flag) && said.contains("finite number that is not negative"), "{said}");
        }
    }
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
    // The file holds everything: prediction needs no other flag.
    let (input, output) = (images(folder.path(), [2, 1, 28, 28], |_| ()), at(folder.path(), "y.npy"));
    succeeds(&["predict", "--weights", &last, "--input", &input, "--output", &output]);
    assert_eq!(read_npy(Path::new(&output)).unwrap().0, [2, 10]);
}

/// The records of a training run, without its speed.
fn records(out: &str) -> Vec<serde_json::Value> {
    let metrics = std::fs::read_to_string(Path::new(out).join("metrics.jsonl")).unwrap();
    let without_time = |line: &str| {
        let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
        for time in ["images_per_s", "seconds", "data_wait", "peak_bytes"] {
            record[time] = serde_json::Value::Null;
        }
        record
    };
    metrics.lines().map(without_time).collect()
}

fn last_record(out: &str) -> serde_json::Value {
    records(out).pop().unwrap()
}

#[track_caller]
fn assert_same_end(a: &str, b: &str) {
    let weights = |out: &str| std::fs::read(Path::new(out).join("last.safetensors")).unwrap();
    assert!(weights(a) == weights(b), "the weights differ");
    assert_eq!(records(a), records(b));
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

#[cfg(unix)]
#[test]
fn an_interrupt_saves_and_leaves_cleanly_and_resuming_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let (whole, parts) = (at(folder.path(), "whole"), at(folder.path(), "parts"));
    let flags = ["train", "--data", &data, "--width", "2", "--batch", "8", "--epochs", "5", "--lr", "0.02", "--out"];
    succeeds(&[&flags[..], &[&whole]].concat());

    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("sdnet"));
    child
        .args(flags)
        .arg(&parts)
        .arg("--json")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let child = child.spawn().unwrap();
    // There are metrics after the first epoch; the signal arrives well before the other four are over.
    let start = std::time::Instant::now();
    while !Path::new(&parts).join("metrics.jsonl").exists() {
        assert!(start.elapsed().as_secs() < 120, "no epoch has ended");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stderr).contains("`--resume` goes on"), "{}", text(&output.stderr));
    for line in text(&output.stdout).lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    succeeds(&["train", "--out", &parts, "--resume"]);
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
    run(&["--momentum", "1"], &["momentum"]);
    run(&["--epochs", "0"], &["epochs"]);
    // A batch whose activations exceed what one buffer may hold.
    run(
        &["--batch", "10000", "--width", "64"],
        &["out of device memory", "bytes", "a batch of 668 fits", "smaller batch"],
    );
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

#[test]
fn a_runs_own_recipe_trains_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let (first, second) = (at(folder.path(), "first"), at(folder.path(), "second"));
    let recipe = at(folder.path(), "recipe.toml");
    std::fs::write(&recipe, "model = \"resnet18\"\nwidth = 2\nbatch = 32\nepochs = 9\nlr = 0.02\nno-nesterov = true\n")
        .unwrap();
    let flags = ["train", "--recipe", &recipe, "--data", &data, "--epochs", "2", "--out", &first];
    let more = ["--schedule", "multistep", "--milestones", "1", "--least-area", "0.5", "--warmup", "1", "--seed", "4"];
    succeeds(&[&flags[..], &more].concat());
    let written = std::fs::read_to_string(Path::new(&first).join("recipe.toml")).unwrap();
    for line in ["epochs = 2", "milestones = [1]", "least-area = 0.5", "no-nesterov = true", "lr = 0.02", "seed = 4"] {
        assert!(written.lines().any(|found| found == line), "{line}: {written}");
    }
    succeeds(&["train", "--recipe", &at(Path::new(&first), "recipe.toml"), "--out", &second]);
    assert_same_end(&first, &second);
    std::fs::write(&recipe, "epoch = 9").unwrap();
    refuses(&["train", "--recipe", &recipe, "--out", &at(folder.path(), "never")], &["recipe.toml", "epoch", "epochs"]);
    let both = ["train", "--data", &data, "--out", &at(folder.path(), "never"), "--milestones", "1"];
    refuses(&both, &["milestones", "multistep"]);
}

#[test]
fn recipes_serve_other_kinds_and_their_faults_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (tiny_data(folder.path()), at(folder.path(), "run"));
    let recipe = at(folder.path(), "recipe.toml");
    let never = at(folder.path(), "never");
    std::fs::write(
        &recipe,
        format!("model = 'sdnet18'\nwidth = 2\nbatch = 32\nlambda = 0.2\nmomentum = 0.5\ndata = '{data}'"),
    )
    .unwrap();
    let flags =
        ["train", "--recipe", &recipe, "--steps", "1", "--model", "resnet18", "--optimizer", "adamw", "--out", &out];
    let output = sdnet(&flags);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    for words in ["lambda of ", "momentum of ", "--model resnet18", "--optimizer adamw"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    std::fs::write(&recipe, "lambda = 0.2\nmodel = 'resnet18'").unwrap();
    refuses(&["train", "--recipe", &recipe, "--out", &never], &["lambda", "no sparse coding layer"]);
    std::fs::write(&recipe, "lr = 'fast'").unwrap();
    refuses(&["train", "--recipe", &recipe, "--out", &never], &["recipe.toml", "lr", "fast"]);
    assert!(!Path::new(&never).exists());
}

#[test]
fn values_are_judged_before_images_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let out = at(folder.path(), "run");
    let run = |more: &[&str], words: &[&str]| {
        refuses(&[&["train", "--out", &out, "--data", "nowhere"], more].concat(), words)
    };
    run(&["--warmup", "20"], &["warmup = 20"]);
    run(&["--lambda", "-0.5"], &["lambda = -0.5"]);
    run(&["--layer-lambda", "layer1=-1"], &["layer-lambda = layer1=-1"]);
    run(&["--layer-iterations", "layer1=0"], &["layer-iterations = layer1=0"]);
    run(&["--model", "resnet18", "--root-noise"], &["root-noise: resnet18 has no sparse coding layer"]);
    run(&["--milestones", "3,6"], &["milestones = 3,6"]);
    run(&["--center", "0.5"], &["nowhere"]);
    for (flag, value) in [("--seed", "-1"), ("--n-dict", "-2"), ("--center", "-1"), ("--center", "nan")] {
        let output = sdnet(&["train", "--out", &out, flag, value]);
        let said = text(&output.stderr);
        assert!(
            output.status.code() == Some(2) && said.contains(&format!("invalid value '{value}' for '{flag}")),
            "{said}"
        );
    }
}

#[test]
fn resuming_names_the_flag_that_differs_and_only_flags_that_were_given() {
    let folder = tempfile::tempdir().unwrap();
    let pets = folder.path().join("pets");
    for (class, value) in [("cat", 30), ("dog", 200)] {
        std::fs::create_dir_all(pets.join(class)).unwrap();
        for i in 0..8_u8 {
            let pixel = |x: u32, y: u32| image::Luma([value + (x * 3 + y) as u8 + i]);
            image::GrayImage::from_fn(14, 13, pixel).save(pets.join(class).join(format!("{i}.png"))).unwrap();
        }
    }
    let (data, out) = (pets.display().to_string(), at(folder.path(), "run"));
    let picked = ["--hold-out", "0.25", "--size", "12", "--center", "0.8", "--layer-lambda", "layer0=0.2"];
    succeeds(
        &[
            &["train", "--data", &data, "--out", &out, "--width", "2", "--batch", "4", "--epochs", "2", "--steps", "1"]
                [..],
            &picked,
        ]
        .concat(),
    );
    let resume =
        |more: &[&str], words: &[&str]| refuses(&[&["train", "--out", &out, "--resume"], more].concat(), words);
    resume(&["--size", "10"], &["size = 10x10", "leave the flag out"]);
    resume(&["--center", "0.9"], &["center = 0.9", "leave the flag out"]);
    resume(&["--hold-out", "0.5"], &["hold-out = 0.5", "leave the flag out"]);
    resume(&["--root-noise"], &["root-noise: differs", "leave the flag out"]);
    resume(&["--layer-lambda", "layer0=0.4"], &["layer-lambda = layer0=0.4"]);
    resume(&["--std", "0.3"], &["std: differs"]);
    // The images have moved.
    let moved = at(folder.path(), "moved");
    std::fs::rename(&pets, &moved).unwrap();
    resume(&[], &["pets", "images were", "--data"]);
    resume(&["--data", &at(folder.path(), "typo")], &["typo", "neither a folder"]);
    succeeds(&["train", "--out", &out, "--resume", "--data", &moved]);
    // The record of the epoch that was cut short has made way for that of all of it.
    assert_eq!(records(&out).iter().map(|record| record["epoch"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    let recipe = std::fs::read_to_string(Path::new(&out).join("recipe.toml")).unwrap();
    assert!(recipe.contains("center = 0.8"), "{recipe}");
    // What goes with the weights is used again.
    let weights = at(Path::new(&out), "last.safetensors");
    let top1 = |more: &[&str]| {
        let said = succeeds(&[&["eval", "--weights", &weights, "--data", &moved, "--json"], more].concat());
        serde_json::from_str::<serde_json::Value>(&said).unwrap()
    };
    assert_eq!(top1(&[])["loss"], records(&out)[1]["test_loss"]);
    assert_ne!(top1(&["--center", "1"])["loss"], records(&out)[1]["test_loss"]);
}

/// Every method beyond plain descent.
const METHODS: [&str; 26] = [
    "--optimizer",
    "adamw",
    "--beta1",
    "0.8",
    "--weight-decay",
    "0.1",
    "--lr",
    "0.004",
    "--label-smoothing",
    "0.1",
    "--clip-norm",
    "0.5",
    "--accumulate",
    "3",
    "--ema",
    "0.9",
    "--mixup",
    "0.2",
    "--cutmix",
    "1",
    "--erase",
    "0.5",
    "--noise",
    "0.1",
    "--batch",
    "8",
];

#[test]
fn with_every_method_a_resumed_training_is_bit_equal_and_its_weights_say_what_was_reported() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let [whole, parts, again] = ["whole", "parts", "again"].map(|name| at(folder.path(), name));
    let run = |out: &str, steps: &str| {
        let flags = ["train", "--data", &data, "--width", "2", "--epochs", "2", "--steps", steps, "--out", out];
        succeeds(&[&flags[..], &METHODS].concat());
    };
    // Of 40 batches, 3 go into a step: 14 steps an epoch, the last of one batch.
    run(&whole, "17");
    run(&parts, "5");
    succeeds(&["train", "--out", &parts, "--resume", "--steps", "17"]);
    assert_same_end(&whole, &parts);
    assert_eq!(last_record(&whole)["step"], 17);
    let epoch: serde_json::Value = serde_json::from_str(
        std::fs::read_to_string(Path::new(&whole).join("metrics.jsonl")).unwrap().lines().next().unwrap(),
    )
    .unwrap();
    assert_eq!(epoch["step"], 14);
    let (last, record) = (at(Path::new(&whole), "last.safetensors"), last_record(&whole));
    let said = succeeds(&["eval", "--weights", &last, "--data", &data, "--json", "--batch", "8"]);
    let figures: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(figures["top1"], record["test_accuracy"]);
    assert_eq!(figures["loss"], record["test_loss"]);
    // Its own recipe says it all.
    let recipe = at(Path::new(&whole), "recipe.toml");
    succeeds(&["train", "--recipe", &recipe, "--steps", "17", "--out", &again]);
    assert_same_end(&whole, &again);
}

#[test]
fn methods_that_do_not_fit_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (tiny_data(folder.path()), at(folder.path(), "run"));
    let flags = ["train", "--out", &out, "--data", &data, "--width", "2", "--epochs", "1", "--batch", "32"];
    let run = |more: &[&str], words: &[&str]| refuses(&[&flags[..], more].concat(), words);
    run(&["--optimizer", "adamw", "--momentum", "0.9"], &["momentum", "sgd"]);
    run(&["--optimizer", "adamw", "--no-nesterov"], &["no-nesterov", "sgd"]);
    run(&["--beta1", "0.9"], &["beta1", "adamw"]);
    run(&["--beta2", "0.9"], &["beta2", "adamw"]);
    run(&["--optimizer", "adamw", "--beta2", "1"], &["beta2", "less than 1"]);
    run(&["--ema", "1"], &["ema", "less than 1"]);
    run(&["--label-smoothing", "1"], &["label-smoothing", "less than 1"]);
    run(&["--accumulate", "0"], &["accumulate", "at least 1"]);
    run(&["--noise", "1.5"], &["noise", "deviation"]);
    run(&["--erase", "1.5"], &["erase", "probability"]);
    run(&["--clip-norm", "0"], &["clip-norm", "positive"]);
    run(&["--mixup", "0"], &["mixup", "positive"]);
    run(&["--cutmix", "-1"], &["cutmix", "positive"]);
    succeeds(&[&flags[..], &["--steps", "1", "--ema", "0.5"]].concat());
    let resume =
        |more: &[&str], words: &[&str]| refuses(&[&["train", "--out", &out, "--resume"], more].concat(), words);
    resume(&["--optimizer", "adamw"], &["optimizer", "sgd", "cannot change"]);
    resume(&["--ema", "0.6"], &["ema", "0.5", "cannot change"]);
    resume(&["--accumulate", "2"], &["accumulate", "cannot change"]);
    resume(&["--mixup", "0.2"], &["mixup", "none", "cannot change"]);
    resume(&["--beta1", "0.8"], &["beta1", "adamw"]);
}
