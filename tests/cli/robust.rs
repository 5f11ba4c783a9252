//! `sdnet robust`, and other commands at another lambda.

use crate::harness::*;

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
    let said = succeeds(&with(&[&recalibrate[..], &["--no-augment"]].concat(), &files));
    assert!(said.contains("as they are") && said.contains("auto-free"), "{said}");

    // With sixteen images per level the fits are useless, but they exist.
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
    let loss = |flag: &str, value: &str| eval(&["--lambda", "0.7", flag, value])["loss"].clone();
    let [trained, own, both] = ["trained", "own", "both"].map(|statistics| loss("--statistics", statistics));
    assert!(trained != own && own != both && both == eval(&["--lambda", "0.7"])["loss"]);
    assert!(loss("--impulses", "keep").is_number() && loss("--impulses", "repair") == both);

    // A file of images at once, and in batches of one: each image is treated on its own. Three are like the training
    // images; two also have negative values, of which non-negative codes leave more unexplained.
    let input = images(folder.path(), [5, 1, 12, 12], |v| v[..3 * 144].iter_mut().for_each(|v| *v = v.abs()));
    let predict = |output: &str, more: &[&str]| {
        let output = at(folder.path(), output);
        let files = ["predict", "--weights", &weights, "--input", &input, "--output", &output];
        succeeds(&[&files[..], more].concat());
        read_npy(Path::new(&output)).unwrap().1
    };
    let together = |rule| {
        let (all, alone) = (predict("all.npy", &["--lambda", rule]), ["--lambda", rule, "--batch", "1"]);
        let far = all.iter().zip(predict("alone.npy", &alone)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-4, "{rule}: {far}");
        all
    };
    together("auto");
    let trained = predict("trained.npy", &[]);
    together("auto-free");
    assert_ne!(predict("other.npy", &["--lambda", "0.7"]), trained);

    let out = at(folder.path(), "sweep");
    let flags =
        ["--levels", "severities", "--noise", "gaussian,shot", "--baseline", &resnet, "--samples", "--out", &out];
    let said = succeeds(&with(&[&["robust", "sweep"], &small[..], &flags].concat(), &files));
    assert!(
        said.contains("| auto-free |") && said.contains("**shot, mean**") && said.contains("auto: clean "),
        "{said}"
    );
    check_sweep(Path::new(&out));
    // Corruptions that are no noise have severities, and no " noise" in their pictures.
    let out = at(folder.path(), "weather");
    let flags = ["--corruptions", "fog,jpeg", "--out", &out];
    assert!(succeeds(&with(&[&["robust", "sweep"], &small[..], &flags].concat(), &files)).contains("**jpeg, mean**"));
    let csv = std::fs::read_to_string(Path::new(&out).join("sweep.csv")).unwrap();
    assert!((1..=5).all(|severity| csv.contains(&format!("\nfog,{severity},trained,16,"))), "{csv}");
    let svg = std::fs::read_to_string(Path::new(&out).join("fog.svg")).unwrap();
    assert!(svg.contains("fog") && !svg.contains("fog noise"));
    // What people do otherwise; and nothing of the sweep before stays in the folder.
    let flags = [
        "--noise",
        "impulse",
        "--levels",
        "0.1",
        "--baselines",
        "--baseline",
        &resnet,
        "--lambdas",
        "0.1",
        "--out",
        &out,
    ];
    let said = succeeds(&with(&[&["robust", "sweep", "--images", "16", "--batch", "8"][..], &flags].concat(), &files));
    for column in ["median", "non-local-means", "batch-statistics", "auto-free+median", "baseline+repair"] {
        assert!(
            said.contains(&format!(" {column} |")) && said.contains(&format!("\n{column}: clean ")),
            "{column}: {said}"
        );
    }
    assert!(said.contains("% of that of the first baseline"), "{said}");
    assert!(Path::new(&out).join("impulse.svg").exists() && !Path::new(&out).join("fog.svg").exists());
    let csv = std::fs::read_to_string(Path::new(&out).join("sweep.csv")).unwrap();
    let row = csv.lines().find(|line| line.starts_with("impulse,0.1,baseline,16,")).unwrap();
    assert!(row.ends_with(",,,"), "a ResNet has neither lambda nor codes: {row}");
    let json = figures(&std::fs::read_to_string(Path::new(&out).join("sweep.json")).unwrap());
    assert!(json["statistics"] == "both" && json["impulses"] == "repaired" && json["batch"] == 8, "{json}");
    assert!(
        json["rows"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["low"].as_f64() < row["accuracy"].as_f64() || row["accuracy"] == 0.0)
    );
}

/// A weights file with another recalibration in its metadata.
fn with_recalibration(folder: &Path, weights: &str, change: impl Fn(&mut serde_json::Value)) -> String {
    let mut file = read_safetensors(Path::new(weights)).unwrap();
    let mut recalibrated: serde_json::Value = serde_json::from_str(&file.metadata["recalibrated"]).unwrap();
    change(&mut recalibrated);
    file.metadata.insert("recalibrated".into(), recalibrated.to_string());
    let path = at(folder, "changed.safetensors");
    sdnet::files::write_safetensors(Path::new(&path), &file).unwrap();
    path
}

#[test]
fn recalibrations_that_cannot_be_used_are_refused_where_they_are_needed() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let weights = tiny_network(folder.path(), &data, "sdnet18");
    let recalibrate = ["robust", "recalibrate", "--images", "20", "--batch", "20", "--data", &data, "--weights"];
    refuses(&[&recalibrate[..], &[&weights, "--lambdas", "0.3,0.5"]].concat(), &["lambdas", "0.1", "training"]);
    refuses(&[&recalibrate[..], &[&weights, "--batch", "0"]].concat(), &["batch"]);
    succeeds(&[&recalibrate[..], &[&weights, "--lambdas", "0.1,0.5"]].concat());
    let eval =
        |weights: &str, more: &[&str]| [&["eval", "--weights", weights, "--data", &data], more].concat().join("\n");
    let run = |command: String| sdnet(&command.split('\n').collect::<Vec<_>>());
    // Of an earlier version: as good as none, but never mistaken for one.
    let old = with_recalibration(folder.path(), &weights, |r| {
        r["clean"] = serde_json::json!({"base": 0.3, "slope": 0.0, "spread": 0.0, "limit": 1.0});
        r.as_object_mut().unwrap().remove("lambda_by_noise").unwrap();
    });
    assert!(run(eval(&old, &[])).status.success());
    assert!(run(eval(&old, &["--lambda", "0.4", "--no-recalibrate"])).status.success());
    for lambda in ["0.4", "auto-free"] {
        let said = text(&run(eval(&old, &["--lambda", lambda])).stderr).to_owned();
        assert!(said.contains("recalibrate"), "{said}");
    }
    succeeds(&[&recalibrate[..], &[&old, "--lambdas", "0.1,0.5"]].concat());
    assert!(run(eval(&old, &["--lambda", "auto-free"])).status.success());
    // Damaged.
    let damaged = with_recalibration(folder.path(), &weights, |r| r["clean"]["noise"] = (-5.0).into());
    let said = text(&run(eval(&damaged, &[])).stderr).to_owned();
    assert!(said.contains("recalibrat") && said.contains("-5"), "{said}");
    let damaged = with_recalibration(folder.path(), &weights, |r| r["lambda_by_noise"] = (-3.0).into());
    let said = text(&run(eval(&damaged, &[])).stderr).to_owned();
    assert!(said.contains("lambda by noise") && said.contains("-3"), "{said}");
}

/// The files of a sweep over clean images and two kinds of noise at five levels (eleven levels in all): as trained,
/// three lambdas, the label-free rule, three fits and a baseline.
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
        // Six curves (clean and five levels), their peaks, and at least the strokes of the dashed lines.
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
    sweep(&["--noise", "pink"], &["pink", "speckle", "glass-blur"]);
    sweep(&["--noise", "fog,fog"], &["fog", "twice"]);
    sweep(&["--noise", "fog", "--levels", "6"], &["level = 6", "fog", "1 to 5"]);
    sweep(&["--levels", "loud"], &["loud", "severities"]);
    sweep(&["--noise", "impulse", "--levels", "1.5"], &["1.5", "impulse"]);
    sweep(&["--levels", "-0.1"], &["-0.1", "gaussian"]);
    sweep(&["--levels", "0,0.1"], &["levels", "leave it out", "clean images"]);
    sweep(&["--levels", "0.1,0.2,0.10"], &["levels", "0.10", "twice"]);
    sweep(&["--lambdas", "0.2,0.1"], &["lambdas"]);
    sweep(&["--lambdas", "nan"], &["lambdas"]);
    sweep(&["--layers", "layer7"], &["layer7", "layer0.0"]);
    sweep(&["--impulses", "repair"], &["impulses", "recalibrate"]);
    sweep(&["--images", "0"], &["images"]);
    sweep(&["--batch", "0"], &["batch"]);
    sweep(&["--baseline", &at(folder.path(), "missing.safetensors")], &["missing.safetensors"]);
    run(&["robust", "recalibrate", "--lambdas", "0.3,0.3"], &["lambdas"]);
    run(&["robust", "recalibrate", "--layers", "conv9"], &["conv9"]);
    run(&["robust", "recalibrate", "--images", "0"], &["images"]);
    for lambda in ["-0.1", "nan", "loud"] {
        run(&["eval", "--lambda", lambda], &["lambda", lambda, "auto-free"]);
    }
    run(&["eval", "--lambda", "auto-pink"], &["lambda = auto-pink", "impulse"]);
    run(&["eval", "--lambda", "auto-shot"], &["auto-shot", "sdnet robust calibrate"]);
    assert_eq!(sdnet(&["eval", "--weights", "w", "--no-recalibrate", "--statistics", "own"]).status.code(), Some(2));
    assert_eq!(sdnet(&["robust"]).status.code(), Some(2));

    // Without a sparse coding layer there is no lambda.
    let plain = ["--model", "resnet18", "--width", "64", "--in-channels", "3", "--classes", "10"];
    let flags = ["robust", "recalibrate", "--weights", "nowhere.safetensors", "--data", "fashion-mnist-small"];
    refuses(&[&flags[..], &plain].concat(), &["nowhere.safetensors"]);
}

#[test]
fn a_certificate_stands_beside_what_an_attack_finds() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let weights = tiny_network(folder.path(), &data, "sdnet18");
    let resnet = tiny_network(folder.path(), &data, "resnet18");
    let out = at(folder.path(), "certificate.csv");
    let certificate = |weights: &str, more: &[&str]| {
        let of = ["robust", "certificate", "--data", &data, "--images", "3", "--steps", "3", "--weights", weights];
        [&of[..], more].concat().iter().map(|s| s.to_string()).collect::<Vec<_>>()
    };
    let run = |of: Vec<String>| succeeds(&of.iter().map(String::as_str).collect::<Vec<_>>());
    let refused = |of: Vec<String>, words: &[&str]| {
        refuses(&of.iter().map(String::as_str).collect::<Vec<_>>(), words);
    };
    let said =
        run(certificate(&weights, &["--lambdas", "0.1,0.5", "--epsilon", "4,0.5", "--batch", "2", "--out", &out]));
    assert!(said.contains("coherence") && said.contains("\nlambda 0.1: ") && said.contains("\nlambda 0.5: "), "{said}");
    let csv = std::fs::read_to_string(&out).unwrap();
    let rows = csv.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>()).collect::<Vec<_>>();
    assert_eq!(rows.len(), 6, "{csv}");
    for row in &rows {
        let [l2, linf] = [row[3], row[4]].map(|v| v.parse::<f64>().unwrap());
        assert!(0.0 < linf && linf <= l2 && l2 < 1.0, "{row:?}");
        assert!(["0", "106", "213"].contains(&row[1]), "{row:?}");
        assert!(["0", "0.5", "4", ""].contains(&row[7]) && ["appears", "vanishes"].contains(&row[6]), "{row:?}");
    }
    // The same images, with a batch of another size and an own order of the changes.
    let other = at(folder.path(), "other.csv");
    run(certificate(&weights, &["--epsilon", "0.5,4", "--out", &other]));
    let same = std::fs::read_to_string(&other).unwrap();
    assert_eq!(same.lines().collect::<Vec<_>>(), csv.lines().take(4).collect::<Vec<_>>());

    refused(certificate(&resnet, &[]), &["resnet18", "no sparse coding layer"]);
    refused(certificate(&weights, &["--lambdas", "0"]), &["lambda", "positive"]);
    refused(certificate(&weights, &["--lambdas", "0.2,0.20"]), &["lambdas", "twice"]);
    for epsilon in ["nan", "0", "0.5,-1", "8/0"] {
        refused(certificate(&weights, &["--epsilon", epsilon]), &["epsilon", "above 0"]);
    }
    refused(certificate(&weights, &["--steps", "0"]), &["steps"]);
    refused(certificate(&weights, &["--images", "0"]), &["images"]);
    refused(certificate(&weights, &["--fista-iterations", "0"]), &["iterations", "at least one"]);
    refused(certificate(&weights, &["--out", &at(folder.path(), "certificate.png")]), &["certificate.png", "csv"]);
}
