//! A network to be made.

use clap::Args;

use super::layers::LayerArgs;
use super::values::one_of;
use crate::error::{Error, Result};
use crate::models::{Kind, ModelConfig, Pool, Stem};

/// A network to be made.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// Network: resnet18, resnet34, sdnet18, sdnet34, sdnet18-all or sdnet34-all [default: sdnet18]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Channels of the first layer; with --stem twin, a multiple of 8 [default: 64]
    #[arg(long, value_name = "N")]
    pub width: Option<usize>,
    /// First layers of the network: cifar for images of about 32 pixels, imagenet for about 224, twin for the latter with three
    /// eighths of the channels taken from wavelet packets, which hardly move with the image (resnet networks only) [default: cifar]
    #[arg(long, value_parser = one_of::<Stem>(Stem::ALL.map(Stem::name)))]
    pub stem: Option<Stem>,
    /// Pooling of the stems imagenet and twin: rmax is max-pooling; blur is max-pooling, then a blur; cmod is the modulus of
    /// complex wavelet packets, and max-pooling for the rest (twin only); cmod-blur is the modulus, and blur for the rest
    /// (twin only) [default: rmax]
    #[arg(long, value_parser = one_of::<Pool>(Pool::ALL.map(Pool::name)))]
    pub pool: Option<Pool>,
    /// Leave out the shortcuts around blocks (sdnet-all networks only)
    #[arg(long)]
    pub no_shortcut: bool,
    /// Weight of the l1 term [default: 0.1]
    #[arg(long, value_name = "X")]
    pub lambda: Option<f32>,
    #[command(flatten)]
    pub layers: LayerArgs,
}

impl ModelArgs {
    /// A new network.
    ///
    /// # Errors
    /// [`Error::Argument`] for an unknown name, or for values of sparse coding layers where there are none.
    pub fn config(&self, in_channels: usize, classes: usize) -> Result<ModelConfig> {
        let named = ModelConfig::named(self.model.as_deref().unwrap_or("sdnet18"))?;
        self.applied_to(ModelConfig { in_channels, classes, ..named })
    }

    /// A network from a file, with other options of its sparse coding layers where the flags say so.
    ///
    /// # Errors
    /// [`Error::Argument`] for a flag that contradicts the weights, such as another width.
    pub fn applied_to_weights(&self, recorded: &ModelConfig) -> Result<ModelConfig> {
        let model = self.model.as_deref().map(ModelConfig::named).transpose()?.map(|named| named.name());
        let shortcut = |kept| if kept { "with shortcuts" } else { "without shortcuts" };
        let structure = [
            ("model", model, recorded.name()),
            ("width", self.width.map(|width| width.to_string()), recorded.width.to_string()),
            ("stem", self.stem.map(|stem| stem.to_string()), recorded.stem.to_string()),
            ("pool", self.pool.map(|pool| pool.to_string()), recorded.pool.to_string()),
            ("n-dict", self.layers.n_dict.map(|n| n.to_string()), recorded.dictionaries.to_string()),
            ("no-shortcut", self.no_shortcut.then(|| shortcut(false).into()), shortcut(recorded.shortcut).into()),
        ];
        for (flag, given, found) in structure {
            if let Some(given) = given.filter(|given| *given != found) {
                let reason = format!("in the weights it is {found}; leave the flag out");
                return Err(Error::argument(flag, given, reason));
            }
        }
        self.applied_to(recorded.clone())
    }

    /// The configuration with what the flags say of it; the name is left as it is.
    fn applied_to(&self, config: ModelConfig) -> Result<ModelConfig> {
        if let Some(lambda) = self.lambda.filter(|_| config.kind == Kind::Resnet) {
            return Err(Error::argument("lambda", lambda, format!("{} has no sparse coding layer", config.name())));
        }
        let config = self.layers.applied_to(config)?;
        let config = ModelConfig { stem: self.stem.unwrap_or(config.stem), ..config };
        self.pool.map_or(Ok(()), |pool| config.check_pooled(pool))?;
        Ok(ModelConfig {
            width: self.width.unwrap_or(config.width),
            pool: self.pool.unwrap_or(config.pool),
            shortcut: config.shortcut && !self.no_shortcut,
            lambda: self.lambda.unwrap_or(config.lambda),
            ..config
        })
    }
}
