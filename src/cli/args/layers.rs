//! Options of sparse coding layers.

use std::collections::BTreeMap;

use clap::Args;
use toml::Value;

use super::values::{float, one_of, shown};
use crate::error::{Error, Result};
use crate::models::{Kind, ModelConfig};
use crate::shape::PaddingMode;
use crate::solver::Solver;

/// Options of sparse coding layers.
#[derive(Debug, Default, Args)]
pub struct LayerArgs {
    /// Iterations of every sparse coding layer [default: 2]
    #[arg(long, value_name = "N")]
    pub iterations: Option<usize>,
    /// Weight of the elastic-net term [default: 0]
    #[arg(long, value_name = "X")]
    pub mu: Option<f32>,
    /// Solver of the sparse coding layers [default: fista]
    #[arg(long, value_parser = one_of::<Solver>(Solver::ALL.map(Solver::name)))]
    pub solver: Option<Solver>,
    /// Let codes be negative, too
    #[arg(long)]
    pub signed_codes: bool,
    /// Code with the data term |x - A z|, not squared
    #[arg(long)]
    pub root_noise: bool,
    /// Multiply lambda by the number of values of a layer's input over that of its codes
    #[arg(long)]
    pub normalize_lambda: bool,
    /// Copies of a layer's input along its channels, with as many times the channels in its dictionary [default: 1]
    #[arg(long, value_name = "N")]
    pub n_dict: Option<usize>,
    /// What sparse coding layers take for what lies beyond the border; other convolutions always take zeros [default: zero]
    #[arg(long, value_parser = one_of::<PaddingMode>(PaddingMode::ALL.map(PaddingMode::name)))]
    pub padding_mode: Option<PaddingMode>,
    /// Halve maps by max-pooling behind a sparse coding layer of stride 1, not by its stride (sdnet-all networks only)
    #[arg(long)]
    pub max_pool: bool,
    /// Another lambda for some sparse coding layers: those whose name begins with NAME, such as layer2 or
    /// layer1.layers.0.conv1
    #[arg(long, value_name = "NAME=X[,..]", value_delimiter = ',', value_parser = of_layer::<f32>)]
    pub layer_lambda: Vec<(String, f32)>,
    /// Other iterations for some sparse coding layers: those whose name begins with NAME, such as layer2 or
    /// layer1.layers.0.conv1
    #[arg(long, value_name = "NAME=N[,..]", value_delimiter = ',', value_parser = of_layer::<usize>)]
    pub layer_iterations: Vec<(String, usize)>,
}

/// How the sparse coding layers of a network compute: the flags and their values, as a recipe has them. None where there are no
/// such layers.
pub fn coding(model: &ModelConfig) -> Vec<(&'static str, Value)> {
    if model.kind == Kind::Resnet {
        return Vec::new();
    }
    let mut all = vec![
        ("lambda", float(model.lambda)),
        ("iterations", (model.iterations as i64).into()),
        ("mu", float(model.mu)),
        ("solver", model.solver.name().into()),
        ("signed-codes", (!model.non_negative).into()),
        ("root-noise", model.root_noise.into()),
        ("normalize-lambda", model.normalize_lambda.into()),
        ("n-dict", (model.dictionaries as i64).into()),
        ("padding-mode", model.padding_mode.name().into()),
        ("max-pool", model.max_pool.into()),
    ];
    let lambda = model.layer_lambda.iter().map(|(name, lambda)| format!("{name}={lambda}").into());
    let iterations = model.layer_iterations.iter().map(|(name, count)| format!("{name}={count}").into());
    let by_layer = [("layer-lambda", lambda.collect::<Vec<Value>>()), ("layer-iterations", iterations.collect())];
    all.extend(
        by_layer.into_iter().filter(|(_, values)| !values.is_empty()).map(|(flag, values)| (flag, values.into())),
    );
    all
}

/// The flags of [`coding`] as for a shell, each after a space: lambda, iterations, and what is not the default.
pub fn coding_flags(model: &ModelConfig) -> String {
    let usual = coding(&ModelConfig::default());
    let said = |entry: &(&str, Value)| ["lambda", "iterations"].contains(&entry.0) || !usual.contains(entry);
    let flag = |(flag, value): (&str, Value)| format!(" --{flag} {}", shown(&value)).trim_end().to_owned();
    coding(model).into_iter().filter(said).map(flag).collect()
}

/// The first flag of [`coding`] in which a network differs from another, and its value.
pub fn first_difference(model: &ModelConfig, other: &ModelConfig) -> Option<(&'static str, String)> {
    let others = coding(other);
    let (flag, value) = coding(model).into_iter().find(|entry| !others.contains(entry))?;
    Some((flag, shown(&value)))
}

/// Parses a layer's name and value.
fn of_layer<T: std::str::FromStr>(text: &str) -> std::result::Result<(String, T), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE, such as layer2=0.2")?;
    let value = value.trim().parse().map_err(|_| format!("{value:?} is no value for {name}"))?;
    Ok((name.trim().to_owned(), value))
}

impl LayerArgs {
    /// The configuration with what the flags say of it.
    ///
    /// # Errors
    /// [`Error::Argument`] for a flag of sparse coding layers where there are none, or a layer that is named twice.
    pub fn applied_to(&self, config: ModelConfig) -> Result<ModelConfig> {
        if let Some((flag, value)) = self.first_given().filter(|_| config.kind == Kind::Resnet) {
            return Err(Error::argument(flag, value, format!("{} has no sparse coding layer", config.name())));
        }
        Ok(ModelConfig {
            iterations: self.iterations.unwrap_or(config.iterations),
            mu: self.mu.unwrap_or(config.mu),
            solver: self.solver.unwrap_or(config.solver),
            non_negative: config.non_negative && !self.signed_codes,
            root_noise: config.root_noise || self.root_noise,
            normalize_lambda: config.normalize_lambda || self.normalize_lambda,
            dictionaries: self.n_dict.unwrap_or(config.dictionaries),
            padding_mode: self.padding_mode.unwrap_or(config.padding_mode),
            max_pool: config.max_pool || self.max_pool,
            layer_lambda: merged("layer-lambda", &config.layer_lambda, &self.layer_lambda)?,
            layer_iterations: merged("layer-iterations", &config.layer_iterations, &self.layer_iterations)?,
            ..config
        })
    }

    /// The first flag that is given, and its value.
    pub fn first_given(&self) -> Option<(&'static str, String)> {
        let text = |value: Option<&dyn ToString>| value.map(|value| value.to_string());
        let flag = |given: bool| given.then(String::new);
        let first = |name: Option<&String>| name.map(|name| format!("{name}=.."));
        let given = [
            ("iterations", text(self.iterations.as_ref().map(|v| v as _))),
            ("mu", text(self.mu.as_ref().map(|v| v as _))),
            ("solver", text(self.solver.as_ref().map(|v| v as _))),
            ("signed-codes", flag(self.signed_codes)),
            ("root-noise", flag(self.root_noise)),
            ("normalize-lambda", flag(self.normalize_lambda)),
            ("n-dict", text(self.n_dict.as_ref().map(|v| v as _))),
            ("padding-mode", text(self.padding_mode.as_ref().map(|v| v as _))),
            ("max-pool", flag(self.max_pool)),
            ("layer-lambda", first(self.layer_lambda.first().map(|(name, _)| name))),
            ("layer-iterations", first(self.layer_iterations.first().map(|(name, _)| name))),
        ];
        given.into_iter().find_map(|(name, value)| Some((name, value?)))
    }
}

/// The recorded values with those of the flags.
fn merged<T: Copy>(
    flag: &'static str,
    recorded: &BTreeMap<String, T>,
    given: &[(String, T)],
) -> Result<BTreeMap<String, T>> {
    let mut own = BTreeMap::new();
    for (name, value) in given {
        if own.insert(name.clone(), *value).is_some() {
            return Err(Error::argument(flag, name, "is given twice"));
        }
    }
    let mut all = recorded.clone();
    all.extend(own);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_named_once_and_override_what_is_recorded() {
        assert_eq!(of_layer::<f32>("layer2=0.5").unwrap(), ("layer2".into(), 0.5));
        assert!(of_layer::<f32>("layer2").unwrap_err().contains("NAME=VALUE"));
        assert!(of_layer::<usize>("layer2=x").unwrap_err().contains("layer2"));
        let recorded = [("layer1".to_owned(), 0.1), ("layer2".to_owned(), 0.2)].into();
        let all = merged("layer-lambda", &recorded, &[("layer2".into(), 0.5)]).unwrap();
        assert_eq!(all, [("layer1".to_owned(), 0.1), ("layer2".to_owned(), 0.5)].into());
        let twice = [("layer2".to_owned(), 0.5), ("layer2".to_owned(), 0.6)];
        assert!(merged("layer-lambda", &recorded, &twice).unwrap_err().to_string().contains("layer2"));
    }

    #[test]
    fn networks_without_sparse_coding_layers_take_none() {
        let args = LayerArgs { padding_mode: Some(PaddingMode::Circular), ..LayerArgs::default() };
        let refusal = args.applied_to(ModelConfig::named("resnet18").unwrap()).unwrap_err().to_string();
        assert!(refusal.contains("padding-mode = circular") && refusal.contains("resnet18"), "{refusal}");
    }
}
