//! Words for what an attack is.

use super::args::AttackMode;
use crate::robust::attack::{Method, Norm};

/// The mode in words.
pub fn mode_name(mode: AttackMode) -> &'static str {
    match mode {
        AttackMode::Adaptive => "adaptive",
        AttackMode::TransferLambda => "transfer to another lambda",
        AttackMode::TransferModel => "transfer from another network",
    }
}

/// The attack in words.
pub fn method_name(method: Method) -> &'static str {
    match method {
        Method::Fgsm => "FGSM",
        Method::Pgd => "PGD",
        Method::Apgd => "auto-PGD",
        Method::ApgdDlr => "auto-PGD on the difference of logits ratio",
        Method::ApgdTargeted => "auto-PGD towards classes",
        Method::Ensemble => "ensemble",
        Method::Random => "random search",
    }
}

/// A radius in its usual form: `8/255`, `0.5`, `clean`.
pub fn epsilon_name(norm: Norm, epsilon: f32) -> String {
    let levels = 255.0 * epsilon;
    if epsilon == 0.0 {
        "clean".into()
    } else if norm == Norm::Linf && (levels - levels.round()).abs() < 1e-3 {
        format!("{levels:.0}/255")
    } else {
        epsilon.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radii_are_named_as_one_says_them() {
        let names = [0.0, 8.0 / 255.0, 0.01].map(|e| epsilon_name(Norm::Linf, e));
        assert_eq!(names, ["clean", "8/255", "0.01"]);
        assert_eq!([8.0 / 255.0, 1.0].map(|e| epsilon_name(Norm::L2, e)), ["0.03137255", "1"]);
    }
}
