//! The loss of a classifier, and the rank of the correct class.

/// The softmax cross-entropy with integer labels: `(mean, per sample)` with
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

/// The rank of `label` among the classes of a sample: the number of classes with a higher score, where among equals
/// the lower index counts as higher. A sample is a top-k hit if its rank is less than `k`.
///
/// Shapes: `logits` is `[classes]`. Source: top-1 and top-5 accuracy as in ILSVRC, arXiv 1409.0575, section 4.
pub fn rank(logits: &[f64], label: usize) -> usize {
    let score = logits[label];
    let higher = |&(c, &logit): &(usize, &f64)| logit > score || (logit == score && c < label);
    logits.iter().enumerate().filter(higher).count()
}

/// From what [`cross_entropy`] and [`rank`] say of each sample, `(mean loss, hits, hits among the best)`.
///
/// `samples` holds `(loss, [rank < 1], [rank < top])` for each of them: the loss is averaged, the hits are counted.
///
/// Shapes: `samples` is `[n, 3]`. Source: PyTorch's `torch.nn.CrossEntropyLoss` with reduction "mean".
pub fn cross_entropy_mean(samples: &[f64]) -> [f64; 3] {
    debug_assert_eq!(samples.len() % 3, 0);
    let mut sums = [0.0; 3];
    for sample in samples.chunks_exact(3) {
        for (sum, value) in sums.iter_mut().zip(sample) {
            *sum += value;
        }
    }
    [sums[0] / (samples.len() / 3) as f64, sums[1], sums[2]]
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
    use crate::reference::{assert_close, central_difference, sequence::sequence};

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_number_of_classes() {
        let (mean, losses) = cross_entropy(&[7.0; 8], &[0, 3]);
        assert_close(&[mean, losses[0], losses[1]], &[4.0_f64.ln(); 3], 1e-14);
    }

    #[test]
    fn the_mean_is_that_of_the_losses_and_hits_are_counted() {
        let (logits, labels) = ([1.0, 3.0, 3.0, 0.0, 9.0, 2.0, 1.0, 0.0, 0.0, 2.0, 0.0, 1.0], [2, 0, 0]);
        let (mean, losses) = cross_entropy(&logits, &labels);
        let mut samples = Vec::new();
        for ((row, &label), loss) in logits.chunks_exact(4).zip(&labels).zip(losses) {
            let hit = |top| f64::from(u8::from(rank(row, label) < top));
            samples.extend([loss, hit(1), hit(2)]);
        }
        // The labels' ranks are 1, 0 and 2.
        assert_close(&cross_entropy_mean(&samples), &[mean, 1.0, 2.0], 1e-14);
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        let (_, losses) = cross_entropy(&[1e4, 0.0, -1e4, 0.0, 1e4, -1e4], &[0, 0]);
        assert_close(&losses, &[0.0, 1e4], 1e-14);
    }

    #[test]
    fn the_gradient_matches_central_differences() {
        let (logits, labels) = (sequence(4 * 6, 1, 3.0), [5, 0, 2, 2]);
        let numeric = central_difference(|l| cross_entropy(l, &labels).0, &logits, 1e-5);
        assert_close(&cross_entropy_gradient(&logits, &labels), &numeric, 1e-9);
    }

    #[test]
    fn among_equal_scores_the_lower_index_ranks_higher() {
        let logits = [1.0, 3.0, 3.0, 0.0];
        assert_eq!([0, 1, 2, 3].map(|label| rank(&logits, label)), [2, 0, 1, 3]);
    }
}
