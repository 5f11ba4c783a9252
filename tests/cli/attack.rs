//! `sdnet attack`

use crate::harness::*;

fn bundled_weights() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/sdnet18-fashion.safetensors").display().to_string()
}

/// Flags for an attack that takes a second or two.
const FEW: [&str; 6] = ["--data", "fashion-mnist-small", "--samples", "6", "--batch", "4"];

/// Attacks the bundled network; returns the JSON object that is printed.
fn attack(out: &str, more: &[&str]) -> serde_json::Value {
    let weights = bundled_weights();
    let flags = ["attack", "--weights", &weights, "--out", out, "--json"];
    // FGSM has no steps.
    let steps: &[&str] = if more.contains(&"fgsm") { &[] } else { &["--steps", "2"] };
    serde_json::from_str(&succeeds(&[&flags[..], &FEW, steps, more].concat())).unwrap()
}

/// The rows of a report, each as (mode, network, made at, judged at, epsilon in levels, accuracy).
fn rows(report: &serde_json::Value) -> Vec<(String, String, String, String, f64, f64)> {
    let row = |r: &serde_json::Value| {
        let levels = (255.0 * r["epsilon"].as_f64().unwrap()).round();
        let [mode, network, made, judged] =
            ["mode", "network", "made_at", "judged_at"].map(|key| r[key].as_str().unwrap().to_owned());
        (mode, network, made, judged, levels, r["accuracy"].as_f64().unwrap())
    };
    report["rows"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn an_adaptive_attack_is_checked_compared_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let (out, resnet) = (at(folder.path(), "attack"), at(folder.path(), "resnet"));
    train(&resnet, &["--model", "resnet18", "--steps", "2"]);
    let baseline = at(Path::new(&resnet), "last.safetensors");
    let more = ["--epsilon", "32/255,4/255", "--lambdas", "0.3", "--baseline", &baseline, "--momentum", "0.5"];
    let report = attack(&out, &more);
    assert_eq!((&report["mode"], &report["attack"], &report["images"]), (&"adaptive".into(), &"pgd".into(), &6.into()));
    let rows = rows(&report);
    let count = |mode: &str, network: &str, levels: f64| {
        rows.iter().filter(|r| r.0 == mode && r.1 == network && r.4 == levels).count()
    };
    assert_eq!((count("clean", "sdnet18", 0.0), count("clean", "baseline resnet18", 0.0)), (2, 1));
    for levels in [4.0, 32.0] {
        for (mode, network, wanted) in
            [("adaptive", "sdnet18", 2), ("check", "sdnet18", 2), ("adaptive", "baseline resnet18", 1)]
        {
            assert_eq!(count(mode, network, levels), wanted, "{mode} {network} {levels}");
        }
    }
    assert_eq!(rows.len(), 13);
    assert!(rows.iter().all(|r| r.2 == r.3), "adaptive attacks are judged where they are made");
    let accuracy = |levels: f64| rows.iter().find(|r| r.1 == "sdnet18" && r.4 == levels).unwrap().5;
    assert!(accuracy(0.0) >= 0.5 && accuracy(32.0) < accuracy(0.0), "{} and {}", accuracy(0.0), accuracy(32.0));
    assert_eq!(report["checks"].as_array().unwrap().len(), 4);
    assert_eq!(report["checks"][0]["queries"], 6, "three for each of two gradients");
    assert!(report["checks"][0]["masked"].is_boolean());

    let read = |name: &str| std::fs::read_to_string(Path::new(&out).join(name)).unwrap();
    assert_eq!(read("attack.csv").lines().count(), 1 + rows.len());
    assert_eq!(serde_json::from_str::<serde_json::Value>(&read("attack.json")).unwrap(), report);
    for word in ["lambda 0.1 (trained)", "lambda 0.3", "baseline resnet18", "adaptive"] {
        assert!(read("accuracy_epsilon.svg").contains(word), "{word}");
    }
    for word in ["clean", "4/255", "32/255", "baseline resnet18, 4/255"] {
        assert!(read("accuracy_lambda.svg").contains(word), "{word}");
    }
    let picture = image::open(Path::new(&out).join("adversarial.png")).unwrap();
    assert!(picture.width() > 300 && picture.height() > 6 * 112);

    let again = attack(&at(folder.path(), "again"), &more);
    assert_eq!((&again["rows"], &again["checks"]), (&report["rows"], &report["checks"]), "a seed gives one attack");
}

#[test]
fn transferred_attacks_are_made_in_one_place_and_judged_in_others_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let (out, resnet) = (at(folder.path(), "attack"), at(folder.path(), "resnet"));
    let few = ["--epsilon", "16/255", "--lambdas", "0.3,0.8", "--mode"];
    let report = attack(&out, &[&few[..], &["transfer-lambda", "--norm", "linf"]].concat());
    let places = |report| {
        let attacks = rows(report).into_iter().filter(|r| r.0 != "clean");
        attacks.map(|r| (r.0, r.2, r.3)).collect::<Vec<_>>()
    };
    let wanted = ["trained", "0.3", "0.8"].map(|judged| ("transfer-lambda".into(), "trained".into(), judged.into()));
    assert_eq!(places(&report), wanted);
    assert_eq!(report["checks"], serde_json::json!([]));

    train(&resnet, &["--model", "resnet18", "--steps", "2"]);
    let source = at(Path::new(&resnet), "last.safetensors");
    let report = attack(&out, &[&few[..], &["transfer-model", "--source", &source, "--attack", "fgsm"]].concat());
    let wanted = ["trained", "0.3", "0.8"].map(|judged| ("transfer-model".into(), "trained".into(), judged.into()));
    assert_eq!(places(&report), wanted);
    assert_eq!((&report["rows"][3]["made_on"], &report["attack"]), (&"source resnet18".into(), &"fgsm".into()));

    let weights = bundled_weights();
    let say = |more: &[&str]| {
        succeeds(&[&["attack", "--weights", &weights, "--out", &out], &FEW[..], &few[..4], more].concat())
    };
    let said = say(&["--mode", "transfer-lambda", "--lambda", "0.2", "--norm", "l2", "--epsilon", "0.5"]);
    for words in ["transfer to another lambda", "made at lambda 0.2", "no measure of robustness", "PGD", "norm l2"] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    let said = say(&["--attack", "random", "--queries", "4", "--lambdas", "0.1"]);
    assert!(said.contains("mode: adaptive") && said.contains("random search"), "{said}");
    // A network without a sparse coding layer has no lambda to be judged at.
    let flags = ["attack", "--weights", &source, "--out", &out, "--epsilon", "0.01", "--no-check"];
    assert!(succeeds(&[&flags[..], &FEW].concat()).contains("resnet18"));
}

#[test]
fn an_adaptive_attack_goes_through_the_choice_of_lambda() {
    let folder = tempfile::tempdir().unwrap();
    let (out, weights) = (at(folder.path(), "attack"), at(folder.path(), "recalibrated.safetensors"));
    let flags = ["robust", "recalibrate", "--data", "fashion-mnist-small", "--images", "20", "--lambdas", "0.1,0.8"];
    succeeds(&[&flags[..], &["--weights", &bundled_weights(), "--out", &weights]].concat());
    let flags = ["attack", "--weights", &weights, "--out", &out, "--epsilon", "16/255", "--lambdas", "auto,0.8"];
    let said = succeeds(&[&flags[..], &FEW, &["--draws", "2", "--lambda", "auto-free"]].concat());
    for words in ["adaptive", "its choice of lambda included", "gradients a step 2", "lambda auto-free", "lambda auto"]
    {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    let read = |name: &str| std::fs::read_to_string(Path::new(&out).join(name)).unwrap();
    assert_eq!(read("attack.csv").matches("adaptive,pgd,linf,sdnet18,sdnet18,auto-free,auto-free,0.0627").count(), 1);
    assert!(read("accuracy_lambda.svg").contains("lambda auto-free, 16/255"));
    // A file that was not recalibrated knows nothing about clean images.
    let flags = ["attack", "--weights", &bundled_weights(), "--out", &out, "--lambdas", "auto"];
    refuses(&[&flags[..], &FEW].concat(), &["auto", "recalibrate"]);
}

#[test]
fn attacks_refuse_what_cannot_work() {
    let folder = tempfile::tempdir().unwrap();
    let (out, weights) = (at(folder.path(), "attack"), bundled_weights());
    let flags = ["attack", "--weights", &weights, "--out", &out];
    let run = |more: &[&str], words: &[&str]| {
        refuses(&[&flags[..], &FEW, more].concat(), words);
        assert!(!Path::new(&out).exists(), "{more:?} has written something");
    };
    for epsilon in ["-0.03", "2", "0", "nan", "8/0"] {
        run(&["--epsilon", epsilon], &["epsilon"]);
    }
    for (flag, value) in [
        ("--steps", "0"),
        ("--restarts", "0"),
        ("--draws", "0"),
        ("--queries", "0"),
        ("--samples", "0"),
        ("--batch", "0"),
        ("--momentum", "-1"),
        ("--step-size", "-0.01"),
        ("--std", "0"),
        ("--data", "nowhere"),
    ] {
        run(&[flag, value], &[&flag[2..]]);
    }
    for lambda in ["-0.1", "0.1,nan", "much", "auto-rain", "auto-shot"] {
        run(&["--lambdas", lambda], &[lambda.split(',').next_back().unwrap().trim_start_matches("auto-")]);
    }
    run(&["--mode", "transfer-lambda", "--lambda", "0.2", "--lambdas", "0.2"], &["lambdas = 0.2", "another one"]);
    run(&["--mode", "transfer-lambda", "--lambdas", "0.1"], &["lambdas = 0.1", "another one"]);
    run(&["--mode", "transfer-model"], &["source", "transfer-model"]);
    run(&["--source", &weights], &["source", "transfer-model"]);
    run(&["--mode", "transfer-model", "--source", "missing.safetensors"], &["missing.safetensors"]);
    run(&["--baseline", "missing.safetensors"], &["missing.safetensors"]);
    assert_eq!(sdnet(&[&flags[..], &["--epsilon", "eight"]].concat()).status.code(), Some(2));

    let resnet = at(folder.path(), "resnet");
    train(&resnet, &["--model", "resnet18", "--steps", "1"]);
    let plain = at(Path::new(&resnet), "last.safetensors");
    for more in [["--lambdas", "0.1"], ["--lambda", "0.1"], ["--mode", "transfer-lambda"]] {
        let flags = ["attack", "--weights", &plain, "--out", &out];
        refuses(&[&flags[..], &FEW, &more].concat(), &["resnet18", "no sparse coding layer"]);
    }
    let file = at(folder.path(), "file");
    std::fs::write(&file, "in the way").unwrap();
    let flags = ["attack", "--weights", &weights, "--out", &at(Path::new(&file), "attack")];
    refuses(&[&flags[..], &FEW].concat(), &["file"]);
}

#[test]
fn flags_of_another_method_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let attack = ["attack", "--weights", "assets/sdnet18-fashion.safetensors", "--out", &at(folder.path(), "a")];
    for (method, flags) in [
        ("fgsm", &["--restarts", "2"][..]),
        ("fgsm", &["--steps", "3"]),
        ("fgsm", &["--no-random-start"]),
        ("random", &["--momentum", "0.5"]),
        ("random", &["--draws", "2"]),
    ] {
        refuses(&[&attack[..], &["--attack", method], flags].concat(), &[&flags[0][2..], method]);
    }
}
