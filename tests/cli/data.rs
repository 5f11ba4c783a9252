//! `sdnet data`

use crate::harness::*;

/// Pictures of this size in these class folders, three each.
fn pictures(folder: &Path, classes: &[&str], size: [u32; 2]) {
    for class in classes {
        let inside = folder.join(class);
        std::fs::create_dir_all(&inside).unwrap();
        for i in 0..3 {
            let pixel = |x: u32, y: u32| image::Rgb([(x * 7 + i * 31) as u8, (y * 5) as u8, 9]);
            image::RgbImage::from_fn(size[0], size[1], pixel).save(inside.join(format!("{i}.png"))).unwrap();
        }
    }
}

/// What the check says as JSON, whether it succeeds or not.
fn checked(arguments: &[&str], succeeds: bool) -> serde_json::Value {
    let output = sdnet(&[&["data", "--json"], arguments].concat());
    assert_eq!(output.status.code(), Some(if succeeds { 0 } else { 1 }), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stdout)))
}

/// Trains a step with the flags that the check suggests.
fn trains_with(found: &serde_json::Value, out: &str) {
    let flags =
        found["flags"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect::<Vec<_>>().join(" ");
    let flags = flags.split(' ').map(|word| word.trim_matches('\'')).collect::<Vec<_>>();
    let network = ["--model", "resnet18", "--width", "2", "--batch", "4", "--steps", "1", "--out", out];
    succeeds(&[&["train"], &flags[..], &network].concat());
}

fn said(value: &serde_json::Value) -> String {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn everything_that_is_read_is_listed() {
    let text = succeeds(&["data"]);
    for word in
        ["fashion-mnist-small", "data_batch_1.bin", "cifar-100-python", "labels.npy", "idx3-ubyte", "x_train.npy"]
    {
        assert!(text.contains(word), "{word}");
    }
    assert!(text.contains("Nothing is downloaded"));
    let list: serde_json::Value = serde_json::from_str(&succeeds(&["data", "--json"])).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 10);
    assert_eq!(sdnet(&["data", "--size", "32"]).status.code(), Some(2), "--size is for a folder");
}

#[test]
fn what_the_check_suggests_trains() {
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| at(folder.path(), name);
    let idx = checked(&[&tiny_data(folder.path())], true);
    assert_eq!((idx["layout"].as_str().unwrap(), &idx["splits"][1]["images"]), ("IDX files", &320.into()));
    let classes = idx["splits"][0]["classes"].as_array().unwrap();
    assert!(classes.len() == 10 && classes.iter().all(|class| class["images"] == 32));
    trains_with(&idx, &out("idx-run"));

    // Of several sizes, and without a test set.
    let pets = folder.path().join("pets");
    pictures(&pets, &["cat"], [20, 12]);
    pictures(&pets, &["dog"], [16, 40]);
    let found = checked(&[&out("pets")], true);
    assert_eq!(said(&found["flags"]), format!("--data {}\n--size 16\n--hold-out 0.1", out("pets")));
    assert_eq!(found["pictures"]["sizes"], serde_json::json!({ "16x40": 3, "20x12": 3 }));
    trains_with(&found, &out("pets-run"));
    let found = checked(&[&out("pets"), "--size", "8x12", "--hold-out", "0.4"], true);
    assert_eq!((&found["splits"][0]["height"], &found["splits"][0]["width"]), (&8.into(), &12.into()));
    assert!(said(&found["notes"]).contains("--hold-out 0.4"));
    let text = succeeds(&["data", &out("pets")]);
    assert!(text.contains("6 pictures") && text.contains("good for training; flags: --data"), "{text}");

    let cifar = format!("{}/tests/golden/pickles/cifar-10-batches-py", env!("CARGO_MANIFEST_DIR"));
    let found = checked(&[&cifar], true);
    assert_eq!(found["layout"], "cifar10, python version");
    assert_eq!(said(&found["flags"]), format!("--data cifar10\n--root {cifar}"));
    assert!(said(&found["notes"]).contains("is it whole?"));
    trains_with(&found, &out("cifar-run"));
    refuses(&["train", "--data", &cifar, "--out", &out("never")], &["--data cifar10 --root"]);
    assert_eq!(checked(&["cifar10", "--root", &cifar], true)["splits"][0]["images"], 10);
    assert_eq!(checked(&["fashion-mnist-small"], true)["splits"][1]["images"], 2000);
}

#[test]
fn every_damaged_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    pictures(&data.join("train"), &["cat", "dog"], [12, 12]);
    pictures(&data.join("test"), &["cat"], [12, 12]);
    let place = data.display().to_string();
    let found = checked(&[&place], true);
    assert!(said(&found["notes"]).contains("no images to test on of dog"), "{found}");
    let bytes = std::fs::read(data.join("train/cat/0.png")).unwrap();
    std::fs::write(data.join("train/cat/0.png"), &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(data.join("train/dog/2.jpg"), "no picture").unwrap();
    std::fs::write(data.join("test/cat/x.heic"), "").unwrap();
    let found = checked(&[&place], false);
    let refused = said(&found["refused"]);
    for name in ["train/cat/0.png", "train/dog/2.jpg", "test/cat/x.heic"] {
        assert!(refused.contains(name), "{name}: {refused}");
    }
    assert_eq!(found["pictures"]["damaged"].as_array().unwrap().len(), 3);
    let output = sdnet(&["data", &place]);
    assert!(text(&output.stdout).contains("refused: ") && text(&output.stdout).contains("not good for training"));

    let empty = at(folder.path(), "empty");
    std::fs::create_dir(&empty).unwrap();
    let found = checked(&[&empty], false);
    assert!(found["layout"].is_null() && said(&found["refused"]).contains("it is empty"), "{found}");
    assert!(said(&checked(&[&at(folder.path(), "nowhere")], false)["refused"]).contains("neither a folder nor"));
    // One class, and files that do not belong together.
    pictures(&folder.path().join("one"), &["cat"], [12, 12]);
    assert!(said(&checked(&[&at(folder.path(), "one")], false)["refused"]).contains("of one class"));
    let broken = folder.path().join("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("x_train.npy"), "no array").unwrap();
    let refused = said(&checked(&[&broken.display().to_string()], false)["refused"]);
    assert!(refused.contains("x_train.npy") && refused.contains("x_test.npy"), "{refused}");
}
