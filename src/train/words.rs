//! How a training trains, in words.

use super::TrainConfig;
use crate::optim::OptimizerKind;

impl TrainConfig {
    /// The optimizer with its constants.
    pub fn optimizer_in_words(&self) -> String {
        let decay = self.weight_decay;
        match self.optimizer {
            OptimizerKind::Sgd => {
                let kind = if self.nesterov { "Nesterov momentum" } else { "momentum" };
                format!("SGD, {kind} {}, weight decay {decay}", self.momentum)
            }
            OptimizerKind::AdamW => format!("AdamW, betas {} and {}, weight decay {decay}", self.beta1, self.beta2),
        }
    }

    /// What it does beside plain descent; empty where that is nothing.
    pub fn methods_in_words(&self) -> String {
        let some = |what: &str, value: f32| (value > 0.0).then(|| format!("{what} {value}"));
        let methods = [
            (self.accumulate > 1).then(|| format!("{} batches a step", self.accumulate)),
            self.clip_norm.map(|most| format!("gradients clipped to norm {most}")),
            self.ema.map(|decay| format!("weights averaged with decay {decay}")),
            some("label smoothing", self.label_smoothing),
            self.mixup.map(|alpha| format!("mixup {alpha}")),
            self.cutmix.map(|alpha| format!("CutMix {alpha}")),
            some("noise of deviations up to", self.noise),
            some("random erasing", self.erase),
            some("dictionary loss", self.dictionary_loss),
            some("dictionaries drawn towards orthogonal ones", self.orthogonal)
                .map(|words| format!("{words} ({})", self.orthogonal_form)),
        ];
        methods.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_on_is_named() {
        let plain = TrainConfig::default();
        assert_eq!(plain.optimizer_in_words(), "SGD, Nesterov momentum 0.9, weight decay 0.0005");
        assert_eq!(plain.methods_in_words(), "");
        let adamw = TrainConfig { ema: Some(0.999), erase: 0.25, ..TrainConfig::of(OptimizerKind::AdamW) };
        assert_eq!(adamw.optimizer_in_words(), "AdamW, betas 0.9 and 0.999, weight decay 0.01");
        assert_eq!(adamw.methods_in_words(), "weights averaged with decay 0.999, random erasing 0.25");
        let drawn = TrainConfig { orthogonal: 0.1, ..plain };
        assert_eq!(drawn.methods_in_words(), "dictionaries drawn towards orthogonal ones 0.1 (block-toeplitz)");
    }
}
