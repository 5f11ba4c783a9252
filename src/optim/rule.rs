//! The rules of descent.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::named::named;
use crate::ops::{AdamWRule, SgdRule, adamw, sgd};
use crate::tensor::Tensor;

/// The kinds of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum.
    #[default]
    Sgd,
    /// Adam with decoupled weight decay.
    AdamW,
}

named!(OptimizerKind as "optimizer" { Sgd = "sgd", AdamW = "adamw" });

/// How a parameter follows its gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// [`sgd`].
    Sgd(SgdRule),
    /// [`adamw`].
    AdamW(AdamWRule),
}

impl From<SgdRule> for Rule {
    fn from(rule: SgdRule) -> Self {
        Self::Sgd(rule)
    }
}

impl From<AdamWRule> for Rule {
    fn from(rule: AdamWRule) -> Self {
        Self::AdamW(rule)
    }
}

impl Rule {
    /// Which kind it is.
    pub fn kind(self) -> OptimizerKind {
        match self {
            Self::Sgd(_) => OptimizerKind::Sgd,
            Self::AdamW(_) => OptimizerKind::AdamW,
        }
    }

    /// Names of the tensors that it keeps for each parameter, all zero at first.
    pub(super) fn kept(self) -> &'static [&'static str] {
        match self {
            Self::Sgd(_) => &["velocity"],
            Self::AdamW(_) => &["first_moment", "second_moment"],
        }
    }

    /// Whether an update depends on how many there have been.
    pub(super) fn counts(self) -> bool {
        matches!(self, Self::AdamW(_))
    }

    /// Update number `t >= 1` of a parameter and of what is kept for it, in place.
    pub(super) fn update(
        self,
        parameter: &Tensor,
        kept: &[Tensor],
        gradient: &Tensor,
        rate: f32,
        t: u32,
    ) -> Result<()> {
        match (self, kept) {
            (Self::Sgd(rule), [velocity]) => sgd(parameter, velocity, gradient, rate, rule),
            (Self::AdamW(rule), [first, second]) => adamw(parameter, [first, second], gradient, rate, rule, t),
            _ => Err(Error::argument("optimizer", self.kind(), "the state is that of another optimizer")),
        }
    }
}
