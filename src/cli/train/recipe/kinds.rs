//! Keys of a recipe that another kind of network, optimizer or schedule has no use for.

use crate::cli::args::coding;
use crate::models::{Kind, ModelConfig, Stem};
use crate::optim::{OptimizerKind, RateSchedule};

/// Flags that choose a kind.
pub(super) const CHOICES: [&str; 5] = ["model", "optimizer", "schedule", "stem", "orthogonal"];

/// Flags, each with those that cannot stand beside it.
pub(super) const OPPOSITES: [(&str, &[&str]); 5] = [
    ("augment", &["no-augment"]),
    ("no-augment", &["augment", "least-area"]),
    ("least-area", &["no-augment"]),
    ("freeze", &["body-rate"]),
    ("body-rate", &["freeze"]),
];

/// The keys that this kind has no use for; none for one that is not known.
pub(super) fn without_use(choice: &str, kind: &str) -> Vec<&'static str> {
    match choice {
        "model" => ModelConfig::named(kind).map_or(Vec::new(), |model| of_networks(model.kind)),
        "optimizer" => match kind.parse() {
            Ok(OptimizerKind::Sgd) => vec!["beta1", "beta2"],
            Ok(OptimizerKind::AdamW) => vec!["momentum", "no-nesterov"],
            Err(_) => Vec::new(),
        },
        "stem" if kind == Stem::Cifar.name() => vec!["pool"],
        "stem" => Vec::new(),
        "orthogonal" => kind.parse().map_or(Vec::new(), |weight: f32| of_orthogonality(weight)),
        _ => match kind.parse() {
            Ok(RateSchedule::Multistep) => vec!["final-lr"],
            Ok(RateSchedule::Cosine) => vec!["milestones"],
            Ok(RateSchedule::Step | RateSchedule::Constant) => vec!["final-lr", "milestones"],
            Err(_) => Vec::new(),
        },
    }
}

fn of_orthogonality(weight: f32) -> Vec<&'static str> {
    if weight == 0.0 { vec!["orthogonal-form"] } else { Vec::new() }
}

fn of_networks(kind: Kind) -> Vec<&'static str> {
    match kind {
        Kind::SdnetAll => Vec::new(),
        Kind::Sdnet => vec!["no-shortcut", "max-pool"],
        Kind::Resnet => {
            let coding = coding(&ModelConfig::default()).into_iter().map(|(key, _)| key);
            coding
                .chain([
                    "layer-lambda",
                    "layer-iterations",
                    "dictionary-loss",
                    "orthogonal",
                    "orthogonal-form",
                    "no-shortcut",
                ])
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_known() {
        let resnet = without_use("model", "resnet34");
        assert!(
            ["lambda", "max-pool", "no-shortcut", "layer-lambda"].iter().all(|key| resnet.contains(key)),
            "{resnet:?}"
        );
        assert_eq!(without_use("model", "sdnet18"), ["no-shortcut", "max-pool"]);
        assert!(without_use("model", "sdnet18-all").is_empty() && without_use("model", "x").is_empty());
        assert_eq!(without_use("optimizer", "adamw"), ["momentum", "no-nesterov"]);
        assert_eq!(without_use("schedule", "constant"), ["final-lr", "milestones"]);
        assert_eq!(without_use("stem", "cifar"), ["pool"]);
        assert!(without_use("stem", "imagenet").is_empty() && without_use("orthogonal", "0.1").is_empty());
        assert_eq!(without_use("orthogonal", "0"), ["orthogonal-form"]);
    }
}
