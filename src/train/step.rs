//! One training step.

use super::departure::orthogonal_layers;
use crate::error::Result;
use crate::layers::{Csc, Pass, PowerVectors};
use crate::models::Model;
use crate::ops::{Orthogonality, Target};
use crate::optim::{Optimizer, ParameterGradients, Rule};
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// The state of training beside the model (what the optimizer keeps, and the vectors of the power iterations), and what a step
/// does beside descending.
#[derive(Debug)]
pub struct TrainStep {
    /// The optimizer.
    pub optimizer: Optimizer,
    /// The vectors from which power iterations continue.
    pub powers: PowerVectors,
    /// The body's learning rate, as a multiple of the head's ([`Model::head`]). At 0 the body is frozen: it computes as in
    /// evaluation, and neither its parameters nor its running statistics change.
    pub body_rate: f32,
    /// The multiple of every sparse coding layer's dictionary loss ([`crate::ops::dictionary_loss`]) that is added to the
    /// cross-entropy; 0 adds nothing.
    pub dictionary_loss: f32,
    /// The weight of [`crate::ops::orthogonality`] of every sparse coding layer's dictionary in the loss, 0 for none, and which
    /// shifts it is about. [`Orthogonality::Published`] leaves the first layer out.
    pub orthogonal: (f32, Orthogonality),
    /// The share of every target that is spread evenly over all classes ([`Tape::soft_cross_entropy`]).
    pub label_smoothing: f32,
    /// The largest l2 norm of the gradients of all trained parameters together ([`crate::ops::clip_norm`]).
    pub clip_norm: Option<f32>,
}

impl TrainStep {
    /// Starts at rest, with nothing but the descent.
    ///
    /// # Errors
    /// [`crate::error::Error::OutOfMemory`].
    pub fn new<M: Model + ?Sized>(rule: impl Into<Rule>, model: &M) -> Result<Self> {
        Ok(Self {
            optimizer: Optimizer::new(rule, model)?,
            powers: PowerVectors::default(),
            body_rate: 1.0,
            label_smoothing: 0.0,
            clip_norm: None,
            dictionary_loss: 0.0,
            orthogonal: (0.0, Orthogonality::default()),
        })
    }

    /// Forward, loss, backward, descent, at this learning rate. Returns the metrics of [`crate::ops::CrossEntropy`], which it
    /// does not wait for; its loss is the cross-entropy alone.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`], [`crate::error::Error::Label`], [`crate::error::Error::OutOfMemory`]; the running
    /// statistics of some layers have then moved.
    pub fn run<M: Model + ?Sized>(&self, model: &M, x: &Tensor, labels: &[u32], learning_rate: f32) -> Result<Tensor> {
        let targets = labels.iter().map(|label| Target::from(*label)).collect::<Vec<_>>();
        let (gradients, metrics) = self.gradients(model, x, &targets, 1.0)?;
        self.descend(model, &gradients, learning_rate)?;
        Ok(metrics)
    }

    /// `share` times the gradients of a batch's loss, and the metrics of its [`crate::ops::CrossEntropy`]: a step over `n`
    /// batches sums those with a share of `1 / n` ([`ParameterGradients::plus`]).
    ///
    /// Every batch is a training pass of its own: batch norm takes the statistics of that batch alone.
    ///
    /// # Errors
    /// As [`TrainStep::run`].
    pub fn gradients<M: Model + ?Sized>(
        &self,
        model: &M,
        x: &Tensor,
        targets: &[Target],
        share: f32,
    ) -> Result<(ParameterGradients, Tensor)> {
        let tape = Tape::new();
        let mut pass = Pass::train(&tape).with_power_vectors(&self.powers);
        if self.dictionary_loss != 0.0 {
            pass = pass.with_dictionary_loss(self.dictionary_loss);
        }
        let features = if self.body_rate == 0.0 {
            let still = Tape::idle();
            tape.constant(model.features(&Pass::eval(&still), &still.constant(x))?.value())
        } else {
            model.features(&pass, &tape.constant(x))?
        };
        let logits = model.head(&pass, &features)?;
        let entropy = tape.soft_cross_entropy(&logits, targets, self.label_smoothing)?;
        let mut loss = entropy.loss;
        for more in pass.loss().into_iter().chain(self.of_dictionaries(model, &pass)?) {
            loss = tape.add(&loss, &more)?;
        }
        let (leaves, upstream) = (pass.leaves(), Tensor::full(x.gpu(), loss.value().shape(), share)?);
        let found = tape.backward_from(&loss, &upstream)?;
        let gradients = ParameterGradients::new(model, &leaves, &found, |name| self.rate(model, name) != 0.0)?;
        Ok((gradients, entropy.metrics))
    }

    /// The weighted terms of the dictionaries, whose atoms the pass has projected to unit norm.
    fn of_dictionaries<M: Model + ?Sized>(&self, model: &M, pass: &Pass) -> Result<Vec<Var>> {
        let (weight, form) = self.orthogonal;
        if weight == 0.0 {
            return Ok(Vec::new());
        }
        let term = |layer: &Csc| {
            let atoms = pass.parameter(layer.weight());
            pass.tape().orthogonality(&atoms, layer.config().geometry.stride, form, weight)
        };
        orthogonal_layers(model, form).into_iter().map(term).collect()
    }

    /// Clips the gradients, and descends along them at this learning rate.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`] for gradients of another model, [`crate::error::Error::OutOfMemory`].
    pub fn descend<M: Model + ?Sized>(
        &self,
        model: &M,
        gradients: &ParameterGradients,
        learning_rate: f32,
    ) -> Result<()> {
        let rate = |name: &str| learning_rate * self.rate(model, name);
        match self.clip_norm {
            Some(most) => self.optimizer.step(model, &gradients.clipped(most)?, rate),
            None => self.optimizer.step(model, gradients, rate),
        }
    }

    /// The learning rate of a parameter, as a multiple of the full one.
    fn rate<M: Model + ?Sized>(&self, model: &M, name: &str) -> f32 {
        if model.is_head(name) { 1.0 } else { self.body_rate }
    }
}
