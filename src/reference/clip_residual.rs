//! Clipping of outliers: values far from the reconstruction.

use super::{dot, zip};

/// `<x - r, x> / |x - r|^2`, the factor that best fits the reconstruction `x - r` to the signal `x`; 0 without one.
///
/// Shapes: `x` and `r` are one sample.
pub fn reconstruction_scale(x: &[f64], r: &[f64]) -> f64 {
    let kept = zip(x, r, |x, r| x - r);
    let square = dot(&kept, &kept);
    if square > 0.0 { dot(&kept, x) / square } else { 0.0 }
}

/// `kept + clamp(x - kept, -limit, limit)` with `kept = scale (x - r)` and the [`reconstruction_scale`] of each of
/// `samples`.
///
/// Shapes: `x`, `r` and the result are `[samples, ..]`. Source: the solution for `e` of
/// `min 1/2 |x - A z - e|^2 + limit |e|_1` at fixed `A z` is `x - kept` beyond the limit.
pub fn clip_residual(x: &[f64], r: &[f64], samples: usize, limit: f64) -> Vec<f64> {
    let clip = |(x, r): (&[f64], &[f64])| {
        let scale = reconstruction_scale(x, r);
        zip(x, r, |x, r| x.clamp(scale * (x - r) - limit, scale * (x - r) + limit))
    };
    let size = x.len() / samples;
    x.chunks_exact(size).zip(r.chunks_exact(size)).flat_map(clip).collect()
}

/// The gradients `(gx, gr)` of [`clip_residual`] for the upstream gradient `g`, the scale constant: `(g, 0)` within the
/// limit and `(scale g, -scale g)` beyond it.
///
/// Shapes: all are `[samples, ..]`.
pub fn clip_residual_gradient(x: &[f64], r: &[f64], g: &[f64], samples: usize, limit: f64) -> (Vec<f64>, Vec<f64>) {
    let size = x.len() / samples;
    let (mut gx, mut gr) = (Vec::new(), Vec::new());
    for ((x, r), g) in x.chunks_exact(size).zip(r.chunks_exact(size)).zip(g.chunks_exact(size)) {
        let scale = reconstruction_scale(x, r);
        for ((x, r), g) in x.iter().zip(r).zip(g) {
            let within = (x - scale * (x - r)).abs() <= limit;
            gx.push(if within { *g } else { scale * g });
            gr.push(if within { 0.0 } else { -scale * g });
        }
    }
    (gx, gr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, sequence::sequence};

    #[test]
    fn a_reconstruction_is_scaled_to_fit_and_what_it_does_not_explain_is_clipped() {
        // The reconstruction [1, 1, 1, 0] fits the signal [2, 2, 2, 5] best with a factor of two.
        let (x, r) = ([2.0, 2.0, 2.0, 5.0], [1.0, 1.0, 1.0, 5.0]);
        assert_eq!(reconstruction_scale(&x, &r), 2.0);
        assert_eq!(clip_residual(&x, &r, 1, 0.5), [2.0, 2.0, 2.0, 0.5]);
        assert_eq!(clip_residual(&x, &r, 1, 9.0), x);
        assert_eq!(clip_residual(&x, &r, 1, 0.0), [2.0, 2.0, 2.0, 0.0]);
        // Without a reconstruction, everything is residual.
        assert_eq!(clip_residual(&x, &x, 1, 3.0), [2.0, 2.0, 2.0, 3.0]);
    }

    #[test]
    fn the_gradient_at_constant_scale_matches_central_differences() {
        let (x, r, g) = (sequence(24, 1, 1.0), sequence(24, 2, 0.5), sequence(24, 3, 1.0));
        let scales = [reconstruction_scale(&x[..12], &r[..12]), reconstruction_scale(&x[12..], &r[12..])];
        let at = |x: &[f64], r: &[f64]| {
            let one = |i: usize| {
                let kept = scales[i / 12] * (x[i] - r[i]);
                g[i] * x[i].clamp(kept - 0.25, kept + 0.25)
            };
            (0..24).map(one).sum::<f64>()
        };
        let (gx, gr) = clip_residual_gradient(&x, &r, &g, 2, 0.25);
        assert!(gr.contains(&0.0) && gr.iter().filter(|v| **v != 0.0).count() > 4);
        assert_close(&gx, &central_difference(|x| at(x, &r), &x, 1e-6), 1e-8);
        assert_close(&gr, &central_difference(|r| at(&x, r), &r, 1e-6), 1e-8);
    }
}
