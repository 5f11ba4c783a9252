//! The exact minimiser, from an approximate one.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use super::dictionary::Dictionary;

/// Changes of the support that may exchange many codes at once.
const AT_ONCE: usize = 20;
/// Changes of the support after which the search is given up.
const ROUNDS: usize = 100;
/// An atom fits in if its slack is not below minus this many times the largest product with the signal.
const TOLERANCE: f64 = 1e-11;

/// `1/2 |x - A z|^2 + lambda |z|_1 + mu/2 |z|^2`, to be minimised.
pub(super) struct Problem<'a> {
    pub dictionary: &'a Dictionary,
    /// `x`
    pub signal: &'a [f64],
    pub lambda: f64,
    pub mu: f64,
    /// Whether codes must not be negative.
    pub non_negative: bool,
}

/// The minimiser, and what its optimality rests on.
pub(super) struct Minimiser {
    /// The codes that are not zero, by place, with their signs and values.
    pub places: Vec<usize>,
    pub signs: DVector<f64>,
    pub codes: DVector<f64>,
    /// Their columns, `A_S`.
    pub atoms: DMatrix<f64>,
    /// `G = A_S^T A_S + mu I`, factored.
    pub gram: Cholesky<f64, Dyn>,
    /// How far every other code is from appearing, and `None` for those that are not zero:
    /// `lambda - |a_j^T (x - A z)|`, without the magnitude for codes that must not be negative.
    pub slack: Vec<Option<f64>>,
    /// The signs with which those codes would appear.
    pub appearing: Vec<f64>,
}

impl Problem<'_> {
    /// The minimiser, if it is found and is the only one: an active-set method that starts from an approximate minimiser. At first
    /// all codes that are on the wrong side are exchanged at once (Portugal, Judice and Vicente 1994), then one at a time (Lawson and Hanson
    /// 1974, chapter 23; with signs and lambda as Osborne, Presnell and Turlach 2000).
    pub fn minimise(&self, start: &[f64]) -> Option<Minimiser> {
        let mut places = (0..start.len()).filter(|&i| start[i] != 0.0).collect::<Vec<_>>();
        let mut signs = places.iter().map(|&i| start[i].signum()).collect::<Vec<_>>();
        let mut codes = places.iter().map(|&i| start[i]).collect::<Vec<_>>();
        for round in 0..ROUNDS {
            let atoms = self.dictionary.atoms(&places);
            let gram = Cholesky::new(atoms.tr_mul(&atoms) + DMatrix::identity(places.len(), places.len()) * self.mu)?;
            let signed = DVector::from_column_slice(&signs);
            let right = atoms.tr_mul(&DVector::from_column_slice(self.signal)) - &signed * self.lambda;
            let best = gram.solve(&right);
            let many = round < AT_ONCE;
            if let Some(kept) = towards(&mut codes, &signs, &best, many) {
                places = kept.iter().map(|&i| places[i]).collect();
                signs = kept.iter().map(|&i| signs[i]).collect();
                codes = kept.iter().map(|&i| codes[i]).collect();
                continue;
            }
            let (slack, appearing) = self.slack(&places, &best);
            let mut lacking = (0..slack.len()).filter_map(|j| slack[j].map(|s| (s, j))).collect::<Vec<_>>();
            lacking.retain(|(slack, _)| *slack < -self.tolerance());
            lacking.sort_by(|a, b| a.0.total_cmp(&b.0));
            if lacking.is_empty() {
                return Some(Minimiser { places, signs: signed, codes: best, atoms, gram, slack, appearing });
            }
            codes = best.as_slice().to_vec();
            for (_, place) in lacking.into_iter().take(if many { usize::MAX } else { 1 }) {
                places.push(place);
                signs.push(appearing[place]);
                codes.push(0.0);
            }
        }
        None
    }

    /// The slack of every code that is zero, and the sign with which it would appear.
    fn slack(&self, places: &[usize], values: &DVector<f64>) -> (Vec<Option<f64>>, Vec<f64>) {
        let products = self.dictionary.analysis(&self.residual(places, values));
        let appearing = |product: f64| if self.non_negative { 1.0 } else { 1.0_f64.copysign(product) };
        let appearing = products.iter().map(|p| appearing(*p)).collect::<Vec<_>>();
        let mut slack = products.iter().zip(&appearing).map(|(p, s)| Some(self.lambda - p * s)).collect::<Vec<_>>();
        places.iter().for_each(|&place| slack[place] = None);
        (slack, appearing)
    }

    /// `x - A z`.
    fn residual(&self, places: &[usize], values: &DVector<f64>) -> Vec<f64> {
        let mut codes = vec![0.0; self.dictionary.size()[1]];
        places.iter().zip(values.iter()).for_each(|(&place, &value)| codes[place] = value);
        let explained = self.dictionary.synthesis(&codes);
        self.signal.iter().zip(explained).map(|(x, a)| x - a).collect()
    }

    fn tolerance(&self) -> f64 {
        let energy = self.signal.iter().map(|x| x * x).sum::<f64>().sqrt();
        TOLERANCE * (self.lambda + self.dictionary.longest * energy)
    }
}

/// The numbers of the codes that are left if those go which would change their signs on the way to the best ones: all of them, or
/// the first, up to which all codes are moved. None where no sign changes.
fn towards(codes: &mut [f64], signs: &[f64], best: &DVector<f64>, many: bool) -> Option<Vec<usize>> {
    let wrong = |i: &usize| best[*i] * signs[*i] <= 0.0;
    if many {
        codes.copy_from_slice(best.as_slice());
        return (0..codes.len()).any(|i| wrong(&i)).then(|| (0..codes.len()).filter(|i| !wrong(i)).collect());
    }
    // Both may be zero.
    let part = |i: usize| if codes[i] == 0.0 { 0.0 } else { codes[i] / (codes[i] - best[i]) };
    let (first, part) = (0..codes.len()).filter(wrong).map(|i| (i, part(i))).min_by(|a, b| a.1.total_cmp(&b.1))?;
    codes.iter_mut().zip(best.iter()).for_each(|(code, best)| *code += part * (best - *code));
    Some((0..codes.len()).filter(|&i| i != first).collect())
}
