//! The flags of `sdnet attack`.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::cli::args::{InputArgs, LambdaArgs, check_batch, fraction, one_of};
use crate::error::{Error, Result};
use crate::robust::attack::{AttackConfig, Ball, Method, Norm};

/// What an attack is made on, and what it is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum AttackMode {
    /// Made and judged at the same lambda: measures what the defence is worth
    Adaptive,
    /// Made at the network's own lambda, judged at others: the attacker does not know the defence
    TransferLambda,
    /// Made on the network of --source, judged at each lambda
    TransferModel,
}

#[derive(Debug, Args)]
pub struct AttackArgs {
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub lambda: LambdaArgs,
    /// Folder for figures and pictures
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Network and lambda that attacks are made on and judged by
    #[arg(long, value_enum, default_value_t = AttackMode::Adaptive)]
    pub mode: AttackMode,
    /// How to search for adversarial images
    #[arg(long, value_parser = one_of::<Method>(shown_methods()), default_value_t = Method::Pgd)]
    pub attack: Method,
    /// How to measure the size of a change
    #[arg(long, value_parser = one_of::<Norm>(shown_norms()), default_value_t = Norm::Linf)]
    pub norm: Norm,
    /// Largest changes to allow, each attacked on its own, where 1 is the range of a pixel [default: 2/255,4/255,8/255; with
    /// --norm l2 0.125,0.25,0.5]
    #[arg(long, value_name = "X[,X..]", value_delimiter = ',', value_parser = fraction)]
    pub epsilon: Option<Vec<f32>>,
    /// Lambdas to judge at, besides that of --lambda and in the same form [default: 0.1,0.2,0.4,0.6,0.8,1]
    #[arg(long, value_name = "X[,X..]", value_delimiter = ',')]
    pub lambdas: Option<Vec<String>>,
    /// PGD and auto-PGD: number of steps [default: 10]
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// PGD: length of a step [default: 2.5 epsilon / steps]
    #[arg(long, value_name = "X", value_parser = fraction)]
    pub step_size: Option<f32>,
    /// PGD and auto-PGD: number of runs per image, of which the strongest result counts [default: 1]
    #[arg(long, value_name = "N")]
    pub restarts: Option<usize>,
    /// PGD: share of the velocity that a step keeps [default: 0]
    #[arg(long, value_name = "X")]
    pub momentum: Option<f32>,
    /// PGD and auto-PGD: start at the clean images instead of random points near them
    #[arg(long)]
    pub no_random_start: bool,
    /// All attacks by gradients: number of gradients to average per step. The first is taken at the lambda that is chosen for the image,
    /// the others at lambdas that are chosen for the image with a little noise [default: 1]
    #[arg(long, value_name = "N")]
    pub draws: Option<usize>,
    /// Auto-PGD towards classes: how many of the most likely wrong classes to try, at most all [default: 9]
    #[arg(long, value_name = "N")]
    pub targets: Option<usize>,
    /// Random search: number of changes to try per image [default: three for each gradient that the attack takes]
    #[arg(long, value_name = "N")]
    pub queries: Option<usize>,
    /// Skip the random search that checks an adaptive attack for masked gradients
    #[arg(long)]
    pub no_check: bool,
    /// Weights file of the network that attacks are made on, for --mode transfer-model
    #[arg(long, value_name = "FILE")]
    pub source: Option<PathBuf>,
    /// Weights file of another network to compare with; it is attacked through its own gradients
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Number of images to attack, spread evenly over the test images
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub samples: usize,
    /// Images per pass
    #[arg(long, default_value_t = 50)]
    pub batch: usize,
    /// Seed of random starts, noise and random search
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

fn shown_methods() -> [PossibleValue; 7] {
    Method::ALL.map(|method| {
        PossibleValue::new(method.name()).help(match method {
            Method::Fgsm => "One step along the gradient",
            Method::Pgd => "Projected gradient ascent",
            Method::Apgd => "Auto-PGD: projected gradient ascent that finds its step size",
            Method::ApgdDlr => "Auto-PGD on the difference of logits ratio (three classes or more)",
            Method::ApgdTargeted => "Auto-PGD towards the most likely wrong classes, one after the other (four classes or more)",
            Method::Ensemble => "In the manner of AutoAttack: apgd, apgd-t and random, each on the images that have withstood those before",
            Method::Random => "Random search over square patches, without gradients",
        })
    })
}

fn shown_norms() -> [PossibleValue; 2] {
    Norm::ALL.map(|norm| {
        PossibleValue::new(norm.name()).help(match norm {
            Norm::Linf => "The largest change of any value",
            Norm::L2 => "The length of the change of an image",
        })
    })
}

impl AttackArgs {
    /// Demands that the flags fit together.
    ///
    /// # Errors
    /// [`Error::Argument`] for a source that the mode does not use or lacks, or if there is nothing to attack.
    pub fn check(&self) -> Result<()> {
        if let Some((flag, methods)) = self.foreign_flag() {
            return Err(Error::argument(
                flag,
                "",
                format!("is for {methods}, and has no effect with --attack {}", self.attack),
            ));
        }
        match (self.mode, &self.source) {
            (AttackMode::TransferModel, None) => Err(Error::argument(
                "source",
                "none",
                "--mode transfer-model needs the weights that attacks are made on",
            )),
            (AttackMode::Adaptive | AttackMode::TransferLambda, Some(path)) => {
                Err(Error::argument("source", path.display(), "is for --mode transfer-model"))
            }
            _ if self.samples == 0 => Err(Error::argument("samples", 0, "at least one image is needed")),
            _ => check_batch(self.batch),
        }
    }

    /// Whether a random search checks each attack.
    pub fn checks(&self) -> bool {
        self.mode == AttackMode::Adaptive && !self.no_check && !self.attack_searches()
    }

    /// Whether a random search is the attack or a part of it.
    fn attack_searches(&self) -> bool {
        matches!(self.attack, Method::Random | Method::Ensemble)
    }

    /// The first flag that the method does not use, and which methods do.
    fn foreign_flag(&self) -> Option<(&'static str, &'static str)> {
        let climbs = !matches!(self.attack, Method::Fgsm | Method::Random);
        let towards = matches!(self.attack, Method::ApgdTargeted | Method::Ensemble);
        let (pgd, differentiates) = (self.attack == Method::Pgd, self.attack != Method::Random);
        let all = "pgd, apgd, apgd-dlr, apgd-t or ensemble";
        let flags = [
            ("steps", self.steps.is_some() && !climbs, all),
            ("step-size", self.step_size.is_some() && !pgd, "pgd"),
            (
                "restarts",
                self.restarts.is_some() && (!climbs || self.attack == Method::ApgdTargeted),
                "pgd, apgd, apgd-dlr or ensemble",
            ),
            ("momentum", self.momentum.is_some() && !pgd, "pgd"),
            ("no-random-start", self.no_random_start && !climbs, all),
            ("draws", self.draws.is_some() && !differentiates, "all methods but random"),
            ("targets", self.targets.is_some() && !towards, "apgd-t or ensemble"),
            (
                "queries",
                self.queries.is_some() && !self.checks() && !self.attack_searches(),
                "random or ensemble, or a check of --mode adaptive",
            ),
            ("no-check", self.no_check && self.attack == Method::Ensemble, "attacks that a random search can check"),
        ];
        flags.into_iter().find(|(_, foreign, _)| *foreign).map(|(flag, _, methods)| (flag, methods))
    }

    /// The balls of `--epsilon`, from the smallest on, each once; never none.
    ///
    /// # Errors
    /// [`Error::Argument`] for a radius outside its range, or if none is more than zero.
    pub fn balls(&self) -> Result<Vec<Ball>> {
        let norm = self.norm;
        let default = match norm {
            Norm::Linf => [2.0, 4.0, 8.0].map(|level| level / 255.0),
            Norm::L2 => [0.125, 0.25, 0.5],
        };
        let mut radii = self.epsilon.clone().unwrap_or(default.to_vec());
        radii.iter().try_for_each(|&epsilon| Ball { norm, epsilon }.check())?;
        radii.retain(|epsilon| *epsilon > 0.0);
        radii.sort_by(f32::total_cmp);
        radii.dedup();
        if radii.is_empty() {
            return Err(Error::argument("epsilon", 0, "at least one that is not zero is needed"));
        }
        Ok(radii.into_iter().map(|epsilon| Ball { norm, epsilon }).collect())
    }

    /// The attack in this ball.
    ///
    /// # Errors
    /// [`Error::Argument`] names the value that is outside its range.
    pub fn config(&self, ball: Ball) -> Result<AttackConfig> {
        let config = AttackConfig {
            method: self.attack,
            ball,
            steps: self.steps.unwrap_or(10),
            step_size: self.step_size,
            momentum: self.momentum.unwrap_or(0.0),
            restarts: self.restarts.unwrap_or(1),
            random_start: !self.no_random_start,
            draws: self.draws.unwrap_or(1),
            targets: self.targets.unwrap_or(9),
            queries: 1,
            seed: self.seed,
        };
        let config = AttackConfig { queries: self.queries.unwrap_or(config.cost_in_queries()), ..config };
        config.check()?;
        Ok(config)
    }
}
