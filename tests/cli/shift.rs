//! `sdnet shift`

use crate::harness::*;

fn objects(said: &str) -> Vec<serde_json::Value> {
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn trained(folder: &Path, data: &str, name: &str, more: &[&str]) -> String {
    let out = at(folder, name);
    let flags = ["train", "--out", &out, "--data", data, "--epochs", "1", "--steps", "2"];
    let width = if more.contains(&"--width") { &[][..] } else { &["--width", "4"] };
    succeeds(&[&flags[..], width, more].concat());
    at(Path::new(&out), "last.safetensors")
}

#[test]
fn packets_are_measured_on_mosaics_and_on_photographs() {
    let folder = tempfile::tempdir().unwrap();
    let out = at(folder.path(), "m");
    let said = succeeds(&["shift", "measure", "--count", "1", "--out", &out]);
    assert!(said.contains("32 filters, stride 2") && said.contains("64 bundled test images"), "{said}");
    let csv = std::fs::read_to_string(Path::new(&out).join("measure.csv")).unwrap();
    let rows = csv.lines().skip(1).map(|line| line.split(',').map(|v| v.parse::<f64>().unwrap()).collect::<Vec<_>>());
    let rows = rows.collect::<Vec<_>>();
    assert_eq!(rows.len(), 32 * 16);
    for row in &rows {
        assert!(row.iter().all(|value| value.is_finite()) && row[4] > 0.0 && row[7] > 0.0, "{row:?}");
    }
    // A modulus moves less than a maximum in the mean over filters, and both move further by larger shifts.
    let mean = |column: usize, shift: f64| {
        let all = rows.iter().filter(|row| row[5] == shift && row[6] == 0.0).map(|row| row[column]).collect::<Vec<_>>();
        all.iter().sum::<f64>() / all.len() as f64
    };
    assert!(mean(8, 1.0) < 0.7 * mean(7, 1.0), "{} {}", mean(8, 1.0), mean(7, 1.0));
    assert!(mean(8, 0.25) < mean(8, 1.0) && mean(7, 0.25) < mean(7, 1.0));
    assert!(std::fs::read_to_string(Path::new(&out).join("measure.svg")).unwrap().contains("CMod moved by"));

    let photographs = folder.path().join("photographs");
    std::fs::create_dir(&photographs).unwrap();
    let pixel = |x: u32, y: u32| image::Luma([(x * x * 7 + y * 13 + x * y) as u8]);
    image::ImageBuffer::from_fn(80, 64, pixel).save(photographs.join("a.png")).unwrap();
    let images = photographs.display().to_string();
    let said = succeeds(&["shift", "measure", "--images", &images, "--size", "48", "--levels", "1", "--out", &out]);
    assert!(said.contains("8 filters, stride 1, on 1 image"), "{said}");
    let measure = |more: &[&str], words: &[&str]| {
        refuses(&[&["shift", "measure", "--out", &out], more].concat(), words);
    };
    measure(&["--images", &images, "--size", "20"], &["image side = 20", "at least 28 pixels"]);
    measure(&["--size", "48"], &["size = 48", "--images"]);
    measure(&["--levels", "4"], &["levels = 4", "1 to 3"]);
    measure(&["--count", "1000"], &["count = 1000", "bundled"]);
    measure(&["--count", "0"], &["count = 0"]);
    measure(&["--extractor", "weights"], &["--weights"]);
    measure(&["--weights", "w.safetensors"], &["w.safetensors", "--extractor weights"]);
    measure(&["--images", &at(folder.path(), "nothing")], &["nothing"]);
}

#[test]
fn filters_of_a_first_layer_are_told_and_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    for (name, flags, m) in
        [("csc", &["--model", "sdnet18"][..], "stride 1"), ("conv", &["--model", "resnet18"], "stride 1")]
    {
        let weights = trained(folder.path(), &data, name, flags);
        let svg = at(folder.path(), "f.svg");
        let filters = ["shift", "filters", "--weights", &weights, "--data", "fashion-mnist-small", "--images", "4"];
        let said = succeeds(&[&filters[..], &["--out", &svg]].concat());
        assert!(said.contains(m) && said.contains("says nothing"), "{said}");
        assert!(std::fs::read_to_string(&svg).unwrap().contains("Gaussian model"));
        let all = objects(&succeeds(&[&filters[..], &["--json"]].concat()));
        assert_eq!(all.len(), 4);
        for filter in &all {
            let number = |key: &str| filter[key].as_f64().unwrap();
            assert!(filter["theta"].as_array().unwrap().iter().all(|t| t.as_f64().unwrap().abs() <= 3.2), "{filter}");
            assert!((0.0..=1.0).contains(&number("concentration")) && (0.0..=1.5).contains(&number("gamma_squared")));
            assert!(
                number("gaussian_model") > 0.0 && number("measured") > 0.0 && filter["bound"].is_null(),
                "{filter}"
            );
        }
        refuses(&["shift", "filters", "--weights", &weights], &["image side = 12", "at least 14 pixels"]);
        refuses(&["shift", "filters", "--weights", &weights, "--images", "0"], &["images = 0"]);
        refuses(&["shift", "filters", "--weights", &weights, "--out", &at(folder.path(), "f.png")], &["f.png", ".svg"]);
    }
}

#[test]
fn flips_are_counted_against_a_baseline() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let [own, other] = ["0", "1"].map(|seed| trained(folder.path(), &data, seed, &["--seed", seed]));
    let flips = ["shift", "flips", "--weights", &own, "--images", "8", "--shifts", "2"];
    let said = succeeds(&[&flips[..], &["--baseline", &own]].concat());
    assert!(said.contains("8 images") && said.contains("ten crops"), "{said}");
    let one = objects(&succeeds(&[&flips[..], &["--baseline", &other, "--json", "--batch", "16"]].concat())).remove(0);
    let number = |key: &str| one[key].as_f64().unwrap();
    let rates = one["flip_rates"].as_array().unwrap().iter().map(|rate| rate.as_f64().unwrap()).collect::<Vec<_>>();
    assert!(rates.len() == 3 && (number("flip_rate") - rates.iter().sum::<f64>() / 3.0).abs() < 1e-12);
    // As many shifts in every direction, so that stability and flip rate say the same in the mean.
    assert!((number("stability") + number("flip_rate") - 1.0).abs() < 1e-12, "{one}");
    assert!((0.0..=1.0).contains(&number("accuracy")) && (0.0..=1.0).contains(&number("ten_crop_accuracy")), "{one}");
    assert_eq!(one["baseline"]["weights"], other.as_str());
    refuses(&[&flips[..5], &["0"]].concat(), &["images = 0"]);
    refuses(&[&flips[..6], &["--shifts", "0"]].concat(), &["shifts = 0"]);
    refuses(&[&flips[..6], &["--shifts", "13"]].concat(), &["shifts = 13", "at most 12"]);
    refuses(&[&flips[..6], &["--batch", "18446744073709551615"]].concat(), &["batch", "1 to 100000"]);
}

#[test]
fn networks_with_twin_stems_are_trained_resumed_and_taken_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let flags = ["--model", "resnet18", "--stem", "twin", "--width", "8"];
    let cmod = [&flags[..], &["--pool", "cmod"]].concat();
    let weights = trained(folder.path(), &data, "cmod", &cmod);
    let run = at(folder.path(), "cmod");
    assert!(std::fs::read_to_string(Path::new(&run).join("recipe.toml")).unwrap().contains("pool = \"cmod\""));
    let resume = ["train", "--resume", "--out", &run, "--epochs", "2"];
    refuses(&[&resume[..], &["--pool", "blur"]].concat(), &["pool = blur", "cmod"]);
    succeeds(&resume);
    let filters =
        succeeds(&["shift", "filters", "--weights", &weights, "--data", "fashion-mnist-small", "--images", "2"]);
    assert!(filters.contains("5 filters of stride 2"), "the learnt ones: {filters}");
    succeeds(&["shift", "flips", "--weights", &weights, "--images", "4", "--shifts", "1"]);
    // Other programs' files do not say how a stem pools.
    let exported = at(folder.path(), "w.pth");
    let said = succeeds(&["export", "--weights", &weights, "--out", &exported]);
    assert!(said.contains("--pool cmod") && said.contains("--std"), "{said}");
    let told = [
        "--model",
        "resnet18",
        "--stem",
        "twin",
        "--pool",
        "cmod",
        "--width",
        "8",
        "--in-channels",
        "1",
        "--classes",
        "10",
    ];
    let eval = |weights: &str, more: &[&str]| {
        succeeds(
            &[&["eval", "--json", "--mean", "0.5", "--std", "0.3", "--data", &data, "--weights", weights], more]
                .concat(),
        )
    };
    let figures = |text: String| objects(&text).remove(0)["loss"].as_f64().unwrap();
    assert_eq!(figures(eval(&exported, &told)), figures(eval(&weights, &[])));
    refuses(&["eval", "--weights", &exported, "--data", &data], &["twin stem", "--pool"]);
    refuses(
        &[&["eval", "--weights", &weights, "--data", &data], &told[..]].concat(),
        &["model = resnet18", "leave the flag"],
    );
    let back = at(folder.path(), "c.safetensors");
    refuses(&["import", &exported, "--out", &back], &["twin stem", "--pool"]);
    succeeds(&["import", &exported, "--out", &back, "--pool", "cmod"]);
    assert_eq!(figures(eval(&back, &[])), figures(eval(&weights, &[])));
    let blur = trained(folder.path(), &data, "blur", &["--model", "resnet18", "--stem", "imagenet", "--pool", "blur"]);
    let (exported, back) = (at(folder.path(), "b.pth"), at(folder.path(), "b.safetensors"));
    assert!(succeeds(&["export", "--weights", &blur, "--out", &exported]).contains("--pool blur"));
    succeeds(&["import", &exported, "--out", &back, "--pool", "blur"]);
    assert_eq!(figures(eval(&back, &[])), figures(eval(&blur, &[])));
    refuses(&["import", &exported, "--out", &back, "--pool", "cmod"], &["pool = cmod", "imagenet"]);
    let never = at(folder.path(), "never");
    let train = ["train", "--data", &data, "--out", &never];
    refuses(&[&train[..], &["--stem", "twin"]].concat(), &["stem = twin", "resnet18"]);
    refuses(&[&train[..], &["--pool", "rmax"]].concat(), &["pool = rmax", "cifar"]);
    refuses(&[&train[..], &["--model", "resnet18", "--stem", "twin", "--width", "4"]].concat(), &["width = 4", "8"]);
}
