//! The fully connected layer.

/// `result[n,o] = sum over i of x[n,i] * w[o,i] + b[o]`.
///
/// Shapes: `x` is `[n, inputs]`, `w` is `[outputs, inputs]`, `b` is `[outputs]`, the result `[n, outputs]`. Source:
/// PyTorch's `torch.nn.Linear`.
pub fn linear(x: &[f64], w: &[f64], b: &[f64]) -> Vec<f64> {
    debug_assert_eq!(w.len() % b.len(), 0);
    let inputs = w.len() / b.len();
    debug_assert_eq!(x.len() % inputs, 0);
    let mut result = Vec::new();
    for sample in x.chunks_exact(inputs) {
        for (row, bias) in w.chunks_exact(inputs).zip(b) {
            result.push(super::dot(sample, row) + bias);
        }
    }
    result
}

/// The gradients `(gx, gw, gb)` of [`linear`] for the upstream gradient `g`:
/// `gx[n,i] = sum_o g[n,o] w[o,i]`, `gw[o,i] = sum_n g[n,o] x[n,i]`, `gb[o] = sum_n g[n,o]`.
///
/// Shapes: `g` is `[n, outputs]`; each gradient has the shape of what it is the gradient of. Source: PyTorch's
/// `torch.nn.Linear`, differentiated.
pub fn linear_gradient(x: &[f64], w: &[f64], g: &[f64], outputs: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    debug_assert_eq!(w.len() % outputs, 0);
    let inputs = w.len() / outputs;
    debug_assert_eq!(x.len() * outputs, g.len() * inputs);
    let (mut gx, mut gw, mut gb) = (vec![0.0; x.len()], vec![0.0; w.len()], vec![0.0; outputs]);
    for n in 0..g.len() / outputs {
        for o in 0..outputs {
            let upstream = g[n * outputs + o];
            gb[o] += upstream;
            for i in 0..inputs {
                gx[n * inputs + i] += upstream * w[o * inputs + i];
                gw[o * inputs + i] += upstream * x[n * inputs + i];
            }
        }
    }
    (gx, gw, gb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, dot, sequence::sequence};

    #[test]
    fn a_worked_example_comes_out_as_on_paper() {
        let w = [1.0, 2.0, 3.0, 0.0, -1.0, 1.0];
        assert_eq!(linear(&[1.0, 1.0, 1.0, 2.0, 0.0, 1.0], &w, &[10.0, 20.0]), [16.0, 20.0, 15.0, 21.0]);
    }

    #[test]
    fn the_gradients_match_central_differences() {
        let (x, w, b, g) =
            (sequence(3 * 5, 1, 1.0), sequence(4 * 5, 2, 1.0), sequence(4, 3, 1.0), sequence(12, 4, 1.0));
        let (gx, gw, gb) = linear_gradient(&x, &w, &g, 4);
        assert_close(&gx, &central_difference(|x| dot(&linear(x, &w, &b), &g), &x, 1e-3), 1e-9);
        assert_close(&gw, &central_difference(|w| dot(&linear(&x, w, &b), &g), &w, 1e-3), 1e-9);
        assert_close(&gb, &central_difference(|b| dot(&linear(&x, &w, b), &g), &b, 1e-3), 1e-9);
    }
}
