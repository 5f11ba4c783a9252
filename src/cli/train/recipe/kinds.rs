//! Keys of a recipe that another kind of network, optimizer or schedule has no use for.

use crate::cli::args::coding;
use crate::models::{Kind, ModelConfig};
use crate::optim::{OptimizerKind, RateSchedule};

/// Flags that choose a kind.
pub(super) const CHOICES: [&str; 3] = ["model", "optimizer", "schedule"];

/// The keys that this kind has no use for; none for one that is not known.
pub(super) fn without_use(choice: &str, kind: &str) -> Vec<&'static str> {
    match choice {
        "model" => ModelConfig::named(kind).map_or(Vec::new(), |model| of_networks(model.kind)),
        "optimizer" => match kind.parse() {
            Ok(OptimizerKind::Sgd) => vec!["beta1", "beta2"],
            Ok(OptimizerKind::AdamW) => vec!["momentum", "no-nesterov"],
            Err(_) => Vec::new(),
        },
        _ => match kind.parse() {
            Ok(RateSchedule::Multistep) => vec!["final-lr"],
            Ok(RateSchedule::Cosine) => vec!["milestones"],
            Ok(RateSchedule::Step | RateSchedule::Constant) => vec!["final-lr", "milestones"],
            Err(_) => Vec::new(),
        },
    }
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
    }
}
