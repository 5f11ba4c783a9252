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
        let mut active = Active::of(start);
        for round in 0..ROUNDS {
            let many = round < AT_ONCE;
            let atoms = self.dictionary.atoms(&active.places);
            let gram = atoms.tr_mul(&atoms) + DMatrix::identity(atoms.ncols(), atoms.ncols()) * self.mu;
            let Some(gram) = Cholesky::new(gram) else {
                // More atoms than can be told apart: the larger half is a new start.
                active.keep(many.then(|| active.larger_half())?);
                continue;
            };
            let signs = DVector::from_column_slice(&active.signs);
            let right = atoms.tr_mul(&DVector::from_column_slice(self.signal)) - &signs * self.lambda;
            let codes = gram.solve(&right);
            if let Some(kept) = active.towards(&codes, many) {
                active.keep(kept);
                continue;
            }
            let (slack, appearing) = self.slack(&active.places, &codes);
            let mut lacking = (0..slack.len()).filter_map(|j| slack[j].map(|s| (s, j))).collect::<Vec<_>>();
            lacking.retain(|(slack, _)| *slack < self.tolerance());
            lacking.sort_by(|a, b| a.0.total_cmp(&b.0));
            match lacking.first() {
                None => return Some(Minimiser { places: active.places, signs, codes, atoms, gram, slack, appearing }),
                // An atom that could be taken as well as not: the minimiser is not the only one, or about to change.
                Some((slack, _)) if *slack >= -self.tolerance() => return None,
                Some(_) if many => lacking.retain(|(slack, _)| *slack < -self.tolerance()),
                Some(_) => lacking.truncate(1),
            }
            lacking.into_iter().for_each(|(_, place)| active.push(place, appearing[place]));
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

/// The codes that are taken to be not zero: their places, signs and values.
struct Active {
    places: Vec<usize>,
    signs: Vec<f64>,
    codes: Vec<f64>,
}

impl Active {
    fn of(codes: &[f64]) -> Self {
        let places = (0..codes.len()).filter(|&i| codes[i] != 0.0).collect::<Vec<_>>();
        let codes = places.iter().map(|&i| codes[i]).collect::<Vec<_>>();
        Self { signs: codes.iter().map(|code| code.signum()).collect(), places, codes }
    }

    /// Takes in a code that is still zero.
    fn push(&mut self, place: usize, sign: f64) {
        self.places.push(place);
        self.signs.push(sign);
        self.codes.push(0.0);
    }

    /// Keeps those of these numbers.
    fn keep(&mut self, kept: Vec<usize>) {
        self.places = kept.iter().map(|&i| self.places[i]).collect();
        self.signs = kept.iter().map(|&i| self.signs[i]).collect();
        self.codes = kept.iter().map(|&i| self.codes[i]).collect();
    }

    /// The numbers of the larger half.
    fn larger_half(&self) -> Vec<usize> {
        let mut order = (0..self.codes.len()).collect::<Vec<_>>();
        order.sort_by(|&a, &b| self.codes[b].abs().total_cmp(&self.codes[a].abs()));
        order.truncate(self.codes.len() / 2);
        order
    }

    /// Gives the codes their best values. If any of those has the wrong sign, the numbers of the codes that are left without these: without
    /// all of them, or without the first that the codes meet on their way, which then ends there.
    fn towards(&mut self, best: &DVector<f64>, many: bool) -> Option<Vec<usize>> {
        let wrong = (0..self.codes.len()).filter(|&i| best[i] * self.signs[i] <= 0.0).collect::<Vec<_>>();
        // Both may be zero.
        let part = |&i: &usize| if self.codes[i] == 0.0 { 0.0 } else { self.codes[i] / (self.codes[i] - best[i]) };
        let first = wrong.iter().map(|i| (*i, part(i))).min_by(|a, b| a.1.total_cmp(&b.1));
        let (left_out, part) = match first {
            Some((first, part)) if !many => (vec![first], part),
            _ => (wrong, 1.0),
        };
        self.codes.iter_mut().zip(best.iter()).for_each(|(code, best)| *code += part * (best - *code));
        (!left_out.is_empty()).then(|| (0..self.codes.len()).filter(|i| left_out.binary_search(i).is_err()).collect())
    }
}
