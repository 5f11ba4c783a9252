//! What a network keeps so that it can be run at other lambdas than those it was trained with: which layers take them,
//! and the batch-norm statistics that belong to them.

use serde::{Deserialize, Serialize};

use super::Network;
use crate::error::{Error, Result};
use crate::files::NamedTensors;
use crate::layers::StatisticsByLambda;
use crate::named::named;
use crate::ops::RunningStatistics;
use crate::tensor::Tensor;

/// What the names of tensors of statistics begin with in a file.
const PREFIX: &str = "recalibrated";

/// Which sparse coding layers take a lambda of a pass in place of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LambdaLayers {
    /// All of them.
    #[default]
    All,
    /// The first one.
    First,
    /// Those of these names: the names of their weights without `.dn.weight`.
    Named(Vec<String>),
}

/// Which of its batch-norm statistics a network uses at another lambda.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Statistics {
    /// Those of the training, as the published code does.
    Trained,
    /// Those that go with this lambda, by what clean images change.
    #[default]
    Own,
}

named!(Statistics as "statistics" { Trained = "trained", Own = "own" });

/// Batch-norm statistics for other lambdas: those of the training, changed by what clean images change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recalibration {
    /// The lambdas, ascending.
    pub lambdas: Vec<f32>,
    /// The layers that had them, by name.
    pub layers: Vec<String>,
    /// How many images they were estimated on.
    pub images: usize,
    /// What the first layer leaves of these images at the lambda it was trained with.
    pub clean: CleanResidual,
}

/// What a first sparse coding layer leaves of clean images: `|x - A z|^2 / |x|^2`, about `base + slope * active`, with
/// `active` the share of codes that are not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CleanResidual {
    /// Where no code is active.
    pub base: f64,
    /// By share of active codes.
    pub slope: f64,
    /// Standard deviation of what images have beyond that.
    pub spread: f64,
    /// What 99 of 100 pixels are nearer to than to their scaled reconstruction ([`crate::layers::Csc::clip`]).
    pub limit: f32,
}

impl Recalibration {
    /// # Errors
    /// [`Error::Argument`] unless there are lambdas, finite, not negative and ascending.
    pub(crate) fn check(&self) -> Result<()> {
        let fits = |l: &f32| l.is_finite() && *l >= 0.0;
        if self.lambdas.is_empty() || !self.lambdas.iter().all(fits) || self.lambdas.windows(2).any(|w| w[0] >= w[1]) {
            let reason = "a grid is one or more finite numbers that are not negative, each greater than the one before";
            return Err(Error::argument("lambdas", format!("{:?}", self.lambdas), reason));
        }
        Ok(())
    }
}

/// Mean and variance of every batch norm, in the order of [`Network::batch_norms`], `[lambdas, channels]` each.
pub type Tables = Vec<[Vec<f32>; 2]>;

impl Network {
    /// The names of the sparse coding layers, as [`LambdaLayers::Named`] takes them.
    pub fn layer_names(&self) -> Vec<String> {
        self.sparse_layers().iter().map(|csc| layer_name(&csc.weight.name)).collect()
    }

    /// The names of the layers that take a pass's lambda.
    pub fn lambda_layers(&self) -> Vec<String> {
        let layers = self.sparse_layers();
        let taking = layers.iter().filter(|csc| csc.takes_lambda());
        taking.map(|csc| layer_name(&csc.weight.name)).collect()
    }

    /// Chooses the layers that take a pass's lambda. Statistics of other layers' lambdas are dropped.
    ///
    /// # Errors
    /// [`Error::Argument`] for a name that no sparse coding layer has, or where there is no sparse coding layer.
    pub fn set_lambda_layers(&mut self, layers: &LambdaLayers) -> Result<()> {
        let all = self.layer_names();
        let chosen = match layers {
            LambdaLayers::All => all.clone(),
            LambdaLayers::First => all[..all.len().min(1)].to_vec(),
            LambdaLayers::Named(names) => names.clone(),
        };
        if let Some(unknown) = chosen.iter().find(|name| !all.contains(name)) {
            return Err(Error::argument("layers", unknown, format!("the sparse coding layers are {}", all.join(", "))));
        }
        if chosen.is_empty() {
            let reason = format!("{} has no sparse coding layer that could take another lambda", self.config().name());
            return Err(Error::argument("layers", format!("{layers:?}"), reason));
        }
        for (csc, name) in self.sparse_layers_mut().into_iter().zip(&all) {
            csc.set_takes_lambda(chosen.contains(name));
        }
        if self.recalibration().is_some_and(|r| r.layers != self.lambda_layers()) {
            self.forget_recalibration();
        }
        Ok(())
    }

    /// Uses statistics that were estimated for the lambdas of `recalibration`, and its limit for clipping, wherever a rule
    /// chooses another lambda.
    ///
    /// # Errors
    /// [`Error::Argument`] for a grid that does not ascend or layers that there are not, [`Error::Shape`] for tables
    /// that do not fit, [`Error::OutOfMemory`].
    pub fn set_recalibration(&mut self, recalibration: Recalibration, tables: &Tables) -> Result<()> {
        recalibration.check()?;
        let (gpu, points) = (self.gpu().clone(), recalibration.lambdas.len());
        let grid = Tensor::from_slice(&gpu, &[points], &recalibration.lambdas)?;
        let channels = self.batch_norms().iter().map(|(_, bn)| bn.weight.value.len()).collect::<Vec<_>>();
        if channels.len() != tables.len() {
            let reason = format!("{} batch norms need as many tables", channels.len());
            return Err(Error::shape("recalibration", reason, &[&[tables.len()]]));
        }
        let of = |(channels, [mean, variance]): (&usize, &[Vec<f32>; 2])| {
            let table = |values: &[f32]| Tensor::from_slice(&gpu, &[points, *channels], values);
            let statistics = RunningStatistics { mean: table(mean)?, variance: table(variance)? };
            Ok(StatisticsByLambda { grid: grid.clone(), statistics })
        };
        let all = channels.iter().zip(tables).map(of).collect::<Result<Vec<_>>>()?;
        self.forget_recalibration();
        self.set_lambda_layers(&LambdaLayers::Named(recalibration.layers.clone()))?;
        for (bn, statistics) in self.batch_norms_mut().into_iter().zip(all) {
            bn.by_lambda = Some(statistics);
        }
        self.set_clip_limit((recalibration.clean.limit > 0.0).then_some(recalibration.clean.limit));
        self.remember_recalibration(Some(recalibration));
        Ok(())
    }

    /// Uses the statistics of the training at every lambda, and no clipping, as the published code does.
    pub fn forget_recalibration(&mut self) {
        self.batch_norms_mut().into_iter().for_each(|bn| bn.by_lambda = None);
        self.set_clip_limit(None);
        self.remember_recalibration(None);
    }

    /// The tensors of a recalibration as a file holds them.
    pub(super) fn recalibrated_tensors(&self) -> Result<NamedTensors> {
        let mut tensors = NamedTensors::new();
        for (name, bn) in self.batch_norms() {
            let Some(table) = &bn.by_lambda else { continue };
            let RunningStatistics { mean, variance } = &table.statistics;
            for (key, tensor) in file_keys(&name).into_iter().zip([mean, variance]) {
                tensors.insert(key, (tensor.shape().to_vec(), tensor.to_vec()?));
            }
        }
        Ok(tensors)
    }

    /// Takes the tensors of `recalibration` out of those of a file.
    ///
    /// # Errors
    /// [`Error::Weights`] names a tensor that is missing or has another shape; else as [`Network::set_recalibration`].
    pub(crate) fn restore_recalibration(
        &mut self,
        recalibration: Recalibration,
        tensors: &mut NamedTensors,
    ) -> Result<()> {
        let points = recalibration.lambdas.len();
        let mut take = |key: String, channels: usize| {
            let weights = |reason: String| Error::Weights { path: "".into(), name: key.clone(), reason };
            match tensors.remove(&key) {
                Some((shape, values)) if shape == [points, channels] => Ok(values),
                Some((shape, _)) => Err(weights(format!("has shape {shape:?}, not [{points}, {channels}]"))),
                None => Err(weights("is missing".into())),
            }
        };
        let tables = self.batch_norms().into_iter().map(|(name, bn)| {
            let ([mean, variance], channels) = (file_keys(&name), bn.weight.value.len());
            Ok([take(mean, channels)?, take(variance, channels)?])
        });
        let tables = tables.collect::<Result<Vec<_>>>()?;
        self.set_recalibration(recalibration, &tables)
    }
}

fn layer_name(weight: &str) -> String {
    weight.trim_end_matches(".dn.weight").to_owned()
}

/// The names that mean and variance of a batch norm have in a file.
fn file_keys(name: &str) -> [String; 2] {
    ["running_mean", "running_var"].map(|what| format!("{PREFIX}.{name}.{what}"))
}
