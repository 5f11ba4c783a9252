//! Sparse coding: iterations towards `min over z of 1/2 |x - A z|^2 + lambda |z|_1 + mu/2 |z|^2`, and their gradients.
//!
//! | what | where |
//! |---|---|
//! | the operator `A`, the solver's whole view of a dictionary | [`LinearOperator`]; [`Convolution`] is one |
//! | the iterations, and the gradients through them | [`Problem`], [`Tape::solve`](crate::tape::Tape::solve) |
//! | what codes leave of a signal, and as a loss | [`Tape::residual`](crate::tape::Tape::residual), [`Tape::dictionary_loss`](crate::tape::Tape::dictionary_loss) |
//! | the momentum from one iterate to the next | [`Momentum`], [`Solver`] |
//! | the proximal operator | [`Prox`](crate::ops::Prox) |
//! | the step size | [`PowerIteration`], [`step_bound`]; all eigenvalues, [`spectrum`] |

mod bound;
mod explained;
mod gradient;
mod iterate;
mod momentum;
mod operator;
mod power;
mod spectrum;

pub use bound::step_bound;
pub use iterate::{Iteration, Problem};
pub use momentum::{Momentum, Solver};
pub use operator::{Convolution, LinearOperator};
pub use power::PowerIteration;
pub use spectrum::spectrum;

/// Step sizes are this share of `1 / L`, the largest for which convergence is proven; `L` is the largest eigenvalue of
/// `A^T A`.
pub const SAFETY: f32 = 0.9;
