//! The two halves of an iteration of (F)ISTA: the residual, and the proximal gradient step from it.

use super::convolution::{analyse, correlation, shape_of_codes, synthesis, synthesise, weight_gradient};
use super::flag;
use super::soft_threshold::{Prox, check_thresholds, soft_threshold_gradient};
use crate::error::{Error, Result};
use crate::shaders;
use crate::shape::ConvShape;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// `x - A codes`: `[n, height, width, channels]`.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn residual(x: &Tensor, codes: &Tensor, weight: &Tensor, stride: usize, padding: usize) -> Result<Tensor> {
    let &[_, height, width, _] = x.shape() else {
        return Err(Error::shape("residual", "a signal is [n, height, width, channels]", &[x.shape()]));
    };
    let shape = shape_of_codes("residual", codes, weight, stride, padding, (height, width))?;
    if x.shape() != shape.signal() {
        return Err(Error::shape("residual", "signal and codes do not fit", &[x.shape(), codes.shape()]));
    }
    synthesise(&shaders::RESIDUAL, &shape, codes, weight, x)
}

/// What a proximal gradient step is taken with.
#[derive(Clone, Copy, Debug)]
pub struct FistaStep<'a> {
    /// The step, one value on the device.
    pub step: &'a Tensor,
    /// Weight of the l1 term, one value a sample on the device.
    pub lambda: &'a Tensor,
    /// The other terms.
    pub prox: Prox,
    /// Stride of the analysis.
    pub stride: usize,
    /// Padding of the analysis.
    pub padding: usize,
}

impl FistaStep<'_> {
    /// `prox(point + step * A^T residual)`, `point` being zero where there is none.
    fn take(&self, shape: &ConvShape, point: Option<&Tensor>, residual: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let &Self { step, lambda, prox, .. } = self;
        check_thresholds("fista_step", shape.n, step, lambda)?;
        if point.is_some_and(|p| p.shape() != shape.codes()) {
            return Err(Error::shape("fista_step", "the point must have the shape of the codes", &[&shape.codes()]));
        }
        // Without a point the kernel does not read it, but something must be bound.
        let epilogue = [point.unwrap_or(residual), step, lambda];
        let constants = [
            ("HAS_POINT", flag(point.is_some())),
            ("MU", f64::from(prox.mu)),
            ("NON_NEGATIVE", flag(prox.non_negative)),
        ];
        analyse(&shaders::FISTA_STEP, shape, residual, weight, &epilogue, &constants)
    }
}

impl Tape {
    /// `x - A codes`; see [`residual`].
    ///
    /// # Errors
    /// As [`residual`].
    pub fn residual(&self, x: &Var, codes: &Var, weight: &Var, stride: usize, padding: usize) -> Result<Var> {
        let value = residual(x.value(), codes.value(), weight.value(), stride, padding)?;
        let shape = ConvShape::new("residual", value.shape(), weight.value().shape(), stride, padding)?;
        let (codes_kept, weight_kept) = (codes.clone(), weight.clone());
        let x_tracked = x.tracked();
        Ok(self.record(value, &[x, codes, weight], move |g| {
            let minus = Tensor::constant(g.gpu(), -1.0)?;
            let w = weight_kept.value();
            let z_bar = codes_kept.tracked().then(|| correlation(g, w, &minus, stride, padding));
            let w_bar = weight_kept.tracked().then(|| weight_gradient(&shape, codes_kept.value(), g, &minus));
            Ok(vec![x_tracked.then(|| g.clone()), z_bar.transpose()?, w_bar.transpose()?])
        }))
    }

    /// One proximal gradient step, `prox(point + step * A^T residual)`: the new codes
    /// `[n, code_h, code_w, atoms]`. The first step of a solve has no point. Step and lambda are held constant.
    ///
    /// With `v = g [z != 0] / (1 + step mu)`, the gradients are `v` for the point, `step A v` for the residual and
    /// `step corr(v, residual)` for the weights.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn fista_step(&self, point: Option<&Var>, residual: &Var, weight: &Var, with: FistaStep) -> Result<Var> {
        let (r, w) = (residual.value(), weight.value());
        let FistaStep { step, prox, stride, padding, .. } = with;
        let shape = ConvShape::new("fista_step", r.shape(), w.shape(), stride, padding)?;
        let codes = with.take(&shape, point.map(Var::value), r, w)?;
        let (z, residual_kept, weight_kept, step) = (codes.clone(), residual.clone(), weight.clone(), step.clone());
        let inputs = [residual, weight].into_iter().chain(point).collect::<Vec<_>>();
        let point_tracked = point.is_some_and(Var::tracked);
        Ok(self.record(codes, &inputs, move |g| {
            let v = soft_threshold_gradient(&z, g, &step, prox.mu)?;
            let size = (shape.height, shape.width);
            let w = weight_kept.value();
            let r_bar = residual_kept.tracked().then(|| synthesis(&v, w, &step, stride, padding, size));
            let w_bar = weight_kept.tracked().then(|| weight_gradient(&shape, &v, residual_kept.value(), &step));
            Ok(vec![r_bar.transpose()?, w_bar.transpose()?, point_tracked.then_some(v)])
        }))
    }
}
