//! The lambdas that attacks are judged at.

use super::args::{AttackArgs, AttackMode};
use crate::checkpoint::Recipe;
use crate::cli::args::{no_lambda, rule};
use crate::error::{Error, Result};
use crate::models::Network;
use crate::robust::{Adapted, LambdaRule};

/// What the lambda that a network was trained with is called.
pub const TRAINED: &str = "trained";

/// Lambdas to judge at if none are given.
const LAMBDAS: [&str; 6] = ["0.1", "0.2", "0.4", "0.6", "0.8", "1"];

/// A way to choose lambda, and its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Lambda {
    pub name: String,
    pub rule: LambdaRule,
    /// The lambda itself, if it is the same for every image.
    pub value: Option<f32>,
}

impl Lambda {
    /// The one that the network was trained with.
    fn trained(network: &Adapted<Network>) -> Self {
        let value = network.trained_lambda();
        Self { name: TRAINED.into(), rule: LambdaRule::Trained, value }
    }

    fn named(text: &str, network: &Adapted<Network>, recipe: &Recipe) -> Result<Self> {
        let rule = rule(text, network, recipe)?;
        let value = if let LambdaRule::Fixed(value) = rule { Some(value) } else { None };
        Ok(Self { name: value.map_or(text.to_owned(), |v| v.to_string()), rule, value })
    }
}

/// The lambda of `--lambda`, at which transferred attacks are made, and all lambdas to judge at.
pub struct Lambdas {
    pub own: Lambda,
    pub all: Vec<Lambda>,
}

impl Lambdas {
    /// # Errors
    /// [`crate::error::Error::Argument`] for a text that is not a lambda, or if the network has none.
    pub fn new(options: &AttackArgs, network: &Adapted<Network>, recipe: &Recipe) -> Result<Self> {
        let given = &options.lambda.lambda;
        let named = |text: &str| Lambda::named(text, network, recipe);
        if network.trained_lambda().is_none() {
            let refuse = |flag, value: &str| Err(no_lambda(network, flag, value));
            return match (&options.lambdas, given, options.mode) {
                (Some(given), ..) => refuse("lambdas", &given.join(",")),
                (_, Some(given), _) => refuse("lambda", given),
                (.., AttackMode::TransferLambda) => refuse("mode", "transfer-lambda"),
                _ => Ok(Self::of(Lambda::trained(network), Vec::new())),
            };
        }
        let own = given.as_ref().map_or(Ok(Lambda::trained(network)), |text| named(text))?;
        let others = match &options.lambdas {
            Some(texts) => texts.iter().map(|text| named(text)).collect::<Result<_>>()?,
            None => {
                let all = LAMBDAS.iter().map(|text| named(text)).collect::<Result<Vec<_>>>()?;
                all.into_iter().filter(|lambda| lambda.value != own.value).collect()
            }
        };
        let all = Self::of(own, others);
        // A recalibrated network takes the same lambda in another way: with images repaired.
        let same = |lambda: &Lambda| {
            *lambda == all.own
                || (network.recalibration().is_none() && lambda.value.is_some() && lambda.value == all.own.value)
        };
        if options.mode == AttackMode::TransferLambda && all.all.iter().all(same) {
            let reason = "is the lambda that the attack is made at: name another one to transfer it to";
            return Err(Error::argument(
                "lambdas",
                options.lambdas.iter().flatten().cloned().collect::<Vec<_>>().join(","),
                reason,
            ));
        }
        Ok(all)
    }

    /// Sorted: numbers in ascending order, then rules in the order given; each once.
    fn of(own: Lambda, others: Vec<Lambda>) -> Self {
        let mut all = std::iter::once(own.clone()).chain(others).collect::<Vec<_>>();
        all.sort_by(|a, b| a.value.unwrap_or(f32::INFINITY).total_cmp(&b.value.unwrap_or(f32::INFINITY)));
        all.dedup();
        Self { own, all }
    }
}
