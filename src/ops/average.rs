//! Exponential moving averages.

use crate::error::Result;
use crate::shaders;
use crate::tensor::{Call, Tensor, same_shape};

/// `average = decay * average + (1 - decay) * value`, in place.
///
/// # Errors
/// [`crate::error::Error::Shape`] if the shapes differ.
pub fn average(average: &Tensor, value: &Tensor, decay: f64) -> Result<()> {
    same_shape("average", average, value)?;
    // The share is found in f64, as decays are close to 1.
    let share = (1.0 - decay) as f32;
    Call::on(&[average, value]).numbers(&[share]).each_four(&shaders::AVERAGE, average.len())
}
