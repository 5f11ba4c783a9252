//! Auto-PGD (arXiv 2003.01690, algorithm 1): ascent that finds its step size on its own.

use super::{Ball, Images};

/// The share of a step that goes by the gradient, the rest goes on as before.
const BY_GRADIENT: f32 = 0.75;
/// Of so many steps at least the objective must grow, or the step size is halved.
const GROWING: f64 = 0.75;

/// Steps between one look at the progress and the next, of so many in all: 22 % at first, then 3 % less each time, but never less
/// than 6 %; and at least one.
fn looks(steps: usize) -> impl Iterator<Item = usize> {
    let part = |share: usize| (share * steps / 100).max(1);
    let (first, less, least) = (part(22), part(3), part(6));
    let between = (0..).map(move |n: usize| first.saturating_sub(n * less).max(least));
    between.scan(0, |at, step| {
        *at += step;
        Some(*at)
    })
}

/// Images in ascent.
pub(super) struct AutoAscent<'a> {
    clean: &'a Images,
    ball: Ball,
    /// Steps taken.
    taken: usize,
    /// Steps at which progress is looked at, ascending.
    looks: Vec<usize>,
    pixels: Vec<f32>,
    before: Vec<f32>,
    best: Vec<f32>,
    best_gradient: Vec<f32>,
    progress: Vec<Progress>,
}

/// The progress of one sample.
#[derive(Clone)]
struct Progress {
    size: f32,
    /// The objective at the last point, and the best so far.
    last: f64,
    best: f64,
    /// Steps since the last look at which it grew.
    grown: usize,
    /// At the last look: the best, and whether the step size was halved.
    best_then: f64,
    halved: bool,
}

impl<'a> AutoAscent<'a> {
    /// Starts at the point of ball and box nearest to `start`, with steps of twice the radius.
    pub(super) fn new(clean: &'a Images, mut start: Vec<f32>, ball: Ball, steps: usize) -> Self {
        let len = clean.image_len();
        clean.pixels.chunks_exact(len).zip(start.chunks_exact_mut(len)).for_each(|(clean, x)| ball.project(clean, x));
        let none = f64::NEG_INFINITY;
        let progress =
            Progress { size: 2.0 * ball.epsilon, last: none, best: none, grown: 0, best_then: none, halved: false };
        Self {
            ball,
            taken: 0,
            looks: looks(steps).take_while(|at| *at <= steps).collect(),
            before: start.clone(),
            best: start.clone(),
            best_gradient: vec![0.0; start.len()],
            pixels: start,
            progress: vec![progress; clean.len()],
            clean,
        }
    }

    /// The current images.
    pub(super) fn pixels(&self) -> &[f32] {
        &self.pixels
    }

    /// Takes a step, given each sample's objective at the current images and its gradient.
    pub(super) fn step(&mut self, values: &[f64], gradient: &[f32]) {
        let len = self.clean.image_len();
        // The steps since the last look, where this is a time to look.
        let look = self.looks.iter().position(|at| *at == self.taken && self.taken > 0);
        let since = look.map(|i| self.looks[i] - i.checked_sub(1).map_or(0, |i| self.looks[i]));
        for (sample, progress) in self.progress.iter_mut().enumerate() {
            let range = sample * len..(sample + 1) * len;
            let (x, clean) = (&mut self.pixels[range.clone()], &self.clean.pixels[range.clone()]);
            let (best, best_gradient) = (&mut self.best[range.clone()], &mut self.best_gradient[range.clone()]);
            let mut gradient = &gradient[range.clone()];
            progress.grown += usize::from(self.taken > 0 && values[sample] > progress.last);
            progress.last = values[sample];
            if values[sample] > progress.best {
                progress.best = values[sample];
                best.copy_from_slice(x);
                best_gradient.copy_from_slice(gradient);
            }
            if since.is_some_and(|since| progress.must_halve(since)) {
                progress.size /= 2.0;
                progress.last = progress.best;
                x.copy_from_slice(best);
                gradient = best_gradient;
            }
            let mut aim = x.to_vec();
            self.ball.step(progress.size, gradient, &mut aim);
            self.ball.project(clean, &mut aim);
            let share = if self.taken == 0 { 1.0 } else { BY_GRADIENT };
            for ((x, before), aim) in x.iter_mut().zip(&mut self.before[range]).zip(aim) {
                let next = *x + share * (aim - *x) + (1.0 - share) * (*x - *before);
                (*before, *x) = (*x, next);
            }
            self.ball.project(clean, x);
        }
        self.taken += 1;
    }
}

impl Progress {
    /// Whether the objective grew too seldom since the last look, or its best did not although the step size had stayed.
    fn must_halve(&mut self, since: usize) -> bool {
        let seldom = (self.grown as f64) < GROWING * since as f64;
        let stuck = !self.halved && self.best <= self.best_then;
        (self.grown, self.best_then, self.halved) = (0, self.best, seldom || stuck);
        self.halved
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn numbers(of: &Value) -> Vec<f64> {
        serde_json::from_value(of.clone()).unwrap()
    }

    /// See `tests/golden/auto_ascent/make.py`.
    #[test]
    fn hills_are_climbed_as_by_the_algorithm() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/auto_ascent/values.json");
        let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let (steps, epsilon) = (golden["steps"].as_u64().unwrap() as usize, golden["epsilon"].as_f64().unwrap() as f32);
        for case in golden["cases"].as_array().unwrap() {
            let [clean, a, b, c] = ["clean", "a", "b", "c"].map(|name| numbers(&case[name]));
            let norm = case["norm"].as_str().unwrap().parse().unwrap();
            let start = clean.iter().map(|v| *v as f32).collect::<Vec<_>>();
            let images = Images::new([1, 1, start.len(), 1], start.clone(), vec![0]).unwrap();
            let mut ascent = AutoAscent::new(&images, start, Ball { norm, epsilon }, steps);
            for (step, want) in case["points"].as_array().unwrap().iter().enumerate() {
                let x = ascent.pixels().iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
                let value = (0..x.len()).map(|i| a[i] * x[i] - b[i] * (x[i] - c[i]).powi(2)).sum::<f64>();
                let gradient = (0..x.len()).map(|i| (a[i] - 2.0 * b[i] * (x[i] - c[i])) as f32).collect::<Vec<_>>();
                ascent.step(&[value], &gradient);
                let close = ascent.pixels().iter().zip(numbers(want)).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4);
                assert!(close, "{norm}, step {step}: {:?}, not {want}", ascent.pixels());
            }
            // At the top, rounding decides whether there is still progress.
            assert!(ascent.progress[0].size < 2.0 * epsilon / 3.0);
        }
    }

    #[test]
    fn progress_is_looked_at_more_and_more_often() {
        assert_eq!(looks(100).take(6).collect::<Vec<_>>(), [22, 41, 57, 70, 80, 87]);
        assert_eq!(looks(3).take(3).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
