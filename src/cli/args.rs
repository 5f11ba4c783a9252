//! What the program may be told.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::robust::args::{LambdaArgs, RobustCommand};
use super::translate::Target;
use crate::data::DataSource;
use crate::error::Result;
use crate::gpu::{Gpu, GpuOptions};
use crate::layers::Solver;
use crate::models::{ModelConfig, Stem};
use crate::optim::RateSchedule;
use crate::robust::attack::{Method, Norm};

/// Sparse dictionary learning networks on any GPU
#[derive(Debug, Parser)]
#[command(version, args_override_self = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the adapters, their limits, and which one would be chosen
    Adapters(AdaptersArgs),
    /// Train a network
    Train(Box<TrainArgs>),
    /// Evaluate a network: loss, top-1, top-5, images a second
    Eval(EvalArgs),
    /// Compute the class scores of images in a .npy file
    Predict(PredictArgs),
    /// Choose lambda for the noise at hand, without training again
    #[command(subcommand)]
    Robust(RobustCommand),
    /// Look for adversarial images, and count how many images a network still gets right
    Attack(Box<AttackArgs>),
    /// Time layers and networks, each step to completion
    Bench(BenchArgs),
    /// Print or write the kernels, as assembled or translated
    Shaders(ShadersArgs),
}

#[derive(Debug, Args)]
pub struct AdaptersArgs {
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub adapter: AdapterArgs,
}

/// Where to compute.
#[derive(Debug, Args)]
pub struct AdapterArgs {
    /// Part of the adapter's name, or its index (see `sdnet adapters`)
    #[arg(long, value_name = "NAME|INDEX", env = "SDNET_ADAPTER")]
    pub adapter: Option<String>,
}

impl AdapterArgs {
    /// # Errors
    /// [`crate::error::Error::NoAdapter`].
    pub fn open(&self) -> Result<Gpu> {
        Gpu::open(&GpuOptions { adapter: self.adapter.clone(), ..GpuOptions::default() })
    }
}

/// Which images.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// fashion-mnist, fashion-mnist-small (the bundled subset), cifar10, cifar100, or a folder of IDX files or of
    /// class folders
    #[arg(long, value_name = "NAME|FOLDER", default_value = "fashion-mnist")]
    pub data: String,
    /// Folder that holds the files of a named data set
    #[arg(long, value_name = "FOLDER")]
    pub root: Option<PathBuf>,
    /// Subtracted from pixels in [0, 1], one number a channel or one for all
    #[arg(long, value_name = "X[,X..]", value_delimiter = ',', allow_negative_numbers = true)]
    pub mean: Option<Vec<f32>>,
    /// What pixels are then divided by
    #[arg(long, value_name = "X[,X..]", value_delimiter = ',')]
    pub std: Option<Vec<f32>>,
}

impl DataArgs {
    pub fn source(&self) -> DataSource {
        DataSource { name: self.data.clone(), root: self.root.clone() }
    }
}

/// What network.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// resnet18, resnet34, sdnet18, sdnet34, sdnet18-all, sdnet34-all
    #[arg(long, default_value = "sdnet18")]
    pub model: String,
    /// Channels of the first layer
    #[arg(long, default_value_t = 64)]
    pub width: usize,
    /// How the network begins
    #[arg(long, value_enum, default_value_t = StemName::Cifar)]
    pub stem: StemName,
    /// Blocks do not add their input (sdnet-all networks only)
    #[arg(long)]
    pub no_shortcut: bool,
    /// Iterations of every sparse coding layer
    #[arg(long, default_value_t = 2)]
    pub iterations: usize,
    /// Weight of the l1 term
    #[arg(long, default_value_t = 0.1)]
    pub lambda: f32,
    /// Weight of the elastic-net term
    #[arg(long, default_value_t = 0.0)]
    pub mu: f32,
    /// Solver of the sparse coding layers
    #[arg(long, value_enum, default_value_t = SolverName::Fista)]
    pub solver: SolverName,
}

impl ModelArgs {
    /// # Errors
    /// [`crate::error::Error::Argument`] for an unknown name.
    pub fn config(&self, in_channels: usize, classes: usize) -> Result<ModelConfig> {
        Ok(ModelConfig {
            width: self.width,
            in_channels,
            classes,
            stem: match self.stem {
                StemName::Cifar => Stem::Cifar,
                StemName::Imagenet => Stem::Imagenet,
            },
            shortcut: !self.no_shortcut,
            iterations: self.iterations,
            lambda: self.lambda,
            mu: self.mu,
            solver: match self.solver {
                SolverName::Fista => Solver::Fista,
                SolverName::Ista => Solver::Ista,
                SolverName::Published => Solver::Published,
            },
            ..ModelConfig::named(&self.model)?
        })
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum StemName {
    Cifar,
    Imagenet,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SolverName {
    Fista,
    Ista,
    Published,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ScheduleName {
    Cosine,
    Step,
}

impl From<ScheduleName> for RateSchedule {
    fn from(name: ScheduleName) -> Self {
        match name {
            ScheduleName::Cosine => RateSchedule::Cosine,
            ScheduleName::Step => RateSchedule::Step,
        }
    }
}

#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// Folder for weights, metrics and pictures
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Times that every image is seen
    #[arg(long, default_value_t = 10)]
    pub epochs: usize,
    /// Images a step
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
    /// Full learning rate
    #[arg(long, default_value_t = 0.1)]
    pub lr: f32,
    /// How the rate falls: half a cosine to zero, or to a tenth at one half and a hundredth at three quarters
    #[arg(long, value_enum, default_value_t = ScheduleName::Cosine)]
    pub schedule: ScheduleName,
    /// Share of the velocity that is kept (Nesterov)
    #[arg(long, default_value_t = 0.9)]
    pub momentum: f32,
    /// Weight decay
    #[arg(long, default_value_t = 5e-4)]
    pub weight_decay: f32,
    /// Seed of initial values, order and augmentation
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Random crops (padding 4, or 2 below 32 pixels) and horizontal flips; the default
    #[arg(long, overrides_with = "no_augment")]
    pub augment: bool,
    /// Images as they are
    #[arg(long)]
    pub no_augment: bool,
    /// The same order of images in every epoch
    #[arg(long)]
    pub no_shuffle: bool,
    /// Stop after so many steps
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Start from these weights
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// Go on with the training in the output folder, with the flags it was started with but for --steps
    #[arg(long)]
    pub resume: bool,
    /// One JSON object an epoch instead of text
    #[arg(long)]
    pub json: bool,
}

/// A weights file, and what it is where it does not say so itself.
#[derive(Debug, Args)]
pub struct WeightsArgs {
    /// Weights file (safetensors)
    #[arg(long, value_name = "FILE")]
    pub weights: PathBuf,
    /// For a file that does not describe its network: its name, as for `train`
    #[arg(long, requires = "classes")]
    pub model: Option<String>,
    /// Likewise
    #[arg(long, default_value_t = 64, requires = "model")]
    pub width: usize,
    /// Likewise
    #[arg(long, default_value_t = 3, requires = "model")]
    pub in_channels: usize,
    /// Likewise
    #[arg(long, requires = "model")]
    pub classes: Option<usize>,
    /// Likewise
    #[arg(long, value_enum, default_value_t = StemName::Cifar, requires = "model")]
    pub stem: StemName,
    /// Likewise
    #[arg(long, requires = "model")]
    pub no_shortcut: bool,
    /// Likewise
    #[arg(long, default_value_t = 2, requires = "model")]
    pub iterations: usize,
}

impl WeightsArgs {
    /// What the flags say of a foreign file, if they say anything.
    ///
    /// # Errors
    /// [`crate::error::Error::Argument`] for an unknown name.
    pub fn foreign(&self) -> Result<Option<ModelConfig>> {
        let (Some(model), Some(classes)) = (&self.model, self.classes) else { return Ok(None) };
        let like = ModelArgs {
            model: model.clone(),
            width: self.width,
            stem: self.stem,
            no_shortcut: self.no_shortcut,
            iterations: self.iterations,
            lambda: 0.1,
            mu: 0.0,
            solver: SolverName::Fista,
        };
        like.config(self.in_channels, classes).map(Some)
    }
}

#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(flatten)]
    pub weights: WeightsArgs,
    #[command(flatten)]
    pub lambda: LambdaArgs,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// Images a pass
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct PredictArgs {
    #[command(flatten)]
    pub weights: WeightsArgs,
    #[command(flatten)]
    pub lambda: LambdaArgs,
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// Images [n, channels, height, width], float32, already normalised
    #[arg(long, value_name = "FILE.npy")]
    pub input: PathBuf,
    /// Class scores [n, classes]
    #[arg(long, value_name = "FILE.npy")]
    pub output: PathBuf,
    /// Images a pass
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
}

/// What an attack is made on, and what it is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum AttackMode {
    /// Made at each lambda and judged at the same: what the defence is worth
    Adaptive,
    /// Made at the network's own lambda, judged at others: the attacker does not know the defence
    TransferLambda,
    /// Made on the network of --source, judged at each lambda
    TransferModel,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum AttackName {
    /// One step
    Fgsm,
    /// Projected gradient ascent
    Pgd,
    /// Random search over square patches, without gradients
    Random,
}

impl From<AttackName> for Method {
    fn from(name: AttackName) -> Self {
        match name {
            AttackName::Fgsm => Self::Fgsm,
            AttackName::Pgd => Self::Pgd,
            AttackName::Random => Self::Random,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum NormName {
    /// The largest change of any value
    Linf,
    /// The length of an image's change
    L2,
}

impl From<NormName> for Norm {
    fn from(name: NormName) -> Self {
        match name {
            NormName::Linf => Self::Linf,
            NormName::L2 => Self::L2,
        }
    }
}

/// A number, or a fraction such as 8/255.
fn fraction(text: &str) -> std::result::Result<f32, String> {
    let number = |part: &str| part.trim().parse::<f32>().map_err(|_| format!("{part:?} is not a number"));
    match text.split_once('/') {
        Some((top, bottom)) => Ok(number(top)? / number(bottom)?),
        None => number(text),
    }
}

#[derive(Debug, Args)]
pub struct AttackArgs {
    #[command(flatten)]
    pub weights: WeightsArgs,
    #[command(flatten)]
    pub lambda: LambdaArgs,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// Folder for figures and pictures
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// What the attack is made on, and what it is judged by
    #[arg(long, value_enum, default_value_t = AttackMode::Adaptive)]
    pub mode: AttackMode,
    /// How adversarial images are looked for
    #[arg(long, value_enum, default_value_t = AttackName::Pgd)]
    pub attack: AttackName,
    /// How the size of a change is measured
    #[arg(long, value_enum, default_value_t = NormName::Linf)]
    pub norm: NormName,
    /// Largest changes, in units of a full-scale pixel; by default 2/255, 4/255 and 8/255, or for l2 0.125, 0.25 and 0.5
    #[arg(long, value_name = "X[,X..]", value_delimiter = ',', value_parser = fraction, allow_negative_numbers = true)]
    pub epsilon: Option<Vec<f32>>,
    /// Lambdas to judge at beside that of --lambda: numbers, auto and so on, as there; by default 0.1, 0.2, 0.4, 0.6,
    /// 0.8, 1 and 1.4
    #[arg(long, value_name = "X[,X..]", value_delimiter = ',', allow_negative_numbers = true)]
    pub lambdas: Option<Vec<String>>,
    /// PGD: steps
    #[arg(long, default_value_t = 10)]
    pub steps: usize,
    /// PGD: length of a step; by default 2.5 epsilon / steps
    #[arg(long, value_name = "X", value_parser = fraction, allow_negative_numbers = true)]
    pub step_size: Option<f32>,
    /// PGD: how often to start again
    #[arg(long, default_value_t = 1)]
    pub restarts: usize,
    /// PGD: share of the velocity that is kept
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub momentum: f32,
    /// PGD: start at the clean images, not at a random point near them
    #[arg(long)]
    pub no_random_start: bool,
    /// Gradients a step averages, each at the lambda chosen for the image with a little noise
    #[arg(long, default_value_t = 1)]
    pub draws: usize,
    /// Random search: scores it asks for; by default three for each gradient that PGD takes
    #[arg(long, value_name = "N")]
    pub queries: Option<usize>,
    /// No random search beside an adaptive attack, which finds out masked gradients
    #[arg(long)]
    pub no_check: bool,
    /// Weights file of the network that --mode transfer-model makes attacks on
    #[arg(long, value_name = "FILE")]
    pub source: Option<PathBuf>,
    /// Weights file of a network to compare with, attacked through its own gradients
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Images to attack, spread evenly over the test images
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub samples: usize,
    /// Images a pass
    #[arg(long, default_value_t = 50)]
    pub batch: usize,
    /// Seed of random starts, noise and random search
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// What is done in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A layer's codes.
    Forward,
    /// A layer's codes and gradients, or a network's whole training step.
    Train,
    /// A network's class scores.
    Infer,
}

impl Mode {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Train => "train",
            Self::Infer => "infer",
        }
    }
}

#[derive(Debug, Args)]
pub struct BenchArgs {
    /// csc-a, csc-b, csc-c, csc-d, csc-28, csc-33x31, csc-c48, csc-c100, csc-k5, csc-n1, csc-n3, conv-64, conv-128,
    /// conv-256, conv-512, or a network's name
    #[arg(value_name = "CASE")]
    pub cases: Vec<String>,
    /// Images a step, in place of the case's own
    #[arg(long)]
    pub batch: Option<usize>,
    /// Steps that are timed
    #[arg(long, default_value_t = 5)]
    pub steps: usize,
    /// Only this mode
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,
    /// Also show what each kernel costs, and how near that is to what the adapter can do
    #[arg(long)]
    pub profile: bool,
    /// Compare shapes that nobody tunes for with the typical case nearest to them, per operation
    #[arg(long, conflicts_with_all = ["cases", "profile"])]
    pub untypical: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub adapter: AdapterArgs,
}

#[derive(Debug, Args)]
pub struct ShadersArgs {
    /// Folder to write one file a kernel to; without it, the kernels are printed or, where translated, only checked
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Language
    #[arg(long, value_enum, default_value_t = Target::Wgsl)]
    pub target: Target,
}
