//! `sdnet shift filters`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::images::GreyImages;
use super::learned::Learned;
use crate::cli::args::InputArgs;
use crate::cli::console::{counted, note, to_json};
use crate::cli::pictures::{Plane, planes_svg, write_svg};
use crate::data::Split;
use crate::error::{Error, Result};
use crate::files::check_output_of;
use crate::shift::{Gaussian, Response, gamma_squared, mean_spectrum, measured};

#[derive(Debug, Args)]
pub struct FiltersArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Test images to measure on
    #[arg(long, value_name = "N", default_value_t = 24)]
    images: usize,
    /// Picture to write: the filters in the plane of frequencies, on the map of gamma^2
    #[arg(long, value_name = "FILE.svg")]
    out: Option<PathBuf>,
    /// Print one JSON object a filter instead of text
    #[arg(long)]
    json: bool,
}

/// A filter in figures.
#[derive(Debug, Serialize)]
struct Filter {
    filter: usize,
    /// Characteristic frequency, x and y, in radians a pixel.
    theta: [f64; 2],
    /// Direction of the wave in degrees, from x to y.
    orientation: f64,
    /// Share of the energy within a square of side pi / m about it.
    concentration: f64,
    /// Share of the energy that the mean of its values has. Images are brighter than zero, which the model leaves out.
    mean_share: f64,
    /// `gamma_1(m theta)^2`: the paper's prediction for filters of one frequency.
    gamma_squared: f64,
    /// The paper's bound, where it says anything.
    bound: Option<f64>,
    /// Ours, for Gaussian images of the same mean spectrum.
    gaussian_model: Option<f64>,
    gaussian_shift: Option<f64>,
    /// `E |CMod - RMax|^2 / |CMod|^2` on the images, and how far both move by a shift of one pixel along x.
    measured: Option<f64>,
    measured_shift: Option<f64>,
    measured_modulus_shift: Option<f64>,
}

pub fn run(options: &FiltersArgs) -> Result<()> {
    if options.images == 0 {
        return Err(Error::argument("images", 0, "must be at least 1"));
    }
    if let Some(out) = &options.out {
        check_output_of(out, &["svg"])?;
    }
    let gpu = options.input.adapter.open()?;
    let (network, recipe) = options.input.weights.load(&gpu)?;
    let learned = Learned::of(network.model())?;
    let data = options.input.data.load_for(Split::Test, &recipe)?;
    let images = GreyImages::of(&data, options.images)?;
    let spectrum = mean_spectrum(&images.images, images.side);
    let of = |(place, response): (usize, &Response)| one(place, response, learned.m, &images, &spectrum);
    let all = learned.responses.iter().enumerate().map(of).collect::<Result<Vec<_>>>()?;
    learned.caution().into_iter().for_each(|text| note(format_args!("{text}")));
    if let Some(out) = &options.out {
        let points = |value: fn(&Filter) -> Option<f64>| {
            // What has no value is not drawn, but keeps its number.
            all.iter().map(|filter| (filter.theta, value(filter).unwrap_or(f64::NAN))).collect::<Vec<_>>()
        };
        let plane = |title: &str, value| Plane {
            title: title.into(),
            cell: 0.14,
            points: points(value),
            gamma: Some(learned.m),
        };
        let planes = [
            plane("measured |CMod - RMax|^2 / |CMod|^2", |filter| filter.measured),
            plane("predicted by the Gaussian model", |filter| filter.gaussian_model),
        ];
        write_svg(out, planes_svg(&planes))?;
    }
    if options.json {
        return all.iter().try_for_each(|filter| say!("{}", to_json(filter)?));
    }
    table(&all, &learned, &images)?;
    options.out.as_ref().map_or(Ok(()), |out| say!("picture {}", out.display()))
}

fn one(place: usize, response: &Response, m: usize, images: &GreyImages, spectrum: &[f64]) -> Result<Filter> {
    let found = response.concentration(m);
    let model = Gaussian::of(response, spectrum, m);
    // A filter that gives nothing on any of the images has no measurements.
    let measured = match model {
        Some(_) => Some(measured(&images.images, images.side, response, m, &[[1.0, 0.0]])?),
        None => None,
    };
    let theta = found.theta;
    Ok(Filter {
        filter: place,
        theta,
        orientation: theta[1].atan2(theta[0]).to_degrees(),
        concentration: found.share,
        mean_share: response.mean_share(),
        gamma_squared: gamma_squared(theta.map(|t| m as f64 * t), 1),
        bound: response.bound(m, 1),
        gaussian_model: model.map(|model| model.error),
        gaussian_shift: model.map(|model| model.rmax),
        measured: measured.as_ref().map(|m| m.error),
        measured_shift: measured.as_ref().map(|m| m.rmax[0]),
        measured_modulus_shift: measured.as_ref().map(|m| m.cmod[0]),
    })
}

fn table(all: &[Filter], learned: &Learned, images: &GreyImages) -> Result<()> {
    let what = if learned.atoms { "atoms" } else { "filters" };
    say!(
        "{} {what} of stride {}, on {} of {}",
        all.len(),
        learned.m,
        counted(images.images.len(), "image"),
        images.name
    )?;
    say!(
        "      theta x, y  direction  in pi/m    mean  gamma^2    bound    model  measured   shift: model  measured  modulus"
    )?;
    let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.4}"));
    for filter in all {
        say!(
            "{:>4} {:>5.2} {:>5.2} {:>7.0} deg {:>6.1} % {:>4.0} % {:>8.4} {:>8} {:>8} {:>9} {:>14} {:>9} {:>8}",
            filter.filter,
            filter.theta[0],
            filter.theta[1],
            filter.orientation,
            100.0 * filter.concentration,
            100.0 * filter.mean_share,
            filter.gamma_squared,
            number(filter.bound),
            number(filter.gaussian_model),
            number(filter.measured),
            number(filter.gaussian_shift),
            number(filter.measured_shift),
            number(filter.measured_modulus_shift)
        )?;
    }
    if all.iter().all(|filter| filter.bound.is_none()) {
        say!(
            "the paper's bound is 1 or more for all of them, and says nothing; the model is that of Gaussian images, and not the paper's"
        )?;
    }
    Ok(())
}
