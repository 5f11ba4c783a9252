//! Optimisation: descent along the gradients of a model's parameters, and how its learning rate changes.

mod gradients;
mod optimizer;
mod rule;
mod schedule;

pub use gradients::ParameterGradients;
pub use optimizer::Optimizer;
pub use rule::{OptimizerKind, Rule};
pub use schedule::RateSchedule;
