//! `sdnet train --tensorboard`

use crate::harness::*;

/// A Python that has TensorBoard, if there is one: `SDNET_PYTHON`, or python3.
fn python() -> Option<String> {
    let python = std::env::var("SDNET_PYTHON").unwrap_or_else(|_| "python3".into());
    let output = std::process::Command::new(&python).args(["-c", "import tensorboard"]).output();
    if output.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    println!("{python} has no TensorBoard: what it makes of the files is not tested");
    None
}

/// What TensorBoard reads in a folder: for each tag of numbers its steps and values, and the images.
fn read_by_tensorboard(python: &str, folder: &str) -> serde_json::Value {
    let program = "import sys, json
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0, 'images': 0, 'tensors': 0})
events.Reload()
numbers = {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()['scalars']}
images = {tag: [[e.step, e.width, e.height, e.encoded_image_string.hex()] for e in events.Images(tag)]
          for tag in events.Tags()['images']}
print(json.dumps({'numbers': numbers, 'images': images}))";
    let output = std::process::Command::new(python).args(["-c", program, folder]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn event_files(folder: &str) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names = names.filter(|name| name.contains("tfevents")).collect::<Vec<_>>();
    names.sort();
    names
}

fn records(folder: &str) -> Vec<serde_json::Value> {
    let metrics = std::fs::read_to_string(Path::new(folder).join("metrics.jsonl")).unwrap();
    metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn logging_changes_nothing_and_resuming_logs_every_epoch_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let (plain, logged) = (at(folder.path(), "plain"), at(folder.path(), "logged"));
    let flags =
        ["--model", "sdnet18", "--width", "2", "--batch", "32", "--epochs", "3", "--lr", "0.02", "--data", &data];
    let train = |out: &str, more: &[&str]| succeeds(&[&["train", "--out", out], &flags[..], more].concat());
    train(&plain, &[]);
    assert!(event_files(&plain).is_empty());

    // One epoch; then the others, as if the program had been killed before it saved the last two.
    train(&logged, &["--tensorboard", "--steps", "10"]);
    let (state, saved) = (Path::new(&logged).join("training.safetensors"), folder.path().join("saved"));
    std::fs::copy(&state, &saved).unwrap();
    succeeds(&["train", "--resume", "--out", &logged]);
    assert_eq!(event_files(&logged), ["events.out.tfevents.0001.sdnet", "events.out.tfevents.0002.sdnet"]);
    std::fs::copy(&saved, &state).unwrap();
    // The second file, of epochs that training repeats, is gone; its name is not used again, so that a TensorBoard that is open
    // goes on to the next.
    succeeds(&["train", "--resume", "--out", &logged]);
    assert_eq!(event_files(&logged), ["events.out.tfevents.0001.sdnet", "events.out.tfevents.0003.sdnet"]);
    let weights = |out: &str| std::fs::read(Path::new(out).join("last.safetensors")).unwrap();
    assert!(weights(&plain) == weights(&logged), "logging changes the training");
    let figures = |out: &str| {
        let without_time = |mut record: serde_json::Value| {
            ["images_per_s", "seconds", "data_wait", "peak_bytes"]
                .iter()
                .for_each(|time| record[time] = serde_json::Value::Null);
            record
        };
        records(out).into_iter().map(without_time).collect::<Vec<_>>()
    };
    assert_eq!(figures(&plain), figures(&logged));
    assert!(figures(&plain).iter().all(|record| record["test_top5"].as_f64() >= record["test_accuracy"].as_f64()));
    let recipe = |out: &str| std::fs::read_to_string(Path::new(out).join("recipe.toml")).unwrap();
    assert!(recipe(&logged).contains("tensorboard = true") && recipe(&plain).contains("tensorboard = false"));

    // A training that was not logged from its beginning.
    succeeds(&["train", "--resume", "--out", &plain, "--tensorboard", "--epochs", "4"]);
    refuses(&[&["train", "--out", &logged], &flags[..]].concat(), &["holds a training already"]);
    if let Some(python) = python() {
        check(&read_by_tensorboard(&python, &logged), &records(&logged), 3);
        check(&read_by_tensorboard(&python, &plain), &records(&plain), 1);
        let atoms = read_by_tensorboard(&python, &logged)["images"]["atoms/layer0.0"].as_array().unwrap().clone();
        assert_eq!(atoms.len(), 3);
        let png = std::fs::read(Path::new(&logged).join("atoms.png")).unwrap();
        let hex = png.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(atoms[2][3], hex, "the last picture is that of atoms.png");
    }
    train(&logged, &["--overwrite", "--steps", "1"]);
    assert!(event_files(&logged).is_empty(), "what belongs to the old training goes with it");
}

/// What TensorBoard shows is what metrics.jsonl holds, every epoch once; of the layers, the last `measured` epochs.
fn check(seen: &serde_json::Value, records: &[serde_json::Value], measured: usize) {
    let numbers = &seen["numbers"];
    for (tag, key) in [
        ("loss/train", "train_loss"),
        ("loss/test", "test_loss"),
        ("top1/train", "train_accuracy"),
        ("top1/test", "test_accuracy"),
        ("top5/train", "train_top5"),
        ("top5/test", "test_top5"),
        ("learning_rate", "learning_rate"),
        ("images_per_s", "images_per_s"),
        ("epoch", "epoch"),
    ] {
        let shown = numbers[tag].as_array().unwrap();
        assert_eq!(shown.len(), records.len(), "{tag}");
        for (shown, record) in shown.iter().zip(records) {
            assert_eq!(shown[0], record["step"], "{tag}");
            assert_eq!(shown[1].as_f64().unwrap() as f32, record[key].as_f64().unwrap() as f32, "{tag}");
        }
    }
    for (tag, range) in [
        ("step_size/layer0.0", 1e-3..10.0),
        ("active_codes/layer0.0", 1e-3..0.999),
        ("relative_residual/layer0.0", 1e-3..1.0),
    ] {
        let shown = numbers[tag].as_array().unwrap();
        assert_eq!(shown.len(), measured, "{tag}");
        assert_eq!(shown[measured - 1][0], records[records.len() - 1]["step"], "{tag}");
        assert!(shown.iter().all(|value| range.contains(&value[1].as_f64().unwrap())), "{tag}: {shown:?}");
    }
}
