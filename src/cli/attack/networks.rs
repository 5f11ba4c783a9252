//! The networks that take part.

use std::path::PathBuf;

use super::args::AttackArgs;
use super::lambdas::Lambda;
use crate::checkpoint::Recipe;
use crate::cli::args::check_classes;
use crate::data::{Dataset, Normalization};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{Model, Network};
use crate::robust::attack::Target;
use crate::robust::{Adapted, LambdaRule};
use crate::train::check_fit;

/// A network and its normalisation.
pub struct Victim {
    /// The name of the network, after `source` or `baseline` unless it is the target.
    pub name: String,
    pub network: Adapted<Network>,
    pub recipe: Recipe,
    normalization: Normalization,
}

impl Victim {
    fn new(
        role: &str,
        (network, recipe): (Adapted<Network>, Recipe),
        options: &AttackArgs,
        data: &Dataset,
    ) -> Result<Self> {
        check_fit(network.model(), data)?;
        let normalization = options.input.data.normalization(data, recipe.normalization.clone())?;
        Ok(Self { name: format!("{role}{}", recipe.model.name()), network, recipe, normalization })
    }

    /// The network at this lambda, to attack or to judge by.
    pub fn at(&self, lambda: &Lambda) -> Target<'_> {
        Target::new(&self.network, &self.normalization, lambda.rule)
    }

    /// The network at the lambda that it was trained with.
    pub fn as_trained(&self) -> Target<'_> {
        Target::new(&self.network, &self.normalization, LambdaRule::Trained)
    }
}

/// The network to attack, the one that transferred attacks are made on, and the one to compare with.
pub struct Networks {
    pub target: Victim,
    pub source: Option<Victim>,
    pub baseline: Option<Victim>,
}

impl Networks {
    /// # Errors
    /// Those of the files; [`crate::error::Error::Shape`] and [`crate::error::Error::Label`] if the data do not fit a network.
    pub fn load(options: &AttackArgs, gpu: &Gpu, data: &Dataset, target: (Adapted<Network>, Recipe)) -> Result<Self> {
        let beside = |role: &'static str, path: &Option<PathBuf>| {
            let load = |path: &PathBuf| {
                let (network, recipe) = Adapted::load(path, gpu, None)?;
                check_classes(role, path, &recipe, data)?;
                let [own, others] = [&target.0, &network].map(|network| network.model().classes());
                if own != others {
                    let reason = format!("has {others} classes, the network that is attacked has {own}");
                    return Err(Error::argument(role, path.display(), reason));
                }
                Victim::new(&format!("{role} "), (network, recipe), options, data)
            };
            path.as_ref().map(load).transpose()
        };
        let (source, baseline) = (beside("source", &options.source)?, beside("baseline", &options.baseline)?);
        Ok(Self { target: Victim::new("", target, options, data)?, source, baseline })
    }
}
