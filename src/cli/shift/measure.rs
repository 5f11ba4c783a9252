//! `sdnet shift measure`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::images::GreyImages;
use super::learned::Learned;
use crate::checkpoint::{self, Checkpoint};
use crate::cli::args::AdapterArgs;
use crate::cli::console::{counted, note, to_csv};
use crate::cli::pictures::{Plane, planes_svg, write_svg};
use crate::error::{Error, Result};
use crate::files::{check_folder, create_dir, write_bytes};
use crate::models::Network;
use crate::shift::{Measured, Response, measured};
use crate::wavelets::{packet_frequencies, packets};

const FILES: [&str; 2] = ["measure.csv", "measure.svg"];

/// Shifts along an axis, in quarters of a pixel.
const QUARTERS: std::ops::RangeInclusive<usize> = 1..=8;

#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// Complex filters to measure: dual-tree wavelet packets, or those of a network's first layer
    #[arg(long, value_enum, default_value_t = Extractor::Dtcwpt)]
    extractor: Extractor,
    /// With --extractor dtcwpt: levels of the packets, 1 to 3 [default: 2]
    #[arg(long, value_name = "N")]
    levels: Option<usize>,
    /// With --extractor weights: weights file of the network
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Folder of photographs [default: pictures made of 64 bundled test images each]
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
    /// How many of the images are measured, in the order of their names
    #[arg(long, value_name = "N", default_value_t = 12)]
    count: usize,
    /// With --images: pixels a side of the centred square of a photograph that is measured [default: 224]
    #[arg(long, value_name = "N")]
    size: Option<usize>,
    #[command(flatten)]
    adapter: AdapterArgs,
    /// Folder for measure.csv and measure.svg
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Extractor {
    Dtcwpt,
    Weights,
}

/// A filter, and what it gives.
struct Row {
    theta: [f64; 2],
    concentration: f64,
    measured: Measured,
}

pub fn run(options: &MeasureArgs) -> Result<()> {
    check_folder(&options.out, &FILES)?;
    if options.count == 0 {
        return Err(Error::argument("count", 0, "must be at least 1"));
    }
    let Filters { all, m, cell } = filters(options)?;
    let images = match (&options.images, options.size) {
        (Some(folder), size) => match size.unwrap_or(224) {
            size @ 1..=4096 => GreyImages::below(folder, options.count, size)?,
            size => return Err(Error::argument("size", size, "must be 1 to 4096 pixels")),
        },
        (None, Some(size)) => return Err(Error::argument("size", size, "is for photographs: give --images")),
        (None, None) => GreyImages::mosaics(options.count)?,
    };
    let shifts = shifts();
    let mut rows = Vec::new();
    for (filter, theta) in &all {
        let measured = measured(&images.images, images.side, filter, m, &shifts)?;
        rows.push(Row { theta: *theta, concentration: filter.concentration(m).share, measured });
    }
    create_dir(&options.out)?;
    let [csv_file, svg_file] = FILES.map(|name| options.out.join(name));
    write_bytes(&csv_file, csv(&rows, &shifts)?.as_bytes())?;
    write_svg(&svg_file, planes_svg(&planes(&rows, &shifts, cell)))?;
    say!("{} filters, stride {m}, on {}: {}", rows.len(), counted(images.images.len(), "image"), images.name)?;
    let range = |name: &str, of: &dyn Fn(&Row) -> f64| {
        let mut all = rows.iter().map(of).collect::<Vec<_>>();
        all.sort_by(f64::total_cmp);
        say!("  {name}: {:.3} to {:.3}, median {:.3}", all[0], all[all.len() - 1], all[all.len() / 2])
    };
    range("|CMod - RMax|^2 / |CMod|^2", &|row| row.measured.error)?;
    range("RMax moved by one pixel along x", &|row| row.measured.rmax[3])?;
    range("CMod moved by one pixel along x", &|row| row.measured.cmod[3])?;
    say!("{}, {}", csv_file.display(), svg_file.display())
}

/// Filters to measure.
struct Filters {
    /// The filters with their frequencies.
    all: Vec<(Response, [f64; 2])>,
    /// Their subsampling.
    m: usize,
    /// The side of their cells in the plane of frequencies.
    cell: f64,
}

fn filters(options: &MeasureArgs) -> Result<Filters> {
    match (options.extractor, &options.weights) {
        (Extractor::Dtcwpt, None) => {
            let levels = options.levels.unwrap_or(2);
            if !(1..=3).contains(&levels) {
                return Err(Error::argument("levels", levels, "must be 1 to 3"));
            }
            let cell = std::f64::consts::PI / (1 << levels) as f64;
            let all = packets(levels).iter().map(Response::of_complex).zip(packet_frequencies(levels)).collect();
            Ok(Filters { all, m: 1 << (levels - 1), cell })
        }
        (Extractor::Weights, Some(path)) => {
            if let Some(levels) = options.levels {
                return Err(Error::argument("levels", levels, "is for --extractor dtcwpt"));
            }
            let Checkpoint { model, .. } = checkpoint::load::<Network>(path, &options.adapter.open()?, None)?;
            let learned = Learned::of(&model)?;
            learned.caution().into_iter().for_each(|text| note(format_args!("{text}")));
            let at = |filter: Response| {
                let theta = filter.concentration(learned.m).theta;
                (filter, theta)
            };
            Ok(Filters { all: learned.responses.into_iter().map(at).collect(), m: learned.m, cell: 0.14 })
        }
        (Extractor::Dtcwpt, Some(path)) => {
            Err(Error::argument("weights", path.display(), "is for --extractor weights, which is not given"))
        }
        (Extractor::Weights, None) => Err(Error::argument("extractor", "weights", "needs --weights FILE")),
    }
}

/// A quarter of a pixel to two pixels along x, then along y.
fn shifts() -> Vec<[f64; 2]> {
    let along = |x: f64, y: f64| QUARTERS.map(move |i| [x * i as f64 / 4.0, y * i as f64 / 4.0]);
    along(1.0, 0.0).chain(along(0.0, 1.0)).collect()
}

fn csv(rows: &[Row], shifts: &[[f64; 2]]) -> Result<String> {
    let header = ["filter", "theta_x", "theta_y", "concentration", "error", "shift_x", "shift_y", "rmax", "cmod"];
    let mut lines = vec![header.map(String::from).to_vec()];
    for (filter, row) in rows.iter().enumerate() {
        for (place, [x, y]) in shifts.iter().enumerate() {
            let Row { theta, concentration, measured } = row;
            let values = [
                theta[0],
                theta[1],
                *concentration,
                measured.error,
                *x,
                *y,
                measured.rmax[place],
                measured.cmod[place],
            ];
            lines.push(std::iter::once(filter.to_string()).chain(values.map(|value| value.to_string())).collect());
        }
    }
    to_csv(&lines)
}

/// The error, and how far both maps move by one pixel along either axis.
fn planes(rows: &[Row], shifts: &[[f64; 2]], cell: f64) -> Vec<Plane> {
    let plane = |title: &str, of: &dyn Fn(&Measured) -> f64| {
        let points = rows.iter().map(|row| (row.theta, of(&row.measured))).collect();
        Plane { title: title.into(), cell, points, gamma: None }
    };
    let at = |shift: [f64; 2]| shifts.iter().position(|s| *s == shift).unwrap_or_default();
    let (x, y) = (at([1.0, 0.0]), at([0.0, 1.0]));
    vec![
        plane("|CMod - RMax|^2 / |CMod|^2", &|m| m.error),
        plane("RMax moved by (1, 0)", &|m| m.rmax[x]),
        plane("RMax moved by (0, 1)", &|m| m.rmax[y]),
        plane("CMod moved by (1, 0)", &|m| m.cmod[x]),
        plane("CMod moved by (0, 1)", &|m| m.cmod[y]),
    ]
}
