//! Models as safetensors files: tensors under the names of the published checkpoints, and a description as JSON.
//!
//! What else goes with a model (an unfinished training, statistics for other lambdas) is an [`Attachment`] under a name of
//! its own: JSON in the metadata, and tensors whose names begin with that name.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::data::{Augment, HoldOut, Normalization};
use crate::error::{Error, Result};
use crate::files::{NamedTensors, TensorFile, parse_safetensors};
use crate::gpu::Gpu;
#[cfg(not(target_arch = "wasm32"))]
use crate::layers::sparse_layers;
use crate::layers::{Csc, Part, Path as Place, Walk};
use crate::models::{Architecture, Model, ModelConfig, Network, best_with_probability};
#[cfg(not(target_arch = "wasm32"))]
use crate::tensor::nhwc_to_nchw;
use crate::tensor::{Tensor, nchw_to_nhwc};

/// The key of a file's metadata that holds the [`Recipe`] as JSON.
pub(crate) const RECIPE: &str = "sdnet";

/// The last part of the name of a layer's step size, as published.
const STEP_SIZE: &str = "dn.step_size";

/// Everything but its tensors that is needed to use a model again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recipe<C = ModelConfig> {
    /// The model.
    pub model: C,
    /// The normalisation of pixels, if known.
    #[serde(default)]
    pub normalization: Option<Normalization>,
    /// Height and width of the images it was trained on.
    #[serde(default)]
    pub size: Option<[usize; 2]>,
    /// Whether images of other sizes were resized and cropped to that.
    #[serde(default)]
    pub resized: bool,
    /// The share of the sides of images that they show, if not all; see [`DataSource::center`](crate::data::DataSource::center).
    #[serde(default)]
    pub center: Option<f32>,
    /// What transparent pixels of its images showed, if not white.
    #[serde(default)]
    pub background: Option<[u8; 3]>,
    /// Which images were held out for testing, if the data have no other images for that.
    #[serde(default)]
    pub hold_out: Option<HoldOut>,
    /// Names of the classes.
    #[serde(default)]
    pub class_names: Vec<String>,
    /// Name of the data it was trained on.
    #[serde(default)]
    pub data: String,
    /// The augmentation of its training images.
    #[serde(default)]
    pub augment: Option<Augment>,
    /// [`Dataset::fingerprint`](crate::data::Dataset::fingerprint) of its training images.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// The same of the images that it was tested on in training.
    #[serde(default)]
    pub tested: Option<String>,
    /// Whether the file has no description, so that the model was told from the shapes of its tensors; what they do not say has its
    /// default.
    #[serde(skip)]
    pub inferred: bool,
    /// Further metadata, by name.
    #[serde(default, alias = "notes")]
    pub metadata: BTreeMap<String, serde_json::Value>,
}

impl<C> Recipe<C> {
    /// A model of which nothing else is known.
    pub fn of(model: C) -> Self {
        Self {
            model,
            normalization: None,
            size: None,
            resized: false,
            center: None,
            background: None,
            hold_out: None,
            class_names: Vec::new(),
            data: String::new(),
            augment: None,
            fingerprint: None,
            tested: None,
            inferred: false,
            metadata: BTreeMap::new(),
        }
    }

    /// Demands that the description fits the model.
    pub(crate) fn check(&self, model: &dyn Model) -> Result<()> {
        let (classes, names) = (model.classes(), self.class_names.len());
        if names != 0 && names != classes {
            let reason = format!("there are {names} names for {classes} classes");
            return Err(Error::argument("class_names", names, reason));
        }
        if let Some(size) = self.size.filter(|size| size.contains(&0)) {
            return Err(Error::argument("size", format!("{size:?}"), "images have at least one pixel"));
        }
        self.normalization.as_ref().map_or(Ok(()), |normalization| normalization.check(model.in_channels()))
    }

    /// The name of a class, or its number if the classes have no names.
    pub fn class_name(&self, class: usize) -> String {
        self.class_names.get(class).cloned().unwrap_or_else(|| class.to_string())
    }
}

/// Additional contents of a model's file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attachment {
    /// A description.
    pub json: String,
    /// Tensors; in the file, their names begin with the name of the attachment.
    pub tensors: NamedTensors,
}

impl Attachment {
    /// A description as JSON, with tensors.
    ///
    /// # Errors
    /// [`Error::Argument`] for a description that JSON cannot hold.
    pub fn new<T: Serialize>(what: &'static str, description: &T, tensors: NamedTensors) -> Result<Self> {
        let broken = |e: serde_json::Error| Error::argument(what, e, "cannot be written as JSON");
        Ok(Self { json: serde_json::to_string(description).map_err(broken)?, tensors })
    }

    /// The description.
    ///
    /// # Errors
    /// [`Error::File`] names `path` where it is something else.
    pub fn description<T: DeserializeOwned>(&self, path: &Path) -> Result<T> {
        from_json(path, &self.json)
    }
}

/// Attachments by name.
pub type Attachments = BTreeMap<String, Attachment>;

/// The contents of a model's file.
#[derive(Debug)]
pub struct Checkpoint<M: Architecture = Network> {
    /// The model.
    pub model: M,
    /// Its description.
    pub recipe: Recipe<M::Config>,
    /// Additional contents.
    pub attachments: Attachments,
}

/// The prediction for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The name of the best class.
    pub class: String,
    /// Its probability, by softmax of the scores.
    pub probability: f32,
    /// The scores of all classes.
    pub scores: Vec<f32>,
}

impl<M: Architecture> Checkpoint<M> {
    /// The predictions for images of this height and width: bytes in the order `[n, height, width, channels]`, which are
    /// normalised as the file says.
    ///
    /// # Errors
    /// [`Error::Argument`] where the file does not say how pixels are normalised, [`Error::Shape`] for a number of pixels
    /// that is no number of whole images, [`Error::OutOfMemory`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn classify(&self, pixels: &[u8], size: [usize; 2]) -> Result<Vec<Prediction>> {
        Ok(self.predictions(&self.model.predict(&self.images(pixels, size)?)?.to_vec()?))
    }

    /// [`Checkpoint::classify`] for programs that must not block.
    ///
    /// # Errors
    /// As [`Checkpoint::classify`].
    pub async fn classify_async(&self, pixels: &[u8], size: [usize; 2]) -> Result<Vec<Prediction>> {
        Ok(self.predictions(&self.model.predict(&self.images(pixels, size)?)?.to_vec_async().await?))
    }

    fn images(&self, pixels: &[u8], [height, width]: [usize; 2]) -> Result<Tensor> {
        let channels = self.model.in_channels();
        let normalization = self.recipe.normalization.as_ref().ok_or_else(|| {
            let reason = "the weights file does not say how pixels are normalised: normalise them and call predict";
            Error::argument("normalization", "none", reason)
        })?;
        normalization.check(channels)?;
        let len = height * width * channels;
        if len == 0 || pixels.is_empty() || !pixels.len().is_multiple_of(len) {
            let reason = format!("{} bytes are no whole images of {height} x {width} x {channels}", pixels.len());
            return Err(Error::shape("classify", reason, &[&[height, width, channels]]));
        }
        let shape = [pixels.len() / len, height, width, channels];
        Tensor::from_slice(self.model.gpu(), &shape, &normalization.apply(pixels))
    }

    fn predictions(&self, scores: &[f32]) -> Vec<Prediction> {
        let one = |scores: &[f32]| {
            let (best, probability) = best_with_probability(scores);
            Prediction { class: self.recipe.class_name(best), probability, scores: scores.to_vec() }
        };
        scores.chunks_exact(self.model.classes().max(1)).map(one).collect()
    }
}

/// The name of the attachment that holds an unfinished training.
pub(crate) const TRAINING: &str = "training";

/// Reads a model from a file of safetensors or, with the feature `files`, of PyTorch's `torch.save`. Files of other programs carry
/// no description; `foreign` is the description for them, and without it, they are told by the shapes of their tensors.
///
/// # Errors
/// [`Error::Io`]; [`Error::File`] for a saved training, whose weights are not meant for use; else as [`parse`].
pub fn load<M: Architecture>(path: &Path, gpu: &Gpu, foreign: Option<&M::Config>) -> Result<Checkpoint<M>> {
    let checkpoint = read(path, gpu, foreign)?;
    if checkpoint.attachments.contains_key(TRAINING) {
        let reason = "is a saved training, which `sdnet train --resume` continues: use the best.safetensors or \
                      last.safetensors beside it";
        return Err(Error::file(path, reason));
    }
    Ok(checkpoint)
}

/// [`load`] of any file, a saved training among them.
pub(crate) fn read<M: Architecture>(path: &Path, gpu: &Gpu, foreign: Option<&M::Config>) -> Result<Checkpoint<M>> {
    if path.is_dir() {
        return Err(Error::file(path, "is a folder; name a weights file, such as the best.safetensors in it"));
    }
    parse(path, &std::fs::read(path).map_err(|e| Error::io(path, e))?, gpu, foreign)
}

/// The same weights in a model of another description, such as one with another lambda.
///
/// # Errors
/// [`Error::Weights`] where the weights do not fit it, else as [`Architecture::build`].
#[cfg(not(target_arch = "wasm32"))]
pub fn rebuilt<M: Architecture>(model: &M, config: &M::Config) -> Result<M> {
    let changed = M::build(model.gpu(), config)?;
    restore(&changed, &mut tensors_for(&changed, model)?)?;
    Ok(changed)
}

/// The tensors of a model for another one, without the step sizes of layers that it convolves differently.
#[cfg(not(target_arch = "wasm32"))]
fn tensors_for<M: Architecture>(changed: &M, model: &M) -> Result<NamedTensors> {
    let mut all = tensors(model)?;
    let of = |csc: &Csc| (csc.config().geometry, csc.config().padding_mode);
    for ((name, before), (_, after)) in sparse_layers(model).into_iter().zip(sparse_layers(changed)) {
        if of(before) != of(after) {
            all.remove(&format!("{name}.{STEP_SIZE}"));
        }
    }
    Ok(all)
}

/// A model of another description, such as one of other classes: its head is drawn from a seed, all else is as in `model`.
///
/// # Errors
/// As [`rebuilt`].
#[cfg(not(target_arch = "wasm32"))]
pub fn with_new_head<M: Architecture>(model: &M, config: &M::Config, seed: u64) -> Result<M> {
    let changed = M::new(model.gpu(), config, seed)?;
    let mut all = tensors(&changed)?;
    all.extend(tensors_for(&changed, model)?.into_iter().filter(|(name, _)| !model.is_head(name)));
    restore(&changed, &mut all)?;
    Ok(changed)
}

/// Reads a model from the bytes of a file; `path` is what errors call it. Layers whose step size the file does not hold get
/// one.
///
/// # Errors
/// [`Error::File`] for a file that is truncated, or that has no description where none was given; [`Error::Weights`] names
/// a tensor that is missing, unknown or of another shape.
pub fn parse<M: Architecture>(
    path: &Path,
    bytes: &[u8],
    gpu: &Gpu,
    foreign: Option<&M::Config>,
) -> Result<Checkpoint<M>> {
    let TensorFile { mut metadata, mut tensors } = contents(path, bytes)?;
    let recipe = match (metadata.remove(RECIPE), foreign) {
        (_, Some(model)) => Recipe::of(model.clone()),
        (Some(json), None) => from_json::<Recipe<M::Config>>(path, &json)?,
        (None, None) => Recipe { inferred: true, ..Recipe::of(inferred(path, &tensors, M::infer)?) },
    };
    let attachments = detach(metadata, &mut tensors);
    refuse_prefix(path, &tensors)?;
    let described = |error: Error| match error {
        Error::Argument { .. } => Error::file(path, format!("its description is damaged: {error}")),
        other => other,
    };
    let model = M::build(gpu, &recipe.model).map_err(described)?;
    recipe.check(&model).map_err(described)?;
    restore(&model, &mut tensors).map_err(|e| at(path, e))?;
    match tensors.into_keys().find(|name| !name.ends_with("num_batches_tracked")) {
        Some(name) => {
            let reason = format!("is not part of this {}", model.name());
            Err(Error::Weights { path: path.into(), name, reason })
        }
        None => Ok(Checkpoint { model, recipe, attachments }),
    }
}

/// The tensors of a file of safetensors, or of PyTorch.
fn contents(path: &Path, bytes: &[u8]) -> Result<TensorFile> {
    #[cfg(feature = "files")]
    if crate::files::is_pytorch(bytes) {
        let tensors = crate::files::parse_pytorch(path, bytes)?.tensors;
        return Ok(TensorFile { tensors, ..TensorFile::default() });
    }
    parse_safetensors(path, bytes)
}

/// The description of the model in a file that carries none, from the shapes of its tensors; nothing where it carries one.
///
/// # Errors
/// [`Error::Io`], [`Error::File`] for a file that is damaged, or whose tensors are of no model of this family.
pub fn infer<M: Architecture>(path: &Path) -> Result<Option<M::Config>> {
    infer_by(path, M::infer)
}

/// [`infer`], by another reading of the shapes.
///
/// # Errors
/// As [`infer`].
pub fn infer_by<C>(path: &Path, infer: impl Fn(Shapes) -> Result<C>) -> Result<Option<C>> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let TensorFile { metadata, tensors } = contents(path, &bytes)?;
    if metadata.contains_key(RECIPE) {
        return Ok(None);
    }
    inferred(path, &tensors, infer).map(Some)
}

/// The shape of the tensor of a name.
pub type Shapes<'a> = &'a dyn Fn(&str) -> Option<Vec<usize>>;

fn inferred<C>(path: &Path, tensors: &NamedTensors, infer: impl Fn(Shapes) -> Result<C>) -> Result<C> {
    refuse_prefix(path, tensors)?;
    let shapes = |name: &str| tensors.get(name).map(|(shape, _)| shape.clone());
    infer(&shapes).map_err(|e| Error::file(path, e.to_string()))
}

/// Refuses tensors that a wrapper of PyTorch has renamed.
fn refuse_prefix(path: &Path, tensors: &NamedTensors) -> Result<()> {
    let Some(first) = tensors.keys().next() else { return Ok(()) };
    for prefix in ["module.", "_orig_mod.", "state_dict.", "model."] {
        if tensors.keys().all(|name| name.starts_with(prefix)) {
            let reason = format!(
                "every tensor's name begins with {prefix:?}, as in {first}: a wrapper of PyTorch adds that; save the \
                 state_dict of the network inside it"
            );
            return Err(Error::file(path, reason));
        }
    }
    Ok(())
}

/// Takes what belongs to the other keys of the metadata out of the tensors. Files of other programs have keys without tensors,
/// which are left alone.
fn detach(metadata: BTreeMap<String, String>, tensors: &mut NamedTensors) -> Attachments {
    let detach = |(name, json): (String, String)| {
        let prefix = format!("{name}.");
        let own = tensors.keys().filter(|key| key.starts_with(&prefix)).cloned().collect::<Vec<_>>();
        let own = own.into_iter().filter_map(|key| Some((key[prefix.len()..].to_owned(), tensors.remove(&key)?)));
        (name, Attachment { json, tensors: own.collect() })
    };
    metadata.into_iter().map(detach).collect()
}

/// Writes the tensors of a file into a model, and takes them out of the map. Step sizes may be missing.
///
/// # Errors
/// [`Error::Weights`] names a tensor that is missing or has another shape, or holds values that are not finite.
pub fn restore<W: Walk + ?Sized>(model: &W, tensors: &mut NamedTensors) -> Result<()> {
    let mut done = Ok(());
    let mut without_step = Vec::new();
    model.visit(&Place::root(), &mut |place, part| {
        if done.is_ok() {
            done = match part {
                Part::Parameter(tensor, _) | Part::Buffer(tensor, _) => restore_tensor(place, tensor, tensors),
                Part::Sparse(csc) => restore_step(place, csc, tensors).map(|found| {
                    without_step.extend((!found).then_some(csc));
                }),
                Part::BatchNorm(_) => Ok(()),
            };
        }
    });
    done?;
    // They get one now, so that no pass has to compute it, or keeps that of earlier atoms.
    #[cfg(not(target_arch = "wasm32"))]
    without_step.into_iter().try_for_each(Csc::renew_step)?;
    Ok(())
}

fn restore_tensor(place: &Place, tensor: &Tensor, tensors: &mut NamedTensors) -> Result<()> {
    let name = place.to_string();
    let bad = |reason: String| Error::Weights { path: "".into(), name: name.clone(), reason };
    let (found, values) = tensors.remove(&name).ok_or_else(|| bad("is missing".into()))?;
    let wanted = file_shape(tensor.shape());
    if found != wanted {
        return Err(bad(format!("has shape {found:?}, but the model needs {wanted:?}")));
    }
    if let Some(index) = values.iter().position(|v| *v < 0.0).filter(|_| name.ends_with("running_var")) {
        return Err(bad(format!("holds a negative variance at index {index}: the file is damaged")));
    }
    if let Some(index) = values.iter().position(|v| !v.is_finite()) {
        return Err(bad(format!("holds a value that is not finite at index {index}: the file is damaged")));
    }
    tensor.write(&if found.len() == 4 { nchw_to_nhwc(&found, &values)? } else { values })
}

/// Whether there was a step size to restore.
fn restore_step(place: &Place, csc: &Csc, tensors: &mut NamedTensors) -> Result<bool> {
    let name = place.child(STEP_SIZE).to_string();
    let Some((shape, values)) = tensors.remove(&name) else { return Ok(false) };
    let bad = |reason: String| Error::Weights { path: "".into(), name: name.clone(), reason };
    match values[..] {
        [step] => csc.restore_step(step).map(|()| true).map_err(|e| bad(e.to_string())),
        _ => Err(bad(format!("has shape {shape:?}, but a step size is one value"))),
    }
}

/// All tensors of a model, as its weights file holds them: published names, weights OIHW.
///
/// # Errors
/// Whatever the device reports.
#[cfg(not(target_arch = "wasm32"))]
pub fn tensors<W: Walk + ?Sized>(model: &W) -> Result<NamedTensors> {
    let mut all = Vec::new();
    let mut found = Ok(());
    model.visit(&Place::root(), &mut |place, part| match part {
        Part::Parameter(tensor, _) | Part::Buffer(tensor, _) => all.push((place.to_string(), tensor.clone())),
        Part::Sparse(csc) => match csc.step().and_then(|step| step.reshape(&[])) {
            Ok(step) => all.push((place.child(STEP_SIZE).to_string(), step)),
            Err(error) => found = Err(error),
        },
        Part::BatchNorm(_) => {}
    });
    found?;
    all.into_iter().map(|(name, tensor)| Ok((name, to_file(&tensor)?))).collect()
}

/// Shape and values in the layout of the files.
#[cfg(not(target_arch = "wasm32"))]
fn to_file(tensor: &Tensor) -> Result<(Vec<usize>, Vec<f32>)> {
    let values = tensor.to_vec()?;
    let values = if tensor.shape().len() == 4 { nhwc_to_nchw(tensor.shape(), &values)? } else { values };
    Ok((file_shape(tensor.shape()), values))
}

/// The shape that a device tensor has in a file: OIHW for OHWI.
fn file_shape(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [o, h, w, i] => vec![o, i, h, w],
        ref other => other.to_vec(),
    }
}

/// Writes a model: published names, weights OIHW, the recipe in the metadata, and the attachments. The file is written
/// under a temporary name, then renamed.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written, or whatever the device reports.
#[cfg(feature = "files")]
pub fn save<M: Architecture>(
    path: &Path,
    model: &M,
    recipe: &Recipe<M::Config>,
    attachments: &Attachments,
) -> Result<()> {
    let json = serde_json::to_string(recipe).map_err(|e| Error::file(path, e.to_string()))?;
    let mut file = TensorFile { metadata: [(RECIPE.to_owned(), json)].into(), tensors: tensors(model)? };
    for (name, Attachment { json, tensors }) in attachments {
        file.metadata.insert(name.clone(), json.clone());
        file.tensors.extend(tensors.iter().map(|(key, tensor)| (format!("{name}.{key}"), tensor.clone())));
    }
    crate::files::write_safetensors(path, &file)
}

fn from_json<T: DeserializeOwned>(path: &Path, json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|e| Error::file(path, format!("its metadata cannot be read: {e}")))
}

/// Names the file in an error about one of its tensors.
pub(crate) fn at(path: &Path, error: Error) -> Error {
    match error {
        Error::Weights { name, reason, .. } => Error::Weights { path: path.into(), name, reason },
        other => other,
    }
}
