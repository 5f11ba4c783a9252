//! A training that is killed at random moments.

#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rand::RngExt;
use sdnet::files::read_safetensors;
use sdnet::train::State;

use crate::setting::*;

/// Steps between two saves.
const SAVE_EVERY: usize = 3;

/// Checks the files of a run that was killed; returns the steps that resuming keeps, if anything has been saved.
fn checked(run: &Path) -> Option<usize> {
    for entry in std::fs::read_dir(run).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let whole = match path.extension().and_then(|ending| ending.to_str()) {
            _ if name.starts_with(".sdnet-") || name == ".lock" => true,
            Some("safetensors") => read_safetensors(&path).is_ok(),
            Some("png") => image::open(&path).is_ok(),
            Some("svg") => std::fs::read_to_string(&path).unwrap().trim_end().ends_with("</svg>"),
            Some("toml") => std::fs::read_to_string(&path).unwrap().parse::<toml::Table>().is_ok(),
            Some("json" | "jsonl") => {
                let text = std::fs::read_to_string(&path).unwrap();
                text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
            }
            _ => panic!("{name} is none of the files of a training"),
        };
        assert!(whole, "{name} is broken");
    }
    let training = run.join("training.safetensors");
    let (state, _) = training.exists().then(|| State::read(&training).unwrap())?;
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default().lines().count();
    assert!(metrics <= state.progress.history.len(), "an epoch was reported before it was saved");
    Some(state.progress.step)
}

/// Whether a file is half-written under its temporary name.
fn is_saving(run: &Path) -> bool {
    let entries = std::fs::read_dir(run).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(".sdnet-"))
}

#[test]
fn a_killed_training_loses_no_more_than_the_steps_since_the_last_save() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path(), 40);
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let start = |out: &Path| {
        let mut command = Command::new(program());
        command.args(["train", "--data", &data, "--width", "2", "--batch", "8", "--lr", "0.02", "--json"]);
        command
            .args(["--epochs", &times(8, 60).to_string(), "--save-every", &SAVE_EVERY.to_string(), "--out"])
            .arg(out);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    assert!(start(&whole).status().unwrap().success());
    let mut random = random(10);
    let (mut kills, mut kept, mut within_saves) = (0, 0, 0);
    while kills < times(6, 100) {
        let begun = parts.join("training.safetensors").exists();
        let mut command = start(&parts);
        if begun {
            command = Command::new(program());
            command
                .args(["train", "--resume", "--json", "--out"])
                .arg(&parts)
                .stdout(Stdio::null())
                .stderr(Stdio::piped());
        }
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.random_range(50..900)));
        // Every second time, in the middle of a save.
        while kills % 2 == 1 && !is_saving(&parts) && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{}", text(&child.wait_with_output().unwrap().stderr));
            // All epochs are done: begin again, from nothing.
            std::fs::remove_dir_all(&parts).unwrap();
            kept = 0;
            continue;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        within_saves += usize::from(is_saving(&parts));
        let now = checked(&parts).unwrap_or_default();
        assert!(now >= kept, "{now} steps are left of {kept}");
        let end_of_epoch = 40 / 8;
        assert!(
            now.is_multiple_of(SAVE_EVERY) || now.is_multiple_of(end_of_epoch),
            "{now} steps were saved between saves"
        );
        kept = now;
    }
    if parts.join("training.safetensors").exists() {
        assert!(Command::new(program()).args(["train", "--resume", "--out"]).arg(&parts).status().unwrap().success());
    } else {
        assert!(start(&parts).args(["--overwrite"]).status().unwrap().success());
    }
    assert!(!is_saving(&parts), "the next start removes what was left half-written");
    let end = |run: &Path| std::fs::read(run.join("last.safetensors")).unwrap();
    assert!(end(&whole) == end(&parts), "a training that was killed {kills} times ends elsewhere");
    println!(
        "{kills} kills, {within_saves} of them within a save: nothing broken, nothing more lost, the end bit-equal"
    );
}
