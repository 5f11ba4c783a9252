//! What an attack by gradients ascends.

use crate::error::{Error, Result};

/// A function of the scores `z` of a sample with label `y`, greater for worse scores.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Objective {
    /// `log sum_i exp z_i - z_y`.
    CrossEntropy,
    /// The difference of logits ratio (arXiv 2003.01690, equation 6): `-(z_y - max_{i != y} z_i) / (z_1st - z_3rd)`, with scores in
    /// descending order. Unlike the cross-entropy it does not depend on the scale of the scores.
    Ratio,
    /// The same towards one class of each sample (equation 7): `-(z_y - z_t) / (z_1st - (z_3rd + z_4th) / 2)`.
    Towards(Vec<u32>),
}

/// Denominators are no smaller than this.
const LEAST: f64 = 1e-12;

impl Objective {
    /// Of each sample, its value; and the gradients with respect to the scores `[n, classes]`.
    ///
    /// # Errors
    /// [`Error::Argument`] for fewer classes than it compares.
    pub(super) fn of(&self, scores: &[f32], labels: &[u32]) -> Result<(Vec<f64>, Vec<f32>)> {
        let classes = scores.len() / labels.len().max(1);
        let needed = match self {
            Self::CrossEntropy => 1,
            Self::Ratio => 3,
            Self::Towards(_) => 4,
        };
        if classes < needed {
            let reason =
                format!("this attack compares the scores of {needed} classes: apgd and pgd need no more than two");
            return Err(Error::argument("classes", classes, reason));
        }
        let (mut values, mut gradient) = (Vec::new(), Vec::new());
        for (sample, (row, label)) in scores.chunks_exact(classes).zip(labels).enumerate() {
            let row = row.iter().map(|z| f64::from(*z)).collect::<Vec<_>>();
            let (value, of_row) = match self {
                Self::CrossEntropy => cross_entropy(&row, *label as usize),
                Self::Ratio => ratio(&row, *label as usize),
                Self::Towards(targets) => towards(&row, *label as usize, targets[sample] as usize),
            };
            values.push(value);
            gradient.extend(of_row.into_iter().map(|g| g as f32));
        }
        Ok((values, gradient))
    }
}

/// The class of each sample that is `rank`th among the wrong ones, by the scores.
pub(super) fn targets(scores: &[f32], labels: &[u32], rank: usize) -> Vec<u32> {
    let rows = scores.chunks_exact(scores.len() / labels.len().max(1)).zip(labels);
    let target = |(row, label): (&[f32], &u32)| {
        let row = row.iter().map(|z| f64::from(*z)).collect::<Vec<_>>();
        let wrong = descending(&row).into_iter().filter(|class| *class != *label as usize);
        wrong.map(|class| class as u32).nth(rank).unwrap_or_default()
    };
    rows.map(target).collect()
}

/// Classes by descending scores, the lower class first of equals.
fn descending(row: &[f64]) -> Vec<usize> {
    let mut order = (0..row.len()).collect::<Vec<_>>();
    order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
    order
}

fn cross_entropy(row: &[f64], label: usize) -> (f64, Vec<f64>) {
    let most = row.iter().copied().fold(f64::MIN, f64::max);
    let sum = row.iter().map(|z| (z - most).exp()).sum::<f64>();
    let of = |(class, z): (usize, &f64)| (z - most).exp() / sum - f64::from(u8::from(class == label));
    (most + sum.ln() - row[label], row.iter().enumerate().map(of).collect())
}

fn ratio(row: &[f64], label: usize) -> (f64, Vec<f64>) {
    let order = descending(row);
    let other = if order[0] == label { order[1] } else { order[0] };
    quotient(row, [label, other], &[(order[0], 1.0), (order[2], -1.0)])
}

fn towards(row: &[f64], label: usize, target: usize) -> (f64, Vec<f64>) {
    let order = descending(row);
    quotient(row, [label, target], &[(order[0], 1.0), (order[2], -0.5), (order[3], -0.5)])
}

/// `-(z_a - z_b) / (sum of weight z)`, and its gradient.
fn quotient(row: &[f64], [a, b]: [usize; 2], below: &[(usize, f64)]) -> (f64, Vec<f64>) {
    let (difference, sum) = (row[a] - row[b], below.iter().map(|(class, weight)| weight * row[*class]).sum::<f64>());
    let (sum, mut gradient) = (sum.max(LEAST), vec![0.0; row.len()]);
    gradient[a] -= 1.0 / sum;
    gradient[b] += 1.0 / sum;
    below.iter().for_each(|(class, weight)| gradient[*class] += weight * difference / (sum * sum));
    (-difference / sum, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f32; 10] = [2.0, -1.0, 0.5, 3.0, 0.25, -0.5, 1.5, 0.75, 4.0, -2.0];
    const LABELS: [u32; 2] = [3, 1];

    #[test]
    fn values_are_those_of_the_definitions() {
        let of = |objective: Objective| objective.of(&SCORES, &LABELS).unwrap().0;
        // Of 3, 2, 0.5, 0.25, -1 the label has 3; of 4, 1.5, 0.75, -0.5, -2 it has 1.5.
        assert_eq!(of(Objective::Ratio), [-(3.0 - 2.0) / (3.0 - 0.5), -(1.5 - 4.0) / (4.0 - 0.75)]);
        let towards = of(Objective::Towards(targets(&SCORES, &LABELS, 1)));
        assert_eq!(targets(&SCORES, &LABELS, 1), [2, 2]);
        assert_eq!(towards, [-(3.0 - 0.5) / (3.0 - 0.375), -(1.5 - 0.75) / (4.0 - 0.125)]);
        let sum = [2.0_f64, -1.0, 0.5, 3.0, 0.25].iter().map(|z| z.exp()).sum::<f64>();
        assert!((of(Objective::CrossEntropy)[0] - (sum.ln() - 3.0)).abs() < 1e-12);
    }

    #[test]
    fn gradients_are_those_of_the_values() {
        for objective in [Objective::CrossEntropy, Objective::Ratio, Objective::Towards(vec![0, 2])] {
            let (_, gradient) = objective.of(&SCORES, &LABELS).unwrap();
            for place in 0..SCORES.len() {
                let at = |step: f32| {
                    let mut scores = SCORES;
                    scores[place] += step;
                    objective.of(&scores, &LABELS).unwrap().0[place / 5]
                };
                let difference = (at(1.0 / 1024.0) - at(-1.0 / 1024.0)) * 512.0;
                assert!((difference - f64::from(gradient[place])).abs() < 1e-5, "{objective:?}, {place}");
            }
        }
    }

    #[test]
    fn too_few_classes_are_refused() {
        assert!(Objective::Ratio.of(&[1.0, 2.0], &[0]).is_err());
        let message = Objective::Towards(vec![1]).of(&[1.0, 2.0, 3.0], &[0]).unwrap_err().to_string();
        assert!(message.contains("classes = 3") && message.contains("of 4 classes"), "{message}");
    }
}
