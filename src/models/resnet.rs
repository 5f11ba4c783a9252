//! One ResNet, generic over what stands where a 3x3 convolution stands; SDNets are configurations of it.

use super::config::{Kind, ModelConfig, Stem};
use super::init::{Role, Source, file_shape};
use super::recalibration::{Recalibration, Statistics};
use crate::error::{Error, Result};
use crate::files::NamedTensors;
use crate::gpu::Gpu;
use crate::layers::{BatchNorm, Conv, Csc, Linear, Measures, Parameter, Pass};
use crate::ops::{RunningStatistics, Window, normalize_atoms};
use crate::tape::{Tape, Var};
use crate::tensor::{Tensor, nhwc_to_nchw};

/// A convolution, or the sparse coding layer in its place.
#[derive(Debug)]
enum Site {
    Conv(Conv),
    Csc(Box<Csc>),
}

impl Site {
    fn forward(&mut self, pass: &Pass, x: &Var) -> Result<Var> {
        match self {
            Site::Conv(conv) => conv.forward(pass, x),
            Site::Csc(csc) => csc.forward(pass, x),
        }
    }

    fn weight(&self) -> &Parameter {
        match self {
            Site::Conv(conv) => &conv.weight,
            Site::Csc(csc) => &csc.weight,
        }
    }
}

/// Two 3x3 sites, and the way around them.
#[derive(Debug)]
struct Block {
    conv1: Site,
    bn1: BatchNorm,
    conv2: Site,
    bn2: BatchNorm,
    around: Around,
}

/// The shortcut of a block.
#[derive(Debug)]
enum Around {
    Nothing,
    Identity,
    Projection(Box<(Conv, BatchNorm)>),
}

impl Block {
    fn forward(&mut self, pass: &Pass, x: &Var) -> Result<Var> {
        let tape = pass.tape;
        let h = self.conv1.forward(pass, x)?;
        let h = match self.conv1 {
            Site::Conv(_) => self.bn1.forward_relu(pass, &h)?,
            Site::Csc(_) => self.bn1.forward(pass, &h)?,
        };
        let h = self.bn2.forward(pass, &self.conv2.forward(pass, &h)?)?;
        match &self.around {
            Around::Nothing => Ok(h),
            Around::Identity => tape.add_relu(&h, x),
            Around::Projection(around) => {
                let (conv, bn) = &**around;
                tape.add_relu(&h, &bn.forward(pass, &conv.forward(pass, x)?)?)
            }
        }
    }
}

/// A ResNet or SDNet classifier.
#[derive(Debug)]
pub struct Network {
    config: ModelConfig,
    stem: Site,
    stem_bn: BatchNorm,
    stem_csc: Option<Box<Csc>>,
    blocks: Vec<Block>,
    linear: Linear,
    recalibration: Option<Recalibration>,
    statistics: Statistics,
    clip_limit: Option<f32>,
}

impl Network {
    /// A network with values drawn from a seed. The same seed gives the same values everywhere.
    ///
    /// # Errors
    /// [`Error::Argument`] for a configuration outside its ranges, [`Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, config: &ModelConfig, seed: u64) -> Result<Self> {
        let network = Builder { gpu, config, source: Source::seed(seed) }.network()?;
        network.sparse_layers().into_iter().try_for_each(|csc| normalize_atoms(&csc.weight.value))?;
        Ok(network)
    }

    /// A network with the tensors of a file: names as published, weights OIHW. What it uses is taken out of the map.
    ///
    /// # Errors
    /// [`Error::Weights`] names a tensor that is missing or has another shape.
    pub fn from_tensors(gpu: &Gpu, config: &ModelConfig, tensors: &mut NamedTensors) -> Result<Self> {
        Builder { gpu, config, source: Source::Named(tensors) }.network()
    }

    /// The configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The device that holds it.
    pub fn gpu(&self) -> &Gpu {
        self.linear.weight.value.gpu()
    }

    /// Class scores `[n, classes]` of images `[n, height, width, in_channels]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for images that do not fit the network, [`Error::OutOfMemory`].
    pub fn forward(&mut self, pass: &Pass, images: &Var) -> Result<Var> {
        self.check(images.value())?;
        let tape = pass.tape;
        let x = self.stem.forward(pass, images)?;
        let mut x = match self.stem {
            Site::Conv(_) => self.stem_bn.forward_relu(pass, &x)?,
            Site::Csc(_) => self.stem_bn.forward(pass, &x)?,
        };
        if let Some(csc) = &mut self.stem_csc {
            x = csc.forward(pass, &x)?;
        } else if self.config.stem == Stem::Imagenet {
            x = tape.max_pool(&x, Window { size: 3, stride: 2, padding: 1 })?;
        }
        for block in &mut self.blocks {
            x = block.forward(pass, &x)?;
        }
        self.linear.forward(pass, &tape.global_average_pool(&x)?)
    }

    fn check(&self, images: &Tensor) -> Result<()> {
        let shape = images.shape();
        if shape.len() != 4 || shape[3] != self.config.in_channels || shape.contains(&0) {
            let reason = format!("images are [n, height, width, {}]", self.config.in_channels);
            return Err(Error::shape("network", reason, &[shape]));
        }
        Ok(())
    }

    /// Class scores of images in evaluation mode, without a tape; `lambda` is one value a sample, in place of the
    /// network's own.
    ///
    /// # Errors
    /// As [`Network::forward`].
    pub fn predict(&mut self, images: &Tensor, lambda: Option<&Tensor>) -> Result<Tensor> {
        let tape = Tape::idle();
        let mut pass = Pass::eval(&tape);
        pass.lambda = lambda.cloned();
        Ok(self.forward(&pass, &tape.constant(images))?.value().clone())
    }

    /// What the first sparse coding layer makes of images at the lambda it was trained with, and `x - A z`; nothing else
    /// is computed.
    ///
    /// # Errors
    /// As [`Network::forward`] and [`Network::first_sparse_layer`].
    pub fn first_look(&mut self, images: &Tensor) -> Result<(Measures, Tensor)> {
        self.check(images)?;
        self.first_sparse_layer()?.look(images)
    }

    /// The first layer, where it is a sparse coding layer.
    ///
    /// # Errors
    /// [`Error::Argument`] for a network without sparse coding layers.
    pub fn first_sparse_layer(&mut self) -> Result<&mut Csc> {
        match &mut self.stem {
            Site::Csc(csc) => Ok(csc),
            Site::Conv(_) => {
                let reason = "needs a network whose first layer is a sparse coding layer";
                Err(Error::argument("model", self.config.name(), reason))
            }
        }
    }

    /// Images with pixels that are farther than [`Network::clip_limit`] from what the first sparse coding layer makes of
    /// them moved there ([`Csc::clip`]); as they are where there is no limit or no such layer.
    ///
    /// # Errors
    /// As [`Network::forward`] and [`Csc::clip`].
    pub fn clip(&mut self, tape: &Tape, images: &Var) -> Result<Var> {
        self.check(images.value())?;
        match (&mut self.stem, self.clip_limit) {
            (Site::Csc(csc), Some(limit)) => csc.clip(tape, images, limit),
            _ => Ok(images.clone()),
        }
    }

    /// The sparse coding layers, from the first on.
    pub fn sparse_layers(&self) -> Vec<&Csc> {
        let blocks = self.blocks.iter().flat_map(|b| [&b.conv1, &b.conv2]);
        let sites = std::iter::once(&self.stem).chain(blocks);
        let mut layers = sites.filter_map(|s| if let Site::Csc(c) = s { Some(&**c) } else { None }).collect::<Vec<_>>();
        if let Some(csc) = &self.stem_csc {
            layers.insert(1, csc);
        }
        layers
    }

    /// The sparse coding layers, from the first on.
    pub fn sparse_layers_mut(&mut self) -> Vec<&mut Csc> {
        let blocks = self.blocks.iter_mut().flat_map(|b| [&mut b.conv1, &mut b.conv2]);
        let sites = std::iter::once(&mut self.stem).chain(blocks);
        let mut layers =
            sites.filter_map(|s| if let Site::Csc(c) = s { Some(&mut **c) } else { None }).collect::<Vec<_>>();
        if let Some(csc) = &mut self.stem_csc {
            layers.insert(1, csc);
        }
        layers
    }

    /// Every parameter, in the order of the published checkpoints.
    pub fn parameters(&self) -> Vec<&Parameter> {
        let mut all = vec![self.stem.weight()];
        push_bn(&mut all, &self.stem_bn);
        all.extend(self.stem_csc.iter().map(|c| &c.weight));
        for block in &self.blocks {
            all.push(block.conv1.weight());
            push_bn(&mut all, &block.bn1);
            all.push(block.conv2.weight());
            push_bn(&mut all, &block.bn2);
            if let Around::Projection(around) = &block.around {
                all.push(&around.0.weight);
                push_bn(&mut all, &around.1);
            }
        }
        all.extend([&self.linear.weight, &self.linear.bias]);
        all
    }

    /// The batch norms and the prefix of their names, in the order of the parameters.
    pub fn batch_norms(&self) -> Vec<(String, &BatchNorm)> {
        let mut all = vec![&self.stem_bn];
        for block in &self.blocks {
            all.extend([&block.bn1, &block.bn2]);
            if let Around::Projection(around) = &block.around {
                all.push(&around.1);
            }
        }
        let name = |bn: &BatchNorm| bn.weight.name.trim_end_matches(".weight").to_owned();
        all.into_iter().map(|bn| (name(bn), bn)).collect()
    }

    /// The batch norms, in the order of the parameters.
    pub fn batch_norms_mut(&mut self) -> Vec<&mut BatchNorm> {
        let mut all = vec![&mut self.stem_bn];
        for block in &mut self.blocks {
            all.extend([&mut block.bn1, &mut block.bn2]);
            if let Around::Projection(around) = &mut block.around {
                all.push(&mut around.1);
            }
        }
        all
    }

    /// The lambdas that there are statistics for beside those of the training.
    pub fn recalibration(&self) -> Option<&Recalibration> {
        self.recalibration.as_ref()
    }

    /// Which statistics it is to use at other lambdas, where it has been recalibrated.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Changes which statistics it is to use at other lambdas.
    pub fn set_statistics(&mut self, statistics: Statistics) {
        self.statistics = statistics;
    }

    /// How far pixels may be from what the first sparse coding layer makes of them where [`Network::clip`] is called.
    pub fn clip_limit(&self) -> Option<f32> {
        self.clip_limit
    }

    /// Changes [`Network::clip_limit`].
    pub fn set_clip_limit(&mut self, limit: Option<f32>) {
        self.clip_limit = limit;
    }

    pub(super) fn remember_recalibration(&mut self, recalibration: Option<Recalibration>) {
        self.recalibration = recalibration;
    }

    /// Everything that a weights file holds: names as published, weights OIHW.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn tensors(&self) -> Result<NamedTensors> {
        let running = self.batch_norms().into_iter().flat_map(|(name, bn)| {
            let RunningStatistics { mean, variance } = bn.running.clone();
            [(format!("{name}.running_mean"), mean), (format!("{name}.running_var"), variance)]
        });
        let parameters = self.parameters().into_iter().map(|p| (p.name.clone(), p.value.clone()));
        let mut tensors = self.recalibrated_tensors()?;
        for (name, tensor) in parameters.chain(running) {
            tensors.insert(name, to_file(&tensor)?);
        }
        Ok(tensors)
    }

    /// Number of values that training changes.
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|p| p.value.len()).sum()
    }
}

/// Shape and values in the layout of the files.
fn to_file(tensor: &Tensor) -> Result<(Vec<usize>, Vec<f32>)> {
    let values = tensor.to_vec()?;
    let values = if tensor.shape().len() == 4 { nhwc_to_nchw(tensor.shape(), &values)? } else { values };
    Ok((file_shape(tensor.shape()), values))
}

fn push_bn<'a>(all: &mut Vec<&'a Parameter>, bn: &'a BatchNorm) {
    all.extend([&bn.weight, &bn.bias]);
}

struct Builder<'a> {
    gpu: &'a Gpu,
    config: &'a ModelConfig,
    source: Source<'a>,
}

impl Builder<'_> {
    fn network(mut self) -> Result<Network> {
        self.config.check()?;
        let &ModelConfig { kind, width, in_channels, classes, stem, .. } = self.config;
        let (kernel, stride, padding) = if stem == Stem::Imagenet { (7, 2, 3) } else { (3, 1, 1) };
        let sparse = kind != Kind::Resnet;
        let first = self.site("layer0.0", [width, kernel, kernel, in_channels], stride, padding, sparse)?;
        let stem_bn = self.batch_norm("layer0.1", width)?;
        let stem_csc = match (stem, kind) {
            (Stem::Imagenet, Kind::SdnetAll) => Some(Box::new(self.csc("layer0.2", [width, 3, 3, width], 2, 1)?)),
            _ => None,
        };
        let mut blocks = Vec::new();
        let mut channels = width;
        for (stage, count) in self.config.blocks()?.into_iter().enumerate() {
            let planes = width << stage;
            for b in 0..count {
                let stride = if stage > 0 && b == 0 { 2 } else { 1 };
                let middle = if kind == Kind::SdnetAll { "layers." } else { "" };
                blocks.push(self.block(&format!("layer{}.{middle}{b}", stage + 1), channels, planes, stride)?);
                channels = planes;
            }
        }
        let role = Role::Linear { inputs: channels };
        let linear = Linear {
            weight: self.parameter("linear.weight".into(), &[classes, channels], role)?,
            bias: self.parameter("linear.bias".into(), &[classes], role)?,
        };
        let (config, statistics) = (self.config.clone(), Statistics::default());
        Ok(Network {
            config,
            stem: first,
            stem_bn,
            stem_csc,
            blocks,
            linear,
            recalibration: None,
            statistics,
            clip_limit: None,
        })
    }

    fn block(&mut self, name: &str, channels: usize, planes: usize, stride: usize) -> Result<Block> {
        let sparse = self.config.kind == Kind::SdnetAll;
        let conv1 = self.site(&format!("{name}.conv1"), [planes, 3, 3, channels], stride, 1, sparse)?;
        let bn1 = self.batch_norm(&format!("{name}.bn1"), planes)?;
        let conv2 = self.site(&format!("{name}.conv2"), [planes, 3, 3, planes], 1, 1, sparse)?;
        let bn2 = self.batch_norm(&format!("{name}.bn2"), planes)?;
        let around = if !self.config.shortcut {
            Around::Nothing
        } else if stride == 1 && channels == planes {
            Around::Identity
        } else {
            let conv = self.conv(&format!("{name}.shortcut.0"), [planes, 1, 1, channels], stride, 0)?;
            Around::Projection(Box::new((conv, self.batch_norm(&format!("{name}.shortcut.1"), planes)?)))
        };
        Ok(Block { conv1, bn1, conv2, bn2, around })
    }

    fn site(&mut self, name: &str, shape: [usize; 4], stride: usize, padding: usize, sparse: bool) -> Result<Site> {
        if sparse {
            Ok(Site::Csc(Box::new(self.csc(name, shape, stride, padding)?)))
        } else {
            Ok(Site::Conv(self.conv(name, shape, stride, padding)?))
        }
    }

    fn csc(&mut self, name: &str, shape: [usize; 4], stride: usize, padding: usize) -> Result<Csc> {
        let weight = self.parameter(format!("{name}.dn.weight"), &shape, Role::Convolution)?;
        Csc::new(weight, self.config.csc(stride, padding))
    }

    fn conv(&mut self, name: &str, shape: [usize; 4], stride: usize, padding: usize) -> Result<Conv> {
        let weight = self.parameter(format!("{name}.weight"), &shape, Role::Convolution)?;
        Ok(Conv { weight, stride, padding })
    }

    fn batch_norm(&mut self, name: &str, channels: usize) -> Result<BatchNorm> {
        let weight = self.parameter(format!("{name}.weight"), &[channels], Role::One)?;
        let bias = self.parameter(format!("{name}.bias"), &[channels], Role::Zero)?;
        let mean = self.source.tensor(self.gpu, &format!("{name}.running_mean"), &[channels], Role::Zero)?;
        let variance = self.source.tensor(self.gpu, &format!("{name}.running_var"), &[channels], Role::One)?;
        Ok(BatchNorm { weight, bias, running: RunningStatistics { mean, variance }, by_lambda: None })
    }

    fn parameter(&mut self, name: String, shape: &[usize], role: Role) -> Result<Parameter> {
        let value = self.source.tensor(self.gpu, &name, shape, role)?;
        Ok(Parameter { name, value })
    }
}
