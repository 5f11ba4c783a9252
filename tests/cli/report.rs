//! `sdnet report` and `sdnet eval --report`

use crate::harness::*;

/// What a browser makes of a page.
fn opened(page: &str) -> Option<String> {
    let browser = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        std::process::Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    });
    if browser.is_none() && std::env::var_os("SDNET_REQUIRE_BROWSER").is_some() {
        panic!("there is no chromium");
    }
    let flags = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--virtual-time-budget=2000"];
    let output = std::process::Command::new(browser?).args(flags).arg(format!("file://{page}")).output().unwrap();
    Some(text(&output.stdout))
}

#[test]
fn a_page_on_trainings_needs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let data = tiny_data(folder.path());
    let (sparse, plain) = (at(folder.path(), "sparse <b>"), at(folder.path(), "plain"));
    for (out, model) in [(&sparse, "sdnet18"), (&plain, "resnet18")] {
        let flags = ["--model", model, "--width", "2", "--batch", "32", "--epochs", "2", "--lr", "0.02"];
        succeeds(&[&["train", "--data", &data, "--out", out][..], &flags].concat());
    }
    succeeds(&["report", &sparse]);
    let page = at(folder.path(), "both.html");
    succeeds(&["report", &sparse, &plain, "--out", &page]);
    for (page, runs) in [(at(Path::new(&sparse), "report.html"), 1), (page, 2)] {
        let html = std::fs::read_to_string(&page).unwrap();
        // Nothing is fetched, and nothing runs.
        for outside in ["http://", "https://", "<script", "<link", "url("] {
            let found = html.replace("http://www.w3.org/2000/svg", "").contains(outside);
            assert!(!found, "{outside}");
        }
        assert!(!html.contains("<b>") && html.contains("sparse &lt;b&gt;"), "names are text");
        let Some(dom) = opened(&page) else { continue };
        assert_eq!(dom.matches("<section").count(), runs);
        // Curves, confusion and reliability of each; of several, the accuracy of all.
        assert_eq!(dom.matches("<svg").count(), 3 * runs + usize::from(runs > 1));
        assert_eq!(
            dom.matches("src=\"data:image/png;base64,").count(),
            3 * runs - usize::from(runs > 1),
            "atoms of one"
        );
        for word in ["Settings", "Most often confused", "Adapter", "Precision", "</html>"] {
            assert!(dom.contains(word), "{word}");
        }
    }
    refuses(&["report", &at(folder.path(), "none")], &["none", "no training"]);
    std::fs::write(Path::new(&plain).join("figures.json"), "{").unwrap();
    refuses(&["report", &plain], &["figures.json", "damaged"]);
    refuses(&["report", &sparse, "--out", folder.path().to_str().unwrap()], &["is a folder"]);
}

#[test]
fn an_evaluation_says_which_classes_are_taken_for_which() {
    let folder = tempfile::tempdir().unwrap();
    let out = at(folder.path(), "a/report");
    let eval = ["eval", "--weights", "assets/sdnet18-fashion.safetensors", "--data", "fashion-mnist-small"];
    let said = succeeds(&[&eval[..], &["--report", &out]].concat());
    assert!(said.contains("calibration error") && said.contains("confusion.csv"), "{said}");
    let read = |name: &str| std::fs::read_to_string(Path::new(&out).join(name)).unwrap();
    let figures: serde_json::Value = serde_json::from_str(&read("figures.json")).unwrap();
    let mut rows = csv::Reader::from_reader(read("confusion.csv").as_bytes())
        .into_records()
        .map(Result::unwrap)
        .collect::<Vec<_>>();
    let count = |row: &csv::StringRecord, column: usize| row[column].parse::<usize>().unwrap();
    let right = rows.iter().enumerate().map(|(class, row)| count(row, class + 1)).sum::<usize>();
    assert_eq!(figures["accuracy"], right as f64 / 2000.0);
    assert!(rows.iter().all(|row| (1..11).map(|column| count(row, column)).sum::<usize>() == 200));
    assert_eq!(&rows.remove(6)[0], "Shirt");
    let classes = read("classes.csv");
    assert!(classes.starts_with("class,images,guesses,precision,recall,f1\nT-shirt/top,200,"), "{classes}");
    let ece = figures["calibration"]["ece"].as_f64().unwrap();
    assert!((0.001..0.1).contains(&ece), "{ece}");
    for picture in ["mistakes.png", "confusion.svg", "reliability.svg"] {
        assert!(Path::new(&out).join(picture).metadata().unwrap().len() > 5000, "{picture}");
    }
    std::fs::write(folder.path().join("file"), "").unwrap();
    refuses(&[&eval[..], &["--report", &at(folder.path(), "file/x")]].concat(), &["file: is no folder"]);
}
