//! Stochastic gradient descent with momentum.

/// The settings of [`sgd`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdTwin {
    /// Learning rate.
    pub learning_rate: f64,
    /// Fraction of the last step's buffer to keep.
    pub momentum: f64,
    /// Weight of the l2 penalty, added to the gradient as `weight_decay * param`.
    pub weight_decay: f64,
    /// Whether to look ahead by one more momentum step.
    pub nesterov: bool,
}

/// One step, in place:
///
/// `g = grad + weight_decay * param`; `buffer = g` on the `first` step, else `momentum * buffer + g`;
/// `param -= learning_rate * (g + momentum * buffer)` with Nesterov's momentum, else `param -= learning_rate * buffer`.
///
/// Shapes: `param`, `grad` and `buffer` have equal lengths. Source: PyTorch's `torch.optim.SGD` with dampening 0.
pub fn sgd(param: &mut [f64], grad: &[f64], buffer: &mut [f64], rule: SgdTwin, first: bool) {
    debug_assert_eq!(param.len(), grad.len());
    debug_assert_eq!(param.len(), buffer.len());
    for i in 0..param.len() {
        let g = grad[i] + rule.weight_decay * param[i];
        buffer[i] = if first { g } else { rule.momentum * buffer[i] + g };
        let direction = if rule.nesterov { g + rule.momentum * buffer[i] } else { buffer[i] };
        param[i] -= rule.learning_rate * direction;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_close;

    fn two_steps(rule: SgdTwin) -> (f64, f64, f64) {
        let (mut param, mut buffer) = ([1.0], [f64::NAN]); // The first step must not read the buffer.
        sgd(&mut param, &[0.5], &mut buffer, rule, true);
        let after_one = param[0];
        sgd(&mut param, &[-0.25], &mut buffer, rule, false);
        (after_one, param[0], buffer[0])
    }

    #[test]
    fn two_steps_come_out_as_on_paper() {
        let plain = SgdTwin { learning_rate: 0.1, momentum: 0.5, weight_decay: 0.0, nesterov: false };
        let (one, two, buffer) = two_steps(plain);
        assert_close(&[one, two, buffer], &[0.95, 0.95, 0.0], 1e-15);

        let (one, two, buffer) = two_steps(SgdTwin { nesterov: true, ..plain });
        assert_close(&[one, two, buffer], &[0.925, 0.95, 0.0], 1e-15);

        // g = 0.6, param = 0.94; g = -0.25 + 0.094 = -0.156, buffer = 0.3 - 0.156.
        let (one, two, buffer) = two_steps(SgdTwin { weight_decay: 0.1, ..plain });
        assert_close(&[one, two, buffer], &[0.94, 0.9256, 0.144], 1e-15);
    }

    #[test]
    fn without_momentum_it_is_gradient_descent() {
        for nesterov in [false, true] {
            let (one, two, _) = two_steps(SgdTwin { learning_rate: 0.1, momentum: 0.0, weight_decay: 0.0, nesterov });
            assert_close(&[one, two], &[0.95, 0.975], 1e-15);
        }
    }
}
