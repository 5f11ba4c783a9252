//! How the learning rate falls.

use serde::{Deserialize, Serialize};

use crate::named::named;

/// How the learning rate falls over a training of known length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RateSchedule {
    /// Half a cosine, from the full learning rate to zero.
    #[default]
    Cosine,
    /// The full learning rate, a tenth of it after one half, a hundredth after three quarters.
    Step,
    /// The full learning rate, a tenth of it after the first milestone, a hundredth after the second, and so on.
    Multistep,
    /// The full learning rate throughout.
    Constant,
}

named!(RateSchedule as "schedule" {
    Cosine = "cosine", Step = "step", Multistep = "multistep", Constant = "constant"
});

impl RateSchedule {
    /// The learning rate of step `step` (from 0) of `total`, as a share of the full one; `milestones` are steps.
    pub fn share(self, step: usize, total: usize, milestones: &[usize]) -> f64 {
        let done = step as f64 / total.max(1) as f64;
        match self {
            Self::Multistep => 0.1_f64.powi(milestones.iter().filter(|milestone| step >= **milestone).count() as i32),
            Self::Constant => 1.0,
            Self::Cosine => (1.0 + (std::f64::consts::PI * done).cos()) / 2.0,
            Self::Step if done < 0.5 => 1.0,
            Self::Step if done < 0.75 => 0.1,
            Self::Step => 0.01,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RateSchedule;

    #[test]
    fn the_cosine_falls_from_the_full_rate_to_nearly_nothing() {
        let rates = (0..100).map(|i| RateSchedule::Cosine.share(i, 100, &[])).collect::<Vec<_>>();
        assert_eq!(rates[0], 1.0);
        assert!((rates[50] - 0.5).abs() < 1e-12);
        assert!(rates[99] < 1e-3);
        assert!(rates.windows(2).all(|w| w[1] < w[0]));
    }

    #[test]
    fn steps_divide_by_ten_twice() {
        let rate = |step| RateSchedule::Step.share(step, 8, &[]);
        assert_eq!([rate(0), rate(3), rate(4), rate(5), rate(6), rate(7)], [1.0, 1.0, 0.1, 0.1, 0.01, 0.01]);
    }
}
