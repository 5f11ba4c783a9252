//! `sdnet visualize`

use crate::harness::*;

#[test]
fn a_network_is_drawn_layer_by_layer() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run, out) = (tiny_data(folder.path()), at(folder.path(), "run"), at(folder.path(), "pictures"));
    let model = ["--model", "sdnet18-all", "--no-shortcut", "--width", "2"];
    let train =
        ["train", "--out", &run, "--data", &data, "--epochs", "1", "--steps", "2", "--batch", "8", "--lr", "0.001"];
    succeeds(&[&train[..], &model].concat());
    let weights = at(Path::new(&run), "last.safetensors");
    let said = succeeds(&["visualize", "--weights", &weights, "--out", &out, "--index", "3", "--descent", "2"]);
    assert!(said.contains("test image 3") && said.contains("layer4.layers.1.conv2"), "{said}");
    let file = |name: &str| Path::new(&out).join(name);
    for name in ["atoms", "codes", "inversion", "lambda", "noise", "attribution"] {
        let picture = image::open(file(&format!("{name}.png"))).unwrap().to_rgb8();
        assert!(picture.width() > 100 && picture.pixels().any(|p| p.0 != picture[(0, 0)].0), "{name}");
        assert!(said.contains(&format!("{name}.png")), "{said}");
    }
    let json = std::fs::read_to_string(file("figures.json")).unwrap();
    let figures: serde_json::Value = serde_json::from_str(&json).unwrap();
    let layers = figures["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 17);
    for layer in layers {
        assert!((0.0..=1.0).contains(&layer["active"].as_f64().unwrap()), "{layer}");
        assert!(layer["residual"].as_f64().unwrap() < 1.001 && layer["obstacle"].is_null(), "{layer}");
        for key in ["psnr_by_synthesis", "psnr_by_fitted_synthesis", "psnr_by_descent"] {
            assert!(layer[key].as_f64().unwrap() > 0.0, "{layer}");
        }
    }
    // More of the image is kept at lower lambdas, and more codes are active.
    let strip = figures["lambda"].as_array().unwrap();
    let active = strip.iter().map(|of| of["active"].as_f64().unwrap()).collect::<Vec<_>>();
    assert!(
        strip.len() == 6 && active.windows(2).all(|pair| pair[0] >= pair[1]) && active[0] > active[5],
        "{active:?}"
    );
    assert_eq!(
        (&figures["noise"]["noise"], figures["noise"]["reconstructions"].as_array().unwrap().len()),
        (&"gaussian".into(), 3)
    );

    // The same command gives the same figures, and one picture alone is that picture.
    let again = succeeds(&[
        "visualize",
        "--weights",
        &weights,
        "--out",
        &at(folder.path(), "one"),
        "--index",
        "3",
        "--only",
        "noise",
        "--json",
    ]);
    let one: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(one["noise"], figures["noise"]);
    assert_eq!((&one["image"], &one["class"]), (&format!("test image 3 of {data}").into(), &"1".into()));
    assert_eq!(std::fs::read_dir(folder.path().join("one")).unwrap().count(), 2);
    assert_eq!(std::fs::read(folder.path().join("one/noise.png")).unwrap(), std::fs::read(file("noise.png")).unwrap());
}

#[test]
fn what_cannot_be_drawn_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run, out) = (tiny_data(folder.path()), at(folder.path(), "run"), at(folder.path(), "pictures"));
    let train = ["train", "--out", &run, "--data", &data, "--epochs", "1", "--steps", "1", "--width", "2"];
    succeeds(&[&train[..], &["--model", "resnet18"]].concat());
    let weights = at(Path::new(&run), "last.safetensors");
    let visualize = |more: &[&str], words: &[&str]| {
        refuses(&[&["visualize", "--weights", &weights, "--out", &out], more].concat(), words);
        assert!(!Path::new(&out).exists(), "{more:?}");
    };
    visualize(&[], &["last.safetensors", "without sparse coding layers", "--only attribution"]);
    visualize(&["--index", "100000"], &["index = 100000", "test images"]);
    visualize(&["--only", "attribution", "--descent", "3"], &["descent = 3", "inversion.png"]);
    visualize(&["--only", "attribution", "--noise", "shot"], &["noise = shot", "noise.png"]);
    visualize(&["--only", "attribution", "--steps", "0"], &["steps = 0"]);
    visualize(&["--level", "-1"], &["level = -1"]);
    let said = succeeds(&[
        "visualize",
        "--weights",
        &weights,
        "--out",
        &out,
        "--only",
        "attribution",
        "--stage",
        "layer3",
        "--steps",
        "4",
    ]);
    assert!(said.contains("integrated gradients of 4 steps") && !said.contains("residual"), "{said}");
    // An image of one's own.
    let own = at(folder.path(), "own.png");
    image::ImageBuffer::from_fn(12, 12, |x, y| image::Luma([(x * y * 2) as u8])).save(&own).unwrap();
    let said = succeeds(&["visualize", &own, "--weights", &weights, "--out", &out, "--only", "attribution", "--json"]);
    assert!(said.contains("own.png") && said.contains("\"class\":null"), "{said}");
    std::fs::write(folder.path().join("file"), "").unwrap();
    refuses(&["visualize", "--weights", &weights, "--out", &at(folder.path(), "file")], &["file"]);
}
