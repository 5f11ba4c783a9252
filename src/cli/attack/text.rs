//! What `sdnet attack` prints.

use super::args::AttackMode;
use super::names::{epsilon_name, method_name, mode_name};
use super::report::{Check, Report};
use crate::robust::attack::{MaskCheck, Method};

/// The title of a picture of adversarial images within this radius.
pub fn title(report: &Report, epsilon: f32) -> String {
    let (method, mode) = (method_name(report.attack), mode_name(report.mode));
    format!("{method}, {}, {mode}, {}", epsilon_name(report.norm, epsilon), report.own_name())
}

/// The whole report as text.
pub fn text(report: &Report) -> String {
    let head = format!("{} on {} images of {}, on {}", report.network, report.images, report.data, report.adapter);
    let mut lines = vec![head, format!("attack: {}", attack(report)), format!("mode: {}", mode(report))];
    lines.push(table(report));
    lines.extend(checks(report));
    lines.join("\n")
}

fn attack(report: &Report) -> String {
    let Report { steps, restarts, momentum, draws, targets, queries, seed, .. } = report;
    let start = if report.random_start { "random points" } else { "the clean images" };
    let more = match report.attack {
        Method::Fgsm => format!("one step, gradients a step {draws}"),
        Method::Pgd => format!(
            "{steps} steps from {start}, restarts {restarts}, momentum {momentum}, gradients a step {draws}, \
             seed {seed}"
        ),
        Method::Apgd | Method::ApgdDlr => {
            format!("{steps} steps from {start}, restarts {restarts}, gradients a step {draws}, seed {seed}")
        }
        Method::ApgdTargeted => {
            format!(
                "{steps} steps from {start} towards up to {targets} classes each, gradients a step {draws}, seed {seed}"
            )
        }
        Method::Ensemble => format!(
            "{steps} steps from {start}, restarts {restarts}, then towards up to {targets} classes each, gradients a step {draws}; \
             then {queries} queries; seed {seed}"
        ),
        Method::Random => format!("seed {seed}"),
    };
    format!("{}, norm {}, {more}", method_name(report.attack), report.norm)
}

fn mode(report: &Report) -> String {
    let name = mode_name(report.mode);
    match report.mode {
        AttackMode::Adaptive => format!("{name}: made on the network as it is judged, its choice of lambda included"),
        AttackMode::TransferLambda => format!(
            "{name}: made at {}, judged at each; no measure of robustness, since an attacker who knows the lambda does \
             better (--mode adaptive)",
            report.own_name()
        ),
        AttackMode::TransferModel => format!(
            "{name}: made on {}, judged at each lambda; no measure of robustness, since an attacker who knows the \
             network does better (--mode adaptive)",
            report.source.as_deref().unwrap_or_default()
        ),
    }
}

fn table(report: &Report) -> String {
    let lines = report.lines();
    let width = lines.iter().map(|line| line.name().len()).max().unwrap_or(0).max(10);
    let names = report.epsilons().into_iter().map(|e| epsilon_name(report.norm, e)).collect::<Vec<_>>();
    let column = names.iter().map(|name| name.len() + 1).max().unwrap_or(0).max(9);
    let heads = names.iter().map(|name| format!("{name:>column$}"));
    let mut text = format!("{:width$}{}", "accuracy %", heads.collect::<String>());
    for line in &lines {
        let cells = report.epsilons().into_iter().map(|e| match line.accuracy(e) {
            Some(accuracy) => format!("{accuracy:>column$.2}"),
            None => format!("{:>column$}", "-"),
        });
        text += &format!("\n{:width$}{}", line.name(), cells.collect::<String>());
    }
    text
}

/// What the random search says about masked gradients.
fn checks(report: &Report) -> Vec<String> {
    let Some(Check { queries, .. }) = report.checks.first() else { return Vec::new() };
    let masked = report.checks.iter().filter(|check| check.found.masked).map(|check| {
        let MaskCheck { only_gradient, only_search, .. } = check.found;
        format!(
            "MASKED GRADIENTS at lambda {}, {}: the search alone broke {only_search} images, the gradients alone \
             {only_gradient}; the accuracy above is no measure of robustness",
            check.lambda,
            epsilon_name(report.norm, check.epsilon)
        )
    });
    let masked = masked.collect::<Vec<_>>();
    let head = format!("check for masked gradients, random search of {queries} queries:");
    match masked.is_empty() {
        true => vec![format!("{head} nowhere better than the gradients")],
        false => std::iter::once(head).chain(masked).collect(),
    }
}
