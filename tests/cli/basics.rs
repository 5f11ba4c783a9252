//! What all commands have in common, and the small commands.

use crate::harness::*;

#[test]
fn a_missing_adapter_names_those_that_there_are() {
    refuses(&["adapters", "--adapter", "no such card"], &["no such card", "(index 0)", "by its index or a part"]);
}

#[test]
fn adapters_says_which_one_is_chosen() {
    assert!(succeeds(&["adapters"]).contains("chosen: "));
    assert!(succeeds(&["adapters", "--json"]).starts_with('{'));
}

#[test]
fn usage_errors_have_exit_code_two() {
    assert_eq!(sdnet(&["train"]).status.code(), Some(2));
    assert_eq!(sdnet(&["fly"]).status.code(), Some(2));
}

#[test]
fn shaders_are_written_in_every_language() {
    let folder = tempfile::tempdir().unwrap();
    for (target, file) in [("wgsl", "relu.wgsl"), ("spirv", "relu.spv"), ("msl", "relu.metal"), ("hlsl", "relu.hlsl")] {
        succeeds(&["shaders", "--target", target, "--out", &at(folder.path(), target)]);
        assert!(folder.path().join(target).join(file).metadata().unwrap().len() > 100);
    }
    assert!(succeeds(&["shaders"]).contains("override"));
}

/// Runs the program with its standard output connected to a pipe that nobody reads, or to a full disk.
fn with_output(output: std::process::Stdio) -> (Option<i32>, String) {
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_sdnet"))
        .arg("shaders")
        .stdout(output)
        .stderr(std::process::Stdio::piped())
        .spawn();
    let output = child.unwrap().wait_with_output().unwrap();
    (output.status.code(), text(&output.stderr))
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(with_output(writer.into()), (Some(0), String::new()));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_under_the_standard_output_is_said() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (code, said) = with_output(full.into());
    assert!(code == Some(1) && said.contains("(standard output)") && !said.contains("panicked"), "{code:?} {said}");
}
