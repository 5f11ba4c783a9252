//! `sdnet eval`

mod corrupted;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::args::{CorruptedArgs, InputArgs, LambdaArgs, check_batch};
use super::report::{REPORT_FILES, Tested, write_all};
use super::train::TRAINING;
use crate::checkpoint::Recipe;
use crate::data::{Dataset, Split};
use crate::error::{Error, Result};
use crate::files::check_folder;
use crate::gpu::Gpu;
use crate::layers::Pass;
use crate::metrics::Judged;
use crate::robust::{Adapted, LambdaRule};
use crate::tape::Tape;
use crate::train::{check_fit, evaluate_with};

#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    lambda: LambdaArgs,
    #[command(flatten)]
    corrupted: CorruptedArgs,
    /// Images per pass
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Folder for what else there is to say: figures.json, confusion.csv and .svg, classes.csv (precision and recall), reliability.svg
    /// (calibration), mistakes.png (the most confident ones)
    #[arg(long, value_name = "FOLDER")]
    report: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// A network that is evaluated, and how.
struct Network {
    gpu: Gpu,
    network: Adapted<crate::models::Network>,
    recipe: Recipe,
    rule: LambdaRule,
}

/// What it makes of some images.
struct Evaluated {
    judged: Judged,
    /// The mean of the lambdas that were chosen; none where each layer kept its own.
    lambda: Option<f32>,
    images_per_s: f64,
}

pub fn run(options: &EvalArgs) -> Result<()> {
    check_batch(options.batch)?;
    let input = &options.input;
    if let Some(folder) = &options.report {
        if folder.join(TRAINING).exists() {
            let reason =
                "holds a training, whose own figures would be replaced; name another folder, such as one inside it";
            return Err(Error::file(folder, reason));
        }
        check_folder(folder, &REPORT_FILES)?;
    }
    let gpu = input.adapter.open()?;
    let (network, recipe) = options.lambda.adapt.load(&input.weights, &gpu)?;
    let rule = options.lambda.rule(&network, &recipe)?;
    let network = Network { gpu, network, recipe, rule };
    match options.corrupted.chosen(&input.data.source_for(&network.recipe))? {
        Some((folder, blocks)) => corrupted::run(options, &network, &folder, &blocks),
        None => one(options, &network),
    }
}

/// Evaluates on one set of images.
fn one(options: &EvalArgs, network: &Network) -> Result<()> {
    let (input, Network { gpu, recipe, .. }) = (&options.input, network);
    let data = input.data.load_for(Split::Test, recipe)?;
    let Evaluated { judged, lambda, images_per_s } = evaluated(options, network, &data)?;
    let figures = judged.figures();
    let (loss, top1, top5, ece) = (figures.loss, figures.accuracy, figures.top5, figures.calibration.ece);
    if let Some(folder) = &options.report {
        let tested = Tested {
            weights: input.weights.path.display().to_string(),
            data: data.name.clone(),
            adapter: gpu.adapter().name.clone(),
            class_names: recipe.class_names.clone(),
            figures,
        };
        write_all(folder, &tested, &data, &judged)?;
    }
    if options.json {
        let figures = serde_json::json!({
            "weights": input.weights.path, "data": data.name, "images": data.len(),
            "rule": options.lambda.lambda, "lambda": lambda,
            "loss": loss, "top1": top1, "top5": top5, "ece": ece, "images_per_s": images_per_s, "adapter": gpu.adapter().name,
        });
        say!("{figures}")?;
    } else {
        say!(
            "{} on {} images of {}: top-1 {:.2} %, top-5 {:.2} %, loss {loss:.4}, calibration error {:.2} %, {}{images_per_s:.0} \
             images/s on {}",
            recipe.model.name(),
            data.len(),
            data.name,
            100.0 * top1,
            100.0 * top5,
            100.0 * ece,
            lambda.map_or(String::new(), |l| format!("lambda {l:.3} on average, ")),
            gpu.adapter().name,
        )?;
        if let Some(folder) = &options.report {
            say!("report {}: {}", folder.display(), REPORT_FILES.join(", "))?;
        }
    }
    Ok(())
}

/// Runs the network on these images.
fn evaluated(options: &EvalArgs, of: &Network, data: &Dataset) -> Result<Evaluated> {
    let Network { network, recipe, rule, .. } = of;
    check_fit(network.model(), data)?;
    let normalization = options.input.data.normalization(data, recipe.normalization.clone())?;
    let start = Instant::now();
    let mut lambdas = Vec::new();
    let judged = evaluate_with(data, &normalization, options.batch, &mut |images| {
        let tape = Tape::idle();
        let ready = rule.prepare(network, images, Pass::eval(&tape))?;
        lambdas.extend(ready.lambdas.iter().flatten());
        Ok(ready.scores(network)?.value().clone())
    })?;
    let images_per_s = data.len() as f64 / start.elapsed().as_secs_f64();
    Ok(Evaluated { judged, lambda: mean(&lambdas[..lambdas.len().min(data.len())]), images_per_s })
}

/// The mean of the lambdas that were chosen; none where each layer kept its own.
fn mean(lambdas: &[f32]) -> Option<f32> {
    let sum = lambdas.iter().map(|lambda| f64::from(*lambda)).sum::<f64>();
    (!lambdas.is_empty()).then(|| (sum / lambdas.len() as f64) as f32)
}
