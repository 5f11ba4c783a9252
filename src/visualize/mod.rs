//! Layer by layer: what sparse coding layers keep of an image, and which pixels class scores depend on.
//!
//! | what | where |
//! |---|---|
//! | inputs and codes of every layer, or of one | [`coded`], [`coded_by`] |
//! | images again, from the codes of a layer: by the syntheses of the layers below, or by gradient descent | [`Syntheses::images`], [`by_descent`] |
//! | what an atom looks like in pixels | [`Syntheses::atoms`], [`atoms_by_gradient`] |
//! | pixels that a class score depends on | [`input_gradient`], [`integrated_gradients`], [`grad_cam`] |

mod atoms;
mod attribution;
mod codes;
mod inversion;
mod synthesis;
mod until;

pub use atoms::atoms_by_gradient;
pub use attribution::{grad_cam, input_gradient, integrated_gradients};
pub use codes::{Coded, coded, coded_by};
pub use inversion::by_descent;
pub use synthesis::{Contrast, Syntheses, fitting_factor, reconstruction};
