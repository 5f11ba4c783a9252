//! `scripts/compare-peers`, with stand-ins for sdnet and the peers that only print figures.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A shell script.
fn program(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

/// A stand-in for sdnet: 2, 1 and 4 seconds a step in three rounds, and half of the ceiling except for conv-512.
const OURS: &str = r#"
if [ "$1" = adapters ]; then echo '{"index": 0, "name": "card", "kind": "discrete GPU", "driver": "none"}'; exit; fi
case "$*" in *--profile*)
    echo '{"multiply_add_gflops": 1000.0, "copy_gb_per_s": 100.0}'
    for case in conv-64 conv-128 conv-256; do
        echo "{\"case\": \"$case\", \"kernel\": \"all\", \"multiply_add_percent\": 50.0}"
    done
    echo '{"case": "conv-512", "kernel": "all", "multiply_add_percent": 30.0}'
    exit;;
esac
echo "$2" >>"$0.$2"
case "$2 $(wc -l <"$0.$2" | tr -d ' ')" in
    resnet18*) s=1.9;; *1) s=2;; *2) s=1;; *) s=4;;
esac
echo "{\"case\": \"$2\", \"median_s\": $s, \"gflops\": 12.5, \"peak_device_mib\": 700.0, \"adapter\": \"card\"}"
"#;

/// Runs the script with these programs; returns whether it succeeded, and what it printed and wrote.
struct Compared {
    success: bool,
    said: String,
    table: String,
    record: serde_json::Value,
}

/// `None`, with a message, if there is no Python, which nothing else here needs.
fn compare(ours: &str, burn: Option<&str>, torch: Option<&str>, flags: &[&str]) -> Option<Compared> {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("python3 is not installed: scripts/compare-peers is not tested");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/compare-peers"));
    command.env_remove("BURN_PEER").env_remove("TORCH_PEER").env("TORCH_PYTHON", "/bin/sh");
    command.env("SDNET_BIN", program(folder.path(), "sdnet", ours)).arg("--out").arg(folder.path().join("out"));
    burn.map(|text| command.env("BURN_PEER", program(folder.path(), "burn", text)));
    torch.map(|text| command.env("TORCH_PEER", program(folder.path(), "torch", text)));
    let output = command.args(flags).output().unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join("out").join(name)).unwrap();
    let (table, record) = (read("compare-peers.md"), serde_json::from_str(&read("compare-peers.json")).unwrap());
    let said = String::from_utf8(output.stdout).unwrap();
    Some(Compared { success: output.status.success(), said, table, record })
}

#[track_caller]
fn assert_holds(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|l| l == *line), "no {line:?} in\n{text}");
    }
}

#[test]
fn medians_of_the_rounds_and_their_ratios_are_shown() {
    // A different time in each round, and the arguments that the peer is called with.
    let burn = r#"echo "$*" >>"$0.calls"
        echo "{\"median_s\": $((9 - 3 * $(wc -l <"$0.calls"))).5, \"version\": \"1\", \"case\": \"$*\"}""#;
    let torch = r#"echo '{"median_s": 0.5, "device": "cpu"}'"#;
    let flags = ["csc-a", "--batch", "2", "--steps", "4", "--rounds", "3"];
    let Some(found) = compare(OURS, Some(burn), Some(torch), &flags) else { return };
    assert!(found.success && found.said == found.table, "{}", found.said);
    assert_holds(
        &found.table,
        &[
            "| case, batch 2 | sdnet, s | GFLOP/s | device MiB | Burn on wgpu, s | Burn / sdnet | PyTorch on cpu, s | PyTorch / sdnet |",
            "| csc-a train | 2 | 12.5 | 700 | 3.5 | 1.75 | 0.5 | 0.25 |",
            // The goals are for batch 16.
            "| csc-a train: Burn on wgpu / sdnet | 1.75 | at least 6 | - |",
            "- sdnet ran on: card.",
        ],
    );
    assert_eq!(found.record["ratios"]["burn"]["csc-a"], 1.75);
    let order = found.record["runs"].as_array().unwrap().iter().map(|run| run["program"].as_str().unwrap());
    assert_eq!(order.collect::<Vec<_>>(), ["sdnet", "burn", "torch"].repeat(3));
    assert_eq!(found.record["runs"][1]["figures"]["case"], "csc-a --batch 2 --steps 4 --device wgpu");
}

#[test]
fn the_rows_of_a_gpu_are_filled_in() {
    let peer = |s: &str| format!("echo '{{\"median_s\": {s}}}'");
    let flags = ["--gpu", "--torch-device", "cuda", "--rounds", "1"];
    let Some(found) = compare(OURS, Some(&peer("7.0")), Some(&peer("1.5")), &flags) else { return };
    assert!(found.success);
    assert_holds(
        &found.said,
        &[
            "| sdnet18 train: Burn on vulkan / sdnet | 3.5 | at least 3 | yes |",
            "| sdnet18-all train: PyTorch on cuda / sdnet | 0.75 | at least 0.8 | no |",
            "| resnet18 step / sdnet18 step | 0.95 | at least 0.94 | yes |",
            "| conv-64: percent of the multiply-add ceiling | 50 | at least 45 | yes |",
            "| conv-512: percent of the multiply-add ceiling | 30 | at least 45 | no |",
            "| sdnet18 train: peak device memory, MB | 734 | at most 800 | yes |",
            "- Ceilings: 1000.0 GFLOP/s of multiply-adds, 100.0 GB/s of a copy.",
            "- Burn has no resnet18.",
        ],
    );
    let calls = found.record["runs"].as_array().unwrap().iter().map(|run| run["command"].as_array().unwrap());
    assert!(calls.clone().all(|call| call.iter().any(|word| word == "128")), "the batch of the paper");
}

#[test]
fn what_fails_takes_too_long_or_is_not_there_is_said() {
    let burn = "echo 'thread main panicked' >&2; echo 'no such device' >&2; echo 'note: more' >&2; exit 101";
    let start = std::time::Instant::now();
    let flags = ["csc-d", "--rounds", "1", "--limit", "1"];
    let Some(found) = compare(OURS, Some(burn), Some("sleep 600"), &flags) else { return };
    assert!(start.elapsed().as_secs() < 60, "a run that took too long went on");
    assert!(found.success);
    assert_holds(
        &found.said,
        &[
            "| csc-d train | 2 | 12.5 | 700 | - | - | - | - |",
            "- Burn csc-d: failed: no such device (round 1).",
            "- PyTorch csc-d: over 1 s (round 1).",
            "- Burn ran on: nothing.",
        ],
    );
    let Some(found) = compare(OURS, None, None, &["csc-d", "--rounds", "1"]) else { return };
    assert!(found.success);
    assert_holds(
        &found.said,
        &[
            "| case, batch 16 | sdnet, s | GFLOP/s | device MiB |",
            "- Burn is left out: neither --burn nor BURN_PEER is set.",
        ],
    );
    // Without figures for sdnet there is nothing to compare.
    let broken = r#"if [ "$1" = adapters ]; then exit; fi; echo 'out of order' >&2; exit 1"#;
    let Some(found) = compare(broken, None, None, &["csc-d", "--rounds", "1"]) else { return };
    assert!(!found.success);
    assert_holds(&found.said, &["- sdnet csc-d: failed: out of order (round 1)."]);
}
