//! Shift invariance of max-pooled feature maps (arXiv 2209.11740, 2212.00394), on the host in f64.
//!
//! A filter whose spectrum lies in a square of side `kappa` about `theta` gives, max-pooled, nearly the modulus of a complex filter,
//! which hardly moves with its image.
//!
//! | what | where |
//! |---|---|
//! | how far max-pooling is from that, and a modulus from standing still | [`alpha`], [`beta`], [`gamma_squared`] |
//! | filters for which it holds by construction | [`packets`], the dual-tree complex wavelet packets |
//! | where a filter's energy lies | [`Concentration`] |

mod bounds;
mod concentration;
mod packets;

pub use bounds::{alpha, beta, gamma_squared};
pub use concentration::Concentration;
pub use packets::{ComplexKernel, packets};
