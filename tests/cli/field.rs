//! What users met: each case was once silently wrong, or lost work.

use crate::harness::*;

/// Class folders of 12 x 10 pixels, each class of its own brightness: 24 images for training and 8 for tests each.
fn pets(folder: &Path, name: &str, classes: &[&str]) -> String {
    let data = folder.join(name);
    for (split, count) in [("train", 24), ("test", 8)] {
        for (class, kind) in classes.iter().zip([30_u32, 120, 220]) {
            let inside = data.join(split).join(class);
            std::fs::create_dir_all(&inside).unwrap();
            for i in 0..count {
                let pixel = |x: u32, y: u32| image::Luma([(kind + (x * 7 + y * 5 + i * 3) % 20) as u8]);
                image::GrayImage::from_fn(12, 10, pixel).save(inside.join(format!("{i}.png"))).unwrap();
            }
        }
    }
    data.display().to_string()
}

/// The data of most cases, and the folder to train into.
fn setting(folder: &Path) -> (String, String) {
    (pets(folder, "data", &["cat", "dog", "fox"]), at(folder, "run"))
}

const NETWORK: [&str; 4] = ["--model", "resnet18", "--width", "2"];
const TRAINING: [&str; 6] = ["--batch", "16", "--lr", "0.05", "--epochs", "4"];

fn train_on(data: &str, out: &str, more: &[&str]) -> String {
    succeeds(&[&["train", "--data", data, "--out", out][..], &NETWORK, &TRAINING, more].concat())
}

fn top1(weights: &str, data: &str) -> f64 {
    let said = succeeds(&["eval", "--weights", weights, "--data", data, "--json"]);
    serde_json::from_str::<serde_json::Value>(&said).unwrap()["top1"].as_f64().unwrap()
}

/// The description in a weights file.
fn recipe(weights: &Path) -> serde_json::Value {
    serde_json::from_str(&read_safetensors(weights).unwrap().metadata["sdnet"]).unwrap()
}

fn epochs(out: &str) -> usize {
    std::fs::read_to_string(Path::new(out).join("metrics.jsonl")).unwrap().lines().count()
}

#[test]
fn classes_go_by_name_and_normalisation_goes_with_the_weights() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = setting(folder.path());
    train_on(&data, &out, &["--mean", "0.5", "--std", "0.1", "--no-augment"]);
    let best = at(Path::new(&out), "best.safetensors");
    let right = top1(&best, &data);
    assert!(right > 0.6, "the case needs a network that has learned something: {right}");

    // A class under another name: no label fits by place any more.
    let renamed = pets(folder.path(), "renamed", &["zcat", "dog", "fox"]);
    refuses(&["eval", "--weights", &best, "--data", &renamed], &["zcat", "cat, dog, fox"]);
    refuses(&["train", "--resume", "--out", &out, "--epochs", "9", "--data", &renamed], &["zcat"]);
    refuses(&["attack", "--weights", &best, "--data", &renamed, "--out", &at(folder.path(), "attack")], &["zcat"]);
    // Some of the classes: their labels keep the network's numbers, in training too.
    let some = pets(folder.path(), "some", &["dog", "fox"]);
    for (class, kind) in [("dog", 120_u8), ("fox", 220)] {
        for split in ["train", "test"] {
            for entry in std::fs::read_dir(Path::new(&some).join(split).join(class)).unwrap() {
                let path = entry.unwrap().path();
                image::GrayImage::from_fn(12, 10, |x, y| image::Luma([kind + ((x * 7 + y * 5) % 20) as u8]))
                    .save(path)
                    .unwrap();
            }
        }
    }
    assert!(top1(&best, &some) > 0.4);
    let fine = at(folder.path(), "fine");
    let output = sdnet(&["train", "--init", &best, "--data", &some, "--out", &fine, "--steps", "1"]);
    assert!(output.status.success() && text(&output.stderr).contains("2 of the network's 3 classes"));
    let (before, after) = (recipe(Path::new(&best)), recipe(&Path::new(&fine).join("last.safetensors")));
    for recorded in ["normalization", "class_names", "model"] {
        assert_eq!(before[recorded], after[recorded]);
    }
    let one = pets(folder.path(), "one", &["cat"]);
    assert!(top1(&best, &one) > 0.4);
    refuses(&["train", "--data", &one, "--out", &fine, "--overwrite"], &["one class only"]);
    for (flags, words) in [
        (&["--model", "resnet34"][..], &["model", "resnet34", "resnet18"][..]),
        (&["--width", "16"], &["width", "16"]),
        (&["--lambda", "0.7"], &["lambda", "no sparse coding layer"]),
    ] {
        let out = at(folder.path(), "never");
        refuses(&[&["train", "--init", &best, "--data", &data, "--out", &out], flags].concat(), words);
        assert!(!Path::new(&out).exists(), "a training that did not begin leaves nothing");
    }
    refuses(&["eval", "--weights", &best, "--data", &data, "--lambda", "0.4"], &["lambda", "no sparse coding layer"]);
    refuses(
        &["eval", "--weights", &best, "--data", &data, "--impulses", "keep"],
        &["impulses", "no sparse coding layer"],
    );
}

#[test]
fn a_run_holds_all_that_resuming_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = setting(folder.path());
    fn with<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["train", "--resume", "--out", out][..], more].concat()
    }
    train_on(&data, &out, &["--steps", "3"]);
    let said = succeeds(&with(&out, &["--steps", "7"]));
    assert!(said.contains("data (72 training") && said.contains("resumed after 3 steps"), "{said}");
    for (flags, words) in [
        (&["--batch", "8"][..], &["batch", "16"][..]),
        (&["--seed", "3"], &["seed"]),
        (&["--no-augment"], &["no-augment"]),
        (&["--width", "4"], &["width"]),
        (&["--model", "sdnet18"], &["model"]),
        (&["--mean", "0.4"], &["mean"]),
    ] {
        refuses(&with(&out, flags), words);
    }
    let fewer = pets(folder.path(), "fewer", &["cat", "dog"]);
    refuses(&with(&out, &["--data", &fewer]), &["not the images", "that the training began with"]);
    // To the end; then there is nothing to do, unless there are to be more epochs.
    succeeds(&with(&out, &[]));
    let before = std::fs::read(Path::new(&out).join("last.safetensors")).unwrap();
    let output = sdnet(&with(&out, &[]));
    assert!(output.status.success() && text(&output.stderr).contains("nothing is left"), "{}", text(&output.stderr));
    assert!(std::fs::read(Path::new(&out).join("last.safetensors")).unwrap() == before);
    let done = epochs(&out);
    succeeds(&with(&out, &["--epochs", "6", "--lr", "0.01"]));
    assert_eq!(epochs(&out), done + 2);
    refuses(&["train", "--resume", "--out", &at(folder.path(), "none")], &["no training to resume"]);
    assert!(!folder.path().join("none").exists());
}

#[test]
fn images_of_any_size_are_resized_in_training_and_wherever_the_weights_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let data = pets(folder.path(), "data", &["cat", "dog", "fox"]);
    for split in ["train", "test"] {
        let path = Path::new(&data).join(split).join("cat/large.png");
        image::GrayImage::from_pixel(60, 50, image::Luma([35])).save(path).unwrap();
    }
    let out = at(folder.path(), "run");
    let start = [&["train", "--data", &data, "--out", &out][..], &NETWORK, &TRAINING].concat();
    refuses(&start, &["large.png", "60x50", "--size"]);
    let output = sdnet(&[&start[..], &["--size", "16"]].concat());
    assert!(output.status.success() && text(&output.stderr).contains("73 of 73 images were resized"));
    assert!(text(&output.stdout).contains("16x16x1"), "{}", text(&output.stdout));
    succeeds(&["train", "--resume", "--out", &out, "--epochs", "5"]);
    // The same images in another place come at the same size.
    let moved = at(folder.path(), "moved");
    std::fs::rename(&data, &moved).unwrap();
    succeeds(&["train", "--resume", "--out", &out, "--epochs", "6", "--data", &moved]);
    std::fs::rename(&moved, &data).unwrap();
    assert!(top1(&at(Path::new(&out), "best.safetensors"), &data) > 0.3);
    let named = ["train", "--data", "fashion-mnist-small", "--size", "16", "--out", &at(folder.path(), "never")];
    refuses(&named, &["size", "folders of images"]);
}

#[test]
fn a_second_training_needs_overwrite() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = setting(folder.path());
    train_on(&data, &out, &["--steps", "5"]);
    let best = || std::fs::read(Path::new(&out).join("best.safetensors")).unwrap();
    let first = best();
    let again = ["train", "--data", &data, "--out", &out, "--steps", "1", "--seed", "9"];
    refuses(&[&again[..], &NETWORK].concat(), &["holds a training", "--overwrite", "--resume"]);
    let failing = ["--overwrite", "--momentum", "1.5"];
    refuses(&[&again[..], &NETWORK, &failing].concat(), &["momentum"]);
    assert!(best() == first, "a training that did not begin replaces nothing");
    succeeds(&[&again[..], &NETWORK, &["--overwrite"]].concat());
    assert!(best() != first && epochs(&out) == 1);
}

#[test]
fn the_images_after_the_last_full_batch_are_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = setting(folder.path());
    // 72 images: one batch of 48, and one of the 24 of the last class.
    train_on(&data, &out, &["--batch", "48", "--no-shuffle", "--no-augment"]);
    let metrics = std::fs::read_to_string(Path::new(&out).join("metrics.jsonl")).unwrap();
    let record: serde_json::Value = serde_json::from_str(metrics.lines().next().unwrap()).unwrap();
    assert_eq!(record["step"], 2);
}

#[test]
fn weights_that_are_none_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = setting(folder.path());
    train_on(&data, &out, &["--steps", "1"]);
    let eval = |weights: &str, words: &[&str]| refuses(&["eval", "--weights", weights, "--data", &data], words);
    eval(&at(Path::new(&out), "training.safetensors"), &["saved training", "best.safetensors"]);
    let pth = at(folder.path(), "m.pth");
    std::fs::write(&pth, b"PK\x03\x04archive/data.pkl").unwrap();
    eval(&pth, &["m.pth", "PyTorch"]);
    let best = read_safetensors(&Path::new(&out).join("best.safetensors")).unwrap();
    let changed = |name: &str, change: &dyn Fn(&mut TensorFile)| {
        let (mut file, path) = (best.clone(), at(folder.path(), name));
        change(&mut file);
        write_safetensors(Path::new(&path), &file).unwrap();
        path
    };
    let prefixed = |file: &mut TensorFile| {
        file.tensors = std::mem::take(&mut file.tensors).into_iter().map(|(n, t)| (format!("module.{n}"), t)).collect();
    };
    eval(&changed("module.safetensors", &prefixed), &["\"module.\"", "module.layer0"]);
    let negative = |file: &mut TensorFile| file.tensors.get_mut("layer0.1.running_var").unwrap().1[1] = -1.0;
    eval(&changed("negative.safetensors", &negative), &["layer0.1.running_var", "negative", "index 1"]);
    for (name, from, to, word) in [
        ("names", "\"class_names\":[\"cat\",", "\"class_names\":[", "2 names for 3 classes"),
        ("size", "\"size\":[10,12]", "\"size\":[0,0]", "at least one pixel"),
        ("std", "\"std\":[0.25]", "\"std\":[0.0]", "std"),
        ("iterations", "\"iterations\":2", "\"iterations\":1000000000", "iterations"),
    ] {
        let swap = |file: &mut TensorFile| {
            let recipe = file.metadata.get_mut("sdnet").unwrap();
            assert!(recipe.contains(from), "{recipe}");
            *recipe = recipe.replace(from, to);
        };
        eval(&changed(&format!("{name}.safetensors"), &swap), &[&format!("{name}.safetensors"), word]);
    }
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_private_files_stay_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = setting(folder.path());
    let flags = ["train", "--data", &data, "--out", &out, "--width", "2", "--batch", "16", "--steps", "2"];
    succeeds(&flags);
    let (real, link) = (at(folder.path(), "real.st"), at(folder.path(), "link.st"));
    std::fs::copy(Path::new(&out).join("best.safetensors"), &real).unwrap();
    std::fs::set_permissions(&real, PermissionsExt::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("real.st", &link).unwrap();
    let recalibrate = ["robust", "recalibrate", "--data", &data, "--lambdas", "0.1,0.3", "--images", "24"];
    succeeds(&[&recalibrate[..], &["--weights", &link]].concat());
    assert!(Path::new(&link).is_symlink());
    let renamed = pets(folder.path(), "renamed", &["zcat", "dog", "fox"]);
    refuses(&["robust", "recalibrate", "--weights", &link, "--data", &renamed], &["zcat"]);
    refuses(&["robust", "sweep", "--weights", &link, "--data", &renamed, "--out", &at(folder.path(), "s")], &["zcat"]);
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(succeeds(&["eval", "--weights", &real, "--lambda", "0.3", "--statistics", "own"]).contains("lambda 0.300"));
    // What cannot be written is found before the work.
    let start = std::time::Instant::now();
    let nowhere = at(folder.path(), "none/w.safetensors");
    refuses(&[&recalibrate[..], &["--weights", &link, "--out", &nowhere]].concat(), &["no folder"]);
    assert!(start.elapsed().as_secs_f64() < 1.0);
}

#[test]
fn a_network_is_fine_tuned_on_other_classes() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = setting(folder.path());
    train_on(&data, &out, &["--mean", "0.4", "--std", "0.2"]);
    let best = at(Path::new(&out), "best.safetensors");
    let other = pets(folder.path(), "other", &["owl", "yak"]);
    let start = ["train", "--init", &best, "--data", &other, "--batch", "16", "--epochs", "3", "--lr", "0.02", "--out"];
    let fine = at(folder.path(), "fine");
    refuses(&[&start[..], &[&fine]].concat(), &["owl", "--new-head"]);
    succeeds(&[&start[..], &[&fine, "--new-head", "--freeze"]].concat());
    let last = Path::new(&fine).join("last.safetensors");
    let after = recipe(&last);
    assert_eq!(after["class_names"], serde_json::json!(["owl", "yak"]));
    assert_eq!(
        (&after["model"]["classes"], &after["normalization"]),
        (&2.into(), &recipe(Path::new(&best))["normalization"])
    );
    let (before, frozen) = (read_safetensors(Path::new(&best)).unwrap(), read_safetensors(&last).unwrap());
    assert!(
        before.tensors.iter().filter(|(name, _)| !name.starts_with("linear.")).all(|(n, t)| frozen.tensors[n] == *t)
    );
    // The run's recipe says so, and trains the same again.
    let own = at(Path::new(&fine), "recipe.toml");
    let written = std::fs::read_to_string(&own).unwrap();
    for line in [&format!("init = \"{best}\""), "new-head = true", "freeze = true"] {
        assert!(written.lines().any(|found| found == line), "{line}: {written}");
    }
    let again = at(folder.path(), "again");
    succeeds(&["train", "--recipe", &own, "--out", &again]);
    assert_eq!(read_safetensors(&Path::new(&again).join("last.safetensors")).unwrap().tensors, frozen.tensors);
    // Then the rest, at a lower rate.
    succeeds(&["train", "--resume", "--out", &fine, "--epochs", "4", "--body-rate", "0.1"]);
    let thawed = read_safetensors(&last).unwrap();
    assert_ne!(thawed.tensors["layer1.0.conv1.weight"], frozen.tensors["layer1.0.conv1.weight"]);
    let never = at(folder.path(), "never");
    for (flags, words) in [(&["--freeze"][..], &["freeze", "--init"][..]), (&["--body-rate", "0.1"], &["body-rate"])] {
        refuses(&[&["train", "--data", &data, "--out", &never][..], flags].concat(), words);
    }
    let colour = Path::new(&other).join("train/owl/0.png");
    image::RgbImage::from_pixel(12, 10, image::Rgb([9, 80, 200])).save(colour).unwrap();
    refuses(&[&start[..], &[&never, "--new-head"]].concat(), &["3 channels", "takes 1"]);
}

#[test]
fn images_held_out_in_training_are_those_that_are_tested() {
    let folder = tempfile::tempdir().unwrap();
    let data = pets(folder.path(), "data", &["cat", "dog", "fox"]);
    std::fs::rename(Path::new(&data).join("train"), folder.path().join("pets")).unwrap();
    let (pets, out) = (at(folder.path(), "pets"), at(folder.path(), "run"));
    let start = [&["train", "--data", &pets, "--out", &out][..], &NETWORK, &TRAINING].concat();
    refuses(&start, &["pets", "--hold-out"]);
    let output = sdnet(&[&start[..], &["--hold-out", "1.5"]].concat());
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains("--hold-out"));
    let said = succeeds(&[&start[..], &["--hold-out", "0.25:3"]].concat());
    assert!(said.contains("54 training, 18 test"), "{said}");
    let best = at(Path::new(&out), "best.safetensors");
    let output = sdnet(&["eval", "--weights", &best, "--json"]);
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["images"], 18, "the images of the training are not tested on");
    assert!(text(&output.stderr).contains("tested on 18 of 72 images"), "{}", text(&output.stderr));
    // Images to test on of their own are all tested.
    std::fs::create_dir(folder.path().join("both")).unwrap();
    std::fs::rename(Path::new(&data).join("test"), folder.path().join("both/test")).unwrap();
    let both = at(folder.path(), "both");
    let figures = succeeds(&["eval", "--weights", &best, "--data", &both, "--json"]);
    assert!(figures.contains("\"images\":24"), "{figures}");
    refuses(&["eval", "--weights", &best, "--data", &both, "--hold-out", "0.1"], &["hold-out", "images to test on"]);
    succeeds(&["train", "--resume", "--out", &out, "--epochs", "5"]);
}

#[test]
fn weights_of_every_epoch_are_kept_and_a_training_saved_between() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = setting(folder.path());
    train_on(&data, &out, &["--keep", "all", "--epochs", "2"]);
    let there = |name: &str| Path::new(&out).join(name).exists();
    assert!(there("epoch-0001.safetensors") && there("epoch-0002.safetensors") && there("best.safetensors"));
    let last = |name: &str| std::fs::read(Path::new(&out).join(name)).unwrap();
    assert!(last("epoch-0002.safetensors") == last("last.safetensors"));
    // The folder remembers what to keep.
    succeeds(&["train", "--resume", "--out", &out, "--epochs", "3"]);
    assert!(there("epoch-0003.safetensors"));
    train_on(&data, &out, &["--keep", "best", "--epochs", "1", "--overwrite"]);
    assert!(there("best.safetensors") && !there("last.safetensors") && !there("epoch-0001.safetensors"));
    refuses(&["train", "--data", &data, "--out", &at(folder.path(), "no"), "--save-every", "0"], &["save-every"]);

    // Killed in its first epoch, a training goes on from the last save.
    let (whole, parts) = (at(folder.path(), "whole"), at(folder.path(), "parts"));
    let flags =
        [&["train", "--data", &data][..], &NETWORK, &TRAINING, &["--batch", "4", "--epochs", "2", "--save-every", "2"]];
    let flags = flags.concat();
    succeeds(&[&flags[..], &["--out", &whole]].concat());
    let program = assert_cmd::cargo::cargo_bin("sdnet");
    let mut child = std::process::Command::new(program).args(&flags).args(["--out", &parts]).spawn().unwrap();
    while !Path::new(&parts).join("training.safetensors").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it was saved");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    succeeds(&["train", "--resume", "--out", &parts]);
    let end = |out: &str| std::fs::read(Path::new(out).join("last.safetensors")).unwrap();
    assert!(end(&whole) == end(&parts), "resuming from a save changes nothing");
}

#[test]
fn outputs_replace_neither_inputs_nor_files_of_another_kind() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = setting(folder.path());
    train_on(&data, &out, &["--epochs", "1"]);
    let best = at(Path::new(&out), "best.safetensors");
    let picture = at(Path::new(&data), "test/cat/0.png");
    let read = |path: &str| std::fs::read(path).unwrap();
    let before = (read(&best), read(&picture));
    let predict = ["predict", "--weights", &best, &data];
    refuses(&[&predict[..], &["--format", "csv", "--output", &best]].concat(), &["best.safetensors", "lost"]);
    refuses(&[&predict[..], &["--format", "csv", "--output", &picture]].concat(), &["0.png", ".csv file"]);
    refuses(&[&predict[..], &["--format", "json", "--output", "o.csv"]].concat(), &["o.csv", "--format"]);
    refuses(&[&predict[..], &["--format", "npy", "--output", "o.npy", "--top", "2"]].concat(), &["top = 2"]);
    refuses(&["report", &out, "--out", &best], &["best.safetensors", ".html"]);
    refuses(&["robust", "recalibrate", "--weights", &best, "--out", &picture], &["0.png", ".safetensors file"]);
    refuses(&["eval", "--weights", &best, "--report", &out], &["holds a training", "name another folder"]);
    assert!((read(&best), read(&picture)) == before);
    for inside in [data.clone(), at(Path::new(&data), "train/cat"), at(Path::new(&data), "new/run")] {
        refuses(&["train", "--data", &data, "--out", &inside], &["in the folder of the images"]);
    }
    let file = at(folder.path(), "file");
    std::fs::write(&file, "").unwrap();
    refuses(&["train", "--data", &data, "--out", &file], &["file: is no folder"]);
    refuses(
        &["train", "--data", &data, "--init", &out, "--out", &at(folder.path(), "x")],
        &["is a folder", "best.safetensors"],
    );
    let said = succeeds(&[&predict[..], &["--output", "-"]].concat());
    assert_eq!(said.lines().count(), 96);
}

#[test]
fn other_test_images_than_those_of_the_training_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = setting(folder.path());
    std::fs::create_dir_all(Path::new(&data).join("extra")).unwrap();
    let flags = [&["train", "--data", &data, "--out", &out][..], &NETWORK, &TRAINING, &["--steps", "3"]].concat();
    let output = sdnet(&flags);
    assert!(
        text(&output.stderr).contains("left out") && text(&output.stderr).contains("extra"),
        "{}",
        text(&output.stderr)
    );
    let best = at(Path::new(&out), "best.safetensors");
    succeeds(&["eval", "--weights", &best]);
    image::GrayImage::from_pixel(12, 10, image::Luma([1])).save(Path::new(&data).join("test/cat/0.png")).unwrap();
    refuses(&["eval", "--weights", &best], &["not the images that the network was tested on", "--data"]);
    succeeds(&["eval", "--weights", &best, "--data", &data]);
    refuses(&["train", "--resume", "--out", &out], &["not the images", "was tested on"]);
    for (flag, value) in [("--size", "20"), ("--background", "black"), ("--hold-out", "0.5")] {
        refuses(&["train", "--resume", "--out", &out, flag, value], &[&flag[2..]]);
    }
    // Held out of a folder that has changed since: it is said.
    let (pets, held) = (at(Path::new(&data), "train"), at(folder.path(), "held"));
    let start = [&["train", "--data", &pets, "--out", &held, "--hold-out", "0.25"][..], &NETWORK, &TRAINING].concat();
    succeeds(&start);
    let best = at(Path::new(&held), "best.safetensors");
    let eval = |more: &[&str]| text(&sdnet(&[&["eval", "--weights", &best, "--data", &pets], more].concat()).stderr);
    assert!(!eval(&[]).contains("other images"), "{}", eval(&[]));
    assert!(eval(&["--hold-out", "0.5"]).contains("some may have been trained on"));
    let other = Path::new(&pets).join("cat");
    for i in 0..12 {
        std::fs::remove_file(other.join(format!("{i}.png"))).unwrap();
    }
    assert!(eval(&[]).contains("some may have been trained on"));
    let all = succeeds(&["eval", "--weights", &best, "--data", &pets, "--hold-out", "1", "--json"]);
    assert!(all.contains("\"images\":60"), "{all}");
}

#[test]
fn a_streamed_folder_trains_the_same_network_as_one_that_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let (data, _) = setting(folder.path());
    let run = |name: &str, more: &[&str]| {
        let out = at(folder.path(), name);
        let flags = [&["train", "--data", &data, "--out", &out, "--size", "8"][..], &NETWORK, &TRAINING, more].concat();
        let output = sdnet(&flags);
        assert!(output.status.success(), "{}", text(&output.stderr));
        (out, text(&output.stderr))
    };
    let (held, said) = run("held", &["--workers", "1"]);
    assert!(!said.contains("whenever"), "{said}");
    let (streamed, said) = run("streamed", &["--pixels", "streamed", "--workers", "3"]);
    assert!(said.contains("images are decoded whenever they are wanted"), "{said}");
    let file = |out: &str, name: &str| at(Path::new(out), name);
    let weights = |out: &str| read_safetensors(Path::new(&file(out, "last.safetensors"))).unwrap().tensors;
    assert!(weights(&held) == weights(&streamed));
    assert!(std::fs::read_to_string(file(&streamed, "recipe.toml")).unwrap().contains("pixels = \"streamed\""));
    assert!(std::fs::read_to_string(file(&streamed, "metrics.jsonl")).unwrap().contains("\"data_wait\":0."));
    // Fingerprints of files and of pixels cannot be compared, which is said.
    let best = file(&streamed, "best.safetensors");
    let eval = |pixels: &str| text(&sdnet(&["eval", "--weights", &best, "--pixels", pixels]).stderr);
    assert!(eval("held").contains("is not checked") && !eval("streamed").contains("is not checked"));
    refuses(&["train", "--resume", "--out", &streamed, "--pixels", "held", "--epochs", "9"], &["pixels = held"]);
    refuses(&["eval", "--weights", &best, "--data", "fashion-mnist-small", "--pixels", "held"], &["pixels", "folders"]);
}

#[cfg(unix)]
#[test]
fn a_folder_to_predict_may_hold_links_pipes_and_odd_names() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let odd = std::ffi::OsStr::from_bytes(b"odd\xff.png");
    for name in [std::ffi::OsStr::new("new\nline.png"), odd] {
        let png = at(folder.path(), "a.png");
        image::GrayImage::from_pixel(28, 28, image::Luma([90])).save(&png).unwrap();
        std::fs::rename(png, inside.join(name)).unwrap();
    }
    std::os::unix::fs::symlink("/nowhere", inside.join("broken.png")).unwrap();
    std::os::unix::fs::symlink(&inside, inside.join("loop")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(inside.join("pipe.png")).status().unwrap().success());
    let predict = ["predict", "--weights", "assets/sdnet18-fashion.safetensors"];
    let output = sdnet(&[&predict[..], &[inside.to_str().unwrap()]].concat());
    let noted = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout).lines().count()), (Some(1), 2), "{noted}");
    for word in ["broken.png: is a broken link", "pipe.png: is not a file", "2 of 4 images could not be read"] {
        assert!(noted.contains(word), "{noted}");
    }
    let list = [b"\xef\xbb\xbf", inside.join(odd).as_os_str().as_bytes(), b"\r\n"].concat();
    let mut program = Command::cargo_bin("sdnet").unwrap();
    let output = program.args([&predict[..], &["-"]].concat()).write_stdin(list).output().unwrap();
    assert!(output.status.success() && text(&output.stdout).lines().count() == 1, "{}", text(&output.stderr));
}
