//! `sdnet predict`

use crate::harness::*;

#[test]
fn predict_gives_the_golden_logits() {
    let folder = tempfile::tempdir().unwrap();
    let all = ["--model", "sdnet18-all", "--width", "8", "--in-channels", "3", "--classes", "10", "--iterations", "3"];
    for (name, shape, flags) in
        [("sdnet18_narrow", [6, 1, 28, 28], NARROW), ("sdnet18_all_narrow", [4, 3, 24, 24], all)]
    {
        let (weights, input) = (foreign_weights(folder.path(), name), images(folder.path(), shape, |_| ()));
        let output = at(folder.path(), "logits.npy");
        let files = ["predict", "--weights", &weights, "--input", &input, "--output", &output, "--batch", "4"];
        succeeds(&[&files[..], &flags].concat());
        let (shape, logits) = read_npy(Path::new(&output)).unwrap();
        let want = read_safetensors(&golden(name)).unwrap().tensors["eval.logits"].clone();
        assert_eq!(shape, want.0);
        let norm = |v: &mut dyn Iterator<Item = f32>| v.map(|v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt();
        let error = norm(&mut logits.iter().zip(&want.1).map(|(a, b)| a - b)) / norm(&mut want.1.iter().copied());
        assert!(error < 1e-4, "{name}: relative error {error:.1e}");
        let other = at(folder.path(), "other.npy");
        let files = ["predict", "--weights", &weights, "--input", &input, "--output", &other, "--lambda", "0.4"];
        succeeds(&[&files[..], &flags].concat());
        assert_ne!(read_npy(Path::new(&other)).unwrap().1, logits, "lambda has no effect");
    }
}

#[test]
fn bytes_are_normalised_as_the_weights_say_and_raw_pixels_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (weights, bytes) = ("assets/sdnet18-fashion.safetensors", (0..784).map(|i| (i * 37 % 256) as u8));
    let bytes = bytes.collect::<Vec<_>>();
    let file = |name: &str, descr: &str, data: &[u8]| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1, 1, 28, 28), }}\n");
        let head = [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat();
        let path = at(folder.path(), name);
        std::fs::write(&path, [&head[..], data].concat()).unwrap();
        path
    };
    let floats = |scale: f32| bytes.iter().flat_map(|b| (f32::from(*b) / scale).to_le_bytes()).collect::<Vec<_>>();
    let predict = |input: &str| {
        let output = at(folder.path(), "y.npy");
        succeeds(&["predict", "--weights", weights, "--input", input, "--output", &output]);
        read_npy(Path::new(&output)).unwrap().1
    };
    let std = read_safetensors(Path::new(weights)).unwrap().metadata["sdnet"].clone();
    let std = serde_json::from_str::<serde_json::Value>(&std).unwrap()["normalization"]["std"][0].as_f64().unwrap();
    let (of_bytes, of_floats) =
        (predict(&file("b.npy", "|u1", &bytes)), predict(&file("f.npy", "<f4", &floats(255.0 * std as f32))));
    assert!(of_bytes.iter().zip(&of_floats).all(|(a, b)| (a - b).abs() < 1e-3), "{of_bytes:?} {of_floats:?}");
    let (raw, output) = (file("raw.npy", "<f4", &floats(1.0)), at(folder.path(), "never.npy"));
    let words = ["raw.npy", "whole numbers", "uint8"];
    refuses(&["predict", "--weights", weights, "--input", &raw, "--output", &output], &words);
}

#[test]
fn predict_refuses_bad_files_by_name_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let weights = foreign_weights(folder.path(), "sdnet18_narrow");
    let good = images(folder.path(), [2, 1, 28, 28], |_| ());
    let output = at(folder.path(), "never.npy");
    let predict = |weights: &str, input: &str, words: &[&str]| {
        let files = ["predict", "--weights", weights, "--input", input, "--output", &output];
        refuses(&[&files[..], &NARROW].concat(), words);
        assert!(!Path::new(&output).exists());
    };
    let wide = images(folder.path(), [2, 3, 28, 28], |_| ());
    predict(&weights, &wide, &["x[2, 3, 28, 28].npy", "[n, 1, height, width]"]);
    let nan = images(folder.path(), [3, 1, 28, 28], |v| v[5] = f32::NAN);
    predict(&weights, &nan, &["not finite", "index 5"]);
    predict(&weights, &at(folder.path(), "missing.npy"), &["missing.npy"]);
    predict(&at(folder.path(), "missing.safetensors"), &good, &["missing.safetensors"]);
    let mut damaged = read_safetensors(Path::new(&weights)).unwrap();
    damaged.tensors.get_mut("layer2.0.conv1.weight").unwrap().1[7] = f32::NAN;
    let bad = at(folder.path(), "nan.safetensors");
    write_safetensors(Path::new(&bad), &damaged).unwrap();
    predict(&bad, &good, &["nan.safetensors", "layer2.0.conv1.weight", "not finite"]);
    let mut diverging = read_safetensors(Path::new(&weights)).unwrap();
    diverging.tensors.get_mut("linear.weight").unwrap().1.fill(f32::MAX);
    let far = at(folder.path(), "diverging.safetensors");
    write_safetensors(Path::new(&far), &diverging).unwrap();
    predict(&far, &good, &["the scores", "not finite", "step size"]);
    let before = std::fs::read(&good).unwrap();
    let onto = ["predict", "--weights", &weights, "--input", &good, "--output", &good];
    refuses(&[&onto[..], &NARROW].concat(), &["is the input too"]);
    assert_eq!(std::fs::read(&good).unwrap(), before);
    let cut = at(folder.path(), "cut.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    predict(&cut, &good, &["cut.safetensors", "cut short"]);
    let files = ["predict", "--weights", &weights, "--input", &good, "--output", &output];
    refuses(&files, &["sdnet18_narrow.safetensors", "--model"]);
    let wrong = ["--model", "sdnet18", "--width", "4", "--in-channels", "1", "--classes", "10"];
    refuses(&[&files[..], &wrong].concat(), &["layer0.0.dn.weight", "[8, 1, 3, 3]", "[4, 1, 3, 3]"]);
    let shortcuts = ["--model", "sdnet18-all", "--width", "8", "--in-channels", "1", "--classes", "10"];
    refuses(&[&files[..], &shortcuts].concat(), &["layer1.layers.0.conv1.dn.weight", "missing"]);
}
