//! Adam with decoupled weight decay.

/// The settings of [`adamw`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWTwin {
    /// Learning rate.
    pub learning_rate: f64,
    /// Fraction of the first moment to keep.
    pub beta1: f64,
    /// Fraction of the second moment to keep.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

/// Step `t >= 1`, in place:
///
/// `param -= learning_rate * weight_decay * param`; `first = beta1 * first + (1 - beta1) * grad`;
/// `second = beta2 * second + (1 - beta2) * grad^2`;
/// `param -= learning_rate * (first / (1 - beta1^t)) / (sqrt(second / (1 - beta2^t)) + epsilon)`.
///
/// Shapes: `param`, `grad`, `first` and `second` have equal lengths. Source: PyTorch's `torch.optim.AdamW`; arXiv 1711.05101,
/// algorithm 2.
pub fn adamw(param: &mut [f64], grad: &[f64], first: &mut [f64], second: &mut [f64], rule: AdamWTwin, t: u32) {
    debug_assert_eq!(param.len(), grad.len());
    debug_assert_eq!(param.len(), first.len());
    debug_assert_eq!(param.len(), second.len());
    let AdamWTwin { learning_rate, beta1, beta2, epsilon, weight_decay } = rule;
    let [correction1, correction2] = [beta1, beta2].map(|beta| 1.0 - beta.powf(f64::from(t)));
    for i in 0..param.len() {
        param[i] -= learning_rate * weight_decay * param[i];
        first[i] = beta1 * first[i] + (1.0 - beta1) * grad[i];
        second[i] = beta2 * second[i] + (1.0 - beta2) * grad[i] * grad[i];
        param[i] -= learning_rate * (first[i] / correction1) / ((second[i] / correction2).sqrt() + epsilon);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_close;

    /// Five steps of `torch.optim.AdamW(lr=0.125, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.25)` of PyTorch 2.15 in float64
    /// on two tensors, of three and of four values, whose gradients are `((7 i + 5 t + 3 k) mod 11 - 5) / 4` for value i of
    /// tensor k in step t (from 0).
    const GOLDEN: [[f64; 7]; 5] = [
        [
            0.609374999,
            -1.3359374975,
            2.0624999975000002,
            1.0937499975,
            -0.609374999,
            0.1171875049999998,
            0.12499999833333335,
        ],
        [
            0.6740893111004748,
            -1.2484265104024184,
            1.9670841460470918,
            1.0286075835470916,
            -0.6542102892203392,
            0.1883196674035334,
            0.1391588143165202,
        ],
        [
            0.6422905559277913,
            -1.1923268493293293,
            1.9383123234701258,
            1.0291631535482506,
            -0.7219176285551944,
            0.24025086663556333,
            0.20349019522913794,
        ],
        [
            0.6236953312997878,
            -1.0920376112504986,
            1.8738622214705105,
            0.993123963108694,
            -0.7469061005409061,
            0.215655730808543,
            0.23916880801833829,
        ],
        [
            0.5719345501824661,
            -1.0046375383009003,
            1.854844389076144,
            1.0016292012881343,
            -0.7879279527954817,
            0.20407883521842204,
            0.30392531638724524,
        ],
    ];

    /// The moments of the first tensor after them.
    const FIRST: [f64; 3] = [0.09673749999999999, -0.132345, -0.09387999999999996];
    const SECOND: [f64; 3] = [0.004178073431251567, 0.0028693170605002525, 0.002620941248437752];

    #[test]
    fn five_steps_are_those_of_pytorch() {
        let rule = AdamWTwin { learning_rate: 0.125, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.25 };
        let mut tensors = [vec![0.5, -1.25, 2.0], vec![1.0, -0.5, 0.25, 0.0]];
        let mut moments = [3, 4].map(|len| [vec![0.0; len], vec![0.0; len]]);
        for (t, golden) in GOLDEN.iter().enumerate() {
            for (k, (param, [first, second])) in tensors.iter_mut().zip(&mut moments).enumerate() {
                let gradient = |i: usize| (((i * 7 + t * 5 + k * 3) % 11) as f64 - 5.0) / 4.0;
                let grad = (0..param.len()).map(gradient).collect::<Vec<_>>();
                adamw(param, &grad, first, second, rule, t as u32 + 1);
            }
            assert_close(&tensors.concat(), golden, 1e-14);
        }
        assert_close(&moments[0][0], &FIRST, 1e-14);
        assert_close(&moments[0][1], &SECOND, 1e-14);
    }

    #[test]
    fn the_first_step_has_the_size_of_the_learning_rate_whatever_the_gradient() {
        let rule = AdamWTwin { learning_rate: 0.5, beta1: 0.9, beta2: 0.999, epsilon: 0.0, weight_decay: 0.0 };
        let mut param = [1.0, 1.0, 1.0];
        adamw(&mut param, &[1e-3, -7.0, 40.0], &mut [0.0; 3], &mut [0.0; 3], rule, 1);
        assert_close(&param, &[0.5, 1.5, 0.5], 1e-12);
    }
}
