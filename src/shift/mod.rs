//! Shift invariance of max-pooled feature maps (arXiv 2209.11740, 2212.00394).
//!
//! A filter whose spectrum lies in a square of side `kappa` about `theta` gives, max-pooled, nearly the modulus of a complex filter,
//! which hardly moves with its image.
//!
//! | what | where |
//! |---|---|
//! | how far max-pooling is from that, and a modulus from standing still | [`alpha`], [`beta`], [`gamma_squared`] |
//! | filters for which it holds by construction | [`packets`](crate::wavelets::packets), the dual-tree complex wavelet packets |
//! | where a filter's energy lies | [`Concentration`] |
//! | complex filters, such as a learned one made analytic, by their spectra | [`Response`] |
//! | how far max-pooling is from the modulus, and how far both move, on images and for Gaussian ones | [`measured()`], [`Gaussian`] |
//! | both maps on the device, differentiable | [`Extractor`] |
//! | how often predictions change as the image moves | [`flips()`] |

mod bounds;
mod concentration;
mod extractor;
mod flips;
mod fourier;
mod gaussian;
mod measured;
mod response;

pub use bounds::{alpha, beta, gamma_squared};
pub use concentration::Concentration;
pub use extractor::Extractor;
pub use flips::{DIRECTIONS, Flips, flips};
pub use gaussian::{Gaussian, mean_spectrum};
pub use measured::{Measured, measured};
pub use response::Response;
