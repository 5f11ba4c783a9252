//! `sdnet interpret`

use sdnet::data::{Split, bundled};
use serde_json::Value;

use crate::harness::*;

const WEIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/sdnet18-fashion.safetensors");

/// Flags by which it takes some seconds.
const FEW: [&str; 10] =
    ["--weights", WEIGHTS, "--data", "fashion-mnist-small", "--reference", "80", "--boundaries", "12", "--batch", "40"];

fn json(more: &[&str]) -> Value {
    serde_json::from_str(&succeeds(&[&["interpret", "--json"], more, &FEW[..]].concat())).unwrap()
}

#[test]
fn an_image_is_interpreted_from_the_data_and_from_a_file_alike() {
    let folder = tempfile::tempdir().unwrap();
    let (picture, file) = (at(folder.path(), "i.png"), at(folder.path(), "x.png"));
    let test = bundled(Split::Test).unwrap();
    image::save_buffer(&file, &test.image(7).unwrap(), 28, 28, image::ColorType::L8).unwrap();
    let found = json(&["--index", "7", "--out", &picture]);
    for key in ["coverage", "purity", "held_out_coverage", "held_out_purity"] {
        assert!(found[key].as_f64().is_some_and(|share| (0.0..=1.0).contains(&share)), "{key}: {found}");
    }
    let count = |key: &str| found[key].as_u64().unwrap_or_else(|| panic!("{key}: {found}"));
    assert_eq!((count("boundaries") + count("lost"), count("reference"), count("held_out")), (12, 80, 80));
    assert!((1..=count("chosen")).contains(&count("kept")) && count("delta") < 80);
    assert_eq!((&found["degenerate"], &found["stage"]), (&false.into(), &"layer3".into()));
    let similar = found["similar"].as_array().unwrap();
    assert!(!similar.is_empty() && similar.iter().all(|near| near["reference"].as_u64().unwrap() < 80));
    let training = bundled(Split::Train).unwrap();
    for near in similar {
        let label = training.labels[near["image"].as_u64().unwrap() as usize];
        assert_eq!(near["label"], training.class_names[usize::from(label)].as_str());
    }
    let drawn = image::open(&picture).unwrap();
    assert!(drawn.width() > 400 && drawn.height() > 400);

    let mut from_file = json(&[&file]);
    assert_eq!((&from_file["label"], &from_file["image"]), (&Value::Null, &file.as_str().into()));
    for key in ["label", "image"] {
        from_file[key] = found[key].clone();
    }
    assert_eq!(from_file, found);
    let other = json(&[&file, "--seed", "1"]);
    assert!(other["steps"] != found["steps"] || other["similar"] != found["similar"]);
}

#[test]
fn a_degenerate_stage_is_said_and_means_are_printed() {
    let said = succeeds(&[&["interpret", "--index", "3", "--stage", "layer4"], &FEW[..]].concat());
    assert!(said.contains("degenerate: 12 boundaries") && said.contains("--stage layer3"), "{said}");
    assert!(said.contains("80 held-out images"), "{said}");
    let said = succeeds(&[&["interpret", "--evaluate", "2"], &FEW[..]].concat());
    for words in ["means over 2 images", "Euclidean distance inside the class", "Grad-CAM", "brightest pixels"] {
        assert!(said.contains(words), "no {words} in {said}");
    }
}

#[test]
fn what_cannot_be_interpreted_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let run = |more: &[&str], words: &[&str]| refuses(&[&["interpret"], more, &FEW[..]].concat(), words);
    run(&["--index", "2000"], &["index = 2000", "2000 test images"]);
    run(&[&at(folder.path(), "no.png")], &["no.png"]);
    let words = at(folder.path(), "words.png");
    std::fs::write(&words, "no image").unwrap();
    run(&[&words], &["words.png", "no image"]);
    run(&["--index", "0", "--out", &at(folder.path(), "i.svg")], &["i.svg", ".png"]);
    let later = |more: &[&str], words: &[&str]| {
        refuses(&[&["interpret", "--index", "0"], &FEW[..], more].concat(), words);
    };
    later(&["--boundaries", "0"], &["boundaries = 0", "1 to 1000"]);
    later(&["--reference", "0"], &["reference = 0"]);
    later(&["--batch", "0"], &["batch = 0"]);
    later(&["--reference", "1"], &["reference = 1"]);
    refuses(&[&["interpret", "--evaluate", "0"], &FEW[..]].concat(), &["evaluate = 0"]);
    for called in [&["--index", "0", "--stage", "layer5"][..], &["--evaluate", "2", "--out", "i.png"], &[]] {
        let output = sdnet(&[&["interpret"], called, &FEW[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{called:?}: {}", text(&output.stderr));
    }

    // A head so steep that float32 does not resolve where two scores are equal.
    let steep = at(folder.path(), "steep.safetensors");
    let mut file = read_safetensors(Path::new(WEIGHTS)).unwrap();
    file.tensors.get_mut("linear.weight").unwrap().1.iter_mut().for_each(|w| *w *= 1e9);
    write_safetensors(Path::new(&steep), &file).unwrap();
    later(&["--weights", &steep, "--boundaries", "3"], &["boundaries = 3", "0 were found"]);

    // A network that takes everything for class 3.
    let (data, out) = (tiny_data(folder.path()), at(folder.path(), "run"));
    let flags = ["--model", "resnet18", "--width", "2", "--epochs", "1", "--steps", "1"];
    succeeds(&[&["train", "--out", &out, "--data", &data], &flags[..]].concat());
    let weights = at(Path::new(&out), "last.safetensors");
    let mut file = read_safetensors(Path::new(&weights)).unwrap();
    file.tensors.get_mut("linear.weight").unwrap().1.fill(0.0);
    let bias = &mut file.tensors.get_mut("linear.bias").unwrap().1;
    bias.iter_mut().enumerate().for_each(|(class, value)| *value = f32::from(u8::from(class == 3)));
    write_safetensors(Path::new(&weights), &file).unwrap();
    let one = ["interpret", "--index", "0", "--weights", &weights, "--reference", "8", "--boundaries", "4"];
    refuses(&one, &["reference = 8", "all are predicted"]);
}
