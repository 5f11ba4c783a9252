//! A model, and everything needed to run it at lambdas other than the one it was trained with.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Classifier, CleanImages, Measure, impulses, noise};
#[cfg(not(target_arch = "wasm32"))]
use crate::checkpoint::Attachment;
use crate::checkpoint::{self, Attachments, Checkpoint, Recipe, at};
use crate::data::Batch;
use crate::error::{Error, Result};
#[cfg(not(target_arch = "wasm32"))]
use crate::files::NamedTensors;
use crate::gpu::Gpu;
#[cfg(not(target_arch = "wasm32"))]
use crate::layers::Measures;
use crate::layers::{BatchNorm, Csc, Hook, Pass, batch_norms, sparse_layers};
use crate::models::{Architecture, Model, check_images};
use crate::named::named;
use crate::ops::{RunningStatistics, interpolate};
#[cfg(not(target_arch = "wasm32"))]
use crate::tape::Tape;
use crate::tape::Var;
use crate::tensor::Tensor;

/// The name under which a weights file keeps a [`Recalibration`].
const RECALIBRATED: &str = "recalibrated";

/// The sparse coding layers that take another lambda in place of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LambdaLayers {
    /// All of them.
    #[default]
    All,
    /// The first one.
    First,
    /// Those of these names, such as `layer0.0`.
    Named(Vec<String>),
}

/// Which of its batch-norm statistics a model uses at another lambda.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Statistics {
    /// Those of training, as in the published code.
    Trained,
    /// Those for this lambda, learned from clean images.
    Own,
    /// Both, one after the other: the scores are the mean of those with either.
    #[default]
    Both,
}

named!(Statistics as "statistics" { Trained = "trained", Own = "own", Both = "both" });

/// Batch-norm statistics for other lambdas: those of training plus the change seen on clean images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recalibration {
    /// The lambdas, ascending.
    pub lambdas: Vec<f32>,
    /// The layers that had them, by name.
    pub layers: Vec<String>,
    /// How many images they were estimated on.
    pub images: usize,
    /// What these images are like.
    pub clean: CleanImages,
    /// The factor of an image's noise by which its lambda exceeds that of the training ([`label_free`](super::LambdaRule::label_free)): 0 where a larger
    /// lambda costs noisy training images more than it gains.
    pub lambda_by_noise: f64,
}

impl Recalibration {
    /// # Errors
    /// [`Error::Argument`] unless there are lambdas, finite, not negative and ascending.
    pub(super) fn check(&self) -> Result<()> {
        let fits = |l: &f32| l.is_finite() && *l >= 0.0;
        if self.lambdas.is_empty() || !self.lambdas.iter().all(fits) || self.lambdas.windows(2).any(|w| w[0] >= w[1]) {
            let reason = "a grid is one or more finite numbers that are not negative, each greater than the one before";
            return Err(Error::argument("lambdas", format!("{:?}", self.lambdas), reason));
        }
        if !(self.lambda_by_noise.is_finite() && self.lambda_by_noise >= 0.0) {
            let reason = "lambda by noise must be finite and not negative: recalibrate again";
            return Err(Error::argument("recalibration", self.lambda_by_noise, reason));
        }
        self.clean.check()
    }
}

/// The statistics of one batch norm for each lambda of a grid, `[lambdas, channels]` each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Means.
    pub mean: Vec<f32>,
    /// Variances.
    pub variance: Vec<f32>,
}

/// Tables by the names of their batch norms.
pub type Tables = BTreeMap<String, Table>;

/// A grid of lambdas `[points]` on the device, and a table of statistics `[points, channels]` for each batch norm, by its
/// weights.
#[derive(Debug)]
struct DeviceTables {
    grid: Tensor,
    by_norm: HashMap<u64, RunningStatistics>,
}

/// A model that can be run at other lambdas than those it was trained with. It hooks into the model's passes; the model
/// itself knows nothing of it.
#[derive(Debug)]
pub struct Adapted<M> {
    model: M,
    /// The layers that take another lambda, by name and by their weights.
    layers: Vec<String>,
    layer_ids: Arc<HashSet<u64>>,
    statistics: Statistics,
    repairs: bool,
    /// Whether the file was recalibrated by an earlier version, of which nothing can be used.
    outdated: bool,
    recalibration: Option<Recalibration>,
    tables: Option<Arc<DeviceTables>>,
}

impl<M: Model> Adapted<M> {
    /// A model that has not been recalibrated; all its sparse coding layers take another lambda.
    pub fn new(model: M) -> Self {
        let all = sparse_layers(&model);
        let layer_ids = Arc::new(all.iter().map(|(_, csc)| csc.weight().id()).collect());
        let layers = all.into_iter().map(|(name, _)| name).collect();
        Self {
            model,
            layers,
            layer_ids,
            statistics: Statistics::default(),
            repairs: true,
            outdated: false,
            recalibration: None,
            tables: None,
        }
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model on its own.
    pub fn into_model(self) -> M {
        self.model
    }

    /// The names of the layers that take another lambda.
    pub fn lambda_layers(&self) -> &[String] {
        &self.layers
    }

    /// Chooses the layers that take another lambda. Statistics of other layers' lambdas are dropped.
    ///
    /// # Errors
    /// [`Error::Argument`] for a name that no sparse coding layer has, or where there is no sparse coding layer.
    pub fn set_lambda_layers(&mut self, layers: &LambdaLayers) -> Result<()> {
        let all = sparse_layers(&self.model);
        let names = all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let chosen = match layers {
            LambdaLayers::All => names.clone(),
            LambdaLayers::First => names[..names.len().min(1)].to_vec(),
            LambdaLayers::Named(names) => names.clone(),
        };
        if let Some(unknown) = chosen.iter().find(|name| !names.contains(name)) {
            let reason = format!("the sparse coding layers are {}", names.join(", "));
            return Err(Error::argument("layers", unknown, reason));
        }
        if chosen.is_empty() {
            let reason = "has no sparse coding layer that could take another lambda";
            return Err(Error::argument("model", self.model.name(), reason));
        }
        let taking = all.into_iter().filter(|(name, _)| chosen.contains(name));
        let (names, ids): (Vec<_>, HashSet<_>) = taking.map(|(name, csc)| (name, csc.weight().id())).unzip();
        (self.layers, self.layer_ids) = (names, Arc::new(ids));
        if self.recalibration.as_ref().is_some_and(|r| r.layers != self.layers) {
            self.forget_recalibration();
        }
        Ok(())
    }

    /// The lambda that the layers which take another one were trained with, by the first of them.
    pub fn trained_lambda(&self) -> Option<f32> {
        self.trained_lambdas().first().copied()
    }

    fn trained_lambdas(&self) -> Vec<f32> {
        let taking =
            sparse_layers(&self.model).into_iter().filter(|(_, csc)| self.layer_ids.contains(&csc.weight().id()));
        taking.map(|(_, csc)| csc.config().lambda).collect()
    }

    /// # Errors
    /// [`Error::Argument`] where the layers that are to take another lambda have different ones of their own.
    pub fn check_one_lambda(&self) -> Result<()> {
        let own = self.trained_lambdas();
        match own.iter().find(|lambda| **lambda != own[0]) {
            Some(other) => {
                let reason = format!(
                    "the layers were trained with lambdas of their own, {} and {other} among them: choose layers of one lambda",
                    own[0]
                );
                Err(Error::argument("layers", self.layers.join(","), reason))
            }
            None => Ok(()),
        }
    }

    /// Which statistics it is to use at other lambdas, where it has been recalibrated.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Changes [`Adapted::statistics`].
    pub fn set_statistics(&mut self, statistics: Statistics) {
        self.statistics = statistics;
    }

    /// Whether [`Classifier::repair`] repairs anything, where it has been recalibrated.
    pub fn repairs(&self) -> bool {
        self.repairs
    }

    /// Changes [`Adapted::repairs`].
    pub fn set_repairs(&mut self, repairs: bool) {
        self.repairs = repairs;
    }

    /// The lambdas that there are statistics for beside those of the training.
    pub fn recalibration(&self) -> Option<&Recalibration> {
        self.recalibration.as_ref()
    }

    /// Uses statistics that were estimated for the lambdas of `recalibration`, and what it knows of clean images, wherever a rule
    /// chooses another lambda.
    ///
    /// # Errors
    /// [`Error::Argument`] for a grid that does not ascend or layers that there are not, [`Error::Shape`] for tables
    /// that do not fit, [`Error::OutOfMemory`].
    pub fn set_recalibration(&mut self, recalibration: Recalibration, tables: &Tables) -> Result<()> {
        recalibration.check()?;
        let (gpu, points) = (self.model.gpu(), recalibration.lambdas.len());
        let grid = Tensor::from_slice(gpu, &[points], &recalibration.lambdas)?;
        let of = |(name, bn): (String, &BatchNorm)| {
            let shape = [points, bn.weight.len()];
            let Table { mean, variance } = tables.get(&name).ok_or_else(|| {
                Error::shape("recalibration", format!("{name} has no table of statistics"), &[&shape])
            })?;
            if !mean.iter().all(|v| v.is_finite()) || !variance.iter().all(|v| v.is_finite() && *v >= 0.0) {
                let reason = format!("the statistics of {name} are no numbers that can be: recalibrate again");
                return Err(Error::argument("recalibration", self.model.name(), reason));
            }
            let [mean, variance] = [mean, variance].map(|values| Tensor::from_slice(gpu, &shape, values));
            Ok((bn.weight.id(), RunningStatistics { mean: mean?, variance: variance? }))
        };
        let by_norm = batch_norms(&self.model).into_iter().map(of).collect::<Result<_>>()?;
        let tables = Arc::new(DeviceTables { grid, by_norm });
        self.forget_recalibration();
        self.set_lambda_layers(&LambdaLayers::Named(recalibration.layers.clone()))?;
        self.tables = Some(tables);
        self.recalibration = Some(recalibration);
        Ok(())
    }

    /// Uses the statistics of the training at every lambda, and repairs nothing, as the published code does.
    pub fn forget_recalibration(&mut self) {
        (self.recalibration, self.tables, self.outdated) = (None, None, false);
    }

    /// # Errors
    /// [`Error::Argument`] where something is wanted of a recalibration of an earlier version.
    pub(super) fn check_up_to_date(&self, wanted: bool) -> Result<()> {
        if wanted && self.outdated {
            let reason = "was recalibrated by an earlier version: run `sdnet robust recalibrate` again";
            return Err(Error::argument("model", self.model.name(), reason));
        }
        Ok(())
    }

    /// The statistics of every batch norm for each lambda, where it has been recalibrated.
    ///
    /// # Errors
    /// Whatever the device reports.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn tables(&self) -> Result<Tables> {
        let Some(tables) = &self.tables else { return Ok(Tables::new()) };
        let of = |(name, bn): (String, &BatchNorm)| {
            let statistics = tables.by_norm.get(&bn.weight.id())?;
            Some((name, statistics))
        };
        let read = |(name, s): (String, &RunningStatistics)| {
            Ok((name, Table { mean: s.mean.to_vec()?, variance: s.variance.to_vec()? }))
        };
        batch_norms(&self.model).into_iter().filter_map(of).map(read).collect()
    }

    /// What a weights file keeps of the recalibration, where there is one.
    ///
    /// # Errors
    /// Whatever the device reports.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn attachments(&self) -> Result<Attachments> {
        let Some(recalibration) = &self.recalibration else { return Ok(Attachments::new()) };
        let mut tensors = NamedTensors::new();
        for (name, Table { mean, variance }) in self.tables()? {
            let shape = vec![recalibration.lambdas.len(), mean.len() / recalibration.lambdas.len()];
            tensors.insert(format!("{name}.running_mean"), (shape.clone(), mean));
            tensors.insert(format!("{name}.running_var"), (shape, variance));
        }
        Ok([(RECALIBRATED.to_owned(), Attachment::new("recalibration", recalibration, tensors)?)].into())
    }

    /// Takes up the recalibration that a weights file has kept, if it has.
    ///
    /// # Errors
    /// [`Error::Weights`] names a tensor that is missing or has another shape; else as [`Adapted::set_recalibration`].
    fn attach(&mut self, path: &Path, attachments: &mut Attachments) -> Result<()> {
        let Some(mut found) = attachments.remove(RECALIBRATED) else { return Ok(()) };
        // Earlier versions did not try whether a larger lambda does any good.
        if found.description::<serde_json::Value>(path)?.get("lambda_by_noise").is_none() {
            self.outdated = true;
            return Ok(());
        }
        let recalibration = found.description::<Recalibration>(path)?;
        let points = recalibration.lambdas.len();
        let mut take = |name: String, channels: usize| {
            let bad = |reason: String| {
                let name = format!("{RECALIBRATED}.{name}");
                Err(Error::Weights { path: path.into(), name, reason })
            };
            match found.tensors.remove(&name) {
                Some((shape, values)) if shape == [points, channels] => Ok(values),
                Some((shape, _)) => bad(format!("has shape {shape:?}, not [{points}, {channels}]")),
                None => bad("is missing".into()),
            }
        };
        let table = |(name, bn): (String, &BatchNorm)| {
            let channels = bn.weight.len();
            let mean = take(format!("{name}.running_mean"), channels)?;
            Ok((name.clone(), Table { mean, variance: take(format!("{name}.running_var"), channels)? }))
        };
        let tables = batch_norms(&self.model).into_iter().map(table).collect::<Result<Tables>>()?;
        if let Some(name) = found.tensors.into_keys().next() {
            let (name, reason) = (format!("{RECALIBRATED}.{name}"), "belongs to no batch norm of the network".into());
            return Err(Error::Weights { path: path.into(), name, reason });
        }
        self.set_recalibration(recalibration, &tables).map_err(|e| at(path, e))
    }
}

impl<M: Architecture> Adapted<M> {
    /// Reads a model from a file as it was trained, whatever recalibration the file holds.
    ///
    /// # Errors
    /// As [`checkpoint::load`].
    pub fn load_as_trained(path: &Path, gpu: &Gpu, foreign: Option<&M::Config>) -> Result<(Self, Recipe<M::Config>)> {
        let Checkpoint { model, recipe, .. } = checkpoint::load(path, gpu, foreign)?;
        Ok((Self::new(model), recipe))
    }

    /// Reads a model and its recalibration from a file; see [`checkpoint::load`].
    ///
    /// # Errors
    /// As [`checkpoint::load`]; [`Error::Weights`] for statistics that do not fit the model.
    pub fn load(path: &Path, gpu: &Gpu, foreign: Option<&M::Config>) -> Result<(Self, Recipe<M::Config>)> {
        let Checkpoint { model, recipe, mut attachments } = checkpoint::load(path, gpu, foreign)?;
        let mut adapted = Self::new(model);
        adapted.attach(path, &mut attachments)?;
        Ok((adapted, recipe))
    }

    /// Writes the model and its recalibration; see [`checkpoint::save`].
    ///
    /// # Errors
    /// As [`checkpoint::save`].
    #[cfg(feature = "files")]
    pub fn save(&self, path: &Path, recipe: &Recipe<M::Config>) -> Result<()> {
        checkpoint::save(path, &self.model, recipe, &self.attachments()?)
    }
}

impl<M: Model> Classifier for Adapted<M> {
    fn gpu(&self) -> &Gpu {
        self.model.gpu()
    }

    fn scores(&self, pass: &Pass, images: &Var) -> Result<Var> {
        self.model.forward(pass, images)
    }

    fn at<'t>(&self, pass: Pass<'t>, lambdas: &[f32]) -> Result<Vec<Pass<'t>>> {
        self.check_up_to_date(self.statistics != Statistics::Trained)?;
        let lambda = Tensor::from_slice(self.gpu(), &[lambdas.len()], lambdas)?;
        let with = |tables: Option<&Arc<DeviceTables>>| {
            let (lambda, layers) = (lambda.clone(), self.layer_ids.clone());
            pass.clone().with_hook(Rc::new(AtLambda { lambda, layers, tables: tables.cloned() }))
        };
        let trained = self.trained_lambda();
        Ok(match (self.statistics, &self.tables) {
            (Statistics::Own, Some(own)) => vec![with(Some(own))],
            // At the lambda of the training both are the same.
            (Statistics::Both, Some(own)) if lambdas.iter().any(|lambda| Some(*lambda) != trained) => {
                vec![with(Some(own)), with(None)]
            }
            _ => vec![with(None)],
        })
    }

    fn sparse_layer(&self, index: usize) -> Option<&Csc> {
        sparse_layers(&self.model).get(index).map(|(_, csc)| *csc)
    }

    fn repair(&self, images: &mut Batch) -> Result<()> {
        check_images(&images.shape(), self.model.in_channels())?;
        self.check_up_to_date(self.repairs)?;
        if let Some(recalibration) = self.recalibration.as_ref().filter(|_| self.repairs) {
            let size = images.size();
            images.images_mut().for_each(|image| {
                impulses::repair(image, size, &recalibration.clean);
            });
        }
        Ok(())
    }

    fn measure(&self, images: &Batch, measure: Measure) -> Result<Vec<f64>> {
        check_images(&images.shape(), self.model.in_channels())?;
        match measure {
            Measure::Noise => {
                self.check_up_to_date(true)?;
                let reason = "has not been recalibrated, so that nothing is known of clean images";
                let recalibration = self.recalibration.as_ref();
                let Recalibration { clean, .. } =
                    recalibration.ok_or_else(|| Error::argument("model", self.model.name(), reason))?;
                Ok(images.images().map(|image| noise::noise(image, images.size(), clean)).collect())
            }
            Measure::Residual => residual(first_layer(&self.model)?, &images.upload(self.gpu())?),
        }
    }

    fn lambdas(&self) -> Option<(f32, f32)> {
        let recalibration = self.recalibration.as_ref()?;
        Some((*recalibration.lambdas.first()?, *recalibration.lambdas.last()?))
    }
}

/// The root mean square of what a layer leaves of each image at its trained lambda.
#[cfg(not(target_arch = "wasm32"))]
fn residual(layer: &Csc, images: &Tensor) -> Result<Vec<f64>> {
    let tape = Tape::idle();
    let codes = layer.codes_at(&tape, &tape.constant(images), 1.0)?;
    let (measures, _) = Measures::take(layer, images, codes.value())?;
    let of = |squares: f32| (f64::from(squares) / measures.signal_size as f64).sqrt();
    Ok(measures.residual.to_vec()?.into_iter().map(of).collect())
}

#[cfg(target_arch = "wasm32")]
fn residual(_: &Csc, _: &Tensor) -> Result<Vec<f64>> {
    Err(Error::argument(
        "measure",
        Measure::Residual,
        "must wait for the device, which a browser forbids: measure the noise",
    ))
}

/// # Errors
/// [`Error::Argument`] for a model whose first layer is no sparse coding layer.
pub(super) fn first_layer<M: Model>(model: &M) -> Result<&Csc> {
    let reason = "needs a network whose first layer is a sparse coding layer";
    model.first_sparse_layer().ok_or_else(|| Error::argument("model", model.name(), reason))
}

/// Has some layers take these lambdas, and batch norms the statistics that go with them.
struct AtLambda {
    lambda: Tensor,
    layers: Arc<HashSet<u64>>,
    tables: Option<Arc<DeviceTables>>,
}

impl Hook for AtLambda {
    fn lambda(&self, layer: &Csc) -> Result<Option<Tensor>> {
        Ok(self.layers.contains(&layer.weight().id()).then(|| self.lambda.clone()))
    }

    /// Those of each sample's lambda, linear between the points of the grid.
    fn statistics(&self, layer: &BatchNorm) -> Result<Option<RunningStatistics>> {
        let Some(tables) = &self.tables else { return Ok(None) };
        let Some(RunningStatistics { mean, variance }) = tables.by_norm.get(&layer.weight.id()) else {
            return Ok(None);
        };
        let at = |table| interpolate(&self.lambda, &tables.grid, table);
        Ok(Some(RunningStatistics { mean: at(mean)?, variance: at(variance)? }))
    }
}
