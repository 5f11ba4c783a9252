//! Linear pieces of a decision boundary, and the search for them.

use super::head::Head;

use crate::error::Result;
use crate::models::{Network, Stage, best_class};

/// Where the difference of the two highest scores squared is below this, a point lies on the boundary (the paper's 1e-5: a
/// difference of 3e-3, which float32 resolves).
const TOLERANCE: f64 = 1e-5;
/// Part of the way between the two sides at which the next point is tried.
const TRIED: f64 = 0.1;
/// Once the two sides are nearer than this, float32 tells no points between them apart.
const RESOLUTION: f64 = 1e-8;
/// Normals are of one direction if the cosine between them differs from 1 by no more: an angle of 1.4e-3.
const ALIKE: f64 = 1e-6;

/// A linear piece of the decision boundary between a class and another one: the affine map `<w, psi - b> + g`, which the head's
/// difference of the two scores is around `b`. It is turned such that the interpreted image lies on the positive side.
#[derive(Clone, Debug, PartialEq)]
pub struct Boundary {
    /// `w`, the gradient of the difference of the scores at the point.
    pub normal: Vec<f32>,
    /// `b`, a map on the boundary.
    pub point: Vec<f32>,
    /// `g`, the difference of the scores at the point, within 3.2e-3 of 0.
    pub gap: f64,
    /// The class on the other side.
    pub against: usize,
    /// Steps of the search.
    pub steps: usize,
    /// Whether the image lay on the other class's side, so that the signs of `w` and `g` were changed.
    pub turned: bool,
}

impl Boundary {
    /// `<w, psi - b> + g`, in f64: as a sum of products the bias `g - <w, b>` would cancel.
    pub fn value(&self, map: &[f32]) -> f64 {
        let terms = self.normal.iter().zip(&self.point).zip(map);
        terms.map(|((w, b), psi)| f64::from(*w) * (f64::from(*psi) - f64::from(*b))).sum::<f64>() + self.gap
    }

    /// Whether a map lies on the interpreted image's side.
    pub fn holds(&self, map: &[f32]) -> bool {
        self.value(map) > 0.0
    }

    fn turned_to(self, map: &[f32]) -> Self {
        if self.value(map) >= 0.0 {
            return self;
        }
        Self { normal: self.normal.into_iter().map(|w| -w).collect(), gap: -self.gap, turned: true, ..self }
    }
}

/// The number of different directions among the boundaries' normals.
pub(super) fn directions(boundaries: &[Boundary]) -> usize {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let mut found: Vec<(&[f32], f64)> = Vec::new();
    for boundary in boundaries {
        let (normal, norm) = (&boundary.normal[..], dot(&boundary.normal, &boundary.normal).sqrt());
        if !found.iter().any(|(other, length)| dot(normal, other) >= (1.0 - ALIKE) * norm * length) {
            found.push((normal, norm));
        }
    }
    found.len()
}

/// The search for boundaries between one map and others.
pub(super) struct Search<'a> {
    pub network: &'a Network,
    pub stage: Stage,
    /// The class of the map.
    pub class: usize,
    pub shape: [usize; 3],
    pub from: &'a [f32],
}

impl Search<'_> {
    /// Searches towards all these maps at once, each batch holding one point of every search; a search that does not converge,
    /// or ends where the network is flat, leads to none.
    pub fn run(&self, towards: &[&[f32]]) -> Result<Vec<Boundary>> {
        let head = Head { network: self.network, stage: self.stage, shape: self.shape };
        let mut lines = towards.iter().map(|_| Line::default()).collect::<Vec<_>>();
        let mut points = self.points(&lines, towards);
        while lines.iter().any(|line| line.end.is_none()) {
            let scores = head.scores(&points)?;
            let classes = scores.len() / lines.len();
            lines.iter_mut().zip(scores.chunks_exact(classes)).for_each(|(line, scores)| line.see(scores, self.class));
            points = self.points(&lines, towards);
        }
        let (scores, gradient) = head.gradient(&points, |scores| self.between(scores, lines.len()))?;
        let (classes, len) = (scores.len() / lines.len(), self.from.len());
        let found = lines.iter().enumerate().filter_map(|(i, line)| {
            let (scores, normal) = (&scores[i * classes..][..classes], &gradient[i * len..][..len]);
            let against = runner_up(scores, self.class);
            let sound = line.end == Some(End::Found) && normal.iter().any(|w| *w != 0.0);
            sound.then(|| Boundary {
                normal: normal.to_vec(),
                point: points[i * len..][..len].to_vec(),
                gap: f64::from(scores[self.class]) - f64::from(scores[against]),
                against,
                steps: line.steps,
                turned: false,
            })
        });
        Ok(found.map(|boundary| boundary.turned_to(self.from)).collect())
    }

    /// The point of each line at which it is looked next.
    fn points(&self, lines: &[Line], towards: &[&[f32]]) -> Vec<f32> {
        let point = |(line, to): (&Line, &&[f32])| {
            let share = line.at();
            let values = self.from.iter().zip(*to).map(move |(a, b)| {
                let (a, b) = (f64::from(*a), f64::from(*b));
                (a + share * (b - a)) as f32
            });
            values.collect::<Vec<_>>()
        };
        lines.iter().zip(towards).flat_map(point).collect()
    }

    /// The upstream gradient of the class's score minus the next one's.
    fn between(&self, scores: &[f32], count: usize) -> Vec<f32> {
        let classes = scores.len() / count;
        let one = |scores: &[f32]| {
            let mut upstream = vec![0.0; classes];
            upstream[runner_up(scores, self.class)] = -1.0;
            upstream[self.class] = 1.0;
            upstream
        };
        scores.chunks_exact(classes).flat_map(one).collect()
    }
}

/// The highest class but for this one.
fn runner_up(scores: &[f32], class: usize) -> usize {
    let mut others = scores.to_vec();
    others[class] = f32::NEG_INFINITY;
    best_class(&others)
}

/// How a search has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Found,
    Lost,
}

/// The search along one line, whose points are named by their share of the way.
#[derive(Clone, Debug)]
struct Line {
    /// The last point of the class.
    inside: f64,
    /// The first point that is not.
    outside: f64,
    steps: usize,
    end: Option<End>,
}

impl Default for Line {
    fn default() -> Self {
        Self { inside: 0.0, outside: 1.0, steps: 0, end: None }
    }
}

impl Line {
    fn at(&self) -> f64 {
        (1.0 - TRIED) * self.inside + TRIED * self.outside
    }

    /// Takes note of the scores at the point.
    fn see(&mut self, scores: &[f32], class: usize) {
        if self.end.is_some() {
            return;
        }
        self.steps += 1;
        let gap = f64::from(scores[class]) - f64::from(scores[runner_up(scores, class)]);
        let inside = best_class(scores) == class;
        if inside && gap * gap < TOLERANCE {
            self.end = Some(End::Found);
            return;
        }
        let at = self.at();
        if inside {
            self.inside = at
        } else {
            self.outside = at
        }
        if self.outside - self.inside < RESOLUTION {
            self.end = Some(End::Lost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::csc::CscTwin;
    use crate::reference::sequence::sequence;
    use crate::reference::soft_threshold::ProxTwin;
    use crate::shape::{ConvShape, Geometry, PaddingMode};

    fn boundary(normal: &[f32], point: &[f32], gap: f64) -> Boundary {
        Boundary { normal: normal.to_vec(), point: point.to_vec(), gap, against: 1, steps: 1, turned: false }
    }

    #[test]
    fn sides_do_not_cancel_far_from_the_origin() {
        // In float32, <w, b> is 2e8 with a spacing of 16, and the bias would be lost in it.
        let far = boundary(&[1e4, 1e4], &[1e4, 1e4], 1e-3);
        assert!(far.holds(&[1e4, 1e4]) && (far.value(&[1e4, 1e4]) - 1e-3).abs() < 1e-12);
        assert!(!far.holds(&[1e4, 9999.999]));
    }

    #[test]
    fn a_boundary_turns_to_the_side_of_the_image() {
        let (ahead, behind) = ([2.0, 0.0], [-2.0, 0.0]);
        let seen = boundary(&[1.0, 0.5], &[0.0, 0.0], 1e-3);
        assert_eq!(seen.clone().turned_to(&ahead), seen);
        let turned = seen.clone().turned_to(&behind);
        assert!(turned.turned && turned.holds(&behind) && !turned.holds(&ahead));
        assert_eq!(turned.value(&ahead), -seen.value(&ahead));
    }

    #[test]
    fn directions_are_told_apart_but_for_rounding() {
        let normals: [&[f32]; 5] = [&[1.0, 0.0], &[3.0, 1e-4], &[1.0, 0.1], &[-1.0, 0.0], &[2.0, 0.2]];
        let all = normals.map(|normal| boundary(normal, &[0.0, 0.0], 0.0));
        assert_eq!(directions(&all), 3);
    }

    #[test]
    fn a_line_closes_in_on_the_tie_or_gives_up() {
        let search = |scores: &dyn Fn(f64) -> [f32; 2]| {
            let mut line = Line::default();
            while line.end.is_none() {
                line.see(&scores(line.at()), 0);
            }
            line
        };
        let found = search(&|t| [(10.0 * (0.37 - t)) as f32, 0.0]);
        assert_eq!(found.end, Some(End::Found));
        assert!((found.at() - 0.37).abs() < 3.2e-4 && found.at() <= 0.37 && found.steps < 60, "{found:?}");
        let cliff = search(&|t| if t < 0.37 { [1.0, 0.0] } else { [0.0, 1.0] });
        assert!(cliff.end == Some(End::Lost) && cliff.steps < 400, "{cliff:?}");
    }

    /// The share of second differences of the codes along a segment of signals that are 0 up to rounding.
    fn share_of_affine(iterations: usize, root_noise: bool) -> f64 {
        const POINTS: usize = 201;
        let geometry = Geometry::square(1, 1);
        let s = ConvShape::new("csc", &[POINTS, 6, 6, 1], &[5, 3, 3, 1], geometry).unwrap();
        let (from, to, weight) = (sequence(36, 1, 1.0), sequence(36, 2, 1.0), sequence(45, 3, 0.4));
        let at = |i: usize| from.iter().zip(&to).map(move |(a, b)| a + 1e-2 * i as f64 / POINTS as f64 * (b - a));
        let signals = (0..POINTS).flat_map(at).collect::<Vec<_>>();
        let solver = CscTwin {
            iterations,
            step: 0.1,
            lambda: vec![0.1; POINTS],
            prox: ProxTwin { mu: 0.0, non_negative: true },
            momentum: true,
            gradient_at_code: false,
            root_noise,
            padding_mode: PaddingMode::Zero,
        };
        let trace = solver.forward(&s, &signals, &weight);
        let codes = trace.codes().chunks_exact(36 * 5).collect::<Vec<_>>();
        assert!(codes[0].iter().any(|z| *z > 0.0) && codes[0].contains(&0.0), "a code with zeros and others");
        let affine = codes.windows(3).filter(|three| {
            let second = three[0].iter().zip(three[1]).zip(three[2]).map(|((a, b), c)| (a - 2.0 * b + c).abs());
            second.fold(0.0, f64::max) < 1e-14
        });
        affine.count() as f64 / (codes.len() - 2) as f64
    }

    #[test]
    fn sparse_codes_are_piecewise_affine_but_for_root_noise() {
        let shares = [(2, false), (4, false), (2, true)].map(|(iterations, root)| share_of_affine(iterations, root));
        assert!(shares[0] > 0.5 && shares[1] > 0.5 && shares[0] < 1.0, "{shares:?}");
        assert!(shares[2] < 0.05, "{shares:?}");
    }
}
