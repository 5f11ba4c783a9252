//! What chance makes of accuracies.

/// 97.5 % of a standard normal variable lies below.
const Z: f64 = 1.959_963_984_540_054;

/// The 95 % interval of a share of which `hits` of `of` were seen, by Wilson (Journal of the American Statistical Association 22,
/// 1927): every share that would not be rejected. All of [0, 1] where nothing was seen.
pub fn interval(hits: usize, of: usize) -> [f64; 2] {
    if of == 0 {
        return [0.0, 1.0];
    }
    let (n, p) = (of as f64, hits as f64 / of as f64);
    let (middle, half) = (p + Z * Z / (2.0 * n), Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt());
    [-half, half].map(|half| ((middle + half) / (1.0 + Z * Z / n)).clamp(0.0, 1.0))
}

/// Two ways to judge the same images, compared where just one of them is right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Images that only the first gets right.
    pub first: usize,
    /// Images that only the second gets right.
    pub second: usize,
    /// How likely chance would give as uneven numbers or more were both equally good: McNemar's exact test (Psychometrika 12, 1947),
    /// two-sided.
    pub p: f64,
}

impl Difference {
    /// Compares two lists of what is right, image by image.
    pub fn between(first: &[bool], second: &[bool]) -> Self {
        let only = |a: &[bool], b: &[bool]| a.iter().zip(b).filter(|(a, b)| **a && !**b).count();
        let (first, second) = (only(first, second), only(second, first));
        Self { first, second, p: two_sided(first.min(second), first + second) }
    }
}

/// Twice the probability of `least` heads or fewer of `of` throws of a fair coin, at most 1.
fn two_sided(least: usize, of: usize) -> f64 {
    // The logarithm of the probability of k heads, from that of k - 1.
    let mut log = -(of as f64) * 2.0_f64.ln();
    let mut sum = log.exp();
    for k in 1..=least {
        log += ((of + 1 - k) as f64 / k as f64).ln();
        sum += log.exp();
    }
    (2.0 * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of scipy's `binomtest(hits, of).proportion_ci(method="wilson")`.
    #[test]
    fn intervals_are_those_of_wilson() {
        for (hits, of, want) in
            [(8, 10, [0.490162, 0.943318]), (0, 20, [0.0, 0.161125]), (1764, 2000, [0.867124, 0.895412])]
        {
            let got = interval(hits, of);
            assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-5), "{hits} of {of}: {got:?}");
        }
        assert_eq!(interval(0, 0), [0.0, 1.0]);
        assert!((interval(20, 20)[0] - (1.0 - interval(0, 20)[1])).abs() < 1e-12);
    }

    /// Values of scipy's `binomtest(first, first + second).pvalue`.
    #[test]
    fn differences_are_judged_as_by_a_fair_coin() {
        let of = |first: usize, second: usize| {
            let a = [vec![true; first], vec![false; second], vec![true; 7], vec![false; 3]].concat();
            let b = [vec![false; first], vec![true; second], vec![true; 7], vec![false; 3]].concat();
            let found = Difference::between(&a, &b);
            assert_eq!((found.first, found.second), (first, second));
            found.p
        };
        for (first, second, p) in
            [(10, 2, 0.0385742), (2, 10, 0.0385742), (5, 5, 1.0), (0, 0, 1.0), (300, 240, 0.0110505)]
        {
            assert!((of(first, second) - p).abs() < 1e-5, "{first}, {second}: {}", of(first, second));
        }
        assert!(of(3000, 0) < 1e-300 || of(3000, 0) == 0.0);
    }
}
