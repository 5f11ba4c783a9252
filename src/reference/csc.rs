//! Convolutional sparse coding by an unrolled solver, forward and backward.

use super::{
    correlation::correlation,
    fista_step::fista_step,
    momentum::{momentum, momentum_coefficients},
    pad::{pad, pad_adjoint},
    residual::residual,
    scale_samples::{scale_by_norm, scale_by_norm_gradient},
    soft_threshold::{ProxTwin, soft_threshold_gradient},
    sum_samples::sum_samples,
    synthesis::synthesis,
    weight_gradient::weight_gradient,
    zip,
};
use crate::shape::{ConvShape, Geometry, PaddingMode};

/// An unrolled solver of `minimise 1/2 |x - A z|^2 + lambda |z|_1 + mu/2 |z|^2` (`z >= 0` if non-negative).
///
/// Source: FISTA, Beck & Teboulle 2009, section 4; SDNet, arXiv 2210.12945 and the authors' code.
#[derive(Clone, Debug, PartialEq)]
pub struct CscTwin {
    /// Iterations `K`, at least 1.
    pub iterations: usize,
    /// Step size `t`, held constant in the backward pass.
    pub step: f64,
    /// Weight of `|z|_1`, one value per sample.
    pub lambda: Vec<f64>,
    /// The rest of the penalty.
    pub prox: ProxTwin,
    /// Whether iterations start from the extrapolated point (FISTA) or the last code (ISTA).
    pub momentum: bool,
    /// Whether the gradient is taken at the last code although the step starts from the extrapolated point (the
    /// authors' code), rather than at that point too (FISTA). It makes a difference from the third iteration on.
    pub gradient_at_code: bool,
    /// Whether the data term is `|x - A z|`, not squared: from the second iteration on, the residual is scaled to norm
    /// 1/2 per sample, the norm held constant in the backward pass. The first iteration is always the plain one.
    pub root_noise: bool,
    /// What the padding of the operator consists of.
    pub padding_mode: PaddingMode,
}

/// What one iteration keeps for the backward pass.
#[derive(Clone, Debug, PartialEq)]
pub struct IterationTwin {
    /// Where the gradient was taken, `[n, code_height, code_width, atoms]`.
    pub point: Vec<f64>,
    /// `x - A point`, not scaled, `[n, height, width, channels]`.
    pub residual: Vec<f64>,
    /// The residual that the step used: as it is, or scaled by its norm.
    pub scaled_residual: Vec<f64>,
    /// The code after the iteration, `[n, code_height, code_width, atoms]`.
    pub code: Vec<f64>,
}

/// All iterations of a forward pass, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// One entry per iteration.
    pub iterations: Vec<IterationTwin>,
}

impl Trace {
    /// The result, `z_K`: `[n, code_height, code_width, atoms]` (empty for a trace without iterations).
    pub fn codes(&self) -> &[f64] {
        self.iterations.last().map_or(&[], |last| &last.code)
    }
}

impl CscTwin {
    /// Runs `K` iterations from `z_0 = 0`. With `y_1 = 0` and `p_k` the point where the gradient is taken, `y_k` or
    /// `z_{k-1}`, and `beta` that of [`momentum_coefficients`] or 0:
    ///
    /// `r_k = x - A p_k`, `z_k = prox(y_k + t A^T r_k)`, `y_{k+1} = z_k + beta_{k+1} (z_k - z_{k-1})`.
    ///
    /// Shapes: `x` is `[n, height, width, channels]`, `w` is `[atoms, kh, kw, channels]`; [`Trace::codes`] is
    /// `[n, code_height, code_width, atoms]`. Source: FISTA, Beck & Teboulle 2009, equations 4.1 to 4.3; SDNet,
    /// arXiv 2210.12945.
    pub fn forward(&self, s: &ConvShape, x: &[f64], w: &[f64]) -> Trace {
        self.unroll(s, x, w, |k, r| if self.is_scaled(k) { scale_by_norm(r, s.n) } else { r.to_vec() })
    }

    /// The gradients `(grad_x, grad_w)` for the upstream gradient `g` on the codes, through all iterations.
    ///
    /// From the last iteration to the first, with `z_bar` the sum of all upstream gradients on `z_k`:
    ///
    /// - `v = z_bar * [z_k != 0] / (1 + t mu)`, `q = t A v` (with root noise also scaled as the residual was),
    /// - `x_bar += q`, `W_bar += t corr(v, r_k) - corr(p_k, q)`, `p_bar = -A^T q`, `y_bar = v` (plus `p_bar` if the
    ///   gradient was taken there, otherwise it goes to `z_{k-1}`),
    /// - `z_{k-1}_bar += (1 + beta_k) y_bar`, `z_{k-2}_bar -= beta_k y_bar`.
    ///
    /// Shapes: `g` is that of the codes, the gradients are those of `x` and `w`. Source: reverse-mode differentiation
    /// of [`forward`](Self::forward).
    pub fn backward(&self, s: &ConvShape, x: &[f64], w: &[f64], trace: &Trace, g: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let codes = trace.codes().len();
        debug_assert_eq!(g.len(), codes);
        let (mut grad_x, mut grad_w) = (vec![0.0; x.len()], vec![0.0; w.len()]);
        // The upstream gradients on the code being differentiated, and on the two before it.
        let mut z_bar = g.to_vec();
        let mut previous_bar = vec![0.0; codes];
        for (k, iteration) in trace.iterations.iter().enumerate().rev() {
            let v = soft_threshold_gradient(&iteration.code, &z_bar, self.step, self.prox);
            let q = self.residual_gradient(s, w, k, iteration, &v);
            add_scaled(&mut grad_x, 1.0, &q);
            add_scaled(&mut grad_w, self.step, &self.weight_gradient(s, &v, &iteration.scaled_residual));
            add_scaled(&mut grad_w, -1.0, &self.weight_gradient(s, &iteration.point, &q));

            let beta = self.beta(k);
            let point_bar: Vec<f64> =
                correlation(&inner(s, self.padding_mode), &self.padded(s, &q), w).iter().map(|v| -v).collect();
            let y_bar = if self.gradient_at_code { v } else { zip(&v, &point_bar, |v, p| v + p) };
            let mut before_previous_bar = vec![0.0; codes];
            add_scaled(&mut previous_bar, 1.0 + beta, &y_bar);
            add_scaled(&mut before_previous_bar, -beta, &y_bar);
            if self.gradient_at_code {
                add_scaled(&mut previous_bar, 1.0, &point_bar);
            }
            (z_bar, previous_bar) = (previous_bar, before_previous_bar);
        }
        (grad_x, grad_w)
    }

    /// `q`, the gradient on the unscaled residual of iteration `k` (from 0) for the gradient `v` on the argument of its
    /// prox.
    fn residual_gradient(&self, s: &ConvShape, w: &[f64], k: usize, iteration: &IterationTwin, v: &[f64]) -> Vec<f64> {
        let q: Vec<f64> = self.synthesis(s, v, w).iter().map(|a| self.step * a).collect();
        if self.is_scaled(k) { scale_by_norm_gradient(&iteration.residual, &q, s.n) } else { q }
    }

    /// The forward pass, with `scaled(k, r)` for the residual `r` of iteration `k` (from 0).
    fn unroll(&self, s: &ConvShape, x: &[f64], w: &[f64], scaled: impl Fn(usize, &[f64]) -> Vec<f64>) -> Trace {
        debug_assert!(self.iterations >= 1);
        debug_assert_eq!(self.lambda.len(), s.n);
        let mut z = vec![0.0; s.codes().iter().product()];
        let mut previous = z.clone();
        let mut iterations = Vec::new();
        for k in 0..self.iterations {
            let y = momentum(&z, &previous, self.beta(k));
            let point = if self.gradient_at_code { z.clone() } else { y.clone() };
            let residual = zip(x, &self.synthesis(s, &point, w), |x, a| x - a);
            let scaled_residual = scaled(k, &residual);
            let (inner, padded) = (inner(s, self.padding_mode), self.padded(s, &scaled_residual));
            let code = fista_step(&inner, Some(&y), &padded, w, self.step, &self.lambda, self.prox);
            previous = std::mem::replace(&mut z, code.clone());
            iterations.push(IterationTwin { point, residual, scaled_residual, code });
        }
        Trace { iterations }
    }

    /// `A^T x = C P x`: the correlation of the signal, as the padding continues it. Shapes: `x` is that of the signal, the
    /// result that of the codes. Source: SDNet, arXiv 2210.12945.
    pub fn analysis(&self, s: &ConvShape, x: &[f64], w: &[f64]) -> Vec<f64> {
        correlation(&inner(s, self.padding_mode), &self.padded(s, x), w)
    }

    /// `P x`, as far as the padding is not left to the correlation.
    fn padded(&self, s: &ConvShape, x: &[f64]) -> Vec<f64> {
        match self.padding_mode {
            PaddingMode::Zero => x.to_vec(),
            mode => pad(s.signal(), s.geometry.padding, mode, x),
        }
    }

    /// `A z = P^T C^T z`, the adjoint of [`analysis`](Self::analysis).
    pub fn synthesis(&self, s: &ConvShape, z: &[f64], w: &[f64]) -> Vec<f64> {
        let signal = synthesis(&inner(s, self.padding_mode), z, w);
        match self.padding_mode {
            PaddingMode::Zero => signal,
            mode => pad_adjoint(s.signal(), s.geometry.padding, mode, &signal),
        }
    }

    fn weight_gradient(&self, s: &ConvShape, z: &[f64], x: &[f64]) -> Vec<f64> {
        weight_gradient(&inner(s, self.padding_mode), z, &self.padded(s, x))
    }

    /// The momentum of iteration `k`, counted from 0.
    fn beta(&self, k: usize) -> f64 {
        if self.momentum && k > 0 { momentum_coefficients(k + 1)[k - 1] } else { 0.0 }
    }

    /// Whether iteration `k`, counted from 0, scales its residual.
    fn is_scaled(&self, k: usize) -> bool {
        self.root_noise && k > 0
    }
}

/// The sizes of the correlation `C` that is applied to a padded signal.
fn inner(s: &ConvShape, mode: PaddingMode) -> ConvShape {
    let padding = s.geometry.padding;
    match mode {
        PaddingMode::Zero => *s,
        _ => ConvShape {
            height: s.height + 2 * padding[0],
            width: s.width + 2 * padding[1],
            geometry: Geometry { padding: [0; 2], ..s.geometry },
            ..*s
        },
    }
}

/// `1/2 |x - A z|^2 + lambda |z|_1 + mu/2 |z|^2` of every sample: `n` values.
///
/// Shapes: `x` is `[n, height, width, channels]`, `z` is `[n, code_height, code_width, atoms]`, `w` is
/// `[atoms, kh, kw, channels]`, `lambda` is `[n]`. Source: SDNet, arXiv 2210.12945.
pub fn objective(s: &ConvShape, x: &[f64], z: &[f64], w: &[f64], lambda: &[f64], mu: f64) -> Vec<f64> {
    debug_assert_eq!(lambda.len(), s.n);
    let data = sum_samples(&residual(s, x, z, w), s.n, 2);
    let squares = sum_samples(z, s.n, 2);
    let mut result = Vec::with_capacity(s.n);
    for (n, code) in z.chunks_exact(z.len() / s.n).enumerate() {
        let l1: f64 = code.iter().map(|z| z.abs()).sum();
        result.push(0.5 * data[n] + lambda[n] * l1 + 0.5 * mu * squares[n]);
    }
    result
}

/// `sum += factor * v`
fn add_scaled(sum: &mut [f64], factor: f64, v: &[f64]) {
    debug_assert_eq!(sum.len(), v.len());
    for (sum, v) in sum.iter_mut().zip(v) {
        *sum += factor * v;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{
        assert_close, central_difference, dot, normalize_atoms::normalize_atoms, power_iteration::power_iteration,
        sequence::sequence,
    };

    struct Case {
        s: ConvShape,
        x: Vec<f64>,
        w: Vec<f64>,
        csc: CscTwin,
    }

    /// FISTA with different lambdas per sample and the step `0.9 / L`.
    fn case(kernel: usize, stride: usize, padding: usize, iterations: usize, prox: ProxTwin) -> Case {
        rectangular_case([kernel; 2], Geometry::square(stride, padding), iterations, prox)
    }

    fn rectangular_case(kernel: [usize; 2], geometry: Geometry, iterations: usize, prox: ProxTwin) -> Case {
        let s = ConvShape::new("test", &[2, 5, 6, 2], &[4, kernel[0], kernel[1], 2], geometry).unwrap();
        let x = sequence(s.signal().iter().product(), 1, 1.0);
        let w = normalize_atoms(&sequence(s.weight().iter().product(), 2, 1.0), s.atoms);
        let v0 = sequence(s.codes().iter().product::<usize>() / s.n, 77, 1.0);
        let (_, lipschitz) = power_iteration(&ConvShape { n: 1, ..s }, &w, &v0, 300);
        let (step, lambda) = (0.9 / lipschitz, vec![0.1, 0.2]);
        let csc = CscTwin {
            iterations,
            step,
            lambda,
            prox,
            momentum: true,
            gradient_at_code: false,
            root_noise: false,
            padding_mode: PaddingMode::Zero,
        };
        Case { s, x, w, csc }
    }

    const NON_NEGATIVE: ProxTwin = ProxTwin { mu: 0.0, non_negative: true };
    const SIGNED_ELASTIC: ProxTwin = ProxTwin { mu: 0.3, non_negative: false };

    /// The smallest distance of a prox argument in any iteration to a kink of the prox.
    fn distance_to_kinks(case: &Case, trace: &Trace) -> f64 {
        let Case { s, w, csc, .. } = case;
        let identity = ProxTwin { mu: 0.0, non_negative: false };
        let zero = vec![0.0; trace.codes().len()];
        let (mut z, mut previous) = (&zero, &zero);
        let mut nearest = f64::INFINITY;
        for (k, iteration) in trace.iterations.iter().enumerate() {
            let y = momentum(z, previous, csc.beta(k));
            let (inner, padded) = (inner(s, csc.padding_mode), csc.padded(s, &iteration.scaled_residual));
            let u = fista_step(&inner, Some(&y), &padded, w, csc.step, &[0.0; 2], identity);
            for (i, u) in u.iter().enumerate() {
                let u = if csc.prox.non_negative { *u } else { u.abs() };
                nearest = nearest.min((u - csc.step * csc.lambda[i / (zero.len() / s.n)]).abs());
            }
            (previous, z) = (z, &iteration.code);
        }
        nearest
    }

    /// Against central differences, with the norms of the residuals frozen where they scale (they are held constant).
    fn assert_gradients(case: &Case) {
        let Case { s, x, w, csc } = case;
        let trace = csc.forward(s, x, w);
        let active = trace.codes().iter().filter(|z| **z != 0.0).count();
        assert!(active > 0 && active < trace.codes().len(), "degenerate: {active} active codes");
        assert!(distance_to_kinks(case, &trace) > 1e-5, "a code is on the threshold");

        let frozen = |k: usize, r: &[f64]| {
            let at = &trace.iterations[k].residual;
            if csc.is_scaled(k) { scale_by_norm_gradient(at, r, s.n) } else { r.to_vec() }
        };
        let g = sequence(trace.codes().len(), 3, 1.0);
        let f = |x: &[f64], w: &[f64]| dot(csc.unroll(s, x, w, frozen).codes(), &g);
        let (grad_x, grad_w) = csc.backward(s, x, w, &trace, &g);
        assert_close(&grad_x, &central_difference(|x| f(x, w), x, 1e-6), 1e-7);
        assert_close(&grad_w, &central_difference(|w| f(x, w), w, 1e-6), 1e-7);
    }

    #[test]
    fn fista_gradients_match_central_differences() {
        for iterations in [1, 2, 4] {
            assert_gradients(&case(3, 1, 1, iterations, NON_NEGATIVE));
        }
        assert_gradients(&case(3, 2, 1, 3, SIGNED_ELASTIC));
        assert_gradients(&case(5, 3, 2, 3, NON_NEGATIVE));
        assert_gradients(&case(1, 1, 0, 3, SIGNED_ELASTIC));
    }

    #[test]
    fn fista_gradients_match_central_differences_where_the_axes_differ() {
        let of = |kernel, stride, padding| rectangular_case(kernel, Geometry { stride, padding }, 3, NON_NEGATIVE);
        assert_gradients(&of([1, 5], [1, 1], [0, 2]));
        assert_gradients(&of([5, 1], [2, 1], [2, 0]));
        assert_gradients(&of([3, 4], [1, 3], [0, 2]));
    }

    #[test]
    fn gradients_match_central_differences_in_every_padding_mode() {
        for padding_mode in PaddingMode::ALL {
            let mut case = case(3, 2, 1, 3, SIGNED_ELASTIC);
            case.csc.padding_mode = padding_mode;
            // A step for the copies in the padding.
            case.csc.step *= 0.43;
            assert_gradients(&case);
        }
    }

    #[test]
    fn ista_gradients_match_central_differences() {
        let mut case = case(3, 1, 1, 4, SIGNED_ELASTIC);
        case.csc.momentum = false;
        assert_gradients(&case);
    }

    #[test]
    fn published_gradients_match_central_differences() {
        let mut case = case(3, 1, 1, 4, NON_NEGATIVE);
        case.csc.gradient_at_code = true;
        assert_gradients(&case);
    }

    #[test]
    fn root_noise_gradients_match_central_differences_with_the_norms_held_constant() {
        for gradient_at_code in [false, true] {
            let mut case = case(3, 2, 1, 4, NON_NEGATIVE);
            (case.csc.gradient_at_code, case.csc.root_noise) = (gradient_at_code, true);
            assert_gradients(&case);
        }
    }

    #[test]
    fn the_published_solver_differs_from_fista_from_the_third_iteration_on() {
        let Case { s, x, w, csc: fista } = case(3, 1, 1, 3, NON_NEGATIVE);
        let published = CscTwin { gradient_at_code: true, ..fista.clone() };
        let (fista, published) = (fista.forward(&s, &x, &w), published.forward(&s, &x, &w));
        assert_eq!(fista.iterations[1].code, published.iterations[1].code);
        assert_ne!(fista.iterations[2].code, published.iterations[2].code);
    }

    #[test]
    fn root_noise_scales_the_residual_from_the_second_iteration_on() {
        let Case { s, x, w, csc: plain } = case(3, 1, 1, 3, NON_NEGATIVE);
        let scaled = CscTwin { root_noise: true, ..plain.clone() };
        let (plain, scaled) = (plain.forward(&s, &x, &w), scaled.forward(&s, &x, &w));
        assert_eq!(plain.iterations[0], scaled.iterations[0]);
        for iteration in &scaled.iterations[1..] {
            assert_close(&sum_samples(&iteration.scaled_residual, s.n, 2), &[0.25; 2], 1e-12);
        }
    }

    #[test]
    fn ista_never_raises_the_objective_and_fista_gets_there_sooner() {
        for prox in [NON_NEGATIVE, SIGNED_ELASTIC] {
            let Case { s, x, w, csc } = case(3, 1, 1, 30, prox);
            let objectives = |csc: &CscTwin| -> Vec<f64> {
                let trace = csc.forward(&s, &x, &w);
                let at = |z: &[f64]| objective(&s, &x, z, &w, &csc.lambda, prox.mu).iter().sum();
                trace.iterations.iter().map(|iteration| at(&iteration.code)).collect()
            };
            let ista = objectives(&CscTwin { momentum: false, ..csc.clone() });
            assert!(ista.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12));
            assert!(objectives(&csc)[29] < ista[29]);
        }
    }

    #[test]
    fn a_solved_problem_meets_its_optimality_conditions() {
        let Case { s, x, w, csc } = case(3, 1, 1, 3000, ProxTwin { mu: 0.3, non_negative: false });
        let trace = csc.forward(&s, &x, &w);
        let z = trace.codes();
        let analysis = correlation(&s, &residual(&s, &x, z, &w), &w);
        for (i, (z, a)) in z.iter().zip(&analysis).enumerate() {
            let lambda = csc.lambda[i / (trace.codes().len() / s.n)];
            let violation = if *z == 0.0 { a.abs() - lambda } else { (a - 0.3 * z - lambda * z.signum()).abs() };
            assert!(violation < 1e-9, "code {i} = {z} violates by {violation}");
        }
    }

    #[test]
    fn the_objective_is_per_sample() {
        let s = ConvShape::new("test", &[2, 1, 2, 1], &[1, 1, 1, 1], Geometry::square(1, 0)).unwrap();
        let (x, z) = ([3.0, 0.0, 1.0, 1.0], [1.0, -1.0, 1.0, 1.0]);
        assert_close(&objective(&s, &x, &z, &[1.0], &[0.5, 2.0], 4.0), &[2.5 + 1.0 + 4.0, 4.0 + 4.0], 1e-15);
    }
}
