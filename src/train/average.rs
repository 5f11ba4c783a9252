//! The exponential moving average of a network in training.

use crate::error::{Error, Result};
use crate::files::NamedTensors;
use crate::layers::{Part, Pass, Path, PowerVectors, Walk, sparse_layers};
use crate::models::Architecture;
use crate::ops;
use crate::tape::Tape;
use crate::tensor::{Tensor, same_shape};

/// The average of a model's parameters and of its running statistics over the steps: after each,
/// `average = decay * average + (1 - decay) * value`; after the first one it is the model itself. As PyTorch's
/// `AveragedModel` with `get_ema_multi_avg_fn(decay)` and `use_buffers=True`.
///
/// Averaged atoms are shorter than 1, so the averages are kept as they are, and [`Average::refresh`] makes a network of them.
#[derive(Debug)]
pub(super) struct Average<M> {
    decay: f64,
    /// Of all parameters and buffers, in the order of the walk; none before the first step.
    averages: Vec<(String, Tensor)>,
    network: M,
}

impl<M: Architecture> Average<M> {
    /// Nothing yet; its network is the model as it is.
    pub(super) fn new(model: &M, decay: f64) -> Result<Self> {
        let network = M::build(model.gpu(), model.config())?;
        copy(&values(model), &network)?;
        Ok(Self { decay, averages: Vec::new(), network })
    }

    /// Takes in the model after a step.
    pub(super) fn update(&mut self, model: &M) -> Result<()> {
        if self.averages.is_empty() {
            let own = |(name, value): (String, &Tensor)| {
                Ok((name, Tensor::uninitialized(value.gpu(), "ema", value.shape())?))
            };
            self.averages = values(model).into_iter().map(own).collect::<Result<_>>()?;
            return self
                .averages
                .iter()
                .zip(values(model))
                .try_for_each(|((_, a), (_, value))| a.set_samples(0, value));
        }
        let all = values(model);
        self.averages.iter().zip(all).try_for_each(|((_, a), (_, value))| ops::average(a, value, self.decay))
    }

    /// The network of the averages, as of the last [`Average::refresh`].
    pub(super) fn network(&self) -> &M {
        &self.network
    }

    /// Makes a network of the averages: its atoms are projected to unit norm and its step sizes found as a training step does it,
    /// by power iterations that start from the vectors of the training. `images` is the shape of a training batch.
    pub(super) fn refresh(&mut self, model: &M, powers: &PowerVectors, images: &[usize]) -> Result<()> {
        copy(&self.averages.iter().map(|(name, a)| (name.clone(), a)).collect::<Vec<_>>(), &self.network)?;
        let own = PowerVectors::default();
        for ((_, layer), (_, trained)) in sparse_layers(&self.network).into_iter().zip(sparse_layers(model)) {
            powers.get(trained).into_iter().for_each(|vector| own.set(layer, vector));
        }
        // A training pass does both, whatever the images, and at a momentum of zero it leaves the running statistics as they are.
        let tape = Tape::idle();
        let pass = Pass::train(&tape).with_power_vectors(&own).with_batch_statistics(0.0);
        let black = Tensor::full(model.gpu(), images, 0.0)?;
        self.network.features(&pass, &tape.constant(&black)).map(drop)
    }

    /// The averages, for saving, each under `prefix` and its name.
    pub(super) fn state(&self, prefix: &str) -> Result<NamedTensors> {
        let saved = |(name, a): &(String, Tensor)| Ok((format!("{prefix}{name}"), (a.shape().to_vec(), a.to_vec()?)));
        self.averages.iter().map(saved).collect()
    }

    /// Continues from the averages of [`Average::state`], which it takes out of the map.
    pub(super) fn restore(&mut self, prefix: &str, state: &mut NamedTensors) -> Result<()> {
        let saved = |(name, value): (String, &Tensor)| {
            let full = format!("{prefix}{name}");
            let missing = || Error::Weights { path: "".into(), name: full.clone(), reason: "is missing".into() };
            let (shape, values) = state.remove(&full).ok_or_else(missing)?;
            let saved = Tensor::from_slice(value.gpu(), &shape, &values)?;
            same_shape("restore", value, &saved)?;
            Ok((name, saved))
        };
        self.averages = values(&self.network).into_iter().map(saved).collect::<Result<_>>()?;
        Ok(())
    }
}

/// The parameters and buffers, and their names.
fn values<W: Walk + ?Sized>(model: &W) -> Vec<(String, &Tensor)> {
    let mut all = Vec::new();
    model.visit(&Path::root(), &mut |path, part| {
        if let Part::Parameter(tensor, _) | Part::Buffer(tensor, _) = part {
            all.push((path.to_string(), tensor));
        }
    });
    all
}

/// Writes values, in the order of the walk, into a model.
fn copy<W: Walk + ?Sized>(from: &[(String, &Tensor)], to: &W) -> Result<()> {
    from.iter().zip(values(to)).try_for_each(|((_, from), (_, to))| to.set_samples(0, from))
}
