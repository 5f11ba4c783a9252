//! The loss of a classifier, and how well it ranks the right class.

/// The cross entropy of softmax with integer labels: `(mean, per sample)` with
/// `loss[n] = log(sum over c of exp(logits[n,c])) - logits[n,label[n]]`, in natural units, computed relative to the
/// largest logit so that nothing overflows.
///
/// Shapes: `logits` is `[n, classes]` with `n = labels.len()`; the losses are `[n]`. Source: PyTorch's
/// `torch.nn.CrossEntropyLoss` with reduction "mean" and "none".
pub fn cross_entropy(logits: &[f64], labels: &[usize]) -> (f64, Vec<f64>) {
    let mut losses = Vec::with_capacity(labels.len());
    for (row, &label) in rows(logits, labels).zip(labels) {
        losses.push(log_sum_exp(row) - row[label]);
    }
    (losses.iter().sum::<f64>() / labels.len() as f64, losses)
}

/// The gradient of the mean loss of [`cross_entropy`] with respect to the logits:
/// `(softmax(logits[n])[c] - [c = label[n]]) / n`.
///
/// Shapes: `logits` and the result are `[n, classes]`. Source: PyTorch's `torch.nn.CrossEntropyLoss`, differentiated.
pub fn cross_entropy_gradient(logits: &[f64], labels: &[usize]) -> Vec<f64> {
    let mut result = Vec::with_capacity(logits.len());
    for (row, &label) in rows(logits, labels).zip(labels) {
        let log_sum = log_sum_exp(row);
        for (c, logit) in row.iter().enumerate() {
            let target = if c == label { 1.0 } else { 0.0 };
            result.push(((logit - log_sum).exp() - target) / labels.len() as f64);
        }
    }
    result
}

/// The rank of `label` among the classes of one sample: how many classes are scored higher, where among equal scores
/// the lower index counts as higher. A sample is a top-k hit if its rank is less than `k`.
///
/// Shapes: `logits` is `[classes]`. Source: top-1 and top-5 accuracy as in ILSVRC, arXiv 1409.0575, section 4.
pub fn rank(logits: &[f64], label: usize) -> usize {
    let score = logits[label];
    let higher = |&(c, &logit): &(usize, &f64)| logit > score || (logit == score && c < label);
    logits.iter().enumerate().filter(higher).count()
}

fn rows<'a>(logits: &'a [f64], labels: &[usize]) -> std::slice::ChunksExact<'a, f64> {
    debug_assert_eq!(logits.len() % labels.len(), 0);
    logits.chunks_exact(logits.len() / labels.len())
}

fn log_sum_exp(row: &[f64]) -> f64 {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + row.iter().map(|v| (v - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, fill::fill};

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_number_of_classes() {
        let (mean, losses) = cross_entropy(&[7.0; 8], &[0, 3]);
        assert_close(&[mean, losses[0], losses[1]], &[4.0_f64.ln(); 3], 1e-14);
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        let (_, losses) = cross_entropy(&[1e4, 0.0, -1e4, 0.0, 1e4, -1e4], &[0, 0]);
        assert_close(&losses, &[0.0, 1e4], 1e-14);
    }

    #[test]
    fn the_gradient_matches_central_differences() {
        let (logits, labels) = (fill(4 * 6, 1, 3.0), [5, 0, 2, 2]);
        let numeric = central_difference(|l| cross_entropy(l, &labels).0, &logits, 1e-5);
        assert_close(&cross_entropy_gradient(&logits, &labels), &numeric, 1e-9);
    }

    #[test]
    fn among_equal_scores_the_lower_index_ranks_higher() {
        let logits = [1.0, 3.0, 3.0, 0.0];
        assert_eq!([0, 1, 2, 3].map(|label| rank(&logits, label)), [2, 0, 1, 3]);
    }
}
