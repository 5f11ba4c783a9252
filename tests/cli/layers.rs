//! Options of sparse coding layers in `sdnet train`, `sdnet import` and recipes.

use crate::harness::*;

/// What a weights file says of its network.
fn model(path: &str) -> serde_json::Value {
    let file = read_safetensors(Path::new(path)).unwrap();
    serde_json::from_str::<serde_json::Value>(&file.metadata["sdnet"]).unwrap()["model"].clone()
}

#[test]
fn every_option_is_recorded_in_the_weights_and_in_the_recipe_which_trains_the_same_network() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let (out, again) = (at(folder.path(), "a"), at(folder.path(), "b"));
    let size = ["--data", &data, "--width", "2", "--batch", "16", "--epochs", "1", "--steps", "3", "--lr", "0.01"];
    let layers = [
        "--model",
        "sdnet18-all",
        "--signed-codes",
        "--root-noise",
        "--normalize-lambda",
        "--n-dict",
        "2",
        "--max-pool",
        "--padding-mode",
        "replicate",
        "--layer-lambda",
        "layer1=0.02,layer4.layers.1=0.03",
        "--layer-iterations",
        "layer2.layers.0.conv1=3",
        "--mu",
        "0.1",
        "--lambda",
        "0.01",
        "--dictionary-loss",
        "1e-4",
    ];
    succeeds(&[&["train", "--out", &out], &size[..], &layers].concat());
    let (first, recipe) = (at(Path::new(&out), "last.safetensors"), at(Path::new(&out), "recipe.toml"));
    let said = model(&first);
    for (key, value) in [
        ("non_negative", false.into()),
        ("root_noise", true.into()),
        ("normalize_lambda", true.into()),
        ("dictionaries", 2.into()),
        ("padding_mode", "replicate".into()),
        ("max_pool", true.into()),
        ("layer_iterations", serde_json::json!({"layer2.layers.0.conv1": 3})),
    ] {
        assert_eq!(said[key], value, "{key}");
    }
    let toml = std::fs::read_to_string(&recipe).unwrap();
    assert!(toml.contains("dictionary-loss = 0.0001") && toml.contains("layer4.layers.1=0.03"), "{toml}");
    succeeds(&["train", "--recipe", &recipe, "--steps", "3", "--out", &again]);
    let weights = |out: &str| std::fs::read(Path::new(out).join("last.safetensors")).unwrap();
    assert!(weights(&out) == weights(&again), "the recipe trains another network");
    // The file says it all.
    succeeds(&["eval", "--weights", &first, "--data", &data]);
    // PyTorch's format does not say it, but export says how to take it back, to the same scores.
    let (state, back) = (at(folder.path(), "w.pth"), at(folder.path(), "back.safetensors"));
    let said = succeeds(&["export", "--weights", &first, "--out", &state]);
    let flags = said.split("takes it back with ").nth(1).unwrap_or_else(|| panic!("{said}")).split_whitespace();
    succeeds(&[&["import", &state, "--out", &back][..], &flags.collect::<Vec<_>>()].concat());
    let x = images(folder.path(), [2, 1, 12, 12], |_| ());
    let [one, other] = [&first, &back].map(|weights| {
        let y = at(folder.path(), "y.npy");
        succeeds(&["predict", "--weights", weights, &x, "--output", &y]);
        read_npy(Path::new(&y)).unwrap()
    });
    assert_eq!(one, other);
    refuses(
        &["export", "--weights", &first, "--out", &first, "--format", "safetensors"],
        &["would lose its description"],
    );
    // Layers of different lambdas have no one lambda to choose, those of one do.
    let eval = ["eval", "--weights", &first, "--data", &data, "--lambda", "0.5"];
    refuses(&eval, &["layers", "lambdas of their own"]);
    succeeds(&[&eval[..], &["--layers", "first"]].concat());
    // The dictionary loss is part of the training.
    let plain = at(folder.path(), "c");
    succeeds(&["train", "--recipe", &recipe, "--steps", "3", "--dictionary-loss", "0", "--out", &plain]);
    assert!(weights(&out) != weights(&plain));
}

#[test]
fn options_that_fit_no_layer_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (tiny_data(folder.path()), at(folder.path(), "never"));
    let train = |more: &[&'static str]| {
        let mut all = vec!["train", "--data", &data, "--width", "2", "--batch", "16", "--steps", "1", "--out", &out];
        all.extend(more);
        all.into_iter().map(String::from).collect::<Vec<_>>()
    };
    for (more, words) in [
        (&["--layer-lambda", "layer9=0.1"][..], &["layer-lambda = layer9", "layer0.0"][..]),
        (&["--layer-iterations", "layer0=0"], &["layer-iterations = layer0=0", "1 to 10000"]),
        (&["--layer-lambda", "layer0=1,layer0=2"], &["layer0", "twice"]),
        (&["--layer-lambda", "layer0=-1"], &["layer-lambda = layer0=-1"]),
        (&["--max-pool"], &["max-pool", "sdnet-all"]),
        (&["--n-dict", "0"], &["n-dict = 0", "1 to 64"]),
        (&["--model", "resnet18", "--padding-mode", "reflect"], &["padding-mode = reflect", "no sparse coding layer"]),
        (&["--model", "resnet18", "--signed-codes"], &["signed-codes", "no sparse coding layer"]),
        (&["--model", "resnet18", "--dictionary-loss", "0.1"], &["dictionary-loss", "no sparse coding layer"]),
        // 12 x 12 pixels are 2 x 2 in the last stage but one, and 1 x 1 with nothing to mirror in a deeper one.
        (
            &["--model", "sdnet18-all", "--stem", "imagenet", "--padding-mode", "reflect"],
            &["too small for reflect padding"],
        ),
    ] {
        let arguments = train(more);
        refuses(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), words);
        assert!(!Path::new(&out).join("last.safetensors").exists());
    }
    let output = sdnet(&["train", "--layer-lambda", "layer0", "--out", &out]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("NAME=VALUE"), "{}", text(&output.stderr));
}

#[test]
fn what_a_checkpoint_does_not_say_is_given_at_its_import() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = format!("{}/tests/golden/pytorch/training_old.pth.tar", env!("CARGO_MANIFEST_DIR"));
    let out = at(folder.path(), "w.safetensors");
    let import = |more: &[&'static str]| {
        let all = [&["import", &checkpoint, "--out", &out][..], more].concat();
        all.into_iter().map(String::from).collect::<Vec<_>>()
    };
    let of = |more| import(more);
    let arguments = of(&["--padding-mode", "circular", "--signed-codes", "--solver", "published", "--max-pool"]);
    succeeds(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let said = model(&out);
    assert_eq!((&said["padding_mode"], &said["max_pool"]), (&"circular".into(), &true.into()));
    assert_eq!((&said["solver"], &said["non_negative"]), (&"published".into(), &false.into()));
    for (more, words) in [
        (&["--size", "0"][..], &["size = 0x0", "1 to 65536"][..]),
        (&["--class-names", "a,b,a"], &["class-names = a,b,a", "a name of its own"]),
    ] {
        let arguments = of(more);
        refuses(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), words);
    }
    let arguments = of(&["--n-dict", "2"]);
    refuses(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &["n-dict = 2", "room for 1"]);
    let resnet = foreign_weights(folder.path(), "sdnet18_narrow");
    // A first layer of one channel is no two copies.
    refuses(&["import", &resnet, "--out", &out, "--n-dict", "2"], &["n-dict = 2", "1 channels"]);
}
