//! One ResNet, generic over what replaces 3x3 convolutions; SDNets are configurations of it.

use super::config::{Kind, ModelConfig, Pool, Stage, Stem};
use super::twin::Packets;
use super::{Architecture, Model, check_images};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::layers::{BatchNorm, Conv, Csc, Graph, Linear, Part, PartMut, Pass, Path, Walk, sparse_layers};
use crate::ops::{Blur, Window};
use crate::shape::Geometry;
use crate::tape::Var;
use crate::tensor::Tensor;

/// A convolution, or the sparse coding layer in its place, with pooling behind it where that takes the place of a stride.
#[derive(Debug)]
enum Site {
    Conv(Conv),
    Csc(Box<Csc>, Option<Window>),
}

/// Halves a map. The authors' code leaves out the last row and column of an odd map, which its shortcuts do not.
const POOL: Window = Window { size: 2, stride: 2, padding: 0, ceil: true };

impl Site {
    fn add_to<G: Graph>(&self, graph: &mut G, x: &G::Value) -> Result<G::Value> {
        match self {
            Site::Conv(conv) => graph.conv(conv, x),
            Site::Csc(csc, None) => graph.csc(csc, x),
            Site::Csc(csc, Some(window)) => {
                let codes = graph.csc(csc, x)?;
                graph.max_pool(*window, &codes)
            }
        }
    }

    /// The site and the batch norm behind it, and ReLU if it is a convolution: codes are sparse already.
    fn add_activated_to<G: Graph>(&self, graph: &mut G, bn: &BatchNorm, x: &G::Value) -> Result<G::Value> {
        let h = self.add_to(graph, x)?;
        match self {
            Site::Conv(_) => graph.batch_norm_relu(bn, &h),
            Site::Csc(..) => graph.batch_norm(bn, &h),
        }
    }
}

impl Walk for Site {
    fn visit<'a>(&'a self, path: &Path, meet: &mut dyn FnMut(&Path, Part<'a>)) {
        match self {
            Site::Conv(conv) => conv.visit(path, meet),
            Site::Csc(csc, _) => csc.visit(path, meet),
        }
    }

    fn visit_mut(&mut self, path: &Path, meet: &mut dyn FnMut(&Path, PartMut)) {
        match self {
            Site::Conv(conv) => conv.visit_mut(path, meet),
            Site::Csc(csc, _) => csc.visit_mut(path, meet),
        }
    }
}

/// Two 3x3 sites and the shortcut around them.
#[derive(Debug)]
struct Block {
    conv1: Site,
    bn1: BatchNorm,
    conv2: Site,
    bn2: BatchNorm,
    shortcut: Shortcut,
}

#[derive(Debug)]
enum Shortcut {
    Nothing,
    Identity,
    Projection(Box<(Conv, BatchNorm)>),
}

impl Block {
    fn add_to<G: Graph>(&self, graph: &mut G, x: &G::Value) -> Result<G::Value> {
        let h = self.conv1.add_activated_to(graph, &self.bn1, x)?;
        let h = self.conv2.add_to(graph, &h)?;
        let h = graph.batch_norm(&self.bn2, &h)?;
        match &self.shortcut {
            Shortcut::Nothing => Ok(h),
            Shortcut::Identity => graph.add_relu(&h, x),
            Shortcut::Projection(shortcut) => {
                let (conv, bn) = &**shortcut;
                let projected = graph.conv(conv, x)?;
                let projected = graph.batch_norm(bn, &projected)?;
                graph.add_relu(&h, &projected)
            }
        }
    }
}

/// The pooling of a stem: the largest of 3x3 values at every second pixel, or at every pixel and then blurred.
pub(super) fn add_pooled_to<G: Graph>(graph: &mut G, pool: Pool, x: &G::Value) -> Result<G::Value> {
    let stride = if pool.is_blurred() { 1 } else { 2 };
    let pooled = graph.max_pool(Window { size: 3, stride, padding: 1, ceil: false }, x)?;
    if pool.is_blurred() { graph.blur(Blur { size: 3, stride: 2 }, &pooled) } else { Ok(pooled) }
}

/// The blocks of these stages, one after the other.
fn add_blocks_to<G: Graph>(graph: &mut G, stages: &[Vec<Block>], map: G::Value) -> Result<G::Value> {
    stages.iter().flatten().try_fold(map, |map, block| block.add_to(graph, &map))
}

impl Walk for Block {
    fn visit<'a>(&'a self, path: &Path, meet: &mut dyn FnMut(&Path, Part<'a>)) {
        self.conv1.visit(&path.child("conv1"), meet);
        self.bn1.visit(&path.child("bn1"), meet);
        self.conv2.visit(&path.child("conv2"), meet);
        self.bn2.visit(&path.child("bn2"), meet);
        if let Shortcut::Projection(shortcut) = &self.shortcut {
            shortcut.0.visit(&path.child("shortcut.0"), meet);
            shortcut.1.visit(&path.child("shortcut.1"), meet);
        }
    }

    fn visit_mut(&mut self, path: &Path, meet: &mut dyn FnMut(&Path, PartMut)) {
        self.conv1.visit_mut(&path.child("conv1"), meet);
        self.bn1.visit_mut(&path.child("bn1"), meet);
        self.conv2.visit_mut(&path.child("conv2"), meet);
        self.bn2.visit_mut(&path.child("bn2"), meet);
        if let Shortcut::Projection(shortcut) = &mut self.shortcut {
            shortcut.0.visit_mut(&path.child("shortcut.0"), meet);
            shortcut.1.visit_mut(&path.child("shortcut.1"), meet);
        }
    }
}

/// A ResNet or SDNet classifier.
#[derive(Debug)]
pub struct Network {
    config: ModelConfig,
    stem: Site,
    stem_bn: BatchNorm,
    /// In place of the pooling of a large stem, where every 3x3 layer is sparse.
    stem_csc: Option<Site>,
    /// The other channels of a twin stem.
    packets: Option<Packets>,
    /// The blocks of each stage.
    stages: Vec<Vec<Block>>,
    linear: Linear,
}

impl Network {
    /// Number of trainable values.
    pub fn parameter_count(&self) -> usize {
        crate::layers::parameters(self).iter().map(|(_, tensor)| tensor.len()).sum()
    }

    /// Adds the whole network to a graph: class scores of `images`, which are already normalised.
    ///
    /// # Errors
    /// Those of the graph.
    pub fn add_to<G: Graph>(&self, graph: &mut G, images: &G::Value) -> Result<G::Value> {
        let features = self.add_body_to(graph, images)?;
        graph.linear(&self.linear, &features)
    }

    /// All but the last layer.
    fn add_body_to<G: Graph>(&self, graph: &mut G, images: &G::Value) -> Result<G::Value> {
        let map = self.add_stem_to(graph, images)?;
        let map = add_blocks_to(graph, &self.stages, map)?;
        graph.global_average_pool(&map)
    }

    fn add_stem_to<G: Graph>(&self, graph: &mut G, images: &G::Value) -> Result<G::Value> {
        let x = self.stem.add_activated_to(graph, &self.stem_bn, images)?;
        match &self.stem_csc {
            Some(csc) => csc.add_to(graph, &x),
            None if self.config.stem == Stem::Cifar => Ok(x),
            None => {
                let pooled = add_pooled_to(graph, self.config.pool, &x)?;
                let Some(packets) = &self.packets else { return Ok(pooled) };
                let packets = packets.add_to(graph, images)?;
                graph.concatenate(&pooled, &packets)
            }
        }
    }

    /// The map `[n, h, w, c]` behind a stage, of images that are already normalised.
    ///
    /// # Errors
    /// As [`Model::forward`].
    pub fn features_at(&self, pass: &Pass, stage: Stage, images: &Var) -> Result<Var> {
        check_images(images.value().shape(), self.config.in_channels)?;
        let map = self.add_stem_to(&mut { pass }, images)?;
        add_blocks_to(&mut { pass }, &self.stages[..stage as usize], map)
    }

    /// Class scores `[n, classes]` of the map behind a stage. [`Model::forward`] is this, of [`Network::features_at`].
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`] for a map of other channels, [`crate::error::Error::OutOfMemory`].
    pub fn head_at(&self, pass: &Pass, stage: Stage, map: &Var) -> Result<Var> {
        let map = add_blocks_to(&mut { pass }, &self.stages[stage as usize..], map.clone())?;
        self.head(pass, &pass.tape().global_average_pool(&map)?)
    }

    /// The folder of a stage's blocks in the names of the published checkpoints.
    fn stage_path(&self, path: &Path, stage: usize) -> Path {
        let stage = path.child(format_args!("layer{}", stage + 1));
        if self.config.kind == Kind::SdnetAll { stage.child("layers") } else { stage }
    }
}

impl Walk for Network {
    fn visit<'a>(&'a self, path: &Path, meet: &mut dyn FnMut(&Path, Part<'a>)) {
        self.stem.visit(&path.child("layer0.0"), meet);
        self.stem_bn.visit(&path.child("layer0.1"), meet);
        if let Some(csc) = &self.stem_csc {
            csc.visit(&path.child("layer0.2"), meet);
        }
        if let Some(packets) = &self.packets {
            packets.visit(&path.child("layer0.packets"), meet);
        }
        for (stage, blocks) in self.stages.iter().enumerate() {
            let path = self.stage_path(path, stage);
            blocks.iter().enumerate().for_each(|(i, block)| block.visit(&path.child(i), meet));
        }
        self.linear.visit(&path.child("linear"), meet);
    }

    fn visit_mut(&mut self, path: &Path, meet: &mut dyn FnMut(&Path, PartMut)) {
        let paths = (0..self.stages.len()).map(|stage| self.stage_path(path, stage)).collect::<Vec<_>>();
        self.stem.visit_mut(&path.child("layer0.0"), meet);
        self.stem_bn.visit_mut(&path.child("layer0.1"), meet);
        if let Some(csc) = &mut self.stem_csc {
            csc.visit_mut(&path.child("layer0.2"), meet);
        }
        if let Some(packets) = &mut self.packets {
            packets.visit_mut(&path.child("layer0.packets"), meet);
        }
        for (path, blocks) in paths.iter().zip(&mut self.stages) {
            blocks.iter_mut().enumerate().for_each(|(i, block)| block.visit_mut(&path.child(i), meet));
        }
        self.linear.visit_mut(&path.child("linear"), meet);
    }
}

impl Model for Network {
    fn gpu(&self) -> &Gpu {
        self.linear.weight.gpu()
    }

    fn name(&self) -> String {
        self.config.name()
    }

    fn in_channels(&self) -> usize {
        self.config.in_channels
    }

    fn classes(&self) -> usize {
        self.config.classes
    }

    fn features(&self, pass: &Pass, images: &Var) -> Result<Var> {
        check_images(images.value().shape(), self.config.in_channels)?;
        self.add_body_to(&mut { pass }, images)
    }

    fn head(&self, pass: &Pass, features: &Var) -> Result<Var> {
        self.linear.forward(pass, features)
    }

    fn is_head(&self, name: &str) -> bool {
        name.starts_with("linear.")
    }

    fn first_sparse_layer(&self) -> Option<&Csc> {
        match &self.stem {
            Site::Csc(csc, _) => Some(csc),
            Site::Conv(_) => None,
        }
    }
}

impl Architecture for Network {
    type Config = ModelConfig;

    fn build(gpu: &Gpu, config: &ModelConfig) -> Result<Self> {
        Builder { gpu, config }.network()
    }

    fn config(&self) -> &ModelConfig {
        &self.config
    }

    fn infer(shape: &dyn Fn(&str) -> Option<Vec<usize>>) -> Result<ModelConfig> {
        let config = ModelConfig::of_shapes(shape)?;
        if config.stem == Stem::Twin {
            let reason = "the tensors are those of a twin stem, whose pooling shapes do not say: `sdnet import --pool` makes a weights \
                          file of them; or describe it by --model, --stem, --pool, --width, --in-channels and --classes";
            return Err(Error::argument("pool", "unknown", reason));
        }
        Ok(config)
    }
}

struct Builder<'a> {
    gpu: &'a Gpu,
    config: &'a ModelConfig,
}

impl Builder<'_> {
    fn network(self) -> Result<Network> {
        self.config.check()?;
        let &ModelConfig { kind, width, in_channels, classes, stem, .. } = self.config;
        let (kernel, geometry) = match stem {
            Stem::Imagenet | Stem::Twin => (7, Geometry::square(2, 3)),
            Stem::Cifar => (3, Geometry::square(1, 1)),
        };
        let packets = (stem == Stem::Twin).then(|| Packets::new(self.gpu, self.config)).transpose()?;
        // Those of the stem that are learnt.
        let learnt = if packets.is_some() { width * 5 / 8 } else { width };
        let stem_csc = match (stem, kind) {
            (Stem::Imagenet, Kind::SdnetAll) => {
                Some(self.site("layer0.2", [width, 3, 3, width], Geometry::square(2, 1), true)?)
            }
            _ => None,
        };
        let mut stages = Vec::new();
        let mut channels = width;
        for (stage, count) in self.config.blocks()?.into_iter().enumerate() {
            let planes = width << stage;
            let mut blocks = Vec::new();
            for b in 0..count {
                let stride = if stage > 0 && b == 0 { 2 } else { 1 };
                let folder = if kind == Kind::SdnetAll { "layers." } else { "" };
                blocks.push(self.block(&format!("layer{}.{folder}{b}", stage + 1), channels, planes, stride)?);
                channels = planes;
            }
            stages.push(blocks);
        }
        let network = Network {
            config: self.config.clone(),
            stem: self.site("layer0.0", [learnt, kernel, kernel, in_channels], geometry, kind != Kind::Resnet)?,
            stem_bn: BatchNorm::new(self.gpu, learnt)?,
            stem_csc,
            packets,
            stages,
            linear: Linear::new(self.gpu, channels, classes)?,
        };
        let names = sparse_layers(&network).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        self.config.check_layers(&names)?;
        Ok(network)
    }

    fn block(&self, name: &str, channels: usize, planes: usize, stride: usize) -> Result<Block> {
        let sparse = self.config.kind == Kind::SdnetAll;
        let shortcut = if !self.config.shortcut {
            Shortcut::Nothing
        } else if stride == 1 && channels == planes {
            Shortcut::Identity
        } else {
            let conv = self.conv([planes, 1, 1, channels], Geometry::square(stride, 0))?;
            Shortcut::Projection(Box::new((conv, BatchNorm::new(self.gpu, planes)?)))
        };
        Ok(Block {
            conv1: self.site(
                &format!("{name}.conv1"),
                [planes, 3, 3, channels],
                Geometry::square(stride, 1),
                sparse,
            )?,
            bn1: BatchNorm::new(self.gpu, planes)?,
            conv2: self.site(&format!("{name}.conv2"), [planes, 3, 3, planes], Geometry::square(1, 1), sparse)?,
            bn2: BatchNorm::new(self.gpu, planes)?,
            shortcut,
        })
    }

    fn site(&self, name: &str, shape: [usize; 4], geometry: Geometry, sparse: bool) -> Result<Site> {
        if !sparse {
            return Ok(Site::Conv(self.conv(shape, geometry)?));
        }
        let pool = (self.config.max_pool && geometry.stride == [2, 2]).then_some(POOL);
        let geometry = if pool.is_some() { Geometry { stride: [1, 1], ..geometry } } else { geometry };
        let [atoms, height, width, channels] = shape;
        let shape = [atoms, height, width, channels * self.config.dictionaries];
        let weight = Tensor::uninitialized(self.gpu, "a dictionary", &shape)?;
        Ok(Site::Csc(Box::new(Csc::new(weight, self.config.csc(name, geometry))?), pool))
    }

    fn conv(&self, shape: [usize; 4], geometry: Geometry) -> Result<Conv> {
        Ok(Conv { weight: Tensor::uninitialized(self.gpu, "a convolution", &shape)?, geometry })
    }
}
