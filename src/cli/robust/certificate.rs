//! `sdnet robust certificate`

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::{InputArgs, check_batch, fraction, no_lambda};
use crate::cli::console::{bar, counted, note_if_fewer, to_csv};
use crate::data::{Batch, Dataset, Normalization, Split, fill_batch};
use crate::error::{Error, Result};
use crate::files::{check_output_of, write_bytes};
use crate::gpu::Gpu;
use crate::models::Model;
use crate::robust::LambdaRule;
use crate::robust::attack::{AttackConfig, Ball, Images, Method, Norm, Target, smallest};
use crate::robust::certificate::{Certificate, Certifier};
use crate::train::check_fit;

#[derive(Debug, Args)]
pub struct CertificateArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Number of test images, spread evenly over the data set
    #[arg(long, value_name = "N", default_value_t = 20)]
    images: usize,
    /// Lambdas to certify and to attack at, numbers [default: that of the training]
    #[arg(long, value_name = "X[,..]", value_delimiter = ',')]
    lambdas: Vec<f32>,
    /// Iterations of FISTA on the device, before the host finds the exact codes; images whose codes are still far off have no
    /// certificate
    #[arg(long, value_name = "N", default_value_t = 2000)]
    fista_iterations: usize,
    /// Changes that auto-PGD may make, in the L2 norm, where 1 is the range of a pixel [default: 0.0625,0.125,0.25,0.5,1,2,4]
    #[arg(long, value_name = "X[,..]", value_delimiter = ',', value_parser = fraction)]
    epsilon: Vec<f32>,
    /// Steps of auto-PGD for each of these changes
    #[arg(long, value_name = "N", default_value_t = 20)]
    steps: usize,
    /// Images per pass
    #[arg(long, value_name = "N", default_value_t = 20)]
    batch: usize,
    /// Seed of the attack's random starts
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// File for the figures of every image, one a line: its index in the data set; how many codes are not zero; how far the support is
    /// certain, L2 and L-inf; the first code to change and how; the L2 change that fools the network, 0 where it is wrong already.
    /// Changes are in units of a pixel's range. An empty field: no certificate, or not fooled
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
}

/// Changes to allow if none are given.
const EPSILONS: [f32; 7] = [0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0];

/// What is known of one image at one lambda.
struct Row {
    lambda: f32,
    /// In the whole data set.
    index: usize,
    certificate: Option<Certificate>,
    /// The smallest of the sizes at which the attack succeeded: 0 for an image that is taken for another class anyway.
    fooled: Option<f32>,
}

pub fn run(options: &CertificateArgs) -> Result<()> {
    check_batch(options.batch)?;
    if let Some(out) = &options.out {
        check_output_of(out, &["csv"])?;
    }
    let epsilons = epsilons(options)?;
    let attack = AttackConfig {
        method: Method::Apgd,
        steps: options.steps,
        seed: options.seed,
        ball: Ball { norm: Norm::L2, epsilon: epsilons[0] },
        ..AttackConfig::default()
    };
    attack.check()?;
    let input = &options.input;
    let gpu = input.adapter.open()?;
    let (network, recipe) = input.weights.load(&gpu)?;
    let layer = network.model().first_sparse_layer();
    let layer = layer.ok_or_else(|| no_lambda(&network, "weights", &input.weights.path.display().to_string()))?;
    let data = input.data.load_for(Split::Test, &recipe)?;
    note_if_fewer(&data.name, data.len(), options.images, "image");
    let of_all = data.len();
    let data = data.subset(options.images);
    if data.is_empty() {
        return Err(Error::argument("images", options.images, "at least one image is needed"));
    }
    check_fit(network.model(), &data)?;
    let normalization = input.data.normalization(&data, recipe.normalization.clone())?;
    let trained = layer.config().lambda;
    let lambdas = if options.lambdas.is_empty() { vec![trained] } else { options.lambdas.clone() };
    if let Some(twice) = (1..lambdas.len()).find(|at| lambdas[..*at].contains(&lambdas[*at])) {
        return Err(Error::argument("lambdas", lambdas[twice], "is named twice"));
    }
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
    let bar = bar(lambdas.len() * data.len());
    let mut rows = Vec::new();
    for (lambda, certifier) in lambdas.iter().zip(&certifiers) {
        let certificates = certified(certifier, &data, &normalization, &gpu, options.batch, &mut || bar.inc(1))?;
        let rule = if *lambda == trained { LambdaRule::Trained } else { LambdaRule::Fixed(*lambda) };
        let target = Target::new(&network, &normalization, rule);
        let fooled = smallest(&target, &Images::from_dataset(&data)?, &attack, &epsilons, options.batch)?;
        let index = |image: usize| image * of_all / data.len();
        let of = |(image, (certificate, fooled))| Row { lambda: *lambda, index: index(image), certificate, fooled };
        let new = certificates.into_iter().zip(fooled).enumerate().map(of).collect::<Vec<_>>();
        bar.suspend(|| say!("{}", summary(*lambda, &new)))?;
        rows.extend(new);
    }
    bar.finish_and_clear();
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
    watch: &mut dyn FnMut(),
) -> Result<Vec<Option<Certificate>>> {
    let mut all = Vec::new();
    for chosen in (0..data.len() as u32).collect::<Vec<_>>().chunks(batch) {
        let (pixels, _) = fill_batch(data, chosen, normalization, None, 0, 0)?;
        let images = Batch::new([chosen.len(), data.height, data.width, data.channels], pixels)?;
        all.extend(certifier.certify(&images.upload(gpu)?, watch)?);
    }
    Ok(all)
}

/// The changes to allow; never none.
///
/// # Errors
/// [`Error::Argument`] unless they are finite and more than zero.
fn epsilons(options: &CertificateArgs) -> Result<Vec<f32>> {
    let epsilons = if options.epsilon.is_empty() { EPSILONS.to_vec() } else { options.epsilon.clone() };
    match epsilons.iter().find(|epsilon| !epsilon.is_finite() || **epsilon <= 0.0) {
        Some(bad) => {
            Err(Error::argument("epsilon", bad, "must be a finite number above 0, where 1 is the range of a pixel"))
        }
        None => Ok(epsilons),
    }
}

/// What is found at a lambda, in medians.
fn summary(lambda: f32, rows: &[Row]) -> String {
    let found = rows.iter().filter_map(|row| row.certificate.as_ref()).collect::<Vec<_>>();
    let of = |value: &dyn Fn(&Certificate) -> f64| {
        let mut values = found.iter().map(|certificate| value(certificate)).collect::<Vec<_>>();
        values.sort_by(f64::total_cmp);
        values
    };
    let radius = |values: &[f64]| {
        let largest = values.last().copied().unwrap_or_default();
        format!("{}/255 (the largest {}/255)", short(255.0 * median(values)), short(255.0 * largest))
    };
    let mut text = format!("lambda {lambda}:");
    if !found.is_empty() {
        let active = median(&of(&|c| c.support.len() as f64));
        let [l2, linf] = [radius(&of(&|c| c.l2)), radius(&of(&|c| c.linf))];
        text += &format!(
            " {active:.0} codes are not zero; they stay the same ones under changes of less than {l2} in L2, {linf} in L-inf \
             (medians of {})",
            counted(found.len(), "image")
        );
    }
    if found.len() < rows.len() {
        text += &format!(
            "\n  no certificate for {}: the codes are still far off (see --fista-iterations), or several explain the image equally well",
            counted(rows.len() - found.len(), "image")
        );
    }
    let right = rows.iter().filter(|row| row.fooled != Some(0.0));
    let mut fooled = right.map(|row| f64::from(row.fooled.unwrap_or(f32::INFINITY))).collect::<Vec<_>>();
    fooled.sort_by(f64::total_cmp);
    text += "\n  auto-PGD: ";
    text += &match median(&fooled) {
        _ if fooled.is_empty() => "the network gets none of the images right".into(),
        size if size.is_infinite() => {
            format!("most of the {} that the network gets right withstand all changes tried", fooled.len())
        }
        size => format!(
            "{}/255 in L2 fool the network in half of the {} that it gets right",
            short(255.0 * size),
            fooled.len()
        ),
    };
    text
}

/// Three digits, or all those before the point.
fn short(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { (2.0 - value.abs().log10().floor()).clamp(0.0, 12.0) as usize };
    format!("{value:.digits$}")
}

/// Of values in ascending order, the one that half of them do not exceed.
fn median(values: &[f64]) -> f64 {
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

fn csv(rows: &[Row]) -> Result<String> {
    let header = ["lambda", "index", "not_zero", "l2", "linf", "code", "change", "fooled_l2"].map(str::to_owned);
    let line = |row: &Row| {
        let of = |value: &dyn Fn(&Certificate) -> String| row.certificate.as_ref().map_or(String::new(), value);
        vec![
            row.lambda.to_string(),
            row.index.to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(l2: Option<f64>, fooled: Option<f32>) -> Row {
        let certificate =
            l2.map(|l2| Certificate { support: vec![3], l2, linf: l2 / 2.0, place: 3, appears: false, change: vec![] });
        Row { lambda: 0.1, index: 7, certificate, fooled }
    }

    #[test]
    fn images_without_a_certificate_or_a_right_class_are_told() {
        let all = summary(0.1, &[row(Some(0.01), Some(0.5)), row(Some(0.03), Some(0.0)), row(None, None)]);
        assert!(all.contains("1 codes") && all.contains("2.55/255 (the largest 7.65/255) in L2"), "{all}");
        assert!(all.contains("medians of 2 images") && all.contains("no certificate for 1 image:"), "{all}");
        assert!(all.contains("128/255 in L2 fool the network in half of the 2"), "{all}");
        let none = summary(0.1, &[row(None, Some(0.0))]);
        assert!(!none.contains("NaN") && !none.contains("codes are not zero;") && none.contains("gets none"), "{none}");
        assert!(summary(0.1, &[row(None, None)]).contains("withstand all changes tried"));
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([0.00901, 2.0, 89600.0, 0.0].map(short), ["0.00901", "2.00", "89600", "0"]);
    }
}
