//! Clipping of outliers: values far from the reconstruction.

use crate::checks::check_not_negative;
use crate::error::{Error, Result};
use crate::shaders;
use crate::tape::{Tape, Var};
use crate::tensor::{Call, Tensor, same_shape};

/// `<x - r, x> / |x - r|^2` of each sample of `x: [n, ..]`, where `x - r` is its reconstruction: `[n]`.
fn reconstruction_scale(x: &Tensor, residual: &Tensor) -> Result<Tensor> {
    let out = Tensor::uninitialized(x.gpu(), "clip_residual", &x.shape()[..1])?;
    let constants = [("SAMPLE", (x.len() / out.len()) as f64)];
    Call::on(&[x, residual, &out]).constants(&constants).each_group(&shaders::RECONSTRUCTION_SCALE, out.len())?;
    Ok(out)
}

impl Tape {
    /// `kept + clamp(x - kept, -limit, limit)` where `kept = scale (x - residual)` is the reconstruction of each sample,
    /// scaled for the best fit, `scale = <x - residual, x> / |x - residual|^2`. A few iterations of sparse coding fall
    /// short of the signal by nearly the same factor everywhere; hence the scale.
    ///
    /// This is one round of solving with an outlier term, `x = A z + e` with `|e|_1` penalised, whose solution for `e` is
    /// the excess over the limit (Huber's loss). The gradient holds the scale constant.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Argument`] for a limit that is negative or not finite, [`Error::OutOfMemory`].
    pub fn clip_residual(&self, x: &Var, residual: &Var, limit: f32) -> Result<Var> {
        let (signal, left) = (x.value(), residual.value());
        same_shape("clip_residual", signal, left)?;
        if signal.is_empty() {
            return Err(Error::shape("clip_residual", "at least one sample is needed", &[signal.shape()]));
        }
        check_not_negative("clip", limit)?;
        let scale = reconstruction_scale(signal, left)?;
        let (constants, numbers) = ([("SAMPLE", (signal.len() / scale.len()) as f64)], [limit]);
        let out = Tensor::uninitialized(signal.gpu(), "clip_residual", signal.shape())?;
        let tensors = [signal, left, &scale, &out];
        Call::on(&tensors).constants(&constants).numbers(&numbers).each(&shaders::CLIP_RESIDUAL, signal.len())?;
        let (kept, left, tracked) = (signal.clone(), left.clone(), [x.tracked(), residual.tracked()]);
        self.record(out, &[x, residual], move |g| {
            let new = || Tensor::uninitialized(g.gpu(), "clip_residual_gradient", g.shape());
            let (x_bar, r_bar) = (new()?, new()?);
            let tensors = [&kept, &left, &scale, g, &x_bar, &r_bar];
            Call::on(&tensors)
                .constants(&constants)
                .numbers(&numbers)
                .each(&shaders::CLIP_RESIDUAL_GRADIENT, g.len())?;
            Ok(vec![tracked[0].then_some(x_bar), tracked[1].then_some(r_bar)])
        })
    }
}
