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
    // Without a description, the shapes say what network it is; they cannot say how many iterations it was trained with.
    let told = sdnet(&files);
    let words = ["sdnet18_narrow.safetensors is taken for a sdnet18 of width 8", "2 iterations"];
    assert!(
        told.status.success() && words.iter().all(|word| text(&told.stderr).contains(word)),
        "{}",
        text(&told.stderr)
    );
    std::fs::remove_file(&output).unwrap();
    let wrong = ["--model", "sdnet18", "--width", "4", "--in-channels", "1", "--classes", "10"];
    refuses(&[&files[..], &wrong].concat(), &["layer0.0.dn.weight", "[8, 1, 3, 3]", "[4, 1, 3, 3]"]);
    let shortcuts = ["--model", "sdnet18-all", "--width", "8", "--in-channels", "1", "--classes", "10"];
    refuses(&[&files[..], &shortcuts].concat(), &["layer1.layers.0.conv1.dn.weight", "missing"]);
}

/// Files of images that the bundled network knows: two of its own size, one larger and in colour, and a text.
fn pictures(folder: &Path) -> String {
    let inside = folder.join("pictures");
    std::fs::create_dir_all(inside.join("more")).unwrap();
    let pixel = |x: u32, y: u32| image::Luma([((x * 9) ^ (y * 5)) as u8]);
    for name in ["a.png", "b, \"b\".png"] {
        image::GrayImage::from_fn(28, 28, pixel).save(inside.join(name)).unwrap();
    }
    image::RgbImage::from_fn(90, 56, |x, y| image::Rgb([pixel(x, y).0[0]; 3])).save(inside.join("more/c.jpg")).unwrap();
    std::fs::write(inside.join("notes.txt"), "no image").unwrap();
    inside.display().to_string()
}

const BUNDLED: [&str; 3] = ["predict", "--weights", "assets/sdnet18-fashion.safetensors"];

#[test]
fn images_and_folders_become_text_csv_and_json() {
    let folder = tempfile::tempdir().unwrap();
    let inside = pictures(folder.path());
    let output = sdnet(&[&BUNDLED[..], &[&inside]].concat());
    let (said, noted) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && said.lines().count() == 3, "{said}{noted}");
    assert!(said.lines().all(|line| line.ends_with(" %")) && said.contains("c.jpg: "), "{said}");
    for word in ["notes.txt", "1 of 3 images were resized and cropped to 28x28", "1 of 3 images were turned grey"] {
        assert!(noted.contains(word), "{noted}");
    }
    let csv = succeeds(&[&BUNDLED[..], &[&inside, "--top", "2", "--format", "csv"]].concat());
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows = reader.records().collect::<Result<Vec<_>, _>>().unwrap();
    assert!(rows.len() == 3 && rows.iter().all(|row| row.len() == 5) && rows[1][0].ends_with("b, \"b\".png"), "{csv}");
    let json = at(folder.path(), "out.json");
    succeeds(&[&BUNDLED[..], &[&inside, "--top", "10", "--output", &json]].concat());
    let objects: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    for (object, row) in objects.as_array().unwrap().iter().zip(&rows) {
        assert_eq!(object["class"], row[1]);
        let sum = object["top"].as_array().unwrap().iter().map(|g| g["probability"].as_f64().unwrap()).sum::<f64>();
        assert!((sum - 1.0).abs() < 1e-9, "all ten probabilities add up to one: {sum}");
    }
    // The same image as an array of bytes.
    let first = Path::new(&inside).join("a.png");
    let of_file = at(folder.path(), "y.npy");
    succeeds(&[&BUNDLED[..], &[&first.display().to_string(), "--output", &of_file]].concat());
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 28, 28), }\n";
    let head = [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat();
    let (array, of_array) = (at(folder.path(), "x.npy"), at(folder.path(), "z.npy"));
    std::fs::write(&array, [head, image::open(&first).unwrap().into_luma8().into_raw()].concat()).unwrap();
    succeeds(&[&BUNDLED[..], &[&array, "--output", &of_array]].concat());
    assert_eq!(read_npy(Path::new(&of_file)).unwrap(), read_npy(Path::new(&of_array)).unwrap());
}

#[test]
fn a_list_on_standard_input_may_hold_what_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let inside = pictures(folder.path());
    let run = |list: &str, more: &[&str]| {
        let arguments = [&BUNDLED[..], &["-"], more].concat();
        Command::cargo_bin("sdnet").unwrap().args(arguments).write_stdin(list).output().unwrap()
    };
    let a = format!("{inside}/a.png");
    let good = run(&format!("{a}\r\n\n{a}\n"), &["--format", "csv"]);
    assert!(good.status.success() && text(&good.stdout).lines().count() == 3, "{}", text(&good.stderr));
    std::fs::write(Path::new(&inside).join("half.png"), &std::fs::read(&a).unwrap()[..60]).unwrap();
    let mixed = format!("{inside}/half.png\n{a}\n{inside}/none.png\n");
    let bad = run(&mixed, &["--format", "json"]);
    let noted = text(&bad.stderr);
    assert_eq!(bad.status.code(), Some(1));
    for word in ["half.png: is cut short", "none.png", "2 of 3 images could not be read"] {
        assert!(noted.contains(word), "{noted}");
    }
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&bad.stdout).unwrap().as_array().unwrap().len(), 1);
    let never = at(folder.path(), "never.npy");
    assert_eq!(run(&mixed, &["--output", &never]).status.code(), Some(1));
    let none = run(&format!("{inside}/none.png\n"), &["--output", &at(folder.path(), "never.csv")]);
    assert_eq!(none.status.code(), Some(1));
    assert!(!Path::new(&never).exists() && !folder.path().join("never.csv").exists());
    assert_eq!(run("", &[]).status.code(), Some(1));
    for (arguments, words) in [
        (&[&a[..], "--top", "0"][..], &["top = 0"][..]),
        (&[&a, "--output", "x.xlsx"], &["x.xlsx", "--format"]),
        (&[&a, "--format", "npy"], &["--output"]),
        (&[&a, "--size", "0"], &["size"]),
        (&[&a, "x.npy"], &["x.npy", "the only input"]),
        (&[folder.path().to_str().unwrap(), "--batch", "0"], &["batch = 0"]),
    ] {
        refuses(&[&BUNDLED[..], arguments].concat(), words);
    }
}

#[test]
fn foreign_weights_need_a_size_and_a_normalisation() {
    let folder = tempfile::tempdir().unwrap();
    let (weights, inside) = (foreign_weights(folder.path(), "sdnet18_narrow"), pictures(folder.path()));
    let predict = [&["predict", "--weights", &weights, &inside][..], &NARROW].concat();
    refuses(&predict, &["--mean and --std"]);
    let normalized = [&predict[..], &["--mean", "0", "--std", "0.35"]].concat();
    refuses(&normalized, &["c.jpg: is 90x56", "first image is 28x28", "--size"]);
    succeeds(&[&normalized[..], &["--size", "28"]].concat());
}
