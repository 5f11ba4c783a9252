//! The bounds of arXiv 2209.11740.

use std::f64::consts::{PI, TAU};

/// `alpha(tau) = |tau|_1 / 2`: by a shift of `u` pixels, the modulus of a filter of bandwidth `kappa` changes by at most
/// `alpha(kappa u)` times itself (inequality 2.9).
pub fn alpha(tau: [f64; 2]) -> f64 {
    (tau[0].abs() + tau[1].abs()) / 2.0
}

/// `beta_q(kappa) = q kappa`, for pooling windows of `2 q + 1` pixels a side and a bandwidth `kappa` after subsampling.
pub fn beta(q: usize, kappa: f64) -> f64 {
    q as f64 * kappa
}

/// The mean square, over phases, of what the maximum over a pooling window of `2 q + 1` pixels a side lacks of the modulus,
/// relative to it, for a wave of frequency `omega` (radians a pixel of the pooled map):
///
/// `gamma_q(omega)^2 = 3/2 + 1/(4 pi) sum over i of (sin d_i - 8 sin(d_i / 2))`,
///
/// where the `d_i` are the `(2 q + 1)^2` gaps, around the circle, between the phases `<omega, p>` of the pixels `p`
/// (arXiv 2209.11740, equation 3.62). Then `E[|CMod - RMax|^2 / |CMod|^2] <= (beta_q(m kappa) + gamma_q(m theta))^2` (3.11), which
/// says nothing where `m kappa` is not small.
pub fn gamma_squared(omega: [f64; 2], q: usize) -> f64 {
    let side = 2 * q + 1;
    let at = |i: usize| i as f64 - q as f64;
    let phase = |i: usize| (omega[0] * at(i % side) + omega[1] * at(i / side)).rem_euclid(TAU);
    let mut phases = (0..side * side).map(phase).collect::<Vec<_>>();
    phases.sort_by(f64::total_cmp);
    let around = phases.iter().skip(1).copied().chain([phases[0] + TAU]);
    let gaps = phases.iter().zip(around).map(|(before, after)| after - before);
    1.5 + gaps.map(|gap| gap.sin() - 8.0 * (gap / 2.0).sin()).sum::<f64>() / (4.0 * PI)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_has_its_golden_values() {
        for (omega, q, want) in [
            ([0.0, 0.0], 1, 1.5),
            ([PI, 0.0], 1, 0.226760),
            ([PI, PI], 1, 0.226760),
            ([PI / 2.0, 0.0], 1, 0.122219),
            ([PI / 2.0, PI / 2.0], 1, 0.017677),
            ([PI / 4.0, PI / 4.0], 1, 0.113964),
            ([PI / 4.0, 3.0 * PI / 4.0], 1, 0.001167),
            ([3.0 * PI / 4.0, 3.0 * PI / 4.0], 1, 0.01355),
            ([2.0 * PI / 9.0, 2.0 * PI / 3.0], 1, 0.000732),
            ([1.0, 2.0], 1, 0.002898),
            ([0.7, 2.9], 1, 0.007268),
            ([1.0, 2.0], 2, 0.000563),
            ([PI / 4.0, PI / 4.0], 2, 0.001167),
        ] {
            let got = gamma_squared(omega, q);
            assert!((got - want).abs() < 1e-6, "{omega:?}, {q}: {got}, not {want}");
        }
    }

    #[test]
    fn gamma_is_the_mean_square_over_phases() {
        // What the maximum of cos(phase + <omega, p>) lacks of 1, over evenly spaced phases.
        let (omega, count) = ([0.7, 2.9], 20_000);
        let highest = |turn: f64| {
            let wave = |p: i32| (f64::from(p % 3 - 1) * omega[0] + f64::from(p / 3 - 1) * omega[1] + turn).cos();
            (0..9).map(wave).fold(f64::NEG_INFINITY, f64::max)
        };
        let turns = (0..count).map(|i| TAU * f64::from(i) / f64::from(count));
        let mean = turns.map(|turn| (1.0 - highest(turn)).powi(2)).sum::<f64>() / f64::from(count);
        assert!((mean - gamma_squared(omega, 1)).abs() < 1e-7, "{mean}");
    }

    #[test]
    fn its_means_over_the_plane_are_those_reported() {
        for (m, want) in [(2.0, 0.0738), (4.0, 0.0743)] {
            let points = 201;
            let at = |i: usize| m * (-PI + TAU * i as f64 / (points - 1) as f64);
            let all = (0..points * points).map(|i| gamma_squared([at(i % points), at(i / points)], 1));
            let mean = all.sum::<f64>() / (points * points) as f64;
            assert!((mean - want).abs() < 1e-4, "m = {m}: {mean}");
        }
    }

    #[test]
    fn alpha_and_beta_are_what_they_say() {
        assert_eq!((alpha([0.5, -1.5]), beta(2, 0.25)), (1.0, 0.5));
    }
}
