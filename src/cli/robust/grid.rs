//! The lambdas to try.

use clap::Args;

use crate::error::{Error, Result};
use crate::robust::recalibrate::usual_lambdas;

/// The lambdas to try.
#[derive(Debug, Args)]
pub struct GridArgs {
    /// Lambdas to try, in ascending order [default: 0.1, 0.2 .. 1.0]
    #[arg(long, value_name = "X[,..]", value_delimiter = ',')]
    lambdas: Vec<f32>,
}

impl GridArgs {
    /// The lambdas, ascending; never none.
    ///
    /// # Errors
    /// [`Error::Argument`] unless they are finite, not negative and ascending.
    pub fn lambdas(&self) -> Result<Vec<f32>> {
        let given = &self.lambdas;
        if given.iter().any(|l| !l.is_finite() || *l < 0.0) || given.windows(2).any(|w| w[0] >= w[1]) {
            let reason = "must be finite numbers that are not negative, each greater than the one before";
            return Err(Error::argument("lambdas", format!("{given:?}"), reason));
        }
        Ok(if given.is_empty() { usual_lambdas() } else { given.clone() })
    }
}
