//! The loss of a classifier, and the rank of the correct class.

/// What a sample is to be classified as: two labels, and the weight of the first; that of the second is the rest of 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetTwin {
    /// Two classes, which may be the same.
    pub labels: [usize; 2],
    /// The weight of the first.
    pub weight: f64,
}

impl TargetTwin {
    /// One label alone.
    pub fn of(label: usize) -> Self {
        Self { labels: [label; 2], weight: 1.0 }
    }

    /// The label that counts for hits: the one of the greater weight, the first of equal ones.
    pub fn label(self) -> usize {
        self.labels[usize::from(self.weight < 0.5)]
    }

    /// The target distribution: `(1 - smoothing) (weight [c = first] + (1 - weight) [c = second]) + smoothing / classes`.
    fn distribution(self, classes: usize, smoothing: f64) -> Vec<f64> {
        let mut wanted = vec![smoothing / classes as f64; classes];
        wanted[self.labels[0]] += (1.0 - smoothing) * self.weight;
        wanted[self.labels[1]] += (1.0 - smoothing) * (1.0 - self.weight);
        wanted
    }
}

/// The softmax cross-entropy with integer labels: `(mean, per sample)` with
/// `loss[n] = log(sum over c of exp(logits[n,c])) - logits[n,label[n]]`, in natural units, computed relative to the
/// largest logit so that nothing overflows.
///
/// Shapes: `logits` is `[n, classes]` with `n = labels.len()`; the losses are `[n]`. Source: PyTorch's
/// `torch.nn.CrossEntropyLoss` with reduction "mean" and "none".
pub fn cross_entropy(logits: &[f64], labels: &[usize]) -> (f64, Vec<f64>) {
    soft_cross_entropy(logits, &plain(labels), 0.0)
}

/// The gradient of the mean loss of [`cross_entropy`] with respect to the logits:
/// `(softmax(logits[n])[c] - [c = label[n]]) / n`.
///
/// Shapes: `logits` and the result are `[n, classes]`. Source: PyTorch's `torch.nn.CrossEntropyLoss`, differentiated.
pub fn cross_entropy_gradient(logits: &[f64], labels: &[usize]) -> Vec<f64> {
    soft_cross_entropy_gradient(logits, &plain(labels), 0.0)
}

fn plain(labels: &[usize]) -> Vec<TargetTwin> {
    labels.iter().map(|label| TargetTwin::of(*label)).collect()
}

/// The softmax cross-entropy to target distributions `q`, smoothed mixtures of two labels: `(mean, per sample)` with
/// `loss[n] = -sum over c of q[n,c] log softmax(logits[n])[c]`.
///
/// Shapes: `logits` is `[n, classes]` with `n = targets.len()`; the losses are `[n]`. Source: PyTorch's
/// `torch.nn.CrossEntropyLoss` with `label_smoothing` and class probabilities; arXiv 1512.00567, section 7, and 1710.09412.
pub fn soft_cross_entropy(logits: &[f64], targets: &[TargetTwin], smoothing: f64) -> (f64, Vec<f64>) {
    let mut losses = Vec::with_capacity(targets.len());
    for (row, target) in rows(logits, targets.len()).zip(targets) {
        let log_sum = log_sum_exp(row);
        let wanted = target.distribution(row.len(), smoothing);
        losses.push(row.iter().zip(wanted).map(|(logit, q)| q * (log_sum - logit)).sum());
    }
    (losses.iter().sum::<f64>() / targets.len() as f64, losses)
}

/// The gradient of the mean loss of [`soft_cross_entropy`] with respect to the logits: `(softmax(logits[n])[c] - q[n,c]) / n`.
///
/// Shapes: `logits` and the result are `[n, classes]`. Source: PyTorch's `torch.nn.CrossEntropyLoss`, differentiated.
pub fn soft_cross_entropy_gradient(logits: &[f64], targets: &[TargetTwin], smoothing: f64) -> Vec<f64> {
    let mut result = Vec::with_capacity(logits.len());
    for (row, target) in rows(logits, targets.len()).zip(targets) {
        let log_sum = log_sum_exp(row);
        let wanted = target.distribution(row.len(), smoothing);
        result.extend(row.iter().zip(wanted).map(|(logit, q)| ((logit - log_sum).exp() - q) / targets.len() as f64));
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

fn rows(logits: &[f64], samples: usize) -> std::slice::ChunksExact<'_, f64> {
    debug_assert_eq!(logits.len() % samples, 0);
    logits.chunks_exact(logits.len() / samples)
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

    /// `torch.nn.CrossEntropyLoss` of PyTorch 2.15 in float64: with `label_smoothing=0.1` and integer labels, and with
    /// `label_smoothing=0.2` and the class probabilities `weight * one_hot(first) + (1 - weight) * one_hot(second)`.
    #[test]
    fn smoothed_mixtures_are_those_of_pytorch() {
        let logits = [1.0, -2.0, 0.5, 3.0, 0.25, 0.0, -1.5, 2.0, 4.0, 4.0, -4.0, 0.0];
        let alone = [3, 1, 2].map(TargetTwin::of);
        assert_close(&[soft_cross_entropy(&logits, &alone, 0.1).0], &[3.638528329800595], 1e-14);
        let gradient = [
            0.028517916787246415,
            -0.006498617624138776,
            0.014018079713537163,
            -0.03603737887664475,
            0.03491639557831936,
            -0.2746504105893122,
            -0.0008176573871927156,
            0.24055167239818567,
            0.15679343527115513,
            0.15679343527115513,
            -0.3082779394736002,
            -0.0053089310687099555,
        ];
        assert_close(&soft_cross_entropy_gradient(&logits, &alone, 0.1), &gradient, 1e-14);
        let of = |labels, weight| TargetTwin { labels, weight };
        let mixed = [of([3, 2], 0.75), of([1, 1], 0.4), of([2, 0], 0.25)];
        assert_close(&[soft_cross_entropy(&logits, &mixed, 0.2).0], &[2.1114449964672617], 1e-14);
        let gradient = [
            0.02018458345391308,
            -0.014831950957472109,
            -0.060981920286462835,
            0.055629287790021895,
            0.026583062244986015,
            -0.24965041058931223,
            -0.009150990720526051,
            0.23221833906485226,
            -0.05153989806217824,
            0.1484601019378218,
            -0.08327793947360022,
            -0.013642264402043289,
        ];
        assert_close(&soft_cross_entropy_gradient(&logits, &mixed, 0.2), &gradient, 1e-14);
        assert_eq!(mixed.map(TargetTwin::label), [3, 1, 0]);
        assert_eq!(of([3, 2], 0.5).label(), 3);
    }

    #[test]
    fn among_equal_scores_the_lower_index_ranks_higher() {
        let logits = [1.0, 3.0, 3.0, 0.0];
        assert_eq!([0, 1, 2, 3].map(|label| rank(&logits, label)), [2, 0, 1, 3]);
    }
}
