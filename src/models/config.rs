//! The configuration of a network, which a weights file holds as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::checks::check_not_negative;
use crate::error::{Error, Result};
use crate::layers::CscConfig;
use crate::named::named;
use crate::shape::{Geometry, PaddingMode};
use crate::solver::Solver;

/// Which convolutions are sparse coding layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// None: a plain ResNet.
    Resnet,
    /// Only the first.
    Sdnet,
    /// All 3x3 ones.
    SdnetAll,
}

/// The first layers of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stem {
    /// 3x3, stride 1: for images of about 32 pixels.
    Cifar,
    /// 7x7, stride 2, then pooling (in `SdnetAll`: a sparse coding layer) of stride 2: for images of about 224 pixels.
    Imagenet,
    /// As `Imagenet`, but three eighths of the channels are wavelet packets of the image's luminance, which are not learnt
    /// (arXiv 2212.00394). For `Resnet`.
    Twin,
}

named!(Stem as "stem" { Cifar = "cifar", Imagenet = "imagenet", Twin = "twin" });

/// What halves the maps of a stem of stride 2 (arXiv 2212.00394).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// The largest value of 3x3 pixels, at every second one.
    #[default]
    Rmax,
    /// Of wavelet packets, the modulus of their complex maps at twice the stride; else [`Pool::Rmax`].
    Cmod,
    /// The largest value of 3x3 pixels at every pixel, then a binomial blur of size 3 and stride 2 (Zhang, arXiv 1904.11486).
    Blur,
    /// Of wavelet packets, [`Pool::Cmod`]; else [`Pool::Blur`].
    CmodBlur,
}

named!(Pool as "pool" { Rmax = "rmax", Cmod = "cmod", Blur = "blur", CmodBlur = "cmod-blur" });

impl Pool {
    /// Whether wavelet packets are taken for their modulus.
    pub(super) fn is_modulus(self) -> bool {
        matches!(self, Self::Cmod | Self::CmodBlur)
    }

    /// Whether all else is blurred.
    pub(super) fn is_blurred(self) -> bool {
        matches!(self, Self::Blur | Self::CmodBlur)
    }
}

/// A part of a network, by its name in the published checkpoints; the map behind it is where a network is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The stem, with its pooling.
    Layer0,
    /// The first blocks.
    Layer1,
    /// Blocks of twice the width, on maps of half the size.
    Layer2,
    /// Blocks of four times the width, on maps of a quarter of the size.
    Layer3,
    /// Blocks of eight times the width, on maps of an eighth of the size.
    Layer4,
}

named!(Stage as "stage" {
    Layer0 = "layer0",
    Layer1 = "layer1",
    Layer2 = "layer2",
    Layer3 = "layer3",
    Layer4 = "layer4",
});

/// A network without its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    /// Which convolutions are sparse coding layers.
    pub kind: Kind,
    /// 18 or 34.
    pub depth: usize,
    /// Channels of the first layer; the four stages have 1, 2, 4 and 8 times as many.
    pub width: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Classes.
    pub classes: usize,
    /// The first layers.
    pub stem: Stem,
    /// Their pooling: [`Pool::Rmax`] or [`Pool::Blur`] for [`Stem::Imagenet`], any for [`Stem::Twin`]. [`Stem::Cifar`] has none.
    pub pool: Pool,
    /// Whether blocks have shortcuts. Only `SdnetAll` may lack them.
    pub shortcut: bool,
    /// Iterations of every sparse coding layer.
    pub iterations: usize,
    /// Weight of the l1 term.
    pub lambda: f32,
    /// Weight of the elastic-net term.
    pub mu: f32,
    /// The solver.
    pub solver: Solver,
    /// Whether codes are kept non-negative.
    pub non_negative: bool,
    /// Whether the data term is `|x - A z|`, not squared ([`CscConfig::root_noise`]).
    pub root_noise: bool,
    /// Whether lambda is multiplied by `dim(x) / dim(z)`.
    pub normalize_lambda: bool,
    /// Copies of the signal along its channels, `n_dict`; dictionaries have as many times the channels.
    pub dictionaries: usize,
    /// What sparse coding layers take for what lies beyond the border. Convolutions take zeros.
    pub padding_mode: PaddingMode,
    /// Whether sparse coding layers of stride 2 have stride 1 and are followed by max-pooling of 2 x 2. Only `SdnetAll` has them
    /// everywhere.
    pub max_pool: bool,
    /// Another lambda for some layers: for each whose name begins with these parts, such as `layer2` or
    /// `layer1.layers.0.conv1`. The longest name counts.
    pub layer_lambda: BTreeMap<String, f32>,
    /// Other iterations for some layers, in the same way.
    pub layer_iterations: BTreeMap<String, usize>,
}

impl Default for ModelConfig {
    /// SDNet-18 of width 64 for RGB images of ten classes.
    fn default() -> Self {
        let csc = CscConfig::default();
        Self {
            kind: Kind::Sdnet,
            depth: 18,
            width: 64,
            in_channels: 3,
            classes: 10,
            stem: Stem::Cifar,
            pool: Pool::default(),
            shortcut: true,
            iterations: csc.iterations,
            lambda: csc.lambda,
            mu: csc.mu,
            solver: csc.solver,
            non_negative: csc.non_negative,
            root_noise: csc.root_noise,
            normalize_lambda: csc.normalize_lambda,
            dictionaries: csc.dictionaries,
            padding_mode: csc.padding_mode,
            max_pool: false,
            layer_lambda: BTreeMap::new(),
            layer_iterations: BTreeMap::new(),
        }
    }
}

impl ModelConfig {
    /// The kind and depth of a name such as `sdnet18`, `sdnet34-all` or `resnet18`, with defaults for the rest.
    ///
    /// # Errors
    /// [`Error::Argument`] lists the names.
    pub fn named(name: &str) -> Result<Self> {
        let (kind, depth) = match name {
            "resnet18" => (Kind::Resnet, 18),
            "resnet34" => (Kind::Resnet, 34),
            "sdnet18" => (Kind::Sdnet, 18),
            "sdnet34" => (Kind::Sdnet, 34),
            "sdnet18-all" => (Kind::SdnetAll, 18),
            "sdnet34-all" => (Kind::SdnetAll, 34),
            _ => {
                let names = "one of resnet18, resnet34, sdnet18, sdnet34, sdnet18-all, sdnet34-all";
                return Err(Error::argument("model", name, names));
            }
        };
        Ok(Self { kind, depth, ..Self::default() })
    }

    /// The name, as for [`ModelConfig::named`].
    pub fn name(&self) -> String {
        match self.kind {
            Kind::Resnet => format!("resnet{}", self.depth),
            Kind::Sdnet => format!("sdnet{}", self.depth),
            Kind::SdnetAll => format!("sdnet{}-all", self.depth),
        }
    }

    /// The network whose tensors have these shapes under the names of the published checkpoints; `shape` gives that of a name.
    /// What shapes do not say has its default: iterations, lambda and the other options of sparse coding, where only the first
    /// layer is one, that it does not repeat its signal, and the pooling of the stem.
    ///
    /// # Errors
    /// [`Error::Argument`] where the tensors are of no such network.
    pub fn of_shapes(shape: &dyn Fn(&str) -> Option<Vec<usize>>) -> Result<Self> {
        let missing = |what: &str| {
            Error::argument("model", "unknown", format!("the tensors are not those of a published network: {what}"))
        };
        let has = |name: &str| shape(name).is_some();
        let twin = has("layer0.packets.luminance.weight");
        let every = has("layer1.layers.0.conv1.dn.weight");
        let (kind, stem) = match (shape("layer0.0.dn.weight"), shape("layer0.0.weight")) {
            (Some(stem), _) => (if every { Kind::SdnetAll } else { Kind::Sdnet }, stem),
            (None, Some(stem)) => (Kind::Resnet, stem),
            (None, None) => return Err(missing("there is neither layer0.0.dn.weight nor layer0.0.weight")),
        };
        let &[learnt, channels, kernel, _] = &stem[..] else { return Err(missing("layer0.0 is no convolution")) };
        let width = if twin { learnt / 5 * 8 } else { learnt };
        // The first layer of the first stage has `width` channels, repeated.
        let repeated =
            shape("layer1.layers.0.conv1.dn.weight").and_then(|shape| shape.get(1).copied()).unwrap_or(width);
        let dictionaries = repeated / width.max(1);
        if dictionaries == 0 || dictionaries * width != repeated || !channels.is_multiple_of(dictionaries) {
            return Err(missing("the layers do not repeat their signals equally often"));
        }
        let in_channels = channels / dictionaries;
        let classes = shape("linear.bias").and_then(|shape| shape.first().copied());
        let third = if every { "layer3.layers" } else { "layer3" };
        let conv = if every { "conv1.dn.weight" } else { "conv1.weight" };
        let blocks = (0..).take_while(|block| has(&format!("{third}.{block}.{conv}"))).count();
        let depth = match blocks {
            2 => 18,
            6 => 34,
            _ => return Err(missing(&format!("{third} has {blocks} blocks, not 2 (depth 18) or 6 (depth 34)"))),
        };
        let stem = match kernel {
            7 if twin => Stem::Twin,
            3 => Stem::Cifar,
            7 => Stem::Imagenet,
            _ => return Err(missing(&format!("layer0.0 has a kernel of {kernel}, not 3 or 7 pixels"))),
        };
        let shortcut = !every || has("layer2.layers.0.shortcut.0.weight");
        let classes = classes.ok_or_else(|| missing("there is no linear.bias"))?;
        Ok(Self { kind, depth, width, in_channels, classes, stem, shortcut, dictionaries, ..Self::default() })
    }

    /// Blocks of each of the four stages.
    ///
    /// # Errors
    /// [`Error::Argument`] for a depth other than 18 or 34.
    pub fn blocks(&self) -> Result<[usize; 4]> {
        match self.depth {
            18 => Ok([2, 2, 2, 2]),
            34 => Ok([3, 4, 6, 3]),
            other => Err(Error::argument("depth", other, "must be 18 or 34")),
        }
    }

    /// Demands values within their ranges.
    ///
    /// # Errors
    /// [`Error::Argument`] names the value that is not.
    pub fn check(&self) -> Result<()> {
        self.blocks()?;
        for (name, value) in [("width", self.width), ("in_channels", self.in_channels), ("classes", self.classes)] {
            if !(1..=65_536).contains(&value) {
                return Err(Error::argument(name, value, "must be 1 to 65536"));
            }
        }
        let by_layer =
            self.layer_iterations.iter().map(|(layer, count)| ("layer-iterations", format!("{layer}={count}"), *count));
        for (name, given, count) in by_layer.chain([("iterations", self.iterations.to_string(), self.iterations)]) {
            if !(1..=10_000).contains(&count) {
                return Err(Error::argument(name, given, "must be 1 to 10000"));
            }
        }
        if let Some((layer, lambda)) =
            self.layer_lambda.iter().find(|(_, lambda)| !(lambda.is_finite() && **lambda >= 0.0))
        {
            return Err(Error::argument(
                "layer-lambda",
                format!("{layer}={lambda}"),
                "must be finite and not negative",
            ));
        }
        check_not_negative("lambda", self.lambda)?;
        check_not_negative("mu", self.mu)?;
        if !(1..=64).contains(&self.dictionaries) {
            return Err(Error::argument("n-dict", self.dictionaries, "must be 1 to 64"));
        }
        if self.max_pool && self.kind != Kind::SdnetAll {
            return Err(Error::argument("max-pool", "", "is for sdnet-all networks"));
        }
        if !self.shortcut && self.kind != Kind::SdnetAll {
            return Err(Error::argument("shortcut", false, "only sdnet-all networks can lack shortcuts"));
        }
        self.check_stem()
    }

    /// Whether the stem has a pooling: not that of small images, and not where a sparse coding layer stands in its place.
    pub fn has_pool(&self) -> bool {
        self.stem != Stem::Cifar && self.kind != Kind::SdnetAll
    }

    /// # Errors
    /// [`Error::Argument`] for a pooling of a stem that has none.
    pub(crate) fn check_pooled(&self, pool: Pool) -> Result<()> {
        if self.has_pool() {
            return Ok(());
        }
        let reason = format!("{} with the stem {} has no pooling there", self.name(), self.stem);
        Err(Error::argument("pool", pool, reason))
    }

    fn check_stem(&self) -> Result<()> {
        if self.stem == Stem::Twin && self.kind != Kind::Resnet {
            let reason = format!("is for resnet18 and resnet34, not for {}", self.name());
            return Err(Error::argument("stem", self.stem, reason));
        }
        if self.pool != Pool::default() {
            self.check_pooled(self.pool)?;
        }
        if self.stem == Stem::Imagenet && self.pool.is_modulus() {
            return Err(Error::argument("pool", self.pool, "needs the stem twin; imagenet takes rmax or blur"));
        }
        if self.stem == Stem::Twin && !self.width.is_multiple_of(8) {
            return Err(Error::argument("width", self.width, "must be a multiple of 8 with the stem twin"));
        }
        Ok(())
    }

    /// The sparse coding layer of this name, with this stride and padding.
    pub(super) fn csc(&self, name: &str, geometry: Geometry) -> CscConfig {
        CscConfig {
            geometry,
            padding_mode: self.padding_mode,
            iterations: of_layer(&self.layer_iterations, name).unwrap_or(self.iterations),
            lambda: of_layer(&self.layer_lambda, name).unwrap_or(self.lambda),
            mu: self.mu,
            non_negative: self.non_negative,
            solver: self.solver,
            root_noise: self.root_noise,
            normalize_lambda: self.normalize_lambda,
            dictionaries: self.dictionaries,
        }
    }

    /// # Errors
    /// [`Error::Argument`] for values of a layer that is not among these.
    pub(super) fn check_layers(&self, names: &[String]) -> Result<()> {
        let keys = self.layer_lambda.keys().map(|key| ("layer-lambda", key));
        let mut keys = keys.chain(self.layer_iterations.keys().map(|key| ("layer-iterations", key)));
        match keys.find(|(_, key)| !names.iter().any(|name| covers(key, name))) {
            Some((flag, key)) if names.is_empty() => {
                Err(Error::argument(flag, key, format!("{} has no sparse coding layer", self.name())))
            }
            Some((flag, key)) => {
                let reason = format!("no sparse coding layer is called so; there are {}", names.join(", "));
                Err(Error::argument(flag, key, reason))
            }
            None => Ok(()),
        }
    }
}

/// Whether a layer is the one of this name, or lies in what is called so.
fn covers(key: &str, name: &str) -> bool {
    name.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The value of the longest key that covers a layer.
fn of_layer<T: Copy>(values: &BTreeMap<String, T>, name: &str) -> Option<T> {
    let covering = values.iter().filter(|(key, _)| covers(key, name));
    covering.max_by_key(|(key, _)| key.len()).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_tensors_are_refused_by_what_is_missing() {
        let refusal = |shapes: &[(&str, &[usize])]| {
            let shape = |name: &str| shapes.iter().find(|(n, _)| *n == name).map(|(_, shape)| shape.to_vec());
            ModelConfig::of_shapes(&shape).unwrap_err().to_string()
        };
        assert!(refusal(&[]).contains("layer0.0"));
        assert!(refusal(&[("layer0.0.weight", &[4, 3, 3, 3])]).contains("0 blocks"));
    }

    #[test]
    fn the_longest_name_counts() {
        let config = ModelConfig {
            layer_lambda: [("layer1".into(), 0.2), ("layer1.layers.0".into(), 0.3)].into(),
            layer_iterations: [("layer1.layers.1.conv2".into(), 5)].into(),
            ..ModelConfig::default()
        };
        let of = |name: &str| {
            let csc = config.csc(name, Geometry::square(1, 1));
            (csc.lambda, csc.iterations)
        };
        assert_eq!(of("layer0.0"), (0.1, 2));
        assert_eq!(of("layer1.layers.0.conv2"), (0.3, 2));
        assert_eq!(of("layer1.layers.1.conv2"), (0.2, 5));
        assert_eq!(of("layer10.layers.1.conv2"), (0.1, 2));
        let names = ["layer0.0", "layer1.layers.0.conv1", "layer1.layers.1.conv2"].map(String::from);
        config.check_layers(&names).unwrap();
        let refusal = config.check_layers(&names[..1]).unwrap_err().to_string();
        assert!(refusal.contains("layer-lambda = layer1") && refusal.contains("layer0.0"), "{refusal}");
    }
}
