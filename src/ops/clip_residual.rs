//! Outliers of a signal, by what its reconstruction does not explain.

use super::over;
use crate::error::{Error, Result};
use crate::gpu::Constant;
use crate::shaders;
use crate::tape::{Tape, Var};
use crate::tensor::{Tensor, same_shape};

/// `<x - r, x> / |x - r|^2` of each sample of `x: [n, ..]`, `x - r` being its reconstruction: `[n]`.
fn reconstruction_scale(x: &Tensor, residual: &Tensor) -> Result<Tensor> {
    let out = Tensor::uninitialized(x.gpu(), "clip_residual", &x.shape()[..1])?;
    let constants = [("SAMPLES", out.len() as f64), ("SAMPLE", (x.len() / out.len()) as f64)];
    let buffers = super::buffers(&[x, residual, &out]);
    x.gpu().run(&shaders::RECONSTRUCTION_SCALE, &constants, &buffers, out.len())?;
    Ok(out)
}

impl Tape {
    /// `kept + clamp(x - kept, -limit, limit)` where `kept = scale (x - residual)` is the reconstruction of each sample,
    /// scaled by what fits best, `scale = <x - residual, x> / |x - residual|^2`. Few iterations of sparse coding fall
    /// short of the signal by much the same factor everywhere, which is why it is scaled.
    ///
    /// This is one round of solving with an outlier term, `x = A z + e` with `|e|_1` penalised, whose solution for `e` is
    /// what is beyond the limit (Huber's loss). In the gradient the scale is held constant.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Argument`] for a limit that is negative or not finite, [`Error::OutOfMemory`].
    pub fn clip_residual(&self, x: &Var, residual: &Var, limit: f32) -> Result<Var> {
        let (signal, left) = (x.value(), residual.value());
        same_shape("clip_residual", signal, left)?;
        if signal.is_empty() {
            return Err(Error::shape("clip_residual", "at least one sample is needed", &[signal.shape()]));
        }
        if !limit.is_finite() || limit < 0.0 {
            return Err(Error::argument("clip", limit, "must be a finite number that is not negative"));
        }
        let scale = reconstruction_scale(signal, left)?;
        let sample = signal.len() / scale.len();
        let constants: [Constant; 2] = [("SAMPLE", sample as f64), ("LIMIT", f64::from(limit))];
        let out = Tensor::uninitialized(signal.gpu(), "clip_residual", signal.shape())?;
        let tensors = [signal, left, &scale, &out];
        over(signal.gpu(), &shaders::CLIP_RESIDUAL, signal.len(), &constants, &tensors)?;
        let (kept, left, tracked) = (signal.clone(), left.clone(), [x.tracked(), residual.tracked()]);
        Ok(self.record(out, &[x, residual], move |g| {
            let new = || Tensor::uninitialized(g.gpu(), "clip_residual_gradient", g.shape());
            let (x_bar, r_bar) = (new()?, new()?);
            let tensors = [&kept, &left, &scale, g, &x_bar, &r_bar];
            over(g.gpu(), &shaders::CLIP_RESIDUAL_GRADIENT, g.len(), &constants, &tensors)?;
            Ok(vec![tracked[0].then_some(x_bar), tracked[1].then_some(r_bar)])
        }))
    }
}
