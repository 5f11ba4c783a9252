//! One training step.

use crate::error::Result;
use crate::layers::{Pass, PowerVectors};
use crate::models::Model;
use crate::ops::SgdRule;
use crate::optim::Sgd;
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The state of training beside the model: velocities, and the vectors of the power iterations.
#[derive(Debug)]
pub struct TrainStep {
    /// The optimiser.
    pub optimizer: Sgd,
    /// The vectors from which power iterations continue.
    pub powers: PowerVectors,
    /// The body's learning rate, as a multiple of the head's ([`Model::head`]). At 0 the body is frozen: it computes as in
    /// evaluation, and neither its parameters nor its running statistics change.
    pub body_rate: f32,
    /// The multiple of every sparse coding layer's dictionary loss ([`crate::ops::dictionary_loss`]) that is added to the
    /// cross-entropy; 0 adds nothing.
    pub dictionary_loss: f32,
}

impl TrainStep {
    /// Starts at rest.
    ///
    /// # Errors
    /// [`crate::error::Error::OutOfMemory`].
    pub fn new<M: Model + ?Sized>(rule: SgdRule, model: &M) -> Result<Self> {
        Ok(Self {
            optimizer: Sgd::new(rule, model)?,
            powers: PowerVectors::default(),
            body_rate: 1.0,
            dictionary_loss: 0.0,
        })
    }

    /// Forward, loss, backward, descent, at this learning rate. Returns the metrics of [`crate::ops::CrossEntropy`], which it
    /// does not wait for; its loss is the cross-entropy alone.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`], [`crate::error::Error::Label`], [`crate::error::Error::OutOfMemory`]; the running
    /// statistics of some layers have then moved.
    pub fn run<M: Model + ?Sized>(&self, model: &M, x: &Tensor, labels: &[u32], learning_rate: f32) -> Result<Tensor> {
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
        let entropy = tape.cross_entropy(&model.head(&pass, &features)?, labels)?;
        let rate = |name: &str| learning_rate * if model.is_head(name) { 1.0 } else { self.body_rate };
        let loss = match pass.loss() {
            Some(more) => tape.add(&entropy.loss, &more)?,
            None => entropy.loss,
        };
        self.optimizer.step(model, &pass.leaves(), &tape.backward(&loss)?, rate)?;
        Ok(entropy.metrics)
    }
}
