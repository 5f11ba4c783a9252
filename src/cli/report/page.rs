//! One page that needs nothing else: pictures are part of it, and there are no scripts.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::files::Tested;
use super::run::Run;
use crate::cli::args::stem;
use crate::cli::console::counted;
use crate::cli::pictures::{
    Chart, ChartCurve, EpochPoint, chart_svg, confusion_svg, reliability_svg, training_curves_svg,
};
use crate::error::{Error, Result};
use crate::models::Kind;
use crate::train::Start;

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8886; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); margin-top: 2.5rem; }
figure { margin: 1.5rem 0; overflow-x: auto; }
figure svg, figure img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
figcaption { color: #888; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; padding: .2rem .8rem; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
tbody tr:nth-child(even) { background: var(--soft); }
.side { display: flex; flex-wrap: wrap; gap: 0 2rem; align-items: flex-start; }
";

/// The page on these trainings, at least one.
///
/// # Errors
/// [`Error::File`] if a diagram cannot be drawn.
pub(super) fn page(runs: &[Run]) -> Result<String> {
    let title = match runs {
        [one] => format!("Training {}", one.name),
        many => format!("{} trainings", many.len()),
    };
    let sections =
        runs.iter().enumerate().map(|(i, run)| section(i, run, runs.len() > 1)).collect::<Result<Vec<_>>>()?;
    let overview = if runs.len() > 1 {
        overview(runs)?
    } else {
        html! {}
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                (overview)
                @for section in sections { (section) }
                footer { p { "Written by sdnet " (env!("CARGO_PKG_VERSION")) "." } }
            }
        }
    };
    Ok(page.into_string())
}

/// All trainings beside each other.
fn overview(runs: &[Run]) -> Result<Markup> {
    let curve = |run: &Run| ChartCurve {
        name: run.name.clone(),
        points: run.history().iter().map(|record| (record.epoch as f64, 100.0 * record.test_accuracy)).collect(),
        grey: false,
        level: None,
    };
    let low = runs.iter().flat_map(Run::history).map(|record| record.test_accuracy).fold(1.0, f64::min);
    let chart = Chart {
        title: "Test accuracy".into(),
        x_axis: "epoch".into(),
        y_axis: "accuracy (%)".into(),
        bottom: ((1.2 * low - 0.2).max(0.0) * 10.0).floor() * 10.0,
        peaks: false,
        curves: runs.iter().map(curve).collect(),
    };
    Ok(html! {
        div.scroll { table {
            thead { tr {
                th { "Training" } th { "Network" } th { "Data" } th.n { "Epochs" } th.n { "Best test accuracy" } th.n { "Time" }
            } }
            tbody { @for (i, run) in runs.iter().enumerate() { tr {
                td { a href={ "#run-" (i) } { (run.name) } }
                td { (network(run)) }
                td { (run.recipe.data) }
                td.n { (run.history().len()) }
                td.n { (percent(run.best())) }
                td.n { (duration(seconds(run))) }
            } } }
        } }
        (figure("Test accuracy of all trainings", &drawn("accuracy", chart_svg(&chart))?))
    })
}

fn section(index: usize, run: &Run, several: bool) -> Result<Markup> {
    let points = run.history().iter().map(EpochPoint::from);
    let curves = drawn("curves", training_curves_svg(&points.collect::<Vec<_>>()))?;
    let figures = run.tested.as_ref().map(figures).transpose()?;
    Ok(html! {
        section id={ "run-" (index) } {
            @if several { h2 { (run.name) } }
            p { "Best test accuracy " strong { (percent(run.best())) } " after " (counted(run.history().len(), "epoch")) "." }
            (settings(run))
            (figure("Loss and accuracy, in training and on the test images", &curves))
            @if let Some(figures) = figures { (figures) }
            @for (title, png) in &run.pictures { (picture(title, png)) }
            (epochs(run))
        }
    })
}

/// What was trained, on what and how.
fn settings(run: &Run) -> Markup {
    let (config, model) = (&run.state.config, &run.recipe.model);
    let size = |[height, width]: [usize; 2]| format!("{height}x{width}x{}", model.in_channels);
    let center = run.recipe.center.map_or(String::new(), |center| format!(", the middle {center} of each side"));
    let size = run.recipe.size.map_or(String::new(), |all| format!("{}{center}", size(all)));
    let normalization = run.recipe.normalization.as_ref();
    let sparse = format!("{}, {} iterations, lambda {}, mu {}", model.solver, model.iterations, model.lambda, model.mu);
    let rows = [
        ("Network", network(run)),
        ("Sparse coding layers", if model.kind == Kind::Resnet { "none".into() } else { sparse }),
        ("Data", run.recipe.data.clone()),
        ("Images", size),
        (
            "Held out",
            run.recipe.hold_out.map_or_else(|| "nothing: the data have images to test on".into(), |h| h.to_string()),
        ),
        ("Classes", run.recipe.class_names.join(", ")),
        ("Normalisation", normalization.map_or(String::new(), |n| format!("mean {:?}, deviation {:?}", n.mean, n.std))),
        ("Augmentation", config.augment.map_or_else(|| "none".into(), |a| a.to_string())),
        ("Started from", started_from(run)),
        ("Epochs, batch", format!("{} of {}, {}", run.history().len(), config.epochs, config.batch)),
        ("Learning rate", format!("{}, {}", config.learning_rate, config.schedule)),
        ("Body's learning rate", format!("x {}", config.body_rate)),
        ("Optimizer", config.optimizer_in_words()),
        ("Methods", config.methods_in_words()),
        ("Seed", config.seed.to_string()),
        ("Adapter", adapters(run)),
        ("Time", format!("{}, {:.0} images/s in training", duration(seconds(run)), speed(run))),
    ];
    html! {
        h3 { "Settings" }
        div.scroll { table { tbody {
            @for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) { tr { th { (name) } td { (value) } } }
        } } }
    }
}

/// How good the best weights are.
fn figures(tested: &Tested) -> Result<Markup> {
    let figures = &tested.figures;
    let confusion = drawn("confusion", confusion_svg(&figures.confusion, &tested.class_names))?;
    let reliability = drawn("reliability", reliability_svg(&figures.calibration))?;
    let share = |value: Option<f64>| value.map_or_else(|| "-".into(), percent);
    let most = figures.confusion.most_frequent(5);
    Ok(html! {
        h3 { "Test images" }
        p {
            (tested.weights) " on " (figures.images) " images of " (tested.data) ": top-1 " (percent(figures.accuracy))
            ", top-5 " (percent(figures.top5)) ", loss " (format!("{:.4}", figures.loss))
            ", expected calibration error " (percent(figures.calibration.ece)) "."
        }
        @if !most.is_empty() { p {
            "Most often confused: "
            @for (i, pair) in most.iter().enumerate() {
                @if i > 0 { ", " }
                (tested.class_name(pair.truth)) " taken for " (tested.class_name(pair.guess)) " (" (pair.count) ")"
            }
            "."
        } }
        div.side {
            (figure("Which class is taken for which", &confusion))
            (figure("Accuracy over confidence", &reliability))
        }
        div.scroll { table {
            thead { tr { th { "Class" } th.n { "Images" } th.n { "Precision" } th.n { "Recall" } th.n { "F1" } } }
            tbody { @for (class, of) in figures.classes.iter().enumerate() { tr {
                td { (tested.class_name(class)) }
                td.n { (of.images) }
                td.n { (share(of.precision)) } td.n { (share(of.recall)) } td.n { (share(of.f1)) }
            } } }
        } }
    })
}

fn epochs(run: &Run) -> Markup {
    html! {
        details {
            summary { "Every epoch" }
            div.scroll { table {
                thead { tr {
                    th.n { "Epoch" } th.n { "Steps" } th.n { "Learning rate" } th.n { "Training loss" } th.n { "Training accuracy" }
                    th.n { "Test loss" } th.n { "Test accuracy" } th.n { "Images/s" }
                } }
                tbody { @for record in run.history() { tr {
                    td.n { (record.epoch) } td.n { (record.step) } td.n { (format!("{:.2e}", record.learning_rate)) }
                    td.n { (format!("{:.4}", record.train_loss)) } td.n { (percent(record.train_accuracy)) }
                    td.n { (format!("{:.4}", record.test_loss)) } td.n { (percent(record.test_accuracy)) }
                    td.n { (format!("{:.0}", record.images_per_s)) }
                } } }
            } }
        }
    }
}

fn figure(caption: &str, svg: &str) -> Markup {
    html! { figure role="img" aria-label=(caption) { (PreEscaped(svg)) figcaption { (caption) } } }
}

fn picture(caption: &str, png: &[u8]) -> Markup {
    let source = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png));
    html! { figure { img src=(source) alt=(caption); figcaption { (caption) } } }
}

fn drawn(what: &str, svg: std::result::Result<String, String>) -> Result<String> {
    svg.map_err(|e| Error::file(what, e))
}

fn network(run: &Run) -> String {
    let model = &run.recipe.model;
    format!("{} of width {}, {}", model.name(), model.width, stem(model))
}

fn started_from(run: &Run) -> String {
    let start = run.state.config.start.as_ref();
    let head = |start: &Start| if start.new_head { ", with a new last layer" } else { "" };
    start.map_or_else(|| "the beginning".into(), |start| format!("{}{}", start.weights.display(), head(start)))
}

/// The adapters that epochs ran on, each once.
fn adapters(run: &Run) -> String {
    let mut names =
        run.history().iter().map(|record| &*record.adapter).filter(|name| !name.is_empty()).collect::<Vec<_>>();
    names.dedup();
    names.join(", then ")
}

fn seconds(run: &Run) -> f64 {
    run.history().iter().map(|record| record.seconds).sum()
}

/// The mean speed of the epochs.
fn speed(run: &Run) -> f64 {
    run.history().iter().map(|record| record.images_per_s).sum::<f64>() / run.history().len() as f64
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn duration(seconds: f64) -> String {
    match seconds as u64 {
        s if s < 120 => format!("{seconds:.0} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}
