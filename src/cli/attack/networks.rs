//! The networks that take part.

use std::path::PathBuf;

use super::args::AttackArgs;
use super::lambdas::Lambda;
use crate::checkpoint::{self, Recipe};
use crate::data::{Dataset, Normalization};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::models::Network;
use crate::robust::LambdaRule;
use crate::robust::attack::Target;
use crate::train::check_fit;

/// A network to attack, and what it does to pixels.
pub struct Victim {
    /// The name of the network, after `source` or `baseline` unless it is the target.
    pub name: String,
    pub network: Network,
    pub recipe: Recipe,
    normalization: Normalization,
}

impl Victim {
    fn new(role: &str, (network, recipe): (Network, Recipe), options: &AttackArgs, data: &Dataset) -> Result<Self> {
        check_fit(network.config(), data)?;
        let normalization = options.input.data.normalization(data, recipe.normalization.clone())?;
        Ok(Self { name: format!("{role}{}", recipe.model.name()), network, recipe, normalization })
    }

    /// It, at this lambda.
    pub fn at(&mut self, lambda: &Lambda) -> Target<'_> {
        Target::new(&mut self.network, &self.normalization, lambda.rule)
    }

    /// It, at the lambda it was trained at.
    pub fn as_trained(&mut self) -> Target<'_> {
        Target::new(&mut self.network, &self.normalization, LambdaRule::Trained)
    }
}

/// Who is attacked, on whom attacks are made that are transferred, and who is compared with.
pub struct Networks {
    pub target: Victim,
    pub source: Option<Victim>,
    pub baseline: Option<Victim>,
}

impl Networks {
    /// # Errors
    /// Those of the files; [`crate::error::Error::Shape`] and [`crate::error::Error::Label`] where the data do not fit.
    pub fn load(options: &AttackArgs, gpu: &Gpu, data: &Dataset) -> Result<Self> {
        let beside = |role, path: &Option<PathBuf>| {
            let load = |path: &PathBuf| Victim::new(role, checkpoint::load(path, gpu, None)?, options, data);
            path.as_ref().map(load).transpose()
        };
        Ok(Self {
            target: Victim::new("", options.lambda.adapt.load(&options.input.weights, gpu)?, options, data)?,
            source: beside("source ", &options.source)?,
            baseline: beside("baseline ", &options.baseline)?,
        })
    }
}
