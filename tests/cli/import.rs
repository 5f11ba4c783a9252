//! `sdnet import`, and files of PyTorch wherever weights are taken

use crate::harness::*;

fn checkpoint(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pytorch").join(name).display().to_string()
}

#[test]
fn checkpoints_of_both_formats_become_weights_files_of_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    for (name, said, tensor) in [
        ("training.pth.tar", "sdnet18 of width 1, cifar stem, 1 channel(s) and 3 classes", "layer4.1.conv2.weight"),
        ("training_old.pth.tar", "sdnet18-all without shortcuts of width 1", "layer4.layers.1.conv2.dn.weight"),
    ] {
        let out = at(folder.path(), &format!("{name}.safetensors"));
        let names =
            ["--class-names", "ant,bee,cat", "--mean", "0.1", "--std", "0.3", "--size", "28", "--iterations", "3"];
        let printed = succeeds(&[&["import", &checkpoint(name), "--out", &out][..], &names].concat());
        assert!(
            printed.contains(said) && printed.contains("of epoch 17") && printed.contains("--iterations 3"),
            "{printed}"
        );
        let file = read_safetensors(Path::new(&out)).unwrap();
        let path = checkpoint(name);
        let original = sdnet::files::parse_pytorch(Path::new(&path), &std::fs::read(&path).unwrap()).unwrap().tensors;
        assert!(original.contains_key(tensor));
        for (name, tensor) in original.iter().filter(|(name, _)| !name.ends_with("num_batches_tracked")) {
            let same = file.tensors[name].1.iter().zip(&tensor.1).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same && file.tensors[name].0 == tensor.0, "{name}");
        }
        let recipe: serde_json::Value = serde_json::from_str(&file.metadata["sdnet"]).unwrap();
        assert_eq!((&recipe["model"]["iterations"], &recipe["class_names"][2]), (&3.into(), &"cat".into()));
        // It is a weights file like any other, and the checkpoint itself will do.
        let x = images(folder.path(), [2, 1, 12, 12], |_| ());
        let scores = |weights: &str, more: &[&str]| {
            let y = at(folder.path(), "y.npy");
            succeeds(&[&["predict", "--weights", weights, &x, "--output", &y][..], more].concat());
            read_npy(Path::new(&y)).unwrap()
        };
        assert_eq!(scores(&out, &[]), scores(&checkpoint(name), &["--iterations", "3"]));
        let output = sdnet(&["predict", "--weights", &checkpoint(name), &x]);
        let noted = text(&output.stderr);
        assert!(output.status.success() && noted.contains(said) && noted.contains("2 iterations"), "{noted}");
        refuses(&["import", &out, "--out", &at(folder.path(), "z.safetensors")], &["needs no import"]);
    }
}

#[test]
fn what_cannot_be_imported_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let out = at(folder.path(), "never.safetensors");
    let half = at(folder.path(), "half.pth");
    let whole = std::fs::read(checkpoint("training.pth.tar")).unwrap();
    std::fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    let picture = at(folder.path(), "picture.png");
    std::fs::write(&picture, "precious").unwrap();
    for (arguments, words) in [
        (vec![checkpoint("hostile.pth")], &["hostile.pth", "posix.system"][..]),
        (vec![checkpoint("whole_model.pth")], &["linear.Linear", "state_dict()"]),
        (vec![checkpoint("formats.pth")], &["formats.pth", "layer0.0"]),
        (vec![half], &["half.pth", "PyTorch"]),
        (vec![at(folder.path(), "none.pth")], &["none.pth"]),
        (vec![checkpoint("training.pth.tar"), "--class-names".into(), "a,b".into()], &["class-names = 2", "3 classes"]),
        (vec![checkpoint("training.pth.tar"), "--mean".into(), "0.1".into()], &["mean", "--std"]),
        (vec![checkpoint("training.pth.tar"), "--iterations".into(), "99999".into()], &["iterations"]),
    ] {
        let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
        refuses(&[&["import", "--out", &out][..], &arguments].concat(), words);
        assert!(!Path::new(&out).exists());
    }
    refuses(&["import", &checkpoint("training.pth.tar"), "--out", &picture], &["picture.png", ".safetensors"]);
    refuses(
        &["predict", "--weights", "assets/sdnet18-fashion.safetensors", "--iterations", "3", "x.npy"],
        &["iterations = 3"],
    );
}
