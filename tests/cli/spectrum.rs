//! `sdnet train --orthogonal` and `sdnet spectrum`

use crate::harness::*;

#[test]
fn dictionaries_that_are_drawn_towards_orthogonal_ones_say_how_far_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let (plain, drawn) = (at(folder.path(), "plain"), at(folder.path(), "drawn"));
    let flags = ["--width", "6", "--batch", "32", "--epochs", "2", "--lr", "0.01", "--data", &data];
    let train = |out: &str, more: &[&str]| succeeds(&[&["train", "--out", out], &flags[..], more].concat());
    train(&plain, &[]);
    let said = train(&drawn, &["--orthogonal", "0.2", "--steps", "10"]);
    assert!(said.contains("orthogonality") && said.contains("(least 30.0000)"), "{said}");
    succeeds(&["train", "--resume", "--out", &drawn]);
    let metrics = |out: &str| std::fs::read_to_string(Path::new(out).join("metrics.jsonl")).unwrap();
    let record: serde_json::Value = serde_json::from_str(metrics(&drawn).lines().last().unwrap()).unwrap();
    // 6 atoms for one value at each place: 6^2 / 1 - 6.
    assert_eq!(record["orthogonality"]["least"], 30.0);
    assert!(!metrics(&plain).contains("orthogonality"));
    let recipe = std::fs::read_to_string(Path::new(&drawn).join("recipe.toml")).unwrap();
    assert!(recipe.contains("orthogonal = 0.2") && recipe.contains("orthogonal-form = \"block-toeplitz\""), "{recipe}");

    let files = [&plain, &drawn].map(|run| at(Path::new(run), "last.safetensors"));
    let picture = at(folder.path(), "s.svg");
    let said = succeeds(&[
        "spectrum",
        &files[0],
        &files[1],
        "--images",
        "2",
        "--tolerance",
        "0.05",
        "--out",
        &picture,
        "--json",
    ]);
    let found = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<serde_json::Value>>();
    let number = |i: usize, key: &str| found[i][key].as_f64().unwrap();
    let excess = [0, 1].map(|i| number(i, "orthogonality") - number(i, "least_orthogonality"));
    assert!(excess[1] > 0.0 && excess[1] < 0.5 * excess[0], "{excess:?}");
    assert_eq!((&found[0]["images"], &found[0]["data"]), (&2.into(), &data.as_str().into()));
    let recorded = record["orthogonality"]["loss"].as_f64().unwrap();
    assert!((number(1, "orthogonality") / recorded - 1.0).abs() < 1e-5);
    for i in [0, 1] {
        // One eigenvalue that need not be zero at each of 16 x 16 frequencies; their mean is |A|^2 = 6 atoms of unit norm.
        let values =
            found[i]["eigenvalues"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>();
        let mean = values.iter().sum::<f64>() / 256.0;
        assert!(values.len() == 256 && (mean - 6.0).abs() < 1e-3, "{mean}");
        assert!(found[i]["iterations"].as_u64().is_some_and(|count| count >= 1), "{said}");
    }
    assert!(std::fs::read_to_string(&picture).unwrap().contains("plain/last.safetensors"));
    let said = succeeds(&["spectrum", &files[1], "--images", "1", "--points", "4", "--tolerance", "0.2"]);
    assert!(said.contains("6 atoms of 3x3x1") && said.contains("iterations to come within"), "{said}");
    let mad = ["train", "--out", &at(folder.path(), "mad"), "--orthogonal", "1e38", "--steps", "3"];
    refuses(&[&mad[..], &flags].concat(), &["not finite"]);
    assert!(!folder.path().join("mad/last.safetensors").exists());
    refuses(&["spectrum", &files[0], "--layer", "layer9"], &["layer9", "layer0"]);
    refuses(&["spectrum", &files[0], "--out", &at(folder.path(), "s.png")], &["s.png", ".svg"]);
    refuses(&["spectrum", &files[0], "--points", "0"], &["points"]);
}

#[test]
fn where_there_is_nothing_to_draw_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (tiny_data(folder.path()), at(folder.path(), "run"));
    let flags = ["train", "--out", &out, "--data", &data, "--width", "2", "--epochs", "1", "--steps", "1"];
    let run = |more: &[&str], words: &[&str]| refuses(&[&flags[..], more].concat(), words);
    run(&["--orthogonal", "1", "--model", "resnet18"], &["orthogonal = 1", "no sparse coding layer"]);
    run(&["--orthogonal", "1", "--orthogonal-form", "published"], &["published", "first", "no other"]);
    run(&["--orthogonal-form", "kernel"], &["orthogonal-form = kernel", "without --orthogonal"]);
    let weights = at(Path::new(&out), "last.safetensors");
    succeeds(&[&flags[..], &["--model", "resnet18"]].concat());
    refuses(&["spectrum", &weights], &["last.safetensors", "without sparse coding layers"]);
}
