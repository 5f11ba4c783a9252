//! The examples run, and print what they promise.

use std::path::{Path, PathBuf};
use std::process::Command;

/// An example. `cargo test` builds it along with the tests (`cargo test --test examples` does not).
fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.ancestors().nth(2).unwrap().join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

fn run(name: &str, arguments: &[&Path]) -> String {
    let output = Command::new(example(name)).args(arguments).output().unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn one_kernel_finds_the_edges_of_a_square() {
    let said = run("one_kernel", &[]);
    assert_eq!(said.lines().filter(|line| line.trim() == ".+...-..").count(), 4, "{said}");
}

#[test]
fn embed_recognises_a_trouser() {
    let said = run("embed", &[]);
    let (class, probability) = said.trim().split_once(", ").unwrap();
    let probability = probability.strip_suffix(" %").unwrap().parse::<f64>().unwrap();
    assert!(class == "Trouser" && probability > 50.0 && probability <= 100.0, "{said}");
}

#[test]
fn interpret_encloses_a_class_and_shows_where_it_looks() {
    let said = run("interpret", &[Path::new("0")]);
    let shares = said.lines().filter_map(|line| line.strip_prefix("they cover ")?.split_once(" %"));
    let shares = shares.map(|(share, _)| share.parse::<f64>().unwrap()).collect::<Vec<_>>();
    assert!(shares.len() == 2 && shares.iter().all(|share| *share > 40.0), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("similar: image")).count(), 3, "{said}");
    assert_eq!(said.lines().rev().take_while(|line| line.chars().count() == 28).count(), 28, "{said}");
}

#[test]
fn shift_predicts_and_measures_every_atom() {
    let said = run("shift", &[]);
    let rows = said.lines().skip(2).map(|line| line.split_whitespace().map(|v| v.parse().unwrap()).collect());
    let rows = rows.collect::<Vec<Vec<f64>>>();
    assert_eq!(rows.len(), 8, "{said}");
    for row in rows {
        assert!(row.len() == 8 && row[4..].iter().all(|value| value.is_finite() && *value > 0.0), "{said}");
    }
}

#[test]
fn custom_op_has_the_gradient_of_its_formula() {
    let said = run("custom_op", &[]);
    let number = |line: &str, after: &str| -> Option<f64> {
        line.split(after).nth(1)?.split_whitespace().next()?.trim_end_matches(',').parse().ok()
    };
    for line in said.lines() {
        let numbers = ["at ", "gradient is ", "differences "].map(|after| number(line, after).unwrap());
        let [x, gradient, difference] = numbers;
        let want = x / (x * x + 0.5 * 0.5 + 0.25 * 0.25).sqrt();
        assert!((gradient - want).abs() < 1e-4 && (difference - want).abs() < 1e-3, "{line}: not {want}");
    }
    assert_eq!(said.lines().count(), 6, "{said}");
}

#[test]
fn lista_learns_and_comes_back_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("lista.safetensors");
    let said = run("lista", &[&weights]);
    let losses = said.lines().next().unwrap().split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    let losses = losses.collect::<Vec<_>>();
    assert!(losses.len() == 2 && losses[1] < losses[0] - 0.1, "{said}");
    assert!(said.contains("the loaded model says what the trained one says"), "{said}");
    let file = sdnet::files::read_safetensors(&weights).unwrap();
    let names = ["0.dn.step_size", "0.dn.weight", "1.dn.step_size", "1.dn.weight", "linear.bias", "linear.weight"];
    assert_eq!(file.tensors.keys().collect::<Vec<_>>(), names);
    assert!(file.metadata["sdnet"].contains(r#""atoms":[8,16]"#), "{:?}", file.metadata);
}

#[test]
fn train_small_learns_something() {
    let said = run("train_small", &[]);
    let accuracy = said.lines().last().unwrap().split_whitespace().nth(2).unwrap().parse::<f64>().unwrap();
    assert!(accuracy > 30.0, "{said}");
}

#[test]
fn sparse_code_lowers_the_objective_and_writes_the_reconstruction() {
    let folder = tempfile::tempdir().unwrap();
    let (photo, output) = (folder.path().join("photo.png"), folder.path().join("reconstruction.png"));
    let whole = image::open(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/photo.png")).unwrap();
    whole.crop_imm(60, 60, 40, 32).save(&photo).unwrap();
    let said = run("sparse_code", &[&photo, &output]);
    let objectives = said.lines().filter_map(|line| {
        let (_, rest) = line.split_once("objective")?;
        rest.split(',').next()?.trim().parse::<f64>().ok()
    });
    let objectives = objectives.collect::<Vec<_>>();
    assert!(objectives.len() == 5 && objectives.windows(2).all(|w| w[1] < w[0]), "{said}");
    let reconstruction = image::open(output).unwrap();
    assert_eq!((reconstruction.width(), reconstruction.height()), (40, 32));
}

#[test]
fn robust_recognises_more_at_lambdas_of_its_own_and_writes_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let said = run("robust", &[folder.path()]);
    let right = |guess: &dyn Fn(&str) -> Option<String>| {
        said.lines().filter(|line| guess(line).as_deref() == line.get(..11).map(str::trim)).count()
    };
    let trained = right(&|line| Some(line.split("as trained ").nth(1)?.split(" at lambda").next()?.trim().to_owned()));
    let auto = right(&|line| Some(line.split(" at lambda ").nth(1)?.get(5..)?.trim().to_owned()));
    assert!(said.lines().count() == 8 && auto >= 5 && auto > trained, "{said}");
    for name in ["noisy", "repaired", "reconstruction"] {
        let picture = image::open(folder.path().join(format!("{name}.png"))).unwrap();
        assert_eq!((picture.width(), picture.height()), (112, 896), "{name}");
    }
}

/// Runs the commands of a page, indented lines that begin with the program's name, in a folder.
fn run_page(page: &str, folder: &Path, at_least: usize) {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let commands = page.lines().filter_map(|line| line.strip_prefix("    sdnet ")).collect::<Vec<_>>();
    assert!(commands.len() >= at_least, "{commands:?}");
    for command in commands {
        let mut program = Command::new(assert_cmd::cargo::cargo_bin("sdnet"));
        let output = program.args(command.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "sdnet {command}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The values of an array of the golden files.
fn array(path: &Path) -> Vec<f64> {
    let file = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let array = npyz::NpyFile::new(&file[..]).unwrap();
    match array.dtype() {
        npyz::DType::Plain(ty) if ty.to_string().ends_with("f4") => {
            array.into_vec::<f32>().unwrap().into_iter().map(f64::from).collect()
        }
        _ => array.into_vec::<f64>().unwrap(),
    }
}

#[test]
fn a_network_comes_from_pytorch_to_the_same_scores_and_losses() {
    let folder = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/moving");
    for name in ["model.pth.tar", "x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"] {
        std::fs::copy(golden.join(name), folder.path().join(name)).unwrap();
    }
    run_page("docs/from-pytorch.md", folder.path(), 5);
    let (got, want) = (array(&folder.path().join("scores.npy")), array(&golden.join("scores.npy")));
    let largest = want.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    assert_eq!(got.len(), 48);
    for (got, want) in got.iter().zip(&want) {
        assert!((got - want).abs() <= 1e-4 * largest, "{got} is not {want}");
    }
    let records = std::fs::read_to_string(folder.path().join("more/metrics.jsonl")).unwrap();
    let record = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["train_loss"].as_f64().unwrap();
    let (got, want) = (records.lines().map(record).collect::<Vec<_>>(), array(&golden.join("losses.npy")));
    assert!(want.len() == 10 && want[9] < 0.8 * want[0], "{want:?}");
    assert_eq!(got.len(), 10);
    for (got, want) in got.iter().zip(&want) {
        assert!((got / want - 1.0).abs() <= 1e-3, "{got} is not {want}");
    }
    assert!(folder.path().join("more.pth").metadata().unwrap().len() > 100_000);
}

#[test]
fn every_command_of_the_first_hour_works_on_clothes_as_files() {
    let folder = tempfile::tempdir().unwrap();
    let said = run("clothes_as_files", &[folder.path(), Path::new("20")]);
    assert!(said.contains("200 pictures"), "{said}");
    run_page("docs/first-hour.md", folder.path(), 11);
    for file in ["runs/clothes/report.html", "runs/clothes/noise/gaussian.svg", "predictions.csv", "bags.json"] {
        assert!(folder.path().join(file).metadata().unwrap().len() > 500, "{file}");
    }
    let rows = std::fs::read_to_string(folder.path().join("predictions.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 8 * 20);
}
