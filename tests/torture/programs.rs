//! Two programs at once.

use std::process::{Command, Stdio};

use crate::setting::*;

#[test]
fn two_programs_share_an_adapter_but_not_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path(), 40);
    let train = |out: &str| {
        let mut command = Command::new(program());
        command.args(["train", "--data", &data, "--width", "2", "--batch", "8", "--lr", "0.02"]);
        command
            .args(["--epochs", &times(6, 40).to_string(), "--out", out])
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    };
    let (a, b) = (at(folder.path(), "a"), at(folder.path(), "b"));
    let (one, mut other) = (train(&a).spawn().unwrap(), train(&b).spawn().unwrap());
    // While they run, a third is refused the folder of the first.
    while !folder.path().join("a/.lock").exists() {
        assert!(other.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    let third = train(&a).arg("--overwrite").output().unwrap();
    assert_eq!(third.status.code(), Some(1));
    assert!(text(&third.stderr).contains("another program is training"), "{}", text(&third.stderr));
    for (name, child) in [("a", one), ("b", other)] {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
    }
    let end = |out: &str| std::fs::read(std::path::Path::new(out).join("last.safetensors")).unwrap();
    assert!(end(&a) == end(&b), "two trainings at once end alike");
}
