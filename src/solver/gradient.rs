//! Back through the iterations.

use super::{Iteration, LinearOperator, Problem, Solver};
use crate::error::Result;
use crate::ops::{Factor, scale, scale_samples, soft_threshold_gradient};
use crate::tape::{Saved, Tape, Var};
use crate::tensor::Tensor;

/// A solve of this many iterations or more is recomputed in the backward pass instead of being kept.
const LONG: usize = 4;

/// Some samples of a batch, and the iterations that found their codes.
struct Segment {
    first: usize,
    count: usize,
    iterations: Saved<Vec<Iteration>>,
}

/// Which gradients are needed.
#[derive(Clone, Copy)]
struct Wanted {
    x: bool,
    weight: bool,
}

impl Tape {
    /// The codes of `x` by the iterations of `problem`, whose operator has the weights `weight`. Step size and lambda are held
    /// constant in the gradient.
    ///
    /// Solves of four or more iterations are recomputed in the backward pass, a few samples at a time, which takes about as
    /// much memory as two iterations of the whole batch.
    ///
    /// # Errors
    /// Those of the operator; [`crate::error::Error::OtherTape`].
    pub fn solve<O>(&self, problem: Problem<O>, x: &Var, weight: &Var) -> Result<Var>
    where
        O: LinearOperator + Clone + 'static,
    {
        let wanted = Wanted { x: x.tracked(), weight: weight.tracked() };
        let (codes, segments) = if !self.records() || !(wanted.x || wanted.weight) {
            (problem.iterate(x.value(), |_| ())?, Vec::new())
        } else if problem.iterations < LONG {
            let (codes, all) = problem.kept(x.value())?;
            (codes, vec![Segment { first: 0, count: x.value().shape()[0], iterations: Saved::kept(all) }])
        } else {
            (problem.iterate(x.value(), |_| ())?, problem.segments(&x.saved(), x.value().shape()[0]))
        };
        let like = x.value().shape().to_vec();
        self.record(codes, &[x, weight], move |g| problem.gradients(segments, &like, g, wanted))
    }
}

impl<O: LinearOperator + Clone + 'static> Problem<O> {
    fn kept(&self, x: &Tensor) -> Result<(Tensor, Vec<Iteration>)> {
        let mut all = Vec::new();
        let codes = self.iterate(x, |iteration| all.push(iteration))?;
        Ok((codes, all))
    }

    /// Segments of as many samples as make all their iterations take about the memory of two for the whole batch.
    fn segments(&self, x: &Saved, n: usize) -> Vec<Segment> {
        let at_once = n.div_ceil(self.iterations.div_ceil(2));
        let segment = |first: usize| {
            let (count, problem, x) = (at_once.min(n - first), self.clone(), x.clone());
            let iterations = Saved::recomputed(move || {
                let lambda = problem.lambda.samples(first, count)?;
                Ok(Problem { lambda, ..problem.clone() }.kept(&x.get()?.samples(first, count)?)?.1)
            });
            Segment { first, count, iterations }
        };
        (0..n).step_by(at_once.max(1)).map(segment).collect()
    }

    /// The gradients for the signal, of this shape, and for the weights, if needed.
    fn gradients(
        &self,
        segments: Vec<Segment>,
        like: &[usize],
        g: &Tensor,
        wanted: Wanted,
    ) -> Result<Vec<Option<Tensor>>> {
        if let [whole] = &segments[..] {
            let [x_bar, w_bar] = self.backward(whole.iterations.get()?, g, wanted)?;
            return Ok(vec![x_bar, w_bar]);
        }
        let x_bar = wanted.x.then(|| Tensor::uninitialized(g.gpu(), "solve", like)).transpose()?;
        let mut w_bar = None;
        for Segment { first, count, iterations } in segments {
            let [part, more] = self.backward(iterations.get()?, &g.samples(first, count)?, wanted)?;
            if let (Some(x_bar), Some(part)) = (&x_bar, part) {
                x_bar.set_samples(first, &part)?;
            }
            accumulate(&mut w_bar, more)?;
        }
        Ok(vec![x_bar, w_bar])
    }

    /// From the last iteration to the first, with `z_bar` the sum of all upstream gradients on `z_k`, `p_k` where the
    /// gradient was taken and `beta` the momentum:
    ///
    /// - `v = z_bar [z_k != 0] / (1 + t mu)`, `q = t A v` (times the scale of the residual),
    /// - `x_bar += q`, `W_bar += t corr(v, r_k) - corr(p_k, q)`, `p_bar = -A^T q`,
    /// - `y_bar = v + p_bar` (`Published`: `v`, and `p_bar` goes to `z_{k-1}`),
    /// - `z_{k-1}_bar += (1 + beta) y_bar`, `z_{k-2}_bar -= beta y_bar`.
    fn backward(&self, mut iterations: Vec<Iteration>, g: &Tensor, wanted: Wanted) -> Result<[Option<Tensor>; 2]> {
        let (mut x_bar, mut w_bar) = (None, None);
        let mut z_bar = g.clone();
        // The upstream gradient on the codes before those of the iteration that is next.
        let mut previous_bar: Option<Tensor> = None;
        while let Some(Iteration { beta, point, residual, scale: factor, codes }) = iterations.pop() {
            let v = soft_threshold_gradient(&codes, &z_bar, &self.step, self.prox.mu)?;
            if wanted.weight {
                let step = Factor::from(&self.step);
                accumulate(&mut w_bar, Some(self.operator.weight_gradient(step, &v, &residual)?))?;
            }
            if point.is_none() && !wanted.x {
                break;
            }
            let q = self.operator.apply((&self.step).into(), &v)?;
            let q = if let Some(factor) = factor { scale_samples(&q, &factor)? } else { q };
            if wanted.x {
                accumulate(&mut x_bar, Some(q.clone()))?;
            }
            let Some(point) = point else { break };
            if wanted.weight {
                accumulate(&mut w_bar, Some(self.operator.weight_gradient((-1.0).into(), &point, &q)?))?;
            }
            let p_bar = self.operator.adjoint((-1.0).into(), &q)?;
            let published = self.solver == Solver::Published;
            let y_bar = if published { v } else { v.add(&p_bar)? };
            let mut next_bar = Some(if beta == 0.0 { y_bar.clone() } else { scale(&y_bar, 1.0 + beta)? });
            accumulate(&mut next_bar, published.then_some(p_bar))?;
            accumulate(&mut next_bar, previous_bar)?;
            previous_bar = if beta == 0.0 { None } else { Some(scale(&y_bar, -beta)?) };
            match next_bar {
                Some(next) => z_bar = next,
                None => break,
            }
        }
        Ok([x_bar, w_bar])
    }
}

fn accumulate(sum: &mut Option<Tensor>, more: Option<Tensor>) -> Result<()> {
    if let Some(more) = more {
        *sum = Some(match sum.take() {
            Some(so_far) => so_far.add(&more)?,
            None => more,
        });
    }
    Ok(())
}
