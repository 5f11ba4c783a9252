//! The convolutional sparse coding layer (arXiv 2210.12945): its output is the sparse code of its input.

use serde::{Deserialize, Serialize};

use super::step_size::{StepRule, StepSize};
use super::{Measures, Parameter, Pass};
use crate::error::{Error, Result};
use crate::named::named;
use crate::ops::{self, FistaStep, Prox, count_active, inverse_norm, normalize_atoms};
use crate::ops::{sum_of_magnitudes, sum_of_squares};
use crate::shape::ConvShape;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// Iterations from which on a solve is not kept for the backward pass but gone again.
const LONG: usize = 4;

/// Lambda of [`Csc::clip`], by that of the training: so large that an outlier alone is worth no code.
const CLIP_LAMBDA: f32 = 8.0;
/// Rounds of [`Csc::clip`].
const CLIP_ROUNDS: usize = 4;

/// How the iterations go on from one code to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Solver {
    /// FISTA (Beck and Teboulle 2009): the gradient is taken at the extrapolated point.
    #[default]
    Fista,
    /// No momentum.
    Ista,
    /// As in the authors' published code: the step starts at the extrapolated point, but the gradient is taken at the
    /// last code. Differs from FISTA from three iterations on.
    Published,
}

named!(Solver as "solver" { Fista = "fista", Ista = "ista", Published = "published" });

/// How the gradient of the solution is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Gradient {
    /// Through every iteration.
    #[default]
    Unrolled,
}

/// Everything about a sparse coding layer but its weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CscConfig {
    /// Pixels of the signal from one code to the next.
    pub stride: usize,
    /// Zeros around the signal.
    pub padding: usize,
    /// Iterations `K >= 1`.
    pub iterations: usize,
    /// Weight of the l1 term.
    pub lambda: f32,
    /// Weight of the elastic-net term `mu / 2 |z|^2`.
    pub mu: f32,
    /// Whether codes are kept non-negative.
    pub non_negative: bool,
    /// The solver.
    pub solver: Solver,
    /// The gradient.
    pub gradient: Gradient,
    /// The data term is `|x - A z|`, not squared: from the second iteration on the residual of each sample enters
    /// divided by twice its norm, which is held constant.
    pub root_noise: bool,
    /// Multiplies lambda by `dim(x) / dim(z)`.
    pub normalize_lambda: bool,
    /// How often the signal is repeated along its channels (`n_dict`).
    pub dictionaries: usize,
}

impl Default for CscConfig {
    fn default() -> Self {
        Self {
            stride: 1,
            padding: 1,
            iterations: 2,
            lambda: 0.1,
            mu: 0.0,
            non_negative: true,
            solver: Solver::Fista,
            gradient: Gradient::Unrolled,
            root_noise: false,
            normalize_lambda: false,
            dictionaries: 1,
        }
    }
}

impl CscConfig {
    fn check(&self) -> Result<()> {
        if self.iterations == 0 {
            return Err(Error::argument("iterations", 0, "at least one is needed"));
        }
        if self.dictionaries == 0 {
            return Err(Error::argument("dictionaries", 0, "at least one is needed"));
        }
        for (name, value) in [("lambda", self.lambda), ("mu", self.mu)] {
            if !value.is_finite() || value < 0.0 {
                return Err(Error::argument(name, value, "must be a finite number that is not negative"));
            }
        }
        Ok(())
    }

    fn prox(&self) -> Prox {
        Prox { mu: self.mu, non_negative: self.non_negative }
    }

    /// The iterations.
    fn solve(self, tape: &Tape, x: &Var, weight: &Var, step: &Tensor, lambda: &Tensor) -> Result<Var> {
        let CscConfig { stride, padding, solver, .. } = self;
        let with = FistaStep { step, lambda, prox: self.prox(), stride, padding };
        let prox_step = |y: Option<&Var>, r: &Var| tape.fista_step(y, r, weight, with);
        // z_0 = y_1 = 0, so the first residual is x itself.
        let mut z = prox_step(None, x)?;
        let mut previous = z.clone();
        let mut t = 1.0_f64;
        for _ in 1..self.iterations {
            let t_next = (1.0 + (1.0 + 4.0 * t * t).sqrt()) / 2.0;
            let beta = ((t - 1.0) / t_next) as f32;
            let y = if solver == Solver::Ista || beta == 0.0 { z.clone() } else { tape.momentum(&z, &previous, beta)? };
            let at = if solver == Solver::Published { &z } else { &y };
            let mut r = tape.residual(x, at, weight, stride, padding)?;
            if self.root_noise {
                r = tape.scale_samples(&r, &inverse_norm(r.value(), 0.5)?)?;
            }
            previous = z;
            z = prox_step(Some(&y), &r)?;
            t = t_next;
        }
        Ok(z)
    }

    /// As [`CscConfig::solve`], but nothing of the way to the codes is kept: the backward pass goes it again, some samples
    /// at a time, so that what it keeps meanwhile is about that of two iterations of the whole batch.
    fn solve_again(self, tape: &Tape, x: &Var, weight: &Var, step: &Tensor, lambda: &Tensor) -> Result<Var> {
        let idle = Tape::idle();
        let codes = self.solve(&idle, x, weight, step, lambda)?.value().clone();
        let (saved_x, w, step, lambda) = (x.saved(), weight.value().clone(), step.clone(), lambda.clone());
        let (x_tracked, w_tracked) = (x.tracked(), weight.tracked());
        Ok(tape.record(codes, &[x, weight], move |g| {
            let again = Again { config: self, x: saved_x.get()?, weight: w, step, lambda };
            again.gradients(g, x_tracked, w_tracked)
        }))
    }
}

/// A solve that is gone again for its gradients.
struct Again {
    config: CscConfig,
    x: Tensor,
    weight: Tensor,
    step: Tensor,
    lambda: Tensor,
}

impl Again {
    /// The gradients for the signal and the dictionary, where wanted.
    fn gradients(&self, g: &Tensor, wants_x: bool, wants_weight: bool) -> Result<Vec<Option<Tensor>>> {
        let n = g.shape()[0];
        let at_once = n.div_ceil(self.config.iterations.div_ceil(2));
        let x_bar = wants_x.then(|| Tensor::uninitialized(g.gpu(), "csc", self.x.shape())).transpose()?;
        let mut w_bar: Option<Tensor> = None;
        for first in (0..n).step_by(at_once) {
            let count = at_once.min(n - first);
            let tape = Tape::new();
            let part = self.x.samples(first, count)?;
            let part = if wants_x { tape.leaf(&part) } else { tape.constant(&part) };
            let weight = if wants_weight { tape.leaf(&self.weight) } else { tape.constant(&self.weight) };
            let lambda = self.lambda.samples(first, count)?;
            let codes = self.config.solve(&tape, &part, &weight, &self.step, &lambda)?;
            let found = tape.backward_from(&codes, &g.samples(first, count)?)?;
            if let Some(x_bar) = &x_bar {
                x_bar.set_samples(first, found.of("signal", &part)?)?;
            }
            if wants_weight {
                let more = found.of("dictionary", &weight)?;
                w_bar = Some(w_bar.map_or_else(|| Ok(more.clone()), |sum| sum.add(more))?);
            }
        }
        Ok(vec![x_bar, w_bar])
    }
}

/// A layer whose output is the sparse code `z` of its input `x`, `K` iterations towards
///
/// `min 1/2 |x - A z|^2 + lambda |z|_1 + mu/2 |z|^2`, `z >= 0` where so configured.
///
/// `x` is `[n, height, width, channels]`, the dictionary `[atoms, k, k, channels]`, `z` is
/// `[n, code_h, code_w, atoms]`. Any size of input, changing from call to call.
#[derive(Debug)]
pub struct Csc {
    /// The dictionary.
    pub weight: Parameter,
    config: CscConfig,
    step: StepSize,
    takes_lambda: bool,
}

impl Csc {
    /// A layer with this dictionary.
    ///
    /// # Errors
    /// [`Error::Argument`] for a configuration outside its ranges.
    pub fn new(weight: Parameter, config: CscConfig) -> Result<Self> {
        config.check()?;
        Ok(Self { weight, config, step: StepSize::default(), takes_lambda: true })
    }

    /// Whether the lambdas of a pass are for this layer, as they are at first; else it keeps its own.
    pub fn set_takes_lambda(&mut self, takes: bool) {
        self.takes_lambda = takes;
    }

    /// See [`Csc::set_takes_lambda`].
    pub fn takes_lambda(&self) -> bool {
        self.takes_lambda
    }

    /// The configuration.
    pub fn config(&self) -> &CscConfig {
        &self.config
    }

    /// To be called when the dictionary has been changed by other means than training.
    pub fn dictionary_changed(&mut self) {
        self.step.forget();
    }

    /// Changes the configuration.
    ///
    /// # Errors
    /// As [`Csc::new`].
    pub fn set_config(&mut self, config: CscConfig) -> Result<()> {
        config.check()?;
        let place = |c: &CscConfig| (c.stride, c.padding, c.dictionaries);
        if place(&config) != place(&self.config) {
            self.step.forget();
        }
        self.config = config;
        Ok(())
    }

    /// Changes where the step comes from.
    pub fn set_step(&mut self, rule: StepRule) {
        self.step.rule = rule;
    }

    /// The codes of `x`. A training pass first projects every atom to unit norm, in place.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn forward(&mut self, pass: &Pass, x: &Var) -> Result<Var> {
        let x = &self.repeat(pass.tape, x)?;
        let codes = self.codes(pass, x, &pass.parameter(&self.weight))?;
        if let Some(measures) = &pass.measures {
            measures.borrow_mut().push(self.measure(x.value(), codes.value())?.0);
        }
        Ok(codes)
    }

    /// What it makes of `x` at its own lambda: the measures, and `x - A z`.
    pub(crate) fn look(&mut self, x: &Tensor) -> Result<(Measures, Tensor)> {
        let tape = Tape::idle();
        let x = self.repeat(&tape, &tape.constant(x))?;
        let codes = self.codes(&Pass::eval(&tape), &x, &tape.constant(&self.weight.value))?;
        self.measure(x.value(), codes.value())
    }

    /// The codes of a signal that has been repeated already.
    fn codes(&mut self, pass: &Pass, x: &Var, weight: &Var) -> Result<Var> {
        let shape = self.shape(x.value())?;
        let step = if pass.training {
            normalize_atoms(weight.value())?;
            self.step.follow(weight.value(), &shape)?
        } else {
            self.step.converge(weight.value(), &shape)?
        };
        let lambda = self.lambda(pass.lambda.as_ref().filter(|_| self.takes_lambda), &shape)?;
        if pass.tape.records() && self.config.iterations >= LONG {
            self.config.solve_again(pass.tape, x, weight, &step, &lambda)
        } else {
            self.config.solve(pass.tape, x, weight, &step, &lambda)
        }
    }

    /// `x` with every value that is farther than `limit` from its scaled reconstruction moved there: outliers, such as
    /// salt and pepper, that no sparse code explains. Four rounds of coding and [`Tape::clip_residual`], at eight times the
    /// layer's own lambda: the codes of the first still follow the outliers, those of the last hardly do. The weights are
    /// held constant.
    ///
    /// # Errors
    /// [`Error::Argument`] for a limit that is negative or not finite, or a layer that repeats its signal;
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn clip(&mut self, tape: &Tape, x: &Var, limit: f32) -> Result<Var> {
        self.clip_rounds(tape, x, limit, CLIP_ROUNDS)
    }

    /// So many rounds of [`Csc::clip`]; with a limit of 0 what comes out of one is the scaled reconstruction.
    pub(crate) fn clip_rounds(&mut self, tape: &Tape, x: &Var, limit: f32, rounds: usize) -> Result<Var> {
        if self.config.dictionaries > 1 {
            return Err(Error::argument("clip", limit, "is for layers with one dictionary"));
        }
        let (weight, shape) = (tape.constant(&self.weight.value), self.shape(x.value())?);
        let step = self.step.converge(weight.value(), &shape)?;
        let lambda = CLIP_LAMBDA * self.effective_lambda(&shape);
        let lambda = Tensor::full(weight.value().gpu(), &[shape.n], lambda)?;
        (0..rounds).try_fold(x.clone(), |x, _| {
            let codes = self.config.solve(tape, &x, &weight, &step, &lambda)?;
            let left = tape.residual(&x, &codes, &weight, self.config.stride, self.config.padding)?;
            tape.clip_residual(&x, &left, limit)
        })
    }

    /// The measures, and `x - A z`.
    fn measure(&self, x: &Tensor, codes: &Tensor) -> Result<(Measures, Tensor)> {
        let left = self.residual_of(x, codes)?;
        let measures = Measures {
            layer: self.weight.name.clone(),
            signal: sum_of_squares(x)?,
            residual: sum_of_squares(&left)?,
            active: count_active(codes)?,
            sizes: [x, codes].map(|t| t.shape()[1..].iter().product()),
        };
        Ok((measures, left))
    }

    /// `|x - A z|^2` of each sample, `[n]`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn residual_norms(&self, x: &Tensor, codes: &Tensor) -> Result<Tensor> {
        let tape = Tape::idle();
        sum_of_squares(&self.residual_of(self.repeat(&tape, &tape.constant(x))?.value(), codes)?)
    }

    /// `1/2 |x - A z|^2 + lambda |z|_1 + mu/2 |z|^2` of each sample.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`], or whatever the device reports.
    pub fn objective(&self, x: &Tensor, codes: &Tensor) -> Result<Vec<f32>> {
        let lambda = self.effective_lambda(&self.shape_of(x)?);
        let residuals = self.residual_norms(x, codes)?.to_vec()?;
        let magnitudes = sum_of_magnitudes(codes)?.to_vec()?;
        let squares = sum_of_squares(codes)?.to_vec()?;
        let terms = residuals.iter().zip(magnitudes).zip(squares);
        Ok(terms.map(|((r, l1), l2)| 0.5 * r + lambda * l1 + 0.5 * self.config.mu * l2).collect())
    }

    /// The synthesis `A z`, of the size of `x`: what the code keeps of `x`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn reconstruct(&self, codes: &Tensor, size: (usize, usize)) -> Result<Tensor> {
        let one = Tensor::constant(codes.gpu(), 1.0)?;
        ops::synthesis(codes, &self.weight.value, &one, self.config.stride, self.config.padding, size)
    }

    /// The vector of the power iteration, which a resumed training goes on from, and height and width of the signals
    /// that it is for.
    pub fn power_vector(&self) -> Option<(&Tensor, (usize, usize))> {
        self.step.vector()
    }

    /// Goes on from a saved vector, for signals `[_, height, width, _]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where it does not fit.
    pub fn restore_power_vector(&mut self, vector: Tensor, size: (usize, usize)) -> Result<()> {
        let channels = self.weight.value.shape()[3];
        let shape = self.shape_from(&[1, size.0, size.1, channels])?;
        self.step.restore(&shape, vector)
    }

    fn residual_of(&self, x: &Tensor, codes: &Tensor) -> Result<Tensor> {
        ops::residual(x, codes, &self.weight.value, self.config.stride, self.config.padding)
    }

    /// `x` repeated `n_dict` times along its channels: a 1x1 correlation with stacked identities.
    fn repeat(&self, tape: &Tape, x: &Var) -> Result<Var> {
        let (times, channels) = (self.config.dictionaries, *x.value().shape().last().unwrap_or(&0));
        if times == 1 {
            return Ok(x.clone());
        }
        let mut identities = vec![0.0; times * channels * channels];
        (0..times * channels).for_each(|i| identities[i * channels + i % channels] = 1.0);
        let identities = Tensor::from_slice(x.value().gpu(), &[times * channels, 1, 1, channels], &identities)?;
        tape.correlation(x, &tape.constant(&identities), 1, 0)
    }

    /// The sizes for a signal that has been repeated already.
    fn shape(&self, x: &Tensor) -> Result<ConvShape> {
        self.shape_from(x.shape())
    }

    /// The sizes for a signal as it comes.
    fn shape_of(&self, x: &Tensor) -> Result<ConvShape> {
        let mut signal = x.shape().to_vec();
        if let Some(channels) = signal.last_mut() {
            *channels *= self.config.dictionaries;
        }
        self.shape_from(&signal)
    }

    fn shape_from(&self, signal: &[usize]) -> Result<ConvShape> {
        ConvShape::new("csc", signal, self.weight.value.shape(), self.config.stride, self.config.padding)
    }

    /// Lambda after the optional normalisation by `dim(x) / dim(z)`.
    fn effective_lambda(&self, shape: &ConvShape) -> f32 {
        let size = |dims: [usize; 4]| dims[1..].iter().product::<usize>() as f32;
        let ratio = if self.config.normalize_lambda { size(shape.signal()) / size(shape.codes()) } else { 1.0 };
        self.config.lambda * ratio
    }

    fn lambda(&self, given: Option<&Tensor>, shape: &ConvShape) -> Result<Tensor> {
        match given {
            Some(lambda) => Ok(lambda.clone()),
            None => Tensor::full(self.weight.value.gpu(), &[shape.n], self.effective_lambda(shape)),
        }
    }
}
