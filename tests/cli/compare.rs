//! `sdnet compare`

use crate::harness::*;

const FLAGS: [&str; 8] = ["--model", "resnet18", "--width", "2", "--batch", "64", "--lr", "0.02"];

fn trained(folder: &Path, data: &str, name: &str, more: &[&str]) -> String {
    let out = at(folder, name);
    succeeds(&[&["train", "--data", data, "--out", &out][..], &FLAGS, more].concat());
    out
}

fn compared(runs: &[&str]) -> serde_json::Value {
    serde_json::from_str(&succeeds(&[&["compare", "--json"], runs].concat())).unwrap()
}

fn records(run: &str) -> Vec<serde_json::Value> {
    let metrics = std::fs::read_to_string(Path::new(run).join("metrics.jsonl")).unwrap();
    metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn runs_are_tabulated_ranked_grouped_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let train = |name: &str, more: &[&str]| trained(folder.path(), &data, name, &[&["--epochs", "2"], more].concat());
    let seeds = ["1", "2", "3"].map(|seed| train(&format!("a-seed{seed}"), &["--seed", seed, "--keep", "best"]));
    let other = train("sparse", &["--model", "sdnet18", "--momentum", "0.5"]);
    let picture = at(folder.path(), "all.svg");
    let all = [&seeds[0], &seeds[1], &other, &seeds[2]].map(String::as_str);
    let said = succeeds(&[&["compare"], &all[..], &["--out", &picture]].concat());
    for word in ["a-seed*", "+-", "momentum", "0.5", "sdnet18 x 2", "2/2", "all.svg"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!said.contains("weight-decay"), "only what differs: {said}");
    let svg = std::fs::read_to_string(&picture).unwrap();
    assert_eq!(svg.matches("<circle").count(), 4 * 4 * 2);

    let found = compared(&all);
    assert_eq!(found["ranked"], true);
    let runs = found["runs"].as_array().unwrap();
    let best = runs.iter().map(|run| run["best_test_accuracy"].as_f64().unwrap()).collect::<Vec<_>>();
    assert!(best.windows(2).all(|pair| pair[0] >= pair[1]), "{best:?}");
    for run in runs {
        let records = records(run["run"].as_str().unwrap());
        assert_eq!(run["last_test_loss"], records[1]["test_loss"]);
        assert_eq!(run["last_test_top5"], records[1]["test_top5"]);
        let of = |key: &str| records.iter().map(|r| r[key].as_f64().unwrap()).collect::<Vec<_>>();
        assert_eq!(run["best_test_accuracy"].as_f64().unwrap(), of("test_accuracy").into_iter().fold(0.0, f64::max));
        assert!((run["seconds"].as_f64().unwrap() - of("seconds").iter().sum::<f64>()).abs() < 1e-9);
    }
    // The number that training itself has announced.
    let announced = succeeds(&["train", "--resume", "--out", &other]);
    let sparse = runs.iter().find(|run| run["run"] == other.as_str()).unwrap();
    assert!(announced.contains(&format!("({} parameters)", sparse["parameters"])), "{announced}");
    let keys = found["differences"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap());
    let keys = keys.collect::<Vec<_>>();
    assert!(["keep", "model", "momentum", "seed", "lambda"].iter().all(|key| keys.contains(key)), "{keys:?}");
    assert!(!keys.contains(&"epochs") && !keys.contains(&"data"), "{keys:?}");
    let groups = found["groups"].as_array().unwrap();
    assert_eq!((groups.len(), groups[0]["runs"].as_array().unwrap().len()), (1, 3));
    let last = seeds.each_ref().map(|run| records(run)[1]["test_accuracy"].as_f64().unwrap());
    let mean = last.iter().sum::<f64>() / 3.0;
    let deviation = (last.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    let spread = &groups[0]["last_test_accuracy"];
    assert!((spread["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
    assert!((spread["deviation"].as_f64().unwrap() - deviation).abs() < 1e-12);
    assert!(seeds.iter().all(|run| records(run)[1]["test_loss"] != records(&other)[1]["test_loss"]));
}

#[test]
fn odd_folders_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let train = |name: &str, more: &[&str]| trained(folder.path(), &data, name, more);
    let (a, b) = (train("a", &["--epochs", "2"]), train("b", &["--epochs", "2", "--seed", "1", "--steps", "5"]));
    let note = |runs: &[&str], words: &[&str]| {
        let output = sdnet(&[&["compare", "--json"], runs].concat());
        let said = text(&output.stderr);
        assert!(output.status.success() && words.iter().all(|word| said.contains(word)), "{said}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    // No run, no folder, one run alone.
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    refuses(&["compare", &a, &at(folder.path(), "empty")], &["empty", "no training", "training.safetensors"]);
    refuses(&["compare", &a, &at(folder.path(), "nowhere")], &["nowhere"]);
    refuses(&["compare", &a, &b, "--out", folder.path().to_str().unwrap()], &["is a folder"]);
    assert_eq!(sdnet(&["compare", &a]).status.code(), Some(2));
    // The same run by another name.
    let again = format!("{a}/../a");
    assert_eq!(note(&[&a, &again, &b], &["named twice"])["runs"].as_array().unwrap().len(), 2);
    // Other seeds, but not as far.
    let found = note(&[&a, &b], &[]);
    assert_eq!(found["groups"].as_array().unwrap().len(), 0);
    let copy = at(folder.path(), "copy");
    std::fs::create_dir(&copy).unwrap();
    for name in ["training.safetensors", "metrics.jsonl", "recipe.toml"] {
        std::fs::copy(Path::new(&a).join(name), Path::new(&copy).join(name)).unwrap();
    }
    let found = note(&[&a, &copy], &["copy has the recipe and the seed of", "left out of the mean"]);
    assert_eq!(found["groups"].as_array().unwrap().len(), 0, "a copy is no second seed");
    refuses(&["compare", &a, &b, "--out", &at(folder.path(), "x.png")], &["x.png", ".svg"]);
    // Damaged metrics: the figures are in the saved state too.
    std::fs::write(Path::new(&copy).join("metrics.jsonl"), "{\"epoch\": 1").unwrap();
    let found = note(&[&a, &copy], &["copy/metrics.jsonl is damaged in line 1"]);
    assert_eq!(found["runs"][0]["best_test_accuracy"], found["runs"][1]["best_test_accuracy"]);
    std::fs::write(Path::new(&copy).join("recipe.toml"), "lr = ").unwrap();
    note(&[&a, &copy], &["recipe.toml is damaged"]);
    std::fs::write(Path::new(&copy).join("training.safetensors"), "no").unwrap();
    refuses(&["compare", &a, &copy], &["copy/training.safetensors"]);
    // Saved, but killed before the first epoch ended.
    let out = at(folder.path(), "killed");
    let flags = ["train", "--data", &data, "--out", &out, "--save-every", "1", "--epochs", "500"];
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("sdnet"))
        .args(flags)
        .args(["--width", "2", "--batch", "4"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let start = std::time::Instant::now();
    while !Path::new(&out).join("training.safetensors").exists() {
        assert!(start.elapsed().as_secs() < 120, "nothing was saved");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let found = note(&[&out, &a], &["no epoch of", "killed has ended"]);
    assert_eq!(found["runs"][1]["best_test_accuracy"], serde_json::Value::Null, "it comes last");
    assert!(succeeds(&["compare", &out, &a]).contains("0/500"));
}

#[test]
fn runs_on_other_images_are_not_ranked() {
    let folder = tempfile::tempdir().unwrap();
    let first = tiny_data(folder.path());
    let second = at(folder.path(), "second");
    std::fs::create_dir(&second).unwrap();
    for entry in std::fs::read_dir(&first).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        if path.display().to_string().contains("t10k-images") {
            bytes[100] ^= 255;
        }
        std::fs::write(Path::new(&second).join(path.file_name().unwrap()), bytes).unwrap();
    }
    let run = |name: &str, data: &str, seed: &str| {
        trained(folder.path(), data, name, &["--epochs", "1", "--steps", "2", "--seed", seed])
    };
    let (a, b) = (run("a", &first, "1"), run("b", &second, "2"));
    for order in [[&a, &b], [&b, &a]] {
        let output = sdnet(&["compare", "--json", order[0], order[1]]);
        assert!(text(&output.stderr).contains("different images"), "{}", text(&output.stderr));
        let found = serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
        assert_eq!((&found["ranked"], &found["runs"][0]["run"]), (&false.into(), &order[0].as_str().into()));
        assert_eq!(found["groups"].as_array().unwrap().len(), 0);
    }
}
