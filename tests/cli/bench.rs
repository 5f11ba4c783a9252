//! `sdnet bench`

use crate::harness::*;

/// The lines of output of a command that prints JSON.
fn json_lines(said: &str) -> Vec<serde_json::Value> {
    said.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
}

#[test]
fn a_profile_says_what_each_kernel_costs_and_how_near_the_ceilings_it_is() {
    let lines = json_lines(&succeeds(&["bench", "csc-n1", "--mode", "forward", "--steps", "1", "--profile", "--json"]));
    let [ceilings, figures, kernels @ .., all] = &lines[..] else { panic!("{lines:?}") };
    let number = |line: &serde_json::Value, key: &str| line[key].as_f64().unwrap_or_else(|| panic!("{key} of {line}"));
    assert!(number(ceilings, "multiply_add_gflops") > 0.0 && number(ceilings, "copy_gb_per_s") > 0.0);
    assert_eq!((&figures["case"], &figures["batch"]), (&"csc-n1".into(), &1.into()));
    assert!(kernels.len() > 2, "{kernels:?}");
    let sum = |key: &str| kernels.iter().map(|line| number(line, key)).sum::<f64>();
    assert!((sum("share_percent") - 100.0).abs() < 1e-6);
    assert_eq!(all["kernel"], "all");
    assert!((number(all, "time_s") / sum("time_s") - 1.0).abs() < 1e-9 && number(all, "calls") == sum("calls"));
    let step = kernels.iter().find(|line| line["kernel"].as_str().unwrap().starts_with("fista_step_")).unwrap();
    assert_eq!(step["shape"], "1 x 32x32, 64 channels, 64 atoms, k3 s1");
    let percent = 100.0 * number(step, "gflops") / number(ceilings, "multiply_add_gflops");
    assert!((number(step, "multiply_add_percent") / percent - 1.0).abs() < 1e-9);
}

#[test]
fn untypical_shapes_are_compared_with_the_typical_one() {
    let flags = ["--mode", "forward", "--batch", "1", "--steps", "1", "--json"];
    let lines = json_lines(&succeeds(&[&["bench", "--untypical"], &flags[..]].concat()));
    let names = lines.iter().map(|line| line["case"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(names, ["csc-28", "csc-33x31", "csc-c48", "csc-c100", "csc-k5", "csc-n1", "csc-n3"]);
    for line in &lines {
        let number = |key: &str| line[key].as_f64().unwrap_or_else(|| panic!("{key} of {line}"));
        assert!(number("gflops") > 0.0 && (number("ratio") - number("gflops") / number("typical_gflops")).abs() < 1e-9);
        assert_eq!(line["holds"], number("ratio") >= 0.5);
    }
    assert_eq!(sdnet(&["bench", "csc-a", "--untypical"]).status.code(), Some(2));
}

#[test]
fn bench_refuses_what_a_case_does_not_have() {
    refuses(&["bench", "csc-a", "--mode", "infer"], &["csc-a", "forward and train"]);
    refuses(&["bench", "csc-z"], &["csc-z", "csc-a"]);
    refuses(&["bench", "csc-a", "--steps", "0"], &["steps"]);
}
