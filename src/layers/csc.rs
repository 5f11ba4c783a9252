//! The convolutional sparse coding layer (arXiv 2210.12945): its output is the sparse code of its input.

use std::sync::OnceLock;

use super::{Init, Part, PartMut, Pass, Path, PowerVectors, Walk};
use crate::checks::check_not_negative;
use crate::error::{Error, Result};
use crate::ops::{Factor, LossWeights, Prox, normalize_atoms, scale, step_size};
#[cfg(not(target_arch = "wasm32"))]
use crate::ops::{sum_of_magnitudes, sum_of_squares};
use crate::shape::{ConvShape, Geometry, PaddingMode};
use crate::solver::{Convolution, LinearOperator, Problem, SAFETY, Solver, step_bound};
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// The configuration of a sparse coding layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CscConfig {
    /// Stride and padding of the analysis.
    pub geometry: Geometry,
    /// What the padding consists of.
    pub padding_mode: PaddingMode,
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
    /// The data term is `|x - A z|`, not squared: from the second iteration on the residual of each sample enters
    /// divided by twice its norm, which is held constant.
    pub root_noise: bool,
    /// Multiplies lambda by `dim(x) / dim(z)`, `x` not repeated.
    pub normalize_lambda: bool,
    /// Number of copies of the signal along its channels (`n_dict`).
    pub dictionaries: usize,
}

impl Default for CscConfig {
    /// Two iterations of FISTA on kernels of 3 x 3 at stride 1, lambda 0.1, non-negative codes.
    fn default() -> Self {
        Self {
            geometry: Geometry::square(1, 1),
            padding_mode: PaddingMode::default(),
            iterations: 2,
            lambda: 0.1,
            mu: 0.0,
            non_negative: true,
            solver: Solver::Fista,
            root_noise: false,
            normalize_lambda: false,
            dictionaries: 1,
        }
    }
}

impl CscConfig {
    fn check(&self) -> Result<()> {
        for (name, value) in [("iterations", self.iterations), ("dictionaries", self.dictionaries)] {
            if value == 0 {
                return Err(Error::argument(name, 0, "at least one is needed"));
            }
        }
        check_not_negative("lambda", self.lambda)?;
        check_not_negative("mu", self.mu)
    }
}

/// A layer whose output is the sparse code `z` of its input `x`, `K` iterations towards
///
/// `min 1/2 |x - A z|^2 + lambda |z|_1 + mu/2 |z|^2`, with `z >= 0` if configured.
///
/// `x` is `[n, height, width, channels]`, the dictionary `[atoms, kh, kw, channels]`, `z` is
/// `[n, code_h, code_w, atoms]`. The size of the input may change from call to call.
///
/// The step size is part of the layer: a training pass finds it by power iteration, and evaluation uses it at any size.
/// A layer that has got none from training or a file computes 0.9 / L once, from the bound of [`step_bound`]. With another
/// padding mode than zeros that bound grows by how often a value is repeated in the padding, and the step is a small one; with
/// circular padding at stride 1 it is exact.
#[derive(Debug)]
pub struct Csc {
    weight: Tensor,
    config: CscConfig,
    step: OnceLock<Tensor>,
    fixed: bool,
}

impl Csc {
    /// A layer with this dictionary.
    ///
    /// # Errors
    /// [`Error::Argument`] for a configuration outside its ranges, [`Error::Shape`] for weights that are no dictionary.
    pub fn new(weight: Tensor, config: CscConfig) -> Result<Self> {
        config.check()?;
        if weight.shape().len() != 4 || weight.is_empty() {
            return Err(Error::shape("csc", "a dictionary is [atoms, kh, kw, channels]", &[weight.shape()]));
        }
        Ok(Self { weight, config, step: OnceLock::new(), fixed: false })
    }

    /// The dictionary.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// A copy of the dictionary whose atoms have unit norm, to which a training pass projects them.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn unit_atoms(&self) -> Result<Tensor> {
        let atoms = scale(&self.weight, 1.0)?;
        normalize_atoms(&atoms)?;
        Ok(atoms)
    }

    /// Replaces the dictionary; the step size will be computed again.
    ///
    /// # Errors
    /// As [`Csc::new`].
    pub fn set_weight(&mut self, weight: Tensor) -> Result<()> {
        *self = Self::new(weight, self.config)?;
        Ok(())
    }

    /// The configuration.
    pub fn config(&self) -> &CscConfig {
        &self.config
    }

    /// Replaces the configuration; the step size will be computed again if it depends on the change.
    ///
    /// # Errors
    /// As [`Csc::new`].
    pub fn set_config(&mut self, config: CscConfig) -> Result<()> {
        config.check()?;
        let of = |c: &CscConfig| (c.geometry, c.padding_mode, c.dictionaries);
        if of(&config) != of(&self.config) && !self.fixed {
            self.step = OnceLock::new();
        }
        self.config = config;
        Ok(())
    }

    /// The step size, one value on the device. The first call for a layer that has none finds it, and reads the dictionary
    /// back to do so.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn step(&self) -> Result<Tensor> {
        if let Some(step) = self.step.get() {
            return Ok(step.clone());
        }
        #[cfg(not(target_arch = "wasm32"))]
        {
            self.adopt(&self.weight.to_vec()?)
        }
        #[cfg(target_arch = "wasm32")]
        {
            Err(Error::argument("step_size", "none", "call Csc::find_step first: a pass must not wait"))
        }
    }

    /// [`Csc::step`] for programs that must not block.
    ///
    /// # Errors
    /// As [`Csc::step`].
    pub async fn find_step(&self) -> Result<Tensor> {
        if let Some(step) = self.step.get() {
            return Ok(step.clone());
        }
        self.adopt(&self.weight.to_vec_async().await?)
    }

    /// The step size of a dictionary with these values.
    fn adopt(&self, values: &[f32]) -> Result<Tensor> {
        let &[atoms, height, width, channels] = self.weight.shape() else {
            return Err(Error::shape("csc", "a dictionary is [atoms, kh, kw, channels]", &[self.weight.shape()]));
        };
        let bound = step_bound([atoms, height, width, channels], values, self.config.geometry.stride);
        self.put_step((f64::from(SAFETY) / (bound * self.most_copies()).max(1e-12)) as f32)
    }

    /// The largest eigenvalue of `P^T P` for the padding `P`, by which that of `A^T A` may exceed the one without padding. A
    /// circular correlation of stride 1 has the eigenvalues that the bound is made of.
    pub(crate) fn most_copies(&self) -> f64 {
        let CscConfig { geometry, padding_mode, .. } = self.config;
        if padding_mode == PaddingMode::Circular && geometry.stride == [1, 1] {
            return 1.0;
        }
        geometry.padding.map(|padding| padding_mode.most_copies(padding)).iter().product::<usize>() as f64
    }

    /// Sets the step size, in place where there is one.
    fn put_step(&self, step: f32) -> Result<Tensor> {
        if let Some(step_size) = self.step.get() {
            step_size.write(&[step])?;
            return Ok(step_size.clone());
        }
        let made = Tensor::from_slice(self.weight.gpu(), &[1], &[step])?;
        Ok(self.step.get_or_init(|| made).clone())
    }

    /// Sets the step size, as read from a file.
    ///
    /// # Errors
    /// [`Error::Argument`] for one that is not a finite positive number.
    pub fn set_step(&mut self, step: f32) -> Result<()> {
        check_step(step)?;
        self.step = OnceLock::new();
        self.put_step(step).map(drop)
    }

    /// [`Csc::set_step`] in place.
    ///
    /// # Errors
    /// As [`Csc::set_step`].
    pub(crate) fn restore_step(&self, step: f32) -> Result<()> {
        check_step(step)?;
        self.put_step(step).map(drop)
    }

    /// Finds the step size of atoms that were changed in place.
    ///
    /// # Errors
    /// As [`Csc::step`].
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn renew_step(&self) -> Result<()> {
        self.adopt(&self.weight.to_vec()?).map(drop)
    }

    /// Sets a step size that training does not change.
    ///
    /// # Errors
    /// As [`Csc::set_step`].
    pub fn fix_step(&mut self, step: f32) -> Result<()> {
        self.set_step(step)?;
        self.fixed = true;
        Ok(())
    }

    /// The codes of `x`. A training pass first projects every atom to unit norm and finds the step size, in place.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn forward(&self, pass: &Pass, x: &Var) -> Result<Var> {
        let x = &self.repeat(pass.tape(), x)?;
        let weight = pass.parameter(&self.weight);
        let shape = self.shape(x.value())?;
        let step = if pass.is_training() { self.train(pass, &shape)? } else { self.step()? };
        let lambda = match pass.lambda(self)? {
            Some(lambda) if self.config.normalize_lambda => scale(&lambda, self.lambda_ratio(&shape))?,
            Some(lambda) => lambda,
            None => self.lambda(&shape, 1.0)?,
        };
        let codes = self.solve(pass.tape(), x, &weight, step, lambda.clone())?;
        if let Some(factor) = pass.dictionary_loss() {
            let weights = LossWeights { factor, dictionaries: self.config.dictionaries, mu: self.config.mu };
            let operator = self.operator(weight.value(), [shape.height, shape.width]);
            pass.add_loss(pass.tape().dictionary_loss(operator, [x, &codes, &weight], lambda, weights)?)?;
        }
        pass.show(self, x.value(), codes.value())?;
        Ok(codes)
    }

    /// The codes of a signal at another lambda: `factor` times the layer's own, in evaluation mode, the weights held constant.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn codes_at(&self, tape: &Tape, x: &Var, factor: f32) -> Result<Var> {
        let x = &self.repeat(tape, x)?;
        let lambda = self.lambda(&self.shape(x.value())?, factor)?;
        self.solve(tape, x, &tape.constant(&self.weight), self.step()?, lambda)
    }

    /// What a training pass does first: it projects the atoms and finds the step size, which it returns.
    fn train(&self, pass: &Pass, shape: &ConvShape) -> Result<Tensor> {
        normalize_atoms(&self.weight)?;
        if self.fixed {
            return self.step();
        }
        let fresh = PowerVectors::default();
        let operator = self.operator(&self.weight, [shape.height, shape.width]);
        let codes = ConvShape { n: 1, ..*shape }.codes();
        let largest = pass.powers().unwrap_or(&fresh).follow(self, &operator, &codes)?;
        let step = match self.step.get() {
            Some(step) => step.clone(),
            None => {
                let made = Tensor::uninitialized(self.weight.gpu(), "a step size", &[1])?;
                self.step.get_or_init(|| made).clone()
            }
        };
        step_size(&largest, SAFETY, &step)?;
        Ok(step)
    }

    /// The solve, for a signal that has already been repeated.
    fn solve(&self, tape: &Tape, x: &Var, weight: &Var, step: Tensor, lambda: Tensor) -> Result<Var> {
        let CscConfig { iterations, mu, non_negative, solver, root_noise, .. } = self.config;
        let shape = self.shape(x.value())?;
        let operator = self.operator(weight.value(), [shape.height, shape.width]);
        let prox = Prox { mu, non_negative };
        tape.solve(Problem { operator, step, lambda, prox, solver, iterations, root_noise }, x, weight)
    }

    /// The synthesis for signals of this height and width.
    fn operator(&self, weight: &Tensor, size: [usize; 2]) -> Convolution {
        let CscConfig { geometry, padding_mode, .. } = self.config;
        Convolution { weight: weight.clone(), geometry, padding_mode, size }
    }

    /// `x - A z`, `x` being repeated first.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn residual(&self, tape: &Tape, x: &Var, codes: &Var) -> Result<Var> {
        self.residual_of_repeated(tape, &self.repeat(tape, x)?, codes)
    }

    /// [`Csc::residual`] of a signal that has already been repeated.
    pub(super) fn residual_of_repeated(&self, tape: &Tape, x: &Var, codes: &Var) -> Result<Var> {
        let shape = self.shape(x.value())?;
        let operator = self.operator(&self.weight, [shape.height, shape.width]);
        tape.residual(operator, x, codes, &tape.constant(&self.weight))
    }

    /// `1/2 |x - A z|^2 + lambda |z|_1 + mu/2 |z|^2` of each sample.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`], or whatever the device reports.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn objective(&self, x: &Tensor, codes: &Tensor) -> Result<Vec<f32>> {
        let tape = Tape::idle();
        let residual = self.residual(&tape, &tape.constant(x), &tape.constant(codes))?;
        let lambda = self.effective_lambda(&self.shape(residual.value())?);
        let residuals = sum_of_squares(residual.value())?.to_vec()?;
        let magnitudes = sum_of_magnitudes(codes)?.to_vec()?;
        let squares = sum_of_squares(codes)?.to_vec()?;
        let terms = residuals.iter().zip(magnitudes).zip(squares);
        Ok(terms.map(|((r, l1), l2)| 0.5 * r + lambda * l1 + 0.5 * self.config.mu * l2).collect())
    }

    /// The synthesis `A z`, for signals of this height and width: what the code keeps of `x`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn reconstruct(&self, codes: &Tensor, size: [usize; 2]) -> Result<Tensor> {
        self.operator(&self.weight, size).apply(Factor::ONE, codes)
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
        tape.correlation(x, &tape.constant(&identities), Geometry::square(1, 0))
    }

    /// The sizes, for a signal that has already been repeated.
    pub(crate) fn shape(&self, x: &Tensor) -> Result<ConvShape> {
        ConvShape::new("csc", x.shape(), self.weight.shape(), self.config.geometry)
    }

    /// Lambda after the optional normalisation.
    pub(crate) fn effective_lambda(&self, shape: &ConvShape) -> f32 {
        self.config.lambda * self.lambda_ratio(shape)
    }

    /// `dim(x) / dim(z)` of a sample, if lambda is normalised by it.
    fn lambda_ratio(&self, shape: &ConvShape) -> f32 {
        if !self.config.normalize_lambda {
            return 1.0;
        }
        let size = |dims: [usize; 4]| dims[1..].iter().product::<usize>() as f32;
        size(shape.signal()) / self.config.dictionaries as f32 / size(shape.codes())
    }

    fn lambda(&self, shape: &ConvShape, factor: f32) -> Result<Tensor> {
        Tensor::full(self.weight.gpu(), &[shape.n], factor * self.effective_lambda(shape))
    }
}

fn check_step(step: f32) -> Result<()> {
    if step.is_finite() && step > 0.0 {
        return Ok(());
    }
    Err(Error::argument("step_size", step, "must be a finite positive number"))
}

impl Walk for Csc {
    fn visit<'a>(&'a self, path: &Path, meet: &mut dyn FnMut(&Path, Part<'a>)) {
        meet(path, Part::Sparse(self));
        meet(&path.child("dn").child("weight"), Part::Parameter(&self.weight, Init::Convolution));
    }

    fn visit_mut(&mut self, path: &Path, meet: &mut dyn FnMut(&Path, PartMut)) {
        meet(path, PartMut::Sparse(self));
    }
}
