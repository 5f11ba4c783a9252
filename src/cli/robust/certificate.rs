//! `sdnet robust certificate`

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::{InputArgs, check_batch, fraction, no_lambda};
use crate::cli::console::{bar, counted, note, note_if_fewer, to_csv};
use crate::data::{Batch, Dataset, Normalization, Split, fill_batch};
use crate::error::{Error, Result};
use crate::files::{check_output_of, write_bytes};
use crate::gpu::Gpu;
use crate::models::Model;
use crate::robust::LambdaRule;
use crate::robust::attack::{AttackConfig, Ball, Images, Method, Norm, Target, smallest};
use crate::robust::certificate::{Certificate, Certifier};

#[derive(Debug, Args)]
pub struct CertificateArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Number of test images, spread evenly over the data set
    #[arg(long, default_value_t = 20)]
    images: usize,
    /// Lambdas to certify and to attack at [default: that of the training]
    #[arg(long, value_name = "X[,..]", value_delimiter = ',')]
    lambdas: Vec<f32>,
    /// Iterations of FISTA on the device, before the host finds the exact codes
    #[arg(long, default_value_t = 2000)]
    fista_iterations: usize,
    /// Sizes of the changes that auto-PGD may make, in the L2 norm, where 1 is the range of a pixel
    #[arg(long, value_name = "X[,X..]", value_delimiter = ',', value_parser = fraction, default_values_t = [0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0])]
    epsilon: Vec<f32>,
    /// Steps of auto-PGD for each size
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// Images per pass
    #[arg(long, default_value_t = 20)]
    batch: usize,
    /// Seed of the attack's random starts
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// File for the figures of every image
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
}

/// What is known of one image at one lambda.
struct Row {
    lambda: f32,
    image: usize,
    certificate: Option<Certificate>,
    /// The smallest of the sizes at which the attack succeeded: 0 for an image that is taken for another class anyway.
    fooled: Option<f32>,
}

pub fn run(options: &CertificateArgs) -> Result<()> {
    check_batch(options.batch)?;
    if let Some(out) = &options.out {
        check_output_of(out, &["csv"])?;
    }
    let attack = attack(options)?;
    let input = &options.input;
    let gpu = input.adapter.open()?;
    let (network, recipe) = input.weights.load(&gpu)?;
    let layer = network.model().first_sparse_layer();
    let layer = layer.ok_or_else(|| no_lambda(&network, "weights", &input.weights.path.display().to_string()))?;
    let data = input.data.load_for(Split::Test, &recipe)?;
    note_if_fewer(&data.name, data.len(), options.images, "image");
    let data = data.subset(options.images);
    if data.is_empty() {
        return Err(Error::argument("images", options.images, "at least one image is needed"));
    }
    let normalization = input.data.normalization(&data, recipe.normalization.clone())?;
    let trained = layer.config().lambda;
    let lambdas = if options.lambdas.is_empty() { vec![trained] } else { options.lambdas.clone() };
    let certifiers = lambdas.iter().map(|l| Certifier::new(layer, &normalization.std, *l, options.fista_iterations));
    let certifiers = certifiers.collect::<Result<Vec<_>>>()?;
    let coherence = certifiers.first().map_or(Ok(0.0), |c| c.coherence(data.height, data.width))?;
    say!(
        "{} of {}: the codes of {}'s first layer, after {} of FISTA and then exact; coherence of its atoms {coherence:.3}",
        counted(data.len(), "test image"),
        data.name,
        network.model().name(),
        counted(options.fista_iterations, "iteration"),
    )?;
    let bar = bar(lambdas.len());
    let mut rows = Vec::new();
    for (lambda, certifier) in lambdas.iter().zip(&certifiers) {
        let certificates = certified(certifier, &data, &normalization, &gpu, options.batch)?;
        let rule = if *lambda == trained { LambdaRule::Trained } else { LambdaRule::Fixed(*lambda) };
        let target = Target::new(&network, &normalization, rule);
        let fooled = smallest(&target, &Images::from_dataset(&data)?, &attack, &options.epsilon, options.batch)?;
        let of = |(image, (certificate, fooled))| Row { lambda: *lambda, image, certificate, fooled };
        let new = certificates.into_iter().zip(fooled).enumerate().map(of).collect::<Vec<_>>();
        bar.inc(1);
        bar.suspend(|| say!("{}", summary(*lambda, &new)))?;
        rows.extend(new);
    }
    bar.finish_and_clear();
    let without = rows.iter().filter(|row| row.certificate.is_none()).count();
    if without > 0 {
        note(format_args!(
            "note: {without} without a certificate: the codes have not converged, or several explain the image equally well; try more --fista-iterations"
        ));
    }
    match &options.out {
        Some(out) => {
            write_bytes(out, csv(&rows)?.as_bytes())?;
            say!("figures {}", out.display())
        }
        None => Ok(()),
    }
}

/// The certificates of all images, some at a time.
fn certified(
    certifier: &Certifier,
    data: &Dataset,
    normalization: &Normalization,
    gpu: &Gpu,
    batch: usize,
) -> Result<Vec<Option<Certificate>>> {
    let mut all = Vec::new();
    for chosen in (0..data.len() as u32).collect::<Vec<_>>().chunks(batch) {
        let (pixels, _) = fill_batch(data, chosen, normalization, None, 0, 0)?;
        let images = Batch::new([chosen.len(), data.height, data.width, data.channels], pixels)?;
        all.extend(certifier.certify(&images.upload(gpu)?)?);
    }
    Ok(all)
}

/// The attack, and the sizes of its changes are within their ranges.
fn attack(options: &CertificateArgs) -> Result<AttackConfig> {
    let of = |epsilon| AttackConfig {
        method: Method::Apgd,
        steps: options.steps,
        seed: options.seed,
        ball: Ball { norm: Norm::L2, epsilon },
        ..AttackConfig::default()
    };
    options.epsilon.iter().try_for_each(|epsilon| of(*epsilon).check())?;
    Ok(of(0.0))
}

fn summary(lambda: f32, rows: &[Row]) -> String {
    let of = |value: &dyn Fn(&Certificate) -> f64| {
        let mut values = rows.iter().filter_map(|row| row.certificate.as_ref()).map(value).collect::<Vec<_>>();
        values.sort_by(f64::total_cmp);
        values
    };
    let radius = |values: &[f64]| match values.last() {
        Some(largest) => format!("{:.2e}/255 (at most {:.2e}/255)", 255.0 * median(values), 255.0 * largest),
        None => "nothing".into(),
    };
    let right = rows.iter().filter(|row| row.fooled != Some(0.0));
    let mut fooled = right.map(|row| f64::from(row.fooled.unwrap_or(f32::INFINITY))).collect::<Vec<_>>();
    fooled.sort_by(f64::total_cmp);
    let fooled = match median(&fooled) {
        _ if fooled.is_empty() => "the network is right about none of the images".into(),
        size if size.is_infinite() => "auto-PGD does not fool the network in most images within what was tried".into(),
        size => format!("auto-PGD fools the network within L2 {:.1}/255", 255.0 * size),
    };
    let active = median(&of(&|c| c.support.len() as f64));
    let [l2, linf] = [radius(&of(&|c| c.l2)), radius(&of(&|c| c.linf))];
    format!(
        "lambda {lambda}, medians: {active:.0} codes are not zero; which ones is certain within L2 {l2}, L-inf {linf}; {fooled}"
    )
}

/// Of values in ascending order, the lower of the middle ones.
fn median(values: &[f64]) -> f64 {
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

fn csv(rows: &[Row]) -> Result<String> {
    let header = ["lambda", "image", "not_zero", "l2", "linf", "code", "change", "fooled_l2"].map(str::to_owned);
    let line = |row: &Row| {
        let of = |value: &dyn Fn(&Certificate) -> String| row.certificate.as_ref().map_or(String::new(), value);
        vec![
            row.lambda.to_string(),
            row.image.to_string(),
            of(&|c| c.support.len().to_string()),
            of(&|c| c.l2.to_string()),
            of(&|c| c.linf.to_string()),
            of(&|c| c.place.to_string()),
            of(&|c| if c.appears { "appears" } else { "vanishes" }.to_owned()),
            row.fooled.map_or(String::new(), |f| f.to_string()),
        ]
    };
    to_csv(&std::iter::once(header.to_vec()).chain(rows.iter().map(line)).collect::<Vec<_>>())
}
